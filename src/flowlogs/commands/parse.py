"""`flowlogs parse`: what a line means, without a cluster."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Annotated, Final, cast

import typer

from flowlogs.layouts.input import read_lines
from flowlogs.layouts.line import Line
from flowlogs.terminal.exits import INCOMPLETE, USAGE, describe_file, fail, say
from flowlogs.terminal.foreign import harmless
from parser.document import PARSE_ERROR, encode_json
from parser.errors import EnvelopeError, FormatError, RecordError
from parser.fields import FIELDS
from parser.format import Format, Formats, known_formats
from parser.record import Value, parse

Record = dict[str, Value]

MESSAGE: Final = "@message"


def parse_command(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE|-]",
            help="Lines of text, a payload, or a file as AWS gives it, also in gzip or zip. "
            "Default: standard input.",
        ),
    ] = None,
    log_format: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            "-f",
            metavar="FORMAT",
            help="A flow log format, such as '${version} ${account-id} ...'. May be given several times. "
            "Default: for each version, all fields up to it, in the documentation's order. A header "
            "line in the file wins.",
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

    A file may be as people have it: a flow log file of S3, whose header line
    names the fields; the console's CSV; the files of an export task; what
    aws logs tail and filter-log-events print; what Firehose wrote to S3.
    What was recognised is said on standard error.

    [bold]Examples[/bold]

    flowlogs parse events/flow-logs-v5.json

    flowlogs parse --format '${srcaddr} ${dstaddr} ${bytes}' lines.txt

    flowlogs parse 123456789010_vpcflowlogs_eu-central-1_fl-1.log.gz
    """
    formats = _read_formats(log_format or [])
    count = unparsed = 0
    records: list[Record] = []
    try:
        with _open(file) as stream:
            for record in _parse_lines(_announced(stream), formats, raw_names=raw_names and not table):
                count += 1
                unparsed += PARSE_ERROR in record
                if table:
                    records.append(record)
                else:
                    # Of other characters than these, JSON is the same JSON whether they are escaped or not.
                    sys.stdout.buffer.write(harmless(encode_json(record).decode()).encode() + b"\n")
    except BrokenPipeError:  # whoever reads has seen enough; typer ends the command in silence
        raise
    except EnvelopeError as error:
        raise fail(str(error), INCOMPLETE) from error
    except OSError as error:
        raise fail(describe_file(error), INCOMPLETE) from error
    if table:
        _print_table(records)
    sys.stdout.flush()
    if unparsed:
        raise fail(f"{unparsed} of {count} lines could not be parsed{_advise(unparsed, count)}", INCOMPLETE)


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


def _announced(stream: BufferedReader) -> Iterator[Line]:
    """Give the lines, and say on standard error what was recognised, before the first of them."""
    recognised: dict[str, bool] = {}  # -> whether it was said

    def tell() -> None:
        if fresh := [name for name, said in recognised.items() if not said]:
            say(f"read as {', '.join(fresh)}")
            recognised.update(dict.fromkeys(fresh, True))

    for line in read_lines(stream, lambda name: recognised.update({name: recognised.get(name, False)})):
        tell()
        yield line
    tell()


def _parse_lines(lines: Iterable[Line], given: Formats, *, raw_names: bool) -> Iterator[Record]:
    header: Format | None = None
    formats = given
    names = _aws_names(formats) if raw_names else {}
    for line in lines:
        if line.format is not header:
            header = line.format
            formats = given if header is None else Formats.of([header])
            names = _aws_names(formats) if raw_names else {}
        try:
            record = parse(line.text, formats)
        except RecordError as error:
            record = {PARSE_ERROR: str(error), MESSAGE: line.text}
        yield {names.get(name, name): value for name, value in record.items()} if raw_names else record


def _advise(unparsed: int, count: int) -> str:
    if unparsed < count:
        return ""
    return ": none fits, so that this is no flow log, or --format must say which fields its lines have"


@contextmanager
def _open(file: Path | None) -> Iterator[BufferedReader]:
    if file is None or str(file) == "-":
        if sys.stdin is None:
            raise OSError("standard input is closed, and no file is named")
        yield cast("BufferedReader", sys.stdin.buffer)
    else:
        try:
            stream = file.open("rb")
        except OSError as error:
            raise fail(f"{file}: {error.strerror}", USAGE) from error
        with stream:
            yield stream


def _print_table(records: list[Record]) -> None:
    from flowlogs.terminal.display import (
        foreign,
        make_console,
        record_table,
    )  # slow; JSON needs nothing of it

    console = make_console()
    console.print(record_table(record for record in records if PARSE_ERROR not in record))
    for number, record in enumerate(records, start=1):
        if PARSE_ERROR in record:
            console.print(foreign(f"record {number}: {record[PARSE_ERROR]}", style="red"))
