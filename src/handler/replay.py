"""The replay function: what is kept in the failure store goes the same way again.

It runs on a schedule. An object is dropped only when each of its events is settled, and what of it
stays pending is written back before that; so a run may end at any moment, or happen twice.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

import msgspec

from handler.config import ConfigError
from handler.delivery import ATTEMPTS, Delivery
from handler.environment import Environment, measure_time, prepare
from handler.failures import FAILED, ON_FAILURE, REJECTED, Content, FailureStore, Pending
from handler.observe import count, emit_metrics, log_failures, logger
from handler.opensearch import READ_SECONDS
from handler.report import Report, Unsettled
from parser.document import index_name
from parser.errors import EnvelopeError
from parser.reply import Outcome, Verdict
from parser.subscription import Event, Subscription

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

SHORTEST_OBJECT: Final = 3.0
"""Seconds. With less time than this left, no further object is begun."""

STRIKES: Final = 3
"""Objects of which an index took nothing, after which no more is sent to it in this run. Also: objects
that could not be handled, one behind the other, after which a run ends."""

MOST_COUNTED: Final = 10_000
"""Objects that a run counts and does not handle: of a larger backlog the number is not worth its time."""

DAY: Final = 86_400_000
"""Milliseconds."""


class Fate(Enum):
    """What became of a stored object."""

    DROPPED = "dropped"
    """All of its events are settled; it is gone."""
    SHORTENED = "shortened"
    """Some of its events are settled; the others are in a new, smaller object."""
    LEFT = "left"
    """None of its events is settled; it stays as it is."""
    SET_ASIDE = "set_aside"
    """It could not be read; it is among the rejected ones."""
    GONE = "gone"
    """Another replay had dropped it."""
    FAILED = "failed"
    """An error in the function or of S3; it stays as it is."""


class ReplayError(Exception):
    """Objects could not be handled. The function fails, so that an alarm sees it."""


@dataclass(slots=True)
class Summary:
    """What a run did.

    Attributes:
        fates: number of objects by what became of them.
        counts: the counts of all deliveries, added up.
        remaining: how many objects still wait, as far as they were counted.
        refused: the cluster took nothing more, so the run stopped.
        damaged: that was because requests are refused whatever is in them.
    """

    fates: Counter[Fate] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=lambda: Counter(count(Report(received=0))))
    remaining: int = 0
    refused: bool = False
    damaged: bool = False


def lambda_handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, int]:  # noqa: ARG001
    """Replay what is pending, the oldest first, until all is done, time is over or the cluster refuses.

    Returns:
        How many objects and events were handled and what became of them.

    Raises:
        ReplayError: an object could not be handled, or no request arrives as it was sent; all stays where
            it is.
    """
    started = time.perf_counter()
    try:
        environment = prepare()
        store = open_store(environment, context.aws_request_id)
        replay = Replay(environment, store, time_left=measure_time(context))
        summary = replay.run(store.walk(dict(environment.position)))
        answer = _describe(summary, store.find_oldest())
    except Exception:
        logger.exception("replay.failed", extra={"request_id": context.aws_request_id})
        raise
    logger.info("replay.done", extra={**answer, "milliseconds": int((time.perf_counter() - started) * 1000)})
    emit_metrics(context.function_name, answer)
    if summary.fates[Fate.FAILED]:
        raise ReplayError(
            f"{summary.fates[Fate.FAILED]} objects could not be handled: see replay.object_failed"
        )
    if summary.damaged:
        raise ReplayError(
            "requests are refused whatever is in them, by what stands before OpenSearch: see delivery.failed"
        )
    return answer


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

    def __init__(
        self,
        environment: Environment,
        store: FailureStore,
        *,
        time_left: Callable[[], float],
        keep: bool = False,
    ) -> None:
        """Prepare a run.

        Args:
            environment: configuration and connection.
            store: where the objects are.
            time_left: seconds until the run must end.
            keep: leave the objects where they are, whatever becomes of their events.
        """
        self._environment = environment
        self._store = store
        self._time_left = time_left
        self._keep = keep
        self._vain: Counter[str] = Counter()
        self._taken: set[str] = set()
        self._doubts = 0
        self.summary = Summary()

    def run(self, objects: Iterable[Pending]) -> Summary:
        """Handle the objects one by one, in their order.

        The run notes in the environment behind which object the next one should begin, so that what cannot
        be delivered now does not stand in the way of what comes behind it.
        """
        failed, ended = 0, False
        for each in objects:
            ended = ended or self.summary.refused or failed >= STRIKES or self._time_left() < SHORTEST_OBJECT
            if ended:
                self.summary.remaining += 1
                if self.summary.remaining >= MOST_COUNTED or self._time_left() <= 0:
                    break
                continue
            sent = self.summary.counts["bulk_requests"]
            fate = self.handle(each)
            self.summary.fates[fate] += 1
            self.summary.remaining += fate in (Fate.LEFT, Fate.SHORTENED, Fate.FAILED)
            failed = failed + 1 if fate is Fate.FAILED else 0
            tried = fate is Fate.FAILED or self.summary.counts["bulk_requests"] > sent
            late = self._time_left() < SHORTEST_OBJECT
            if late or (tried and fate in (Fate.LEFT, Fate.FAILED)):
                self._note(each.key)
        return self.summary

    def _note(self, key: str) -> None:
        prefix = next((each for each in (FAILED, ON_FAILURE) if key.startswith(each)), None)
        if prefix:
            self._environment.position[prefix] = key

    def handle(self, pending: Pending) -> Fate:
        """Deliver what one object holds."""
        try:
            content = self._store.read(pending.key)
            if content is None:
                return Fate.GONE
            return self._replay(pending, content)
        except Exception:  # noqa: BLE001  # one object must not stand in the way of those behind it
            logger.exception("replay.object_failed", extra={"key": pending.key})
            return Fate.FAILED

    def _replay(self, pending: Pending, content: Content) -> Fate:
        key = pending.key
        try:
            subscription = content.decode()
        except EnvelopeError as error:
            logger.warning("replay.unreadable", extra={"key": key, "reason": str(error)})
            if self._keep or key.startswith(REJECTED):
                return Fate.LEFT
            self._store.set_aside(key, content.data, str(error))
            return Fate.SET_ASIDE
        report = self._deliver(subscription)
        log_failures(report)
        self.summary.counts.update(count(report))
        self._doubts = self._doubts + 1 if report.doubted else 0
        self.summary.damaged = report.damaged or self._doubts >= STRIKES
        self.summary.refused = report.gave_up or self.summary.damaged
        self._taken = report.taken if report.settled else set()
        self._vain.update(report.refused)
        return self._settle(pending, content, subscription, report)

    def _deliver(self, subscription: Subscription) -> Report:
        expired = self._find_expired(subscription)
        fresh = (
            [event for event in subscription.events if event not in expired]
            if expired
            else subscription.events
        )
        delivery = Delivery(
            msgspec.structs.replace(subscription, events=tuple(fresh)),
            self._environment.encode,
            self._environment.send,
            time_left=self._time_left,
            attempts=1 if self._vain else ATTEMPTS,
            patience=READ_SECONDS,
            avoid={index for index, objects in self._vain.items() if objects >= STRIKES},
            taken=self._taken,
        )
        report = delivery.run()
        report.received += len(subscription.events) - len(fresh)
        report.rejected.extend(self._expire(event) for event in subscription.events if event in expired)
        return report

    def _find_expired(self, subscription: Subscription) -> frozenset[Event]:
        """Return the events whose index the retention policy has deleted: they would bring it back."""
        days = self._environment.config.retention_days
        if not days:
            return frozenset()
        today = int(datetime.now(UTC).timestamp() * 1000) // DAY
        return frozenset(event for event in subscription.events if event.timestamp // DAY < today - days)

    def _expire(self, event: Event) -> Unsettled:
        config = self._environment.config
        reason = f"older than the {config.retention_days} days that indices are kept"
        index = index_name(config.index_prefix, event.timestamp)
        return Unsettled(index, event, Verdict(Outcome.REJECTED, 0, "expired", reason))

    def _settle(self, pending: Pending, content: Content, subscription: Subscription, report: Report) -> Fate:
        """Bring the store in line with the report. Nothing is dropped before its rest is safe."""
        unsettled = len(report.pending) + (len(report.rejected) if content.rejected else 0)
        if self._keep or (unsettled and unsettled == report.received):
            return Fate.LEFT
        if report.rejected:
            formats = str(self._environment.config.formats)
            self._store.reject(subscription, report.rejected, formats, source=pending.key)
        if report.pending:
            since = None if content.rejected else pending.since
            self._store.keep(subscription, report.pending, attempts=content.attempts + 1, since=since)
        self._store.drop(pending.key)
        return Fate.SHORTENED if unsettled else Fate.DROPPED


def _describe(summary: Summary, oldest: Pending | None) -> dict[str, int]:
    now = datetime.now(UTC)
    return {
        **{fate.value: summary.fates[fate] for fate in Fate},
        **summary.counts,
        "remaining_objects": summary.remaining,
        "oldest_pending_age": max(0, int((now - oldest.since).total_seconds())) if oldest else 0,
    }
