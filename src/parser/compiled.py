r"""The fast path: for each format a plan, made once, by which the rows of many events are made together.

What a line means is said in `parser.record`, what is indexed for it in `parser.document`. Here the same
rows are made without the values and dictionaries in between, and without a loop over the lines: all
lines are split at once, each field is looked at as a column, and all rows are joined at once.

    lines     "10.0.0.1 840 ACCEPT OK", "10.0.0.2 97 REJECT OK"
    columns   ["10.0.0.1", "10.0.0.2"], ["840", "97"], ["ACCEPT", "REJECT"], ["OK", "OK"]
    pieces    ... '"srcaddr":"', "10.0.0.1", '","bytes":', "840", ",", '"action":"ACCEPT",', ...

It rests on four observations:

1. What is valid needs no conversion: a whole number in plain digits is the same text in JSON. So a column
   holds nothing else if it stays the same when it is read as JSON and written again.
2. Fields that name things (interface, VPC, action, ...) repeat. A memo holds the finished piece of JSON
   for each of their texts; the readable definition makes it the first time.
3. Each token of an accepted line is ASCII that JSON does not escape: digits, an address, or a
   text that was looked at when it came into its memo. So the line as a whole is that, too.
4. What does not fit is rare. Such a line (a NODATA record, a wrong number, a quote) is taken out and
   rendered alone: from the pieces of its tokens, or by the definition.

A property test holds rows and counts equal to the readable definition, byte for byte.
"""

import re
from collections.abc import Callable, Sequence
from operator import is_
from socket import AF_INET, AF_INET6, inet_pton
from typing import Annotated, Final, Literal

import msgspec

from parser.document import PARSE_ERROR, build, encode_json, format_time
from parser.fields import SHORT, Field, Kind
from parser.format import Format, Formats
from parser.record import ABSENT, read
from parser.subscription import Event, Subscription

Mark = Literal["unparsed", "NODATA", "SKIPDATA"]
"""What is counted about an event's line."""

LARGEST_MEMO: Final = 1024
LONGEST_TEXT: Final = 300
LONGEST_TAIL: Final = 1000
LARGEST_ADDRESSES: Final = 16_384
"""Bounds of what is remembered: a memo that is full begins anew, a longer text (of the fields at the end of a
line: a longer tail) is not kept. With the names of ECS a tail has 400 to 700 characters."""

_STATUS: Final = "log-status"
_MARKED: Final[dict[str, Mark]] = {"NODATA": "NODATA", "SKIPDATA": "SKIPDATA"}
_DIGITS: Final = 10
"""Of a time in seconds, from 2001 to 2286. Ten digits are never milliseconds."""
_PLAIN: Final = re.compile(r"[ !#-\[\]-~]+")
"""ASCII that is the same within a JSON string."""


class Rows:
    """Makes rows of a bulk body: for each event an action and a document, two lines of JSON."""

    def __init__(self, formats: Formats, *, keep_message: bool) -> None:
        """Plan the formats; `keep_message` is that of `parser.document.build`."""
        self.formats = formats
        self.keep_message = keep_message
        self._plans = {
            length: _Plan(each, keep_message=keep_message)
            for length, each in formats.by_length.items()
            if length > 1
        }

    def render(self, events: Sequence[Event], subscription: Subscription) -> tuple[bytes, dict[int, Mark]]:
        """Return the rows of the events, and by position what is to be counted of each.

        Args:
            events: at least one.
            subscription: the payload that they came in.
        """
        metadata = _render_metadata(subscription)
        marks: dict[int, Mark] = {}

        def render_alone(position: int) -> str:
            event = events[position]
            plan = self._plans.get(_count_tokens(event)) if metadata else None
            pieces = plan.render_pieces(event, metadata) if plan else None
            row, mark = pieces or self._define_row(event, subscription)
            if mark:
                marks[position] = mark
            return row

        def render_together(chosen: Sequence[Event], positions: Sequence[int]) -> str | None:
            plan = self._plans.get(_count_tokens(chosen[0])) if metadata else None
            return plan.render(chosen, positions, metadata, render_alone) if plan else None

        rows = render_together(events, range(len(events)))
        if rows is None:  # not all have the same number of tokens
            by_position: dict[int, str] = {}
            for positions in _group_by_length(events):
                text = render_together([events[position] for position in positions], positions)
                each = map(render_alone, positions) if text is None else divide(text)
                by_position.update(zip(positions, each, strict=True))
            rows = "".join([by_position[position] for position in range(len(events))])
        return rows.encode(), marks

    def _define_row(self, event: Event, subscription: Subscription) -> tuple[str, Mark | None]:
        """Render an event by the readable definition."""
        document = build(event, subscription, self.formats, keep_message=self.keep_message)
        row = encode_json({"create": {"_id": event.id}}) + b"\n" + encode_json(document) + b"\n"
        mark: Mark | None = _MARKED.get(str(document.get("log_status")))
        return row.decode(), "unparsed" if PARSE_ERROR in document else mark


