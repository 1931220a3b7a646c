"""Bodies for OpenSearch's `_bulk`, of one payload or of many.

One body goes to one index (`POST /<index>/_bulk`), so that an access policy can bind the path. The
action is `create` under the event's own id: the same event sent twice is a conflict, not a second
document. HTTP 200 proves nothing: the reply is read item by item, by position.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from parser.columns import Mark
from parser.compiled import Rows, divide
from parser.compression import compressor
from parser.format import Formats
from parser.index_names import index_name
from parser.payload import Event, Subscription, take_portions
from parser.repeats import Repeats

DAY: Final = 86_400_000
"""Milliseconds."""

CHUNK: Final = 256
"""Events that are rendered and compressed at once: few enough to stay in the processor's cache, many
enough for isal to find likeness between their rows."""

PORTION: Final = 256 * 1024
"""Characters of the messages of such a chunk: a few times as many bytes are held while it is rendered. Its
events are then fewer; one that is longer goes alone."""

MOST_GROWING: Final = 4
"""Bodies that grow at once, each with a compressor of its own. Payloads that are delivered together are
mostly of one day, or of two."""

HELD: Final = 512
"""Bytes that a batch is taken to hold for a payload, and for an event that is in no body, beside its text."""

MOST_COMPILED: Final = 8
"""Sets of formats that are kept compiled."""


@dataclass(frozen=True, slots=True)
class Part:
    """Events of one payload that stand side by side in a body.

    Attributes:
        payload: the payload's number in its batch, from 0.
        events: the events.
    """

    payload: int
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Body:
    """One request's body.

    Attributes:
        index: the index that it is for.
        data: what is sent: gzip of newline-delimited JSON.
        size: bytes before compression; OpenSearch's limit for a request counts these.
        parts: whose events are in it; the reply's items have the same order.
        unparsed: how many of their lines could not be parsed.
        no_data: how many are NODATA records.
        skip_data: how many are SKIPDATA records: AWS could not capture that window.
    """

    index: str
    data: bytes
    size: int
    parts: tuple[Part, ...]
    unparsed: int
    no_data: int
    skip_data: int

    @property
    def count(self) -> int:
        """How many events are in it."""
        return sum([len(part.events) for part in self.parts])

    @property
    def events(self) -> tuple[Event, ...]:
        """The events of all parts, in their order."""
        if len(self.parts) == 1:
            return self.parts[0].events
        return tuple(event for part in self.parts for event in part.events)


class _Builder:
    """A body while it grows."""

    def __init__(self, index: str) -> None:
        self.index = index
        self.size = 0
        self._events: dict[int, list[Event]] = {}
        self._marks: list[Mark] = []
        self._stream = compressor()
        self._pieces: list[bytes] = []

    def add(self, payload: int, events: Sequence[Event], rows: bytes, marks: Iterable[Mark]) -> None:
        # Payloads come one after the other, so the events of each stand side by side.
        self._events.setdefault(payload, []).extend(events)
        self.size += len(rows)
        self._marks.extend(marks)
        self._pieces.append(self._stream.compress(rows))

    def finish(self) -> Body:
        data = b"".join([*self._pieces, self._stream.flush()])
        count = self._marks.count
        return Body(
            self.index,
            data,
            self.size,
            tuple(Part(payload, tuple(events)) for payload, events in self._events.items()),
            unparsed=count("unparsed"),
            no_data=count("NODATA"),
            skip_data=count("SKIPDATA"),
        )


class Encoder:
    """Makes the bodies of a batch of payloads, which it is given one after the other.

    A body holds the rows of as many payloads as it has room for, and a payload may be in several.
    """

    def __init__(self, formats: Formats, *, prefix: str, max_bytes: int, keep_message: bool) -> None:
        """Prepare bodies.

        Args:
            formats: what the lines may look like.
            prefix: the first part of the index names.
            max_bytes: the largest body before compression. An event that is larger goes alone.
            keep_message: whether documents of parsed lines keep `@message`.
        """
        self._renderer = _compile(formats, keep_message=keep_message)
        self._prefix = prefix
        self._max_bytes = max_bytes
        self._growing: dict[str, _Builder] = {}
        self._held = 0

    @property
    def is_full(self) -> bool:
        """Whether what was added fills a body: what comes next belongs to another batch.

        What is in no body counts with it, so that a batch is bounded whatever its payloads hold.
        """
        return self._held >= self._max_bytes

    def add(self, number: int, subscription: Subscription, repeats: Repeats | None = None) -> Iterator[Body]:
        """Take the events of a payload; yield the bodies that are full.

        Args:
            number: the payload's in its batch.
            subscription: the payload.
            repeats: finds the events that the batch holds already, which are in no body then.
        """
        self._held += HELD
        if subscription.unusable:
            self._held += _weigh([each.event for each in subscription.unusable])
        for index, events in _group_by_index(subscription.events, self._prefix).items():
            fresh = events if repeats is None else repeats.sift(number, index, events)
            if len(fresh) < len(events):
                self._held += _weigh(events) - _weigh(fresh)
            if fresh:
                yield from self._add(number, index, fresh, subscription)

    def _add(
        self, number: int, index: str, events: Sequence[Event], subscription: Subscription
    ) -> Iterator[Body]:
        if index not in self._growing and len(self._growing) >= MOST_GROWING:
            yield self._growing.pop(next(iter(self._growing))).finish()
        body = self._growing.get(index)
        if body is None:
            body = self._growing[index] = _Builder(index)
        for chunk in take_portions(events, CHUNK, PORTION):
            data, marks = self._renderer.render(chunk, subscription)
            self._held += len(data)
            if body.size + len(data) <= self._max_bytes or (len(chunk) == 1 and not body.size):
                body.add(number, chunk, data, marks.values())
                continue
            for first, last, rows, anew in _divide(data, len(chunk), body.size, self._max_bytes):
                if anew:
                    yield body.finish()
                    body = self._growing[index] = _Builder(index)
                counted = [marks[each] for each in range(first, last) if each in marks]
                body.add(number, chunk[first:last], rows, counted)

    def finish(self) -> Iterator[Body]:
        """Yield the bodies that are not full."""
        while self._growing:
            yield self._growing.pop(next(iter(self._growing))).finish()


def encode(
    subscription: Subscription, formats: Formats, *, prefix: str, max_bytes: int, keep_message: bool
) -> Iterator[Body]:
    """Make the bodies of one payload, a batch of one. For the arguments see `Encoder`."""
    encoder = Encoder(formats, prefix=prefix, max_bytes=max_bytes, keep_message=keep_message)
    yield from encoder.add(0, subscription)
    yield from encoder.finish()


def _weigh(events: Sequence[Event]) -> int:
    return sum([HELD + len(event.message) for event in events])


def _divide(data: bytes, count: int, size: int, max_bytes: int) -> Iterator[tuple[int, int, bytes, bool]]:
    """Divide the rows of so many events among bodies, the first of which has a size already.

    Yields ranges of events, their rows, and whether a new body begins with them.
    """
    if count == 1:  # however long it is, it needs no dividing, which would hold it several times
        yield 0, 1, data, True
        return
    rows = divide(data.decode())
    for first, last, anew in _cut(rows, size, max_bytes):
        yield first, last, "".join(rows[first:last]).encode(), anew


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
