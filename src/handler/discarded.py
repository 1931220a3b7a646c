"""A batch of a stream that Lambda gave up: its payloads become objects as the functions store them.

Such a batch is read record by record, for it takes memory itself, with text within text; the next run
delivers what it became as it does all others. One that takes more than the time of a run is taken apart in
portions, by several runs.
"""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

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
"""How long it may take to read a record and pack or store it. Where nobody remembers how far a run came, a
batch that there is no time for is not begun."""

SHORTEST_RECORD: Final = 3.0
"""Seconds. With less time than this left, no further record is begun."""

MOST_EVENTS: Final = 5_000
"""Of an object, about: as many as a request holds, and few enough to be held beside the batch."""


class Progress(msgspec.Struct, omit_defaults=True):
    """How far a batch is taken apart.

    Attributes:
        etag: of the batch.
        read: how many records were read, and what of them is for people is stored.
        stored: of how many records the events are stored for a replay.
    """

    etag: str = ""
    read: int = 0
    stored: int = 0


class Unpacking:
    """A batch that is taken apart, in one run or in several.

    The batch itself stays; who is stopped on the way begins again where it was noted last, and what is stored
    twice then comes as duplicates. What has the same name each time is stored first, of all records: where
    that fails, nothing is there twice later.

    Attributes:
        progress: how far that came.
        unreadable: how many records hold no payload, of those that were read.
    """

    def __init__(
        self,
        store: FailureStore,
        pending: Pending,
        records: Sequence[Record],
        progress: Progress,
        *,
        time_left: Callable[[], float],
    ) -> None:
        """Prepare.

        Args:
            store: the bucket.
            pending: the batch.
            records: what is in it.
            progress: how far other runs came; it goes on here.
            time_left: seconds until sending must stop.
        """
        self._store = store
        self._pending = pending
        self._records = records
        self._time_left = time_left
        self.progress = progress
        self.unreadable = 0

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to be stored."""
        return self.progress.stored >= len(self._records)

    def run(self, formats: str, note: Callable[[Progress], object]) -> None:
        """Store what of the records is for people, then the payloads for a replay, while there is time.

        Args:
            formats: those that lines are read by.
            note: remembers the progress; called after each step that is stored.
        """
        try:
            self._read(formats)
        finally:  # what is counted now is not counted again
            note(self.progress)
        while self.progress.read == len(self._records) and not self.is_done and self._has_time():
            self._store_portion()
            note(self.progress)

    def _has_time(self) -> bool:
        return self._time_left() >= SHORTEST_RECORD

    def _read(self, formats: str) -> None:
        """Store what of the records is for people."""
        for record in self._records[self.progress.read :]:
            if not self._has_time():
                break
            self.unreadable += not self._reject(record, formats)
            self.progress.read += 1

    def _reject(self, record: Record, formats: str) -> bool:
        """Store for people what of a record is for them. Returns whether it can be read."""
        key = f"{self._pending.key}/{record.sequence_number}"
        source = Pending(key, len(record.data), self._pending.since, self._pending.etag)
        try:
            subscription = record.decode()
        except EnvelopeError as error:
            self._store.put_aside(source, record.content, str(error))
            return False
        if subscription.unusable:
            self._store.reject([(subscription, reject_unusable(subscription, 0))], formats, source=source)
        return True

    def _store_portion(self) -> None:
        """Store the events of the next records for a replay, in one object."""
        events = number = 0
        rest: list[Rest] = []
        for record in self._records[self.progress.stored :]:
            number += 1
            try:
                subscription = record.decode()  # once more: all at once need too much memory
            except EnvelopeError:
                continue  # it is among the rejected ones
            if subscription.events:
                rest.append((subscription, [Unsettled("", each, GIVEN_UP) for each in subscription.events]))
                events += len(subscription.events)
            if events >= MOST_EVENTS or not self._has_time():
                break
        self._store.keep(rest, since=self._pending.since)
        self.progress.stored += number