def divide(rows: str) -> list[str]:
    """Return each row of a text of rows."""
    lines = rows.split("\n")
    return [f"{action}\n{document}\n" for action, document in zip(lines[:-1:2], lines[1::2], strict=True)]


class _Plan:
    """How lines of one format become rows."""

    def __init__(self, form: Format, *, keep_message: bool) -> None:
        self._fields = form.fields
        self._keep_message = keep_message
        self._single = [_choose_column([field]) for field in form.fields]
        varying = [position for position, field in enumerate(form.fields) if not _is_steady(field)]
        self._first_varying = varying[0] if varying else 0
        # The steady fields from here to the end are one column.
        self._tail = min(varying[-1] + 1 if varying else 0, len(form.fields) - 1)
        self._columns = [*self._single[: self._tail], _choose_column(form.fields[self._tail :])]

    def render(
        self,
        events: Sequence[Event],
        positions: Sequence[int],
        metadata: str,
        render_alone: Callable[[int], str],
    ) -> str | None:
        """Return the rows of the events; None where one has not the format's number of tokens.

        Args:
            events: at least one.
            positions: theirs, for `render_alone`.
            metadata: the end of each document.
            render_alone: makes the row of the event at a position, which does not fit.
        """
        messages = [event.message for event in events]
        table = self._split(messages)
        if table is None:
            return None
        ids = [event.id for event in events]
        times = [event.timestamp for event in events]
        numbers = list(range(len(events)))
        alone: list[int] = []
        # NODATA records, whose first varying field is absent, are most of what does not fit.
        misfits = _find(ABSENT, table[self._first_varying])
        if not _are_digits("".join(ids)):
            misfits |= {number for number, each in enumerate(ids) if not _are_digits(each)}
        rendered: list[str | list[str]] = []
        while misfits or not rendered:  # twice at the most: what does not fit is taken out, then all fits
            if any(_count_tokens(events[numbers[each]]) != len(self._fields) for each in misfits):
                return None
            for number in sorted(misfits, reverse=True):
                alone.append(numbers.pop(number))
                del times[number]
                for column in (ids, messages, *table):
                    del column[number]
            if not numbers:
                return "".join(map(render_alone, positions))
            rendered, misfits = self._render_columns(table)
        pieces = self._assemble(ids, times, messages, rendered, metadata)
        width = len(pieces) // len(numbers)
        pieces.append("")
        for before, number in reversed([*enumerate(sorted(alone))]):
            behind = (number - before) * width  # the first piece of the row that comes after it
            pieces[behind] = render_alone(positions[number]) + pieces[behind]
        return "".join(pieces)

    def _split(self, messages: list[str]) -> list[list[str]] | None:
        """Return the tokens of each column; None where a line has too few of them."""
        # Lines of one interface begin with the same text, which need not be split again and again.
        begin = messages[0].split(" ", self._first_varying)[: self._first_varying]
        head = "".join([f"{token} " for token in begin])
        rests = [message.removeprefix(head) for message in messages]
        if any(map(is_, rests, messages)):  # one begins otherwise
            begin, rests = [], messages
        try:
            tokens = zip(*[rest.split(" ", self._tail - len(begin)) for rest in rests], strict=True)
            table = [*([token] * len(messages) for token in begin), *map(list, tokens)]
        except ValueError:
            return None
        return table if len(table) == len(self._columns) else None

    def _render_columns(self, table: list[list[str]]) -> tuple[list[str | list[str]], set[int]]:
        """Return what stands in the rows for each column, and the numbers of the lines that do not fit."""
        rendered = []
        misfits: set[int] = set()
        for column, tokens in zip(self._columns, table, strict=True):
            try:
                rendered.append(column.render(tokens))
            except ValueError:
                misfits.update([number for number, token in enumerate(tokens) if not _fits(column, token)])
        return rendered, misfits

    def _assemble(
        self,
        ids: list[str],
        times: list[int],
        messages: list[str],
        rendered: list[str | list[str]],
        metadata: str,
    ) -> list[str]:
        """Return the pieces of all rows, as many for each."""
        row: list[str] = []  # of each pair the second is filled in
        filled: list[list[str]] = []
        literal = '{"create":{"_id":"'

        def fill(texts: list[str]) -> None:
            row.extend((literal, ""))
            filled.append(texts)

        fill(ids)
        literal = '"}}\n{'
        for column, text in zip(self._columns, rendered, strict=True):
            if isinstance(text, str):
                literal += text
            else:
                literal += column.before
                fill(text)
                literal = column.behind
        literal += '"@timestamp":"'
        fill([*map(_stamps.__getitem__, times)])
        if self._keep_message:
            literal = '","@message":"'
            fill(messages)
        row.append(f'"{metadata}}}\n')
        pieces = row * len(ids)
        for number, texts in enumerate(filled):
            pieces[2 * number + 1 :: len(row)] = texts
        return pieces

    def render_pieces(self, event: Event, metadata: str) -> tuple[str, Mark | None] | None:
        """Render an event whose line is a record that lacks fields; None where it may be no record."""
        line = event.message
        if not _are_digits(event.id) or not _PLAIN.fullmatch(line):
            return None
        mark = None
        pieces = []
        try:
            for field, column, token in zip(self._fields, self._single, line.split(" "), strict=True):
                if not token:  # two blanks side by side do not make a field
                    return None
                if token == ABSENT:
                    continue
                pieces.append(_render_token(field, column, token))
                if field.name == _STATUS and not field.repeated:
                    mark = _MARKED.get(token)
        except ValueError:
            return None
        message = f',"@message":"{line}"' if self._keep_message else ""
        text = f'{"".join(pieces)}"@timestamp":"{_stamps[event.timestamp]}"{message}{metadata}'
        return f'{{"create":{{"_id":"{event.id}"}}}}\n{{{text}}}\n', mark


