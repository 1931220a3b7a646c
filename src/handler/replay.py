"""The replay function: what is kept in the failure store goes the same way again.

It runs on a schedule. An object is dropped only when each of its events is settled, and what of it
stays pending is written back before that; so a run may end at any moment, or happen twice, at once or
one behind the other.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from handler.config import ConfigError
from handler.delivery import ATTEMPTS, Delivery
from handler.discarded import RECORD_SECONDS, unpack
from handler.environment import Environment, measure_time, prepare
from handler.expiry import divide
from handler.failures import REJECTED, Content, FailureStore, Pending
from handler.failures.client import is_refusal
from handler.failures.names import find_limit
from handler.journal import MOST_STOPS, Journal
from handler.observe import count, emit_metrics, log_failures, logger
from handler.opensearch import READ_SECONDS
from handler.report import BatchReport
from handler.summary import Fate, Summary
from parser.errors import EnvelopeError
from parser.kinesis import Record
from parser.subscription import Subscription

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

SHORTEST_OBJECT: Final = 3.0
"""Seconds. With less time than this left, no further object is begun."""

STRIKES: Final = 3
"""Objects of which an index took nothing, after which no more is sent to it in this run. Also: objects
that could not be handled, one behind the other, after which a run ends."""

MOST_REFUSED: Final = 100
"""Objects that S3 does not give, after which a run ends. Such an object says nothing of the next, but each is
a line in the log, with every run."""

MOST_COUNTED: Final = 10_000
"""Objects that a run counts and does not handle: of a larger backlog the number is not worth its time."""


class ReplayError(Exception):
    """Objects could not be handled. The function fails, so that an alarm sees it."""


class WithheldError(Exception):
    """S3 does not give an object, which says nothing of others."""


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
        now = time.time()
        journal = Journal(store, now=now, until=now + context.get_remaining_time_in_millis() / 1000)
        replay = Replay(environment, store, time_left=measure_time(context), journal=journal)
        summary = replay.run(store.walk(dict(journal.position)))
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
        journal: Journal | None = None,
        keep: bool = False,
    ) -> None:
        """Prepare a run.

        Args:
            environment: configuration and connection.
            store: where the objects are.
            time_left: seconds until the run must end.
            journal: what the last run left, and the next one will find; None for a run of its own.
            keep: leave the objects where they are, whatever becomes of their events.
        """
        self._environment = environment
        self._store = store
        self._time_left = time_left
        self._journal = journal or Journal()
        self._keep = keep
        self._strikes = 0
        self._refused = 0
        self._vain: Counter[str] = Counter()
        self._taken: set[str] = set()
        self._doubts = 0
        self.summary = Summary()

    def run(self, objects: Iterable[Pending]) -> Summary:
        """Handle the objects one by one, in their order.

        The run notes in its journal behind which object the next one should begin, so that what cannot
        be delivered now does not stand in the way of what comes behind it.
        """
        try:
            self._run(objects)
        finally:
            self._journal.close(remaining=self.summary.remaining)
        return self.summary

    def _run(self, objects: Iterable[Pending]) -> None:
        ended = False
        for each in objects:
            if ended := ended or self._must_end():
                self.summary.remaining += 1
                if self.summary.remaining >= MOST_COUNTED or self._time_left() <= 0:
                    break
                continue
            sent = self.summary.counts["bulk_requests"]
            fate = self.handle(each)
            self.summary.fates[fate] += 1
            self.summary.remaining += fate in (Fate.LEFT, Fate.SHORTENED, Fate.FAILED)
            tried = fate is Fate.FAILED or self.summary.counts["bulk_requests"] > sent
            late = self._time_left() < SHORTEST_OBJECT
            if late or (tried and fate in (Fate.LEFT, Fate.FAILED)):
                self._journal.note(each.key)

    def _must_end(self) -> bool:
        broken = self._strikes >= STRIKES or self._refused >= MOST_REFUSED
        return self.summary.refused or broken or self._time_left() < SHORTEST_OBJECT

    def handle(self, pending: Pending) -> Fate:
        """Deliver what one object holds."""
        self._journal.begin(pending)
        try:
            fate = self._handle(pending)
            self._strikes = 0
        except WithheldError as error:
            logger.warning("replay.object_refused", extra={"key": pending.key, "reason": str(error)})
            self._refused += 1
            fate = Fate.FAILED
        except Exception:  # noqa: BLE001  # one object must not stand in the way of those behind it
            logger.exception("replay.object_failed", extra={"key": pending.key})
            self._strikes += 1
            fate = Fate.FAILED
        if fate is not Fate.FAILED:
            self._journal.end(pending)
        return fate

    def _handle(self, pending: Pending) -> Fate:
        if self._journal.is_settled(pending) and not self._keep:
            return self._drop(pending, Fate.DROPPED)
        if reason := self._find_fault(pending):
            return self._set_aside(pending, reason)
        try:
            content = self._store.read(pending.key)
        except Exception as error:
            if is_refusal(error):
                raise WithheldError(str(error)) from error
            raise
        if content is None:
            return Fate.GONE
        pending = replace(pending, etag=content.etag)
        try:
            if (records := content.read_batch()) is not None:
                return self._unpack(pending, records)
            subscription = content.decode()
        except EnvelopeError as error:
            return self._set_aside(pending, str(error))
        report = self._deliver(subscription)
        log_failures(report)
        self.summary.counts.update(count(report))
        self._doubts = self._doubts + 1 if report.doubted else 0
        self.summary.damaged = report.damaged or self._doubts >= STRIKES
        self.summary.refused = report.gave_up or self.summary.damaged
        self._taken = report.taken if report.settled else set()
        self._vain.update(report.refused)
        return self._settle(pending, content, subscription, report)

    def _find_fault(self, pending: Pending) -> str:
        """Return why an object must not be read at all; empty where it may."""
        limit = find_limit(pending.key)
        if pending.size > limit:
            return f"object has {pending.size} bytes, and {limit} are the most"
        if self._journal.is_condemned(pending):
            return f"{MOST_STOPS} runs were stopped with this object in hand"
        return ""

    def _unpack(self, pending: Pending, records: Sequence[Record]) -> Fate:
        """Store the payloads of a stream's batch anew; the next run delivers them."""
        if self._keep or self._time_left() < len(records) * RECORD_SECONDS:
            return Fate.LEFT
        unreadable = unpack(self._store, pending, records, str(self._environment.config.formats))
        self.summary.counts["unreadable"] += unreadable
        return self._drop(pending, Fate.SHORTENED)

    def _set_aside(self, pending: Pending, reason: str) -> Fate:
        logger.warning("replay.unreadable", extra={"key": pending.key, "reason": reason})
        if self._keep or pending.key.startswith(REJECTED):
            return Fate.LEFT
        return Fate.SET_ASIDE if self._store.set_aside(pending, reason) else Fate.LEFT

    def _deliver(self, subscription: Subscription) -> BatchReport:
        fresh, expired = divide(subscription.events, self._environment.config, datetime.now(UTC))
        delivery = Delivery(
            self._environment.make_encoder,
            self._environment.send,
            time_left=self._time_left,
            attempts=1 if self._vain else ATTEMPTS,
            patience=READ_SECONDS,
            avoid={index for index, objects in self._vain.items() if objects >= STRIKES},
            taken=self._taken,
        )
        report = delivery.run([msgspec.structs.replace(subscription, events=fresh)])
        report.payloads[0].received += len(expired)
        report.payloads[0].rejected.extend(expired)
        return report

    def _settle(
        self, pending: Pending, content: Content, subscription: Subscription, report: BatchReport
    ) -> Fate:
        """Bring the store in line with the report. Nothing is dropped before its rest is safe."""
        unsettled = len(report.pending) + (len(report.rejected) if content.rejected else 0)
        if self._keep or (unsettled and unsettled == report.received):
            return Fate.LEFT
        # First what stays pending: another run may have rejected it, and what that wrote is replaced here.
        if report.pending:
            since = None if content.rejected else pending.since
            self._store.keep(subscription, report.pending, attempts=content.attempts + 1, since=since)
        if report.rejected:
            formats = str(self._environment.config.formats)
            self._store.reject(subscription, report.rejected, formats, source=pending)
        return self._drop(pending, Fate.SHORTENED if unsettled else Fate.DROPPED)

    def _drop(self, pending: Pending, fate: Fate) -> Fate:
        """Drop an object whose events are all settled, or stored anew; return what became of it."""
        try:
            dropped = self._store.drop(pending.key, pending.etag)
        except Exception:
            self._journal.note_settled(pending, dropped=False)
            raise
        self._journal.note_settled(pending, dropped=True)
        if not dropped:
            logger.warning("replay.object_changed", extra={"key": pending.key})
        return fate if dropped else Fate.LEFT


def _describe(summary: Summary, oldest: Pending | None) -> dict[str, int]:
    now = datetime.now(UTC)
    return {
        **{fate.value: summary.fates[fate] for fate in Fate},
        **summary.counts,
        "unreadable": summary.fates[Fate.SET_ASIDE] + summary.counts["unreadable"],
        "remaining_objects": summary.remaining,
        "oldest_pending_age": max(0, int((now - oldest.since).total_seconds())) if oldest else 0,
    }
