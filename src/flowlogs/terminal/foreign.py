"""Text that others wrote (lines, names, replies, errors), made harmless before it is shown.

A terminal obeys what is written to it: an escape sequence of a log line can move the cursor, change the
window's title or hide what was said before; a mark of direction shows a name backwards; a character without
width makes two names look alike; half a character cannot be written at all. So all of these are shown as the
escapes that JSON has for them, which keeps JSON valid, and equal to what it was.
"""

import io
import json
import re
import sys
from typing import Any, Final, TextIO

_INVISIBLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""What Unicode counts among letters and marks, and yet shows as nothing or as a blank."""


def harmless(text: str, *, keep: str = "") -> str:
    """Return text in which each character that a terminal obeys, or that nobody sees, is an escape.

    These are controls (C0, DEL, C1, ends of lines, tabs), marks of direction and other formats, blanks and
    separators but the ordinary blank, halves of characters, and what Unicode has not assigned.

    Args:
        text: what somebody else wrote.
        keep: characters that stay as they are, such as the end of a line where the text has several.
    """
    if text.isprintable() and (text.isascii() or not _INVISIBLE.search(text)):
        return text
    return "".join(
        each if each in keep or (each.isprintable() and not _INVISIBLE.match(each)) else _escape(each)
        for each in text
    )


def _escape(character: str) -> str:
    """Return how JSON writes a character that it may not hold: one escape, or one for each half."""
    return "\\u007f" if character == "\x7f" else json.dumps(character)[1:-1]


def dump_json(value: Any) -> str:  # noqa: ANN401  # JSON
    """Return JSON for machines, in ASCII: valid whatever standard output is encoded in."""
    return harmless(json.dumps(value, indent=2), keep="\n")


class HarmlessStream:
    """Writes to another stream what is harmless in it. For the log, which is JSON, line by line."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write text."""
        return self._stream.write(harmless(text, keep="\n"))

    def flush(self) -> None:
        """Flush the other stream."""
        self._stream.flush()


def tolerate_encodings() -> None:
    """Let what the encoding of a standard stream lacks be written as an escape, instead of an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
