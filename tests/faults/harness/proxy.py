"""A proxy that cuts connections and lies, as a script says, between a function and what it talks to.

What becomes of one request is a `Fault`: a function that is given the `Exchange` and reads, forwards,
answers or breaks it. The script holds one for each request to come; after its end requests pass.
"""

import contextlib
import http.client
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BufferedReader
from types import TracebackType
from typing import Final, Self

from flowlogs.local.loopback import HOST

PATIENCE: Final = 60.0
"""Seconds after which the proxy itself gives up: far more than any test waits on purpose."""

_RESET: Final = struct.pack("ii", 1, 0)
"""The value of SO_LINGER with which closing a socket sends RST."""

# What belongs to one connection and not to the message.
_HOP_BY_HOP: Final = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "expect"})


class Cut(Exception):  # noqa: N818  # it ends an exchange, as a fault wants it
    """The connection to the client has been ended."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP response."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    def encode(self, *, length: int | None = None) -> bytes:
        """Return the bytes on the wire; `length` is what Content-Length says instead of the truth."""
        said = len(self.body) if length is None else length
        reason = http.client.responses.get(self.status, "Unknown")
        lines = [
            f"HTTP/1.1 {self.status} {reason}",
            *(f"{name}: {text}" for name, text in self.headers.items()),
        ]
        return "\r\n".join([*lines, f"content-length: {said}", "", ""]).encode("latin-1") + self.body


@dataclass(frozen=True, slots=True)
class Head:
    """The first part of a request."""

    method: str
    path: str
    headers: dict[str, str]

    @property
    def length(self) -> int:
        return int(self.headers.get("content-length", 0))


class Upstream:
    """The connection to the server behind, which is made when it is needed."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connection: http.client.HTTPConnection | None = None

    def forward(self, head: Head, body: bytes) -> Reply:
        """Send a request on and return the answer. Raises OSError or HTTPException where there is none."""
        if self._connection is None:
            self._connection = http.client.HTTPConnection(HOST, self._port, timeout=PATIENCE)
        headers = {name: text for name, text in head.headers.items() if name not in _HOP_BY_HOP}
        try:
            self._connection.request(head.method, head.path, body, headers)
            response = self._connection.getresponse()
            content = response.read()
        except BaseException:
            self.close()
            raise
        kept = {name: text for name, text in response.getheaders() if name.lower() not in _HOP_BY_HOP}
        return Reply(response.status, content, kept)

    def begin(self, head: Head, part: bytes) -> None:
        """Send a request's head and a part of its body, and nothing more."""
        headers = {**head.headers, "content-length": str(head.length)}
        lines = [
            f"{head.method} {head.path} HTTP/1.1",
            *(f"{name}: {text}" for name, text in headers.items()),
        ]
        with socket.create_connection((HOST, self._port), timeout=PATIENCE) as connection:
            connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + part)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Exchange:
    """One request on its way: what a fault works with."""

    def __init__(self, client: socket.socket, reader: BufferedReader, upstream: Upstream) -> None:
        self._client = client
        self._reader = reader
        self.upstream = upstream
        self.head: Head | None = None
        self._body: bytes | None = None

    def read_head(self) -> Head:
        """Read request line and headers."""
        if self.head is None:
            method, path, _ = self._reader.readline().decode("latin-1").split()
            headers = http.client.parse_headers(self._reader)
            self.head = Head(method, path, {name.lower(): text for name, text in headers.items()})
            if "expect" in self.head.headers:
                self.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return self.head

    def read_part(self) -> bytes:
        """Read the first half of the body."""
        return self._reader.read(self.read_head().length // 2)

    def read_body(self) -> bytes:
        """Read the body."""
        if self._body is None:
            self._body = self._reader.read(self.read_head().length)
        return self._body

    def forward(self, body: bytes | None = None) -> Reply:
        """Hand the request on, with another body where one is given, and return the answer to it."""
        content = self.read_body()
        return self.upstream.forward(self.read_head(), content if body is None else body)

    def answer(self, reply: Reply) -> None:
        """Answer the request; it is read first, as a server would."""
        self.read_body()
        self.write(reply.encode())

    def write(self, data: bytes) -> None:
        """Send bytes to the client as they are."""
        self._client.sendall(data)

    def reset(self) -> None:
        """End the connection as a crashed machine does."""
        self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        raise Cut

    def hang_up(self) -> None:
        """End the connection in an orderly way."""
        raise Cut

    def wait_for_client(self) -> None:
        """Say nothing until the client has lost patience and is gone."""
        with contextlib.suppress(OSError):
            while self._reader.read(65536):
                pass
        raise Cut


Fault = Callable[[Exchange], None]


def passing(exchange: Exchange) -> None:
    """No fault at all."""
    exchange.answer(exchange.forward())


class Proxy:
    """The proxy; a context manager that listens while it is open.

    Attributes:
        heads: of all requests that were read, in their order.
    """

    def __init__(self, port: int, *, of: Fault = passing) -> None:
        """Describe a proxy in front of a port of this machine; `of` is what usually happens."""
        self._upstream_port = port
        self._usual = of
        self._script: deque[Fault] = deque()
        self._listener = _bind(0)
        self.port: int = self._listener.getsockname()[1]
        self.heads: list[Head] = []
        self._clients: set[socket.socket] = set()
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def script(self, *faults: Fault) -> None:
        """Say what becomes of the next requests, one by one."""
        self._script = deque(faults)

    def always(self, fault: Fault) -> None:
        """Say what becomes of all requests, until `lift`."""
        self._usual = fault

    def lift(self) -> None:
        """Let all requests pass from now on."""
        self._script.clear()
        self._usual = passing

    @contextlib.contextmanager
    def closed(self) -> Iterator[None]:
        """Refuse connections for a while, and end those that exist."""
        self._close()
        self._listener = _bind(self.port)  # held, but not listening: nobody else gets the port
        try:
            yield
        finally:
            self._listen()

    def __enter__(self) -> Self:
        self._listen()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _listen(self) -> None:
        self._listener.listen(64)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._listener.close()
        with self._lock:
            clients = list(self._clients)
        for client in clients:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                client.settimeout(PATIENCE)
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with self._lock:
                    self._clients.add(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        upstream = Upstream(self._upstream_port)
        reader = client.makefile("rb")
        try:
            # The server behind may die at any time; its client shall see the same of it.
            with contextlib.suppress(Cut, OSError, http.client.HTTPException):
                while reader.peek(1):
                    self._handle(Exchange(client, reader, upstream))
        finally:
            with self._lock:
                self._clients.discard(client)
            upstream.close()
            with contextlib.suppress(OSError):
                reader.close()
            client.close()

    def _handle(self, exchange: Exchange) -> None:
        with self._lock:
            fault = self._script.popleft() if self._script else self._usual
        try:
            fault(exchange)
        finally:
            if exchange.head is not None:
                self.heads.append(exchange.head)


def _bind(port: int) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((HOST, port))
    return bound
