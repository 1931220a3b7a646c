"""Which cluster a volume needs, and what a month costs, follows from what was measured and the prices."""

from dataclasses import replace

import pytest

from flowlogs.pricing.events import cost_direct, cost_stream, interpolate
from flowlogs.pricing.month import DAYS, Part
from flowlogs.pricing.prices import price, price_node
from flowlogs.pricing.volume import Cluster, NodeType, Volume, bill, choose_cluster, count_processors
from support.measured import MEASURED

ROUND = replace(MEASURED, line_bytes={"v2": 100.0, "v5": 250.0}, disk_bytes={"v2": 150.0, "v5": 200.0})


def choose(events: float, days: int = 30, replicas: int = 1) -> tuple[str, int, int] | None:
    found = choose_cluster(Volume(events, 50, "v2"), ROUND, days=days, replicas=replicas)
    return None if found is None else (found.node.name, found.count, found.gibibytes)


@pytest.mark.parametrize(
    ("events", "days", "replicas", "cluster"),
    [
        (1e6, 30, 0, ("t3.medium.search", 1, 10)),
        (1e6, 30, 1, ("r7g.large.search", 3, 10)),
        (86.4e6, 30, 1, ("r7g.large.search", 3, 330)),  # 1,000 a second
        (86.4e6, 300, 1, ("r7g.large.search", 12, 810)),
        (864e6, 30, 1, ("r7g.large.search", 12, 810)),
        (1e12, 30, 1, None),
    ],
    ids=["trying", "small", "1,000 a second", "long kept", "10,000 a second", "more than is reckoned"],
)
def test_the_cheapest_nodes_that_take_the_rate_and_the_days_are_chosen(
    events: float, days: int, replicas: int, cluster: tuple[str, int, int] | None
) -> None:
    assert choose(events, days, replicas) == cluster


def test_each_copy_is_indexed_and_stored_once_more() -> None:
    volume = Volume(86.4e6, 50, "v2")

    assert count_processors(volume, ROUND, 2) == 2 * count_processors(volume, ROUND, 1)
    assert count_processors(volume, ROUND, 1) == pytest.approx(1_000 * 3 * 50e-6)


def test_processor_time_between_and_beyond_the_sizes_that_were_measured() -> None:
    costs = {"50": 25.0, "1000": 6.0}  # 5 an event, 1,000 a request

    assert [interpolate(costs, events) for events in (10, 50, 200, 1_000, 10_000)] == pytest.approx(
        [105.0, 25.0, 10.0, 6.0, 5.1]
    )


def test_a_month_has_all_its_parts() -> None:
    volume = Volume(1e6, 50, "v2")
    cluster = Cluster(NodeType("r7g.large.search", 2, 1_000), 3, 10)
    millions = DAYS

    parts = list(bill(volume, ROUND, cluster=cluster, source="subscription", alarms=20))

    each = cost_direct(ROUND)
    assert {part.name: part.dollars for part in parts} == pytest.approx(
        {
            "3 x r7g.large.search": 3 * 730 * (price_node("r7g.large.search") or 0),
            "3 x 10 GiB of disk": 30 * price("opensearch_gp3_gb_month"),
            "CloudWatch Logs: the flow logs' lines (billed already, where they exist)": (
                millions * 0.1 * price("vended_logs_gb")
            ),
            "functions: time and requests": millions * each.computing,
            "functions: their own log lines": millions * each.lines,
            "20 alarms and the dashboard": 20 * 0.1 + 3,
        }
    )


def test_a_stream_is_one_part_more_and_costs_what_its_rate_costs() -> None:
    volume = Volume(86.4e6, 50, "v2")
    cluster = choose_cluster(volume, ROUND, days=30, replicas=1)

    parts = {
        each.name: each.dollars
        for each in bill(volume, ROUND, cluster=cluster, source="provisioned", alarms=30)
    }

    each = cost_stream(ROUND, 1_000, on_demand=False)
    assert parts["stream, provisioned"] == pytest.approx(86.4 * DAYS * each.stream)
    assert parts["functions: time and requests"] == pytest.approx(86.4 * DAYS * each.computing)


def test_what_no_listed_cluster_takes_is_not_guessed() -> None:
    first, *_ = bill(Volume(1e12, 50, "v2"), ROUND, cluster=None, source="subscription", alarms=0)

    assert first == Part("a cluster of more nodes than are reckoned here", None)


def test_more_bytes_on_the_disk_need_more_disk() -> None:
    volume = Volume(86.4e6, 50, "v2")
    wider = replace(ROUND, disk_bytes={"v2": 300.0, "v5": 400.0})
    clusters = [choose_cluster(volume, each, days=30, replicas=1) for each in (ROUND, wider)]

    assert [each and each.gibibytes * each.count for each in clusters] == [990, 1_950]
