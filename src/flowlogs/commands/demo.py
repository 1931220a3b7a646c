"""`flowlogs demo`: a day of flow logs through the forward function, and a look at what came out."""

import itertools
import json
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from flowlogs.cluster.connection import count_documents, install_template, open_client
from flowlogs.cluster.indices import Indices
from flowlogs.cluster.listing import read_indices
from flowlogs.commands.outage_exercise import run_exercise
from flowlogs.commands.report import write_report
from flowlogs.local import project_node
from flowlogs.local.embedded import announce
from flowlogs.local.function import SendBatch, forward_function, stream_function
from flowlogs.local.places import IS_INSTALLED, PROJECT
from flowlogs.local.project_node import connect_or_start
from flowlogs.local.turn import take_turn
from flowlogs.report.period import Period
from flowlogs.terminal.display import foreign, format_bytes, format_count, make_console, plain_table
from flowlogs.terminal.exits import INCOMPLETE, USAGE, explained, fail
from flowlogs.terminal.progress import shown_progress
from flowlogs.traffic import day as traffic
from flowlogs.traffic.network import build_network
from parser.format import Formats, known_formats, parse_format
from parser.subscription import decode_event

EVENTS: Final = PROJECT / "events"
LOG: Final = project_node.DATA / "demo.log"
"""What the forward function prints: its log lines and metrics."""
REPORT: Final = Path("report.html")

DEFAULT_RECORDS: Final = 120_000
DAY_BEFORE: Final = 10
"""The day before has a part of the records, one in so many: the report has something to compare with."""
TOP: Final = 5
RECORDS_A_BATCH: Final = 100
"""Payloads that the stream's function gets at once: about what five seconds bring to a busy stream."""
OUTCOMES: Final = ("indexed", "duplicate", "pending", "rejected")


class Source(StrEnum):
    """Who hands payloads over, as the template's parameter `Source` has it."""

    SUBSCRIPTION = "subscription"
    STREAM = "stream"


def demo_command(
    day: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], help="The day (UTC) that the traffic is made for. Default: yesterday."
        ),
    ] = None,
    records: Annotated[
        int, typer.Option(min=1_000, help="How many flow log records that day has.")
    ] = DEFAULT_RECORDS,
    *,
    source: Annotated[
        Source, typer.Option(help="Through the forward function one by one, or through a stream.")
    ] = Source.SUBSCRIPTION,
    outage: Annotated[
        bool, typer.Option("--outage", help="Kill the cluster on the way, find out, and mend it.")
    ] = False,
) -> None:
    """Send sample events and a day of traffic through a function of the stack.

    The day before goes first, with a tenth of the records, so that the
    report has something to compare with. The same day with the same
    --records is the same traffic: sent again, it counts as duplicate.

    Starts a real OpenSearch on this machine, or uses the one that
    OPENSEARCH_URL names. There, too, documents and index template go
    to INDEX_PREFIX (default: cwl): give a productive cluster another.
    A second demo on the same cluster waits until the first has ended.

    With --source stream the same payloads are records of a Kinesis
    stream, many in an invocation.

    With --outage: an hour of traffic on a cluster of its own, which is
    killed in the middle; doctor and verify find it, replay mends it.

    Exit status 1 says that the counts do not add up.

    [bold]Example[/bold]

    flowlogs demo --day 2026-01-15 --records 20000 --source stream
    """
    console = make_console(markup=True)
    if outage and source is not Source.SUBSCRIPTION:
        raise fail("the outage is shown with the source subscription only", USAGE)
    if outage:
        with explained(), take_turn(project_node.DATA, "the outage exercise", announce):
            mended = run_exercise(console)
        if not mended:
            raise fail("the exercise did not end as it should: see above", INCOMPLETE)
        return
    chosen = day.date() if day else datetime.now(UTC).date() - timedelta(days=1)
    if chosen > (today := datetime.now(UTC).date()):
        raise fail(f"{chosen} lies in the future, and so would its index: give --day until {today}", USAGE)
    with explained(), connect_or_start() as url:
        complete = run_demo(console, url, chosen, records, source)
        _write_report(url, chosen)
        prefix = os.environ.get("INDEX_PREFIX", "cwl")
        _say_how_to_go_on(console, url, prefix, stays="OPENSEARCH_URL" in os.environ)
    if not complete:
        raise fail("the counts do not add up: see above", INCOMPLETE)


