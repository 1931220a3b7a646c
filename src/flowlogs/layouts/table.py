"""CSV as the console writes it: of log events (`timestamp,message`), or of Logs Insights (`@message`)."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from flowlogs.layouts.line import Line, Note
from parser.errors import EnvelopeError

LONGEST_FIELD: Final = 16 * 1024 * 1024
"""Characters. An event of CloudWatch Logs has 1 MiB at the most; Python's own bound is 128 KiB."""

_MESSAGES: Final = ("message", "@message")
_TIMES: Final = ("timestamp", "@timestamp")


def find_columns(line: str) -> Sequence[str] | None:
    """Return the columns that a line names, if one of them holds messages and another times; else None."""
    if "," not in line:
        return None
    try:
        columns = [name.strip().lower() for name in next(csv.reader([line]))]
    except csv.Error:  # no row at all, such as one with a carriage return in it
        return None
    known = any(name in columns for name in _MESSAGES) and any(name in columns for name in _TIMES)
    return columns if known else None


def read_table(columns: Sequence[str], lines: Iterable[str], note: Note) -> Iterator[Line]:
    """Give the lines of a table, whose rows follow the one that names its columns.

    A row that is too short for a message costs one line: it will not be parsed.

    Raises:
        EnvelopeError: a field is longer than any event.
    """
    note(f"CSV with {' and '.join(name for name in columns if name in (*_TIMES, *_MESSAGES))}")
    message, time = (
        next(columns.index(name) for name in names if name in columns) for names in (_MESSAGES, _TIMES)
    )
    csv.field_size_limit(LONGEST_FIELD)
    try:
        for row in csv.reader(lines):
            if any(each.strip() for each in row):
                complete = len(row) > max(message, time)
                yield (
                    Line(row[message].rstrip("\r\n"), read_time(row[time]))
                    if complete
                    else Line(",".join(row))
                )
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
