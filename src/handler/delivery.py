"""Send a batch of payloads until each event is settled, or until that has no more prospect.

Every event ends in exactly one of four groups: indexed, duplicate (it was there before), pending
(kept for a replay), rejected (kept with its reason). What a reply means is decided in
`parser.reply`; here is decided what is done about it, and when to stop.
"""

import itertools
import random
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Final

import msgspec

from handler.opensearch import READ_SECONDS, ConnectionFailedError, Send
from handler.report import (
    AVOIDED,
    NO_TIME,
    NOT_TRIED,
    BatchReport,
    Report,
    Unsettled,
    count_conflicts,
    reject_unusable,
)
from parser.bulk import Body, Encoder
from parser.repeats import Repeats
from parser.reply import (
    CLUSTER_BLOCK,
    MOST_SPOILERS,
    NO_ANSWERS,
    SEVERAL,
    Outcome,
    Reasons,
    Verdict,
    is_fault_of_index,
    judge,
)
from parser.subscription import Event, Subscription

ATTEMPTS: Final = 5
FIRST_DELAY: Final = 0.5
LONGEST_DELAY: Final = 8.0
"""Seconds. Five tries with full jitter last some seven seconds on average: long enough for a full
queue, too short to pay for an outage."""

QUICK_SECONDS: Final = 4.0
SLOWEST_RATE: Final = 1024 * 1024
"""How long an answer may take: so many seconds, and one more for so many bytes of the body. Most
bodies are small, and waiting is what an outage costs."""

SHORTEST_REQUEST: Final = 1.0
"""Seconds. With less time than this left, a request is not begun."""

LARGE_EVENT: Final = 256 * 1024
"""Bytes of a request with one event, before compression, from which on it may be too large for the cluster
(the smallest limit of OpenSearch or Amazon is 10 MiB, that of a usual proxy 1 MiB)."""


