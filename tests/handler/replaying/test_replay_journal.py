"""What one object can do to a replay: it never blocks it, whatever it is, and each run starts cold."""

import json
from typing import Any, NoReturn

import pytest

from handler.failures.content import Content
from handler.failures.names import JOURNAL, REJECTED
from handler.journal import MOST_STOPS
from handler.replay import ReplayError
from handler.replaying.opening import MOST_REFUSED
from parser.stored import Parts
from parser.subscription import MAX_PAYLOAD
from support.memory_s3 import make_error
from support.replaying import BLOCKED, CREATED, Rig, make_payload


class Killed(BaseException):
    """Lambda stops the function: nothing of it runs any more."""


@pytest.fixture
def killer(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give the key of an object that takes more memory than there is."""
    key = rig.put("20260115T120001.000000Z-killer", "k")
    data = rig.s3.objects[key].data
    decode = Content.decode

    def die_of_memory(self: Content) -> Parts:
        if self.data != data:
            return decode(self)
        return die(rig)

    monkeypatch.setattr(Content, "decode", die_of_memory)
    return key


def run_killed(rig: Rig) -> None:
    with pytest.raises(Killed):
        rig.run()
    rig.s3.before = lambda *_: None


def read_journal(rig: Rig) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(rig.s3.objects[JOURNAL].data)
    return found


def test_an_object_that_kills_each_run_is_found_passed_and_set_aside(rig: Rig, killer: str) -> None:
    rig.put("20260115T120000.000000Z-before", "a")
    rig.put("20260115T120002.000000Z-behind", "b")

    run_killed(rig)  # it cannot say at which object
    assert (rig.index, "in_hand" in read_journal(rig)) == ({"a"}, False)
    run_killed(rig)  # it names each object
    assert read_journal(rig)["in_hand"] == killer
    run_killed(rig)  # it begins behind the killer
    assert (rig.index, read_journal(rig)["stops"]) == ({"a", "b"}, {killer: 1})
    run_killed(rig)
    answer = rig.run()

    assert (answer["set_aside"], answer["unreadable"], answer["remaining_objects"]) == (1, 1, 0)
    (aside,) = rig.s3.keys(REJECTED)
    assert rig.s3.objects[aside].data == make_payload("k")
    assert rig.s3.objects[aside].metadata == {
        "reason": f"{MOST_STOPS} runs were stopped with this object in hand",
        "was": killer,
    }
    assert rig.s3.keys() == [aside]  # the journal is gone as well


def test_one_stop_is_no_fault_of_the_object_in_hand(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.put("20260115T120000.000000Z-a", "a")
    with monkeypatch.context() as patch:
        patch.setattr(Content, "decode", lambda _: die(rig))
        run_killed(rig)
        run_killed(rig)
    answer = rig.run()
    assert (answer["dropped"], rig.index, rig.s3.keys()) == (1, {"a"}, [])


def die(rig: Rig) -> NoReturn:
    def refuse(*_: object) -> None:
        raise Killed

    rig.s3.before = refuse
    raise Killed


def test_what_stopped_a_run_once_is_named_again_in_the_next(rig: Rig, killer: str) -> None:
    for _ in range(2):
        run_killed(rig)
    rig.answer = lambda _: BLOCKED
    rig.put("20260115T120002.000000Z-behind", "b")
    rig.run(seconds=1)  # no time for any object: the run ends well, and the killer is not forgotten
    assert read_journal(rig)["stops"] == {killer: 1}
    run_killed(rig)
    assert read_journal(rig)["in_hand"] == killer


def test_a_run_beside_another_leaves_its_journal_alone(rig: Rig) -> None:
    journal = json.dumps({"until": rig.now + 100, "in_hand": "failed/x"}).encode()
    rig.s3.put(JOURNAL, journal)
    rig.put("20260115T120000.000000Z-a", "a")
    assert rig.run()["dropped"] == 1
    assert rig.s3.objects[JOURNAL].data == journal


@pytest.mark.parametrize(
    "data",
    [b"", b"no JSON", b"[]", b'{"until": "soon"}', b'{"position": [1]}', b"\xff", b'{"in_hand": "\xff"}'],
)
def test_a_journal_that_nobody_wrote_stops_nothing(rig: Rig, data: bytes) -> None:
    rig.s3.put(JOURNAL, data)
    rig.put("20260115T120000.000000Z-a", "a")
    assert rig.run()["dropped"] == 1
    assert rig.s3.keys() == []


@pytest.mark.parametrize("name", ["get", "put", "delete"])
def test_a_journal_that_s3_refuses_stops_nothing(rig: Rig, name: str) -> None:
    def refuse(call: str, key: str) -> None:
        if (call, key) == (name, JOURNAL):
            raise make_error(403, "AccessDenied")

    rig.s3.before = refuse
    rig.put("20260115T120000.000000Z-a", "a")
    assert rig.run()["dropped"] == 1


def test_where_nothing_waits_nothing_is_written(rig: Rig) -> None:
    rig.run()
    assert {name for name, _ in rig.s3.calls} == {"get", "list"}


def test_a_run_that_names_nothing_writes_its_journal_once(rig: Rig) -> None:
    for number in range(20):
        rig.put(f"20260115T120000.000000Z-{number:02}", f"id-{number}")
    assert rig.run()["dropped"] == 20
    assert [name for name, key in rig.s3.calls if key == JOURNAL] == ["get", "put", "delete"]


@pytest.mark.parametrize(
    ("status", "code"),
    [(403, "InvalidObjectState"), (403, "AccessDenied"), (400, "KMS.DisabledException")],
)
def test_objects_that_s3_does_not_give_do_not_end_a_run(rig: Rig, status: int, code: str) -> None:
    withheld = [rig.put(f"20260115T120000.000000Z-{number}", f"w{number}") for number in range(5)]
    rig.put("20260115T120001.000000Z-behind", "b")

    def refuse(call: str, key: str) -> None:
        if call == "get" and key in withheld:
            raise make_error(status, code)

    rig.s3.before = refuse
    with pytest.raises(ReplayError, match="5 objects could not be handled"):
        rig.run()
    assert rig.index == {"b"}
    assert rig.s3.keys("failed/") == withheld


def test_many_objects_that_s3_does_not_give_end_a_run_and_the_next_begins_behind_them(rig: Rig) -> None:
    withheld = [
        rig.put(f"20260115T120000.000000Z-{number:03}", f"w{number}") for number in range(MOST_REFUSED)
    ]
    rig.put("20260115T120001.000000Z-behind", "b")

    def refuse(call: str, key: str) -> None:
        if call == "get" and key in withheld:
            raise make_error(403, "AccessDenied")

    rig.s3.before = refuse
    for _ in range(2):
        with pytest.raises(ReplayError):
            rig.run()
    assert rig.index == {"b"}


def test_defects_at_three_objects_do_not_block_what_is_behind(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        rig.put(f"20260115T120000.000000Z-{number}", "bad")
    rig.put("20260115T120001.000000Z-behind", "b")
    decode = Content.decode

    def fail(self: Content) -> Parts:
        if self.data == make_payload("bad"):
            raise ZeroDivisionError
        return decode(self)

    monkeypatch.setattr(Content, "decode", fail)
    for _ in range(2):
        with pytest.raises(ReplayError):
            rig.run()
    assert rig.index == {"b"}


def test_an_object_that_is_too_large_is_set_aside_unread(rig: Rig) -> None:
    rig.s3.put("failed/alien", bytes(MAX_PAYLOAD + 1))
    answer = rig.run()
    assert answer["set_aside"] == 1
    assert ("get", "failed/alien") not in rig.s3.calls
    (aside,) = rig.s3.keys(REJECTED)
    assert rig.s3.objects[aside].metadata["reason"] == "object has 25165825 bytes, and 25165824 are the most"


def test_what_cannot_be_dropped_is_settled_once(rig: Rig) -> None:
    rig.put("20260115T120000.000000Z-a", "a", "b")
    rig.answer = lambda identity: CREATED if identity == "a" else BLOCKED

    def refuse(call: str, key: str) -> None:
        if call == "delete" and key != JOURNAL:
            raise make_error(403, "AccessDenied")

    rig.s3.before = refuse
    for _ in range(5):
        with pytest.raises(ReplayError, match="1 objects could not be handled"):
            rig.run()
    assert len(rig.s3.keys("failed/")) == 2  # the object, and what is left of it, once
    assert rig.waiting() == {"a", "b"}
    rig.s3.before = lambda *_: None
    rig.answer = lambda _: CREATED
    rig.run()
    assert (rig.index, rig.s3.keys()) == ({"a", "b"}, [])


def test_an_object_that_is_overwritten_during_its_replay_stays(rig: Rig) -> None:
    key = rig.put("20260115T120000.000000Z-a", "a")

    def overwrite(identity: str) -> dict[str, Any]:
        if identity == "a":
            rig.s3.put(key, make_payload("new"))
        return CREATED

    rig.answer = overwrite
    assert rig.run()["left"] == 1
    assert rig.waiting() == {"new"}
    assert rig.run()["dropped"] == 1
    assert (rig.index, rig.s3.keys()) == ({"a", "new"}, [])


def test_an_object_that_is_overwritten_while_it_is_set_aside_stays(rig: Rig) -> None:
    rig.s3.put("failed/x", b"garbage")

    def overwrite(call: str, _: str) -> None:
        if call == "copy":
            rig.s3.put("failed/x", make_payload("new"))

    rig.s3.before = overwrite
    assert rig.run()["left"] == 1
    assert (rig.waiting(), rig.s3.keys(REJECTED)) == ({"new"}, [])


def test_an_object_that_another_run_has_dropped_is_no_failure(rig: Rig) -> None:
    key = rig.put("20260115T120000.000000Z-a", "a")

    def drop(_: str) -> dict[str, Any]:
        del rig.s3.objects[key]
        return CREATED

    rig.answer = drop
    assert rig.run()["dropped"] == 1
