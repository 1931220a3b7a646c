"""The stream function: payloads that CloudWatch Logs put into a Kinesis stream, one record each.

While OpenSearch takes nothing the stream is the queue: the function answers with the first record that is
not settled, and Lambda goes on from there. What OpenSearch takes only in part, or never will, goes to the
failure store as with the other source, so that no record holds up those behind it.
"""

import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from handler.batch import Safe, deliver, find_index
from handler.environment import Environment, measure_time, prepare
from handler.failures import Pending
from handler.observe import add_payload, count, find_reasons, log_failures, logger, measure_lag, tell
from handler.outage import Mode
from handler.report import NO_TIME, NOT_TRIED, BatchReport, Report
from parser.errors import EnvelopeError
from parser.kinesis import Record, answer, read_records
from parser.reply import SEVERAL
from parser.subscription import Subscription

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

SHORTEST_RECORD: Final = 3.0
"""Seconds. With less time than this left, no further record is begun."""

LATEST: Final = -3.0
"""Seconds behind the end of sending, up to which records are stored one by one: those behind come again. What
is kept of the time is enough for the one begun last, and for what is pending of them all."""

WAITING_SHARE: Final = 0.5
"""Of the time that the stream keeps a record: older ones wait in the bucket instead, where nothing expires.
The other half is what a backlog of the first needs to come out, and people to mend a function that fails."""

MOST_EVENTS: Final = 5_000
"""Of records that go to the bucket unsent, about: as many as a request holds share an object."""


@dataclass(frozen=True, slots=True)
class OwnEvents:
    """What a record holds that is of the functions' own log."""

    log_group: str
    events: int


Content = Subscription | OwnEvents | str
"""What a record holds: a payload, one that is passed over, or why it is none."""

Opened = deque[tuple[Record, Content]]
"""Records that were read, in their order."""

