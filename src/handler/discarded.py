"""A batch of a stream that Lambda gave up: its payloads become an object as the functions store them.

Such a batch is read but once, record by record: as a whole, with text within text, it would take more memory
than what it becomes. The next run delivers that as it does all others.
"""

from collections.abc import Iterable, Iterator
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

    def read() -> Iterator[Rest]:
        nonlocal unreadable
        for record in records:
            key = f"{pending.key}/{record.sequence_number}"
            source = Pending(key, len(record.data), pending.since, pending.etag)
            try:
                subscription = record.decode()
            except EnvelopeError as error:
                store.put_aside(source, record.content, str(error))
                unreadable += 1
                continue
            if subscription.unusable:
                store.reject([(subscription, reject_unusable(subscription, 0))], formats, source=source)
            if subscription.events:
                yield subscription, [Unsettled("", event, GIVEN_UP) for event in subscription.events]

    store.keep(read(), since=pending.since)
    return unreadable
