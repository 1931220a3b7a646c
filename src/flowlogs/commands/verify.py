"""`flowlogs verify`: did everything arrive? What each side says of a time, and whether it adds up."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from flowlogs.accounting.balance import (
    BUCKET,
    CLOUDWATCH,
    FORWARD,
    INDEX,
    REPLAY,
    Check,
    Sources,
    State,
    check,
)
from flowlogs.accounting.conclusion import Conclusion, conclude, summarize
from flowlogs.accounting.gather import gather
from flowlogs.accounting.metrics import OUTCOMES
from flowlogs.accounting.window import Window, day
from flowlogs.cluster.deployment import Deployment
from flowlogs.terminal.display import foreign, format_count, make_console, plain_table
from flowlogs.terminal.exits import INCOMPLETE, USAGE, explained, fail
from flowlogs.terminal.foreign import dump_json
from flowlogs.terminal.options import Bucket, EventSince, EventUntil, Json, Stack
from flowlogs.terminal.times import read_date

FRESH: Final = timedelta(minutes=15)
"""How long after its end a window may still change: metrics, retries and refreshes take their time."""

ARRIVED: Final = (Conclusion.ADDS_UP, Conclusion.FITS)
"""With what the command ends well."""

STYLES: Final = {State.OK: "green", State.DIFFERS: "bold red", State.UNKNOWN: "yellow"}


def verify_command(
    *,
    day_: Annotated[
        datetime | None,
        typer.Option("--day", parser=read_date, metavar="DATE", help="That day, in UTC. Default: yesterday."),
    ] = None,
    since: EventSince = None,
    until: EventUntil = None,
    stack: Stack = None,
    log_group: Annotated[str | None, typer.Option(help="The log group of the flow logs.")] = None,
    filter_: Annotated[str | None, typer.Option("--filter", help="The subscription filter on it.")] = None,
    forward: Annotated[str | None, typer.Option(help="The forward function.")] = None,
    replay: Annotated[str | None, typer.Option(help="The replay function.")] = None,
    bucket: Bucket = None,
    as_json: Json = False,
) -> None:
    """Check that every event of a time arrived, and name each difference.

    Compares what CloudWatch Logs forwarded, what the functions counted,
    what the index holds, and what waits or is rejected in the bucket. A
    source that is missing is named, and the others are checked. Without
    --day, or --since and --until, it is yesterday (UTC).

    CloudWatch and the functions count by the time of delivery, index and
    bucket by the time of the event: where traffic crosses an edge of the
    window, they may differ by as much as lies there, and that is said.

    Exit status 0 says that everything arrived, or is rejected. 1 says that
    something differs, that something waits, or that it is not known.

    [bold]Examples[/bold]

    flowlogs verify --day 2026-11-23 --stack flowlogs-opensearch

    flowlogs verify --since 2026-11-23T10:00 --until 2026-11-23T12:00

    flowlogs verify --day 2026-11-23 --json | jq .checks
    """
    window = _choose(day_, since, until)
    given = Deployment(log_group, filter_, forward, replay, bucket)
    with explained():
        deployment = given.complete(stack)
        sources = gather(deployment, stack, window)
    checks = check(sources, given.repeat(stack))
    if as_json:
        print(dump_json(_to_json(window, sources, checks)))
    else:
        _print(make_console(), window, sources, checks)
    if conclude(checks) not in ARRIVED:
        raise typer.Exit(INCOMPLETE)


def _choose(chosen: datetime | None, since: datetime | None, until: datetime | None) -> Window:
    if since is None and until is None:
        return day(chosen or datetime.now(UTC) - timedelta(days=1))
    if chosen is not None or since is None or until is None:
        raise fail("give either --day, or both --since and --until; without any it is yesterday", USAGE)
    if since >= until:
        raise fail("--since must be before --until", USAGE)
    if any(each.second or each.microsecond for each in (since, until)):
        raise fail("--since and --until must be whole minutes: CloudWatch has no shorter ones", USAGE)
    return Window(since, until)


def _to_json(window: Window, sources: Sources, checks: list[Check]) -> dict[str, Any]:
    stored = sources.stored
    return {
        "since": window.since.isoformat(),
        "until": window.until.isoformat(),
        "sources": {
            CLOUDWATCH: sources.forwarded,
            FORWARD: sources.forward,
            REPLAY: sources.replay,
            INDEX: sources.documents.inside if sources.documents else None,
            BUCKET: {"pending": len(stored.pending), "rejected": len(stored.rejected)} if stored else None,
        },
        "missing": sources.missing,
        "notes": sources.notes,
        "checks": [
            {"name": each.name, "state": each.state.value, "text": each.text, "difference": each.difference}
            for each in checks
        ],
        "adds_up": conclude(checks) in ARRIVED,
        "conclusion": conclude(checks).value,
        "summary": summarize(checks),
    }


def _print(console: Console, window: Window, sources: Sources, checks: list[Check]) -> None:
    form = "%Y-%m-%d %H:%M"
    console.print(f"{window.since:{form}} to {window.until:{form}} UTC\n")
    columns = ("source", "events", *OUTCOMES)
    table = plain_table(*columns, right=columns[1:])
    table.add_row(f"{CLOUDWATCH}: forwarded", format_count(sources.forwarded))
    for name, counts in ((FORWARD, sources.forward), (REPLAY, sources.replay)):
        cells = [format_count(counts[each]) for each in ("received", *OUTCOMES)] if counts else []
        table.add_row(f"{name}: received", *cells)
    documents = sources.documents.inside if sources.documents else None
    table.add_row(f"{INDEX}: documents", format_count(documents))
    if sources.stored is None:
        table.add_row(BUCKET)
    else:
        pending, rejected = len(sources.stored.pending), len(sources.stored.rejected)
        table.add_row(
            BUCKET, format_count(pending + rejected), "", "", format_count(pending), format_count(rejected)
        )
    console.print(table)
    for source, reason in sources.missing.items():
        console.print(foreign(f"{source}: not known: {reason}", style="yellow"))
    for note in sources.notes:
        console.print(foreign(note, style="yellow"))
    console.print()
    for each in checks:
        console.print(Text.assemble((f"{each.state.value:<13}", STYLES[each.state]), each.name))
        text = foreign(each.text, style="dim" if each.state is State.OK else "")
        console.print(Padding(text, (0, 0, 0, 13), expand=False))
    if window.until > datetime.now(UTC) - FRESH:
        console.print("\nThe end of this time is near: events and metrics of it may still be on their way.")
    console.print(f"\n{summarize(checks)}")
