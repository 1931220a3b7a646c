"""The stream function: payloads that CloudWatch Logs put into a Kinesis stream, one record each.

While OpenSearch takes nothing the stream is the queue: the function answers with the first record that is
not settled, and Lambda goes on from there. What OpenSearch takes only in part, or never will, goes to the
failure store as with the other source, so that no record holds up those behind it.
"""

import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, cast

from handler.batch import Safe, deliver
from handler.environment import Environment, measure_time, prepare
from handler.failures import Pending
from handler.observe import add_payload, count, emit_metrics, find_reasons, log_failures, logger, measure_lag
from handler.report import NO_TIME, NOT_TRIED, BatchReport, Report
from parser.document import index_name
from parser.errors import EnvelopeError
from parser.kinesis import Record, answer, read_records
from parser.subscription import Subscription

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

SHORTEST_RECORD: Final = 3.0
"""Seconds. With less time than this left, no further record is begun."""

LATEST: Final = -6.0
"""Seconds behind the end of sending, up to which records are stored one by one: those behind come again. What
is kept of the time is more."""

WAITING_SHARE: Final = 0.5
"""Of the time that the stream keeps a record: older ones wait in the bucket instead, where nothing expires.
The other half is what a backlog of the first needs to come out, and people to mend a function that fails."""


Opened = deque[tuple[Record, Subscription | str]]
"""Records that were read, in their order, and what they hold: a payload, or why it is none."""


def lambda_handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, list[dict[str, str]]]:
    """Settle the records of an invocation in their order, as far as OpenSearch takes them.

    Returns:
        What Lambda expects of a function that reports batch item failures: the record from which it goes
        on, or none.

    Raises:
        EnvelopeError, ConfigError: nothing could be read. Lambda hands the records over again, in halves,
            until it is too old, and then writes it to the failure bucket itself.
    """
    started = time.perf_counter()
    try:
        environment = prepare()
        records = read_records(event)
        invocation = Invocation(environment, context)
        left = invocation.run(records)
    except Exception:
        logger.exception("stream.failed", extra={"request_id": context.aws_request_id})
        raise
    if invocation.is_silent and not left:
        return answer([])
    counts = {**invocation.counts, "records_left": len(records) - records.index(left) if left else 0}
    milliseconds = int((time.perf_counter() - started) * 1000)
    logger.info("stream.done", extra={**counts, "milliseconds": milliseconds, "reasons": invocation.reasons})
    emit_metrics(context.function_name, counts)
    return answer([left] if left else [])


