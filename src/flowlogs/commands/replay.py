"""`flowlogs replay`: what the replay function does, by hand and with a choice."""

import math
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from flowlogs.bucket.choice import REQUEST_ID, Choice
from flowlogs.bucket.stock import take_stock, try_formats
from flowlogs.cluster.deployment import Deployment, open_cluster, require_formats
from flowlogs.terminal.advice import say_of_opensearch
from flowlogs.terminal.display import (
    count_of,
    foreign,
    format_bytes,
    format_count,
    make_console,
    plain_table,
)
from flowlogs.terminal.exits import INCOMPLETE, debugging, explained, fail, naming, say
from flowlogs.terminal.foreign import HarmlessStream, dump_json
from flowlogs.terminal.options import Bucket, Json, Stack, StoredSince, StoredUntil
from flowlogs.terminal.progress import is_interactive, shown_progress
from handler.config import Config
from handler.environment import Environment
from handler.failures import FAILED, ON_FAILURE, REJECTED, FailureStore, Pending
from handler.installing.cluster import Reply, decode
from handler.observe import logger
from handler.opensearch import ConnectionFailedError, Send, sender
from handler.replay import Replay
from handler.report import NOT_TRIED
from handler.summary import Fate, Summary
from parser.bulk import Body

OUTCOMES: Final = ("indexed", "duplicate", "pending", "rejected")


