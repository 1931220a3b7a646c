"""What things cost follows from what was measured and from the list of prices, and from nothing else."""

import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from flowlogs.pricing.events import (
    WAIT,
    cost_direct,
    cost_replay,
    cost_stream,
    cost_waiting,
    count_shards,
    estimate,
    find_break_even,
    rate_of_replay,
)
from flowlogs.pricing.prices import FILE, price, read_prices
from support.measured import MEASURED
from tools import cost_tables


def test_every_price_has_a_unit_a_source_and_a_date() -> None:
    for name, each in read_prices().items():
        assert each.dollars > 0, name
        assert each.unit, name
        assert re.fullmatch(r"https://aws\.amazon\.com/[a-z0-9/-]+/pricing/", each.source), name
        assert isinstance(each.noted, date), name


def test_a_price_stands_in_one_place(project: Path) -> None:
    """Whoever changes one finds no other copy of it."""
    # of those that are not also ordinary numbers
    telling = {text for text in re.findall(r"dollars = (\S+)", FILE.read_text()) if len(text) > 6}
    rooms = ("benchmarks", "tools", "src/flowlogs/pricing", "src/flowlogs/deploying", "src/flowlogs/commands")
    files = [file for room in rooms for file in (project / room).glob("*.py")]

    assert telling
    assert [(file.name, text) for file in files for text in telling if text in file.read_text()] == []


def test_with_a_whole_processor_an_event_costs_its_time() -> None:
    one_batch = (WAIT + 0.002) * 1769 / 1024 * price("lambda_gb_second") + price("lambda_request")

    assert estimate(2.0, 1000, 1769) == pytest.approx(1000 * one_batch)


def test_with_less_memory_the_same_work_takes_longer() -> None:
    wait = 1000 * (WAIT * 128 / 1024 * price("lambda_gb_second") + price("lambda_request"))

    work = estimate(2.0, 1000, 128) - wait

    assert work == pytest.approx(1000 * 0.002 * 1769 / 1024 * price("lambda_gb_second"))


def test_what_a_subscription_costs_does_not_depend_on_the_rate() -> None:
    cost = cost_direct(MEASURED)

    assert cost.computing == estimate(20.0, 50, 256)
    assert cost.lines == pytest.approx(20_000 * 1_800 / 2**30 * price("logs_gb"))
    assert cost.total == cost.computing + cost.lines


def test_a_provisioned_stream_is_billed_by_the_hour_and_by_the_record() -> None:
    cost = cost_stream(MEASURED, 1_000, on_demand=False)

    hours = 1e6 / 1_000 / 3600
    assert cost.stream == pytest.approx(
        hours * price("kinesis_shard_hour") + 20_000 * price("kinesis_put_unit")
    )
    assert cost.computing == estimate(9.0, 5_000, 256)  # five seconds of events at once


def test_a_stream_on_demand_is_billed_by_the_hour_and_by_kilobytes_in_and_out() -> None:
    cost = cost_stream(MEASURED, 1_000, on_demand=True)

    gigabytes = 20_000 * 5 * 1024 / 2**30  # a record of 4,300 bytes counts as 5 KB
    each = price("kinesis_on_demand_gb_in") + price("kinesis_on_demand_gb_out")
    assert cost.stream == pytest.approx(
        1e6 / 1_000 / 3600 * price("kinesis_on_demand_hour") + gigabytes * each
    )


@pytest.mark.parametrize(
    ("rate", "shards"), [(1, 1), (5_000, 1), (10_000, 2), (100_000, 18)], ids=lambda value: f"{value:,}"
)
def test_a_stream_has_the_shards_that_its_rate_needs(rate: float, shards: int) -> None:
    assert count_shards(MEASURED, rate) == shards


@pytest.mark.parametrize("on_demand", [False, True], ids=["provisioned", "on demand"])
def test_below_the_break_even_a_stream_costs_more_and_above_less(on_demand: bool) -> None:
    rate = find_break_even(MEASURED, on_demand=on_demand)
    direct = cost_direct(MEASURED).total

    assert cost_stream(MEASURED, rate - 10, on_demand=on_demand).total > direct
    assert cost_stream(MEASURED, rate, on_demand=on_demand).total <= direct
    assert cost_stream(MEASURED, 10 * rate, on_demand=on_demand).total < direct


def test_a_replay_has_its_part_of_a_processor() -> None:
    assert rate_of_replay(MEASURED, "50") == pytest.approx(1e6 / 60 * 1024 / 1769)


def test_a_replay_costs_its_time_and_each_object_two_requests() -> None:
    computing, storing = cost_replay(MEASURED, "50", 3_600_000)

    assert computing == pytest.approx(3_600_000 * 60e-6 * 1769 / 1024 * price("lambda_gb_second"))
    assert storing == pytest.approx(72_000 * (price("s3_put") + price("s3_get")))


def test_waiting_in_a_stream_costs_each_try_of_each_shard() -> None:
    cost = cost_waiting(4, 12)

    assert cost.computing == pytest.approx(
        172_800 * (0.2 * 256 / 1024 * price("lambda_gb_second") + price("lambda_request"))
    )
    assert cost.lines == pytest.approx(172_800 * (464 + 400) / 1024**3 * price("logs_gb"))


@pytest.mark.parametrize("page", cost_tables.TABLES)
def test_the_pages_have_the_costs_of_the_last_run_and_of_the_listed_prices(project: Path, page: str) -> None:
    path = project / "docs" / page

    assert cost_tables.render(path) == path.read_text(encoding="utf-8"), "make docs renews it"


def test_the_table_of_sources_names_where_a_stream_begins_to_pay() -> None:
    lines = cost_tables.tabulate_sources(replace(MEASURED, record_bytes=2_000))

    assert lines[0] == "| events a second | subscription | stream, provisioned | stream, on demand |"
    assert len(lines[2:]) > len(cost_tables.RATES)
    assert re.search(r"from about \d+ events a second on, one on demand from about \d+", " ".join(lines))


def test_the_table_of_outages_has_a_row_for_each() -> None:
    rows = cost_tables.tabulate_outages(MEASURED)[2:11]

    assert rows[3] == "| 1 h, 1,000 | 3.6 million | 7 min, $0.005 + $0.39 | 1 min, <$0.001 + $0.019 |"
    assert [row.split("|")[1].strip() for row in rows] == [
        *("1 h, 100", "6 h, 100", "24 h, 100", "1 h, 1,000", "6 h, 1,000", "24 h, 1,000"),
        *("1 h, 10,000", "6 h, 10,000", "24 h, 10,000"),
    ]