class Invocation:
    """The records of one invocation.

    Attributes:
        counts: what became of the records that are settled, and of the events in them. Events of a record
            that is left are counted when it comes again.
        reasons: why events were not taken: the type of each error, and its first reason.
    """

    def __init__(self, environment: Environment, context: "LambdaContext") -> None:
        self._environment = environment
        self._time_left = measure_time(context)
        self._safe = Safe(environment, context.aws_request_id)
        self._today = index_name(environment.config.index_prefix, int(time.time() * 1000))
        self._stopped_at: Record | None = None
        self.counts: Counter[str] = Counter(count(BatchReport()))
        self.counts.update(records=0, unreadable=0)
        self.reasons: dict[str, str] = {}
        self._passed_over = 0

    @property
    def is_silent(self) -> bool:
        """Whether there is nothing to say: each line about the functions' own log would call for the next."""
        return bool(self._passed_over) and not any(self.counts.values())

    def run(self, records: Iterable[Record]) -> Record | None:
        """Settle records in their order; return the first that is not settled, None where all are."""
        opened: Opened = deque()
        payloads = self._open(records, opened)
        for delivered in deliver(self._environment, payloads, self._time_left, self._is_away):
            self.reasons = find_reasons(delivered) | self.reasons
            if delivered.bulk_requests or delivered.rejected:
                log_failures(delivered)
            self.counts.update(count(replace(delivered, payloads=[])))
            if left := self._settle(opened, delivered):
                return left
        return self._set_unreadable_aside(opened) or self._stopped_at

    def _open(self, records: Iterable[Record], opened: Opened) -> Iterator[Subscription]:
        """Yield the payloads, and note whose they are, and why other records hold none."""
        for record in records:
            if self._time_left() < SHORTEST_RECORD:
                self._stopped_at = record
                return
            try:
                subscription = record.decode()
            except EnvelopeError as error:
                opened.append((record, str(error)))
                continue
            if self._environment.config.is_own_log(subscription.log_group):
                self._pass_over(subscription)
                continue
            opened.append((record, subscription))
            yield subscription

    def _pass_over(self, subscription: Subscription) -> None:
        """Settle a payload of the functions' own log: nothing is indexed, and told but once in a while."""
        self._passed_over += 1
        events = len(subscription.events) + len(subscription.unusable)
        if untold := self._environment.own_log.pass_over(events):
            logger.warning("stream.own_log", extra={"log_group": subscription.log_group, "own_log": untold})
            self.counts["own_log"] += untold

    def _is_away(self, report: BatchReport) -> bool:
        """Whether OpenSearch takes nothing that is of now. An index of another day stops nobody."""
        return report.gave_up or self._today in report.refused

    def _settle(self, opened: Opened, batch: BatchReport) -> Record | None:
        """Settle the records of a batch, in their order; return the first that the stream keeps, or None."""
        end = self._keep(opened, batch)
        for report in batch.payloads:
            if left := self._set_unreadable_aside(opened):
                return left
            record, subscription = opened.popleft()
            if record is end or not self._finish(record, cast("Subscription", subscription), report):
                return record
        return None

    def _keep(self, opened: Opened, batch: BatchReport) -> Record | None:
        """Store what is pending of a batch up to the record that the stream keeps, and return that one."""
        rest: list[tuple[Subscription, Report]] = []
        first = end = None
        payloads = (each for each in opened if not isinstance(each[1], str))
        for (record, payload), report in zip(payloads, batch.payloads, strict=False):
            subscription = cast("Subscription", payload)
            if self._may_wait(record, subscription, report, batch):
                end = record
                break
            if report.pending:
                rest.append((subscription, report))
                first = first or record
        try:
            self._safe.keep(rest)
        except Exception:  # noqa: BLE001  # no place but the stream: they come again, and not those before
            logger.exception("stream.not_kept", extra={"record": first.place if first else None})
            return first
        return end

    def _finish(self, record: Record, subscription: Subscription, report: Report) -> bool:
        """Store what is rejected of a record, and count it; return False where the stream keeps it."""
        if report.rejected:
            if self._time_left() < LATEST:
                return False
            try:
                self._safe.reject(subscription, report, source=_name(record))
            except Exception:  # noqa: BLE001  # as where events are kept
                logger.exception("stream.not_kept", extra={"record": record.place})
                return False
        add_payload(self.counts, report)
        self.counts["records"] += 1
        for name, age in measure_lag(subscription).items():
            self.counts[name] = max(self.counts[name], age)
        return True

    def _may_wait(
        self, record: Record, subscription: Subscription, report: Report, batch: BatchReport
    ) -> bool:
        """Whether the record is left in the stream: it is young, and OpenSearch takes nothing at all."""
        if not report.pending:
            return False
        hours = self._environment.config.stream_hours
        is_young = time.time() - record.arrived < hours * 3600 * WAITING_SHARE
        is_untouched = report.settled == len(subscription.unusable)
        not_tried = any(each.verdict in (NOT_TRIED, NO_TIME) for each in report.pending)
        return is_untouched and is_young and (self._is_away(batch) or not_tried)

    def _set_unreadable_aside(self, opened: Opened) -> Record | None:
        """Set aside the records whose turn it is and that are no payload; return one where that fails."""
        while opened and isinstance(opened[0][1], str):
            record, reason = opened.popleft()
            if not self._set_aside(record, str(reason)):
                return record
        return None

    def _set_aside(self, record: Record, reason: str) -> bool:
        """Store a record that is no payload; return False where that fails, or there is no time for it."""
        if self._time_left() < LATEST:
            return False
        logger.warning("stream.unreadable", extra={"record": record.place, "reason": reason})
        try:
            self._safe.set_aside(_name(record), record.content, reason)
        except Exception:  # noqa: BLE001  # no place but the stream, as where events are kept
            logger.exception("stream.not_kept", extra={"record": record.place})
            return False
        self.counts.update(records=1, unreadable=1)
        return True


def _name(record: Record) -> Pending:
    """Return the record as an object of the failure store would be named: always alike."""
    arrived = datetime.fromtimestamp(record.arrived, UTC)
    return Pending(record.place, len(record.data), arrived, etag="")
