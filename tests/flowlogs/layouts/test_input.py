"""What is taken for a payload and what for lines, and what is said of neither."""

import base64
import gzip
import io
import json
import os
import zlib
from typing import Any

import pytest

from flowlogs.layouts.input import read_lines
from parser.errors import EnvelopeError

PAYLOAD: dict[str, Any] = {
    "messageType": "DATA_MESSAGE",
    "owner": "123456789010",
    "logGroup": "flows",
    "logStream": "eni-all",
    "subscriptionFilters": ["flowlogs"],
    "logEvents": [
        {"id": "1", "timestamp": 1_768_478_400_000, "message": "a b c"},
        {"id": "2", "timestamp": 1_768_478_400_000, "message": "\ud83d \U0001f6d2 \r\n"},
    ],
}
MESSAGES = ["a b c", "\ud83d \U0001f6d2 \r\n"]
JSON = json.dumps(PAYLOAD).encode()
GZIP = gzip.compress(JSON)
BASE64 = base64.b64encode(GZIP)
EVENT = {"awslogs": {"data": BASE64.decode()}}
ON_FAILURE = {
    "version": "1.0",
    "requestContext": {"condition": "RetriesExhausted", "approximateInvokeCount": 3},
    "requestPayload": EVENT,
    "responsePayload": {"errorType": "DeliveryError"},
}
CONTROL = {**PAYLOAD, "messageType": "CONTROL_MESSAGE"}


def read(data: bytes) -> list[str]:
    return [line.text for line in read_lines(io.BufferedReader(io.BytesIO(data)))]


def encode(value: Any, **how: Any) -> bytes:
    return json.dumps(value, **how).encode()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(encode(EVENT), id="a Lambda event"),
        pytest.param(encode(EVENT, indent=2) + b"\n", id="a Lambda event for people"),
        pytest.param(b"\r\n\t " + encode(EVENT), id="white space before it"),
        pytest.param(encode(ON_FAILURE), id="a record of the OnFailure destination"),
        pytest.param(JSON, id="the message itself"),
        pytest.param(encode(PAYLOAD, indent=4), id="the message for people"),
        pytest.param(GZIP, id="gzip"),
        pytest.param(gzip.compress(JSON[:40]) + gzip.compress(JSON[40:]), id="gzip of several members"),
        pytest.param(BASE64, id="base64"),
        pytest.param(BASE64 + b"\n", id="base64 with an end of line"),
        pytest.param(base64.encodebytes(GZIP), id="base64 in lines of 76"),
        pytest.param(base64.encodebytes(GZIP).replace(b"\n", b"\r\n"), id="base64 in lines of Windows"),
    ],
)
def test_a_payload_is_known_in_every_form(data: bytes) -> None:
    assert read(data) == MESSAGES


