"""Open stored objects, one by one in their order: to payloads, or to what else becomes of an object."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Final

from handler.config import Config
from handler.discarded import RECORD_SECONDS, Unpacking
from handler.failures import REJECTED, FailureStore, Pending
from handler.failures.ahead import Read
from handler.failures.client import is_refusal
from handler.failures.names import find_limit
from handler.journal import MOST_STOPS, Journal
from handler.observe import logger
from handler.replaying.held import Held, hold
from handler.summary import Fate
from parser.errors import EnvelopeError
from parser.kinesis import Record

LARGE: Final = 256 * 1024
"""Bytes of an object. A larger one, which holds some ten thousand events or more, fills requests by itself,
and may need as much memory as there is beside it."""

MOST_FAILED: Final = 3
"""Objects that could not be opened, one behind the other, after which a run ends."""

MOST_REFUSED: Final = 100
"""Objects that S3 does not give, after which a run ends. Such an object says nothing of the next, but each is
a line in the log, with every run."""


class ObjectRefusedError(Exception):
    """S3 does not give an object, which says nothing of others."""


class Opener:
    """Opens the objects of one run.

    Attributes:
        unreadable: records of a stream that hold no payload.
    """

    def __init__(
        self,
        store: FailureStore,
        journal: Journal,
        config: Config,
        *,
        time_left: Callable[[], float],
        keep: bool,
    ) -> None:
        """Prepare.

        Args:
            store: where they are.
            journal: says of which objects to be careful.
            config: says which events are too old.
            time_left: seconds until the run must end.
            keep: leave each object where it is.
        """
        self._store = store
        self._journal = journal
        self._config = config
        self._time_left = time_left
        self._keep = keep
        self.unreadable = 0
        self._failed = 0
        self._refused = 0

    @property
    def is_broken(self) -> bool:
        """Whether so many could not be opened that it is no use to go on."""
        return self._failed >= MOST_FAILED or self._refused >= MOST_REFUSED

    def is_alone(self, pending: Pending) -> bool:
        """Whether no other object is to be in hand beside it."""
        return pending.size > LARGE or self._journal.must_name(pending)

    def may_read_ahead(self, pending: Pending) -> bool:
        """Whether it may be read before its turn."""
        return not self.is_alone(pending) and not self._journal.is_settled(pending)

    def open(self, pending: Pending, read: Read) -> Held | Fate:
        """Read an object; return it with its payloads, or what became of it instead."""
        self._journal.begin(pending)
        try:
            found = self._open(pending, read)
        except ObjectRefusedError as error:
            logger.warning("replay.object_refused", extra={"key": pending.key, "reason": str(error)})
            self._refused += 1
            return Fate.FAILED
        except Exception:  # noqa: BLE001  # one object must not stand in the way of those behind it
            logger.exception("replay.object_failed", extra={"key": pending.key})
            self._failed += 1
            return Fate.FAILED
        self._failed = 0
        return found

    def _open(self, pending: Pending, read: Read) -> Held | Fate:
        if self._journal.is_settled(pending) and not self._keep:
            return Held(pending)  # without a payload, it is dropped
        if reason := self._find_fault(pending):
            return self._set_aside(pending, reason)
        try:
            content = read()
        except Exception as error:
            if is_refusal(error):
                raise ObjectRefusedError(str(error)) from error
            raise
        if content is None:
            return Fate.GONE
        pending = replace(pending, etag=content.etag)
        try:
            if (records := content.read_batch()) is not None:
                return self._unpack(pending, records)
            return hold(pending, content, self._config, datetime.now(UTC), alone=self.is_alone(pending))
        except EnvelopeError as error:
            return self._set_aside(pending, str(error))

    def _find_fault(self, pending: Pending) -> str:
        """Return why an object must not be read at all; empty where it may."""
        limit = find_limit(pending.key)
        if pending.size > limit:
            return f"object has {pending.size} bytes, and {limit} are the most"
        if self._journal.is_condemned(pending):
            return f"{MOST_STOPS} runs were stopped with this object in hand"
        return ""

    def _unpack(self, pending: Pending, records: Sequence[Record]) -> Held | Fate:
        """Store the payloads of a stream's batch anew, for the next run; the batch is to be dropped then.

        Where the time does not suffice for all of them, the next run goes on behind those that are stored.
        Where it could not know of them, none is: they would be stored once more with each run.
        """
        if self._keep:
            return Fate.LEFT
        progress = self._journal.find_progress(pending)
        if self._journal.is_kept or self._time_left() >= len(records) * RECORD_SECONDS:
            unpacking = Unpacking(self._store, pending, records, progress, time_left=self._time_left)
            try:
                unpacking.run(str(self._config.formats), partial(self._journal.note_progress, pending))
            finally:
                self.unreadable += unpacking.unreadable
            if unpacking.is_done:
                return Held(pending, unpacked=True)
        logger.warning(
            "replay.batch_unfinished",
            extra={"key": pending.key, "records": len(records), "stored": progress.stored},
        )
        return Fate.LEFT

    def _set_aside(self, pending: Pending, reason: str) -> Fate:
        logger.warning("replay.unreadable", extra={"key": pending.key, "reason": reason})
        if self._keep or pending.key.startswith(REJECTED):
            return Fate.LEFT
        return Fate.SET_ASIDE if self._store.set_aside(pending, reason) else Fate.LEFT
