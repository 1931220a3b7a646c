"""gzip, and zlib where it comes: bounded on the way in.

isal does the work where its wheel is there (it is four to ten times cheaper than zlib at the
same size of output); the standard library gives the same results where it is not.
"""

import zlib
from collections.abc import Iterator
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
    parts = list(inflate(data, limit))
    return parts[0] if len(parts) == 1 else b"".join(parts)


def inflate(data: bytes, limit: int) -> Iterator[bytes]:
    """Yield the content of each gzip member in `data`, at least of one. For all else see `decompress`."""
    room = limit
    first = True
    while first or data:
        name, window = find_framing(data)
        if not window:
            where = "payload" if first else "payload after its last gzip member"
            raise EnvelopeError(f"{where} is not gzip: it starts with {data[:8].hex() or 'nothing'}")
        stream = codec.decompressobj(window)
        try:
            part = stream.decompress(data, room + 1)
        except (zlib.error, codec.error) as error:
            raise EnvelopeError(f"{name} is damaged: {error}") from error
        room -= len(part)
        if room < 0:
            raise EnvelopeError(f"{name} holds more than {limit} bytes")
        if not stream.eof:
            raise EnvelopeError(f"{name} is cut short after {limit - room} bytes of content")
        data = stream.unused_data.lstrip(b"\0")
        first = False
        yield part


def find_framing(data: bytes) -> tuple[str, int]:
    """Return the name of the framing and its `wbits`, which are 0 where it is none of the two."""
    if data.startswith(MAGIC):
        return "gzip", GZIP_WINDOW
    is_zlib = len(data) > 1 and data[0] in _METHODS and int.from_bytes(data[:2]) % 31 == 0
    return ("zlib", ZLIB_WINDOW) if is_zlib else ("", 0)
