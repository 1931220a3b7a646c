"""`flowlogs reparse`: lines that could not be parsed, parsed again with today's formats, in place."""

import json
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from flowlogs.cluster.deployment import Deployment, open_cluster
from flowlogs.cluster.reparsing import Reparse, Result
from flowlogs.terminal.display import count_of, foreign, format_count, make_console, plain_table
from flowlogs.terminal.exits import INCOMPLETE, explained, fail
from flowlogs.terminal.foreign import dump_json
from flowlogs.terminal.options import EventSince, EventUntil, Json, Stack

REASONS: Final = 10
"""How many reasons are shown of lines that still cannot be parsed."""


def reparse_command(
    *,
    stack: Stack = None,
    since: EventSince = None,
    until: EventUntil = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be, change nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Parse lines again that could not be parsed, and correct their documents.

    A line that fits none of LOG_FORMATS is indexed with its text and a
    parse_error. After LOG_FORMATS is corrected, this reads such documents
    back, parses them with today's formats and overwrites them in place,
    under the same _id in the same index. The formats are those of the
    function of --stack, or LOG_FORMATS where it is set here. What still
    cannot be parsed, or what somebody else changes meanwhile, is left;
    the text of the line and fields that others added stay.

    A wrong format may fit by its length: look at the examples that
    --dry-run shows. Where values say that it cannot be right, nothing is
    written.

    Exit status 1 says that documents with a parse error are there, or
    that an index is closed or red and was not asked.

    [bold]Examples[/bold]

    flowlogs reparse --dry-run --stack flowlogs-opensearch

    flowlogs reparse --since 2026-11-22 --until 2026-11-24
    """
    with explained():
        deployment = Deployment().complete(stack)
        config, client = open_cluster(deployment, stack, exact=True)
        reparse = Reparse(client, config, since, until, dry_run=dry_run)
        result = reparse.run()
    if as_json:
        print(dump_json({"dry_run": dry_run, **to_json(result)}))
    elif not result.shards:
        days = f"{config.index_prefix}-YYYY.MM.DD"
        print(f"there is no index {days} of this time: nothing to parse again (INDEX_PREFIX names others)")
    else:
        _print(make_console(), result, dry_run=dry_run)
    if result.unlikely:
        raise fail(f"the formats cannot be right, nothing more is written: {result.unlikely}", INCOMPLETE)
    if result.after:
        raise typer.Exit(INCOMPLETE)


def to_json(result: Result) -> dict[str, Any]:
    """Return a result as JSON; its counters as objects."""
    return {
        name: dict(getattr(result, name)) if name in ("reasons", "refusals") else getattr(result, name)
        for name in Result.__slots__
    }


def _print(console: Console, result: Result, *, dry_run: bool) -> None:
    verb = "can be parsed now" if dry_run else "parsed and overwritten"
    console.print(f"{count_of(result.before, 'document')} had a parse error")
    console.print(f"{format_count(result.parsed)} {verb}")
    console.print(f"{format_count(result.failing)} still cannot be parsed, left as before")
    if result.changed:
        changed = count_of(result.changed, "document", "was", "were")
        console.print(f"{changed} changed by somebody else meanwhile: run it again")
    if result.refused:
        refused = count_of(result.refused, "document", "was", "were")
        console.print(f"{refused} refused by OpenSearch, left as before:")
    for title, counts in (("why refused", result.refusals), ("why not", result.reasons)):
        if counts:
            table = plain_table("documents", title, right=["documents"])
            for reason, number in counts.most_common(REASONS):
                table.add_row(format_count(number), foreign(reason))
            console.print(table)
    for each in result.samples:
        console.print()
        line = each["before"]["@message"]
        console.print(foreign(f"{each['_index']} {each['_id']}: {line}"), soft_wrap=True)
        fields = {name: value for name, value in each["after"].items() if not name.startswith("@")}
        console.print(
            foreign(f"  {'would be' if dry_run else 'is now'} {json.dumps(fields)}"), soft_wrap=True
        )
    if result.unrefreshed:
        console.print(foreign(result.unrefreshed, style="yellow"))
    console.print(f"{count_of(result.after, 'document', 'has', 'have')} a parse error now")
