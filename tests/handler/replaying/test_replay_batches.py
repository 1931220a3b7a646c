"""Objects are replayed in batches: few requests, each object settled for itself, and nothing is lost."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handler import replay as replaying
from handler.environment import Environment
from handler.failures import FailureStore
from handler.failures.names import JOURNAL, REJECTED
from handler.failures.rejected_lines import read_lines
from handler.opensearch import ConnectionFailedError
from handler.replay import Replay, ReplayError
from handler.replaying import dispatch, pace
from handler.summary import Fate, Summary
from parser.bulk import Body, Encoder
from parser.reply import MOST_SPOILERS
from parser.subscription import Event, Subscription, encode
from support.memory_s3 import make_error
from support.replaying import BAD, BLOCKED, CREATED, START, Rig, make_payload, without_threads
from support.stored import decode_all

TOO_MANY = {"status": 429, "error": {"type": "rejected_execution_exception", "reason": "queue is full"}}


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the first batch hold more than one object."""
    monkeypatch.setattr(pace, "FIRST_WINDOW", 100)


def name(number: int) -> str:
    return f"20260115T1200{number:02}.000000Z-{number}"


def count_ends(rig: Rig) -> Counter[str]:
    """Return how often each event is in the index, waits, or is rejected."""
    lines = [line for key in rig.s3.keys(REJECTED) for line in read_lines(rig.s3.objects[key].data)]
    return Counter([*rig.index, *rig.list_waiting(), *(line["event"]["id"] for line in lines)])


def replay(rig: Rig, environment: Environment | None = None, **options: Any) -> Summary:
    """Replay all that waits, as by hand."""
    store = FailureStore("bucket", "by-hand")
    run = Replay(environment or rig.environment(), store, time_left=lambda: 240.0, **options)
    return run.run(store.walk({}))


def test_many_small_objects_are_few_requests_and_few_removals(rig: Rig) -> None:
    for number in range(1_000):
        rig.put(f"20260115T120000.{number:06}Z-x", *(f"{number}-{event}" for event in range(50)))
    answer = rig.run()
    assert (answer["dropped"], answer["indexed"], answer["remaining_objects"]) == (1_000, 50_000, 0)
    assert len(rig.index) == 50_000
    assert rig.s3.keys() == []
    assert answer["bulk_requests"] < 25
    calls = Counter(call for call, _ in rig.s3.calls)
    assert calls["get"] == 1_001  # and the journal
    assert calls["delete_objects"] < 25


@pytest.mark.usefixtures("wide")
def test_what_is_left_of_a_batch_is_one_object_as_old_as_the_oldest(rig: Rig) -> None:
    blocked = {"b", "d", "e"}
    rig.put(name(3), "a", "b")
    key = rig.put(name(1), "c", "d")
    rig.s3.put(key, make_payload("c", "d"), attempts="7")
    other = Subscription(
        owner="2", log_group="/other", log_stream="x", events=(Event("e", START, ""), Event("f", START, ""))
    )
    rig.s3.put("failed/2026/01/15/12/20260115T120002.000000Z-2.json.gz", encode(other))
    rig.answer = lambda identity: BLOCKED if identity in blocked else CREATED

    answer = rig.run()

    assert (answer["shortened"], answer["remaining_objects"], answer["pending"]) == (3, 1, 3)
    (left,) = rig.s3.keys("failed/")
    assert left.startswith("failed/2026/01/15/12/20260115T120001.000000Z-")
    assert rig.s3.objects[left].metadata == {
        "attempts": "8",
        "events": "3",
        "reason": "403 cluster_block_exception",
    }
    assert [
        (each.owner, each.log_group, [event.id for event in each.events])
        for each in decode_all(rig.s3.objects[left].data)
    ] == [("1", "/vpc", ["d"]), ("2", "/other", ["e"]), ("1", "/vpc", ["b"])]
    assert answer["oldest_pending_age"] == pytest.approx(
        (datetime.now(UTC) - datetime(2026, 1, 15, 12, 0, 1, tzinfo=UTC)).total_seconds(), abs=5
    )
    rig.answer = lambda _: CREATED
    assert rig.run()["indexed"] == 3
    assert count_ends(rig) == Counter("abcdef")


