"""`flowlogs replay`: what the replay function does, by hand and with a choice."""

import json
import math
import sys
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.text import Text

from flowlogs.cluster.deployment import Deployment, open_cluster
from flowlogs.terminal.display import count_of, format_bytes, format_count, make_console, plain_table
from flowlogs.terminal.exits import INCOMPLETE, explained, fail
from flowlogs.terminal.options import Bucket, Json, Stack, StoredSince, StoredUntil, in_utc
from flowlogs.terminal.progress import shown_progress
from handler.environment import Environment
from handler.failures import FAILED, ON_FAILURE, REJECTED, Content, FailureStore, Pending
from handler.observe import logger
from handler.opensearch import sender
from handler.replay import Replay
from handler.summary import Fate, Summary
from parser.errors import EnvelopeError

REQUEST_ID: Final = "by-hand"
OUTCOMES: Final = ("indexed", "duplicate", "pending", "rejected")


@dataclass(frozen=True, slots=True)
class Choice:
    """Which stored objects are meant.

    Attributes:
        since, until: when they were stored; None where it does not matter.
        log_group: where their events come from.
        reason: what their reason contains, such as `429`.
        limit: how many at most, the oldest first.
    """

    since: datetime | None
    until: datetime | None
    log_group: str | None
    reason: str | None
    limit: int | None

    def select(self, objects: list[Pending], store: FailureStore) -> Iterator[Pending]:
        """Give the objects that are meant. Objects are read only where their times do not decide."""
        found = 0
        for each in objects:
            if found == self.limit:
                return
            if self._is_in_time(each) and self._says(each, store):
                found += 1
                yield each

    def _is_in_time(self, each: Pending) -> bool:
        return (self.since is None or each.modified >= self.since) and (
            self.until is None or each.modified < self.until
        )

    def _says(self, each: Pending, store: FailureStore) -> bool:
        if self.log_group is None and self.reason is None:
            return True
        content = store.read(each.key)
        if content is None or (self.reason is not None and self.reason not in content.reason):
            return False
        return self.log_group is None or self.log_group == _read_log_group(content)


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
    rate: Annotated[float | None, typer.Option(min=0.1, help="At most so many events per second.")] = None,
    rejected: Annotated[bool, typer.Option("--rejected", help="Try the rejected events again.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the objects in the bucket.")] = False,
    as_json: Json = False,
) -> None:
    """Send what is kept in the failure bucket once more.

    The stack knows the bucket, and its function how OpenSearch is reached
    and how lines are read. FAILURE_BUCKET, OPENSEARCH_URL, LOG_FORMATS and
    the other variables of the function win where they are set here.

    Sending twice does no harm: what is in the index already counts as
    duplicate. Exit status 1 says that something is left; with --keep, that
    objects hold events which are not settled.

    [bold]Examples[/bold]

    flowlogs replay --dry-run --stack flowlogs

    flowlogs replay --reason 429 --rate 2000

    flowlogs replay --rejected --log-group /vpc/flow-logs

    flowlogs replay --dry-run --json | jq .events
    """
    choice = Choice(in_utc(since), in_utc(until), log_group, reason, limit)
    prefixes = [REJECTED] if rejected else [FAILED, ON_FAILURE]
    console = make_console()
    logger.registered_handler.setStream(sys.stderr)  # type: ignore[attr-defined]  # a StreamHandler
    with explained():
        deployment = Deployment(bucket=bucket).complete(stack)
        store = FailureStore(deployment.require_bucket(), REQUEST_ID)
        objects = list(choice.select(store.list_pending(prefixes), store))
        if dry_run:
            stock = _take_stock(objects, store)
            if as_json:
                print(json.dumps(stock, indent=2))
            else:
                _print_stock(console, stock)
            raise typer.Exit(INCOMPLETE if objects else 0)
        config, client = open_cluster(deployment, stack, exact=True)
        # What is written back is encrypted as the functions do it, under a name that no other run gives.
        run = f"{REQUEST_ID}-{uuid.uuid4()}"
        store = FailureStore(deployment.require_bucket(), run, kms_key=config.failure_kms_key)
        replay = Replay(Environment(config, sender(client)), store, time_left=lambda: math.inf, keep=keep)
        left = _run(replay, objects, rate, keep=keep, rejected=rejected)
    if as_json:
        print(json.dumps(_to_json(replay.summary, left), indent=2))
    else:
        _print_summary(console, replay.summary)
    if left:
        raise fail(count_of(left, "object", "remains", "remain"), INCOMPLETE)


