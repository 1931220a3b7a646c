"""JSON objects one behind the other, with or without something between them, read one at a time."""

import re
from collections.abc import Iterator
from functools import partial
from io import BufferedReader
from typing import Final

from flowlogs.layouts.packing import CHUNK
from parser.errors import EnvelopeError

_OUTSIDE: Final = re.compile(rb'["{}]')
_INSIDE: Final = re.compile(rb'["\\]')
"""What matters outside and inside of a string."""

_SHOWN: Final = 20


def split_objects(stream: BufferedReader) -> Iterator[bytes]:
    """Give the bytes of each object; what begins like one and does not end comes last, as it is.

    No more than one of them is held. Whether they are JSON at all is for the reader to find.

    Raises:
        EnvelopeError: between two of them stands something else than white space.
    """
    held = bytearray()
    position = depth = 0
    quoted = False
    for piece in iter(partial(stream.read1, CHUNK), b""):
        held += piece
        while found := (_INSIDE if quoted else _OUTSIDE).search(held, position):
            position = found.end()
            match found.group():
                case b'"':
                    quoted = not quoted
                case b"\\":
                    position += 1
                case b"{":
                    depth += 1
                case _:
                    depth -= 1
            if depth <= 0 and not quoted:
                yield _take(held, position)
                position = depth = 0
        position = max(position, len(held))
    if held.strip():
        yield _take(held, len(held))


def _take(held: bytearray, end: int) -> bytes:
    taken = bytes(held[:end]).lstrip()
    del held[:end]
    if not taken.startswith(b"{"):
        raise EnvelopeError(
            f"input starts like JSON but is not: behind an object stands {bytes(taken[:_SHOWN])!r}"
        )
    return taken