def run_demo(
    console: Console, url: str, day: date, records: int, source: Source = Source.SUBSCRIPTION
) -> bool:
    """Run the demo on a cluster and print what a person wants to see. Returns whether it adds up."""
    formats = Formats.of([*known_formats().by_length.values(), *map(parse_format, traffic.FORMATS.values())])
    environ = {**os.environ, "OPENSEARCH_URL": url, "LOG_FORMATS": str(formats)}
    config, client = open_client(environ)
    engine = install_template(client, config)
    version, prefix = ".".join(map(str, engine.version)), config.index_prefix
    console.print(f"[bold]OpenSearch {version}[/] at {url}; index template '{prefix}' is installed")
    samples = _read_samples()
    ours = _make_query(samples)
    before = count_documents(client, config.index_prefix, ours)
    environ["OPENSEARCH_AUTH"] = config.auth.value
    environ.pop("FAILURE_BUCKET", None)  # nothing of a demo is worth keeping
    with _invoking(source, environ) as (send, size):
        started = time.perf_counter()
        totals = _send_all(send, size, samples, day, records)
        seconds = time.perf_counter() - started
    added = count_documents(client, config.index_prefix, ours) - before
    _print_counts(console, totals, added, seconds)
    index = _Index(read_indices(client, config.index_prefix), ours)
    _print_talkers(console, index)
    _print_rejected_ports(console, index)
    _print_document(console, index)
    adds_up = totals["received"] == sum(totals[each] for each in OUTCOMES) and added == totals["indexed"]
    return adds_up and not totals["records_left"]


@contextmanager
def _invoking(source: Source, environ: Mapping[str, str]) -> Iterator[tuple[SendBatch, int]]:
    """Give what sends a batch of payloads, and how many make one."""
    if source is Source.STREAM:
        with stream_function(environ, LOG) as send_batch:
            yield send_batch, RECORDS_A_BATCH
        return
    with forward_function(environ, LOG) as send:
        yield lambda events: send(*events), 1


def _read_samples() -> list[traffic.LambdaEvent]:
    samples = [json.loads(path.read_text()) for path in sorted(EVENTS.glob("*.json"))]
    return [event for event in samples if "awslogs" in event]


def _make_query(samples: Iterable[traffic.LambdaEvent]) -> dict[str, Any]:
    """Return the query for the demo's own documents: others may write to the same indices.

    Nobody has the demo's accounts; somebody may well have a log group of the same name.
    """
    owners = {decode_event(event).owner for event in samples}
    owners |= {interface.fixed["account-id"] for interface in build_network(traffic.SEED).interfaces}
    return {"terms": {"@owner": sorted(owners)}}


