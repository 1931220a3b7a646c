"""What is there of a time, by the time of the events: in the index, and in the bucket."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from flowlogs.cluster.completeness import IncompleteError, readable
from flowlogs.cluster.indices import Indices
from flowlogs.terminal.exits import is_unusable
from handler.failures import FAILED, ON_FAILURE, REJECTED, Content, FailureStore, Pending
from parser.errors import EnvelopeError
from parser.subscription import LAST_TIMESTAMP, Event, set_apart

OUTCOMES: Final = ("indexed", "duplicate", "pending", "rejected")
COUNTED: Final = ("received", *OUTCOMES)
PERIODS: Final = (86_400, 3_600, 300, 60)
"""Seconds that CloudWatch can sum up; the longest that fits is asked for, it is kept the longest."""

AHEAD: Final = timedelta(hours=2)
"""How far in the future CloudWatch Logs lets an event be."""

_HOUR: Final = 3_600

_CHUNK: Final = 500
_MOST_HITS: Final = 10_000
"""What OpenSearch gives at once, if nobody has set it otherwise: an id may stand in several days."""


@dataclass(frozen=True, slots=True)
class Window:
    """A time: from `since` until just before `until`, whole minutes in UTC."""

    since: datetime
    until: datetime

    @property
    def period(self) -> int:
        """The longest period of CloudWatch's that its ends are multiples of, in seconds."""
        ends = (int(self.since.timestamp()), int(self.until.timestamp()))
        return next(each for each in PERIODS if not any(end % each for end in ends))

    @property
    def period_of_lag(self) -> int:
        """The same, but an hour at the most: what is asked there is how things were near its ends."""
        return min(self.period, _HOUR)

    def holds(self, milliseconds: int) -> bool:
        """Tell whether an event of that time is in it."""
        return self.since.timestamp() * 1000 <= milliseconds < self.until.timestamp() * 1000

    def widened(self, lag: timedelta) -> "Window":
        """Return what may hold events that are delivered in this window."""
        return Window(self.since - lag, self.until)

    def narrowed(self, lag: timedelta) -> "Window":
        """Return what holds only events that are delivered in this window."""
        return Window(self.since, max(self.since, self.until - lag))


@dataclass(frozen=True, slots=True)
class Nameless:
    """Stands for an event whose id no document can have, so that it is not in the index.

    Attributes:
        event: as it came, for the same one may be stored twice.
        number: which of those in its object that are alike.
    """

    event: Event
    number: int


EventKey = str | Nameless
"""What tells an event from others: its id, where a document can have it."""


@dataclass(slots=True)
class Stored:
    """What the bucket holds of a time.

    Attributes:
        pending, rejected: an event -> its time in milliseconds; of those that have none that can be used,
            the time when they were stored first.
        undated: those that have none.
        on_failure: how many of the pending events lie in Lambda's own records.
        unreadable: objects stored since then whose events cannot be counted.
    """

    pending: dict[EventKey, int] = field(default_factory=dict)
    rejected: dict[EventKey, int] = field(default_factory=dict)
    undated: set[EventKey] = field(default_factory=set)
    on_failure: int = 0
    unreadable: list[str] = field(default_factory=list)


_TYPES: Final = {"@timestamp": ("date", "date_nanos"), "@log_group": ("keyword",)}
"""The types without which documents are not found by time or log group, though they are there."""


class NoDataError(Exception):
    """A source can be asked, and has nothing to say."""


def demand_types(indices: Indices) -> None:
    """Refuse to count where the fields that one counts by are of another type than the template gives them.

    Where an index was made without it, OpenSearch takes a log group's name for words, and finds no document
    by the whole of it. That is no answer of 0. Nor is there always another field to ask: `.keyword`, where
    it exists, leaves out long names.

    Raises:
        IncompleteError: names the indices.
    """
    troubles: dict[str, str] = {}
    for part in indices.parts():
        with readable():
            reply = part.client.field_caps(index=part.path, params={"fields": ",".join(_TYPES)})
            for name, wanted in _TYPES.items():
                for kind, each in reply["fields"].get(name, {}).items():
                    if kind not in wanted:
                        why = f"made without the index template: {name} is {kind} there, and not {wanted[0]}"
                        troubles |= dict.fromkeys(each.get("indices") or reply["indices"], why)
    if troubles:
        raise IncompleteError(troubles)