class _Numbers:
    """A field of whole numbers.

    Attributes:
        before, behind: what stands around the number in a document.
    """

    def __init__(self, field: Field) -> None:
        is_time = field.kind is Kind.SECONDS
        low, high = (10 ** (_DIGITS - 1), 10**_DIGITS - 1) if is_time else (0, field.high)
        number = Annotated[int, msgspec.Meta(ge=low, le=high)]
        self._decode = msgspec.json.Decoder(list[number]).decode
        self.before, self.behind = f'"{field.document_name}":', ","

    def render(self, tokens: list[str]) -> list[str]:
        """Return the numbers as they stand. Raises ValueError where one is no such number."""
        text = f"[{','.join(tokens)}]"
        try:
            numbers = self._decode(text)
        except msgspec.DecodeError as error:
            raise ValueError(text) from error
        if len(numbers) != len(tokens) or _encode_numbers(numbers) != text.encode():
            raise ValueError(text)
        return tokens


class _Addresses:
    """A field of addresses.

    Attributes:
        before, behind: what stands around the address in a document.
    """

    def __init__(self, field: Field) -> None:
        self.before, self.behind = f'"{field.document_name}":"', '",'

    def render(self, tokens: list[str]) -> list[str]:
        """Return the addresses as they stand. Raises ValueError where one is none."""
        if not _addresses.issuperset(tokens):
            new = set(tokens).difference(_addresses)
            if not all(map(_is_address, new)):
                raise ValueError(new)
            if len(_addresses) + len(new) > LARGEST_ADDRESSES:
                _addresses.clear()
            _addresses.update(new)
        return tokens


class _Memo(dict[str, str]):
    """A field that names something, or several that stand side by side: text -> the JSON of it.

    Attributes:
        before, behind: nothing.
    """

    before = behind = ""

    def __init__(self, fields: Sequence[Field]) -> None:
        super().__init__()
        self._fields = fields
        self._longest = LONGEST_TEXT if len(fields) == 1 else LONGEST_TAIL

    def render(self, tokens: list[str]) -> str | list[str]:
        """Return the pieces, or the one of all. Raises ValueError for a text that is taken out."""
        if tokens.count(tokens[0]) == len(tokens):
            return self[tokens[0]]
        return [*map(self.__getitem__, tokens)]

    def __missing__(self, text: str) -> str:
        """Make the piece. Raises ValueError for one that is counted or may need to be escaped."""
        pairs = list(zip(self._fields, text.split(" "), strict=True))
        if not _PLAIN.fullmatch(text) or any(
            not token or _is_counted(field, token) for field, token in pairs
        ):
            raise ValueError(text)
        piece = "".join([_define_field(field, token) for field, token in pairs])
        if len(self) >= LARGEST_MEMO:
            self.clear()
        if len(text) <= self._longest:
            self[text] = piece
        return piece


