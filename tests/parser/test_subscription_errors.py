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


def event(**changes: object) -> Json:
    return payload(logEvents=[{"id": "0", "timestamp": 0, "message": ""},
                              {"id": "1", "timestamp": 5, "message": "m"} | changes])  # fmt: skip


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
        (b"\x78\x9c\x03\x00", "789c0300"),
    ],
    ids=["empty", "one-byte", "json", "text", "zip", "zlib"],
)
def test_what_is_not_gzip_is_refused(data: bytes, start: str) -> None:
    expected = f"payload is not gzip: it starts with {start}"

    assert refuse(data) == expected
    assert refuse(base64.b64encode(data).decode()) == expected


NESTED = b"[" * 200_000 + b"]" * 200_000
SURROGATE = json.dumps(payload(owner="\ud800")).encode()[:-1]
NOT_JSON = {
    "empty": b"",
    "word": b"flow",
    "cut": json.dumps(payload()).encode()[:-1],
    "two-values": json.dumps(payload()).encode() * 2,
    "single-quotes": b"{'messageType': 'DATA_MESSAGE'}",
    "trailing-comma": b'{"messageType":"DATA_MESSAGE",}',
    "raw-control-character": json.dumps(payload(owner="X")).encode().replace(b"X", b"\0"),
    "not-utf8": json.dumps(payload(owner="X")).encode().replace(b"X", b"\xff"),
    "broken-escape": json.dumps(payload(owner="X")).encode().replace(b"X", b"\\ud8"),
    "nested-deeply-beside": json.dumps(payload()).encode()[:-1]
    + b',"x":'
    + b"[" * 200_000
    + b"]" * 200_000
    + b"}",
    "nested-deeply-beside-a-surrogate": SURROGATE + b',"x":' + NESTED + b"}",
    "cut-beside-a-surrogate": SURROGATE,
    "byte-order-mark": b"\xef\xbb\xbf" + json.dumps(payload()).encode(),
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


MISSING = {
    "messageType": "Object missing required field `messageType`",
    "owner": "Object missing required field `owner`",
    "logGroup": "Object missing required field `logGroup`",
    "logStream": "Object missing required field `logStream`",
    "logEvents": "Object missing required field `logEvents`",
}
MISSING_IN_EVENT = {
    "id": "Object missing required field `id` - at `$.logEvents[1]`",
    "timestamp": "Object missing required field `timestamp` - at `$.logEvents[1]`",
    "message": "Object missing required field `message` - at `$.logEvents[1]`",
}


@pytest.mark.parametrize(("key", "error"), MISSING.items(), ids=MISSING)
def test_a_missing_key_is_named(key: str, error: str) -> None:
    assert refuse_content(without(payload(), key)) == NOT_A_MESSAGE + error


@pytest.mark.parametrize(("key", "error"), MISSING_IN_EVENT.items(), ids=MISSING_IN_EVENT)
def test_a_missing_key_of_an_event_is_named_with_its_place(key: str, error: str) -> None:
    content = event()
    del content["logEvents"][1][key]

    assert refuse_content(content) == NOT_A_MESSAGE + error


FILTERS = "- at `$.subscriptionFilters"
TIME = "- at `$.logEvents[1].timestamp`"
WRONG = {
    "owner-number": (payload(owner=5), "Expected `str`, got `int` - at `$.owner`"),
    "owner-null": (payload(owner=None), "Expected `str`, got `null` - at `$.owner`"),
    "group-array": (payload(logGroup=["g"]), "Expected `str`, got `array` - at `$.logGroup`"),
    "stream-object": (payload(logStream={}), "Expected `str`, got `object` - at `$.logStream`"),
    "filters-text": (payload(subscriptionFilters="f"), f"Expected `array`, got `str` {FILTERS}`"),
    "filters-null": (payload(subscriptionFilters=None), f"Expected `array`, got `null` {FILTERS}`"),
    "filter-number": (payload(subscriptionFilters=["f", 1]), f"Expected `str`, got `int` {FILTERS}[1]`"),
    "policy-number": (payload(policyLevel=1), "Expected `str | null`, got `int` - at `$.policyLevel`"),
    "events-null": (payload(logEvents=None), "Expected `array`, got `null` - at `$.logEvents`"),
    "events-object": (payload(logEvents={}), "Expected `array`, got `object` - at `$.logEvents`"),
    "event-text": (payload(logEvents=["e"]), "Expected `object`, got `str` - at `$.logEvents[0]`"),
    "id-number": (event(id=1), "Expected `str`, got `int` - at `$.logEvents[1].id`"),
    "time-text": (event(timestamp="5"), f"Expected `int`, got `str` {TIME}"),
    "time-fraction": (event(timestamp=5.5), f"Expected `int`, got `float` {TIME}"),
    "time-float": (event(timestamp=5.0), f"Expected `int`, got `float` {TIME}"),
    "time-true": (event(timestamp=True), f"Expected `int`, got `bool` {TIME}"),
    "time-null": (event(timestamp=None), f"Expected `int`, got `null` {TIME}"),
    "message-null": (event(message=None), "Expected `str`, got `null` - at `$.logEvents[1].message`"),
    "message-object": (event(message={}), "Expected `str`, got `object` - at `$.logEvents[1].message`"),
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
