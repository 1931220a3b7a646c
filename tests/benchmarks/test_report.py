"""The arithmetic of the report."""

from benchmarks.contest import Result, compare
from benchmarks.cost import PRICE_REQUEST, PRICE_SECOND, WAIT, estimate
from benchmarks.parts import WHOLE, tabulate_parts
from benchmarks.replays import Drained, tabulate_replays
from benchmarks.report import table


def test_a_table_is_markdown() -> None:
    assert table([("a", "b"), ("c", "1")]) == ["| a | b |", "| --- | ---: |", "| c | 1 |"]


def test_median_and_spread_are_those_of_the_rounds() -> None:
    result = Result(cpu=[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0])

    assert (result.median, result.spread) == (4.0, 0.5)


def test_with_a_whole_processor_an_event_costs_its_time() -> None:
    one_batch = (WAIT + 0.002) * PRICE_SECOND + PRICE_REQUEST

    assert (
        abs(estimate(2.0, 1000, 1769) - 1000 * ((WAIT + 0.002) * 1769 / 1024 * PRICE_SECOND + PRICE_REQUEST))
        < 1e-9
    )
    assert estimate(2.0, 1000, 1769) > one_batch


def test_with_less_memory_the_same_work_takes_longer() -> None:
    wait = 1000 * (WAIT * 128 / 1024 * PRICE_SECOND + PRICE_REQUEST)

    work = estimate(2.0, 1000, 128) - wait

    assert abs(work - 1000 * 0.002 * 1769 / 1024 * PRICE_SECOND) < 1e-9


def test_contenders_are_compared_round_by_round() -> None:
    slow_second_round = Result(cpu=[4.0, 90.0, 4.4]), Result(cpu=[2.0, 30.0, 2.2])

    assert compare(*slow_second_round) == 2.0


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
