"""An answer belongs to its request, and has one limit of time and size: whatever bytes a server writes."""

import contextlib
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import Final

import pytest
import trustme

from flowlogs.local.embedded import Embedded
from handler import answer
from handler.config import Config
from handler.delivery import Delivery
from handler.opensearch import ConnectionFailedError, Send, connect, sender
from parser.bulk import Body, Encoder, Part, encode
from parser.format import DEFAULT, Formats
from parser.subscription import Event, Subscription

EVENTS: Final = (Event("1", 1_768_478_400_000, "no flow log"),)
OURS: Final = b'{"errors":false,"items":[{"create":{"status":201}}]}'
STRAY: Final = b'{"errors":false,"items":[{"create":{"status":201}},{"create":{"status":201}}]}'

Write = Callable[[bytes], None]
Script = Callable[[int, bytes, Write], None]
"""What a server does with a request: its number on the connection, its mark, and how to write."""


def make_body() -> Body:
    subscription = Subscription(owner="1", log_group="flows", log_stream="eni-all", events=EVENTS)
    (body,) = encode(
        subscription, Formats.from_text(DEFAULT), prefix="cwl", max_bytes=5_000_000, keep_message=True
    )
    return body


def write_answer(mark: bytes | None, body: bytes = OURS, status: bytes = b"200 OK") -> bytes:
    marked = b"" if mark is None else b"X-Opaque-Id: %s\r\n" % mark
    return b"HTTP/1.1 %s\r\n%scontent-length: %d\r\n\r\n%s" % (status, marked, len(body), body)


@dataclass
class Server:
    """A server that runs a script for each request.

    Attributes:
        url: its address.
        connections: how many were made.
        marks: of all requests.
    """

    script: Script
    tls: ssl.SSLContext | None = None
    connections: int = 0
    marks: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}" if self.tls is None else f"https://localhost:{port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        client.settimeout(30)
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            stack.callback(client.close)
            if self.tls is not None:
                client = stack.enter_context(self.tls.wrap_socket(client, server_side=True))
            reader = stack.enter_context(client.makefile("rb"))
            number = 0
            while mark := self._read(reader):
                number += 1
                self.script(number, mark, client.sendall)

    def _read(self, reader: BufferedReader) -> bytes | None:
        head = b""
        while line := reader.readline():
            head += line
            if line == b"\r\n":
                reader.read(int(re.search(rb"content-length: (\d+)", head)[1]))  # type: ignore[index]  # it is there
                mark: bytes = re.search(rb"x-opaque-id: (\S+)", head)[1]  # type: ignore[index]  # it is there
                self.marks.append(mark)
                return mark
        return None


Serve = Callable[[Script], tuple[Server, Send]]


@pytest.fixture
def warned() -> list[str]:
    """Return what the sender warned of."""
    return []


