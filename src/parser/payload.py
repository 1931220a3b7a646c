"""The values of a payload: what it holds, and what makes one of its events unusable."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

MAX_ID: Final = 512
"""Bytes of UTF-8. A longer `_id`, or an empty one, makes OpenSearch refuse the whole request; CloudWatch's
event ids are 56 decimal digits."""

LAST_TIMESTAMP: Final = 253_402_300_799_999
"""Milliseconds: the end of the year 9999, the last that a day index can name."""

NO_TIMESTAMP: Final = -1
"""Of an unusable event that has none: no document can have it, whoever reads the event again."""

_SHORT_ID: Final = MAX_ID // 4
"""Characters that take no more than `MAX_ID` bytes, whatever they are."""


class Event(msgspec.Struct, frozen=True, gc=False):
    """One log event.

    Attributes:
        id: CloudWatch's event id, the same each time that the event is delivered.
        timestamp: milliseconds since the epoch; for a flow log record its `start`.
        message: the flow log record, as text.
    """

    id: str
    timestamp: int
    message: str


class Unusable(msgspec.Struct, frozen=True, gc=False):
    """An event that cannot become a document: no index or request would take it.

    Attributes:
        event: the event as it came. What of it is no text, or no time, is there as far as it can be shown.
        reason: what is wrong with it, for people.
    """

    event: Event
    reason: str


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """One payload: events of one log stream.

    Attributes:
        owner: the account that owns the log group, as text.
        log_group: the log group's name.
        log_stream: the log stream's name.
        subscription_filters: the names of the filters that matched.
        policy_level: `ACCOUNT_LEVEL_POLICY` where an account's policy delivers, else None.
        events: in the order of delivery. Empty for a control message. As `decode` gives them, each has
            an id of 1 to `MAX_ID` bytes and a timestamp from 0 to `LAST_TIMESTAMP`.
        unusable: the events that `decode` found to be otherwise, in the order of delivery. They came
            with the payload and count as received, but `encode` does not write them.
    """

    owner: str
    log_group: str
    log_stream: str
    subscription_filters: tuple[str, ...] = ()
    policy_level: str | None = None
    events: tuple[Event, ...]
    unusable: tuple[Unusable, ...] = ()


def take_portions(events: Sequence[Event], most: int, size: int) -> Iterator[Sequence[Event]]:
    """Yield the events in their order, in portions of so many, or of so many characters, at the most.

    An event with more characters is a portion alone.
    """
    for start in range(0, len(events), most):
        portion = events[start : start + most]
        if sum([len(event.message) for event in portion]) <= size:
            yield portion
            continue
        first = held = 0
        for position, event in enumerate(portion):
            if position > first and held + len(event.message) > size:
                yield portion[first:position]
                first, held = position, 0
            held += len(event.message)
        yield portion[first:]


def set_apart(
    events: tuple[Event, ...], *, halves: bool = True
) -> tuple[tuple[Event, ...], tuple[Unusable, ...]]:
    """Return the events that can become documents, and the others; both in their order.

    Args:
        events: any.
        halves: whether an id may hold half a character (a lone surrogate). False spares the look.
    """
    looked_at: Sequence[Event] = events
    if not halves:
        # Few payloads have an odd event: one quick look at all of them, then a close one at the odd.
        looked_at = [
            event
            for event in events
            if not 0 < len(event.id) <= _SHORT_ID or not 0 <= event.timestamp <= LAST_TIMESTAMP
        ]
    unusable = tuple(Unusable(event, reason) for event in looked_at if (reason := _find_fault(event)))
    if not unusable:
        return events, ()
    apart = {id(each.event) for each in unusable}
    return tuple(event for event in events if id(event) not in apart), unusable


def _find_fault(event: Event) -> str | None:
    size = len(event.id.encode("utf-8", "surrogatepass"))
    if not size:
        return "its id is empty"
    if size > MAX_ID:
        return f"its id has {size} bytes, and {MAX_ID} are the most"
    if _holds_half(event.id):
        return "its id holds half a character (a lone surrogate), and OpenSearch takes all of these for one"
    if not 0 <= event.timestamp <= LAST_TIMESTAMP:
        return f"its timestamp {event.timestamp} is not between 0 and {LAST_TIMESTAMP} (the year 9999)"
    return None


def _holds_half(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
