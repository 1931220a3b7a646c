"""What waits of the functions' own log is passed over, as it is where it comes in, and does not stay."""

import pytest

from handler.failures.names import FAILED
from parser.subscription import Event, Subscription, encode
from support.replaying import BAD, BLOCKED, START, Rig

OWN, OTHER = "/flowlogs/x/functions", "/vpc"
KEY = f"{FAILED}2026/01/15/12/20260115T120000.000000Z-1.json.gz"


@pytest.fixture
def own(rig: Rig) -> Rig:
    """Give a stack that knows its own log."""
    rig.environ |= {"OWN_LOG_PREFIX": "/flowlogs/x/", "OWN_ACCOUNT": "1"}
    return rig


def member(log_group: str, *ids: str) -> bytes:
    events = tuple(Event(each, START, "a line") for each in ids)
    return encode(Subscription(owner="1", log_group=log_group, log_stream="s", events=events))


def test_an_object_of_it_is_dropped_and_its_events_are_counted_apart(own: Rig) -> None:
    own.s3.put(KEY, member(OWN, "a", "b"))

    answer = own.run()

    assert (answer["dropped"], answer["own_log"], answer["received"], answer["remaining_objects"]) == (
        1,
        2,
        0,
        0,
    )
    assert (own.index, own.s3.keys()) == (set(), [])


def test_beside_others_it_is_left_out_of_what_is_written_back(own: Rig) -> None:
    own.s3.put(KEY, member(OTHER, "a", "b") + member(OWN, "c") + member(OTHER, "d"))
    own.answer = lambda identity: {"b": BLOCKED, "d": BAD}.get(identity, {"status": 201})

    answer = own.run()

    counts = ("received", "indexed", "pending", "rejected", "own_log", "shortened")
    assert [answer[name] for name in counts] == [3, 1, 1, 1, 1, 1]
    assert (own.index, own.list_waiting()) == ({"a"}, ["b"])


def test_where_nothing_of_its_object_is_settled_it_is_counted_when_that_is(own: Rig) -> None:
    own.s3.put(KEY, member(OTHER, "a") + member(OWN, "b"))
    own.answer = lambda _: BLOCKED

    waiting = [own.run(), own.run()]
    own.answer = lambda _: {"status": 201}
    done = own.run()

    assert [each.get("own_log") for each in (*waiting, done)] == [None, None, 1]
    assert (own.index, own.s3.keys(FAILED)) == ({"a"}, [])


def test_what_is_not_the_own_log_is_delivered(rig: Rig) -> None:
    rig.s3.put(KEY, member(OWN, "a"))

    answer = rig.run()

    assert (answer["indexed"], rig.index) == (1, {"a"})
    assert "own_log" not in answer