@pytest.mark.usefixtures("wide")
def test_an_object_of_which_nothing_is_settled_stays_as_it_is_beside_others(rig: Rig) -> None:
    keys = [rig.put(name(number), *ids) for number, ids in enumerate(("ab", "cd", "ef"))]
    rig.answer = lambda identity: BLOCKED if identity in "cd" else CREATED
    answer = rig.run()
    assert (answer["dropped"], answer["left"], answer["remaining_objects"]) == (2, 1, 1)
    assert rig.s3.keys("failed/") == [keys[1]]
    assert count_ends(rig) == Counter("abcdef")


@pytest.mark.usefixtures("wide")
def test_each_object_has_its_own_rejected_events_under_its_own_name(rig: Rig) -> None:
    for number, ids in enumerate(("ab", "cd", "ef")):
        rig.put(name(number), *ids)
    rig.answer = lambda identity: BAD if identity in "ad" else CREATED
    answer = rig.run()
    assert (answer["dropped"], answer["rejected"], answer["indexed"]) == (3, 2, 4)
    assert [key.rpartition("/")[2][:26] for key in rig.s3.keys(REJECTED)] == [f"{name(0)}-", f"{name(1)}-"]
    assert count_ends(rig) == Counter("abcdef")


ERRORS = {
    "denied": ("AccessDenied", 403, Fate.FAILED),
    "an error of S3": ("InternalError", 500, Fate.FAILED),
    "another object": ("PreconditionFailed", 412, Fate.LEFT),
    "somebody else at it": ("ConditionalRequestConflict", 409, Fate.LEFT),
    "gone": ("NoSuchKey", 404, Fate.DROPPED),
}


@pytest.mark.usefixtures("wide")
@pytest.mark.parametrize(("code", "status", "fate"), ERRORS.values(), ids=ERRORS)
def test_an_object_that_is_not_dropped_is_counted_and_the_others_are_gone(
    rig: Rig, code: str, status: int, fate: Fate
) -> None:
    keys = [rig.put(name(number), *ids) for number, ids in enumerate(("ab", "cd", "ef"))]

    def refuse(call: str, key: str) -> None:
        if (call, key) == ("delete", keys[1]):
            raise make_error(status, code)

    rig.s3.before = refuse
    summary = replay(rig)
    expected = Counter({Fate.DROPPED: 2}) + Counter([fate])
    assert summary.fates == expected
    assert summary.remaining == (fate is not Fate.DROPPED)
    assert rig.s3.keys("failed/") == [keys[1]]
    rig.s3.before = lambda *_: None
    rig.run()
    assert (rig.s3.keys(), count_ends(rig)) == ([], Counter("abcdef"))


@pytest.mark.usefixtures("wide")
def test_what_only_its_removal_failed_of_is_not_delivered_again(rig: Rig) -> None:
    keys = [rig.put(name(number), *ids) for number, ids in enumerate(("ab", "cd", "ef"))]

    def refuse(call: str, key: str) -> None:
        if (call, key) == ("delete", keys[1]):
            raise make_error(403, "AccessDenied")

    rig.s3.before = refuse
    for received in (6, 0, 0):
        with pytest.raises(ReplayError, match="1 objects could not be handled"):
            rig.run()
        assert len(rig.index) == 6
        assert json.loads(rig.s3.objects[JOURNAL].data)["undropped"].keys() == {keys[1]}
        assert Counter(call for call, _ in rig.s3.calls)["get"] == (4 if received else 1)
        rig.s3.calls.clear()
    rig.s3.before = lambda *_: None
    assert rig.run()["dropped"] == 1
    assert rig.s3.keys() == []


