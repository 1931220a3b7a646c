"""`flowlogs report`: from the options to the file."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from flowlogs.cluster import open_client
from flowlogs.dashboards.panels import EVERY_PANEL
from flowlogs.display import make_console
from flowlogs.exits import INCOMPLETE, USAGE, explained, fail
from flowlogs.report.answers import ask, steps
from flowlogs.report.page import build_page
from flowlogs.report.period import Period, choose_period

TIMES: Final = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
OUTPUT: Final = Path("report.html")


def report_command(
    *,
    since: Annotated[
        datetime | None,
        typer.Option(formats=TIMES, metavar="TIME", help="From this time (UTC). Default: a day before."),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(formats=TIMES, metavar="TIME", help="Until just before this time (UTC). Default: now."),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")] = OUTPUT,
) -> None:
    """Write a report: the dashboard as one HTML file that needs no network.

    It begins with what changed against the period before, who talks for
    the first time, and who looks like a scanner. OpenSearch is the one of
    OPENSEARCH_URL and the other variables that the functions read.

    [bold]Examples[/bold]

    flowlogs report

    flowlogs report --since 2026-01-15 --until 2026-01-16 --output monday.html
    """
    try:
        period = choose_period(since, until, datetime.now(UTC))
    except ValueError as error:
        raise fail(str(error), USAGE) from error
    console = make_console()
    with explained():
        write_report(console, os.environ, period, output)
    console.print(f"report: {output.resolve()}", soft_wrap=True, highlight=False, markup=False)


def write_report(console: Console, environ: Mapping[str, str], period: Period, output: Path) -> None:
    """Write the report of a period to a file.

    Raises:
        handler.config.ConfigError: the environment does not say how to reach a cluster.
        opensearchpy.exceptions.OpenSearchException: the cluster does not answer.
        typer.Exit: the file cannot be written.
    """
    config, client = open_client(environ)
    index = f"{config.index_prefix}-*"
    columns = (TextColumn("making the report"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=steps() + len(EVERY_PANEL))
        answers = ask(client, index, period, lambda: progress.advance(task))
        page = build_page(
            answers,
            cluster=config.url,
            index=index,
            now=datetime.now(UTC),
            step=lambda: progress.advance(task),
        )
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(page, encoding="utf-8")
    except OSError as error:
        raise fail(f"the report cannot be written: {error}", INCOMPLETE) from error
