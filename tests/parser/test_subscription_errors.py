"""Payloads that cannot be read: each is refused with an error that says what is wrong, and where."""

import base64
import gzip
import json
from typing import Any

import pytest

from parser.errors import EnvelopeError
from parser.subscription import decode

Json = dict[str, Any]
NOT_A_MESSAGE = "payload is not a CloudWatch Logs message: "


def payload(**changes: object) -> Json:
    return {
        "messageType": "DATA_MESSAGE",
        "owner": "012345678901",
        "logGroup": "vpc-flow",
        "logStream": "eni-1-all",
        "subscriptionFilters": ["all"],
        "logEvents": [{"id": "1", "timestamp": 5, "message": "m"}],
    } | changes


def without(content: Json, key: str) -> Json:
    return {name: value for name, value in content.items() if name != key}


def refuse(data: str | bytes) -> str:
    with pytest.raises(EnvelopeError) as caught:
        decode(data)
    text = str(caught.value)
    assert text.encode()  # an error can be logged
    return text


def refuse_content(content: object) -> str:
    return refuse(gzip.compress(json.dumps(content).encode()))


NOT_BASE64 = {
    "one-letter": (
        "a",
        "invalid base64-encoded string: number of data characters (1) cannot be 1 more than a",
    ),
    "other-characters": ("!!!!", "only base64 data is allowed"),
    "line-end": ("YWJj\n", "only base64 data is allowed"),
    "blank": ("YWJj YWJj", "only base64 data is allowed"),
    "url-alphabet": ("_-__", "only base64 data is allowed"),
    "padding-missing": ("YWI", "incorrect padding"),
    "padding-first": ("=", "leading padding not allowed"),
    "padding-inside": ("YQ==YQ==", "excess data after padding"),
    "beyond-ascii": ("é", "string argument should contain only ascii characters"),
    "surrogate": ("\ud800", "string argument should contain only ascii characters"),
}


@pytest.mark.parametrize(("data", "reason"), NOT_BASE64.values(), ids=NOT_BASE64)
def test_text_that_is_not_base64_is_refused(data: str, reason: str) -> None:
    assert refuse(data).startswith(f"payload is not base64: {reason}")


@pytest.mark.parametrize(
    ("data", "start"),
    [
        (b"", "nothing"),
        (b"\x1f", "1f"),
        (b"{}", "7b7d"),
        (b"abcdefghijkl", "6162636465666768"),
        (b"PK\x03\x04", "504b0304"),
        (b"\x78\x9d\x03\x00", "789d0300"),
    ],
    ids=["empty", "one-byte", "json", "text", "zip", "nearly-zlib"],
)
def test_what_is_not_gzip_is_refused(data: bytes, start: str) -> None:
    expected = f"payload is not gzip: it starts with {start}"

    assert refuse(data) == expected
    assert refuse(base64.b64encode(data).decode()) == expected


SURROGATE = json.dumps(payload(owner="\ud800")).encode()[:-1]
NOT_JSON = {
    "empty": b"",
    "word": b"flow",
    "cut": json.dumps(payload()).encode()[:-1],
    "two-values": json.dumps(payload()).encode() * 2,
    "single-quotes": b"{'messageType': 'DATA_MESSAGE'}",
    "trailing-comma": b'{"messageType":"DATA_MESSAGE",}',
    "cut-beside-a-surrogate": SURROGATE,
    "byte-order-mark": b"\xef\xbb\xbf" + json.dumps(payload()).encode(),
    "ended-in-a-text": json.dumps(payload()).encode()[:-30] + b"}]}",
    "brackets-of-two-kinds": json.dumps(payload()).encode()[:-1] + b',"x":{"y":[0}]}',
    "not-json-where-nothing-is-known": json.dumps(payload(owner=1)).encode()[:-1] + b',"x":}',
    "key-without-quotes": json.dumps(payload(owner=1)).encode()[:-1] + b",x:1}",
    "utf-16": json.dumps(payload()).encode("utf-16"),
}


