"""The user whom a secret of AWS Secrets Manager names: read when needed, kept, and read again when refused.

So no password stands in a function's environment, where everybody who may read its configuration reads it,
and one that was changed is known without an update of the stack.
"""

import json
import threading
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

CONNECT_SECONDS: Final = 1.5
READ_SECONDS: Final = 2.5
ATTEMPTS: Final = 2
"""What reading may take: with all of it a function has still the time to store what it cannot send."""

_NO_WAY: Final = (
    "is there a way to Secrets Manager? In a VPC a function needs an interface endpoint for it, or NAT"
)
_NOT_ALLOWED: Final = (
    "the role needs secretsmanager:GetSecretValue for it and, where a key of yours encrypts it, kms:Decrypt "
    "(SecretKmsKeyArn)"
)


class SecretError(Exception):
    """A secret cannot be read or used; the text says why and what helps, and quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class User:
    """Who signs in to the cluster by name and password."""

    name: str
    password: str = field(repr=False)

    @property
    def header(self) -> str:
        """The value of `Authorization` (RFC 7617, in UTF-8)."""
        return f"Basic {b64encode(f'{self.name}:{self.password}'.encode()).decode()}"


def read_user(arn: str) -> User:
    """Return the user whom a secret names.

    Args:
        arn: of a secret that holds JSON with `username` and `password`.

    Raises:
        SecretError: it cannot be read within some seconds, or holds something else.
    """
    import boto3  # slow, and needed with a secret only
    from botocore.config import Config as ClientConfig
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
    from botocore.exceptions import ConnectionError as NoConnectionError

    patience = ClientConfig(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
    )
    try:
        client = boto3.client("secretsmanager", region_name=_read_region(arn), config=patience)
        values = json.loads(client.get_secret_value(SecretId=arn)["SecretString"])
        name, password = values["username"], values["password"]
    except (NoConnectionError, HTTPClientError) as error:
        raise SecretError(f"the secret {arn} cannot be read: {error}; {_NO_WAY}") from error
    except ClientError as error:
        denied = "AccessDenied" in error.response.get("Error", {}).get("Code", "")
        hint = f"; {_NOT_ALLOWED}" if denied else ""
        raise SecretError(f"the secret {arn} cannot be read: {error}{hint}") from error
    except BotoCoreError as error:
        raise SecretError(f"the secret {arn} cannot be read: {error}") from error
    except (KeyError, TypeError, ValueError):  # the error would quote the secret
        raise SecretError(f"the secret {arn} must be JSON with username and password") from None
    if not all(isinstance(each, str) and each for each in (name, password)):
        raise SecretError(f"the secret {arn} must hold username and password as texts that are not empty")
    return User(name, password)


def _read_region(arn: str) -> str | None:
    """Return the Region in an ARN; None where it has none, and that of the environment is taken."""
    parts = arn.split(":")
    return parts[3] if len(parts) > 3 and parts[3] else None  # noqa: PLR2004  # arn:aws:secretsmanager:Region


class SecretUser:
    """Signs requests as the user whom a secret names, in the form that opensearch-py's connection calls.

    Several threads may call it at once; the secret is read by one of them.
    """

    def __init__(self, arn: str, read: Callable[[str], User] = read_user) -> None:
        """Prepare; nothing is read yet.

        Args:
            arn: of the secret.
            read: returns the user whom it names, or raises SecretError.
        """
        self._arn = arn
        self._read = read
        self._lock = threading.Lock()
        self._header = ""

    def __call__(self, method: str, url: str, body: bytes | None) -> dict[str, str]:  # noqa: ARG002  # as opensearch-py calls it
        """Return the header that signs a request. Raises SecretError."""
        with self._lock:
            if not self._header:
                self._header = self._read(self._arn).header
            return {"authorization": self._header}

    def renew(self, refused: Mapping[str, str]) -> dict[str, str]:
        """Read the secret again, where a request was answered with 401.

        Args:
            refused: the headers that were sent. Where another thread has read the secret since, that will do.

        Returns:
            The headers to send instead; none where the secret says what it said before.

        Raises:
            SecretError: it cannot be read.
        """
        with self._lock:
            if self._header == refused["authorization"]:
                self._header = self._read(self._arn).header
            changed = self._header != refused["authorization"]
            return {"authorization": self._header} if changed else {}
