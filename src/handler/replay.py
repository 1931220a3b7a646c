"""The replay function: what is kept in the failure store goes the same way again.

It runs on a schedule. Objects are read ahead, delivered in batches that fill requests, as fast as the cluster
takes them, and dropped many at once: only when each event of an object is settled, and what of it stays
pending has been written back before. So a run may end at any moment, or happen twice, at once or one behind
the other.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from handler.config import ConfigError
from handler.environment import Environment, measure_time, prepare
from handler.failures import FailureStore, Pending
from handler.failures.ahead import DEPTH, ReadAhead
from handler.journal import Journal
from handler.observe import count, logger, tell
from handler.replaying.dispatch import Dispatch
from handler.replaying.held import Held
from handler.replaying.opening import Opener
from handler.replaying.pace import FIRST_WINDOW, Pace
from handler.replaying.settling import Settler
from handler.report import NOT_TRIED, leave
from handler.summary import Fate, Summary

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

SHORTEST_OBJECT: Final = 3.0
"""Seconds. With less time than this left, no further object is begun."""

MOST_OBJECTS: Final = 1_000
"""Objects of a batch: as many as S3 drops at once."""

MOST_COUNTED: Final = 100_000
"""Objects up to which a run counts what waits, a thousand with each request."""


class ReplayError(Exception):
    """Objects could not be handled. The function fails, so that an alarm sees it."""


def lambda_handler(
    event: dict[str, Any],  # noqa: ARG001  # Lambda gives one, and the schedule puts nothing into it
    context: "LambdaContext",
) -> dict[str, int]:
    """Replay what is pending, the oldest first, until all is done, time is over or the cluster refuses.

    Returns:
        How many objects and events were handled and what became of them.

    Raises:
        ReplayError: an object could not be handled, S3 did not list all that waits, or no request arrives as
            it was sent; all stays where it is. What the run did is told before, whatever it meets.
    """
    started = time.perf_counter()
    try:
        environment = prepare()
        store = open_store(environment, context.aws_request_id)
        now = time.time()
        journal = Journal(store, now=now, until=now + context.get_remaining_time_in_millis() / 1000)
        replay = Replay(environment, store, time_left=measure_time(context), journal=journal)
        age: dict[str, int] = {}
        try:
            replay.run(store.walk(dict(journal.position)))
            age = _measure_age(store.find_oldest())
        finally:
            answer = _describe(replay.summary) | age
            took = int((time.perf_counter() - started) * 1000)
            tell("replay.done", context.function_name, {**answer, "milliseconds": took})
    except Exception:
        logger.exception("replay.failed", extra={"request_id": context.aws_request_id})
        raise
    _judge(replay.summary)
    return answer


def _judge(summary: Summary) -> None:
    if summary.fates[Fate.FAILED]:
        raise ReplayError(
            f"{summary.fates[Fate.FAILED]} objects could not be handled: "
            "see replay.object_failed and replay.object_refused"
        )
    if summary.damaged:
        raise ReplayError(
            "requests are refused whatever is in them, by what stands before OpenSearch: see delivery.failed"
        )
    if summary.unlisted:
        raise ReplayError(f"the list of what waits broke off: {summary.unlisted}")


def open_store(environment: Environment, request_id: str) -> FailureStore:
    """Return the failure store that the configuration names.

    Raises:
        ConfigError: it names none.
    """
    config = environment.config
    if config.failure_bucket is None:
        raise ConfigError(["FAILURE_BUCKET is not set, and a replay needs it"])
    return FailureStore(config.failure_bucket, request_id, kms_key=config.failure_kms_key)


class Replay:
    """One run over stored objects."""

    def __init__(  # the function and the command line choose some of these
        self,
        environment: Environment,
        store: FailureStore,
        *,
        time_left: Callable[[], float],
        journal: Journal | None = None,
        keep: bool = False,
        rate: float | None = None,
        done: Callable[[Pending, Counter[str]], None] = lambda *_: None,
    ) -> None:
        """Prepare a run.

        Args:
            environment: configuration and connection.
            store: where the objects are.
            time_left: seconds until the run must end.
            journal: what the last run left, and the next one will find; None for a run of its own.
            keep: leave the objects where they are, whatever becomes of their events.
            rate: events a second, at the most; None for what the cluster takes.
            done: is told of each object that was handled, and what became of its events.
        """
        self._journal = journal or Journal()
        self._time_left = time_left
        self._done = done
        config = environment.config
        self._opener = Opener(store, self._journal, config, time_left=time_left, keep=keep)
        self._dispatch = Dispatch(environment, Pace(config.max_bulk_bytes, rate=rate), time_left)
        self._settler = Settler(store, self._journal, str(config.formats), time_left=time_left, keep=keep)
        self._store = store
        self._returned: deque[Held] = deque()
        self.summary = Summary()

    def run(self, objects: Iterable[Pending]) -> Summary:
        """Handle the objects in their order, in batches.

        The run notes in its journal behind which object the next one should begin, so that what cannot
        be delivered now does not stand in the way of what comes behind it.
        """
        self.summary.uncounted = True  # until that is done
        try:
            with (
                ReadAhead(self._store, objects, self._opener.may_read_ahead) as ahead,
                self._dispatch,
                self._settler,
            ):
                self._run(ahead)
                self._count_rest(ahead)
        finally:
            self._journal.close(remaining=self.summary.remaining or int(self.summary.uncounted))
        return self.summary

    def _run(self, ahead: ReadAhead) -> None:
        started = time.perf_counter()
        pace = self._dispatch.pace
        while not self._must_end():
            batch = self._gather(ahead)
            if not batch and not len(self._dispatch):
                break
            self._land(pace.requests - 1 if batch else 0)  # what lands may come back, to be sent once more
            if wait := pace.measure_wait(self._dispatch.sent, time.perf_counter() - started):
                time.sleep(wait)
            if self._must_end():
                self._returned.extend(batch)
            elif batch:
                self._dispatch.send(batch)
                if batch[0].alone:
                    self._land(0)
            if pace.window > FIRST_WINDOW:  # the cluster is there
                ahead.depth = DEPTH
        self._land(0)

    def _must_end(self) -> bool:
        broken = self._opener.is_broken or self._settler.is_broken or self._dispatch.refused
        return broken or self._time_left() < SHORTEST_OBJECT

    def _gather(self, ahead: ReadAhead) -> list[Held]:
        """Return objects with so many events as make a batch; none where all have been handled."""
        batch: list[Held] = []
        events = 0
        while events < self._dispatch.pace.events and len(batch) < MOST_OBJECTS and not self._must_end():
            alone = self._is_next_alone(ahead)
            if alone is None or (alone and batch):
                break
            if alone and len(self._dispatch):
                self._land(0)
                continue
            if held := self._take(ahead):
                batch.append(held)
                events += held.count
                if alone:
                    break
        return batch

    def _is_next_alone(self, ahead: ReadAhead) -> bool | None:
        """Whether the next object is to be in a batch of its own; None where there is none."""
        if self._returned:
            return self._returned[0].alone
        pending = ahead.peek()
        return None if pending is None else self._opener.is_alone(pending)

    def _take(self, ahead: ReadAhead) -> Held | None:
        """Open the next object; return None where that was the end of it."""
        if self._returned:
            return self._returned.popleft()
        pending, read = ahead.take()
        found = self._opener.open(pending, read)
        if isinstance(found, Held):
            return found
        self._conclude(Held(pending), found)
        return None

    def _land(self, most: int) -> None:
        """Wait until so many batches are on their way at the most; settle the others."""
        while len(self._dispatch) > most:
            batch, report = self._dispatch.land()
            if report is None:
                self._isolate(batch)
                continue
            self.summary.counts.update(count(report))
            self._settle([each for each in batch if not each.waiting])
            self._returned.extendleft(each for each in reversed(batch) if each.waiting)

    def _isolate(self, batch: list[Held]) -> None:
        """Handle each object of a batch that met an error alone, to find the one that is at fault."""
        if len(batch) == 1:
            logger.error("replay.object_failed", extra={"key": batch[0].pending.key})
            self._settler.note_failure()
            self._conclude(batch[0], Fate.FAILED)
            return
        for each in batch:
            each.alone = True
        self._returned.extendleft(reversed(batch))

    def _settle(self, objects: Sequence[Held]) -> None:
        for each, fate in zip(objects, self._settler.settle(objects), strict=True):
            self._conclude(each, fate)

    def _conclude(self, held: Held, fate: Fate) -> None:
        """Note what became of an object."""
        self.summary.fates[fate] += 1
        self.summary.remaining += fate in (Fate.LEFT, Fate.FAILED)
        if fate is not Fate.FAILED:
            self._journal.end(held.pending)
        if held.own_log and fate in (Fate.DROPPED, Fate.SHORTENED):
            self.summary.counts["own_log"] += held.own_log
        late = self._time_left() < SHORTEST_OBJECT
        if late or fate is Fate.FAILED or (fate is Fate.LEFT and held.was_tried):
            self._journal.note(held.pending.key)
        self._done(held.pending, held.counts)

    def _count_rest(self, ahead: ReadAhead) -> None:
        """Count what was not handled, and what was written back."""
        for each in self._returned:
            if not each.done:
                self.summary.remaining += 1
                continue
            while each.waiting:  # some of its payloads are settled, and these were not sent
                report = leave([each.waiting[0][0]], NOT_TRIED)
                each.end(*report.payloads)
                self.summary.counts.update(count(report))
            self._settle([each])
        self.summary.refused, self.summary.damaged = self._dispatch.refused, self._dispatch.damaged
        self.summary.remaining += self._store.kept
        self.summary.counts["unreadable"] += self._opener.unreadable + self._settler.damaged
        self.summary.uncounted = False
        for _ in ahead.rest():
            if self.summary.remaining >= MOST_COUNTED or self._time_left() <= 0:
                self.summary.uncounted = True
                break
            self.summary.remaining += 1
        self.summary.unlisted = ahead.broken_off
        self.summary.uncounted |= bool(ahead.broken_off)


def _measure_age(oldest: Pending | None) -> dict[str, int]:
    age = int((datetime.now(UTC) - oldest.since).total_seconds()) if oldest else 0
    return {"oldest_pending_age": max(0, age)}


def _describe(summary: Summary) -> dict[str, int]:
    return {
        **{fate.value: summary.fates[fate] for fate in Fate},
        **summary.counts,
        "unreadable": summary.fates[Fate.SET_ASIDE] + summary.counts["unreadable"],
        "remaining_objects": summary.remaining,
        "uncounted_objects": int(summary.uncounted),
    }
