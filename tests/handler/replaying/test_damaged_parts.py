"""An object of which a part is damaged: its payloads are delivered, and only that part is set aside."""

import gzip
from collections import Counter
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handler.failures import FailureStore
from handler.failures.names import FAILED, REJECTED
from handler.failures.rejected_lines import read_lines
from handler.replay import Replay, ReplayError
from handler.summary import Summary
from parser.errors import EnvelopeError
from parser.stored import read_stored
from support.memory_s3 import make_error
from support.replaying import BLOCKED, CREATED, Rig, make_payload, without_threads

KEY = f"{FAILED}2026/01/15/12/20260115T120000.000000Z-x.json.gz"
JUNK = b"neither gzip nor JSON"
CUT = make_payload("lost", "as well")[:-20]


def find_aside(rig: Rig) -> dict[str, bytes]:
    """Return what is set aside, by its reason."""
    keys = [key for key in rig.s3.keys(REJECTED) if key.endswith(".unreadable")]
    return {rig.s3.objects[key].metadata["reason"]: rig.s3.objects[key].data for key in keys}


def replay(rig: Rig, keys: str = FAILED, *, keep: bool = False) -> Summary:
    """Replay what lies there, as by hand."""
    store = FailureStore("bucket", "by-hand")
    run = Replay(rig.environment(), store, time_left=lambda: 240.0, keep=keep)
    return run.run(store.list_pending([keys]))


OBJECTS = {
    "cut": (make_payload("a") + make_payload("b") + CUT, CUT),
    "broken first": (CUT + make_payload("a", "b"), CUT),
    "damaged in the middle": (make_payload("a") + CUT + make_payload("b"), CUT),
    "junk behind": (make_payload("a", "b") + JUNK, JUNK),
}


@pytest.mark.parametrize(("data", "rest"), OBJECTS.values(), ids=OBJECTS)
def test_the_payloads_are_delivered_and_only_the_rest_is_set_aside(
    rig: Rig, data: bytes, rest: bytes
) -> None:
    rig.s3.put(KEY, data)
    rig.put("20260115T120001.000000Z-behind", "c")

    answer = rig.run()

    assert (answer["received"], answer["indexed"], answer["dropped"]) == (3, 3, 2)
    assert (answer["unreadable"], answer["set_aside"], answer["remaining_objects"]) == (1, 0, 0)
    assert rig.index == {"a", "b", "c"}
    (reason,) = find_aside(rig)
    assert find_aside(rig) == {reason: rest}
    assert "gzip" in reason
    (key,) = rig.s3.keys(REJECTED)
    assert rig.s3.objects[key].metadata["was"] == KEY
    assert rig.s3.keys(FAILED) == []


@pytest.mark.parametrize("packed", [False, True], ids=["zcat object", "zcat object | gzip"])
def test_what_zcat_gives_is_delivered(rig: Rig, *, packed: bool) -> None:
    text = gzip.decompress(make_payload("a") + make_payload("b", "c"))
    rig.s3.put(KEY, gzip.compress(text) if packed else text)
    answer = rig.run()
    assert (answer["indexed"], answer["dropped"], answer["unreadable"]) == (3, 1, 0)
    assert rig.s3.keys() == []


def test_what_stays_pending_is_written_back_without_what_is_set_aside(rig: Rig) -> None:
    rig.s3.put(KEY, make_payload("a", "p") + JUNK + make_payload("r"))
    rig.answer = lambda identity: {"p": BLOCKED, "r": refuse_document("r")}.get(identity, CREATED)

    answer = rig.run()

    assert (answer["received"], answer["indexed"], answer["pending"], answer["rejected"]) == (3, 1, 1, 1)
    assert (answer["shortened"], answer["unreadable"]) == (1, 1)
    assert rig.list_waiting() == ["p"]  # reads all of it, and nothing in it is damaged
    assert list(find_aside(rig).values()) == [JUNK]
    rig.answer = lambda _: CREATED
    answer = rig.run()
    assert (answer["indexed"], answer["unreadable"], answer["remaining_objects"]) == (1, 0, 0)


def test_while_nothing_is_settled_it_stays_as_it_is(rig: Rig) -> None:
    rig.s3.put(KEY, make_payload("a") + JUNK)
    rig.answer = lambda _: BLOCKED
    for _ in range(2):
        answer = rig.run()
        assert (answer["left"], answer["unreadable"], answer["pending"]) == (1, 0, 1)
    assert (rig.s3.keys(FAILED), find_aside(rig)) == ([KEY], {})


def test_a_damaged_object_of_control_messages_leaves_what_is_damaged(rig: Rig) -> None:
    rig.s3.put(KEY, make_payload() + JUNK)
    answer = rig.run()
    assert (answer["received"], answer["dropped"], answer["unreadable"]) == (0, 1, 1)
    assert list(find_aside(rig).values()) == [JUNK]


