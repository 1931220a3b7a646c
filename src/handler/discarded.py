"""A batch of a stream that Lambda gave up: each payload in it becomes an object of its own.

So the replay delivers them one by one as it does all others, and one that cannot be read stops no other.
"""

from collections.abc import Iterable
from typing import Final

from handler.failures import FailureStore, Pending
from handler.report import Unsettled, reject_unusable
from parser.errors import EnvelopeError
from parser.kinesis import Record
from parser.reply import Outcome, Verdict

GIVEN_UP: Final = Verdict(
    Outcome.RETRY, 0, "given_up", "Lambda gave up the batch of the stream that it was in"
)

RECORD_SECONDS: Final = 0.1
"""How long it may take to store one: a batch that there is no time for is not begun."""


def unpack(store: FailureStore, pending: Pending, records: Iterable[Record], formats: str) -> int:
    """Store the payloads of a batch anew, and what is none among the rejected. Returns how many are none.

    The batch itself stays; who is stopped on the way begins again, and its events come as duplicates then.

    Args:
        store: the bucket.
        pending: the batch.
        records: what is in it.
        formats: those that lines are read by.
    """
    unreadable = 0
    for record in records:
        source = Pending(
            f"{pending.key}/{record.sequence_number}", len(record.data), pending.since, pending.etag
        )
        try:
            subscription = record.decode()
        except EnvelopeError as error:
            store.put_aside(source, record.content, str(error))
            unreadable += 1
            continue
        if subscription.events:
            events = [Unsettled("", event, GIVEN_UP) for event in subscription.events]
            store.keep([(subscription, events)], since=pending.since)
        if subscription.unusable:
            store.reject([(subscription, reject_unusable(subscription, 0))], formats, source=source)
    return unreadable
