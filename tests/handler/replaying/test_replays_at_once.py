"""Two runs of the replay at once, under one request id, in every order of their steps: nothing is lost."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from handler.failures import FailureStore
from handler.failures.names import REJECTED
from handler.failures.rejected_lines import read_lines
from handler.replay import Replay
from handler.replaying import pace
from support.memory_s3 import MemoryS3
from support.replaying import BAD, BLOCKED, CREATED, Rig, Turns, every_order, fix_time, without_threads

IDS = ("a", "b", "c", "d")
Answer = Callable[[str], dict[str, Any]]


def take_one(run: int) -> Answer:
    """Take one event of each run's, and block the others."""
    return lambda identity: CREATED if identity == IDS[run] else BLOCKED


def reject_more(run: int) -> Answer:
    """Reject two events of the first run's, one of them of the second's, which blocks the other."""
    rejected = (("a", "b"), ("a",))[run]
    return lambda identity: BAD if identity in rejected else CREATED if identity == "c" else BLOCKED


def reject_others(run: int) -> Answer:
    """Reject of the second run's what the first one's blocks, and the other way round."""
    return lambda identity: BAD if identity == IDS[run] else BLOCKED


def list_rejected(s3: MemoryS3) -> list[str]:
    """Return the ids of the rejected events, with repetitions."""
    lines = [line for key in s3.keys(REJECTED) for line in read_lines(s3.objects[key].data)]
    return [line["event"]["id"] for line in lines]


SCENES = {
    "each takes one": (take_one, ("abcd",)),
    "one rejects more": (reject_more, ("abcd",)),
    "each rejects what the other blocks": (reject_others, ("abcd",)),
    "each takes one, of a batch": (take_one, ("ab", "cd")),
}


@pytest.mark.parametrize(
    ("answers", "objects"),
    [
        pytest.param(*scene, id=name, marks=[pytest.mark.long] if "reject" in name else [])
        for name, scene in SCENES.items()
    ],
)
def test_no_order_of_two_runs_loses_an_event(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, answers: Callable[[int], Answer], objects: tuple[str, ...]
) -> None:
    fix_time(monkeypatch, datetime(2026, 1, 15, 12, tzinfo=UTC))
    without_threads(monkeypatch)
    monkeypatch.setattr(pace, "FIRST_WINDOW", len(IDS))
    environment = rig.environment()

    def attempt(turns: Turns) -> None:
        rig.s3.objects.clear()
        rig.index.clear()
        for number, ids in enumerate(objects):
            rig.put(f"20260115T120000.000000Z-one-request-{number}", *ids)
        # What DeleteObjects does to each object is a step of its own.
        rig.s3.before = lambda name, _: None if name in ("list", "delete_objects") else turns.step()

        def run(number: int) -> None:
            answer = answers(number)

            def send(*arguments: Any) -> tuple[int, bytes]:
                turns.step()
                rig.answer = answer
                return rig.send(*arguments)

            mine = replace(environment, send=send)
            store = FailureStore("bucket", "one-request")
            # The objects themselves, or what the other run has left of them.
            found = sorted(store.walk({}), key=lambda each: len(each.key))[: len(objects)]
            Replay(mine, store, time_left=lambda: 60.0).run(found)

        turns.run(lambda: run(0), lambda: run(1))
        assert set(IDS) == rig.index | rig.waiting() | set(list_rejected(rig.s3))
        rig.s3.before = lambda *_: None
        rig.answer = lambda _: CREATED
        rig.run()
        assert rig.waiting() == set()
        assert set(IDS) == rig.index | set(list_rejected(rig.s3))

    assert every_order(attempt) > 100
