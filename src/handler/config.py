"""What the functions are told by their environment, read once and checked together."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, TypeVar

from handler.variables import (
    AUTO,
    MEBIBYTE,
    SHORTEST_STREAM,
    read_bulk_bytes,
    read_ca_bundle,
    read_days,
    read_hours,
    read_prefix,
    read_region,
    read_replicas,
    read_service,
    read_shards,
    read_url,
)
from parser.errors import FormatError
from parser.format import DEFAULT, Formats

DEFAULT_BULK_BYTES: Final = 5 * MEBIBYTE

SECRET: Final = "OPENSEARCH_SECRET_ARN"  # noqa: S105  # a variable's name
"""Names the secret of the user as whom requests are sent, where OPENSEARCH_AUTH is basic."""

SETUP_SECRET: Final = "OPENSEARCH_SETUP_SECRET_ARN"  # noqa: S105  # a variable's name
"""Names the secret of a user who may administer the cluster; the setup function alone reads it."""

USERNAME: Final = "OPENSEARCH_USERNAME"
PASSWORD: Final = "OPENSEARCH_PASSWORD"  # noqa: S105  # a variable's name

STORED: Final = "stored"
UNPARSED: Final = "unparsed"
KEEP_MESSAGE: Final = [STORED, "indexed", UNPARSED, "always"]
"""How `@message` is kept: to be shown, or to be searched as well, or only of lines that could not be parsed.
The last is what `indexed` was called before there was `stored`: stacks of then go on with it."""

LOG_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

_USER: Final = re.compile(r"^([a-z]+://)?.*@")
"""Name and password in front of a host, which must not be repeated in a log."""


class ConfigError(ValueError):
    """The environment of the function is not usable; the text names every problem in it."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(problems))


class Auth(Enum):
    """How requests to OpenSearch say who sends them."""

    IAM = "iam"
    BASIC = "basic"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Credentials:
    """AWS credentials as Lambda puts them into the environment."""

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str | None = field(repr=False, default=None)


