"""The way to OpenSearch: one client, one connection, bytes in and bytes out.

Bodies go through the pool of opensearch-py's connection and not through its `bulk`: they are compressed
already, a status is not an exception here, a reply may be anything (`perform_request` takes text that
is not UTF-8 for a broken connection), and what to try again is decided per event.
"""

import secrets
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.client import HTTPException
from typing import Any, Final
from urllib.parse import urlencode
from weakref import WeakSet

from opensearchpy import OpenSearch, Urllib3HttpConnection
from requests_aws4auth import AWS4Auth
from urllib3 import Timeout
from urllib3.connection import HTTPConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    SSLError,
)

from handler.answer import Answer, Received, measure_left, write
from handler.config import Auth, Config, ConfigError
from handler.secret import SecretError, SecretUser
from handler.signing import Signature, sign_with
from parser.bulk import Body
from parser.reply import FILTER_PATH

CONNECT_SECONDS: Final = 2.0
READ_SECONDS: Final = 10.0
CONNECTIONS: Final = 3
"""That stay open: as many as a replay has requests on their way. Other functions have one."""

SERVER_SECONDS: Final = 3
"""How long OpenSearch itself waits for a shard (its default is a minute); below what a delivery waits for
the smallest body, so that it says what is missing, and of which events."""

MARK: Final = "x-opaque-id"
"""The header that OpenSearch repeats in its answer, from 1.3 to 3.8 (and shows in its list of tasks)."""

_HEADERS: Final = {"content-type": "application/x-ndjson", "content-encoding": "gzip"}
_QUERY: Final = urlencode({"filter_path": FILTER_PATH, "timeout": f"{SERVER_SECONDS}s"})


class ConnectionFailedError(Exception):
    """A request got no answer. Whether OpenSearch carried it out is not known.

    Attributes:
        kind: `timeout`, `tls` or `connection`; `secret` where nobody can sign in.
    """

    def __init__(self, kind: str, reason: str) -> None:
        self.kind = kind
        super().__init__(reason)

    @property
    def broken(self) -> bool:
        """Whether the connection failed at once, as one does that was closed in the meantime."""
        return self.kind == "connection"


Send = Callable[[Body, float], tuple[int, bytes]]
"""Post one body, waiting so many seconds for the answer; return the HTTP status and the reply.
Raises ConnectionFailedError."""


def connect(config: Config) -> OpenSearch:
    """Return a client for the cluster. Nothing is sent until it is used.

    Raises:
        ConfigError: there are no AWS credentials to sign with.
    """
    options: dict[str, Any] = {}
    if config.ca_bundle is not None:
        options["ca_certs"] = config.ca_bundle
    return OpenSearch(
        hosts=[config.url],
        http_auth=_authenticate(config),
        connection_class=Urllib3HttpConnection,
        pool_maxsize=CONNECTIONS,
        max_retries=0,
        timeout=Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
        **options,
    )


def sender(client: OpenSearch, warn: Callable[[str], None] = lambda _: None) -> Send:
    """Return the function that posts bulk bodies through the client's connection.

    The connection is urllib3's, as opensearch-py has set it up: certificates, reuse, renewal after it was
    closed. What goes through it is one write, and the answer is read by `handler.answer`: urllib3 limits each
    look at the socket and not the answer, takes an interim answer for the real one, and what it does besides
    (redirects, retries, decoding, looking at each header again) is not wanted here.

    Several threads may call the function at once: each call has a connection to itself.

    Args:
        client: as `connect` returns it.
        warn: is told once where answers cannot be known by their mark.
    """
    connection: Any = client.transport.get_connection()
    pool = connection.pool
    host = AWS4Auth.get_host_header(connection.host)  # it is signed as it is sent
    usual = {"host": host, "accept-encoding": "identity", **connection.headers, **_HEADERS}
    marks = _Marks(warn)
    signing = threading.Lock()  # a signer changes itself at midnight

    def post(body: Body, path: str, signature: Mapping[str, str], seconds: float) -> tuple[int, bytes]:
        deadline = time.monotonic() + seconds
        mark = f"flowlogs-{secrets.token_hex(8)}"
        headers = {**usual, "content-length": str(len(body.data)), MARK: mark, **signature}
        request = _write_head(path, headers) + body.data
        http = pool._get_conn()  # noqa: SLF001  # urllib3 lends a connection under no public name
        try:
            if http.sock is None:
                http.timeout = min(CONNECT_SECONDS, measure_left(deadline))
                http.connect()
                marks.forget(http)
            write(http.sock, request, deadline)
            answer = Answer(http.sock, deadline)
            received = answer.receive()
            marks.check(received, mark, http)
        except TimeoutError as error:
            http.close()
            raise ConnectionFailedError("timeout", f"Read timed out after {seconds:.1f} seconds") from error
        except (HTTPError, HTTPException, OSError) as error:
            http.close()
            raise ConnectionFailedError(_name_failure(error), str(error)) from error
        else:
            # More may follow a refusal, which the next request would take for its answer.
            if received.will_close or received.status != HTTPStatus.OK or answer.surplus:
                http.close()
            return received.status, received.body
        finally:
            pool._put_conn(http)  # noqa: SLF001  # and takes it back

    def send(body: Body, seconds: float) -> tuple[int, bytes]:
        path = f"/{body.index}/_bulk?{_QUERY}"
        signature = _sign(connection.http_auth, signing, connection.host + path, body.data)
        status, reply = post(body, path, signature, seconds)
        # The password may have been changed since the secret was read.
        if status == HTTPStatus.UNAUTHORIZED and (renewed := _renew(connection.http_auth, signature)):
            status, reply = post(body, path, renewed, seconds)
        return status, reply

    return send