def replay_command(
    *,
    stack: Stack = None,
    bucket: Bucket = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what is there, change nothing.")] = False,
    since: StoredSince = None,
    until: StoredUntil = None,
    log_group: Annotated[str | None, typer.Option(help="Only events of this log group.")] = None,
    reason: Annotated[str | None, typer.Option(help="Only objects whose reason contains this text.")] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many objects, the oldest first.")
    ] = None,
    pace: Annotated[
        float | None,
        typer.Option("--pace", "--rate", metavar="N", min=0.1, help="At most so many events per second."),
    ] = None,
    rejected: Annotated[bool, typer.Option("--rejected", help="Try the rejected events again.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the objects in the bucket.")] = False,
    accept_unparsed: Annotated[
        bool, typer.Option("--accept-unparsed", help="Go on where most lines do not fit the formats.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Send what is kept in the failure bucket once more.

    The stack knows the bucket, and its function how OpenSearch is reached
    and how lines are read. FAILURE_BUCKET, OPENSEARCH_URL, LOG_FORMATS and
    the other variables of the function win where they are set here. Without
    a stack, LOG_FORMATS must be set.

    Where most of the first lines do not fit the formats, nothing is sent:
    the question is asked on a terminal, else --accept-unparsed answers it.

    Sending twice does no harm: what is in the index already counts as
    duplicate. Exit status 1 says that something is left, was rejected or
    set aside; with --keep, that objects hold events which are not settled.

    [bold]Examples[/bold]

    flowlogs replay --dry-run --stack flowlogs-opensearch

    flowlogs replay --reason 429 --pace 2000

    flowlogs replay --rejected --log-group /vpc/flow-logs

    flowlogs replay --dry-run --json | jq .events
    """
    choice = Choice(since, until, log_group, reason, limit)
    prefixes = [REJECTED] if rejected else [FAILED, ON_FAILURE]
    console = make_console()
    logger.registered_handler.setStream(HarmlessStream(sys.stderr))  # type: ignore[attr-defined]  # a StreamHandler
    if is_interactive() and not debugging.get():
        logger.setLevel("ERROR")  # a person is told the same at the end, in sentences
    with explained():
        given = Deployment(bucket=bucket)
        deployment = given.complete(stack)
        bucket = deployment.require_bucket()
        store = FailureStore(bucket, REQUEST_ID)
        with naming(bucket):
            objects = list(choice.select(store.list_pending(prefixes), store))
        if dry_run:
            stock = take_stock(objects, store)
            if as_json:
                print(dump_json(stock))
            else:
                _print_stock(console, stock)
            raise typer.Exit(INCOMPLETE if objects else 0)
        require_formats(stack)
        # A cluster that is away now may come back while objects are sent.
        config, client = open_cluster(deployment, stack, exact=True, silent=True)
        _announce(objects, config)
        if not accept_unparsed:
            _refuse_misfits(objects, store, config)
        # What is written back is encrypted as the functions do it, under a name that no other run gives.
        run = f"{REQUEST_ID}-{uuid.uuid4()}"
        store = FailureStore(bucket, run, kms_key=config.failure_kms_key)
        attentive = _Attentive(sender(client))
        environment = Environment(config, attentive.send)
        summary, left = _run(environment, store, objects, pace, keep=keep, rejected=rejected)
    if as_json:
        print(dump_json(_to_json(summary, left)))
    else:
        _print_summary(console, summary)
    rest = list(_list_rest(summary, left, given.repeat(stack), rejecting=not (keep or rejected)))
    if left and attentive.why:
        rest.append(attentive.why)
    if rest:
        raise fail("; ".join(rest), INCOMPLETE)


class _Attentive:
    """Sends, and remembers why the last request was not taken, to tell it to whoever runs this.

    Attributes:
        why: as a sentence; empty where the last request was taken.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self.why = ""

    def send(self, body: Body, seconds: float) -> tuple[int, bytes]:
        """Post one body, as `handler.opensearch.sender` does."""
        try:
            status, data = self._send(body, seconds)
        except ConnectionFailedError as error:
            self.why = say_of_opensearch(Reply(0, str(error)))
            raise
        self.why = (
            ""
            if status == HTTPStatus.OK
            else say_of_opensearch(Reply(status, decode(data.decode(errors="replace"))))
        )
        return status, data


def _announce(objects: list[Pending], config: Config) -> None:
    """Say where the events go, and how their lines are read, before anything is sent."""
    where = f"{config.url}, indices {config.index_prefix}-YYYY.MM.DD"
    say(f"{count_of(len(objects), 'object')} to {where}; lines are read by")
    for each in config.formats.by_length.values():
        print(f"  {each}", file=sys.stderr)


def _refuse_misfits(objects: list[Pending], store: FailureStore, config: Config) -> None:
    """Ask, where most lines do not fit the formats, whether they shall be indexed unparsed; else end."""
    fit = try_formats(objects, store, config.formats)
    if not fit.is_bad:
        return
    say(
        f"{format_count(fit.unparsed)} of the first {count_of(fit.lines, 'line')} fit none of these formats, "
        f"so that they would be indexed with their text and a parse_error; the first: {fit.reason}"
    )
    if is_interactive() and typer.confirm("Send them all the same?", err=True):
        return
    advice = "nothing was sent: give --stack or LOG_FORMATS of those lines, or --accept-unparsed"
    raise fail(advice, INCOMPLETE)


def _list_rest(summary: Summary, left: int, options: str, *, rejecting: bool) -> Iterator[str]:
    """Give what is still to be done by somebody, and with which command."""
    set_aside, rejected = summary.fates[Fate.SET_ASIDE], summary.counts["rejected"]
    if left:
        yield count_of(left, "object", "remains", "remain")
    if set_aside:
        yield f"{count_of(set_aside, 'object', 'was', 'were')} set aside: flowlogs rejected{options} says why"
    if damaged := summary.counts["unreadable"]:
        parts = "1 object" if damaged == 1 else f"{format_count(damaged)} objects"
        yield f"a part of {parts} cannot be read: flowlogs rejected{options} says why"
    if rejected and rejecting:
        yield f"{count_of(rejected, 'event')} rejected: flowlogs rejected{options} says why"


def _run(
    environment: Environment,
    store: FailureStore,
    objects: list[Pending],
    pace: float | None,
    *,
    keep: bool,
    rejected: bool,
) -> tuple[Summary, int]:
    """Replay the objects; return what was done, and how many of them hold something that is still to be done.

    An object that is kept on request is none of them if all of its events are settled.
    """
    open_outcomes = ("pending", "rejected") if rejected else ("pending",)
    settled: set[str] = set()
    started, events = time.monotonic(), 0
    with shown_progress("replaying objects", len(objects)) as advance:

        def done(each: Pending, counts: Mapping[str, int]) -> None:
            nonlocal events
            events += counts["received"]
            speed = events / max(time.monotonic() - started, 0.001)
            advance(1, note=f"{count_of(events, 'event')}, {format_count(round(speed))} a second")
            if counts["received"] and not any(counts[outcome] for outcome in open_outcomes):
                settled.add(each.key)

        replay = Replay(environment, store, time_left=lambda: math.inf, keep=keep, rate=pace, done=done)
        summary = replay.run(objects)
    summary.seconds = time.monotonic() - started
    return summary, summary.remaining - (len(settled) if keep else 0)


def _print_stock(console: Console, stock: dict[str, Any]) -> None:
    table = plain_table(
        "reason", "log group", "objects", "events", "bytes", right=["objects", "events", "bytes"]
    )
    for each in stock["groups"]:
        table.add_row(
            foreign(each["reason"]),
            foreign(each["log_group"]),
            format_count(each["objects"]),
            format_count(each["events"]),
            format_bytes(each["bytes"]),
        )
    if stock["groups"]:
        console.print(table)
    if any(NOT_TRIED.kind in each["reason"] for each in stock["groups"]):
        console.print(f"{NOT_TRIED.kind}: not tried, for what was sent just before was not taken")
    oldest = ""
    if stock["oldest"]:
        oldest = f", the oldest of {datetime.fromisoformat(stock['oldest']):%Y-%m-%d %H:%M:%S} UTC"
    console.print(
        f"{count_of(stock['objects'], 'object')}, {count_of(stock['events'], 'event')}, "
        f"{format_bytes(stock['bytes'])}{oldest}"
    )
    for each in stock["withheld"]:
        console.print(
            foreign(f"not counted, for S3 does not give it: {each['key']}: {each['reason']}", style="yellow")
        )
    for each in stock["damaged"]:
        console.print(
            foreign(f"not counted, for it cannot be read: in {each['key']}: {each['reason']}", style="yellow")
        )


def _to_json(summary: Summary, left: int) -> dict[str, Any]:
    return {
        "objects": {fate.value: summary.fates[fate] for fate in Fate},
        "events": {name: summary.counts[name] for name in ("received", *OUTCOMES)},
        "unparsed": summary.counts["unparsed"],
        "remaining": left,
        "refused": summary.refused,
        "seconds": round(summary.seconds, 3),
    }


def _print_summary(console: Console, summary: Summary) -> None:
    fates: Mapping[Fate, int] = summary.fates
    console.print("objects: " + ", ".join(f"{fates[fate]} {fate.value.replace('_', ' ')}" for fate in Fate))
    counts = summary.counts
    parts = " + ".join(f"{format_count(counts[name])} {name}" for name in OUTCOMES)
    sign = "=" if counts["received"] == sum(counts[name] for name in OUTCOMES) else "is not"
    console.print(f"events:  {format_count(counts['received'])} received {sign} {parts}")
    if counts["unparsed"]:
        console.print(
            f"of which {format_count(counts['unparsed'])} unparsed: with their text and parse_error"
        )
    if counts["received"] and summary.seconds:
        console.print(f"rate:    {format_count(round(counts['received'] / summary.seconds))} events a second")
    if summary.refused:
        console.print("The cluster takes nothing more for now; the rest was not tried.")
