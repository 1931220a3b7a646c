"""`flowlogs report`: from the options to the file."""

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from flowlogs.cluster.completeness import show_troubles
from flowlogs.cluster.connection import open_client
from flowlogs.cluster.deployment import Deployment, read_environ
from flowlogs.cluster.listing import read_indices
from flowlogs.panels.catalogue import EVERY_PANEL
from flowlogs.report.answers import Answers, ask, steps
from flowlogs.report.machine import to_json
from flowlogs.report.period import Period, choose_period
from flowlogs.terminal.exits import INCOMPLETE, USAGE, describe_file, explained, fail, say
from flowlogs.terminal.foreign import dump_json, harmless
from flowlogs.terminal.options import EventSince, EventUntil, Json, Stack
from flowlogs.terminal.progress import shown_progress
from handler.config import ConfigError

OUTPUT: Final = Path("report.html")
STANDARD_OUTPUT: Final = Path("-")


def report_command(
    *,
    stack: Stack = None,
    since: EventSince = None,
    until: EventUntil = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="The file to write; - is standard output.",
            show_default=str(OUTPUT),
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a report: the dashboard as one HTML file that needs no network.

    It begins with what changed against the period before, who talks for
    the first time, and who looks like a scanner. Without --until it ends
    now; without --since it begins a day before its end. With --json the
    numbers are printed instead, and no file is written.

    Exit status 1 says that an index did not answer whole: the report is
    made of the others, and begins with the name of what it lacks. It also
    says that no record lies in the period and a page is there already,
    which is left as it is.

    [bold]Examples[/bold]

    flowlogs report --stack flowlogs-opensearch

    flowlogs report --since 2026-01-15 --until 2026-01-16 --output monday.html

    flowlogs report --json | jq .panels.talkers
    """
    if as_json and output is not None:
        raise fail("give either --json, which prints the numbers, or --output", USAGE)
    try:
        period = choose_period(since, until, datetime.now(UTC))
    except ValueError as error:
        raise fail(str(error), USAGE) from error
    file = output or OUTPUT
    with explained():
        environ, refused = read_environ(Deployment().complete(stack), stack)
        if refused and not environ.get("OPENSEARCH_URL"):
            raise ConfigError([f"the function cannot be asked: {refused}"])
        answers = _print_json(environ, period) if as_json else write_report(environ, period, file)
    if not as_json and file != STANDARD_OUTPUT:
        print(f"report: {harmless(str(file.resolve()))}")
    if answers.lacking:
        raise fail(f"the report is not whole: {show_troubles(answers.lacking)}", INCOMPLETE)


def write_report(environ: Mapping[str, str], period: Period, output: Path) -> Answers:
    """Write the report of a period to a file, `-` is standard output; return what it tells.

    Raises:
        handler.config.ConfigError: the environment does not say how to reach a cluster.
        opensearchpy.exceptions.OpenSearchException: the cluster does not answer, not even in part.
        typer.Exit: the file cannot be written; or it is there, and the period has nothing to put into it.
    """
    from flowlogs.report.page import build_page  # other commands shall not wait for charts

    config, client = open_client(environ)
    with shown_progress("making the report", steps() + len(EVERY_PANEL)) as advance:
        answers = ask(read_indices(client, config.index_prefix), period, lambda: advance(1))
        index = f"{config.index_prefix}-*"
        page = build_page(
            answers, cluster=config.url, index=index, now=datetime.now(UTC), step=lambda: advance(1)
        )
    if answers.is_empty and not answers.lacking:
        _say_empty(answers, index, output)
    if output == STANDARD_OUTPUT:
        sys.stdout.write(page)
        return answers
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(page, encoding="utf-8")
    except OSError as error:
        raise fail(f"the report cannot be written: {describe_file(error)}", INCOMPLETE) from error
    return answers


def _say_empty(answers: Answers, index: str, output: Path) -> None:
    nothing = f"no record from {answers.period} is in {index}"
    if output != STANDARD_OUTPUT and output.exists():
        raise fail(f"{nothing}: {output} stays as it is, --output names another file", INCOMPLETE)
    say(f"{nothing}: the report is empty")


def _print_json(environ: Mapping[str, str], period: Period) -> Answers:
    config, client = open_client(environ)
    with shown_progress("asking the cluster", steps()) as advance:
        answers = ask(read_indices(client, config.index_prefix), period, lambda: advance(1))
    index = f"{config.index_prefix}-*"
    print(dump_json(to_json(answers, index=index, now=datetime.now(UTC))))
    return answers
