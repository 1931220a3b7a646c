"""A cluster as the setup sees it: it may not be up yet, and may lack a part that others have.

Every request here may be sent twice without harm, so that faults which pass are waited for: a new
domain needs minutes until its name resolves and its security is ready.
"""

import json
import re
import time
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from opensearchpy import OpenSearch
from opensearchpy.exceptions import ConnectionError as ClientConnectionError
from opensearchpy.exceptions import OpenSearchException, SSLError
from urllib3 import Timeout

from parser.engine import OLDEST_VERSION, Engine

REQUEST_SECONDS: Final = 30.0
"""The longest wait for one answer: a new cluster is slow with its first templates and roles."""

CONNECT_SECONDS: Final = 3.0
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 10.0
"""Seconds between tries, doubled from the first to the longest."""

LONGEST_REASON: Final = 300
"""Characters."""

_COMPATIBILITY_VERSION: Final = (7, 10)
"""What OpenSearch up to 2.x shows in its compatibility mode, without its distribution."""

_VERSION: Final = re.compile(r"(\d+)\.(\d+)(?=[.-]|$)")
UNANSWERED: Final = "was not answered in time"
NOT_OPENSEARCH: Final = "what answers at OPENSEARCH_URL is not OpenSearch"
_NO_TLS: Final = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG")
"""How OpenSSL names an answer that is no TLS: each of its versions does it in another way."""

_SIGN_IN: Final = re.compile(r"'[^']*'(?= not a valid key=value pair)|Basic [A-Za-z0-9+/=]{4,}")
"""What Amazon's front quotes of a header that is no signature: a name and a password."""

_NO_ANSWER: Final = 0
_ANY_STATUS: Final = range(100, 600)
_PASSING: Final = frozenset(
    {
        _NO_ANSWER,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
_REFUSED: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_ABSENT: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED})


@dataclass(frozen=True, slots=True)
class Reply:
    """What the cluster answered.

    Attributes:
        status: the HTTP status; 0 where there was no answer.
        data: the body: decoded where it is JSON, text where not.
    """

    status: int
    data: Any

    @property
    def done(self) -> bool:
        """Whether the request was carried out."""
        return self.status in (HTTPStatus.OK, HTTPStatus.CREATED)

    @property
    def kind(self) -> str:
        """The type by which OpenSearch names its error; empty where it names none."""
        match self.data:
            case {"error": {"type": str(kind)}}:
                return kind
        return ""

    @property
    def no_such_api(self) -> bool:
        """Whether the cluster lacks the plugin that would answer, as against the thing asked for.

        OpenSearch says 400 with "no handler found", and Amazon's front end that a path "is not allowed".
        """
        text = json.dumps(self.data)
        return "is not allowed" in text or (self.status in _ABSENT and "no handler found for uri" in text)

    @property
    def reason(self) -> str:
        """What the cluster gave as its reason, short enough for a person to read, and with its status."""
        return f"{self.status or ''} {self.said}".strip()[:LONGEST_REASON]

    @property
    def said(self) -> str:
        """What the cluster gave as its reason, whole, in one line; without the sign-in that it may quote."""
        error = self.data.get("error", self.data) if isinstance(self.data, dict) else self.data
        if isinstance(error, dict):
            error = next((error[name] for name in ("reason", "message", "Message") if error.get(name)), error)
        words = error if isinstance(error, str) else json.dumps(error)
        return _SIGN_IN.sub("(a sign-in)", " ".join(words.split()))


class ClusterError(OpenSearchException):
    """The cluster does not do what it is asked; the text says what, why, and what helps.

    Attributes:
        reply: what it answered last, with status 0 where it was silent; None where the two do not come to
            speak HTTP at all, for which TLS is the reason.
    """

    def __init__(self, text: str, reply: Reply | None = None) -> None:
        self.reply = reply
        super().__init__(text)


class UnusableError(ClusterError):
    """What answers is no OpenSearch, or one that cannot be used; the text says what it is."""


