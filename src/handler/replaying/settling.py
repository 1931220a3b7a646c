"""Bring the failure store in line with what became of a batch. Nothing is dropped before its rest is safe."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Final, Self

from handler.failures import FailureStore
from handler.journal import Journal
from handler.observe import logger
from handler.replaying.held import Held
from handler.summary import Fate

WRITERS: Final = 8
"""Objects with rejected events that are written at once; the client of S3 has ten connections."""

MOST_FAILED: Final = 3
"""Batches that could not be settled, one behind the other, after which a run ends."""

LATEST: Final = -6.0
"""Seconds behind the end of sending, up to which what is for people is written, object by object. What is
kept of the time is more; and an object that is not dropped is delivered and rejected once more."""

CHANGED: Final = ("PreconditionFailed", "ConditionalRequestConflict")
"""What S3 calls it where an object is not the one that was read, or somebody is at it now."""


class Settler:
    """Settles the objects of one run; a context manager.

    Attributes:
        damaged: objects of which a part cannot be read, which is set aside, unless all is kept.
    """

    def __init__(
        self,
        store: FailureStore,
        journal: Journal,
        formats: str,
        *,
        time_left: Callable[[], float],
        keep: bool,
    ) -> None:
        """Prepare.

        Args:
            store: where the objects are.
            journal: is told of objects that could not be dropped.
            formats: those that the lines were read by.
            time_left: seconds until sending must stop.
            keep: leave the objects where they are, whatever became of their events.
        """
        self._store = store
        self._journal = journal
        self._formats = formats
        self._writers = ThreadPoolExecutor(WRITERS)
        self._time_left = time_left
        self._keep = keep
        self._failed = 0
        self.damaged = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writers.shutdown()

    @property
    def is_broken(self) -> bool:
        """Whether so much could not be settled that it is no use to go on."""
        return self._failed >= MOST_FAILED

    def note_failure(self) -> None:
        """Count a batch that could not be handled."""
        self._failed += 1

    def settle(self, objects: Sequence[Held]) -> list[Fate]:
        """Set aside what is damaged, store what is rejected, write back what stays pending, then drop.

        Returns:
            Each object's fate.
        """
        # First what has one name, however often it is written; what stays pending is stored anew each time.
        damaged = [each for each in objects if each.damaged and not each.is_unchanged]
        fates = self._write_each(damaged, self._put_aside)
        self.damaged += len(damaged) - len(fates)
        changed = [each for each in objects if not (self._keep or each.is_unchanged or each in fates)]
        # What another run has written under that name is replaced behind that: it may have rejected the rest.
        fates |= self._write_each([each for each in changed if each.left and each.refused], self._reject_new)
        fates |= self._write_back([each for each in changed if each.left and each not in fates])
        refused = [each for each in changed if each.refused and not (each in fates or each.told)]
        fates |= self._write_each(refused, self._reject)
        fates |= self._drop([each for each in changed if each not in fates])
        if objects:
            failed = all(fates.get(each) is Fate.FAILED for each in objects)
            self._failed = self._failed + 1 if failed else 0
        return [fates.get(each, Fate.LEFT) for each in objects]

    def _write_back(self, objects: Sequence[Held]) -> dict[Held, Fate]:
        """Keep what is left of all of them in one object; return those of which that failed."""
        failed: dict[Held, Fate] = {}
        for rejected in (False, True):
            group = [each for each in objects if each.rejected is rejected]
            if group and not self._keep_rest(group, rejected=rejected):
                failed |= dict.fromkeys(group, Fate.FAILED)
        return failed

    def _keep_rest(self, group: Sequence[Held], *, rejected: bool) -> bool:
        since = None if rejected else min(each.pending.since for each in group)
        rest = [part for each in group for part in each.left]
        attempts = max(each.attempts for each in group) + 1
        try:
            self._store.keep(rest, attempts=attempts, since=since)
        except Exception:  # noqa: BLE001  # the objects stay, and others go on
            _tell_failure(group)
            return False
        return True

    def _write_each(self, objects: Sequence[Held], write: Callable[[Held], object]) -> dict[Held, Fate]:
        """Store something of each object for people; return those of which it is not stored."""
        writing = [(each, self._writers.submit(self._write_in_time, write, each)) for each in objects]
        failed: dict[Held, Fate] = {}
        for each, future in writing:
            try:
                if not future.result():
                    failed[each] = Fate.LEFT
            except Exception:  # noqa: BLE001  # the objects stay, and others go on
                _tell_failure([each])
                failed[each] = Fate.FAILED
        return failed

    def _write_in_time(self, write: Callable[[Held], object], held: Held) -> bool:
        if self._time_left() < LATEST:
            return False
        write(held)
        return True

    def _put_aside(self, held: Held) -> None:
        logger.warning("replay.unreadable", extra={"key": held.pending.key, "reason": held.reason})
        if not self._keep:
            self._store.put_aside(held.pending, held.damaged, held.reason)

    def _reject(self, held: Held) -> None:
        self._store.reject(held.refused, self._formats, source=held.pending)

    def _reject_new(self, held: Held) -> None:
        """Store what is rejected, unless something is there under its name."""
        held.told = bool(self._store.reject(held.refused, self._formats, source=held.pending, replace=False))

    def _drop(self, objects: Sequence[Held]) -> dict[Held, Fate]:
        """Drop objects whose events are all settled, or stored anew; return what became of them."""
        if not objects:
            return {}
        try:
            left = self._store.drop_all([each.pending for each in objects])
        except Exception:  # noqa: BLE001  # the objects stay, and others go on
            _tell_failure(objects)
            left = dict.fromkeys([each.pending.key for each in objects], "failed")
        return {each: self._judge(each, left.get(each.pending.key)) for each in objects}

    def _judge(self, held: Held, error: str | None) -> Fate:
        """Return the fate of an object that was to be dropped, and is, or met an error."""
        dropped = error is None or error in CHANGED
        self._journal.note_settled(held.pending, dropped=dropped)
        if error is None:
            is_left = held.left or held.unpacked or (held.rejected and held.refused)
            return Fate.SHORTENED if is_left else Fate.DROPPED
        if error in CHANGED:
            logger.warning("replay.object_changed", extra={"key": held.pending.key})
            return Fate.LEFT
        logger.error("replay.object_failed", extra={"key": held.pending.key, "reason": error})
        return Fate.FAILED


def _tell_failure(objects: Iterable[Held]) -> None:
    """Log the error in hand with the objects that it met, of which the first says enough."""
    keys = [each.pending.key for each in objects]
    logger.exception("replay.object_failed", extra={"key": keys[0], "objects": len(keys)})