class Slow(io.RawIOBase):
    """A pipe whose writer gives one byte at a time."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        byte = self._data.read(1)
        buffer[: len(byte)] = byte
        return len(byte)


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        pytest.param(GZIP, MESSAGES, id="gzip"),
        pytest.param(BASE64, MESSAGES, id="base64"),
        pytest.param(b"\n \n" + encode(EVENT), MESSAGES, id="a Lambda event after white space"),
        pytest.param(b"\xef\xbb\xbf" + encode(EVENT), MESSAGES, id="a Lambda event after a mark"),
        pytest.param(b"a b\nc d\n\ne", ["a b", "c d", "e"], id="lines"),
        pytest.param(b"\n\na\nb", ["a", "b"], id="short lines"),
        pytest.param(b"H", ["H"], id="a single byte"),
        pytest.param(b" \n", [], id="nothing"),
    ],
)
def test_a_pipe_that_is_slow_gives_the_same(data: bytes, lines: list[str]) -> None:
    assert [line.text for line in read_lines(io.BufferedReader(Slow(data)))] == lines


def test_a_line_is_given_before_the_next_one_is_there() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as reader, os.fdopen(writing, "wb", buffering=0) as writer:
        lines = read_lines(reader)
        writer.write(b"a b c\n")
        assert next(lines).text == "a b c"
        writer.write(b"d\n")
        assert next(lines).text == "d"


def test_the_line_of_an_event_that_cannot_be_indexed_is_given_too() -> None:
    events = [{"id": "", "timestamp": 0, "message": "x"}, *PAYLOAD["logEvents"]]

    assert read(encode({**PAYLOAD, "logEvents": events})) == [*MESSAGES, "x"]


@pytest.mark.parametrize("compressed", [True, False], ids=["gzip", "JSON"])
def test_an_odd_event_does_not_cost_the_lines_of_the_others(compressed: bool) -> None:
    odd = b'{"id":1,"timestamp":1.0e12,"message":"x"},{"id":"1","timestamp":5,"message":"caf\xe9"},'
    data = encode(PAYLOAD).replace(b'"logEvents": [', b'"logEvents": [' + odd)

    assert read(gzip.compress(data) if compressed else data) == ["x", *MESSAGES, "caf\udce9"]


def test_an_event_whose_data_is_zlib_is_read() -> None:
    event = {"awslogs": {"data": base64.b64encode(zlib.compress(JSON, 9)).decode()}}

    assert read(encode(event)) == MESSAGES


def test_a_control_message_has_no_lines() -> None:
    assert read(encode(CONTROL)) == []


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        pytest.param(b"", [], id="nothing"),
        pytest.param(b"\n\r\n  \n\t\n", [], id="blank lines"),
        pytest.param(b"a b", ["a b"], id="no end of line"),
        pytest.param(b"a b\nc d\n", ["a b", "c d"], id="lines"),
        pytest.param(b"a b\r\n\r\nc d\r\n", ["a b", "c d"], id="lines of Windows"),
        pytest.param(b"  a  b \n", ["  a  b "], id="blanks stay"),
        pytest.param(b"a\rb\x0bc\x85d\xc2\x85e\n", ["a\rb\x0bc\udc85d\x85e"], id="only LF ends a line"),
        pytest.param(b"a\xff b\n", ["a\udcff b"], id="not UTF-8"),
        pytest.param("é 😀\n".encode(), ["é 😀"], id="UTF-8"),
        pytest.param(b"\xef\xbb\xbfa b\nc\n", ["a b", "c"], id="a byte order mark"),
        pytest.param(b"\xef\xbb\xbf", [], id="a byte order mark alone"),
        pytest.param(b"H4s is a word\n", ["H4s is a word"], id="nearly base64"),
        pytest.param(b"a {b}\n", ["a {b}"], id="a brace later on"),
        pytest.param(b"[1]\n", ["[1]"], id="a list of numbers is no list of events"),
        pytest.param(gzip.compress(b"\na b\nc"), ["a b", "c"], id="gzip of lines"),
        pytest.param(gzip.compress(b""), [], id="gzip of nothing"),
    ],
)
def test_anything_else_is_lines(data: bytes, lines: list[str]) -> None:
    assert read(data) == lines


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"{", "input starts like JSON but is not: Expecting property name", id="brace"),
        pytest.param(
            encode(EVENT)[:-1], "input starts like JSON but is not: Expecting ',' delimiter", id="cut"
        ),
        pytest.param(
            encode(EVENT) + b"," + encode(EVENT),
            'input starts like JSON but is not: behind an object stands b\',{"awslogs"',
            id="a comma behind it",
        ),
        pytest.param(
            encode(EVENT) + b"}",
            "input starts like JSON but is not: behind an object stands b'}'",
            id="a brace",
        ),
        pytest.param(
            encode(EVENT) + encode(EVENT)[:-1],
            "input starts like JSON but is not: Expecting ',' delimiter",
            id="the second one cut",
        ),
        pytest.param(b'{"a": "\xff"}', "input starts like JSON but is not: 'utf-8' codec", id="not UTF-8"),
        pytest.param(b'{"a":' + b"[" * 200_000, "input starts like JSON but is not: maximum", id="deep"),
        pytest.param(b"{}", "event is not that of a CloudWatch Logs subscription", id="empty object"),
        pytest.param(
            encode({"requestPayload": {"Records": []}}),
            "event is not that of a CloudWatch Logs subscription",
            id="a record of another function",
        ),
        pytest.param(encode({"awslogs": {"data": "!"}}), "payload is not base64", id="no base64"),
        pytest.param(GZIP[:-9], "gzip is ", id="gzip cut short"),
        pytest.param(GZIP[:12] + b"\xff" * 9 + GZIP[21:], "gzip is damaged", id="gzip damaged"),
        pytest.param(BASE64[:-8] + b"?" * 8, "payload is not base64", id="base64 damaged"),
        pytest.param(BASE64[:40], "gzip is cut short", id="base64 cut short"),
        pytest.param(GZIP + b"more", "gzip is damaged: Not a gzipped file (b'mo')", id="text behind gzip"),
        pytest.param(gzip.compress(b"{]"), "input starts like JSON but is not", id="gzip of nearly JSON"),
        pytest.param(
            encode({**PAYLOAD, "messageType": "NEWS"}),
            "payload is not a CloudWatch Logs message: Invalid value 'NEWS' - at `$.messageType`",
            id="another message",
        ),
        pytest.param(
            encode({**PAYLOAD, "logEvents": {}}),
            "payload is not a CloudWatch Logs message: Expected `array`, got `object` - at `$.logEvents`",
            id="events that are none",
        ),
    ],
)
def test_a_broken_payload_is_refused_in_words(data: bytes, message: str) -> None:
    with pytest.raises(EnvelopeError) as caught:
        read(data)

    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
