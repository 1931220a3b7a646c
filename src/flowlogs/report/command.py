"""`flowlogs report`: from the options to the file."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from flowlogs.cluster import open_client
from flowlogs.dashboards.panels import EVERY_PANEL
from flowlogs.exits import INCOMPLETE, USAGE, explained, fail
from flowlogs.options import EventSince, EventUntil
from flowlogs.progress import shown_progress
from flowlogs.report.answers import ask, steps
from flowlogs.report.period import Period, choose_period

OUTPUT: Final = Path("report.html")


def report_command(
    *,
    since: EventSince = None,
    until: EventUntil = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")] = OUTPUT,
) -> None:
    """Write a report: the dashboard as one HTML file that needs no network.

    It begins with what changed against the period before, who talks for
    the first time, and who looks like a scanner. Without --until it ends
    now; without --since it begins a day before its end.

    [bold]Examples[/bold]

    flowlogs report

    flowlogs report --since 2026-01-15 --until 2026-01-16 --output monday.html
    """
    try:
        period = choose_period(since, until, datetime.now(UTC))
    except ValueError as error:
        raise fail(str(error), USAGE) from error
    with explained():
        write_report(os.environ, period, output)
    print(f"report: {output.resolve()}")


def write_report(environ: Mapping[str, str], period: Period, output: Path) -> None:
    """Write the report of a period to a file.

    Raises:
        handler.config.ConfigError: the environment does not say how to reach a cluster.
        opensearchpy.exceptions.OpenSearchException: the cluster does not answer.
        typer.Exit: the file cannot be written.
    """
    from flowlogs.report.page import build_page  # other commands shall not wait for charts

    config, client = open_client(environ)
    index = f"{config.index_prefix}-*"
    with shown_progress("making the report", steps() + len(EVERY_PANEL)) as advance:
        answers = ask(client, index, period, lambda: advance(1))
        page = build_page(
            answers, cluster=config.url, index=index, now=datetime.now(UTC), step=lambda: advance(1)
        )
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(page, encoding="utf-8")
    except OSError as error:
        raise fail(f"the report cannot be written: {error}", INCOMPLETE) from error
