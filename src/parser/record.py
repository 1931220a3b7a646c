"""What a flow log record means: the readable definition.

A record is tokens with runs of spaces between them, one for each field of its format. `-` says
that the field does not apply or could not be computed; such a field is left out. Zero is zero.
"""

import re
from collections.abc import Callable, Mapping
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final
from urllib.parse import unquote

from parser.errors import RecordError
from parser.fields import Field, Kind
from parser.format import Formats

ABSENT: Final = "-"

Value = str | int

SMALLEST_MILLISECONDS: Final = 10**11
"""A time at or above this is in milliseconds: as seconds it would lie in the year 5138, as
milliseconds in 1973. SKIPDATA records whose `start` and `end` are milliseconds have been seen."""

LARGEST_SECONDS: Final = 253_402_300_799
"""The last second of the year 9999."""

_NUMBER: Final = re.compile(r"0|[1-9][0-9]*")
"""ASCII digits without sign or leading zero: what JSON and OpenSearch read as the same number.
`int` would take `1_0`, `+1`, ` 7` and the digits of other scripts."""

_BROKEN_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


def parse(line: str, formats: Formats) -> dict[str, Value]:
    """Read one line.

    Args:
        line: a flow log record, without end of line.
        formats: the formats it may have; its number of tokens chooses.

    Returns:
        The fields that are present, typed, by their names in a document, in the line's order:
        integers for counters, ports and numbers; seconds since the epoch for `start` and `end`;
        text for all others.

    Raises:
        RecordError: the line has too few or too many tokens, or a value is not of its field's
            kind; carries the field, the value and the reason.
    """
    tokens = split(line)
    return {
        field.document_name: read(field, token)
        for field, token in zip(formats.select(tokens).fields, tokens, strict=True)
        if token != ABSENT and not field.repeated
    }


def read(field: Field, token: str) -> Value:
    """Return the value of a field that is present.

    Raises:
        RecordError: the token is not of the field's kind.
    """
    return _READERS[field.kind](field, token)


def split(line: str) -> list[str]:
    """Return the tokens of a line. Only the space separates; other white space belongs to a token."""
    return [token for token in line.split(" ") if token]


def _read_text(_: Field, token: str) -> Value:
    return token


def _read_tag(field: Field, token: str) -> Value:
    """Decode percent escapes, once, after splitting: an encoded blank must not separate."""
    if _BROKEN_ESCAPE.search(token):
        raise RecordError(
            field.name, token, "has a percent sign that is not followed by two hexadecimal digits"
        )
    try:
        return unquote(token, encoding="utf-8", errors="strict")
    except UnicodeDecodeError as error:
        raise RecordError(field.name, token, "is not UTF-8 behind its percent escapes") from error


def _read_choice(field: Field, token: str) -> Value:
    if token not in field.choices:
        raise RecordError(field.name, token, f"is not one of {', '.join(field.choices)}")
    return token


def _read_address(field: Field, token: str) -> Value:
    try:
        if ":" not in token:
            IPv4Address(token)
        elif IPv6Address(token).scope_id is not None:
            raise RecordError(field.name, token, "is an address with a zone")
    except AddressValueError as error:
        raise RecordError(field.name, token, "is not an IPv4 or IPv6 address") from error
    return token


def _read_number(field: Field, token: str, high: int) -> int:
    if not _NUMBER.fullmatch(token):
        raise RecordError(field.name, token, "is not a whole number in plain digits")
    # A longer text is out of range whatever it says; int() refuses thousands of digits.
    if len(token) > len(str(high)) or int(token) > high:
        raise RecordError(field.name, token, f"is above {high}")
    return int(token)


def _read_integer(field: Field, token: str) -> Value:
    return _read_number(field, token, field.high)


def _read_seconds(field: Field, token: str) -> Value:
    number = _read_number(field, token, LARGEST_SECONDS * 1000)
    return number // 1000 if number >= SMALLEST_MILLISECONDS else number


_READERS: Final[Mapping[Kind, Callable[[Field, str], Value]]] = {
    Kind.TEXT: _read_text,
    Kind.TAG: _read_tag,
    Kind.CHOICE: _read_choice,
    Kind.ADDRESS: _read_address,
    Kind.INTEGER: _read_integer,
    Kind.SECONDS: _read_seconds,
}
