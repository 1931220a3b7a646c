"""What `flowlogs parse` is given: lines of text, or a payload in any of the forms it is met in."""

import io
import itertools
import json
import zlib
from collections.abc import Iterator
from io import BufferedReader
from typing import Any, Final

from parser.compression import GZIP_WINDOW, MAGIC, compress
from parser.errors import EnvelopeError
from parser.subscription import Subscription, decode, decode_event

BASE64_OF_GZIP: Final = b"H4sI"
"""How base64 text of a gzip member starts: the magic number and the method."""

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
"""What some editors write before UTF-8."""

_HEAD: Final = 4
_MOST_WHITE_SPACE: Final = 4096
"""Bytes before a payload; what begins with more is lines."""


def read_lines(stream: BufferedReader) -> Iterator[str]:
    """Give the flow log records of a stream, one by one.

    A stream is one payload (a Lambda event, a record of Lambda's OnFailure destination, the JSON
    message, the same gzipped, or base64 text of that), or lines of text.

    Raises:
        EnvelopeError: the stream starts like a payload but is none.
    """
    head = _read_head(stream)
    if head.lstrip().startswith((MAGIC, b"{", BASE64_OF_GZIP)):
        subscription = _read_payload((head + stream.read()).lstrip())
        for event in (*subscription.events, *(each.event for each in subscription.unusable)):
            yield event.message
        return
    for line in itertools.chain(io.BytesIO(head + stream.readline()), stream):
        text = line.decode("utf-8", "surrogateescape").rstrip("\r\n")
        if text.strip():
            yield text


def _read_head(stream: BufferedReader) -> bytes:
    """Read until it is clear what a stream is, or has ended. A pipe may give it byte by byte."""
    head = stream.read(len(BYTE_ORDER_MARK)).removeprefix(BYTE_ORDER_MARK)
    while (missing := _HEAD - len(head.lstrip())) > 0 and len(head) < _MOST_WHITE_SPACE:
        if not (more := stream.read(missing)):
            break
        head += more
    return head


def _read_payload(data: bytes) -> Subscription:
    if data.startswith(MAGIC):
        return _read_gzip(data)
    if data.startswith(BASE64_OF_GZIP):
        return decode("".join(data.decode("ascii", "replace").split()))
    try:
        content: Any = json.loads(data)
    except (ValueError, RecursionError) as error:
        if b'"messageType"' in data:  # it may still be a payload, which is read though a part of it is odd
            return decode(compress(data))
        raise EnvelopeError(f"input starts like JSON but is not: {error}") from error
    match content:
        case {"messageType": _}:
            return decode(compress(data))
        case {"requestPayload": event}:
            return decode_event(event)
        case _:
            return decode_event(content)


def _read_gzip(data: bytes) -> Subscription:
    try:
        return decode(data)
    except EnvelopeError as error:
        if _holds_lines(data):
            raise EnvelopeError(
                "gzip does not hold a CloudWatch Logs message; lines must be unpacked first: "
                "gunzip -c FILE | flowlogs parse"
            ) from error
        raise


def _holds_lines(data: bytes) -> bool:
    try:
        head = zlib.decompressobj(GZIP_WINDOW).decompress(data, 1024).lstrip()
    except zlib.error:
        return False
    return bool(head) and not head.startswith(b"{")