def _sign(auth: object, lock: threading.Lock, url: str, body: bytes) -> dict[str, str]:
    """Return the headers that sign a request, where its connection has not got them already.

    Raises:
        ConnectionFailedError: the secret that names the user cannot be read.
    """
    if not callable(auth):
        return {}
    try:
        with lock:
            signed: dict[str, str] = auth("POST", url, body)
    except SecretError as error:
        raise ConnectionFailedError("secret", str(error)) from error
    return signed


def _renew(auth: object, signature: Mapping[str, str]) -> dict[str, str]:
    """Return other headers for a request that was answered with 401; none where there are no others.

    Raises:
        ConnectionFailedError: the secret that names the user cannot be read.
    """
    if not isinstance(auth, SecretUser):
        return {}
    try:
        return auth.renew(signature)
    except SecretError as error:
        raise ConnectionFailedError("secret", str(error)) from error


class _Marks:
    """What is known of the marks of answers: OpenSearch repeats that of the request.

    So an answer too many, to whatever it was, is not taken for that of the next request.
    """

    def __init__(self, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._repeating: WeakSet[HTTPConnection] = WeakSet()
        self._warned = False

    def forget(self, connection: HTTPConnection) -> None:
        """Begin anew with a connection, which is new."""
        self._repeating.discard(connection)

    def check(self, received: Received, mark: str, connection: HTTPConnection) -> None:
        """Compare an answer's mark with the request's.

        What stands in between may refuse a request by itself, without a mark. Where that means another try,
        it is believed. Any other answer without one is not, where the connection's answers had marks before:
        on a new connection, where nothing can be too many, it is.

        Raises:
            HTTPException: it is not the answer to this request, or not for certain.
        """
        found = received.headers.get(MARK)
        if found is None:
            if connection in self._repeating and not _means_later(received.status):
                raise HTTPException("an answer without the request's mark, which those before it had")
            if received.status == HTTPStatus.OK and not self._warned:
                self._warned = True
                self._warn(f"what stands before OpenSearch does not pass {MARK} on")
        else:
            if found != mark:
                raise HTTPException("an answer to another request")
            self._repeating.add(connection)


def _means_later(status: int) -> bool:
    return status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR


def _write_head(path: str, headers: Mapping[str, str]) -> bytes:
    """Return what stands before a request's body.

    Raises:
        ValueError: a header would be more than one, or is not ASCII.
    """
    lines = [f"POST {path} HTTP/1.1", *[f"{name}: {value}" for name, value in headers.items()]]
    head = "\r\n".join(lines)
    if head.count("\n") != len(headers) or head.count("\r") != len(headers):
        raise ValueError("a header of the request holds a line end")
    return head.encode("ascii") + b"\r\n\r\n"


def _name_failure(error: Exception) -> str:
    if isinstance(error, (SSLError, ssl.SSLError)):
        return "tls"
    # urllib3 derives NewConnectionError (refused, no such name) from its timeout.
    slow = isinstance(error, ConnectTimeoutError) and not isinstance(error, NewConnectionError)
    return "timeout" if slow else "connection"


def _authenticate(config: Config) -> Signature | tuple[str, str] | None:
    match config.auth:
        case Auth.IAM:
            return sign_with(_signer(config))
        case Auth.BASIC if config.secret_arn:
            return SecretUser(config.secret_arn)
        case Auth.BASIC:
            return (config.username, config.password)
        case Auth.NONE:
            return None


def _signer(config: Config) -> AWS4Auth:
    """Return a signer: of Lambda's credentials, or elsewhere of some that are renewed in time."""
    if config.credentials is not None:
        mine = config.credentials
        return AWS4Auth(
            mine.access_key, mine.secret_key, config.region, config.service, session_token=mine.session_token
        )
    import botocore.session  # slow, and never needed in Lambda

    credentials = botocore.session.get_session().get_credentials()
    if credentials is None:
        raise ConfigError(["no AWS credentials are found, and OPENSEARCH_AUTH=iam needs them"])
    return AWS4Auth(refreshable_credentials=credentials, region=config.region, service=config.service)
