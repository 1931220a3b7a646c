"""What must not stay goes to the bucket, and what the bucket does not take stays in the stream."""

import time
from collections.abc import Iterable
from typing import Any

import pytest

from flowlogs.local.stream import make_records
from handler import stream
from handler.delivery import Delivery
from handler.failures import FailureStore
from handler.report import BatchReport
from parser.subscription import Subscription
from support.stored import decode_all
from support.stream_function import (
    ACCOUNTS,
    BLOCKED,
    JUNK,
    REFUSED,
    TAKEN,
    Context,
    Function,
    make_function,
    payload,
    some,
    stored,
    taken,
    waiting,
)


@pytest.mark.parametrize(
    ("hours", "age", "left"),
    [
        pytest.param("24", 11.9, "0", id="a day, young"),
        pytest.param("24", 12.1, None, id="a day, old"),
        pytest.param("168", 83.9, "0", id="a week, young"),
        pytest.param("168", 84.1, None, id="a week, old"),
    ],
)
@pytest.mark.usefixtures("account")
def test_before_they_could_expire_records_go_to_the_bucket(
    monkeypatch: pytest.MonkeyPatch, hours: str, age: float, left: str | None
) -> None:
    """At half of what the stream keeps, whether the cluster is asked or known to be away."""
    function = make_function(monkeypatch, STREAM_HOURS=hours)
    function.cluster.away = True
    arrived = time.time() - age * 3600

    answers = [function(make_records([payload("1"), payload("2")], arrived=arrived)) for _ in range(2)]

    assert answers == [left, left]
    assert sorted(waiting()) == ([] if left else ["1", "1", "2", "2"])
    counts = [some(each, "received", "pending") for each in function.metrics]
    assert counts == [{"received": 0, "pending": 0} if left else {"received": 2, "pending": 2}] * 2


def test_of_a_record_that_is_taken_in_part_the_rest_goes_to_the_bucket(function: Function) -> None:
    function.cluster.rule = lambda _, identity: BLOCKED if identity == "2" else TAKEN

    assert function(make_records([payload("1", "2"), payload("3")])) is None

    assert (taken(function), waiting()) == (["1", "3"], ["2"])
    assert some(function.metrics[0], *ACCOUNTS) == dict(zip(ACCOUNTS, (3, 2, 0, 1, 0, 0), strict=True))


def test_what_is_left_of_many_records_is_one_object_where_they_shared_a_batch(function: Function) -> None:
    function.cluster.rule = lambda _, identity: BLOCKED if identity in "246" else TAKEN

    assert function(make_records([payload("1", "2"), payload("3", "4"), JUNK, payload("5", "6")])) is None

    (data,) = stored("failed/").values()
    assert [[event.id for event in each.events] for each in decode_all(data)] == [["2"], ["4"], ["6"]]
    assert some(function.metrics[0], *ACCOUNTS) == dict(zip(ACCOUNTS, (6, 3, 0, 3, 0, 0), strict=True))


