"""The stream function settles records in their order, each as what it is."""

import base64
import gzip
import json

import boto3
import pytest

from flowlogs.local.stream import FIRST_NUMBER, SHARD, make_records
from parser.errors import EnvelopeError
from support.commands import BUCKET
from support.stream_function import (
    ACCOUNTS,
    CONTROL,
    JUNK,
    REFUSED,
    TAKEN,
    Function,
    payload,
    some,
    stored,
    taken,
)


def test_all_records_are_settled_in_one_invocation(function: Function) -> None:
    event = make_records([payload("1", "2"), payload("3")])

    assert function(event) is None

    assert taken(function) == ["1", "2", "3"]
    (metrics,) = function.metrics
    assert some(metrics, *ACCOUNTS) == dict(zip(ACCOUNTS, (3, 3, 0, 0, 0, 0), strict=True))
    assert some(metrics, "records", "records_left", "unreadable") == {
        "records": 2,
        "records_left": 0,
        "unreadable": 0,
    }
    assert metrics["delivery_lag"] >= 0
    (line,) = function.read_log()
    assert (line["message"], line["received"], line["records"]) == ("stream.done", 3, 2)
    assert (line["EventsReceived"], line["StreamRecords"]) == (3, 2)
    assert stored("") == {}


def test_records_share_a_request(function: Function) -> None:
    assert function(make_records([payload("1"), JUNK, payload("2"), CONTROL, payload("3")])) is None

    assert taken(function) == ["1", "2", "3"]
    assert (function.cluster.requests, function.metrics[0]["bulk_requests"]) == (1, 1)


@pytest.mark.parametrize("data", [[CONTROL], [CONTROL, payload("1"), CONTROL], [payload("1"), CONTROL]])
def test_control_messages_are_skipped_wherever_they_stand(function: Function, data: list[str]) -> None:
    assert function(make_records(data)) is None

    assert taken(function) == ["1"] * (len(data) > 1)
    assert function.metrics[0]["records"] == len(data)


def test_control_messages_do_not_wait_for_the_cluster(function: Function) -> None:
    function.cluster.away = True
    function(make_records([payload("1")]))

    assert function(make_records([CONTROL])) is None


def test_a_record_that_is_no_payload_is_set_aside_as_it_is_and_holds_up_nothing(function: Function) -> None:
    event = make_records([JUNK, payload("1"), "%%%"], arrived=1_768_478_400.0)

    for _ in range(2):  # what comes again replaces what was written
        assert function(event) is None

    (first, content), (last, other) = sorted(stored("").items())
    assert first.startswith(f"rejected/2026/01/15/12/{SHARD}-{FIRST_NUMBER}-")
    assert last.startswith(f"rejected/2026/01/15/12/{SHARD}-{FIRST_NUMBER + 2}-")
    assert (content, other) == (b"no payload at all", b"%%%")
    assert {key.rpartition(".")[2] for key in (first, last)} == {"unreadable"}
    metadata = boto3.client("s3").head_object(Bucket=BUCKET, Key=first)["Metadata"]
    assert metadata["reason"].startswith("payload is not gzip")
    assert taken(function) == ["1"]
    assert [each["unreadable"] for each in function.metrics] == [2, 2]
    assert [each["message"] for each in function.read_log()].count("stream.unreadable") == 4


def test_a_malformed_row_fails_no_other_and_is_set_aside(function: Function) -> None:
    event = make_records([payload("1"), payload("2"), payload("3"), payload("4")])
    event["Records"][1]["kinesis"]["data"] = None
    del event["Records"][2]["kinesis"]["approximateArrivalTimestamp"]
    third = base64.b64decode(event["Records"][2]["kinesis"]["data"])

    assert function(event) is None

    assert taken(function) == ["1", "4"]
    assert sorted(stored("").values()) == sorted([b"null", third])
    assert [each["unreadable"] for each in function.metrics] == [2]


def test_what_comes_again_is_counted_as_duplicate(function: Function) -> None:
    event = make_records([payload("1"), payload("2")])

    assert (function(event), function(event)) == (None, None)

    assert taken(function) == ["1", "2"]
    assert some(function.metrics[1], *ACCOUNTS) == dict(zip(ACCOUNTS, (2, 0, 2, 0, 0, 0), strict=True))


def test_rejected_events_are_stored_with_their_reason_once(function: Function) -> None:
    function.cluster.rule = lambda _, identity: REFUSED if identity == "2" else TAKEN
    event = make_records([payload("1", "2")], arrived=1_768_478_400.0)

    for _ in range(2):
        assert function(event) is None

    ((key, content),) = stored("").items()
    assert key.startswith(f"rejected/2026/01/15/12/{SHARD}-{FIRST_NUMBER}-")
    assert key.endswith(".ndjson.gz")
    (line,) = gzip.decompress(content).splitlines()
    assert json.loads(line)["error_type"] == "mapper_parsing_exception"
    assert [each["rejected"] for each in function.metrics] == [1, 1]


@pytest.mark.parametrize("event", [{}, None, {"awslogs": {"data": payload("1")}}, {"Records": [{}]}])
def test_another_event_fails_and_is_logged(function: Function, event: object) -> None:
    with pytest.raises(EnvelopeError, match="event is not that of a Kinesis stream"):
        function(event)

    (line,) = function.read_log()
    assert (line["level"], line["message"]) == ("ERROR", "stream.failed")


def test_no_text_of_a_record_is_logged(function: Function) -> None:
    function.cluster.rule = lambda *_: REFUSED
    function(make_records([payload("1"), JUNK, payload("2")]))

    assert not [text for text in ("10.0.1.5", "no payload at all", JUNK) if text in function.log.getvalue()]
