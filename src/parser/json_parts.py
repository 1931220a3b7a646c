"""JSON text taken apart, without an object for any of its values.

A decoder reads a text whole or not at all. Here the parts of an object or of a list are found one by one,
so that each can be read for itself: one that is odd costs only itself, and what nobody asks for takes no
memory. Only the outline is checked, brackets and commas; what a part says is for whoever reads it.
"""

import re
from collections.abc import Iterator
from typing import Final

from parser.errors import EnvelopeError

MOST_STEPS: Final = 1_000_000
"""Brackets of one value, without those that hold no others. To pass over more is not worth its time."""

_STRING: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_TEXT: Final = re.compile(_STRING, re.DOTALL)
_SCALAR: Final = re.compile(rb'[^\s"\[\]{},:]++')
_SIGN: Final = re.compile(rb"[ \t\n\r]*+([][{}:,])[ \t\n\r]*+")
_FLAT_ONES: Final = rb'\{(?:[^"\[\]{}]++|%b)*+\}|\[(?:[^"\[\]{}]++|%b)*+\]' % (_STRING, _STRING)
_FLAT: Final = re.compile(_FLAT_ONES, re.DOTALL)
"""An object or a list that holds no other: nearly each event is one."""
_FILLING: Final = re.compile(rb'(?:[^"\[\]{}]++|%b|%b)*+' % (_STRING, _FLAT_ONES), re.DOTALL)
"""What stands between two brackets, but for what is flat."""
_CLOSING: Final = {ord("}"): ord("{"), ord("]"): ord("[")}


class BrokenJSONError(ValueError):
    """The text is no JSON: its outline is broken. The text says where."""


def find_members(text: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield the members of an object: the key as it stands in its quotes, first and last of its value.

    Raises:
        BrokenJSONError: the text is no object, it is broken, or something comes behind it.
    """
    sign, place = _take(text, 0, b"{")
    if text[place : place + 1] == b"}":
        sign, place = _take(text, place, b"}")
    while sign != b"}":
        key = _TEXT.match(text, place)
        if key is None:
            raise BrokenJSONError(f"object keys must be strings (byte {place})")
        _, begin = _take(text, key.end(), b":")
        end = find_end(text, begin)
        yield key.group()[1:-1], begin, end
        sign, place = _take(text, end, b",}")
    if place < len(text):
        raise BrokenJSONError(f"trailing characters (byte {place})")


def find_elements(text: bytes, start: int) -> Iterator[tuple[int, int]]:
    """Yield first and last of each element of the list at `start`.

    Raises:
        BrokenJSONError: there is no list, or it is broken.
    """
    sign, place = _take(text, start, b"[")
    if text[place : place + 1] == b"]":
        return
    while sign != b"]":
        end = find_end(text, place)
        yield place, end
        sign, place = _take(text, end, b",]")


def _take(text: bytes, place: int, signs: bytes) -> tuple[bytes, int]:
    """Return the sign that stands there, which must be one of these, and where the next part begins."""
    found = _SIGN.match(text, place)
    if found is None or found[1] not in signs:
        what = "text is cut short" if place >= len(text) else f"expected '{signs.decode()[0]}'"
        raise BrokenJSONError(f"{what} (byte {place})")
    return found[1], found.end()


def find_end(text: bytes, start: int) -> int:
    """Return the end of the value that begins there.

    Raises:
        BrokenJSONError: the value is broken.
        EnvelopeError: it has more than `MOST_STEPS`.
    """
    for pattern in (_FLAT, _TEXT, _SCALAR):
        if found := pattern.match(text, start):
            return found.end()
    place, opened = start, bytearray()
    for _ in range(MOST_STEPS):
        sign = text[place] if place < len(text) else 0
        if sign in _CLOSING.values():
            opened.append(sign)
        elif not opened or _CLOSING.get(sign) != opened.pop():
            break
        place += 1
        if not opened:
            return place
        filling = _FILLING.match(text, place)
        place = filling.end() if filling else place
    else:
        raise EnvelopeError(f"payload has a value with more than {MOST_STEPS} brackets (byte {start})")
    what = "text is cut short" if place >= len(text) else "malformed value"
    raise BrokenJSONError(f"{what} (byte {place})")
