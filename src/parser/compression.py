"""gzip, and zlib where it comes: bounded on the way in.

isal does the work where its wheel is there (it is four to ten times cheaper than zlib at the
same size of output); the standard library gives the same results where it is not.
"""

import re
import zlib
from types import ModuleType
from typing import Protocol

from parser.errors import EnvelopeError

codec: ModuleType
try:
    from isal import isal_zlib as codec
except ImportError:  # no wheel for this platform
    codec = zlib

GZIP_WINDOW = 31
"""The value of `wbits` that means gzip framing with the largest window."""

MAGIC = b"\x1f\x8b"
"""The first two bytes of every gzip member (RFC 1952)."""

ZLIB_WINDOW = 15
"""The value of `wbits` that means zlib framing (RFC 1950) with the largest window."""

FASTEST = 1

PORTION = 16 * 1024
"""Bytes of gzip that are inflated at once where many members follow one another."""

_HEAD = 8
"""Bytes: the framing is told by the first of them, and an error shows all."""

_ZEROS = re.compile(rb"\0*")

_METHODS = frozenset(size << 4 | 8 for size in range(8))
"""The first byte of a zlib stream: its method is deflate, its window any."""


class Compressor(Protocol):
    """A gzip stream that grows: `compress` any number of times, then `flush` once."""

    def compress(self, data: bytes, /) -> bytes:
        """Take more bytes; return what is ready to be sent."""

    def flush(self) -> bytes:
        """Return the rest and end the stream."""


def compressor() -> Compressor:
    """Return a new gzip stream."""
    stream: Compressor = codec.compressobj(FASTEST, zlib.DEFLATED, GZIP_WINDOW)
    return stream


def compress(data: bytes) -> bytes:
    """Return `data` as one gzip member."""
    stream = compressor()
    return stream.compress(data) + stream.flush()


def decompress(data: bytes, limit: int) -> bytes:
    """Return the content of all gzip members in `data`.

    CloudWatch Logs sends gzip. A published sample event of an account-level subscription has zlib, which
    is told by its first two bytes and read as well.

    Args:
        data: gzip bytes; members may follow one another, and zero bytes may follow the last. Any of
            them may be a zlib stream instead.
        limit: the largest content accepted, in bytes. No more than this is ever held.

    Raises:
        EnvelopeError: the bytes are neither, are cut short or damaged, or hold more than `limit`.
    """
    parts: list[bytes] = []
    place = held = 0
    while not parts or place < len(data):
        content, place = inflate(data, place, limit, held=held, portion=len(data))
        parts.append(content)
        held += len(content)
    return b"".join(parts)


def inflate(
    data: bytes, start: int, limit: int, *, held: int = 0, portion: int = PORTION
) -> tuple[bytes, int]:
    """Return the content of the gzip member at `start`, and where the next one begins.

    Args:
        data: gzip bytes.
        start: where the member begins.
        limit: the largest content accepted of all members, in bytes.
        held: how much of that the members before have.
        portion: bytes that are inflated at once. Of what lies behind the member so many are copied.

    Raises:
        EnvelopeError: as `decompress`, of this member.
    """
    name, window = find_framing(data[start : start + _HEAD])
    if not window:
        where = "payload after its last gzip member" if start else "payload"
        shown = data[start : start + _HEAD].hex() or "nothing"
        raise EnvelopeError(f"{where} is not gzip: it starts with {shown}")
    stream = codec.decompressobj(window)
    view, place = memoryview(data), start
    parts: list[bytes] = []
    while not stream.eof and place < len(data):
        try:
            part = stream.decompress(view[place : place + portion], limit - held + 1)
        except (zlib.error, codec.error) as error:
            raise EnvelopeError(f"{name} is damaged: {error}") from error
        parts.append(part)
        held += len(part)
        if held > limit:
            raise EnvelopeError(f"{name} holds more than {limit} bytes")
        place = min(place + portion, len(data))
    if not stream.eof:
        raise EnvelopeError(f"{name} is cut short after {held} bytes of content")
    padding = _ZEROS.match(data, place - len(stream.unused_data))
    return parts[0] if len(parts) == 1 else b"".join(parts), padding.end() if padding else place


def find_framing(data: bytes) -> tuple[str, int]:
    """Return the name of the framing and its `wbits`, which are 0 where it is none of the two."""
    if data.startswith(MAGIC):
        return "gzip", GZIP_WINDOW
    is_zlib = len(data) > 1 and data[0] in _METHODS and int.from_bytes(data[:2]) % 31 == 0
    return ("zlib", ZLIB_WINDOW) if is_zlib else ("", 0)