Turn = tuple[Record, Content, Report | None]
"""A record whose turn it is, and what became of its payload."""


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
    said = {**counts, "milliseconds": milliseconds, "reasons": invocation.reasons}
    tell("stream.done", context.function_name, said)
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
        self._today = find_index(environment, time.time())
        outage = environment.outage
        self._once_more = outage.mode() is Mode.PROBE and outage.was_answered
        self._vain = 0
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
        held: list[BatchReport] = []
        events = 0
        payloads = self._open(records, opened)
        for delivered in deliver(self._environment, payloads, self._time_left, self._is_away):
            self.reasons = find_reasons(delivered) | self.reasons
            if delivered.bulk_requests or delivered.rejected:
                log_failures(delivered)
            self.counts.update(count(replace(delivered, payloads=[])))
            held.append(delivered)
            events += delivered.received
            is_unsent = not delivered.bulk_requests  # too old ones share an object
            if self._vain or (events < MOST_EVENTS and is_unsent and not self._is_young(opened[-1][0])):
                continue
            if left := self._settle(opened, held):
                return left
            held, events = [], 0
        if self._vain:
            self._environment.outage.begin()
        return self._settle(opened, held) or self._stopped_at

    def _open(self, records: Iterable[Record], opened: Opened) -> Iterator[Subscription]:
        """Yield the payloads, and note whose they are, and what the other records hold."""
        for record in records:
            if self._time_left() < SHORTEST_RECORD:
                self._stopped_at = record
                return
            try:
                subscription = record.decode()
            except EnvelopeError as error:
                opened.append((record, str(error)))
                continue
            if self._environment.config.is_own_log(subscription.owner, subscription.log_group):
                events = len(subscription.events) + len(subscription.unusable)
                opened.append((record, OwnEvents(subscription.log_group, events)))
                continue
            opened.append((record, subscription))
            yield subscription

    def _is_away(self, report: BatchReport) -> bool | None:
        """Whether OpenSearch takes nothing that is of now. An index of another day stops nobody.

        Where it answers, and takes nothing of a batch, that may lie in the batch: None, until others show it.
        """
        if report.is_silent:
            return True
        if self._today in report.taken or not (self._vain or self._is_vain(report)):
            self._vain = 0
            return False
        self._vain = (self._vain + 1) % SEVERAL
        return None if self._vain else True

    def _is_vain(self, report: BatchReport) -> bool:
        """Whether nothing that is of now was taken of a batch, though OpenSearch answered."""
        return report.damaged or (self._today in report.refused and self._today not in report.taken)

    def _is_young(self, record: Record) -> bool:
        hours = self._environment.config.stream_hours
        return time.time() - record.arrived < hours * 3600 * WAITING_SHARE

    def _settle(self, opened: Opened, held: Sequence[BatchReport]) -> Record | None:
        """Settle the records of batches, in their order; return the first that the stream keeps, or None.

        What has the same name whenever it is written comes first: where it fails, the record comes again, and
        what is stored under a new name each time is not stored yet.
        """
        is_there = any(self._today in batch.taken for batch in held)
        reports = ((report, batch) for batch in held for report in batch.payloads)
        ready: list[Turn] = []
        end = None
        for record, content in opened:
            report = None
            if isinstance(content, Subscription):
                if not (reported := next(reports, None)):
                    break
                report, batch = reported
                if self._may_wait(record, content, report, batch, is_there=is_there):
                    end = record
                    break
            if not self._write(record, content, report):
                end = record
                break
            ready.append((record, content, report))
        end = self._keep(ready, end)
        for record, content, report in ready:
            if record is end:
                break
            opened.popleft()
            self._count(content, report)
        return end

    def _may_wait(
        self,
        record: Record,
        subscription: Subscription,
        report: Report,
        batch: BatchReport,
        *,
        is_there: bool,
    ) -> bool:
        """Whether the record is left in the stream: it is young, and OpenSearch takes nothing at all.

        Where it takes others, or has refused it once before, a record that it refuses holds up nobody.
        """
        if not report.pending or report.settled != len(subscription.unusable) or not self._is_young(record):
            return False
        unsent = [each.verdict in (NOT_TRIED, NO_TIME) for each in report.pending]
        if batch.is_silent or all(unsent):
            return True
        if self._is_vain(batch):
            return not is_there and not self._once_more
        return any(unsent)

    def _write(self, record: Record, content: Content, report: Report | None) -> bool:
        """Store for people what is for them; return False where that fails, or there is no time for it."""
        if isinstance(content, str):
            return self._set_aside(record, content)
        if not isinstance(content, Subscription) or report is None or not report.rejected:
            return True
        if self._time_left() < LATEST:
            return False
        try:
            self._safe.reject(content, report, source=_name(record))
        except Exception:  # noqa: BLE001  # no place but the stream: it comes again, and not those before
            logger.exception("stream.not_kept", extra={"record": record.place})
            return False
        return True

    def _set_aside(self, record: Record, reason: str) -> bool:
        """Store a record that is no payload; return False where that fails, or there is no time for it."""
        if self._time_left() < LATEST:
            return False
        logger.warning("stream.unreadable", extra={"record": record.place, "reason": reason})
        try:
            self._safe.set_aside(_name(record), record.content, reason)
        except Exception:  # noqa: BLE001  # as where events are rejected
            logger.exception("stream.not_kept", extra={"record": record.place})
            return False
        return True

    def _keep(self, ready: Sequence[Turn], end: Record | None) -> Record | None:
        """Store what is pending of records; return the first that the stream keeps."""
        rest = [
            (record, content, report)
            for record, content, report in ready
            if report and report.pending and isinstance(content, Subscription)
        ]
        try:
            self._safe.keep([(subscription, report) for _, subscription, report in rest])
        except Exception:  # noqa: BLE001  # as where events are rejected
            first = rest[0][0]
            logger.exception("stream.not_kept", extra={"record": first.place})
            return first
        return end

    def _count(self, content: Content, report: Report | None) -> None:
        """Count a record that is settled."""
        if isinstance(content, OwnEvents):
            self._pass_over(content)
            return
        self.counts["records"] += 1
        self.counts["unreadable"] += isinstance(content, str)
        if isinstance(content, Subscription) and report:
            add_payload(self.counts, report)
            for name, age in measure_lag(content).items():
                self.counts[name] = max(self.counts[name], age)

    def _pass_over(self, own: OwnEvents) -> None:
        """Count a payload of the functions' own log: nothing is indexed, and told but once in a while."""
        self._passed_over += 1
        if untold := self._environment.own_log.pass_over(own.events):
            logger.warning("stream.own_log", extra={"log_group": own.log_group, "own_log": untold})
            self.counts["own_log"] += untold


def _name(record: Record) -> Pending:
    """Return the record as an object of the failure store would be named: always alike."""
    arrived = datetime.fromtimestamp(record.arrived, UTC)
    return Pending(record.place, len(record.data), arrived, etag="")