def count_documents(indices: Indices, window: Window, log_group: str | None) -> int:
    """Count the documents whose event is of that time.

    Raises:
        IncompleteError: an index of these days did not answer, or not whole.
    """
    times = {"gte": window.since.isoformat(), "lt": window.until.isoformat()}
    filters: list[dict[str, Any]] = [{"range": {"@timestamp": times}}]
    if log_group is not None:
        filters.append({"term": {"@log_group": log_group}})
    return indices.between(window.since, window.until).count({"bool": {"filter": filters}})


def find_indexed(indices: Indices, events: Iterable[EventKey]) -> frozenset[EventKey]:
    """Return which of the events are in the index; an id may stand in several days.

    Raises:
        IncompleteError: an index did not answer, or not whole.
    """
    wanted = [each for each in events if isinstance(each, str)]
    found: set[str] = set()
    waiting = [wanted[start : start + _CHUNK] for start in range(0, len(wanted), _CHUNK)]
    while waiting:
        some = waiting.pop()
        body = {"query": {"ids": {"values": some}}, "_source": False, "size": _MOST_HITS}
        hits = indices.search({**body, "track_total_hits": True})["hits"]
        if hits["total"]["value"] > len(hits["hits"]) and len(some) > 1:
            middle = len(some) // 2
            waiting += [some[:middle], some[middle:]]
        else:
            found.update(hit["_id"] for hit in hits["hits"])
    return frozenset(found)


def read_bucket(
    store: FailureStore, window: Window, log_group: str | None, done: Callable[[int], None]
) -> Stored:
    """Read what the bucket holds of that time, object by object; `done` is told how many.

    An object that cannot be read, or that S3 does not give, is noted, and the others are read all the same.
    """
    from botocore.exceptions import ClientError

    stored = Stored()
    for each in store.list_pending([FAILED, ON_FAILURE, REJECTED]):
        done(1)
        if each.modified < window.since - AHEAD:  # too old to hold events of that time
            continue
        try:
            content = store.read(each.key)
            found = [] if content is None else list(_read_events(content, log_group))
        except (EnvelopeError, ClientError) as error:
            if is_unusable(error):
                raise
            # Without an end: Lambda tries for six hours, and a remainder of a remainder is younger still.
            if each.modified >= window.since:
                stored.unreadable.append(each.key)
            continue
        _place(stored, each, found, window)
    return stored


def _read_events(content: Content, log_group: str | None) -> Iterator[tuple[EventKey, int]]:
    """Give all events, those that are unusable as well, with their times as they are."""
    alike: Counter[Event] = Counter()
    for subscription in content.payloads():
        if log_group is None or subscription.log_group == log_group:
            for event in subscription.events:
                yield event.id, event.timestamp
            for event in (each.event for each in subscription.unusable):
                alike[event] += 1
                yield event.id if _has_id(event) else Nameless(event, alike[event]), event.timestamp


def _has_id(event: Event) -> bool:
    """Tell whether a document can have the event's id, whatever its time is."""
    return not set_apart((Event(event.id, 0, ""),))[1]


def _place(stored: Stored, each: Pending, found: Iterable[tuple[EventKey, int]], window: Window) -> None:
    """Note the events of an object that are of the window."""
    place = stored.rejected if each.key.startswith(REJECTED) else stored.pending
    for key, timestamp in found:
        dated = 0 <= timestamp <= LAST_TIMESTAMP
        time = timestamp if dated else int(each.since.timestamp() * 1000)
        if window.holds(time):
            place[key] = time
            stored.on_failure += each.key.startswith(ON_FAILURE)
            if not dated:
                stored.undated.add(key)


def day(moment: datetime) -> Window:
    """Return the day of that time, in UTC."""
    since = moment.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=UTC)
    return Window(since, since + timedelta(days=1))
