"""`flowlogs rejected`: what OpenSearch would not take, why, and what helps."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.padding import Padding

from flowlogs.bucket.choice import REQUEST_ID, Choice
from flowlogs.bucket.rejections import SAMPLES, Findings, collect
from flowlogs.cluster.deployment import Deployment
from flowlogs.terminal.display import count_of, foreign, format_count, make_console
from flowlogs.terminal.exits import INCOMPLETE, explained, naming
from flowlogs.terminal.foreign import dump_json
from flowlogs.terminal.options import Bucket, Json, Stack, StoredSince, StoredUntil
from flowlogs.terminal.progress import shown_progress
from flowlogs.terminal.redaction import redact_all
from handler.failures import REJECTED, FailureStore, Pending


def rejected_command(
    *,
    stack: Stack = None,
    bucket: Bucket = None,
    since: StoredSince = None,
    until: StoredUntil = None,
    log_group: Annotated[str | None, typer.Option(help="Only events of this log group.")] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Look at so many objects at most, the oldest first.")
    ] = None,
    samples: Annotated[int, typer.Option(min=0, help="Lines to show of each reason.")] = SAMPLES,
    redact: Annotated[bool, typer.Option("--redact", help="Hide addresses and account ids.")] = False,
    as_json: Json = False,
) -> None:
    """Show which events were rejected, why, and what helps.

    They are in the failure bucket under rejected/ and are never tried
    again by themselves. So are objects that could not be read; where they
    can be today, it is said. Exit status 1 says that there are some.

    [bold]Examples[/bold]

    flowlogs rejected --stack flowlogs-opensearch

    flowlogs rejected --since 2026-11-23 --redact

    flowlogs rejected --json | jq '.groups[].reason'
    """
    choice = Choice(since, until, log_group, None, limit)
    with explained():
        given = Deployment(bucket=bucket)
        name = given.complete(stack).require_bucket()
        store = FailureStore(name, REQUEST_ID)
        with naming(name):
            objects = choice.select(store.list_pending([REJECTED]), store)
        findings = collect(_with_progress(objects), store, samples, given.repeat(stack))
    shown = _to_json(findings)
    if redact:
        shown = redact_all(shown)
    if as_json:
        print(dump_json(shown))
    else:
        _print(make_console(), shown)
    if findings.groups or findings.unreadable:
        raise typer.Exit(INCOMPLETE)


def _with_progress(objects: Iterator[Pending]) -> Iterator[Pending]:
    """Say how far the work is."""
    with shown_progress("reading rejected objects") as advance:
        for each in objects:
            yield each
            advance(1)


def _to_json(findings: Findings) -> dict[str, Any]:
    return {
        "events": findings.events,
        "groups": [asdict(each) for each in findings.groups],
        "unreadable": [asdict(each) for each in findings.unreadable],
    }


def _print(console: Console, shown: dict[str, Any]) -> None:
    for group in shown["groups"]:
        _print_group(console, group)
    for each in shown["unreadable"]:
        _print_unreadable(console, each)
    unreadable = len(shown["unreadable"])
    objects = f", {count_of(unreadable, 'object')} that could not be read" if unreadable else ""
    console.print(f"{count_of(shown['events'], 'event', 'is', 'are')} rejected{objects}")


def _print_group(console: Console, group: dict[str, Any]) -> None:
    name = f"{group['status']} {group['error_type']}" if group["status"] else group["error_type"]
    console.print(foreign(f"{count_of(group['count'], 'event')}: {name}", style="bold"))
    first, last = group["first"], group["last"]
    details = {
        "index": group["index"] or "(none)",
        "reason": group["reason"],
        "from": ", ".join(f"{name} ({format_count(n)})" for name, n in group["log_groups"].items()),
        "when": first if first == last else f"{first} to {last}",
        "what helps": group["advice"],
    }
    for label, text in details.items():
        _print_below(console, f"{label}: {text}")
    for line in group["samples"]:
        _print_below(console, f"line: {line}", style="dim")
    console.print()


def _print_unreadable(console: Console, each: dict[str, Any]) -> None:
    console.print(foreign(f"an object that could not be read: {each['key']}", style="bold"))
    readable = "" if each["events"] is None else f", holds {count_of(each['events'], 'event')}"
    _print_below(console, f"{count_of(each['size'], 'byte')}, set aside at {each['stored']}{readable}")
    _print_below(console, f"reason: {each['reason']}")
    _print_below(console, f"what helps: {each['advice']}")
    console.print()


def _print_below(console: Console, text: str, style: str = "") -> None:
    console.print(Padding(foreign(text, style), (0, 0, 0, 2), expand=False))
