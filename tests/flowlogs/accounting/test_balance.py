"""The equations by themselves: what adds up, what a difference means, and what is said in the end."""

from datetime import timedelta
from typing import Any

import pytest

from flowlogs.accounting.balance import Check, Range, Sources, State, check
from flowlogs.accounting.conclusion import Conclusion, conclude, summarize
from flowlogs.accounting.edges import Edges
from flowlogs.accounting.stored import Stored
from support.accounted import ARRIVED, NOT_KNOWN, RECEIVED, RECEIVED_ARRIVED, SETTLED


def counted(**counts: int) -> dict[str, int]:
    return {**dict.fromkeys(("received", "indexed", "duplicate", "pending", "rejected"), 0), **counts}


def full(count: int) -> Range:
    return Range(count, count, count)


def balance(**said: Any) -> tuple[bool, dict[str, Check]]:  # of Sources
    checks = check(Sources(**{"bucket": full(0), "stored": Stored(), **said}))
    return conclude(checks) is Conclusion.ADDS_UP, {each.name: each for each in checks}


@pytest.mark.parametrize(
    ("inside", "summary"),
    [
        (100_000, "It adds up."),
        (
            99_000,
            "It adds up, as far as the edges allow: 1,000 events not shown by the index may lie beyond them.",
        ),
        (
            100_001,
            "It adds up, as far as the edges allow: 1 event more than were delivered may lie beyond them.",
        ),
        (98_999, NOT_KNOWN),
        (90_000, "It does not add up."),
    ],
)
def test_what_may_lie_beyond_the_edges_is_said_in_the_end(inside: int, summary: str) -> None:
    counts = counted(received=100_000, indexed=100_000)
    edges = Edges(timedelta(minutes=15), timedelta(minutes=15), known=True)
    found = Range(inside, inside - 1042, inside + 1042)
    said = Sources(
        forwarded=100_000,
        forward=counts,
        replay=counted(),
        documents=found,
        bucket=full(0),
        stored=Stored(),
        edges=edges,
    )
    assert summarize(check(said)) == summary


def test_a_delivery_that_came_twice_is_explained_by_the_duplicates() -> None:
    counts = counted(received=15, indexed=10, duplicate=5)
    fine, checks = balance(forwarded=10, forward=counts, documents=full(10))
    assert (fine, checks[RECEIVED].text) == (
        True,
        "10 forwarded, 15 received: 5 came more than once, and counted as duplicate",
    )


def test_invocations_that_failed_are_explained_once_their_events_arrived() -> None:
    counts = counted(received=6, indexed=6)
    fine, checks = balance(forwarded=10, forward=counts, documents=full(10))
    assert fine
    assert checks[RECEIVED].text.endswith("All arrived, by a retry or a replay")
    fine, checks = balance(
        forwarded=10, forward=counts, documents=full(6), bucket=full(4), stored=Stored({"a": 1}, on_failure=4)
    )
    assert not fine
    assert checks[RECEIVED].state is State.OK  # they wait, which another check says
    fine, checks = balance(forwarded=10, forward=counts, documents=full(6))
    assert (fine, checks[RECEIVED].difference, checks[ARRIVED].difference) == (False, 4, 4)
    assert "Look at Errors and Throttles" in checks[RECEIVED].text


@pytest.mark.parametrize(
    ("said", "name", "difference"),
    [
        pytest.param(
            {"forwarded": 10, "forward": counted(received=12, indexed=12), "documents": full(12)},
            RECEIVED,
            -2,
            id="another filter",
        ),
        pytest.param(
            {"forwarded": 10, "forward": counted(received=10, indexed=9), "documents": full(10)},
            SETTLED,
            1,
            id="a defect",
        ),
        pytest.param({"forwarded": 10, "documents": full(12)}, ARRIVED, -2, id="more documents than events"),
        pytest.param(
            {"forward": counted(received=10, indexed=8, duplicate=1), "documents": full(8)},
            RECEIVED_ARRIVED,
            1,
            id="without CloudWatch",
        ),
    ],
)
def test_differences(said: dict[str, Any], name: str, difference: int) -> None:
    fine, checks = balance(**said)
    assert (fine, checks[name].state, checks[name].difference) == (False, State.DIFFERS, difference)