@pytest.fixture(params=["plain", "TLS"])
def serve(
    request: pytest.FixtureRequest, authority: trustme.CA, tmp_path: Path, warned: list[str]
) -> Iterator[Serve]:
    """Give a function that starts a server, without TLS and with it, and a way to send to it."""
    with contextlib.ExitStack() as stack:

        def start(script: Script) -> tuple[Server, Send]:
            environ = {"OPENSEARCH_AUTH": "none"}
            tls = None
            if request.param == "TLS":
                tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                authority.issue_cert("localhost").configure_cert(tls)
                authority.cert_pem.write_to_path(tmp_path / "ca.pem")
                environ["OPENSEARCH_CA_BUNDLE"] = str(tmp_path / "ca.pem")
            server = Server(script, tls)
            stack.callback(server.close)
            client = connect(Config.from_environ({**environ, "OPENSEARCH_URL": server.url}))
            stack.callback(client.close)
            return server, sender(client, warned.append)

        yield start


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Return a certificate authority."""
    return trustme.CA()


def expect_failure(send: Send, reason: str, *, kind: str = "connection", seconds: float = 5.0) -> None:
    with pytest.raises(ConnectionFailedError, match=reason) as caught:
        send(make_body(), seconds)
    assert caught.value.kind == kind


def test_each_request_has_a_mark_of_its_own(serve: Serve, warned: list[str]) -> None:
    server, send = serve(lambda _, mark, write: write(write_answer(mark)))

    assert [send(make_body(), 5.0) for _ in range(3)] == [(200, OURS)] * 3
    assert len(set(server.marks)) == 3
    assert (server.connections, warned) == (1, [])


def test_an_answer_too_many_is_not_taken_for_that_of_the_next_request(serve: Serve) -> None:
    """It comes when the next request has begun, so that no look at the socket before it can see it."""
    marks: list[bytes] = []

    def answer_late(number: int, mark: bytes, write: Write) -> None:
        marks.append(mark)
        write(write_answer(mark) if number == 1 else write_answer(marks[0], STRAY))

    server, send = serve(answer_late)

    assert send(make_body(), 5.0) == (200, OURS)
    expect_failure(send, "an answer to another request")
    assert send(make_body(), 5.0) == (200, OURS)
    assert server.connections == 2


@pytest.mark.parametrize("marked", [True, False], ids=["marks", "no marks"])
@pytest.mark.parametrize("size", [100, 8_000, 9_000, 16_200], ids=lambda size: f"{size} bytes")
def test_an_answer_too_many_that_comes_with_the_first_is_thrown_away(
    serve: Serve, size: int, *, marked: bool
) -> None:
    """Under TLS it may come in one record with the end of the answer, where the socket shows nothing."""

    def answer_twice(_: int, mark: bytes, write: Write) -> None:
        known = mark if marked else None
        write(write_answer(known, OURS.ljust(size)) + write_answer(known, STRAY))

    server, send = serve(answer_twice)

    assert [send(make_body(), 5.0) for _ in range(3)] == [(200, OURS.ljust(size))] * 3
    assert server.connections == 3


def test_success_without_a_mark_is_not_believed_where_there_were_marks(serve: Serve) -> None:
    server, send = serve(lambda number, mark, write: write(write_answer(mark if number != 2 else None)))

    assert send(make_body(), 5.0) == (200, OURS)
    expect_failure(send, "an answer without the request's mark")
    assert send(make_body(), 5.0) == (200, OURS)
    assert server.connections == 2


@pytest.mark.parametrize("status", [b"429 Too Many", b"500 Error", b"503 Unavailable"])
def test_a_put_off_without_a_mark_is_that_of_what_stands_in_between(serve: Serve, status: bytes) -> None:
    def refuse(number: int, mark: bytes, write: Write) -> None:
        write(write_answer(mark) if number == 1 else write_answer(None, b"no", status))

    _, send = serve(refuse)

    assert send(make_body(), 5.0) == (200, OURS)
    assert send(make_body(), 5.0) == (int(status[:3]), b"no")


TYPED: Final = b'{"error":{"type":"parse_exception","reason":"x"},"status":400}'


@pytest.mark.parametrize(
    "status",
    [b"201 Created", b"302 Found", b"400 Bad", b"403 Forbidden", b"404 None", b"409 Conflict", b"413 Large"],
)
@pytest.mark.parametrize("reply", [b"no", TYPED], ids=["a front's words", "OpenSearch's words"])
def test_a_refusal_without_a_mark_is_asked_for_again_where_none_can_be_too_many(
    serve: Serve, status: bytes, reply: bytes
) -> None:
    """It may belong to the request before, and that to which it is taken to belong may have succeeded."""
    server, send = serve(
        lambda number, mark, write: write(
            write_answer(mark) if number == server.connections == 1 else write_answer(None, reply, status)
        )
    )

    assert send(make_body(), 5.0) == (200, OURS)
    expect_failure(send, "an answer without the request's mark")
    assert send(make_body(), 5.0) == (int(status[:3]), reply)
    assert server.connections == 2


def test_no_event_is_rejected_by_a_refusal_too_many(serve: Serve) -> None:
    """It comes when the next request has begun, which is carried out."""

    def refuse_late(number: int, mark: bytes, write: Write) -> None:
        write(
            write_answer(mark) if number == 1 else write_answer(None, TYPED, b"400 Bad") + write_answer(mark)
        )

    server, send = serve(refuse_late)
    events = (EVENTS[0], Event("2", 1_768_478_400_000 + 86_400_000, "no flow log"))
    formats = Formats.from_text(DEFAULT)
    report = Delivery(
        lambda: Encoder(formats, prefix="cwl", max_bytes=5_000_000, keep_message=True),
        send,
        time_left=lambda: 60.0,
        sleep=lambda _: None,
    ).run([Subscription(owner="1", log_group="flows", log_stream="eni-all", events=events)])

    assert (report.indexed, report.rejected, report.pending) == (2, [], [])
    assert (server.connections, report.bulk_requests) == (2, 3)


def test_where_marks_are_not_passed_on_things_go_on_and_that_is_said_once(
    serve: Serve, warned: list[str]
) -> None:
    _, send = serve(lambda _, __, write: write(write_answer(None)))

    assert [send(make_body(), 5.0) for _ in range(3)] == [(200, OURS)] * 3
    assert warned == ["what stands before OpenSearch does not pass x-opaque-id on"]


INTERIM = b"HTTP/1.1 %d Wait\r\nlink: </x>\r\n\r\n"


@pytest.mark.parametrize("status", [100, 102, 103])
def test_interim_answers_are_passed_over(serve: Serve, status: int) -> None:
    _, send = serve(lambda _, mark, write: write((INTERIM % status) * 2 + write_answer(mark)))

    assert [send(make_body(), 5.0) for _ in range(2)] == [(200, OURS)] * 2


def test_a_change_of_protocol_is_no_answer(serve: Serve) -> None:
    _, send = serve(lambda _, mark, write: write(INTERIM % 101 + write_answer(mark)))

    expect_failure(send, "an answer in another protocol")


@pytest.mark.parametrize(
    "drip",
    [write_answer(b"x"), INTERIM % 103 * 20, b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 90],
    ids=["an answer", "interim ones", "a long head"],
)
def test_an_answer_in_drips_has_no_more_time_than_one_in_whole(serve: Serve, drip: bytes) -> None:
    def trickle(_: int, __: bytes, write: Write) -> None:
        for byte in drip:
            write(bytes([byte]))
            time.sleep(0.05)

    _, send = serve(trickle)
    started = time.monotonic()

    expect_failure(send, "Read timed out after 0.4 seconds", kind="timeout", seconds=0.4)
    assert time.monotonic() - started < 1.0


def test_an_upload_in_drips_has_the_same_limit(serve: Serve) -> None:
    large = Body(
        "cwl-2026.01.15", bytes(16 << 20), 16 << 20, (Part(0, EVENTS),), 0, 0, 0
    )  # more than the kernel holds

    def read_nothing(_: int, __: bytes, ___: Write) -> None:
        raise AssertionError

    server, send = serve(read_nothing)
    server._read = _read_slowly  # type: ignore[method-assign]  # of this server alone
    started = time.monotonic()

    with pytest.raises(ConnectionFailedError) as caught:
        send(large, 0.6)
    assert caught.value.kind == "timeout"
    assert time.monotonic() - started < 1.5


def _read_slowly(reader: BufferedReader) -> None:
    while reader.read(16_384):
        time.sleep(0.05)


@pytest.mark.parametrize("chunked", [True, False], ids=["chunked", "with its length"])
def test_an_answer_without_an_end_is_read_up_to_a_limit(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, *, chunked: bool
) -> None:
    monkeypatch.setattr(answer, "LARGEST_REPLY", 100_000)

    def go_on(_: int, mark: bytes, write: Write) -> None:
        length = b"transfer-encoding: chunked" if chunked else b"content-length: 999999999999"
        write(b"HTTP/1.1 200 OK\r\nX-Opaque-Id: %s\r\n%s\r\n\r\n" % (mark, length))
        while True:
            write(b"1000\r\n" + bytes(4096) + b"\r\n")

    _, send = serve(go_on)

    expect_failure(send, "an answer of more than 100000 bytes")


@pytest.mark.parametrize("seconds", [0.0, -0.5, 1e-9])
def test_no_time_left_is_a_timeout(serve: Serve, seconds: float) -> None:
    server, send = serve(lambda _, mark, write: write(write_answer(mark)))

    expect_failure(send, "Read timed out", kind="timeout", seconds=seconds)
    assert server.marks == []


def test_opensearch_repeats_the_mark(any_opensearch: Embedded, warned: list[str]) -> None:
    environ = {"OPENSEARCH_URL": f"http://127.0.0.1:{any_opensearch.port}", "OPENSEARCH_AUTH": "none"}
    with contextlib.closing(connect(Config.from_environ(environ))) as client:
        send = sender(client, warned.append)

        assert [send(make_body(), 30.0)[0] for _ in range(2)] == [200, 200]
        assert warned == []
