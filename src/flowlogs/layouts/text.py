"""Lines of text: as they are, below a header that names their fields, or with something before each."""

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BufferedReader
from typing import Final

from flowlogs.layouts.line import Line, Note
from flowlogs.layouts.table import find_columns, read_columns, read_records, read_table, read_time
from parser.errors import EnvelopeError, FormatError
from parser.fields import FIELDS
from parser.format import Format, parse_format

_NAMES: Final = frozenset(field.name for field in FIELDS)
_NAME: Final = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_TIME: Final = r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?%s)"

_LONGEST_LOOK: Final = 4096
_MOST_CONTROLS: Final = 10
"""Percent of the first characters. Text has tabs at the most, and a broken line a few."""


@dataclass(frozen=True, slots=True)
class _Wrapping:
    """What stands before the record in each line.

    Attributes:
        name: for people.
        pattern: matches a whole line; its group `text` is the record, `time` its time, `id` its event's id.
        beside: matches a whole line that holds no record.
    """

    name: str
    pattern: re.Pattern[str]
    beside: re.Pattern[str] = re.compile("(?!)")

    def wraps(self, line: str) -> bool:
        """Tell whether a line is in it."""
        return bool(self.pattern.fullmatch(line) or self.beside.fullmatch(line))


_STREAM: Final = (
    r" (?:(?!(?:eni|tgw-attach)-\w+-\w+ )\S+(?: \S+)*? (?=\d{1,2} (?:\d{12}|unknown|TransitGateway) )|\S+ )"
)
"""A log stream, between blanks. A flow log's own has none; another ends where version and account begin."""

_WRAPPINGS: Final = (
    _Wrapping(
        "a time before each line, as an export task of CloudWatch Logs writes it",
        re.compile(_TIME % "Z" + r" (?P<text>.*)", re.DOTALL),
    ),
    _Wrapping(
        "time and log stream before each line, as `aws logs tail` prints them",
        re.compile(_TIME % r"[+-]\d\d:\d\d" + _STREAM + r"(?P<text>.*)", re.DOTALL),
    ),
    _Wrapping(
        "a time before each line, as `aws logs tail --format short` prints it",
        re.compile(_TIME % "" + r" (?P<text>.*)", re.DOTALL),
    ),
    _Wrapping(
        "log events as `aws logs --output text` lists them",
        re.compile(
            r"EVENTS\t(?:(?P<id>\d{56})\t)?(?:.*\t)?(?P<text>[^\t]*)\t(?P<time>\d{1,15})\r?\n?", re.DOTALL
        ),
        re.compile(r"b/\S+\tf/\S+\r?\n?|(?:NEXTTOKEN|SEARCHEDLOGSTREAMS)\t.*", re.DOTALL),
    ),
)


def read_text(stream: BufferedReader, note: Note) -> Iterator[Line]:
    """Give the records of a text, each as soon as its line is there. The first line says what it is.

    Raises:
        EnvelopeError: it is no text, or a header in it cannot be a format.
    """
    lines = _read_lines(stream)
    first = next((line for line in lines if line.strip()), None)
    if first is None:
        return
    _refuse_binary(first)
    columns = find_columns(first)
    if columns is not None:
        yield from read_table(columns, lines, note)
        return
    # Athena has underscores, as hyphens would need quotation marks in SQL.
    names = " ".join(read_columns(first)).replace("_", "-")
    if first.count(",") and is_header(names):
        yield from read_records(_read_header(names), lines, note)
        return
    lines = itertools.chain([first], lines)
    wrapping = next((each for each in _WRAPPINGS if each.wraps(first)), None)
    if wrapping is None:
        yield from _read_plain(lines, note)
    else:
        note(wrapping.name)
        yield from _unwrap(lines, wrapping)


def _read_lines(stream: BufferedReader) -> Iterator[str]:
    for line in stream:
        yield line.decode("utf-8", "surrogateescape")


def _refuse_binary(first: str) -> None:
    looked = first[:_LONGEST_LOOK]
    controls = sum(each < " " and each not in "\t\r\n" for each in looked)
    if 100 * controls > _MOST_CONTROLS * len(looked):
        start = looked.encode("utf-8", "surrogateescape")[:8].hex()
        raise EnvelopeError(f"input is neither text nor anything else that is known: it starts with {start}")


def _unwrap(lines: Iterable[str], wrapping: _Wrapping) -> Iterator[Line]:
    """Give the records; a line that has nothing before it is taken as it is."""
    for line in lines:
        text = line.rstrip("\r\n")
        if found := wrapping.pattern.fullmatch(text):
            yield Line(found["text"], read_time(found["time"]), found.groupdict().get("id"))
        elif text.strip() and not wrapping.beside.fullmatch(text):
            yield Line(text)


def _read_plain(lines: Iterable[str], note: Note) -> Iterator[Line]:
    """Give the records, each with the fields that the last header above it names.

    Files of S3 have a header each, so where several are one behind the other, there is one in the middle.
    """
    form: Format | None = None
    for line in lines:
        text = line.rstrip("\r\n")
        if is_header(text):
            form = _read_header(text)
            note(f"lines below a header that names {len(form)} fields, as in flow log files of S3")
        elif text.strip():
            yield Line(text, format=form)


def is_header(text: str) -> bool:
    """Tell whether a line names fields: it holds nothing but names, and knows half of them at least."""
    if not "a" <= text[:1] <= "z":
        return False
    names = text.split()
    known = sum(name in _NAMES for name in names)
    return 2 * known >= len(names) and all(_NAME.fullmatch(name) for name in names)


def _read_header(text: str) -> Format:
    try:
        return parse_format(text)
    except FormatError as error:
        raise EnvelopeError(f"the header line cannot be a format: {error}") from error