def test_where_that_object_is_not_taken_the_first_with_a_rest_is_left(
    function: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise OSError("S3 is away")

    monkeypatch.setattr(FailureStore, "_write", refuse)
    function.cluster.rule = lambda _, identity: BLOCKED if identity in "46" else TAKEN

    assert function(make_records([payload("1", "2"), payload("3", "4"), payload("5", "6")])) == "1"
    assert some(function.metrics[0], "received", "records", "records_left") == {
        "received": 2,
        "records": 1,
        "records_left": 2,
    }


@pytest.mark.parametrize("data", [payload("1"), JUNK], ids=["an old payload", "no payload"])
def test_what_the_bucket_does_not_take_stays_in_the_stream(
    function: Function, monkeypatch: pytest.MonkeyPatch, data: str
) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise OSError("S3 is away")

    monkeypatch.setattr(FailureStore, "_write", refuse)
    function.cluster.rule = lambda _, identity: BLOCKED if identity == "1" else TAKEN

    assert function(make_records([payload("0"), data, payload("2")], arrived=0.0)) == "1"

    assert taken(function) == ["0", "2"], "of one batch; the last comes again, as a duplicate"
    assert some(function.metrics[0], "received", "records", "records_left") == {
        "received": 1,
        "records": 1,
        "records_left": 2,
    }
    assert "stream.not_kept" in [each["message"] for each in function.read_log()]


@pytest.mark.parametrize("data", [payload("r2"), JUNK], ids=["rejected", "no payload"])
def test_where_storing_takes_all_time_the_records_behind_come_again(
    function: Function, monkeypatch: pytest.MonkeyPatch, data: str
) -> None:
    """Lambda would stop the function, and hand over all of them."""
    function.cluster.rule = lambda _, identity: REFUSED if identity[0] == "r" else TAKEN
    write, left = FailureStore._write, [60.0]

    def write_slowly(self: FailureStore, *arguments: Any, **named: Any) -> str:
        left[0] = 8.9
        return write(self, *arguments, **named)

    monkeypatch.setattr(FailureStore, "_write", write_slowly)
    event = make_records([payload("r0", "t0"), payload("1"), data, payload("3")])

    assert function(event, Context(seconds=lambda: left[0])) == "2"

    assert len(stored("rejected/")) == 1
    assert some(function.metrics[0], "received", "records", "records_left") == {
        "received": 3,
        "records": 2,
        "records_left": 2,
    }


def test_a_payload_on_which_the_code_fails_goes_to_the_bucket(
    function: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver = Delivery.run

    def fail(self: Delivery, payloads: Iterable[Subscription]) -> BatchReport:
        these = list(payloads)
        if any(event.id == "1" for each in these for event in each.events):
            self.payloads.extend(these)
            raise RuntimeError("a defect")
        return deliver(self, these)

    monkeypatch.setattr(Delivery, "run", fail)

    assert function(make_records([payload("1"), payload("2")])) is None
    assert (taken(function), waiting()) == (["2"], ["1"])


def test_a_rest_is_not_stored_where_what_is_rejected_beside_it_cannot_be(
    function: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record comes again, and the rest would be there under a new name each time."""
    write = FailureStore._write

    def refuse(self: FailureStore, key: str, *arguments: Any, **named: Any) -> str:
        if key.startswith("rejected/"):
            raise OSError("access denied")
        return write(self, key, *arguments, **named)

    function.cluster.rule = lambda _, identity: {"b": BLOCKED, "r": REFUSED}.get(identity[0], TAKEN)
    event = make_records([payload("t1"), payload("b1"), payload("t2", "b2", "r2"), payload("b3")])
    with monkeypatch.context() as patch:
        patch.setattr(FailureStore, "_write", refuse)
        assert function(event) == "2"
        assert waiting() == ["b1"]
        rest = make_records([payload("t2", "b2", "r2"), payload("b3")], first=2)
        assert [function(rest) for _ in range(3)] == ["2"] * 3
        assert waiting() == ["b1"]

    assert function(rest) is None
    assert sorted(waiting()) == ["b1", "b2", "b3"]


def test_records_that_are_handed_to_the_bucket_unsent_share_objects(
    function: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "MOST_EVENTS", 8)
    function.cluster.away = True
    function(make_records([payload("0")]))
    data = [payload(f"{number}.1", f"{number}.2") for number in range(9)]

    assert function(make_records([*data[:3], JUNK, *data[3:]], arrived=0.0)) is None

    objects = [decode_all(each) for each in stored("failed/").values()]
    assert sorted(len(each) for each in objects) == [1, 4, 4]
    assert sorted(waiting()) == [f"{number}.{place}" for number in range(9) for place in (1, 2)]
    assert some(function.metrics[1], "records", "unreadable", "pending") == {
        "records": 10,
        "unreadable": 1,
        "pending": 18,
    }
