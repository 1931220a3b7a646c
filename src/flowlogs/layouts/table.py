"""CSV: of log events (`timestamp,message`), of Logs Insights (`@message`), of Athena (a column a field)."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from flowlogs.layouts.line import Line, Note
from parser.errors import EnvelopeError
from parser.format import Format

LONGEST_FIELD: Final = 16 * 1024 * 1024
"""Characters. An event of CloudWatch Logs has 1 MiB at the most; Python's own bound is 128 KiB."""

_MESSAGES: Final = ("message", "@message")
_TIMES: Final = ("timestamp", "@timestamp")

_ABSENT: Final = "-"
"""What a record has for a field that is not known."""


def find_columns(line: str) -> Sequence[str] | None:
    """Return the columns that a line names, if one of them holds messages and another times; else None.

    Messages alone are enough where Logs Insights names them: `@message`.
    """
    columns = read_columns(line)
    known = any(name in columns for name in _MESSAGES) and any(name in columns for name in _TIMES)
    return columns if known or "@message" in columns else None


def read_columns(line: str) -> Sequence[str]:
    """Return what stands in a row, in lower case; nothing if it is no row."""
    try:
        return [name.strip().lower() for name in next(csv.reader([line]))]
    except csv.Error:  # such as a line with a carriage return in it
        return []


def read_table(columns: Sequence[str], lines: Iterable[str], note: Note) -> Iterator[Line]:
    """Give the lines of a table, whose rows follow the one that names its columns.

    A row that is too short for a message costs one line: it will not be parsed.

    Raises:
        EnvelopeError: a field is longer than any event.
    """
    note(f"CSV with {' and '.join(name for name in columns if name in (*_TIMES, *_MESSAGES))}")
    message, time = (
        next((columns.index(name) for name in names if name in columns), None)
        for names in (_MESSAGES, _TIMES)
    )
    for row in _read_rows(lines):
        match [row[place] if place is not None and place < len(row) else None for place in (message, time)]:
            case [str(text), str(moment)]:
                yield Line(text.rstrip("\r\n"), read_time(moment))
            case [str(text), None] if time is None:
                yield Line(text.rstrip("\r\n"))
            case _:
                yield Line(",".join(row))


def read_records(form: Format, lines: Iterable[str], note: Note) -> Iterator[Line]:
    """Give the records of a table whose columns are the fields of a format. What is empty is not known.

    Raises:
        EnvelopeError: a field is longer than any event.
    """
    note(f"CSV whose columns are {len(form)} fields, as Athena writes it")
    for row in _read_rows(lines):
        yield Line(" ".join(each or _ABSENT for each in row), format=form)


def _read_rows(lines: Iterable[str]) -> Iterator[list[str]]:
    """Give the rows that are not blank."""
    csv.field_size_limit(LONGEST_FIELD)
    try:
        yield from (row for row in csv.reader(lines) if any(each.strip() for each in row))
    except csv.Error as error:
        # Behind the hyphen, Python advises the programmer.
        raise EnvelopeError(f"CSV cannot be read: {str(error).partition(' - ')[0]}") from error


def read_time(text: str) -> int | None:
    """Return a time in milliseconds since the epoch; None where it is none.

    Args:
        text: milliseconds, or ISO 8601; without a zone it is in UTC, as the console and the CLI have it.
    """
    if text.isascii() and text.isdigit():
        return int(text) if len(text) <= len("253402300799999") else None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
