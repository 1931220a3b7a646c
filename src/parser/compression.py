"""gzip, bounded on the way in.

isal does the work where its wheel is there (it is four to ten times cheaper than zlib at the
same size of output); the standard library gives the same results where it is not.
"""

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

FASTEST = 1


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

    Args:
        data: gzip bytes; members may follow one another, and zero bytes may follow the last.
        limit: the largest content accepted, in bytes. No more than this is ever held.

    Raises:
        EnvelopeError: the bytes are not gzip, are cut short or damaged, or hold more than `limit`.
    """
    parts: list[bytes] = []
    room = limit
    while True:
        if not data.startswith(MAGIC):
            where = "payload" if not parts else "payload after its last gzip member"
            raise EnvelopeError(f"{where} is not gzip: it starts with {data[:8].hex() or 'nothing'}")
        stream = codec.decompressobj(GZIP_WINDOW)
        try:
            part = stream.decompress(data, room + 1)
        except (zlib.error, codec.error) as error:
            raise EnvelopeError(f"gzip is damaged: {error}") from error
        room -= len(part)
        if room < 0:
            raise EnvelopeError(f"gzip holds more than {limit} bytes")
        if not stream.eof:
            raise EnvelopeError(f"gzip is cut short after {limit - room} bytes of content")
        parts.append(part)
        data = stream.unused_data.lstrip(b"\0")
        if not data:
            return parts[0] if len(parts) == 1 else b"".join(parts)