class Cluster:
    """Requests to one cluster, repeated as long as the time allows."""

    def __init__(
        self,
        client: OpenSearch,
        *,
        time_left: Callable[[], float] = lambda: 0.0,
        sleep: Callable[[float], None] = time.sleep,
        shortest: float | None = None,
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            client: the connection.
            shortest: seconds that an answer is waited for at least, however little time is left; None for as
                long as a connection is.
            time_left: seconds in which requests may be repeated; where it is none, each is sent once.
            sleep: waits that many seconds.
        """
        self._connection: Any = client.transport.get_connection()
        self._time_left = time_left
        self._sleep = sleep
        self._shortest = CONNECT_SECONDS if shortest is None else shortest

    def within(self, seconds: float) -> "Cluster":
        """Return the same cluster for what must not take longer, tries included."""
        end = max(self._time_left() - seconds, 0.0)
        other = copy(self)
        other._time_left = lambda: self._time_left() - end  # noqa: SLF001  # its own class
        return other

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
        patience: float = 0.0,
    ) -> Reply:
        """Send a request until it is answered for good.

        Args:
            method: of HTTP.
            path: with its query.
            body: sent as JSON; bytes as they are.
            headers: beside the usual ones.
            patience: seconds during which a refusal (401, 403) is waited for, too: a new role is not
                known everywhere at once.

        Raises:
            ClusterError: there was no answer in time, or there is no TLS with the server.
        """
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        impatient_at = self._time_left() - patience
        pause = FIRST_PAUSE
        while True:
            reply = self._send(method, path, data, headers)
            refused = reply.status in _REFUSED and self._time_left() > impatient_at
            if not refused and reply.status not in _PASSING:
                return reply
            if self._time_left() <= pause:
                text = f"{method} {path} {UNANSWERED}; the last try: {reply.reason}"
                raise ClusterError(text, reply)
            self._sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    def demand(
        self, doing: str, method: str, path: str, body: object = None, *, patience: float = 0.0
    ) -> Any:  # noqa: ANN401  # as the cluster answers
        """Send a request that must succeed, and return what was answered.

        Raises:
            ClusterError: it did not; `doing` begins the sentence.
        """
        reply = self.request(method, path, body, patience=patience)
        if not reply.done:
            raise refuse(doing, reply)
        return reply.data

    def _send(self, method: str, path: str, data: bytes | None, headers: Mapping[str, str] | None) -> Reply:
        seconds = min(REQUEST_SECONDS, max(self._time_left(), self._shortest))
        try:
            status, _, text = self._connection.perform_request(
                method,
                path,
                body=data,
                headers=headers,
                ignore=_ANY_STATUS,
                timeout=Timeout(connect=CONNECT_SECONDS, read=seconds),
            )
        except SSLError as error:
            raise ClusterError(explain_tls(str(error.info))) from error
        except ClientConnectionError as error:
            return Reply(_NO_ANSWER, str(error.info))
        return Reply(status, decode(text))


def refuse(doing: str, reply: Reply) -> ClusterError:
    """Return the error for a reply that is no success; `doing` begins the sentence."""
    return ClusterError(f"{doing}: {reply.reason}", reply)


def explain_tls(said: str) -> str:
    """Return why there is no TLS with a server, as a sentence.

    Args:
        said: by OpenSSL, such as `[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1032)`.
    """
    if "CERTIFICATE_VERIFY_FAILED" in said:
        return f"the cluster's certificate is not trusted: {said}"
    if any(each in said for each in _NO_TLS):
        return f"what answers does not speak TLS, is it a port for plain HTTP? {said}"
    return f"TLS with the cluster fails: {said}"


def read_engine(cluster: Cluster, *, patience: float = 0.0) -> Engine:
    """Ask a cluster what it is.

    Raises:
        ClusterError: the cluster does not answer, something else does, or it cannot be used.
    """
    return recognise_engine(
        cluster.demand("the cluster's version cannot be read", "GET", "/", patience=patience)
    )


def recognise_engine(root: Any) -> Engine:  # noqa: ANN401  # as it answers
    """Return what a cluster is by its answer to `GET /`. One that hides its version is taken for the oldest.

    Raises:
        UnusableError: it is not OpenSearch that answered so, or a version that cannot be used.
    """
    match root:
        case {"version": {"number": str(number)} as version} if found := _VERSION.match(number):
            major, minor = (int(part) for part in found.groups())
        case _:
            raise UnusableError(f"{NOT_OPENSEARCH}: it shows no version")
    hidden = (major, minor) == _COMPATIBILITY_VERSION and not _is_elasticsearch(root)
    if version.get("distribution") != "opensearch" and not (hidden and "distribution" not in version):
        raise UnusableError(f"{NOT_OPENSEARCH}, but {_name_product(root)} {number}")
    engine = Engine(OLDEST_VERSION if hidden else (major, minor), shown=number)
    if engine.refusal:
        raise UnusableError(engine.refusal)
    return engine


def _name_product(root: Mapping[str, Any]) -> str:
    if _is_elasticsearch(root):
        return "Elasticsearch"
    return str(root["version"].get("distribution", "another product, version"))


def _is_elasticsearch(root: Mapping[str, Any]) -> bool:
    """Tell it by what OpenSearch has changed, and shows in its compatibility mode, too."""
    return root.get("tagline") == "You Know, for Search" or "build_flavor" in root["version"]


def decode(text: str) -> Any:  # noqa: ANN401  # as the cluster answers
    """Return what an answer holds: decoded where it is JSON, text where not."""
    try:
        return json.loads(text)
    except ValueError:
        return text
