"""JSON that holds half a character.

A character beyond the first 65,536 is two halves in UTF-16 (surrogates), and text that was cut between
them keeps one: JSON can hold it, as an escape; UTF-8 and the decoder cannot. So each half is replaced,
before the decoder reads the text, by a character that stands for it: one of the last 2,048 of Unicode,
which are for private use. Where the text has one of these itself, it is replaced by those of its own two
halves. Afterwards the halves are put back, and two that belong together are one character, as JSON has it.

This takes little memory whatever the text is: nothing is built of what the decoder passes over.
"""

import re
from functools import cache, lru_cache
from typing import Final

_ANY: Final = re.compile(rb"\\u[dD][89a-fA-F]|\xed[\xa0-\xbf]")
_UNITS: Final = (
    rb"\\\\",  # a backslash, which begins no other escape
    rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}",
    rb"\xed[\xa0-\xbf][\x80-\xbf]",  # a half as UTF-8 would write it
    rb"\xf4\x8f[\xa0-\xbf][\x80-\xbf]",  # a character that stands for a half
)
_RUNS: Final = re.compile(b"|".join(b"%b(?:%b){0,999}" % (unit, unit) for unit in _UNITS))
_PAIRS: Final = re.compile("(?:[\ud800-\udbff][\udc00-\udfff]){1,1000}")
_PORTIONS: Final = re.compile("(?s:.{1,65535})(?:(?<=[\ud800-\udbff])[\udc00-\udfff])?")
"""Of a text: `sub` holds an object for each pair of one until its end."""
_HALVES: Final = range(0xD800, 0xE000)
_OTHERS: Final = range(0x10F800, 0x110000)


@cache
def _forth() -> dict[int, str]:
    """Return what to write for each half, and for the halves of each character that stands for another."""
    table = {half: chr(other) for half, other in zip(_HALVES, _OTHERS, strict=True)}
    for number, other in enumerate(_OTHERS):
        table[other] = table[0xDBFE + number // 0x400] + table[0xDC00 + number % 0x400]
    return table


@cache
def _back() -> dict[int, int]:
    return dict(zip(_OTHERS, _HALVES, strict=True))


def may_hold_halves(text: bytes) -> bool:
    """Tell whether JSON text has an escape of a surrogate, or a surrogate in its bytes."""
    return _ANY.search(text) is not None


def stand_in(text: bytes) -> bytes:
    """Return the JSON text with each surrogate replaced by the character that stands for it."""
    # There may be millions: `sub` would hold an object for each of them until the end, and so would a
    # run without a bound.
    changed, end = bytearray(), 0
    for match in _RUNS.finditer(text):
        run = match.group()
        if run.startswith(b"\\\\"):
            continue
        changed += text[end : match.start()]
        changed += _replace(run)
        end = match.end()
    changed += text[end:]
    return bytes(changed)


@lru_cache(100)  # runs may be long
def _replace(run: bytes) -> bytes:
    if run.startswith(b"\xed"):
        return run.replace(b"\xed", b"\xf4\x8f")  # the two bytes that follow are the same
    found = run.decode("unicode_escape") if run.startswith(b"\\") else run.decode()
    return found.translate(_forth()).encode()


def put_back(text: str) -> str:
    """Return a text that was read from what `stand_in` returned, as it was meant."""
    if text.isascii():
        return text
    halves = text.translate(_back())
    # A codec would ask its error handler about each half, which takes a hundred times as long.
    return "".join([_PAIRS.sub(_join, each.group()) for each in _PORTIONS.finditer(halves)])


def _join(pairs: re.Match[str]) -> str:
    return pairs.group().encode("utf-16-le", "surrogatepass").decode("utf-16-le")
