"""What `flowlogs parse` is given: lines of text, or a payload in any of the forms it is met in."""

import json
from collections.abc import Iterator
from io import BufferedReader
from typing import Any, Final

from parser.compression import MAGIC, compress
from parser.errors import EnvelopeError
from parser.subscription import Subscription, decode, decode_event

BASE64_OF_GZIP: Final = b"H4sI"
"""How base64 text of a gzip member starts: the magic number and the method."""

_HEAD: Final = 4


def read_lines(stream: BufferedReader) -> Iterator[str]:
    """Give the flow log records of a stream, one by one.

    A stream is one payload (a Lambda event, a record of Lambda's OnFailure destination, the JSON
    message, the same gzipped, or base64 text of that), or lines of text.

    Raises:
        EnvelopeError: the stream starts like a payload but is none.
    """
    if stream.peek(_HEAD).lstrip().startswith((MAGIC, b"{", BASE64_OF_GZIP)):
        for event in _read_payload(stream.read().lstrip()).events:
            yield event.message
        return
    for line in stream:
        text = line.decode("utf-8", "surrogateescape").rstrip("\r\n")
        if text.strip():
            yield text


def _read_payload(data: bytes) -> Subscription:
    if data.startswith(MAGIC):
        return decode(data)
    if data.startswith(BASE64_OF_GZIP):
        return decode("".join(data.decode("ascii", "replace").split()))
    try:
        content: Any = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise EnvelopeError(f"input starts like JSON but is not: {error}") from error
    match content:
        case {"messageType": _}:
            return decode(compress(data))
        case {"requestPayload": event}:
            return decode_event(event)
        case _:
            return decode_event(content)
