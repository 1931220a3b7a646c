"""What a run of the replay leaves in the bucket for the next: where to begin, and what to be careful of.

A run that Lambda stops in the middle, because an object takes more memory or time than the function has, can
tell nobody. So a run says in one small object that it is under way, and takes that back at its end. Who finds
one that is still under way after its time names each object before touching it. So the next stop has a name:
the run behind it begins behind that object and comes to it last, and one that has stopped several runs is set
aside.

The journal only helps. Where S3 does not give or take it, the replay goes on without: no event depends on it.
"""

import math
from collections.abc import Callable
from typing import Final

import msgspec

from handler.discarded import Progress
from handler.failures import FAILED, ON_FAILURE, FailureStore, Pending
from handler.observe import logger

MOST_STOPS: Final = 3
"""Runs that may be stopped while they have an object in hand; then it is set aside. One stop may have had
another cause, and each costs no more than a run."""

MOST_UNDROPPED: Final = 500
"""Objects that a journal remembers to be settled; the others are delivered once more, which does no harm."""


class Entry(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is stored.

    Attributes:
        until: until when the run may last, in epoch seconds; 0 for one that has ended.
        in_hand: key of the object that it was handling; empty where it did not name them.
        position: prefix -> the key behind which the next run begins.
        stops: key -> how many runs were stopped while they had that object in hand.
        undropped: key -> ETag of objects whose events are all settled, which S3 did not let go.
        unpacked: key -> how far a batch of a stream is taken apart.
    """

    until: float = 0
    in_hand: str = ""
    position: dict[str, str] = {}
    stops: dict[str, int] = {}
    undropped: dict[str, str] = {}
    unpacked: dict[str, Progress] = {}


class Journal:
    """The journal of one run.

    Attributes:
        position: prefix -> the key behind which to begin.
    """

    def __init__(self, store: FailureStore | None = None, *, now: float = 0, until: float = math.inf) -> None:
        """Read what the last run has left.

        Args:
            store: where it is; None for a run that begins anew and leaves nothing.
            now: the time, in epoch seconds.
            until: until when this run may last.
        """
        self._store = store
        self._until = until
        self._found = self._under_way = self._careful = self._kept = False
        self._in_hand = ""
        entry = self._read() or Entry()
        self.position = entry.position
        self._stops = entry.stops
        self._undropped = entry.undropped
        self._unpacked = entry.unpacked
        if entry.until > now:
            self._store = None  # that run is at work, and this is its journal
        elif entry.until:
            self._careful = True
            self._blame(entry.in_hand)

    def is_condemned(self, pending: Pending) -> bool:
        """Tell whether an object has stopped so many runs that it must not be touched."""
        return self._stops.get(pending.key, 0) >= MOST_STOPS

    def is_settled(self, pending: Pending) -> bool:
        """Tell whether all events of an object are settled, and only its removal failed."""
        return self._undropped.get(pending.key) == pending.etag

    def must_name(self, pending: Pending) -> bool:
        """Tell whether an object may stop the run: no other is to be in hand beside it."""
        return self._careful or pending.key in self._stops

    def begin(self, pending: Pending) -> None:
        """Say that an object is about to be handled; where that may stop the run, name it."""
        named = self.must_name(pending)
        if not self._under_way or named:
            self._under_way = True
            self._in_hand = pending.key if named else ""
            self._write()

    def end(self, pending: Pending) -> None:
        """Say that an object was handled, and stopped nothing."""
        self._stops.pop(pending.key, None)

    def note(self, key: str) -> None:
        """Let the next run begin behind an object."""
        prefix = next((each for each in (FAILED, ON_FAILURE) if key.startswith(each)), None)
        if prefix:
            self.position[prefix] = key

    @property
    def is_kept(self) -> bool:
        """Whether the next run will know what this one notes."""
        return self._kept and self._store is not None

    def find_progress(self, pending: Pending) -> Progress:
        """Return how far a batch of a stream is taken apart."""
        found = self._unpacked.get(pending.key)
        return found if found and found.etag == pending.etag else Progress(pending.etag)

    def note_progress(self, pending: Pending, progress: Progress) -> None:
        """Say how far a batch of a stream is taken apart."""
        self._unpacked[pending.key] = progress
        self._write()

    def note_settled(self, pending: Pending, *, dropped: bool) -> None:
        """Say that all events of an object are settled, and whether S3 let it go."""
        self._undropped.pop(pending.key, None)
        self._unpacked.pop(pending.key, None)
        if not dropped and len(self._undropped) < MOST_UNDROPPED:
            self._undropped[pending.key] = pending.etag

    def close(self, *, remaining: int) -> None:
        """End the run: leave what the next one should know; nothing, where nothing waits."""
        self._until, self._in_hand = 0, ""
        if not remaining:
            self.position, self._stops, self._undropped, self._unpacked = {}, {}, {}, {}
        if self.position or self._stops or self._undropped or self._unpacked:
            self._write()
        elif self._under_way or self._found:
            self._attempt(lambda store: store.write_journal(None))

    def _blame(self, key: str) -> None:
        if key:
            self._stops[key] = self._stops.get(key, 0) + 1
            self.note(key)
        logger.error("replay.was_stopped", extra={"key": key, "times": self._stops.get(key, 0)})

    def _read(self) -> Entry | None:
        data = self._attempt(FailureStore.read_journal)
        if data is None:
            return None
        self._found = True
        try:
            return msgspec.json.decode(data, type=Entry)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            logger.warning("replay.journal_unreadable", extra={"reason": str(error)})
            return None

    def _write(self) -> None:
        entry = Entry(
            until=self._until,
            in_hand=self._in_hand,
            position=self.position,
            stops=self._stops,
            undropped=self._undropped,
            unpacked=self._unpacked,
        )
        self._kept = True
        self._attempt(lambda store: store.write_journal(msgspec.json.encode(entry)))

    def _attempt(self, action: Callable[[FailureStore], bytes | None]) -> bytes | None:
        from botocore.exceptions import BotoCoreError, ClientError

        if self._store is None:
            return None
        try:
            return action(self._store)
        except (BotoCoreError, ClientError) as error:
            self._kept = False
            logger.warning("replay.journal_failed", extra={"reason": str(error)})
            return None
