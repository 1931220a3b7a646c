"""`flowlogs parse`: what a line means, without a cluster."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Annotated, Final, cast

import typer
from rich.text import Text

from flowlogs.layouts.input import read_lines
from flowlogs.terminal.display import make_console, record_table
from flowlogs.terminal.exits import INCOMPLETE, USAGE, fail
from parser.document import PARSE_ERROR, encode_json
from parser.errors import EnvelopeError, FormatError, RecordError
from parser.fields import FIELDS
from parser.format import Formats, known_formats
from parser.record import Value, parse

Record = dict[str, Value]

MESSAGE: Final = "@message"


def parse_command(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE|-]",
            help="Lines of text, or a payload: a Lambda event, its gzip or base64. Default: standard input.",
        ),
    ] = None,
    log_format: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            "-f",
            metavar="FORMAT",
            help="A flow log format, such as '${version} ${account-id} ...'. May be given several times. "
            "Default: for each version, all fields up to it, in the documentation's order.",
        ),
    ] = None,
    table: Annotated[
        bool, typer.Option("--table", help="Print a table of the main fields, for people.")
    ] = False,
    raw_names: Annotated[bool, typer.Option("--raw-names", help="Print AWS's names: account-id.")] = False,
) -> None:
    """Parse flow log records: one JSON object per line out.

    Fields that a record does not have ("-") are left out. A line that does
    not fit gives an object with "parse_error", and exit status 1 at the end.

    [bold]Examples[/bold]

    flowlogs parse events/flow-logs-v5.json

    flowlogs parse --format '${srcaddr} ${dstaddr} ${bytes}' lines.txt
    """
    formats = _read_formats(log_format or [])
    names = _aws_names(formats) if raw_names else {}
    count = unparsed = 0
    records: list[Record] = []
    try:
        with _open(file) as stream:
            for record in _parse_lines(read_lines(stream), formats):
                count += 1
                unparsed += PARSE_ERROR in record
                if table:
                    records.append(record)
                else:
                    shown = {names.get(name, name): value for name, value in record.items()}
                    sys.stdout.buffer.write(encode_json(shown) + b"\n")
    except BrokenPipeError:  # whoever reads has seen enough; typer ends the command in silence
        raise
    except (EnvelopeError, OSError) as error:
        raise fail(str(error), INCOMPLETE) from error
    if table:
        _print_table(records)
    sys.stdout.flush()
    if unparsed:
        raise fail(f"{unparsed} of {count} lines could not be parsed", INCOMPLETE)


def _read_formats(texts: list[str]) -> Formats:
    if not texts:
        return known_formats()
    try:
        return Formats.from_text(";".join(texts))
    except FormatError as error:
        raise fail(str(error), USAGE) from error


def _aws_names(formats: Formats) -> dict[str, str]:
    fields = [*FIELDS, *(field for each in formats.by_length.values() for field in each.fields)]
    return {field.document_name: field.name for field in fields}


def _parse_lines(lines: Iterable[str], formats: Formats) -> Iterator[Record]:
    for line in lines:
        try:
            yield parse(line, formats)
        except RecordError as error:
            yield {PARSE_ERROR: str(error), MESSAGE: line}


@contextmanager
def _open(file: Path | None) -> Iterator[BufferedReader]:
    if file is None or str(file) == "-":
        if sys.stdin is None:
            raise OSError("standard input is closed, and no file is named")
        yield cast("BufferedReader", sys.stdin.buffer)
    else:
        with file.open("rb") as stream:
            yield stream


def _print_table(records: list[Record]) -> None:
    console = make_console()
    console.print(record_table(record for record in records if PARSE_ERROR not in record))
    for number, record in enumerate(records, start=1):
        if PARSE_ERROR in record:
            console.print(Text(f"record {number}: {record[PARSE_ERROR]}", style="red"))
