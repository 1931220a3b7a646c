"""Bodies for OpenSearch's `_bulk`, and what its replies say about each event.

One body goes to one index (`POST /<index>/_bulk`), so that an access policy can bind the path. The
action is `create` under the event's own id: the same event sent twice is a conflict, not a second
document. HTTP 200 proves nothing: the reply is read item by item, by position.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from parser.compression import compressor
from parser.document import PARSE_ERROR, build, index_name
from parser.format import Formats
from parser.record import Value
from parser.subscription import Event, Subscription

DAY: Final = 86_400_000
"""Milliseconds."""

CHUNK: Final = 65_536
"""Bytes that are compressed at once: given single short rows, isal finds no likeness between them."""

_encoder: Final = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Body:
    """One request's body.

    Attributes:
        index: the index that it is for.
        data: what is sent: gzip of newline-delimited JSON.
        size: bytes before compression; OpenSearch's limit for a request counts these.
        events: the events in it; the reply's items have the same order.
        unparsed: how many of their lines could not be parsed.
        no_data: how many are NODATA records.
        skip_data: how many are SKIPDATA records: AWS could not capture that window.
    """

    index: str
    data: bytes
    size: int
    events: tuple[Event, ...]
    unparsed: int
    no_data: int
    skip_data: int


class _Builder:
    """A body while it grows."""

    def __init__(self, index: str) -> None:
        self.index = index
        self.size = 0
        self.events: list[Event] = []
        self.unparsed = 0
        self.status = {"NODATA": 0, "SKIPDATA": 0}
        self._stream = compressor()
        self._parts: list[bytes] = []
        self._rows: list[bytes] = []
        self._compressed = 0

    def add(self, event: Event, document: dict[str, Value], row: bytes) -> None:
        self.events.append(event)
        self.size += len(row)
        self._rows.append(row)
        if self.size - self._compressed >= CHUNK:
            self._compress_rows()
        self.unparsed += PARSE_ERROR in document
        status = document.get("log_status")
        if status in self.status:
            self.status[status] += 1

    def _compress_rows(self) -> None:
        self._parts.append(self._stream.compress(b"".join(self._rows)))
        self._rows.clear()
        self._compressed = self.size

    def finish(self) -> Body:
        self._compress_rows()
        data = b"".join([*self._parts, self._stream.flush()])
        no_data, skip_data = self.status.values()
        return Body(self.index, data, self.size, tuple(self.events), self.unparsed, no_data, skip_data)


def encode(
    subscription: Subscription, formats: Formats, *, prefix: str, max_bytes: int, keep_message: bool
) -> Iterator[Body]:
    """Make the bodies that carry all events of a payload, one at a time.

    Args:
        subscription: the payload.
        formats: what its lines may look like.
        prefix: the first part of the index names.
        max_bytes: the largest body before compression. An event that is larger goes alone.
        keep_message: whether documents of parsed lines keep `@message`.
    """
    for index, events in _group_by_index(subscription.events, prefix).items():
        body = _Builder(index)
        for event in events:
            document = build(event, subscription, formats, keep_message=keep_message)
            row = encode_json({"create": {"_id": event.id}}) + b"\n" + encode_json(document) + b"\n"
            if body.events and body.size + len(row) > max_bytes:
                yield body.finish()
                body = _Builder(index)
            body.add(event, document, row)
        yield body.finish()


def _group_by_index(events: tuple[Event, ...], prefix: str) -> dict[str, list[Event]]:
    days: dict[int, list[Event]] = {}
    for event in events:
        days.setdefault(event.timestamp // DAY, []).append(event)
    return {index_name(prefix, day * DAY): group for day, group in days.items()}


def encode_json(value: object) -> bytes:
    """Return compact JSON on one line; text with a lone surrogate keeps it, as an escape."""
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode("ascii")