def _read_log_group(content: Content) -> str:
    """Return where an object's events come from; Lambda's own records say it only inside."""
    if content.log_group:
        return content.log_group
    try:
        return content.decode().log_group
    except EnvelopeError:
        return "(unreadable)"


def _run(replay: Replay, objects: list[Pending], rate: float | None, *, keep: bool, rejected: bool) -> int:
    """Replay the objects; return how many of them hold something that is still to be done.

    An object that is kept on request is none of them if all of its events are settled.
    """
    open_outcomes = ("pending", "rejected") if rejected else ("pending",)
    settled: set[str] = set()
    with shown_progress("replaying objects", len(objects)) as advance:

        def done(each: Pending, counts: Mapping[str, int]) -> None:
            advance(1)
            if counts["received"] and not any(counts[outcome] for outcome in open_outcomes):
                settled.add(each.key)

        replay.run(_paced(objects, replay.summary, rate, done))
    return replay.summary.remaining - (len(settled) if keep else 0)


def _paced(
    objects: list[Pending],
    summary: Summary,
    rate: float | None,
    done: Callable[[Pending, Mapping[str, int]], None],
) -> Iterator[Pending]:
    """Give the objects no faster than their events may be sent; `done` is told what became of each's."""
    started = time.monotonic()
    for each in objects:
        if rate is not None:
            time.sleep(max(0.0, started + summary.counts["received"] / rate - time.monotonic()))
        before = summary.counts.copy()
        yield each
        done(each, summary.counts - before)


def _take_stock(objects: list[Pending], store: FailureStore) -> dict[str, Any]:
    """Count what is there, by reason and log group, the most frequent first."""
    kinds: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for each in objects:
        content = store.read(each.key)
        if content is not None:
            counts = {"objects": 1, "events": _count_events(content), "bytes": each.size}
            kinds[content.reason, _read_log_group(content)].update(counts)
    groups = [{"reason": reason, "log_group": name, **counts} for (reason, name), counts in kinds.items()]
    return {
        **{name: sum(each[name] for each in kinds.values()) for name in ("objects", "events", "bytes")},
        "oldest": objects[0].modified.isoformat(timespec="seconds") if objects else None,
        "groups": sorted(groups, key=lambda group: -kinds[group["reason"], group["log_group"]]["objects"]),
    }


def _print_stock(console: Console, stock: dict[str, Any]) -> None:
    table = plain_table(
        "reason", "log group", "objects", "events", "bytes", right=["objects", "events", "bytes"]
    )
    for each in stock["groups"]:
        # As text: a reason may hold what looks like markup.
        table.add_row(
            Text(each["reason"]),
            Text(each["log_group"]),
            format_count(each["objects"]),
            format_count(each["events"]),
            format_bytes(each["bytes"]),
        )
    if stock["groups"]:
        console.print(table)
    oldest = ""
    if stock["oldest"]:
        oldest = f", the oldest of {datetime.fromisoformat(stock['oldest']):%Y-%m-%d %H:%M:%S} UTC"
    console.print(
        f"{count_of(stock['objects'], 'object')}, {count_of(stock['events'], 'event')}, "
        f"{format_bytes(stock['bytes'])}{oldest}"
    )


def _to_json(summary: Summary, left: int) -> dict[str, Any]:
    return {
        "objects": {fate.value: summary.fates[fate] for fate in Fate},
        "events": {name: summary.counts[name] for name in ("received", *OUTCOMES)},
        "remaining": left,
        "refused": summary.refused,
    }


def _count_events(content: Content) -> int:
    try:
        return len(content.decode().events)
    except EnvelopeError:
        return 0


def _print_summary(console: Console, summary: Summary) -> None:
    fates: Mapping[Fate, int] = summary.fates
    console.print("objects: " + ", ".join(f"{fates[fate]} {fate.value.replace('_', ' ')}" for fate in Fate))
    counts = summary.counts
    parts = " + ".join(f"{format_count(counts[name])} {name}" for name in OUTCOMES)
    sign = "=" if counts["received"] == sum(counts[name] for name in OUTCOMES) else "is not"
    console.print(f"events:  {format_count(counts['received'])} received {sign} {parts}")
    if summary.refused:
        console.print("The cluster takes nothing more for now; the rest was not tried.")