def test_where_the_damaged_part_cannot_be_stored_the_object_stays_whole(rig: Rig) -> None:
    data = make_payload("a", "p") + JUNK
    rig.s3.put(KEY, data)
    rig.answer = lambda identity: BLOCKED if identity == "p" else CREATED

    def refuse(call: str, key: str) -> None:
        if call == "put" and key.startswith(REJECTED):
            raise make_error(403, "AccessDenied")

    rig.s3.before = refuse
    for _ in range(2):
        with pytest.raises(ReplayError, match="1 objects could not be handled"):
            rig.run()
        assert rig.s3.keys(FAILED) == [KEY]  # and what is pending in it is not stored once more
        assert rig.s3.objects[KEY].data == data
    rig.s3.before = lambda *_: None
    rig.answer = lambda _: CREATED
    answer = rig.run()
    assert (answer["indexed"], answer["duplicate"], answer["unreadable"]) == (1, 1, 1)
    assert list(find_aside(rig).values()) == [JUNK]


def test_what_could_not_be_dropped_is_set_aside_under_the_same_name(rig: Rig) -> None:
    rig.s3.put(KEY, make_payload("a") + JUNK)

    def refuse(call: str, _: str) -> None:
        if call == "delete_objects":
            raise make_error(503, "SlowDown")

    rig.s3.before = refuse
    for _ in range(2):
        assert replay(rig).remaining == 1
    rig.s3.before = lambda *_: None
    assert replay(rig).remaining == 0
    assert list(find_aside(rig).values()) == [JUNK]


def test_what_an_earlier_version_set_aside_whole_gives_its_payloads_when_it_is_asked_for(rig: Rig) -> None:
    rig.s3.put(f"{REJECTED}2026/01/15/12/whole.unreadable", make_payload("a") + JUNK + make_payload("b"))

    summary = replay(rig, REJECTED)

    assert (rig.index, summary.counts["indexed"], summary.counts["unreadable"]) == ({"a", "b"}, 2, 1)
    assert list(find_aside(rig).values()) == [JUNK]
    assert replay(rig, REJECTED).remaining == 1  # nothing in it reads, and it stays
    assert list(find_aside(rig).values()) == [JUNK]


def test_an_object_that_is_kept_stays_whole_and_its_damage_is_told(rig: Rig) -> None:
    rig.s3.put(KEY, make_payload("a") + JUNK)
    summary = replay(rig, keep=True)
    assert (summary.counts["indexed"], summary.counts["unreadable"]) == (1, 1)
    assert rig.s3.keys() == [KEY]


def count_ends(rig: Rig) -> Counter[str]:
    """Return how often each event is in the index, waits, or is rejected; "junk" for a damaged part."""
    lines = [
        line
        for key in rig.s3.keys(REJECTED)
        if not key.endswith(".unreadable")
        for line in read_lines(rig.s3.objects[key].data)
    ]
    ends = Counter([*rig.index, *(line["event"]["id"] for line in lines)])
    kept = [*find_aside(rig).values(), *(rig.s3.objects[key].data for key in rig.s3.keys(FAILED))]
    for data in kept:
        with suppress(EnvelopeError):
            ends.update(event.id for each in read_stored(data).payloads for event in each.events)
        ends["junk"] += data.count(JUNK)
    return ends


def refuse_document(identity: str) -> dict[str, Any]:
    """Return what OpenSearch says of a document that cannot be indexed, by its name."""
    reason = f"failed to parse field [x] in document with id '{identity}'"
    return {"status": 400, "error": {"type": "mapper_parsing_exception", "reason": reason}}


class Killed(BaseException):
    """The process is gone."""


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    kinds=st.lists(st.sampled_from(["taken", "blocked", "bad", "junk"]), min_size=1, max_size=6),
    stop=st.integers(0, 12),
)
def test_each_event_is_settled_once_and_each_damaged_part_kept_wherever_a_run_is_killed(
    monkeypatch: pytest.MonkeyPatch, kinds: list[str], stop: int
) -> None:
    without_threads(monkeypatch)
    rig = Rig()
    monkeypatch.setattr("handler.failures.store.connect_s3", lambda: rig.s3)
    monkeypatch.setattr("handler.replay.prepare", rig.environment)
    ids = {f"{number}": kind for number, kind in enumerate(kinds) if kind != "junk"}
    parts = [JUNK if kind == "junk" else make_payload(f"{number}") for number, kind in enumerate(kinds)]
    rig.s3.put(KEY, b"".join(parts))
    blocked = {identity for identity, kind in ids.items() if kind == "blocked"}

    def say(identity: str) -> dict[str, Any]:
        if identity in blocked:
            return BLOCKED
        return refuse_document(identity) if ids[identity] == "bad" else CREATED

    rig.answer = say
    calls = 0

    def die(*_: str) -> None:
        nonlocal calls
        calls += 1
        if calls > stop:
            raise Killed

    rig.s3.before = die
    with suppress(Killed):
        rig.run()
    missing = {*ids, *(["junk"] if "junk" in kinds else [])} - count_ends(rig).keys()
    assert not missing, "nothing is lost at the moment of the kill"
    rig.s3.before = lambda *_: None
    blocked.clear()
    for _ in range(2):
        rig.run()
    assert count_ends(rig) == Counter(list(ids)) + Counter(["junk"] * kinds.count("junk"))
    assert rig.s3.keys(FAILED) == []