def _send_all(
    send: SendBatch,
    size: int,
    samples: Sequence[traffic.LambdaEvent],
    day: date,
    records: int,
) -> Counter[str]:
    days = [(day - timedelta(days=1), records // DAY_BEFORE), (day, records)]
    expected = sum(number for _, number in days) + sum(len(decode_event(event).events) for event in samples)
    payloads = (
        payload.event for each, number in days for payload in traffic.generate_day(each, records=number)
    )
    totals: Counter[str] = Counter()
    with shown_progress("sending records", expected) as advance:
        events_in_order = itertools.chain(samples, payloads)
        while events := tuple(itertools.islice(events_in_order, size)):
            counts = send(events)
            totals.update(counts)
            advance(counts["received"])
    return totals


def _print_counts(console: Console, totals: Counter[str], added: int, seconds: float) -> None:
    received = totals["received"]
    table = plain_table("events", "count", right=["count"])
    for name in ("received", *OUTCOMES):
        table.add_row(name, format_count(totals[name]))
    console.print()
    console.print(table)
    parts = " + ".join(format_count(totals[name]) for name in OUTCOMES)
    sign = "=" if received == sum(totals[name] for name in OUTCOMES) else "is not"
    console.print(
        f"{format_count(received)} {sign} {parts}; the index grew by {format_count(added)} documents"
    )
    console.print(
        f"of which unparsed {format_count(totals['unparsed'])}, "
        f"NODATA {format_count(totals['no_data'])}, SKIPDATA {format_count(totals['skip_data'])}"
    )
    console.print(
        f"{received / seconds:,.0f} records a second in one process, {format_count(totals['bulk_requests'])} "
        f"bulk requests, {format_bytes(totals['bulk_bytes'])} before compression"
    )


@dataclass(frozen=True, slots=True)
class _Index:
    """Where the demo's documents are.

    Attributes:
        indices: of the prefix.
        ours: the query for the demo's own documents.
    """

    indices: Indices
    ours: dict[str, Any]

    def search(self, body: dict[str, Any], *filters: dict[str, Any]) -> dict[str, Any]:
        query = {"bool": {"filter": [self.ours, *filters]}}
        return self.indices.search({**body, "query": query})


def _print_talkers(console: Console, index: _Index) -> None:
    volume = {"bytes": {"sum": {"field": "bytes"}}}
    largest = {"order": {"bytes": "desc"}}
    destinations = {"terms": {"field": "dstaddr", "size": 1, **largest}, "aggs": volume}
    sources = {
        "terms": {"field": "srcaddr", "size": TOP, **largest},
        "aggs": {**volume, "packets": {"sum": {"field": "packets"}}, "destinations": destinations},
    }
    found = index.search({"size": 0, "aggs": {"sources": sources}})
    table = plain_table("source", "sent", "packets", "most to", "of it", right=["sent", "packets", "of it"])
    for bucket in found["aggregations"]["sources"]["buckets"]:
        peer = bucket["destinations"]["buckets"][0]
        table.add_row(
            foreign(str(bucket["key"])),
            format_bytes(bucket["bytes"]["value"]),
            format_count(int(bucket["packets"]["value"])),
            foreign(str(peer["key"])),
            format_bytes(peer["bytes"]["value"]),
        )
    console.print("\n[bold]Who sends most?[/]")
    console.print(table)


def _print_rejected_ports(console: Console, index: _Index) -> None:
    rejected = ({"term": {"action": "REJECT"}}, {"range": {"dstport": {"gt": 0}}})
    ports = {
        "terms": {"field": "dstport", "size": TOP},
        "aggs": {"sources": {"cardinality": {"field": "srcaddr"}}},
    }
    found = index.search({"size": 0, "aggs": {"ports": ports}}, *rejected)
    table = plain_table("port", "rejected", "sources", right=["port", "rejected", "sources"])
    for bucket in found["aggregations"]["ports"]["buckets"]:
        table.add_row(
            str(bucket["key"]), format_count(bucket["doc_count"]), format_count(bucket["sources"]["value"])
        )
    console.print("\n[bold]Which ports are refused most?[/]")
    console.print(table)


def _print_document(console: Console, index: _Index) -> None:
    complete = ({"exists": {"field": "traffic_path"}}, {"term": {"action": "ACCEPT"}})
    found = index.search({"size": 1, "sort": [{"bytes": "desc"}]}, *complete)
    for hit in found["hits"]["hits"]:
        console.print(f"\n[bold]One document in full[/] ({hit['_index']}, _id {hit['_id']})")
        console.print_json(json.dumps(hit["_source"]))


def _write_report(url: str, day: date) -> None:
    midnight = datetime.combine(day, datetime.min.time(), UTC)
    period = Period(midnight, midnight + timedelta(days=1))
    write_report({**os.environ, "OPENSEARCH_URL": url}, period, REPORT)


def _say_how_to_go_on(console: Console, url: str, prefix: str, *, stays: bool) -> None:
    console.print("\n[bold]To look further[/]")
    console.print(f"  {os.path.relpath(REPORT):<19} this day as a page: open it in a browser", soft_wrap=True)
    if not stays:
        keeps = "flowlogs opensearch" if IS_INSTALLED else "make opensearch"
        console.print(f"  {keeps:<19} keeps this cluster running, with this data, at {url}")
    console.print(f"  curl '{url}/{prefix}-*/_search?q=action:REJECT&size=1&pretty'")
    console.print(f"  curl '{url}/_cat/indices/{prefix}-*?v'")
    log = LOG.relative_to(here) if LOG.is_relative_to(here := Path.cwd()) else LOG
    console.print(f"  what the function logged: {log}", soft_wrap=True)