def test_where_s3_drops_nothing_a_run_ends_and_nothing_is_lost(rig: Rig) -> None:
    for number in range(40):
        rig.put(name(number), f"id-{number}")

    def refuse(call: str, _: str) -> None:
        if call == "delete_objects":
            raise make_error(503, "SlowDown")

    rig.s3.before = refuse
    with pytest.raises(ReplayError):
        rig.run()
    assert len(rig.s3.keys("failed/")) == 40
    rig.s3.before = lambda *_: None
    answer = rig.run()
    assert (answer["dropped"], answer["remaining_objects"]) == (40, 0)
    assert count_ends(rig) == Counter(f"id-{number}" for number in range(40))


@pytest.mark.usefixtures("wide")
@pytest.mark.parametrize("prefix", ["failed/", REJECTED])
def test_where_the_rest_cannot_be_written_its_object_stays(rig: Rig, prefix: str) -> None:
    keys = [rig.put(name(number), *ids) for number, ids in enumerate(("ab", "cd", "ef"))]
    bad = BLOCKED if prefix == "failed/" else BAD
    rig.answer = lambda identity: bad if identity == "c" else CREATED

    def refuse(call: str, key: str) -> None:
        if call == "put" and key.startswith(prefix):
            raise make_error(503, "SlowDown")

    rig.s3.before = refuse
    with pytest.raises(ReplayError, match="1 objects could not be handled"):
        rig.run()
    assert rig.s3.keys("failed/") == [keys[1]]
    rig.s3.before = lambda *_: None
    rig.answer = lambda _: CREATED
    rig.run()
    assert (rig.s3.keys(), count_ends(rig)) == ([], Counter("abcdef"))


@pytest.mark.usefixtures("wide")
def test_a_rest_is_not_stored_anew_with_each_run_where_what_is_rejected_beside_it_cannot_be(rig: Rig) -> None:
    keys = [rig.put(name(number), *ids) for number, ids in enumerate(("ab", "cd", "ef"))]
    rig.answer = lambda identity: {"a": BLOCKED, "c": BLOCKED, "d": BAD}.get(identity, CREATED)

    def refuse(call: str, key: str) -> None:
        if call == "put" and key.startswith(REJECTED):
            raise make_error(403, "AccessDenied")

    rig.s3.before = refuse
    for _ in range(3):
        with pytest.raises(ReplayError, match="1 objects could not be handled"):
            rig.run()
        assert keys[1] in rig.s3.keys("failed/")
        assert sorted(rig.list_waiting()) == ["a", "c", "d"]
    rig.s3.before = lambda *_: None
    rig.run()
    assert len(rig.s3.keys(REJECTED)) == 1
    assert count_ends(rig) == Counter("abcdef")


