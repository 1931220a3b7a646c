"""A batch of a stream that Lambda gave up is taken apart: its payloads are delivered like all others."""

import gzip
import json
from pathlib import Path

import pytest

from flowlogs.local.stream import make_records
from flowlogs.traffic.day import encode_event
from handler.failures.names import FAILED, ON_FAILURE, REJECTED
from handler.replay import ReplayError
from support.memory_s3 import make_error
from support.replaying import START, Rig

KEY = f"{ON_FAILURE}0f5e2c1a/shardId-000000000000/2026/01/16/2026-01-16T06.07.01-1"


def put_batch(rig: Rig, *data: str) -> None:
    document = {"KinesisBatchInfo": {"batchSize": len(data)}, "payload": json.dumps(make_records(data))}
    rig.s3.put(KEY, json.dumps(document).encode())


def payload(*ids: str, timestamp: int = START) -> str:
    rows: list[dict[str, object]] = [{"id": each, "timestamp": timestamp, "message": "m"} for each in ids]
    return encode_event("1", "/vpc", "eni-1", rows)["awslogs"]["data"]


def test_the_payloads_of_a_batch_become_one_object_and_are_delivered_by_the_next_run(rig: Rig) -> None:
    put_batch(rig, payload("a", "b"), "bm8gcGF5bG9hZA==", payload("c"))

    first = rig.run()

    assert (first["shortened"], first["unreadable"], first["received"]) == (1, 1, 0)
    assert rig.s3.keys(ON_FAILURE) == []
    assert len(rig.s3.keys(FAILED)) == 1
    assert rig.list_waiting() == ["a", "b", "c"]
    (key,) = rig.s3.keys(REJECTED)
    assert key.endswith(".unreadable")
    assert rig.s3.objects[key].data == b"no payload"

    second = rig.run()

    assert (second["received"], second["indexed"], second["dropped"]) == (3, 3, 1)
    assert rig.index == {"a", "b", "c"}
    assert rig.s3.keys(FAILED) == []


def test_a_batch_without_a_payload_leaves_no_object(rig: Rig) -> None:
    put_batch(rig, "bm8gcGF5bG9hZA==", payload())

    answer = rig.run()

    assert (answer["unreadable"], answer["remaining_objects"]) == (1, 0)
    assert (rig.s3.keys(FAILED), rig.s3.keys(ON_FAILURE)) == ([], [])


def test_a_run_that_is_stopped_on_the_way_loses_nothing(rig: Rig) -> None:
    put_batch(rig, payload("a"), payload("b"))
    batch = rig.s3.objects[KEY].data
    rig.run()
    rig.s3.put(KEY, batch)  # it was not dropped yet

    rig.run()
    rig.run()

    assert rig.index == {"a", "b"}
    assert (rig.s3.keys(FAILED), rig.s3.keys(ON_FAILURE)) == ([], [])


def test_events_that_no_index_takes_are_rejected_with_their_reason(rig: Rig) -> None:
    put_batch(rig, payload("a", timestamp=-1), payload(""))

    rig.run()

    lines = [gzip.decompress(rig.s3.objects[key].data) for key in rig.s3.keys(REJECTED)]
    assert {json.loads(each)["error_type"] for each in lines} == {"unusable_event"}
    assert len(lines) == 2
    assert rig.s3.keys(FAILED) == []


def test_a_batch_is_not_stored_anew_with_each_run_where_what_is_for_people_cannot_be_stored(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deny(name: str, key: str) -> None:
        if name == "put" and key.startswith(REJECTED):
            raise make_error(403, "AccessDenied")

    monkeypatch.setattr("handler.discarded.MOST_EVENTS", 1)
    put_batch(rig, payload("a"), payload("b"), "bm8gcGF5bG9hZA==", payload("", "c"))
    rig.s3.before = deny

    for _ in range(3):
        with pytest.raises(ReplayError):
            rig.run()

    assert (rig.s3.keys(FAILED), rig.s3.keys(ON_FAILURE)) == ([], [KEY])
    rig.s3.before = lambda *_: None
    assert rig.run()["unreadable"] == 1
    assert rig.run()["duplicate"] == 0
    assert rig.index == {"a", "b", "c"}


def test_a_batch_that_there_is_no_time_for_stays(rig: Rig) -> None:
    put_batch(rig, *[payload(str(each)) for each in range(100)])

    answer = rig.run(seconds=15)

    assert (answer["left"], answer["remaining_objects"]) == (1, 1)
    assert rig.s3.keys(FAILED) == []


@pytest.mark.parametrize("text", ["{}", '{"KinesisBatchInfo": {}}'])
def test_a_record_without_its_batch_is_set_aside(rig: Rig, text: str) -> None:
    rig.s3.put(KEY, text.encode())

    assert rig.run()["set_aside"] == 1


def test_the_sample_is_read(rig: Rig, project: Path) -> None:
    rig.s3.put(KEY, (project / "events" / "stream" / "discarded-batch.json").read_bytes())

    rig.run()

    assert rig.run()["received"] == 9
