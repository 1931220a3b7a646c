"""One request's answer over a connection: what is usual is read here, all else by the standard library."""

import re
import time
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse, IncompleteRead
from io import BufferedReader, RawIOBase
from socket import socket
from typing import Any, Final, NamedTuple

LARGEST_REPLY: Final = 32 * 1024 * 1024
"""Bytes. The largest request of which each document is refused, with its value in the reason, has less."""

_USUAL_HEAD: Final = re.compile(rb"HTTP/1\.1 ([2-5]\d\d) [^\r\n]*\r\n((?:[A-Za-z-]+: [!-~][ -~]*\r\n)*)\r\n")
_LENGTH: Final = re.compile(r"\d{1,9}", re.ASCII)


class Received(NamedTuple):
    """An answer that came whole.

    Attributes:
        status: of HTTP.
        headers: with names in small letters; of several with one name the first.
        body: as it came.
        will_close: whether the connection ends with it.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    will_close: bool


def measure_left(deadline: float) -> float:
    """Return the seconds until the deadline (of `time.monotonic`). Raises TimeoutError behind it."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def write(connection: socket, data: bytes, deadline: float) -> None:
    """Send bytes before the deadline. Raises TimeoutError behind it, OSError where the connection broke."""
    # TLS's own `sendall` would wait anew for each of its records.
    rest = memoryview(data)
    while rest:
        connection.settimeout(measure_left(deadline))
        rest = rest[connection.send(rest) :]


class _Arriving(RawIOBase):
    """What comes over a connection, until a deadline, or until it is ended."""

    def __init__(self, connection: socket, deadline: float) -> None:
        self._connection = connection
        self._deadline = deadline
        self.ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401  # the type's name is newer than Python 3.11
        if self.ended:
            return 0
        self._connection.settimeout(measure_left(self._deadline))
        return self._connection.recv_into(buffer)


class Answer(BufferedReader):
    """The answer to one request: head and body before one deadline, however slowly they come.

    Attributes:
        surplus: whether more has come than the answer, once it is read.
    """

    def __init__(self, connection: socket, deadline: float) -> None:
        self._arriving = _Arriving(connection, deadline)
        self._connection = connection
        self.surplus = False
        super().__init__(self._arriving)

    def makefile(self, _: str) -> "Answer":
        """Do for HTTPResponse what a socket does."""
        return self

    def receive(self) -> Received:
        """Read it, and any interim ones before it.

        Raises:
            TimeoutError: it was not complete in time. HTTPException: it is cut short, too large, or no
                HTTP. OSError: the connection broke.
        """
        return self._read_usual() or self._read_any()

    def _read_usual(self) -> Received | None:
        """Read an answer whose head came at once and says its length. Others stay unread, and give None.

        The standard library reads a head with its parser of mail, and costs several times as much.
        """
        head = _USUAL_HEAD.match(self.peek(1))
        if head is None:
            return None
        lines = [line.split(": ", 1) for line in head[2].decode("ascii").split("\r\n")[:-1]]
        headers = {name.lower(): value for name, value in lines}
        length, status = headers.get("content-length", ""), int(head[1])
        if (
            len(headers) < len(lines)
            or "transfer-encoding" in headers
            or headers.get("connection", "keep-alive").lower() != "keep-alive"
            or status in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
            or not _LENGTH.fullmatch(length)
            or int(length) > LARGEST_REPLY
        ):
            return None
        self.read(head.end())
        body = self.read(int(length))
        if len(body) < int(length):
            raise IncompleteRead(body, int(length) - len(body))
        self.close()
        return Received(status, headers, body, will_close=False)

    def _read_any(self) -> Received:
        with HTTPResponse(self, method="POST") as response:  # type: ignore[arg-type]  # it needs no more of a socket
            response.begin()
            while HTTPStatus.CONTINUE <= response.status < HTTPStatus.OK:
                if response.status == HTTPStatus.SWITCHING_PROTOCOLS:
                    raise HTTPException("an answer in another protocol")
                response.headers = None  # type: ignore[assignment]  # then `begin` reads the next head
                response.begin()
            reply = response.read(LARGEST_REPLY + 1)
            if len(reply) > LARGEST_REPLY:
                raise HTTPException(f"an answer of more than {LARGEST_REPLY} bytes")
            if response.length:
                raise IncompleteRead(reply, response.length)
            headers = {name.lower(): value for name, value in reversed(response.headers.items())}
            return Received(response.status, headers, reply, response.will_close)

    def close(self) -> None:
        """End the answer, where its body ends."""
        if not self.closed:
            self._arriving.ended = True
            pending = getattr(self._connection, "pending", None)  # of TLS: read, and not yet asked for
            self.surplus = bool(self.peek(1)) or bool(pending and pending())
        super().close()
