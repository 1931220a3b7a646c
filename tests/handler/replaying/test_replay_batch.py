"""A batch of a stream that Lambda gave up is taken apart: its payloads are delivered like all others."""

import gzip
import json
from pathlib import Path

import pytest

from flowlogs.local.stream import make_records
from flowlogs.traffic.day import encode_event
from handler import replay
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


class Stopped(BaseException):
    """Lambda stops the function: nothing of it runs any more."""


class SlowStore:
    """A clock that goes on with each object that is written."""

    def __init__(self, rig: Rig, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = 0.0
        self.duplicates = 0
        self._seconds = seconds
        rig.s3.before = self.write
        monkeypatch.setattr(replay, "measure_time", lambda _: lambda: self.left)

    def write(self, name: str, key: str) -> None:
        """Take time for what is no journal."""
        if name == "put" and not key.startswith("replaying/"):
            self.left -= self._seconds

    def run(self, rig: Rig, seconds: float) -> dict[str, int]:
        """Invoke the replay function with so much time."""
        self.left = seconds
        answer = rig.run()
        self.duplicates += answer["duplicate"]
        return answer


@pytest.fixture
def slow(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> SlowStore:
    monkeypatch.setattr("handler.discarded.MOST_EVENTS", 2)
    return SlowStore(rig, 1.0, monkeypatch)


def test_each_run_goes_on_with_a_batch_where_the_last_one_stopped(rig: Rig, slow: SlowStore) -> None:
    junk = ["bm8gcGF5bG9hZA==" + "A" * 4 * each for each in range(5)]
    events = [payload(f"{each}") for each in range(9)]
    put_batch(rig, junk[0], *events[:4], *junk[1:4], *events[4:], junk[4])

    # Each object takes a second, and with less than three left no further record is begun.
    runs = []
    while rig.s3.keys(ON_FAILURE):
        answer = slow.run(rig, 5.5)
        runs.append((len(rig.s3.keys(REJECTED)), answer["unreadable"], answer["indexed"], answer["left"]))
        assert len(runs) < 10

    assert runs == [(3, 3, 0, 1), (5, 2, 0, 1), (5, 0, 2, 1), (5, 0, 6, 0)]
    slow.run(rig, 60)
    assert rig.index == {f"{each}" for each in range(9)}
    assert slow.duplicates == 0
    assert rig.s3.keys() == rig.s3.keys(REJECTED)


def test_a_batch_that_no_journal_can_remember_is_begun_only_with_time_for_all_of_it(
    rig: Rig, slow: SlowStore
) -> None:
    """With each run, what it stores of it would be there once more."""
    put_batch(rig, *[payload(f"{each}") for each in range(100)])
    count = slow.write

    def deny(name: str, key: str) -> None:
        count(name, key)
        if name == "put" and key.startswith("replaying/"):
            raise make_error(403, "AccessDenied")

    rig.s3.before = deny

    for _ in range(3):
        assert slow.run(rig, 9.5)["left"] == 1
    assert rig.s3.keys() == [KEY]
    slow.run(rig, 200)
    assert rig.s3.keys(ON_FAILURE) == []


def test_another_batch_of_that_name_is_begun_at_its_beginning(rig: Rig, slow: SlowStore) -> None:
    put_batch(rig, *[payload(f"{each}") for each in range(8)])
    slow.run(rig, 4.5)
    put_batch(rig, payload("another"))

    slow.run(rig, 60)
    slow.run(rig, 60)

    assert "another" in rig.index


def test_a_run_that_is_stopped_behind_a_portion_stores_no_more_than_that_twice(
    rig: Rig, slow: SlowStore
) -> None:
    put_batch(rig, *[payload(f"{each}") for each in range(8)])
    written = []

    def stop(name: str, key: str) -> None:
        written.append(key)
        if [each for each in written if each.startswith(FAILED)][2:] and key.startswith("replaying/"):
            raise Stopped

    rig.s3.before = stop
    with pytest.raises(Stopped):
        slow.run(rig, 60)
    rig.s3.before = slow.write
    for _ in range(4):
        slow.run(rig, 60)

    assert rig.index == {f"{each}" for each in range(8)}
    assert slow.duplicates == 2
    assert rig.s3.keys() == []


@pytest.mark.parametrize("text", ["{}", '{"KinesisBatchInfo": {}}'])
def test_a_record_without_its_batch_is_set_aside(rig: Rig, text: str) -> None:
    rig.s3.put(KEY, text.encode())

    assert rig.run()["set_aside"] == 1


def test_the_sample_is_read(rig: Rig, project: Path) -> None:
    rig.s3.put(KEY, (project / "events" / "stream" / "discarded-batch.json").read_bytes())

    rig.run()

    assert rig.run()["received"] == 9