@pytest.mark.usefixtures("wide")
def test_one_object_that_makes_the_function_fail_stops_no_other(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [rig.put(name(number), *ids) for number, ids in enumerate(("ab", "cd", "ef"))]
    add = Encoder.add

    def fail(self: Encoder, number: int, subscription: Subscription, *others: Any) -> Iterator[Body]:
        if subscription.events[0].id == "c":
            raise ZeroDivisionError
        return add(self, number, subscription, *others)

    monkeypatch.setattr(Encoder, "add", fail)
    with pytest.raises(ReplayError, match="1 objects could not be handled"):
        rig.run()
    assert rig.s3.keys("failed/") == [keys[1]]
    assert count_ends(rig) == Counter("abcdef")


def test_unreadable_objects_are_set_aside_beside_the_batch(rig: Rig) -> None:
    for number in range(0, 40, 2):
        rig.put(name(number), f"id-{number}")
        rig.s3.put(f"failed/2026/01/15/12/{name(number + 1)}.json.gz", b"garbage %d" % number)
    answer = rig.run()
    assert (answer["dropped"], answer["set_aside"], answer["remaining_objects"]) == (20, 20, 0)
    assert len(rig.index) == 20


def test_while_the_cluster_is_away_one_object_is_tried_and_the_others_are_counted(rig: Rig) -> None:
    for number in range(60):
        rig.put(name(number), f"id-{number}")
    asked: list[int] = []

    def away(body: Body, _: float) -> tuple[int, bytes]:
        asked.append(body.count)
        raise ConnectionFailedError("timeout", "Read timed out")

    environment = replace(rig.environment(), send=away)
    summary = replay(rig, environment)
    assert (asked, summary.refused, summary.remaining) == ([1], True, 60)
    assert summary.counts["pending"] == 1
    assert sum(call == "get" for call, _ in rig.s3.calls) <= 3  # it is not read what nobody takes
    assert len(rig.waiting()) == 60


def test_where_small_requests_are_refused_few_events_are_rejected_for_that(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Large ones pass, so that each event that is refused alone seems to be at fault itself."""
    refusal = {"error": {"type": "bad_request", "reason": "request body too short"}, "status": 400}

    def refuse_small(body: Body, seconds: float) -> tuple[int, bytes]:
        if body.count <= 2:
            return 400, json.dumps(refusal).encode()
        return rig.send(body, seconds)

    monkeypatch.setattr(pace, "FIRST_WINDOW", 1)
    monkeypatch.setattr(pace, "STEP", 0, raising=False)
    monkeypatch.setattr(Encoder, "is_full", property(lambda _: True))  # each object is a batch
    rig.put(name(0), *(f"large-{each}" for each in range(10)))
    for number in range(1, 60):
        rig.put(name(number), f"id-{number}")

    summary = replay(rig, replace(rig.environment(), send=refuse_small))

    assert summary.damaged
    assert summary.counts["indexed"] == 10
    assert MOST_SPOILERS < summary.counts["rejected"] <= MOST_SPOILERS + pace.MOST_REQUESTS
    assert count_ends(rig) == Counter(
        [*(f"large-{n}" for n in range(10)), *(f"id-{n}" for n in range(1, 60))]
    )


def test_the_cluster_goes_away_in_the_middle(rig: Rig) -> None:
    for number in range(300):
        rig.put(f"20260115T120000.{number:06}Z-x", *(f"{number}-{event}" for event in range(50)))
    requests = 0

    def send(body: Body, seconds: float) -> tuple[int, bytes]:
        nonlocal requests
        requests += 1
        if requests > 4:
            raise ConnectionFailedError("timeout", "Read timed out")
        return rig.send(body, seconds)

    summary = replay(rig, replace(rig.environment(), send=send))
    assert summary.refused
    assert 0 < summary.fates[Fate.DROPPED] < 300
    assert summary.remaining == len(rig.s3.keys("failed/")) == 300 - summary.fates[Fate.DROPPED]
    ends = count_ends(rig)
    assert (len(ends), set(ends.values())) == (15_000, {1})


def test_an_object_of_many_payloads_that_is_delivered_in_part_is_shortened(rig: Rig) -> None:
    events = [
        tuple(Event(f"{number}-{event}", START, "x" * 500) for event in range(100)) for number in range(6)
    ]
    members = [
        encode(Subscription(owner="1", log_group="/vpc", log_stream=str(number), events=each))
        for number, each in enumerate(events)
    ]
    rig.s3.put(f"failed/2026/01/15/12/{name(0)}.json.gz", b"".join(members))
    sent: list[int] = []

    def send(body: Body, seconds: float) -> tuple[int, bytes]:
        sent.append(body.count)
        if len(sent) > 1:
            raise ConnectionFailedError("timeout", "Read timed out")
        return rig.send(body, seconds)

    found = rig.environment()
    environment = replace(found, send=send, config=replace(found.config, max_bulk_bytes=64 * 1024))
    summary = replay(rig, environment)
    assert (summary.fates, summary.remaining) == (Counter({Fate.SHORTENED: 1}), 1)
    counts = summary.counts
    assert counts["received"] == counts["indexed"] + counts["pending"] == 600
    assert 0 < counts["indexed"] == len(rig.index) < 600
    ends = count_ends(rig)
    assert (len(ends), set(ends.values())) == (600, {1})
    rig.run()
    assert (len(rig.index), rig.s3.keys()) == (600, [])


def test_a_large_object_is_in_hand_alone(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handler.replaying.opening.LARGE", 0)
    for number in range(5):
        rig.put(name(number), f"id-{number}")
    sent: list[int] = []

    def send(body: Body, seconds: float) -> tuple[int, bytes]:
        sent.append(body.count)
        return rig.send(body, seconds)

    assert replay(rig, replace(rig.environment(), send=send)).fates == Counter({Fate.DROPPED: 5})
    assert sent == [1] * 5


def test_quick_answers_let_more_requests_be_on_their_way_and_one_that_asks_for_patience_fewer(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "STEP", 1_000)
    monkeypatch.setattr("handler.delivery.FIRST_DELAY", 0.001)
    for number in range(400):
        rig.put(f"20260115T120000.{number:06}Z-x", *(f"{number}-{event}" for event in range(50)))
    lock = threading.Lock()
    meeting = threading.Barrier(pace.MOST_REQUESTS)
    together: list[int] = []
    now = 0
    met = False

    def send(body: Body, seconds: float) -> tuple[int, bytes]:
        nonlocal now, met
        with lock:
            now += 1
            together.append(now)
        # Others come while this one waits, or they never do.
        if not met and body.count > 100:
            try:
                meeting.wait(0.3)
                met = True
            except threading.BrokenBarrierError:
                meeting.reset()
        with lock:
            now -= 1
            return rig.send(body, seconds)

    found = rig.environment()
    environment = replace(found, send=send, config=replace(found.config, max_bulk_bytes=64 * 1024))
    summary = replay(rig, environment)
    assert summary.fates == Counter({Fate.DROPPED: 400})
    assert len(rig.index) == 20_000
    assert max(together) == pace.MOST_REQUESTS


def test_a_cluster_that_asks_for_patience_gets_smaller_batches(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handler.delivery.FIRST_DELAY", 0.001)
    for number in range(200):
        rig.put(f"20260115T120000.{number:06}Z-x", *(f"{number}-{event}" for event in range(50)))
    sizes: list[int] = []
    limit = 1_500

    def send(body: Body, seconds: float) -> tuple[int, bytes]:
        sizes.append(body.count)
        if body.count > limit:
            return 429, json.dumps({"error": TOO_MANY["error"], "status": 429}).encode()
        return rig.send(body, seconds)

    environment = replace(rig.environment(), send=send)
    summary = replay(rig, environment)
    assert any(size > limit for size in sizes)
    assert summary.counts["received"] == sum(
        summary.counts[each] for each in ("indexed", "duplicate", "pending", "rejected")
    )
    ends = count_ends(rig)
    assert (len(ends), set(ends.values())) == (10_000, {1})


def test_a_rate_is_not_exceeded(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(20):
        rig.put(name(number), *(f"{number}-{event}" for event in range(5)))
    slept: list[float] = []
    clock = [0.0]

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock[0] += seconds

    monkeypatch.setattr(replaying, "time", SimpleNamespace(perf_counter=lambda: clock[0], sleep=sleep))
    summary = replay(rig, rate=10)
    assert summary.counts["indexed"] == 100
    assert 8.0 <= clock[0] <= 10.0


def test_of_each_object_is_told_what_became_of_it(rig: Rig) -> None:
    keys = [rig.put(name(number), *ids) for number, ids in enumerate(("ab", "cd", "ef"))]
    rig.answer = lambda identity: BLOCKED if identity in "cd" else BAD if identity == "e" else CREATED
    told: dict[str, Counter[str]] = {}
    replay(rig, keep=True, done=lambda each, counts: told.update({each.key: counts}))
    assert told == {
        keys[0]: Counter(received=2, indexed=2),
        keys[1]: Counter(received=2, pending=2),
        keys[2]: Counter(received=2, indexed=1, rejected=1),
    }
    assert rig.s3.keys() == keys


def test_a_backlog_that_is_not_counted_to_its_end_says_so(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(12):
        rig.put(name(number), f"id-{number}")
    rig.answer = lambda _: BLOCKED
    for most, told in ((5, (5, 1)), (12, (12, 0)), (100, (12, 0))):
        monkeypatch.setattr(replaying, "MOST_COUNTED", most)
        monkeypatch.setattr(Replay, "_must_end", lambda _: True)
        answer = rig.run()
        assert (answer["remaining_objects"], answer["uncounted_objects"]) == told


def test_odd_keys_are_dropped_one_by_one(rig: Rig) -> None:
    # XML, in which DeleteObjects is written, has no place for a control character.
    keys = ["failed/a\x01b", "failed/plain", "failed/é\u200b"]
    for number, key in enumerate(keys):
        rig.s3.put(key, make_payload(f"id-{number}"))
    assert rig.run()["dropped"] == 3
    assert rig.s3.keys() == []


ITEMS = (CREATED, CREATED, BLOCKED, BAD, TOO_MANY)


@given(
    sizes=st.lists(st.integers(0, 4), min_size=1, max_size=8),
    says=st.lists(st.integers(0, len(ITEMS) - 1), min_size=1, max_size=9),
    faults=st.lists(st.sampled_from(["put", "delete", "delete_objects", "get"]), max_size=3),
    window=st.sampled_from([1, 3, 100]),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_cluster_and_s3_say_each_event_ends_somewhere(
    rig: Rig, sizes: list[int], says: list[int], faults: list[str], window: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        without_threads(patch)
        patch.setattr(pace, "FIRST_WINDOW", window)
        patch.setattr("handler.delivery.FIRST_DELAY", 0.0)
        rig.s3.objects.clear()
        rig.index.clear()
        expected = Counter[str]()
        for number, size in enumerate(sizes):
            ids = [f"{number}-{event}" for event in range(size)]
            expected.update(ids)
            rig.put(name(number), *ids)
        rig.answer = lambda identity: ITEMS[says[hash(identity) % len(says)]]
        left = list(faults)

        def fail(call: str, key: str) -> None:
            if call in left and not key.startswith("replaying"):
                left.remove(call)
                raise make_error(503, "SlowDown")

        rig.s3.before = fail
        summary = replay(rig)
        counts = summary.counts
        assert counts["unaccounted"] == 0
        assert counts["received"] == sum(
            counts[each] for each in ("indexed", "duplicate", "pending", "rejected")
        )
        assert set(count_ends(rig)) == set(expected)
        rig.s3.before = lambda *_: None
        rig.answer = lambda _: CREATED
        replay(rig)
        assert rig.s3.keys("failed/") == []
        assert set(count_ends(rig)) == set(expected)


def test_a_batch_holds_no_more_events_for_being_the_same_again_and_again(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is in no body fills none; so the pace must not take rows for smaller than they are."""
    for number in range(150):
        rig.put(f"20260115T120000.{number:06}Z-x", *(f"{event}" for event in range(1_000)))
    in_hand = 0
    deliver = dispatch.Dispatch._deliver

    def note(self: dispatch.Dispatch, payloads: list[Subscription], *rest: Any) -> Any:
        nonlocal in_hand
        in_hand = max(in_hand, sum(len(each.events) for each in payloads))
        return deliver(self, payloads, *rest)

    monkeypatch.setattr(dispatch.Dispatch, "_deliver", note)
    answer = rig.run()
    assert (answer["received"], answer["indexed"], answer["duplicate"]) == (150_000, 1_000, 149_000)
    size = answer["bulk_bytes"] / (1_000 * answer["bulk_requests"])
    assert in_hand <= rig.environment().config.max_bulk_bytes / size + 1_000
