"""An HTTP server on the loopback address that keeps what it receives, to the byte, and answers as told."""

import contextlib
import gzip
import json
import socket
import ssl
from collections import deque
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from types import TracebackType

from support.serving import Serving, Silent


@dataclass(frozen=True)
class Received:
    """One request as it came over the wire.

    Attributes:
        method: such as `POST`.
        target: path and query, not decoded.
        headers: in their order; names in lower case.
        body: not decompressed.
        peer: the port of the other side: one for each connection.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    peer: int

    def header(self, name: str) -> str:
        """Return a header that must be there exactly once."""
        (value,) = (value for each, value in self.headers if each == name)
        return value


@dataclass(frozen=True)
class Answer:
    """What the server says. A status of 0 closes the connection instead."""

    status: int = 200
    body: bytes = b"{}"
    content_type: str = "application/json; charset=UTF-8"


class Recorder(Serving):
    """The server, while it is open.

    Attributes:
        received: the requests so far.
        connections: how many connections were accepted.
        answers: what is answered to the next ones; after these, that all documents were created.
        marks: whether an answer repeats the X-Opaque-Id of its request, as OpenSearch does.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.received: list[Received] = []
        self.connections = 0
        self.open: list[socket.socket] = []
        self.marks = True
        self.answers: deque[Answer] = deque()
        super().__init__(_handler(self), tls=tls)

    def close_connections(self) -> None:
        """Close what is open, as a server does that has waited long enough."""
        while self.open:
            with contextlib.suppress(OSError):
                self.open.pop().shutdown(socket.SHUT_RDWR)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self.close_connections()


def answer_to(request: Received) -> Answer:
    """Say that each document of a bulk request was created."""
    body = gzip.decompress(request.body) if request.body else b""
    items = [{"create": {"status": 201}}] * (body.count(b"\n") // 2)
    return Answer(200, json.dumps({"errors": False, "items": items}).encode())


def _handler(recorder: Recorder) -> type[Silent]:
    class Handler(Silent, BaseHTTPRequestHandler):
        def setup(self) -> None:
            super().setup()
            recorder.connections += 1
            recorder.open.append(self.connection)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            headers = tuple((name.lower(), value) for name, value in self.headers.items())
            request = Received(self.command, self.path, headers, body, self.client_address[1])
            recorder.received.append(request)
            answer = recorder.answers.popleft() if recorder.answers else answer_to(request)
            if not answer.status:
                self.close_connection = True
                return
            self.send_response(answer.status)
            self.send_header("content-type", answer.content_type)
            self.send_header("content-length", str(len(answer.body)))
            if recorder.marks and "x-opaque-id" in self.headers:
                self.send_header("X-Opaque-Id", self.headers["x-opaque-id"])
            self.end_headers()
            self.wfile.write(answer.body)

    return Handler
