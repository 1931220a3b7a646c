"""Records of a stream are read one by one; what Lambda is answered; batches that it gave up."""

import base64
import gzip
import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlogs.local.stream import FIRST_NUMBER, SHARD, make_records
from parser.errors import EnvelopeError
from parser.kinesis import Record, answer, is_discarded, read_discarded, read_records

ARRIVED = 1_768_478_400.25
PAYLOAD = {
    "messageType": "DATA_MESSAGE",
    "owner": "123456789010",
    "logGroup": "/vpc/flow-logs",
    "logStream": "eni-1",
    "subscriptionFilters": ["flowlogs"],
    "logEvents": [{"id": "1", "timestamp": 1_768_478_400_000, "message": "a line"}],
}


def encode(payload: object) -> str:
    return base64.b64encode(gzip.compress(json.dumps(payload).encode())).decode()


def make_event(*data: str) -> dict[str, Any]:
    return make_records(data, arrived=ARRIVED)


def test_a_record_says_where_it_stands_and_holds_a_payload() -> None:
    (record,) = read_records(make_event(encode(PAYLOAD)))

    assert (record.shard, record.sequence_number, record.arrived) == (SHARD, str(FIRST_NUMBER), ARRIVED)
    assert record.place == f"stream/{SHARD}-{FIRST_NUMBER}"
    payload = record.decode()
    assert (payload.owner, payload.log_group, payload.log_stream) == (
        "123456789010",
        "/vpc/flow-logs",
        "eni-1",
    )
    assert [(event.id, event.message) for event in payload.events] == [("1", "a line")]


def test_a_control_message_is_a_payload_without_events() -> None:
    (record,) = read_records(make_event(encode({"messageType": "CONTROL_MESSAGE", "logEvents": []})))

    assert record.decode().events == ()


@pytest.mark.parametrize(
    ("data", "reason", "content"),
    [
        pytest.param("", "payload is not gzip", b"", id="nothing"),
        pytest.param("%%%", "payload is not base64", b"%%%", id="no base64"),
        pytest.param("\ud800", "payload is not base64", b"\xed\xa0\x80", id="half a character"),
        pytest.param("aGVsbG8=", "payload is not gzip", b"hello", id="no gzip"),
        pytest.param(encode({"a": 1}), "payload is not a CloudWatch", None, id="alien JSON"),
        pytest.param(encode(PAYLOAD)[:40], "gzip is", None, id="cut short"),
    ],
)
def test_a_record_that_is_no_payload_says_why_and_keeps_its_content(
    data: str, reason: str, content: bytes | None
) -> None:
    (record,) = read_records(make_event(data))

    with pytest.raises(EnvelopeError, match=reason):
        record.decode()
    assert record.content == (base64.b64decode(data) if content is None else content)


def _without(event: dict[str, Any], *path: Any) -> dict[str, Any]:
    changed = deepcopy(event)
    inner: Any = changed
    for each in path[:-1]:
        inner = inner[each]
    del inner[path[-1]]
    return changed


def _with(name: str, value: object) -> dict[str, Any]:
    changed = make_event("")
    changed["Records"][0]["kinesis"][name] = value
    return changed


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        pytest.param({}, "`Records`", id="empty"),
        pytest.param(None, "Expected `object`", id="nothing"),
        pytest.param({"awslogs": {"data": ""}}, "`Records`", id="of a subscription"),
        pytest.param({"Records": [{"eventSource": "aws:sqs"}]}, "'aws:sqs'", id="of a queue"),
        pytest.param(_without(make_event(""), "Records", 0, "kinesis"), "`kinesis`", id="no content"),
        pytest.param(_without(make_event(""), "Records", 0, "eventID"), "`eventID`", id="no id"),
        pytest.param(_with("sequenceNumber", ""), "which is no number", id="no number"),
        pytest.param(_with("sequenceNumber", "४"), "which is no number", id="another script"),
    ],
)
def test_another_event_is_refused_with_what_is_wrong(event: object, reason: str) -> None:
    with pytest.raises(EnvelopeError, match=reason):
        read_records(event)


