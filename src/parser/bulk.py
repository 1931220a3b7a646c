"""Bodies for OpenSearch's `_bulk`, and what its replies say about each event.

One body goes to one index (`POST /<index>/_bulk`), so that an access policy can bind the path. The
action is `create` under the event's own id: the same event sent twice is a conflict, not a second
document. HTTP 200 proves nothing: the reply is read item by item, by position.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from parser.columns import Mark
from parser.compiled import Rows, divide
from parser.compression import compressor
from parser.document import index_name
from parser.format import Formats
from parser.payload import Event, Subscription, take_portions

DAY: Final = 86_400_000
"""Milliseconds."""

CHUNK: Final = 256
"""Events that are rendered and compressed at once: few enough to stay in the processor's cache, many
enough for isal to find likeness between their rows."""

PORTION: Final = 256 * 1024
"""Characters of the messages of such a chunk: a few times as many bytes are held while it is rendered. Its
events are then fewer; one that is longer goes alone."""

MOST_COMPILED: Final = 8
"""Sets of formats that are kept compiled."""


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
        self.marks: Counter[Mark] = Counter()
        self._stream = compressor()
        self._parts: list[bytes] = []

    def add(self, events: Sequence[Event], rows: bytes, marks: Iterable[Mark]) -> None:
        self.events.extend(events)
        self.size += len(rows)
        self.marks.update(marks)
        self._parts.append(self._stream.compress(rows))

    def finish(self) -> Body:
        data = b"".join([*self._parts, self._stream.flush()])
        count = self.marks
        return Body(
            self.index,
            data,
            self.size,
            tuple(self.events),
            unparsed=count["unparsed"],
            no_data=count["NODATA"],
            skip_data=count["SKIPDATA"],
        )


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
    renderer = _compile(formats, keep_message=keep_message)
    for index, events in _group_by_index(subscription.events, prefix).items():
        body = _Builder(index)
        for chunk in take_portions(events, CHUNK, PORTION):
            data, marks = renderer.render(chunk, subscription)
            alone = len(chunk) == 1
            if body.size + len(data) <= max_bytes or (alone and not body.size):
                body.add(chunk, data, marks.values())
                continue
            if alone:  # however long it is, it needs no dividing, which would hold it several times
                yield body.finish()
                body = _Builder(index)
                body.add(chunk, data, marks.values())
                continue
            rows = divide(data.decode())
            for first, last, anew in _cut(rows, body.size, max_bytes):
                if anew:
                    yield body.finish()
                    body = _Builder(index)
                body.add(
                    chunk[first:last],
                    "".join(rows[first:last]).encode(),
                    [marks[each] for each in range(first, last) if each in marks],
                )
        yield body.finish()


def _cut(rows: Sequence[str], size: int, max_bytes: int) -> Iterator[tuple[int, int, bool]]:
    """Divide rows among bodies, the first of which has a size already.

    Yields ranges of rows, and whether a new body begins with them.
    """
    first, anew = 0, False
    for position, row in enumerate(rows):
        length = len(row.encode())
        if size and size + length > max_bytes:
            if position > first:
                yield first, position, anew
            first, anew, size = position, True, 0
        size += length
    yield first, len(rows), anew


_compiled: Final[dict[tuple[int, bool], Rows]] = {}


def _compile(formats: Formats, *, keep_message: bool) -> Rows:
    """Return the compiled formats, which are kept: a function has one set of them, for good."""
    key = (id(formats), keep_message)
    rows = _compiled.get(key)
    if rows is None:
        if len(_compiled) >= MOST_COMPILED:
            _compiled.clear()
        rows = _compiled[key] = Rows(formats, keep_message=keep_message)
    return rows


def _group_by_index(events: tuple[Event, ...], prefix: str) -> dict[str, Sequence[Event]]:
    if not events:
        return {}
    times = [event.timestamp for event in events]
    if min(times) // DAY == max(times) // DAY:
        return {index_name(prefix, times[0]): events}
    days: dict[int, list[Event]] = {}
    for event in events:
        days.setdefault(event.timestamp // DAY, []).append(event)
    return {index_name(prefix, day * DAY): group for day, group in days.items()}
