"""A usual answer is read as the standard library reads it, byte for byte; what is odd is left to it."""

from http.client import HTTPException
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler import answer
from handler.answer import Answer, Received

HEADERS = (
    b"X-Opaque-Id: flowlogs-1",
    b"x-opaque-id: flowlogs-2",
    b"content-type: application/json; charset=UTF-8",
    b"Content-Length: 5",
    b"content-length: 0",
    b"content-length: 3",
    b"content-length: 05",
    b"content-length: +5",
    b"content-length: 5_0",
    b"content-length: -1",
    b"content-length: five",
    b"content-length:5",
    b"content-length: 999999999999",
    b"transfer-encoding: chunked",
    b"Transfer-Encoding: identity",
    b"connection: keep-alive",
    b"Connection: Keep-Alive",
    b"connection: close",
    b"connection: keep-alive, close",
    b"connection: upgrade",
    b"x-empty:",
    b"x-folded: a\r\n b",
    b"x-latin: \xe9",
    b"x-tab: a\tb",
    b"x_under: a",
    b"x-spaced:  a ",
    b" x-indented: a",
    b"no header",
    b"x-bare: a\nx-other: b",
)
STARTS = (
    b"HTTP/1.1 200 OK",
    b"HTTP/1.1 200 ",
    b"HTTP/1.1 200",
    b"HTTP/1.0 200 OK",
    b"HTTP/1.1 413 Too Large",
    b"HTTP/1.1 204 No Content",
    b"HTTP/1.1 304 Not Modified",
    b"HTTP/1.1 600 Odd",
    b"HTTP/1.1 20 OK",
    b"HTTP/2 200 OK",
    b"hello",
)
INTERIM = b"HTTP/1.1 103 Early\r\nlink: </x>\r\n\r\n"
BODIES = (b"", b"abc", b"hello", b"hello, and another", b"5\r\nhello\r\n0\r\n\r\n")


class Wire:
    """A connection over which bytes arrive, so many at once, and that ends behind them."""

    def __init__(self, data: bytes, size: int) -> None:
        self._data, self._size = data, size

    def settimeout(self, seconds: float) -> None:
        """Time does not matter here."""

    def recv_into(self, buffer: Any) -> int:  # as the standard library calls it
        taken = self._data[: min(self._size, len(buffer))]
        buffer[: len(taken)] = taken
        self._data = self._data[len(taken) :]
        return len(taken)


def read(data: bytes, size: int, *, usual: bool) -> tuple[object, ...]:
    """Return what an answer is, or which error it is, and whether more has come than the answer."""
    found = Answer(Wire(data, size), float("inf"))  # type: ignore[arg-type]  # it is called for no more
    try:
        received = found.receive() if usual else found._read_any()
    except HTTPException as error:
        return type(error), str(error)
    return received, found.surplus


@given(
    interim=st.booleans(),
    start=st.sampled_from(STARTS),
    headers=st.lists(st.sampled_from(HEADERS), max_size=4),
    body=st.sampled_from(BODIES),
    size=st.sampled_from([1, 40, 10_000]),
)
def test_what_is_read_here_is_what_the_standard_library_reads(
    *, interim: bool, start: bytes, headers: list[bytes], body: bytes, size: int
) -> None:
    data = INTERIM * interim + b"\r\n".join([start, *headers]) + b"\r\n\r\n" + body

    assert read(data, size, usual=True) == read(data, size, usual=False)


USUAL = b"HTTP/1.1 200 OK\r\nX-Opaque-Id: a\r\ncontent-type: application/json\r\ncontent-length: 5\r\n"


@pytest.mark.parametrize("last", [b"", b"Connection: keep-alive\r\n"], ids=["OpenSearch's", "a front's"])
def test_a_usual_answer_needs_no_standard_library(monkeypatch: pytest.MonkeyPatch, last: bytes) -> None:
    monkeypatch.delattr(answer, "HTTPResponse")

    received, surplus = read(USUAL + last + b"\r\nhello", 10_000, usual=True)

    assert isinstance(received, Received)
    assert (received.status, received.body, received.will_close, surplus) == (200, b"hello", False, False)
    assert received.headers["x-opaque-id"] == "a"


def test_a_usual_answer_that_is_cut_short_is_none() -> None:
    for end in range(1, 5):
        kind, said = read(USUAL + b"\r\n" + b"hello"[:end], 10_000, usual=True)
        assert (kind.__name__, said) == (  # type: ignore[attr-defined]  # it is a class
            ("IncompleteRead", f"IncompleteRead({end} bytes read, {5 - end} more expected)")
        )
