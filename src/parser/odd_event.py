"""One event that the strict decoder refuses: what can be read of it, and what is wrong with it.

A whole number is one however it is written (`1.0e12`), a whole number as id is its digits. What cannot be
used comes back with its reason; nothing is guessed.
"""

import json
import re
from decimal import Decimal
from typing import Final

import msgspec

from parser.errors import EnvelopeError
from parser.json_parts import BrokenJSONError, find_members
from parser.payload import LAST_TIMESTAMP, NO_TIMESTAMP, Event, Unusable
from parser.surrogates import may_hold_halves, put_back, stand_in

MOST_MEMBERS: Final = 1000
"""Of one object, whose keys are held: a payload has seven, an event with extracted fields has four."""

LONGEST_ODD: Final = 2 * 1024 * 1024
"""Bytes of an odd event as JSON, an escape of a character as one byte. CloudWatch Logs takes events of up to
1 MiB; a byte that is no text, or no text in JSON, needs six bytes wherever the event is written again."""

LONGEST_SHOWN: Final = 1024 * 1024
"""Bytes of a text that cannot be used: of a longer one the escapes are left as they are."""

_SHOWN: Final = 80
"""Characters of a number that a reason repeats."""

NUMBER: Final = re.compile(rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_LONG_EXPONENT: Final = re.compile(rb"[eE][+-]?[0-9]{10}")
"""Longer than some that a Decimal can have; no number with one is a time."""
_DIGITS: Final = re.compile(rb"0|[1-9][0-9]*")
_KINDS: Final = {
    b"{": "an object",
    b"[": "a list",
    b'"': "a text",
    b"t": "true",
    b"f": "false",
    b"n": "null",
    b"N": "no number",
}


class _Members(msgspec.Struct):
    """Those of an event, as they stand."""

    id: msgspec.Raw = msgspec.Raw()
    timestamp: msgspec.Raw = msgspec.Raw()
    message: msgspec.Raw = msgspec.Raw()


_read_members: Final = msgspec.json.Decoder(_Members).decode
_read_text: Final = msgspec.json.Decoder(str).decode
_read_event: Final = msgspec.json.Decoder(Event).decode


Spans = dict[bytes, tuple[int, int]]
"""Key -> first and last of its value."""


def find_spans(text: bytes) -> Spans:
    """Return where the members of an object are; of two with one key, the last.

    Raises:
        BrokenJSONError: it is no object, or a broken one, or has more members than any payload.
    """
    spans: Spans = {}
    for key, begin, end in find_members(text):
        spans[_read_key(key)] = (begin, end)
        if len(spans) > MOST_MEMBERS:
            raise BrokenJSONError(f"an object has more than {MOST_MEMBERS} members")
    return spans


def read_event(part: bytes) -> Event | Unusable:
    """Read an event: by the strict decoder, or as far as it can be read without.

    Raises:
        EnvelopeError: only the strict decoder could read an event so long.
    """
    try:
        return _read_event(part)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _read_odd(part)


def read_loosely(value: bytes) -> str | None:
    """Read a text, which may hold half a character or a control character; None where it is none."""
    try:
        return _read_text(value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    try:
        if may_hold_halves(value):
            return put_back(_read_text(stand_in(value)))
        found = json.loads(value, strict=False)  # its control characters may stand unescaped
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    return found if isinstance(found, str) else None


def show(value: bytes, errors: str = "surrogateescape") -> str:
    """Return a value as text, as far as it can be shown: each byte that is no UTF-8 is half a character."""
    text = value.decode("utf-8", errors)
    if not text.startswith('"') or len(text) > LONGEST_SHOWN:
        return text
    try:
        found = json.loads(text, strict=False)
    except ValueError:
        return text[1:-1]
    return found if isinstance(found, str) else text


def _read_odd(part: bytes) -> Event | Unusable:
    """Read an event that the strict decoder refuses."""
    size = len(part) - len(b"u0001") * part.count(b"\\u")
    if size > LONGEST_ODD:
        raise EnvelopeError(f"payload has an odd event of {size} bytes, and {LONGEST_ODD} are the most")
    if not part.startswith(b"{"):
        return Unusable(
            Event("", NO_TIMESTAMP, show(part)), f"it is {_name_kind(part)}, and an event is an object"
        )
    try:
        members = _find_values(part)
    except BrokenJSONError as error:
        return Unusable(Event("", NO_TIMESTAMP, show(part)), f"it is not JSON: {error}")
    faults: list[str] = []
    event = Event(
        _read_id(bytes(members.id), faults),
        _read_timestamp(bytes(members.timestamp), faults),
        _read_message(bytes(members.message), faults),
    )
    return Unusable(event, ", and ".join(faults)) if faults else event


def _find_values(part: bytes) -> _Members:
    """Return the members of an event; where the decoder does not read the others, one by one.

    Raises:
        BrokenJSONError: it is no object.
    """
    try:
        return _read_members(part)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        spans = find_spans(part)
    values = {key: part[begin:end] for key, (begin, end) in spans.items()}
    return _Members(*(msgspec.Raw(values.get(key, b"")) for key in (b"id", b"timestamp", b"message")))


def _read_id(value: bytes, faults: list[str]) -> str:
    if _DIGITS.fullmatch(value):
        return value.decode()
    if NUMBER.fullmatch(value):
        faults.append(f"its id {_cut(value)} is a number whose digits are not known for certain")
        return ""
    return _read_member("id", value, faults) if value.startswith(b'"') else _refuse("id", value, faults)


def _read_message(value: bytes, faults: list[str]) -> str:
    if value.startswith(b'"'):
        return _read_member("message", value, faults)
    _refuse("message", value, faults)
    return show(value)


def _read_timestamp(value: bytes, faults: list[str]) -> int:
    if not NUMBER.fullmatch(value):
        _refuse("timestamp", value, faults)
        return NO_TIMESTAMP
    if len(value) <= _SHOWN and not _LONG_EXPONENT.search(value):
        number = Decimal(value.decode())
        if value.removeprefix(b"-").isdigit():
            return int(number)  # whether a document can have it is looked at for all alike
        if 0 <= number <= LAST_TIMESTAMP:
            if number == number.to_integral_value():
                return int(number)
            faults.append(f"its timestamp {_cut(value)} is not a whole number")
            return NO_TIMESTAMP
    faults.append(f"its timestamp {_cut(value)} is not between 0 and {LAST_TIMESTAMP} (the year 9999)")
    return NO_TIMESTAMP


def _read_member(name: str, value: bytes, faults: list[str]) -> str:
    text = read_loosely(value)
    if text is not None:
        return text
    faults.append(f"its {name} is {'not JSON' if _is_utf8(value) else 'not UTF-8'}")
    return show(value)


def _refuse(name: str, value: bytes, faults: list[str]) -> str:
    faults.append(f"its {name} is {_name_kind(value)}" if value else f"it has no {name}")
    return ""


def _name_kind(value: bytes) -> str:
    return "a number" if NUMBER.fullmatch(value) else _KINDS.get(value[:1], "not JSON")


def _cut(number: bytes) -> str:
    return number[:_SHOWN].decode() + ("…" if len(number) > _SHOWN else "")


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _read_key(key: bytes) -> bytes:
    if b"\\" not in key or len(key) > _SHOWN:
        return key
    return (read_loosely(b'"' + key + b'"') or "").encode("utf-8", "surrogatepass")
