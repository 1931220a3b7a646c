"""What lies in the bucket is accounted for, each event once, and what cannot be read is named."""

import gzip
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import boto3
import pytest
from botocore.exceptions import ClientError

from flowlogs.accounting import documents
from flowlogs.cluster.connection import open_client
from flowlogs.cluster.listing import read_indices
from flowlogs.local.embedded import Embedded
from handler.failures import Content, FailureStore
from handler.report import Unsettled
from parser.reply import Outcome, Verdict
from parser.subscription import Event, encode
from support.accounted import HOUR, NAMES, WINDOW, at, index, make_payload, put_forwarded, put_function
from support.commands import BUCKET, run


def put_raw(key: str, events: list[dict[str, Any]]) -> None:
    """Store a payload as something else than CloudWatch Logs may have made it."""
    payload = json.loads(gzip.decompress(encode(make_payload(0, 0)))) | {"logEvents": events}
    boto3.client("s3").put_object(Bucket=BUCKET, Key=key, Body=gzip.compress(json.dumps(payload).encode()))


NO_TIME: Final = {"id": "a", "timestamp": str(at(30)), "message": "x"}
NO_ID: Final = {"id": "", "timestamp": at(30), "message": "x"}


def test_an_event_that_waits_and_is_in_the_index_counts_once(node: Embedded) -> None:
    payload = make_payload(0, 10)
    index(node, payload)
    put_forwarded(10)
    verdict = Verdict(Outcome.RETRY, 0, "timeout", "applied, but not answered")
    FailureStore(BUCKET, "request").keep(
        [(payload, [Unsettled("cwl", each, verdict) for each in payload.events])]
    )
    told = run("verify", *WINDOW, *NAMES, "--json")
    arrival = next(each for each in told.json["checks"] if each["name"].endswith("waits or is rejected"))
    assert (arrival["state"], arrival["text"]) == ("ok", "10 forwarded, 10 in the index + 0 in the bucket")


@pytest.mark.parametrize(
    ("events", "minute", "counted", "notes"),
    [
        pytest.param(
            [NO_TIME],
            35,
            1,
            ["bucket: 1 event has no time that can be used, and belongs here by when it was stored"],
            id="no time, stored in the window",
        ),
        pytest.param([NO_TIME], 65, 0, [], id="no time, stored after it"),
        pytest.param([NO_ID, NO_ID], 65, 2, [], id="no id, and a time of the window"),
        pytest.param([NO_ID | {"timestamp": at(61)}], 35, 0, [], id="no id, and a time after it"),
        pytest.param(
            [NO_TIME, NO_TIME | {"id": "b"}, NO_ID],
            35,
            3,
            ["bucket: 2 events have no time that can be used, and belong here by when they were stored"],
            id="several",
        ),
    ],
)
def test_events_that_no_index_takes_are_accounted_for(
    events: list[dict[str, Any]], minute: float, counted: int, notes: list[str], node: Embedded
) -> None:
    index(node, make_payload(0, 97))
    put_forwarded(97 + counted)
    stored = HOUR + timedelta(minutes=minute)
    put_raw(f"rejected/{stored:%Y/%m/%d/%H/%Y%m%dT%H%M%S}.000000Z-x.unreadable", events)
    told = run("verify", *WINDOW, *NAMES, "--json")
    assert told.json["sources"]["bucket"] == {"pending": 0, "rejected": counted}
    assert (told.status, told.json["conclusion"], told.json["notes"]) == (0, "adds up", notes)


def test_an_event_without_an_id_that_is_stored_twice_counts_once(node: Embedded) -> None:
    index(node, make_payload(0, 98))
    put_forwarded(100)
    put_raw("rejected/1.unreadable", [NO_ID, NO_ID])
    put_raw("rejected/2.unreadable", [NO_ID])
    told = run("verify", *WINDOW, *NAMES, "--json")
    assert (told.status, told.json["sources"]["bucket"]["rejected"]) == (0, 2)


def test_what_the_function_rejects_as_unusable_is_accounted_for(node: Embedded) -> None:
    index(node, make_payload(0, 9))
    put_forwarded(10)
    odd = Event("", at(30), "x")
    verdict = Verdict(Outcome.REJECTED, 0, "unusable_event", "its id is empty")
    FailureStore(BUCKET, "x").reject([(make_payload(0, 0), [Unsettled("", odd, verdict)])], "")
    told = run("verify", *WINDOW, *NAMES, "--json")
    assert (told.status, told.json["sources"]["bucket"]) == (0, {"pending": 0, "rejected": 1})


