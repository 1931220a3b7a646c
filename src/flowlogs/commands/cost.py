"""`flowlogs cost`: what a month of so many records costs, and which cluster takes them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final

import typer

from flowlogs.deploying.overview import count_resources
from flowlogs.deploying.template import load_template, read_parameters
from flowlogs.pricing.events import PAYLOAD, USUAL_MEMORY, WAIT, Measured, read_measured
from flowlogs.pricing.month import DAYS, FILL, Part
from flowlogs.pricing.prices import read_region, tell_date
from flowlogs.pricing.volume import (
    BUSY,
    MOST_NODES,
    PEAK,
    Cluster,
    Volume,
    bill,
    choose_cluster,
    cost_functions,
    count_processors,
    tell_terabyte,
)
from flowlogs.terminal.display import count_of, format_bytes, make_console, plain_table
from flowlogs.terminal.foreign import dump_json
from flowlogs.terminal.options import Json

_ALARM: Final = "AWS::CloudWatch::Alarm"
_WAYS: Final = {
    "subscription": "a subscription",
    "provisioned": "a provisioned stream",
    "on demand": "one on demand",
}
"""How records come, and what that is called."""


class Version(StrEnum):
    """Of the format."""

    V2 = "v2"
    V5 = "v5"


class Source(StrEnum):
    """How flow logs come."""

    SUBSCRIPTION = "subscription"
    STREAM = "stream"


@dataclass(frozen=True, slots=True)
class Answer:
    """What was asked, and what was found."""

    volume: Volume
    measured: Measured
    days: int
    replicas: int
    cluster: Cluster | None
    way: str
    parts: list[Part]

    @property
    def known(self) -> float:
        """US dollars a month, of the parts whose price is known."""
        return sum(part.dollars or 0 for part in self.parts)

    @property
    def a_million(self) -> float:
        """US dollars of that for a million records."""
        return self.known / (self.volume.events_a_day * DAYS / 1e6)


def cost_command(
    *,
    events_per_day: Annotated[float, typer.Option(min=1, max=1e12, help="Flow log records a day.")],
    events_per_payload: Annotated[
        int, typer.Option(min=1, max=10_000, help="Records that CloudWatch Logs hands over at once.")
    ] = PAYLOAD,
    version: Annotated[
        Version, typer.Option("--format", help="v2 is the default format, v5 one with all its fields.")
    ] = Version.V2,
    retention_days: Annotated[int, typer.Option(min=1, max=3_650, help="How long they are kept.")] = 30,
    replicas: Annotated[
        int,
        typer.Option(min=0, max=2, help="Copies beside the first. 0 is for trying: a lost node loses data."),
    ] = 1,
    source: Annotated[Source, typer.Option(help="As the template's parameter.")] = Source.SUBSCRIPTION,
    as_json: Json = False,
) -> None:
    """Say what a month of so many flow log records costs, on which data nodes.

    Computed from list prices and from what the project's benchmark
    measured; AWS is not asked. How many records there are: CloudWatch's
    metric IncomingLogEvents of the log group.

    [bold]Examples[/bold]

    flowlogs cost --events-per-day 5000000

    flowlogs cost --events-per-day 86400000 --source stream --json
    """
    measured = read_measured()
    volume = Volume(events_per_day, events_per_payload, version.value)
    cluster = choose_cluster(volume, measured, days=retention_days, replicas=replicas)
    way = _choose_way(volume, measured, source)
    parts = list(bill(volume, measured, cluster=cluster, source=way, alarms=_count_alarms(source)))
    answer = Answer(volume, measured, retention_days, replicas, cluster, way, parts)
    if as_json:
        print(dump_json(_to_json(answer)))
    else:
        _print(answer)


def _choose_way(volume: Volume, measured: Measured, source: Source) -> str:
    """Return the source; of the two modes of a stream the cheaper."""
    if source is Source.SUBSCRIPTION:
        return source.value
    return min(("provisioned", "on demand"), key=lambda each: cost_functions(volume, measured, each).total)


def _count_alarms(source: Source) -> int:
    template = load_template()
    defaults = {name: each.default or "" for name, each in read_parameters(template).items()}
    return count_resources(template, {**defaults, "Source": source.value})[_ALARM]


def _print(answer: Answer) -> None:
    console, volume, version = make_console(), answer.volume, answer.volume.version
    lines = format_bytes(volume.events_a_day * answer.measured.line_bytes[version])
    console.print(
        f"{volume.events_a_day:,.0f} records a day ({volume.rate:,.0f} a second, {lines} of "
        f"{version} lines), "
        f"{volume.events_a_payload:,} a payload, kept {answer.days} days, "
        f"{count_of(answer.replicas, 'replica')}:\n"
    )
    table = plain_table("a month", "for", right=["a month"])
    for part in answer.parts:
        table.add_row("not known" if part.dollars is None else f"${part.dollars:,.2f}", part.name)
    table.add_section()
    more = "" if answer.cluster else ", and what is not known"
    table.add_row(f"${answer.known:,.2f}", f"in all{more}")
    console.print(table)
    terabyte = answer.a_million * tell_terabyte(volume, answer.measured)
    console.print(
        f"\nThat is ${answer.a_million:,.4f} a million records, ${terabyte:,.0f} a TB of lines.\n"
        f"{_tell_ways(answer)}\n\n{_tell_assumptions(answer)}"
    )


def _tell_ways(answer: Answer) -> str:
    costs = {way: cost_functions(answer.volume, answer.measured, way).total for way in _WAYS}
    told = ", ".join(f"${dollars:.4f} by {_WAYS[way]}" for way, dollars in costs.items())
    cheapest = min(costs, key=lambda way: costs[way])
    advice = "" if cheapest == answer.way else f" Least by {_WAYS[cheapest]}."
    return f"Functions, log lines and stream for a million records: {told}.{advice}"


def _tell_assumptions(answer: Answer) -> str:
    processors = count_processors(answer.volume, answer.measured, answer.replicas + 1)
    limit = "" if answer.cluster else f" More than {MOST_NODES} nodes of the largest listed would be needed."
    return (
        f"List prices of {read_region()}, noted {tell_date()}, without taxes and free tiers. Assumed: the "
        f"busiest hour has {PEAK:.0f} times the mean, in which indexing takes {processors:.2f} processors of "
        f"the nodes, at the most {BUSY:.0%} of theirs; disks are filled to {FILL:.0%}; functions have "
        f"{USUAL_MEMORY} MB, and OpenSearch answers within {WAIT * 1000:.0f} ms. Dedicated masters, "
        f"snapshots, data transfer and searches that need more are not in it.{limit}"
    )


def _to_json(answer: Answer) -> dict[str, Any]:
    volume, cluster = answer.volume, answer.cluster
    nodes = cluster and {
        "type": cluster.node.name,
        "count": cluster.count,
        "gibibytes_each": cluster.gibibytes,
    }
    return {
        "events_per_day": volume.events_a_day,
        "events_per_payload": volume.events_a_payload,
        "format": volume.version,
        "source": answer.way,
        "cluster": nodes,
        "dollars_per_month": {
            part.name: None if part.dollars is None else round(part.dollars, 2) for part in answer.parts
        },
        "dollars_per_month_known": round(answer.known, 2),
        "dollars_per_million_events": round(answer.a_million, 6),
        "prices": {"region": read_region(), "noted": tell_date()},
    }