@dataclass(frozen=True, slots=True)
class Config:
    """All that the environment says.

    Attributes:
        url: OpenSearch, such as `https://search-x.eu-central-1.es.amazonaws.com`, without a path.
        auth: how requests are authenticated.
        service: what a signature is for: `es` (a domain) or `aoss` (a serverless collection).
        region: the AWS Region of the signature; empty where nothing is signed.
        credentials: from the environment; None where botocore shall find some that it renews.
        username, password: for basic authentication; empty where a secret names them.
        ca_bundle: a file of certificates to trust instead of the usual ones, or None.
        index_prefix: the first part of the index names.
        formats: the flow log formats of the log group.
        keep_message: whether documents of parsed lines keep `@message`.
        max_bulk_bytes: the largest request, in bytes before compression.
        log_level: the least severe level that is logged.
        failure_bucket: where failures are stored; None where Lambda's retries have to do.
        failure_kms_key: the key that encrypts stored objects; None for the one of S3.
        retention_days: how many days indices are kept; 0 for ever. A replay rejects what is older.
        search_message: whether `@message` can be searched, in the indices of days to come.
        index_shards: primary shards of each day's index.
        index_replicas: copies of each shard; None for one where there is a second node.
        own_account: the account that the stack is in; empty where that is not known.
        own_log_group: the log group that this function writes to; empty outside of Lambda.
        own_log_prefix: how the names of all log groups of the stack's own begin; empty where none is known.
        stream_hours: how long the stream that is the source keeps a record.
        warm_after_days: how many days after an index is moved to UltraWarm nodes; 0 for never.
        secret_arn: the secret that names the user, read when a request is sent; empty where no secret does.
    """

    url: str
    auth: Auth
    service: str
    region: str
    credentials: Credentials | None
    username: str
    password: str = field(repr=False)
    ca_bundle: str | None
    index_prefix: str
    formats: Formats
    keep_message: bool
    max_bulk_bytes: int
    log_level: str
    failure_bucket: str | None = None
    failure_kms_key: str | None = None
    retention_days: int = 0
    search_message: bool = False
    index_shards: int = 1
    index_replicas: int | None = None
    own_account: str = ""
    own_log_group: str = ""
    own_log_prefix: str = ""
    stream_hours: int = SHORTEST_STREAM
    warm_after_days: int = 0
    secret_arn: str = ""

    def is_own_log(self, owner: str, log_group: str) -> bool:
        """Tell whether a log group is the function's own, or that of another part of its stack.

        Args:
            owner: the account that the log group is in: another one may have any names. Where the function's
                own is not known, no name but that of its very own log group says enough.
            log_group: its name.
        """
        if not log_group or (self.own_account and owner != self.own_account):
            return False
        if self.own_account and self.own_log_prefix and log_group.startswith(self.own_log_prefix):
            return True
        return log_group == self.own_log_group

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "Config":
        """Read the configuration from an environment.

        Raises:
            ConfigError: names each variable that is missing or wrong, its value (never a secret's)
                and what is allowed.
        """
        reader = _Reader(environ)
        # Who gives a name and a password means them, whatever else a function's environment names.
        given = bool(environ.get(USERNAME) and environ.get(PASSWORD))
        secret = "" if given else environ.get(SECRET, "")
        auth = Auth(reader.choice("OPENSEARCH_AUTH", [each.value for each in Auth], default="iam"))
        config = cls(
            url=reader.read("OPENSEARCH_URL", lambda text: read_url(text, unsigned=auth is Auth.NONE)) or "",
            auth=auth,
            service=reader.read(
                "OPENSEARCH_SERVICE", lambda text: read_service(text, signed=auth is Auth.IAM), default="es"
            )
            or "",
            region=reader.required_for("AWS_REGION", auth, Auth.IAM, read_region),
            credentials=_read_credentials(environ),
            username=environ.get(USERNAME, "") if secret else reader.required_for(USERNAME, auth, Auth.BASIC),
            password=environ.get(PASSWORD, "") if secret else reader.required_for(PASSWORD, auth, Auth.BASIC),
            secret_arn=secret,
            ca_bundle=reader.optional("OPENSEARCH_CA_BUNDLE", read_ca_bundle),
            index_prefix=reader.read("INDEX_PREFIX", read_prefix, default="cwl") or "",
            formats=reader.read("LOG_FORMATS", Formats.from_text, default=DEFAULT) or Formats({}),
            keep_message=(keep := reader.choice("KEEP_MESSAGE", KEEP_MESSAGE, default=STORED)) != UNPARSED,
            search_message=keep != STORED,
            max_bulk_bytes=reader.read("MAX_BULK_BYTES", read_bulk_bytes, default=str(DEFAULT_BULK_BYTES))
            or 0,
            log_level=reader.choice("LOG_LEVEL", list(LOG_LEVELS), default="INFO"),
            failure_bucket=environ.get("FAILURE_BUCKET") or None,
            failure_kms_key=environ.get("FAILURE_KMS_KEY") or None,
            retention_days=reader.read("RETENTION_DAYS", read_days, default="0") or 0,
            index_shards=reader.read("INDEX_SHARDS", read_shards, default="1") or 1,
            index_replicas=reader.read("INDEX_REPLICAS", read_replicas, default=AUTO),
            own_account=environ.get("OWN_ACCOUNT", ""),
            own_log_group=environ.get("AWS_LAMBDA_LOG_GROUP_NAME", ""),
            own_log_prefix=environ.get("OWN_LOG_PREFIX", ""),
            stream_hours=reader.read("STREAM_HOURS", read_hours, default=str(SHORTEST_STREAM))
            or SHORTEST_STREAM,
            warm_after_days=reader.read("WARM_AFTER_DAYS", read_days, default="0") or 0,
        )
        if config.warm_after_days and 0 < config.retention_days <= config.warm_after_days:
            reader.problems.append(
                f"WARM_AFTER_DAYS is {config.warm_after_days}: it must be less than RETENTION_DAYS"
            )
        if reader.problems:
            raise ConfigError(reader.problems)
        return config


T = TypeVar("T")


class _Reader:
    """Reads variables one by one and collects what is wrong with them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[str] = []

    def read(self, name: str, convert: Callable[[str], T], default: str | None = None) -> T | None:
        text = self._environ.get(name) or default
        if text is None:
            self.problems.append(f"{name} is not set")
            return None
        try:
            return convert(text)
        except (ValueError, FormatError) as error:
            shown = _USER.sub(r"\1***@", text)
            self.problems.append(f"{name} is {shown!r}: {error}")
            return None

    def optional(self, name: str, convert: Callable[[str], T]) -> T | None:
        return self.read(name, convert) if self._environ.get(name) else None

    def choice(self, name: str, allowed: list[str], default: str) -> str:
        text = self._environ.get(name) or default
        if text in allowed:
            return text
        self.problems.append(f"{name} is {text!r}: allowed are {', '.join(allowed)}")
        return default

    def required_for(
        self, name: str, auth: Auth, needed_by: Auth, convert: Callable[[str], str] = str
    ) -> str:
        text = self._environ.get(name, "")
        if auth is not needed_by:
            return text
        if not text:
            self.problems.append(f"{name} is not set, and OPENSEARCH_AUTH={auth.value} needs it")
            return text
        return self.read(name, convert) or text


def _read_credentials(environ: Mapping[str, str]) -> Credentials | None:
    access_key = environ.get("AWS_ACCESS_KEY_ID")
    secret_key = environ.get("AWS_SECRET_ACCESS_KEY")
    if not access_key or not secret_key:
        return None
    return Credentials(access_key, secret_key, environ.get("AWS_SESSION_TOKEN") or None)
