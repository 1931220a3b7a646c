"""The Runtime API: the HTTP interface through which a Lambda function's process gets its invocations.

The process asks for the next invocation and gets an answer when there is one; it posts the result, or
the error, and asks again. See https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html.
"""

import queue
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

_NEXT: Final = "/2018-06-01/runtime/invocation/next"
_INVOCATION: Final = "/2018-06-01/runtime/invocation/"
_INIT_ERROR: Final = "/2018-06-01/runtime/init/error"


class Kind(Enum):
    """What there is to tell about the function's process."""

    READY = auto()
    """It has started and asks for its first invocation."""
    INIT_ERROR = auto()
    """It could not start; the body says why."""
    RESULT = auto()
    """The handler returned; the body is what it returned."""
    ERROR = auto()
    """The handler raised; the body describes the exception."""
    EXITED = auto()
    """It has ended."""
    TIMED_OUT = auto()
    """It said nothing in time."""


@dataclass(frozen=True, slots=True)
class Message:
    """One piece of news of the function's process, with the JSON text that it sent."""

    kind: Kind
    body: bytes = b""


class RuntimeApi:
    """A Runtime API on loopback for one process.

    Attributes:
        messages: what the process told, in order. Others may put news of the process into it.
    """

    def __init__(self) -> None:
        self.messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._invocations: queue.SimpleQueue[tuple[Mapping[str, str], bytes] | None] = queue.SimpleQueue()
        self._ready = False
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """Host and port, as AWS_LAMBDA_RUNTIME_API wants them."""
        return f"127.0.0.1:{self._server.server_port}"

    def hand_over(self, headers: Mapping[str, str], event: bytes) -> None:
        """Give the process an invocation, as soon as it asks for one."""
        self._invocations.put((headers, event))

    def wait(self, seconds: float) -> Message:
        """Return the next piece of news; TIMED_OUT when there is none within so many seconds."""
        try:
            return self.messages.get(timeout=seconds)
        except queue.Empty:
            return Message(Kind.TIMED_OUT)

    def close(self) -> None:
        """End the service. The process must have ended before."""
        self._invocations.put(None)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def next_invocation(self) -> tuple[Mapping[str, str], bytes] | None:
        """Wait for the invocation that the process asks for; None when the service ends."""
        if not self._ready:
            self._ready = True
            self.messages.put(Message(Kind.READY))
        return self._invocations.get()


class _Server(ThreadingHTTPServer):
    def __init__(self, api: RuntimeApi) -> None:
        self.api = api
        super().__init__(("127.0.0.1", 0), _Endpoints)

    def handle_error(self, request: object, client_address: object) -> None:
        """Show what went wrong, unless it is a connection that ended: the process was killed."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # typeshed knows no object


class _Endpoints(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Small answers in one packet, sent at once: otherwise each call waits 40 ms for an acknowledgement.
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def do_GET(self) -> None:
        """Answer `next`, when there is an invocation."""
        if self.path != _NEXT:
            self._reply(HTTPStatus.NOT_FOUND)
            return
        invocation = self.server.api.next_invocation()
        if invocation is None:
            self.close_connection = True
            return
        headers, event = invocation
        self._reply(HTTPStatus.OK, headers, event)

    def do_POST(self) -> None:
        """Take a result or an error."""
        body = self._read_body()
        kind = _POSTS.get(self.path.rpartition("/")[2]) if self.path.startswith(_INVOCATION) else None
        if self.path == _INIT_ERROR:
            kind = Kind.INIT_ERROR
        if kind is None:
            self._reply(HTTPStatus.NOT_FOUND)
            return
        self.server.api.messages.put(Message(kind, body))
        self._reply(HTTPStatus.ACCEPTED)

    def _reply(self, status: HTTPStatus, headers: Mapping[str, str] | None = None, body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        # The client sends errors in chunks: a line with the size in hexadecimal, the chunk, an empty line.
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name is the base class's
        """Say nothing: what counts is the function's log."""


_POSTS: Final = {"response": Kind.RESULT, "error": Kind.ERROR}