def test_an_event_in_the_bucket_that_stands_in_two_days_is_found(
    node: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There may be more hits than ids, and more than OpenSearch gives at once."""
    first, second = (make_payload(0, 10, minute=minute) for minute in (30, 30 - 1440))
    index(node, first, second)
    monkeypatch.setattr(documents, "_MOST_HITS", 4)
    _, client = open_client({"OPENSEARCH_URL": node.url})
    ids = [each.id for each in first.events]
    assert documents.find_indexed(read_indices(client, "cwl"), [*ids, "nowhere"]) == frozenset(ids)


@pytest.mark.parametrize("prefix", ["failed/", "aws/lambda/async/forward/", "rejected/"])
def test_an_object_that_cannot_be_read_may_hold_events_whenever_it_was_stored(
    node: Embedded, prefix: str
) -> None:
    """Lambda tries for six hours, and a replay stores what is left again: long after the hour."""
    index(node, make_payload(0, 10))
    put_forwarded(10)
    put_function(received=10, indexed=10)
    boto3.client("s3").put_object(Bucket=BUCKET, Key=f"{prefix}garbage", Body=b"garbage")
    told = run("verify", *WINDOW, *NAMES, "--json")
    checks = {each["name"]: (each["state"], each["text"]) for each in told.json["checks"]}
    assert (told.status, told.json["conclusion"]) == (1, "differs")
    assert checks["nothing waits"][0] == "not checked"
    state, text = checks["every object in the bucket can be read"]
    assert state == "differs"
    assert text == (
        "1 object stored since then cannot be read and may hold events of this time, such as "
        f"{prefix}garbage: flowlogs rejected --bucket {BUCKET}"
    )


def test_of_an_object_that_is_partly_damaged_the_events_that_can_be_read_are_accounted_for(
    node: Embedded,
) -> None:
    index(node, make_payload(0, 8))
    put_forwarded(10)
    data = encode(make_payload(8, 1)) + b"garbage" + encode(make_payload(9, 1))
    boto3.client("s3").put_object(Bucket=BUCKET, Key="failed/damaged", Body=data)
    told = run("verify", *WINDOW, *NAMES, "--json")
    checks = {each["name"]: (each["state"], each["text"]) for each in told.json["checks"]}
    assert told.json["sources"]["bucket"] == {"pending": 2, "rejected": 0}
    state, text = checks["every object in the bucket can be read"]
    assert (state, "such as failed/damaged:" in text) == ("differs", True)


def test_an_object_stored_before_the_window_holds_nothing_of_it(
    node: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    index(node, make_payload(0, 10))
    put_forwarded(10)
    put_function(received=10, indexed=10)
    boto3.client("s3").put_object(Bucket=BUCKET, Key="failed/garbage", Body=b"garbage")
    stored = FailureStore(BUCKET, "x").list_pending()
    moved = [replace(each, modified=HOUR - timedelta(minutes=40)) for each in stored]
    monkeypatch.setattr(FailureStore, "list_pending", lambda *_: moved)
    assert run("verify", *WINDOW, *NAMES).status == 0


def test_an_object_that_s3_does_not_give_hides_none_of_the_others(
    node: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    index(node, make_payload(0, 10))
    put_forwarded(14)
    put_function(received=14, indexed=10, pending=4)
    for first, name in ((100, "archived"), (200, "here")):
        body = encode(make_payload(first, 2))
        boto3.client("s3").put_object(Bucket=BUCKET, Key=f"failed/{name}", Body=body)
    read = FailureStore.read

    def refuse(self: FailureStore, key: str) -> Content | None:
        if key.endswith("archived"):
            raise ClientError({"Error": {"Code": "InvalidObjectState", "Message": "archived"}}, "GetObject")
        return read(self, key)

    monkeypatch.setattr(FailureStore, "read", refuse)
    told = run("verify", *WINDOW, *NAMES, "--json")
    assert (told.status, told.json["sources"]["bucket"]) == (1, {"pending": 2, "rejected": 0})
    assert "such as failed/archived: " in told.json["checks"][-1]["text"]