@pytest.mark.parametrize("content", NOT_JSON.values(), ids=NOT_JSON)
def test_what_is_not_json_is_refused(content: bytes) -> None:
    assert refuse(gzip.compress(content)).startswith("payload is not JSON: ")


def test_the_place_of_an_error_in_the_json_is_named() -> None:
    text = refuse(gzip.compress(b'{"messageType": "DATA_MESSAGE", oops}'))

    assert text == "payload is not JSON: object keys must be strings (byte 32)"


@pytest.mark.parametrize(
    ("content", "got"),
    [
        ([], "array"),
        (["\ud800"], "array"),
        (None, "null"),
        (5, "int"),
        (True, "bool"),
        ("a", "str"),
        (0.5, "float"),
    ],
    ids=["array", "array-of-surrogates", "null", "number", "true", "text", "fraction"],
)
def test_json_that_is_no_object_is_refused(content: object, got: str) -> None:
    assert refuse_content(content) == f"{NOT_A_MESSAGE}Expected `object`, got `{got}`"


@pytest.mark.parametrize(
    ("size", "changes"),
    [
        (1025, {"owner": "1" * 1025}),
        (2000, {"logGroup": "\ud800" * 2000}),
        (3000, {"logStream": "g" * 3000, "owner": 5}),
        (20002, {"logGroup": "g" * 20_000, "owner": 5}),
    ],
    ids=["owner", "group", "stream", "group-of-an-odd-payload"],
)
def test_a_name_that_none_can_have_is_refused_with_its_length(size: int, changes: Json) -> None:
    """Each document has it, so that it would take memory as often as there are events."""
    assert refuse_content(payload(**changes)) == (
        f"payload has a name of {size} characters, and 1024 are the most"
    )


def test_an_event_that_none_can_be_is_refused_with_its_length() -> None:
    events = [{"id": "1", "timestamp": 5, "message": "m" * 8_400_000}]

    assert refuse_content(payload(logEvents=events)) == (
        "payload has an event of 8400000 bytes, and 8388608 are the most"
    )
    assert refuse_content(payload(logEvents=events, owner=5)).endswith(", and 8388608 are the most")


MISSING = {
    "messageType": "Object missing required field `messageType`",
    "logEvents": "Object missing required field `logEvents`",
}


@pytest.mark.parametrize(("key", "error"), MISSING.items(), ids=MISSING)
def test_a_missing_key_is_named(key: str, error: str) -> None:
    assert refuse_content(without(payload(), key)) == NOT_A_MESSAGE + error


WRONG = {
    "events-null": (payload(logEvents=None), "Expected `array`, got `null` - at `$.logEvents`"),
    "events-object": (payload(logEvents={}), "Expected `array`, got `object` - at `$.logEvents`"),
    "type-unknown": (payload(messageType="NEW"), "Invalid value 'NEW' - at `$.messageType`"),
    "type-lower-case": (payload(messageType="data"), "Invalid value 'data' - at `$.messageType`"),
    "type-empty": (payload(messageType=""), "Invalid value '' - at `$.messageType`"),
    "type-number": (payload(messageType=1), "Expected `str` - at `$.messageType`"),
    "type-null": (payload(messageType=None), "Expected `str` - at `$.messageType`"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "error"), WRONG.values(), ids=WRONG)
def test_a_value_of_the_wrong_kind_is_named_with_its_place(content: Json, error: str) -> None:
    assert refuse_content(content) == NOT_A_MESSAGE + error


@pytest.mark.parametrize(("content", "error"), WRONG.values(), ids=WRONG)
def test_it_is_named_alike_where_the_payload_has_a_lone_surrogate(content: Json, error: str) -> None:
    surrogate = {"x": "\ud800"}

    assert refuse_content(surrogate | content) == NOT_A_MESSAGE + error
    assert refuse_content(content | surrogate) == NOT_A_MESSAGE + error


def test_a_message_type_with_a_lone_surrogate_is_named_as_it_is() -> None:
    error = r"Invalid value 'a\ud800' - at `$.messageType`"

    assert refuse_content(payload(messageType="a\ud800")) == NOT_A_MESSAGE + error
