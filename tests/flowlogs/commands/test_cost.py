"""`flowlogs cost`, run as people run it, without an account."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from flowlogs.command_line import app
from flowlogs.pricing.events import read_measured
from flowlogs.pricing.volume import Volume, choose_cluster


def run(*arguments: str, status: int = 0) -> str:
    result = CliRunner().invoke(app, ["cost", *arguments])
    assert result.exit_code == status, result.output
    return result.output


def ask(*arguments: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(run(*arguments, "--json"))
    return answer


def test_the_parts_of_a_month_are_shown_with_their_sum_and_what_is_assumed() -> None:
    text = " ".join(run("--events-per-day", "5000000").split())

    assert text.startswith("5,000,000 records a day (58 a second, ")
    for part in (
        "3 x r7g.large.search",
        "GiB of disk",
        "CloudWatch Logs:",
        "own log lines",
        "alarms and the dashboard",
    ):
        assert part in text
    assert "in all" in text
    assert "a TB of lines" in text
    assert "List prices of us-east-1, noted 2026-" in text
    assert "the busiest hour has 3 times the mean" in text


def test_a_machine_reads_the_same_numbers() -> None:
    answer = ask("--events-per-day", "86400000", "--retention-days", "90")
    cluster = choose_cluster(Volume(86.4e6, 50, "v2"), read_measured(), days=90, replicas=1)

    assert cluster is not None
    assert answer["cluster"] == {
        "type": cluster.node.name,
        "count": cluster.count,
        "gibibytes_each": cluster.gibibytes,
    }
    assert answer["dollars_per_month_known"] == pytest.approx(
        sum(answer["dollars_per_month"].values()), abs=0.05
    )
    assert answer["source"] == "subscription"


def test_of_a_streams_two_modes_the_cheaper_is_reckoned_and_its_alarms_count() -> None:
    few = ask("--events-per-day", "86400000", "--source", "stream")
    direct = ask("--events-per-day", "86400000")

    assert few["source"] == "provisioned"
    assert "stream, provisioned" in few["dollars_per_month"]
    alarms = [next(name for name in each["dollars_per_month"] if "alarms" in name) for each in (few, direct)]
    assert int(alarms[0].split()[0]) > int(alarms[1].split()[0])


def test_small_payloads_cost_more_than_large_ones() -> None:
    small, large = (
        ask("--events-per-day", "86400000", "--events-per-payload", size)["dollars_per_month"]
        for size in ("10", "1000")
    )

    assert small["functions: time and requests"] > large["functions: time and requests"]
    assert small["functions: their own log lines"] > large["functions: their own log lines"]


def test_what_no_listed_cluster_takes_is_said_not_to_be_known() -> None:
    text = " ".join(run("--events-per-day", "1e12").split())

    assert "not known a cluster of more nodes than are reckoned here" in text
    assert "in all, and what is not known" in text


@pytest.mark.parametrize("events", ["0", "-5", "many"])
def test_a_volume_that_is_none_is_refused_by_name(events: str) -> None:
    assert "--events-per-day" in run("--events-per-day", events, status=2)
