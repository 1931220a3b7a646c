"""What the failure bucket has of a time, by the time of the events."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from flowlogs.accounting.window import Window
from flowlogs.terminal.exits import is_unusable
from handler.failures import FAILED, ON_FAILURE, REJECTED, FailureStore, Pending
from parser.errors import EnvelopeError
from parser.stored import Damaged, Parts
from parser.subscription import LAST_TIMESTAMP, Event, Subscription, set_apart

AHEAD: Final = timedelta(hours=2)
"""How far in the future CloudWatch Logs lets an event be."""


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
        unreadable: objects stored since then whose events cannot all be counted.
    """

    pending: dict[EventKey, int] = field(default_factory=dict)
    rejected: dict[EventKey, int] = field(default_factory=dict)
    undated: set[EventKey] = field(default_factory=set)
    on_failure: int = 0
    unreadable: list[str] = field(default_factory=list)


def read_bucket(
    store: FailureStore, window: Window, log_group: str | None, done: Callable[[int], None]
) -> Stored:
    """Read what the bucket holds of that time, object by object; `done` is told how many.

    An object that cannot be read, or of which a part cannot, or that S3 does not give, is noted, and all else
    is read all the same.
    """
    from botocore.exceptions import ClientError

    stored = Stored()
    for each in store.list_pending([FAILED, ON_FAILURE, REJECTED]):
        done(1)
        if each.modified < window.since - AHEAD:  # too old to hold events of that time
            continue
        try:
            content = store.read(each.key)
            found = Parts(()) if content is None else content.read()
        except (EnvelopeError, ClientError) as error:
            if is_unusable(error):
                raise
            found = Parts((), (Damaged(b"", str(error)),))
        # Without an end: Lambda tries for six hours, and a remainder of a remainder is younger still.
        if found.damaged and each.modified >= window.since:
            stored.unreadable.append(each.key)
        _place(stored, each, _read_events(found.payloads, log_group), window)
    return stored


def _read_events(payloads: Iterable[Subscription], log_group: str | None) -> Iterator[tuple[EventKey, int]]:
    """Give all events, those that are unusable as well, with their times as they are."""
    alike: Counter[Event] = Counter()
    for subscription in payloads:
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
