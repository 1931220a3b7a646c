"""A batch of a stream that Lambda gave up: its payloads become objects as the functions store them.

Such a batch is read but once, record by record, for it takes memory itself, with text within text; the next
run delivers what it became as it does all others.
"""

from collections.abc import Sequence
from typing import Final

from handler.failures import FailureStore, Pending
from handler.failures.remainder import Rest
from handler.report import Unsettled, reject_unusable
from parser.errors import EnvelopeError
from parser.kinesis import Record
from parser.reply import Outcome, Verdict

GIVEN_UP: Final = Verdict(
    Outcome.RETRY, 0, "given_up", "Lambda gave up the batch of the stream that it was in"
)

RECORD_SECONDS: Final = 0.1
"""How long it may take to read one and pack or store it: a batch that there is no time for is not begun."""

MOST_EVENTS: Final = 5_000
"""Of an object, about: as many as a request holds, and few enough to be held beside the batch."""


def unpack(store: FailureStore, pending: Pending, records: Sequence[Record], formats: str) -> int:
    """Store the payloads of a batch anew, and what is none among the rejected. Returns how many are none.

    The batch itself stays; who is stopped on the way begins again, and its events come as duplicates then.
    What has the same name each time is stored first: where that fails, nothing is there twice later.

    Args:
        store: the bucket.
        pending: the batch.
        records: what is in it.
        formats: those that lines are read by.
    """
    readable = [record for record in records if _reject(store, pending, record, formats)]
    events = 0
    rest: list[Rest] = []
    for record in readable:
        subscription = record.decode()  # once more: all at once need too much memory
        if subscription.events:
            rest.append((subscription, [Unsettled("", event, GIVEN_UP) for event in subscription.events]))
            events += len(subscription.events)
        if events >= MOST_EVENTS:
            store.keep(rest, since=pending.since)
            rest, events = [], 0
    store.keep(rest, since=pending.since)
    return len(records) - len(readable)


def _reject(store: FailureStore, pending: Pending, record: Record, formats: str) -> bool:
    """Store for people what of a record is for them. Returns whether it can be read."""
    key = f"{pending.key}/{record.sequence_number}"
    source = Pending(key, len(record.data), pending.since, pending.etag)
    try:
        subscription = record.decode()
    except EnvelopeError as error:
        store.put_aside(source, record.content, str(error))
        return False
    if subscription.unusable:
        store.reject([(subscription, reject_unusable(subscription, 0))], formats, source=source)
    return True
