"""The arithmetic of the report."""

import pytest

from benchmarks.cluster import (
    BATCHED,
    CONSOLE,
    HELPERS,
    OURS,
    compare_costs,
    tabulate_bytes,
    tabulate_costs,
)
from benchmarks.cluster import Cost as NodeCost
from benchmarks.contest import Result, compare
from benchmarks.filling import Filled
from benchmarks.goals import Goals
from benchmarks.machine import describe_load
from benchmarks.parts import WHOLE, tabulate_parts
from benchmarks.replays import Drained, tabulate_replays
from benchmarks.report import table


def test_a_table_is_markdown() -> None:
    assert table([("a", "b"), ("c", "1")]) == ["| a | b |", "| --- | ---: |", "| c | 1 |"]


def test_median_and_spread_are_those_of_the_rounds() -> None:
    result = Result(cpu=[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0])

    assert (result.median, result.spread) == (4.0, 0.5)


def test_contenders_are_compared_round_by_round() -> None:
    slow_second_round = Result(cpu=[4.0, 90.0, 4.4]), Result(cpu=[2.0, 30.0, 2.2])

    assert compare(*slow_second_round) == 2.0


def test_nodes_are_compared_round_by_round() -> None:
    costs = {("a", 50): NodeCost(cpu=[40.0, 90.0, 44.0]), ("b", 50): NodeCost(cpu=[20.0, 30.0, 22.0])}

    assert compare_costs(costs, ("a", 50), ("b", 50)) == 2.0


def test_what_a_document_costs_is_shown_by_size() -> None:
    costs = {
        (label, size): NodeCost(cpu=[size / 10, size / 10, size / 10], bytes=size + 0.4)
        for label in (OURS, CONSOLE, HELPERS)
        for size in (10, 50, 200, 1_000)
    }
    costs[BATCHED, 50] = NodeCost(cpu=[7.0], bytes=144.6)

    assert tabulate_costs(costs)[1] == (OURS, "1.0 (± 0)", "5.0 (± 0)", "20.0 (± 0)", "100.0 (± 0)")
    assert tabulate_costs(costs)[2] == (BATCHED, "-", "7.0", "-", "-")
    assert tabulate_bytes(costs)[1:3] == [(OURS, "10", "50", "200", "1000"), (BATCHED, "-", "145", "-", "-")]


def test_a_replay_is_compared_with_requests_by_hand_round_by_round() -> None:
    assert Filled(replayed=[800.0, 90.0, 850.0], by_hand=[1000.0, 100.0, 1000.0]).ratio == 0.85


@pytest.mark.parametrize(
    ("found", "said"), [(1.29, "reached"), (1.3, "reached"), (1.31, "**not reached**")], ids=str
)
def test_a_goal_is_reached_or_not(found: float, said: str) -> None:
    goals = Goals()
    goals.at_most("a batch", found, 1.3)

    assert goals.rows[1:] == [("a batch", "≤ 1.3 times", f"{found:.2f} times", said)]


def test_a_rate_is_a_goal_in_whole_events() -> None:
    goals = Goals()
    goals.at_least("replay", 12_345.6, 10_000, "events/s")

    assert goals.rows[1:] == [("replay", "≥ 10,000 events/s", "12,346 events/s", "reached")]


def test_a_busy_machine_is_told() -> None:
    assert describe_load(()) == ""
    assert describe_load((0.1,)) == ""
    assert "The machine was busy**: 99.0 processes" in describe_load((99.0,))


def test_parts_are_shown_with_their_share_of_the_whole() -> None:
    found = {"50": {"signature": 25.0, WHOLE: 100.0}, "1000": {"signature": 30.4, WHOLE: 2000.0}}

    assert tabulate_parts(found) == [
        (
            "v2 with extracted fields, CPU µs an invocation",
            *("50 events", "share", "1,000 events", "share"),
        ),
        ("signature", "25", "25%", "30", "2%"),
        ("whole invocation", "100", "100%", "2,000", "100%"),
    ]


def test_a_drained_bucket_is_shown_by_the_clock_and_by_the_processor() -> None:
    found = Drained(objects=2_000, events=100_000, requests=17, seconds=20.0, cpu=5.0, peak_mb=82.3)

    assert tabulate_replays({"50": found})[1:] == [
        ("2,000 objects of 50 events", "5,000", "20,000", "50.0", "2.50", "17", "82")
    ]