ODD_ROWS = {
    "null": (_with("data", None), "record's data is 'null', which is no text", b"null"),
    "a number": (_with("data", 12), "record's data is '12', which is no text", b"12"),
    "an object": (_with("data", {"a": [1]}), "record's data is ", b'{"a": [1]}'),
    "no data": (_without(make_event(""), "Records", 0, "kinesis", "data"), "record's data is", b"null"),
    "no time": (_with("approximateArrivalTimestamp", 1e300), "arrived at '1e\\+300', which is no time", b""),
    "before all time": (
        _with("approximateArrivalTimestamp", -1.0),
        "arrived at '-1.0', which is no time",
        b"",
    ),
    "time as text": (_with("approximateArrivalTimestamp", "1.0"), "arrived at '1.0', which is no time", b""),
    "true as time": (
        _with("approximateArrivalTimestamp", value=True),
        "arrived at 'True', which is no time",
        b"",
    ),
    "not a number": (_with("approximateArrivalTimestamp", float("nan")), "arrived at 'nan', which is", b""),
    "without time": (
        _without(make_event(""), "Records", 0, "kinesis", "approximateArrivalTimestamp"),
        "arrived at 'None', which is no time",
        b"",
    ),
}


@pytest.mark.parametrize(("event", "reason", "content"), ODD_ROWS.values(), ids=ODD_ROWS)
def test_a_row_that_lambda_would_not_hand_over_is_a_record_that_is_no_payload(
    event: dict[str, Any], reason: str, content: bytes
) -> None:
    (record,) = read_records(event)

    with pytest.raises(EnvelopeError, match=reason):
        record.decode()
    assert record.content == content
    assert record.arrived in (0, ARRIVED)


def _record(number: int) -> Record:
    return Record(SHARD, str(number), ARRIVED, "")


@given(st.lists(st.integers(0, 10**60), max_size=5))
def test_lambda_is_told_the_lowest_number(numbers: list[int]) -> None:
    """As numbers: 9 comes before 10."""
    expected = [{"itemIdentifier": str(min(numbers))}] if numbers else []

    assert answer([_record(each) for each in numbers]) == {"batchItemFailures": expected}


def discard(payload: object) -> dict[str, Any]:
    return {"version": "1.0", "KinesisBatchInfo": {"shardId": SHARD, "batchSize": 2}, "payload": payload}


def test_a_discarded_batch_holds_its_records(project: Path) -> None:
    document = json.loads((project / "events" / "stream" / "discarded-batch.json").read_text())

    assert is_discarded(document)
    records = read_discarded(document)
    assert len(records) == document["KinesisBatchInfo"]["batchSize"] == 3
    assert [len(each.decode().events) for each in (records[0], records[2])] == [6, 3]
    with pytest.raises(EnvelopeError, match="payload is not gzip"):
        records[1].decode()


def test_the_event_in_a_discarded_batch_may_stand_there_as_an_object() -> None:
    event = make_event(encode(PAYLOAD))

    assert read_discarded(discard(event)) == read_discarded(discard(json.dumps(event))) == read_records(event)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        pytest.param("{", "is not JSON", id="cut short"),
        pytest.param("[" * 100_000, "is not JSON", id="deep"),
        pytest.param("{}", "`Records`", id="another event"),
        pytest.param(None, "holds no payload", id="nothing"),
    ],
)
def test_a_discarded_batch_without_its_event_is_refused(payload: object, reason: str) -> None:
    with pytest.raises(EnvelopeError, match=reason):
        read_discarded(discard(payload))


def test_what_goes_to_a_queue_holds_no_batch() -> None:
    with pytest.raises(EnvelopeError, match="holds no payload"):
        read_discarded({"KinesisBatchInfo": {}})
    assert not is_discarded({"requestPayload": {}})
    assert not is_discarded([])