class _Stamps(dict[int, str]):
    """Milliseconds since the epoch -> the text of `@timestamp`."""

    def __init__(self) -> None:
        super().__init__()
        self._minutes: dict[int, str] = {}

    def __missing__(self, timestamp: int) -> str:
        """Put the text together from that of the minute, which is made seldom, and the rest."""
        if len(self) >= LARGEST_MEMO:
            self.clear()
            self._minutes.clear()
        minute, rest = divmod(timestamp, 60_000)
        start = self._minutes.get(minute)
        if start is None:
            start = self._minutes[minute] = format_time(timestamp - rest).removesuffix("00.000Z")
        end = _SECONDS.get(rest) or f"{rest // 1000:02}.{rest % 1000:03}Z"
        text = self[timestamp] = start + end
        return text


_SECONDS: Final = {second * 1000: f"{second:02}.000Z" for second in range(60)}
"""The end of a time, for each whole second of a minute. Flow logs know no shorter time."""

_stamps: Final = _Stamps()
_addresses: Final[set[str]] = set()
_encode_numbers: Final = msgspec.json.Encoder().encode


def _is_address(text: str) -> bool:
    try:
        inet_pton(AF_INET6 if ":" in text else AF_INET, text)
    except (OSError, ValueError):
        return False
    return True


def _are_digits(text: str) -> bool:
    return text.isascii() and text.encode().isdigit()  # on a str it takes four times as long


def _find(token: str, tokens: list[str]) -> set[int]:
    """Return where it stands."""
    return {number for number, each in enumerate(tokens) if each == token} if token in tokens else set()


def _count_tokens(event: Event) -> int:
    return event.message.count(" ") + 1


def _group_by_length(events: Sequence[Event]) -> list[list[int]]:
    """Return the positions of the events whose lines have the same number of tokens."""
    groups: dict[int, list[int]] = {}
    for position, event in enumerate(events):
        groups.setdefault(_count_tokens(event), []).append(position)
    return list(groups.values())


def _is_counted(field: Field, token: str) -> bool:
    return field.name == _STATUS and token in _MARKED and not field.repeated


def _is_steady(field: Field) -> bool:
    """Whether few texts of the field repeat: names and small numbers; not addresses and counters.

    A field that its format has named before is taken for one: nothing is written for any of its texts.
    """
    return field.repeated or field.kind in (Kind.TEXT, Kind.TAG, Kind.CHOICE) or 0 < field.high <= SHORT


_Column = _Numbers | _Addresses | _Memo


def _choose_column(fields: Sequence[Field]) -> _Column:
    """Return the column for one field, or for several that are steady."""
    field = fields[0]
    if _is_steady(field):
        return _Memo(fields)
    return _Addresses(field) if field.kind is Kind.ADDRESS else _Numbers(field)


def _fits(column: _Column, token: str) -> bool:
    """Whether the column takes it."""
    try:
        column.render([token])
    except ValueError:
        return False
    return True


def _render_token(field: Field, column: _Column, token: str) -> str:
    """Return one field as JSON, with a comma behind it: by its column, or by the definition.

    Raises:
        RecordError: the token is not of the field's kind.
    """
    try:
        rendered = column.render([token])
    except ValueError:
        return _define_field(field, token)
    return rendered if isinstance(rendered, str) else f"{column.before}{token}{column.behind}"


def _define_field(field: Field, token: str) -> str:
    """Return a field as JSON by the definition, with a comma behind it; nothing where it is absent.

    Raises:
        RecordError: the token is not of the field's kind.
    """
    if token == ABSENT or field.repeated:
        return ""
    return f'"{field.document_name}":{encode_json(read(field, token)).decode()},'


def _render_metadata(subscription: Subscription) -> str:
    """Return the end of each document; nothing where its texts are not plain."""
    texts = {
        "@owner": subscription.owner,
        "@log_group": subscription.log_group,
        "@log_stream": subscription.log_stream,
    }
    if not all(_PLAIN.fullmatch(text) for text in texts.values()):
        return ""
    return "".join(f',"{name}":"{text}"' for name, text in texts.items())
