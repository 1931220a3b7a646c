"""One field of many lines at once: what each kind of field lets pass, and how it stands in a document.

A column takes the tokens of its field, of as many lines as there are, and returns what stands in their rows,
or raises ValueError where one of them does not fit.
"""

import re
from collections.abc import Sequence
from socket import AF_INET, AF_INET6, inet_pton
from typing import Annotated, Final, Literal

import msgspec

from parser.document import encode_json, format_time
from parser.fields import SHORT, Field, Kind
from parser.record import ABSENT, read

Mark = Literal["unparsed", "NODATA", "SKIPDATA"]
"""What is counted about an event's line."""

LARGEST_MEMO: Final = 1024
LONGEST_TEXT: Final = 300
LONGEST_TAIL: Final = 1000
LARGEST_ADDRESSES: Final = 16_384
"""Bounds of what is remembered: a memo that is full begins anew, a longer text (of the fields at the end of a
line: a longer tail) is not kept. With the names of ECS a tail has 400 to 700 characters."""

STATUS: Final = "log-status"
MARKED: Final[dict[str, Mark]] = {"NODATA": "NODATA", "SKIPDATA": "SKIPDATA"}
_DIGITS: Final = 10
"""Of a time in seconds, from 2001 to 2286. Ten digits are never milliseconds."""
PLAIN: Final = re.compile(r"[ !#-\[\]-~]+")
"""ASCII that is the same within a JSON string."""


class Numbers:
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


class Addresses:
    """A field of addresses.

    Attributes:
        before, behind: what stands around the address in a document.
    """

    def __init__(self, field: Field) -> None:
        self.before, self.behind = f'"{field.document_name}":"', '",'

    def render(self, tokens: list[str]) -> list[str]:
        """Return the addresses as they stand. Raises ValueError where one is none."""
        if not addresses.issuperset(tokens):
            new = set(tokens).difference(addresses)
            if not all(map(_is_address, new)):
                raise ValueError(new)
            if len(addresses) + len(new) > LARGEST_ADDRESSES:
                addresses.clear()
            addresses.update(new)
        return tokens


class Memo(dict[str, str]):
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
        if not PLAIN.fullmatch(text) or any(not token or _is_counted(field, token) for field, token in pairs):
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

stamps: Final = _Stamps()
addresses: Final[set[str]] = set()
_encode_numbers: Final = msgspec.json.Encoder().encode


def _is_address(text: str) -> bool:
    try:
        inet_pton(AF_INET6 if ":" in text else AF_INET, text)
    except (OSError, ValueError):
        return False
    return True


def _is_counted(field: Field, token: str) -> bool:
    return field.name == STATUS and token in MARKED and not field.repeated


def is_steady(field: Field) -> bool:
    """Whether few texts of the field repeat: names and small numbers; not addresses and counters.

    A field that its format has named before is taken for one: nothing is written for any of its texts.
    """
    return field.repeated or field.kind in (Kind.TEXT, Kind.TAG, Kind.CHOICE) or 0 < field.high <= SHORT


Column = Numbers | Addresses | Memo


def choose_column(fields: Sequence[Field]) -> Column:
    """Return the column for one field, or for several that are steady."""
    field = fields[0]
    if is_steady(field):
        return Memo(fields)
    return Addresses(field) if field.kind is Kind.ADDRESS else Numbers(field)


def fits(column: Column, token: str) -> bool:
    """Whether the column takes it."""
    try:
        column.render([token])
    except ValueError:
        return False
    return True


def render_token(field: Field, column: Column, token: str) -> str:
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
