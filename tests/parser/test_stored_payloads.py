"""An object of the failure store holds payloads, a gzip member each; what was written before is read, too."""

import gzip
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parser.errors import EnvelopeError
from parser.subscription import Event, Subscription, decode, decode_all, encode

names = st.text(max_size=20)
events = st.builds(
    Event,
    id=st.text("0123456789", min_size=1, max_size=56),
    timestamp=st.integers(0, 253_402_300_799_999),
    message=st.text(max_size=50),
)
payloads = st.lists(
    st.builds(
        Subscription,
        owner=names,
        log_group=names,
        log_stream=names,
        policy_level=st.none() | st.just("ACCOUNT_LEVEL_POLICY"),
        events=st.lists(events, max_size=5).map(tuple),
    ),
    min_size=1,
    max_size=5,
)
ONE = Subscription(owner="1", log_group="/a", log_stream="x", events=(Event("1", 1, "a b"),))
OTHER = Subscription(
    owner="2", log_group="/b", log_stream="y", events=(Event("2", 2, "c"), Event("3", 3, "d"))
)


@given(payloads)
def test_payloads_that_follow_one_another_are_read_one_by_one(written: list[Subscription]) -> None:
    assert decode_all(b"".join(map(encode, written))) == tuple(written)


@given(payloads)
def test_of_several_payloads_zcat_gives_one_json_document_after_another(written: list[Subscription]) -> None:
    text = gzip.decompress(b"".join(map(encode, written))).decode()
    found, position = [], 0
    while position < len(text):
        document, position = json.JSONDecoder().raw_decode(text, position)
        found.append([event["id"] for event in document["logEvents"]])
    assert found == [[event.id for event in payload.events] for payload in written]


def test_an_object_of_one_payload_is_what_cloudwatch_logs_sends() -> None:
    assert decode(encode(ONE)) == ONE
    assert json.loads(gzip.decompress(encode(ONE)))["messageType"] == "DATA_MESSAGE"


@pytest.mark.parametrize("size", [1, 7, 50, 200])
def test_a_payload_whose_json_is_in_pieces_is_one(size: int) -> None:
    text = gzip.decompress(encode(OTHER))
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    assert decode_all(b"".join(map(gzip.compress, pieces))) == (OTHER,)


CONTROL = gzip.compress(b'{"messageType": "CONTROL_MESSAGE", "logEvents": []}')
FILLED = {
    "zero bytes behind each": encode(ONE) + bytes(512) + encode(OTHER) + bytes(3),
    "members without content": encode(ONE) + gzip.compress(b"") + encode(OTHER) + gzip.compress(b"\n"),
    "each of another program": gzip.compress(gzip.decompress(encode(ONE)), 9)
    + gzip.compress(gzip.decompress(encode(OTHER)) + b"\n"),
}


@pytest.mark.parametrize("data", FILLED.values(), ids=FILLED)
def test_what_lies_between_payloads_does_not_matter(data: bytes) -> None:
    assert decode_all(data) == (ONE, OTHER)


def test_a_control_message_among_payloads_has_no_events() -> None:
    assert [len(each.events) for each in decode_all(CONTROL + encode(OTHER) + CONTROL)] == [0, 2, 0]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "payload is not gzip: it starts with nothing"),
        (gzip.compress(b""), "payload is not JSON"),
        (gzip.compress(b'{"hello": 1}'), "payload is not a CloudWatch Logs message"),
        (gzip.compress(b'{"hello": 1}') + encode(ONE), "payload is not JSON"),
        (encode(ONE) + gzip.compress(b'{"hello": 1}'), "payload 2 of several: payload is not a CloudWatch"),
        (encode(ONE) + encode(OTHER)[:-9], "gzip is cut short"),
        (encode(ONE) + b"plain", "payload after its last gzip member is not gzip"),
    ],
    ids=["nothing", "empty", "alien", "alien before", "alien behind", "cut", "text behind"],
)
def test_what_is_no_payload_is_named(data: bytes, reason: str) -> None:
    with pytest.raises(EnvelopeError, match=reason):
        decode_all(data)


def test_all_payloads_of_an_object_together_are_bounded() -> None:
    member = encode(ONE)
    size = len(gzip.decompress(member))
    assert len(decode_all(member * 10, limit=size * 10)) == 10
    with pytest.raises(EnvelopeError, match=f"holds more than {size * 10} bytes"):
        decode_all(member * 11, limit=size * 10)


def test_what_an_object_says_of_its_length_is_not_believed() -> None:
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb") as file:
        file.write(b" " * 1_000_000)
    with pytest.raises(EnvelopeError, match="holds more than 1000 bytes"):
        decode_all(encode(ONE)[:-4] + encode(ONE)[-4:] + buffer.getvalue(), limit=1000)