class Delivery:
    """The delivery of one batch of payloads.

    Attributes:
        payloads: those of the batch, as far as they have been asked for.
        report: what became of their events so far.
    """

    def __init__(  # noqa: PLR0913  # each source of payloads, probe and tests choose some of these
        self,
        make_encoder: Callable[[], Encoder],
        send: Send,
        *,
        time_left: Callable[[], float],
        attempts: int = ATTEMPTS,
        patience: float | None = None,
        avoid: Collection[str] = (),
        taken: Collection[str] = (),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepare a delivery; nothing is sent yet.

        Args:
            make_encoder: makes what makes the bodies, with the configuration's settings.
            send: posts one.
            time_left: seconds until sending must stop, so that the rest can be stored in time.
            attempts: how often an event is sent before it is left pending.
            patience: how long to wait for an answer, in seconds; None for what a body of that size needs.
            avoid: indices to which nothing is sent.
            taken: indices that took other events a moment ago. What is refused alone then is at fault itself.
            sleep: waits that many seconds.
        """
        self._make_encoder = make_encoder
        self._send = send
        self._time_left = time_left
        self._attempts = attempts
        self._patience = patience
        self._avoided = set(avoid)
        self._sleep = sleep
        self._taken = set(taken)
        self._reasons = Reasons()
        self.payloads: list[Subscription] = []
        self._duplicates: dict[int, list[Event]] = {}
        self._spoilers: list[Unsettled] = []
        self._suspects: list[Unsettled] = []
        self._settled_before = 0
        self._answered = False
        self._may_reconnect = True
        self.report = BatchReport()

    def run(self, payloads: Iterable[Subscription]) -> BatchReport:
        """Deliver payloads, as far as that goes, until their rows fill a body or the cluster takes no more.

        Those of which the report says nothing have not been asked for: they belong to the next batch.
        """
        encoder, repeats = self._make_encoder(), Repeats()
        for number, subscription in enumerate(payloads):
            self.payloads.append(subscription)
            self.report.payloads.append(Report.of(subscription))
            for body in encoder.add(number, subscription, repeats):
                self._begin(body)
            if encoder.is_full or self.report.gave_up:
                break
        for body in encoder.finish():
            self._begin(body)
        self._settle_suspects()
        for each in self.report.share_fate(repeats.found):
            self._count_duplicate(each.payload, each.event)
        reports = zip(self.payloads, self.report.payloads, strict=True)
        for number, (subscription, report) in enumerate(reports):
            report.rejected += reject_unusable(subscription, number)
            report.conflicting = count_conflicts(subscription.events, self._duplicates.get(number, []))
        self.report.taken = self._taken
        return self.report

    def _begin(self, body: Body) -> None:
        """Settle the events of a body that has just been made."""
        self.report.count_kinds(body)
        self._settled_before = self.report.settled
        self._deliver(body)
        nothing = self.report.settled == self._settled_before and not self._spoilers
        if self._looks_damaged():
            self.report.gave_up = self.report.damaged = True
        self._suspects.extend(self._spoilers)
        self._spoilers = []
        if nothing and not self.report.gave_up:
            self.report.refused.add(body.index)
            self._avoided.add(body.index)

    def _deliver(self, body: Body) -> None:
        """Settle the events of one body: send, and send again what may still succeed."""
        for attempt in itertools.count(1):
            if self.report.gave_up or self._looks_damaged():
                return self.report.leave(body, NOT_TRIED)
            if body.index in self._avoided:
                return self.report.leave(body, AVOIDED)
            left = self._time_left()
            if left < SHORTEST_REQUEST:
                self.report.gave_up = self.report.bulk_requests > 0
                return self.report.leave(body, NO_TIME)
            verdicts = self._post(body, left, repeated=attempt > 1)
            failed = self._settle(body, verdicts)
            halves = [each for each in failed if each.verdict.outcome is Outcome.SPLIT]
            again = [each for each in failed if each.verdict.outcome is Outcome.RETRY]
            for half in _halve(halves):
                self._deliver(self._narrow(half))
            if not again:
                return None
            delay = _draw_delay(attempt)
            if self._is_last(attempt, delay):
                # Where the cluster answered, it is this index, or these events, and others may be taken.
                self.report.gave_up |= not self._answered
                return self.report.keep(again)
            self._sleep(delay)
            body = self._narrow(again)
        return None

    def _is_last(self, attempt: int, delay: float) -> bool:
        too_late = delay + SHORTEST_REQUEST > self._time_left()
        return self.report.gave_up or attempt >= self._attempts or too_late

    def _post(self, body: Body, left: float, *, repeated: bool) -> list[Verdict]:
        self.report.bulk_requests += 1
        self.report.bulk_retries += repeated
        self.report.bulk_bytes += body.size
        try:
            status, reply = self._send(body, min(self._choose_patience(body), left))
        except ConnectionFailedError as error:
            # The environment may have been frozen for minutes and its connection closed meanwhile.
            if error.broken and self._may_reconnect and (left := self._time_left()) >= SHORTEST_REQUEST:
                self._may_reconnect = False
                return self._post(body, left, repeated=True)
            # Silence is dear: to wait through it once more costs as much as thirty invocations.
            self.report.gave_up |= error.kind in ("timeout", "secret")
            self._answered = False
            return [Verdict(Outcome.RETRY, 0, error.kind, str(error))] * body.count
        self._may_reconnect = False
        verdicts = judge(status, reply, body.count)
        self._answered = status == HTTPStatus.OK and verdicts[0].error_type not in NO_ANSWERS
        return verdicts

    def _choose_patience(self, body: Body) -> float:
        if self._patience is not None:
            return self._patience
        return min(QUICK_SECONDS + body.size / SLOWEST_RATE, READ_SECONDS)

    def _settle(self, body: Body, verdicts: list[Verdict]) -> list[Unsettled]:
        """Put each event that will not be sent again into its group; return the others."""
        if verdicts[0].outcome is Outcome.INDEXED and verdicts.count(verdicts[0]) == len(verdicts):
            for part in body.parts:  # nearly always; a look at each event costs much more
                self.report.payloads[part.payload].indexed += len(part.events)
            self._taken.add(body.index)
            return []
        if is_fault_of_index(verdicts, [each.id for each in body.events], taken=body.index in self._taken):
            verdicts = [replace(verdicts[0], outcome=Outcome.WAIT)] * len(verdicts)
            self.report.blamed.add(body.index)
        failed: list[Unsettled] = []
        rows = ((part.payload, event) for part in body.parts for event in part.events)
        for (payload, event), verdict in zip(rows, verdicts, strict=True):
            if verdict.outcome is Outcome.INDEXED:
                self.report.payloads[payload].indexed += 1
            elif verdict.outcome is Outcome.DUPLICATE:
                self._count_duplicate(payload, event)
            else:
                unsettled = Unsettled(body.index, event, self._reasons.share(verdict), payload)
                self._settle_failed(unsettled, body, failed)
        if any(each.outcome in (Outcome.INDEXED, Outcome.DUPLICATE) for each in verdicts):
            self._taken.add(body.index)
        return failed

    def _count_duplicate(self, payload: int, event: Event) -> None:
        self.report.payloads[payload].duplicate += 1
        self._duplicates.setdefault(payload, []).append(event)

    def _settle_failed(self, each: Unsettled, body: Body, failed: list[Unsettled]) -> None:
        """Put an event that was not taken into its group, or to those that are sent again."""
        match each.verdict.outcome:
            case Outcome.WAIT:
                self.report.keep([each])
                self.report.gave_up |= not self._answered and each.verdict.error_type == CLUSTER_BLOCK
            case Outcome.CONFIGURATION:
                self.report.keep([each])
                self.report.gave_up |= not self._answered
            case Outcome.REJECTED:
                self.report.reject(each)
            case Outcome.SPLIT if body.count == 1:
                if each.verdict.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE and body.size < LARGE_EVENT:
                    each = msgspec.structs.replace(each, verdict=replace(each.verdict, outcome=Outcome.WAIT))
                self._spoilers.append(each)
            case _:
                failed.append(each)

    def _looks_damaged(self) -> bool:
        """Whether requests are refused whatever is in them: something in between is at fault."""
        if len(self._spoilers) < SEVERAL:
            return False
        verdicts = [each.verdict for each in self._spoilers]
        refused = [each.status == HTTPStatus.BAD_REQUEST or each.outcome is Outcome.WAIT for each in verdicts]
        return sum(refused) >= SEVERAL and self.report.settled == self._settled_before

    def _settle_suspects(self) -> None:
        """Reject the events that were taken not even alone, if others were taken; else keep them.

        One that was refused as too large, and is not large, is not at fault; nor are so many at once.
        """
        if not self._suspects:
            return
        few = len(self._suspects) <= MOST_SPOILERS
        proven = few and not self.report.damaged and bool(self.report.settled or self._taken)
        for each in self._suspects:
            if proven and each.verdict.outcome is Outcome.SPLIT:
                self.report.reject(each)
                self.report.spoilers += each.verdict.status == HTTPStatus.BAD_REQUEST
            else:
                self.report.doubt(each, proven=proven)

    def _narrow(self, unsettled: Sequence[Unsettled]) -> Body:
        """Make the body of some of a body's events. Being part of one body, they fit into one."""
        encoder = self._make_encoder()
        bodies: list[Body] = []
        for number, group in itertools.groupby(unsettled, key=lambda each: each.payload):
            events = tuple([each.event for each in group])
            rest = msgspec.structs.replace(self.payloads[number], events=events, unusable=())
            bodies += encoder.add(number, rest)
        (body,) = [*bodies, *encoder.finish()]
        return body


def _halve(unsettled: Sequence[Unsettled]) -> list[Sequence[Unsettled]]:
    middle = len(unsettled) // 2
    return [half for half in (unsettled[:middle], unsettled[middle:]) if half]


def _draw_delay(attempt: int) -> float:
    """Draw the seconds to wait after that many attempts: anything up to a bound that doubles."""
    bound = min(LONGEST_DELAY, FIRST_DELAY * 2 ** (attempt - 1))
    return random.uniform(0, bound)  # noqa: S311  # spreads load, keeps no secret
