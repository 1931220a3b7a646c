"""Send a payload until each of its events is settled, or until that has no more prospect.

Every event ends in exactly one of four groups: indexed, duplicate (it was there before), pending
(kept for a replay), rejected (kept with its reason). What a reply means is decided in
`parser.reply`; here is decided what is done about it, and when to stop.
"""

import itertools
import random
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

import msgspec

from handler.opensearch import READ_SECONDS, ConnectionFailedError, Send
from parser.bulk import Body
from parser.reply import CLUSTER_BLOCK, NO_ANSWERS, Outcome, Verdict, judge
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

SUSPICIOUS: Final = 3
"""Events of one body that are each refused alone, and nothing else of it taken: not they are at fault."""

NO_TIME: Final = Verdict(Outcome.RETRY, 0, "out_of_time", "the invocation's time was nearly over")
NOT_TRIED: Final = Verdict(Outcome.RETRY, 0, "outage", "the cluster was away a moment ago; not tried")
AVOIDED: Final = Verdict(Outcome.RETRY, 0, "index_refused", "the index took nothing a moment ago; not tried")
INTERRUPTED: Final = Verdict(Outcome.RETRY, 0, "interrupted", "an error in the function; see its log")

Encode = Callable[[Subscription], Iterator[Body]]
"""Make the bodies of a payload: `parser.bulk.encode` with the configuration's settings."""


@dataclass(frozen=True, slots=True)
class Unsettled:
    """An event that is not in the index, and why.

    Attributes:
        index: where it belongs; empty where that was not reached.
        event: the event itself.
        verdict: what was last said of it.
    """

    index: str
    event: Event
    verdict: Verdict


@dataclass(slots=True)
class Report:
    """What became of a payload. Each event is in exactly one of the four groups in the end.

    Attributes:
        received: how many events came.
        indexed, duplicate: events that are in the index: newly, or since before.
        pending: events to be kept for a replay.
        rejected: events that OpenSearch will not take as they are, to be kept for people.
        unparsed: events whose line could not be parsed, whatever became of them.
        no_data, skip_data: NODATA and SKIPDATA records.
        bulk_requests, bulk_retries: requests sent, and those among them that sent events again.
        bulk_bytes: bytes of the bodies sent, before compression.
        refused: indices of which nothing was taken, though the cluster answered.
        gave_up: the cluster is away, or refuses the function: others need not try for a while.
    """

    received: int
    indexed: int = 0
    duplicate: int = 0
    pending: list[Unsettled] = field(default_factory=list)
    rejected: list[Unsettled] = field(default_factory=list)
    unparsed: int = 0
    no_data: int = 0
    skip_data: int = 0
    bulk_requests: int = 0
    bulk_retries: int = 0
    bulk_bytes: int = 0
    refused: set[str] = field(default_factory=set)
    gave_up: bool = False

    @property
    def settled(self) -> int:
        """Events that OpenSearch has decided about."""
        return self.indexed + self.duplicate + len(self.rejected)

    @property
    def unaccounted(self) -> int:
        """Received events that are in none of the four groups. Anything but 0 is a defect."""
        return self.received - self.indexed - self.duplicate - len(self.pending) - len(self.rejected)


class DeliveryError(Exception):
    """Events of a payload are not settled and there is no place to keep them.

    Attributes:
        report: what became of each event.
    """

    def __init__(self, report: Report) -> None:
        self.report = report
        unsettled = [*report.pending, *report.rejected]
        kinds = Counter(each.verdict.kind for each in unsettled)
        counts = ", ".join(f"{number} x {kind}" for kind, number in kinds.most_common())
        super().__init__(f"{len(unsettled)} of {report.received} events are not settled: {counts}")


class Delivery:
    """The delivery of one payload.

    Attributes:
        report: what became of the events so far.
    """

    def __init__(  # noqa: PLR0913  # forward, probe, replay and tests each choose some of these
        self,
        subscription: Subscription,
        encode: Encode,
        send: Send,
        *,
        time_left: Callable[[], float],
        attempts: int = ATTEMPTS,
        patience: float | None = None,
        avoid: Collection[str] = (),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepare a delivery; nothing is sent yet.

        Args:
            subscription: the payload.
            encode: makes its bodies.
            send: posts one.
            time_left: seconds until sending must stop, so that the rest can be stored in time.
            attempts: how often an event is sent before it is left pending.
            patience: how long to wait for an answer, in seconds; None for what a body of that size needs.
            avoid: indices to which nothing is sent.
            sleep: waits that many seconds.
        """
        self._subscription = subscription
        self._encode = encode
        self._send = send
        self._time_left = time_left
        self._attempts = attempts
        self._patience = patience
        self._avoided = set(avoid)
        self._sleep = sleep
        self._grouped: list[Event] = []
        self._spoilers: list[Unsettled] = []
        self._settled_before = 0
        self._answered = False
        self._may_reconnect = True
        self.report = Report(received=len(subscription.events) + len(subscription.unusable))

    def run(self) -> Report:
        """Deliver the payload, as far as that goes."""
        for body in self._encode(self._subscription):
            self.report.unparsed += body.unparsed
            self.report.no_data += body.no_data
            self.report.skip_data += body.skip_data
            self._settled_before = self.report.settled
            self._deliver(body)
            self._settle_spoilers()
            if self.report.settled == self._settled_before and not self.report.gave_up:
                self.report.refused.add(body.index)
                self._avoided.add(body.index)
        return self._finish()

    def leave(self, verdict: Verdict) -> Report:
        """Leave pending, for that reason, all that is in none of the groups yet."""
        # By identity: two events may be equal, and each of them is to be settled.
        grouped = set(map(id, self._grouped))
        self._leave("", [event for event in self._subscription.events if id(event) not in grouped], verdict)
        return self._finish()

    def _finish(self) -> Report:
        """Reject the events that no index would take, whatever OpenSearch says of the others."""
        for each in self._subscription.unusable:
            verdict = Verdict(Outcome.REJECTED, 0, "unusable_event", each.reason)
            self._group(self.report.rejected, [Unsettled("", each.event, verdict)])
        return self.report

    def _deliver(self, body: Body) -> None:
        """Settle the events of one body: send, and send again what may still succeed."""
        for attempt in itertools.count(1):
            if self.report.gave_up or self._looks_damaged():
                return self._leave(body.index, body.events, NOT_TRIED)
            if body.index in self._avoided:
                return self._leave(body.index, body.events, AVOIDED)
            if self._time_left() < SHORTEST_REQUEST:
                self.report.gave_up = self.report.bulk_requests > 0
                return self._leave(body.index, body.events, NO_TIME)
            verdicts = self._post(body, repeated=attempt > 1)
            failed = self._settle(body, verdicts)
            halves = [each.event for each in failed if each.verdict.outcome is Outcome.SPLIT]
            again = [each for each in failed if each.verdict.outcome is Outcome.RETRY]
            for half in _halve(halves):
                self._deliver(self._narrow(half))
            if not again:
                return None
            delay = _draw_delay(attempt)
            if self._is_last(attempt, delay):
                # Where the cluster answered, it is this index, or these events, and others may be taken.
                self.report.gave_up |= not self._answered
                return self._group(self.report.pending, again)
            self._sleep(delay)
            body = self._narrow([each.event for each in again])
        return None

    def _is_last(self, attempt: int, delay: float) -> bool:
        too_late = delay + SHORTEST_REQUEST > self._time_left()
        return self.report.gave_up or attempt >= self._attempts or too_late

    def _post(self, body: Body, *, repeated: bool) -> list[Verdict]:
        self.report.bulk_requests += 1
        self.report.bulk_retries += repeated
        self.report.bulk_bytes += body.size
        try:
            status, reply = self._send(body, min(self._choose_patience(body), self._time_left()))
        except ConnectionFailedError as error:
            # The environment may have been frozen for minutes and its connection closed meanwhile.
            if error.broken and self._may_reconnect:
                self._may_reconnect = False
                return self._post(body, repeated=True)
            # Silence is dear: to wait through it once more costs as much as thirty invocations.
            self.report.gave_up |= error.kind == "timeout"
            self._answered = False
            return [Verdict(Outcome.RETRY, 0, error.kind, str(error))] * len(body.events)
        self._may_reconnect = False
        verdicts = judge(status, reply, len(body.events))
        self._answered = status == HTTPStatus.OK and verdicts[0].error_type not in NO_ANSWERS
        return verdicts

    def _choose_patience(self, body: Body) -> float:
        if self._patience is not None:
            return self._patience
        return min(QUICK_SECONDS + body.size / SLOWEST_RATE, READ_SECONDS)

    def _settle(self, body: Body, verdicts: list[Verdict]) -> list[Unsettled]:
        """Put each event that will not be sent again into its group; return the others."""
        if verdicts[0].outcome is Outcome.INDEXED and verdicts.count(verdicts[0]) == len(body.events):
            self._grouped.extend(body.events)  # nearly always; a look at each costs much more
            self.report.indexed += len(body.events)
            return []
        failed: list[Unsettled] = []
        alone = len(body.events) == 1
        for event, verdict in zip(body.events, verdicts, strict=True):
            match verdict.outcome:
                case Outcome.INDEXED:
                    self._grouped.append(event)
                    self.report.indexed += 1
                case Outcome.DUPLICATE:
                    self._grouped.append(event)
                    self.report.duplicate += 1
                case Outcome.WAIT:
                    self._group(self.report.pending, [Unsettled(body.index, event, verdict)])
                    self.report.gave_up |= not self._answered and verdict.error_type == CLUSTER_BLOCK
                case Outcome.CONFIGURATION:
                    self._group(self.report.pending, [Unsettled(body.index, event, verdict)])
                    self.report.gave_up |= not self._answered
                case Outcome.REJECTED:
                    self._group(self.report.rejected, [Unsettled(body.index, event, verdict)])
                case Outcome.SPLIT if alone:
                    self._spoilers.append(Unsettled(body.index, event, verdict))
                case _:
                    failed.append(Unsettled(body.index, event, verdict))
        return failed

    def _looks_damaged(self) -> bool:
        """Whether requests are refused whatever is in them: something in between changes their bodies."""
        refused = [each for each in self._spoilers if each.verdict.status == HTTPStatus.BAD_REQUEST]
        return len(refused) >= SUSPICIOUS and self.report.settled == self._settled_before

    def _settle_spoilers(self) -> None:
        """Reject the events that OpenSearch took not even alone; keep them where nothing passes at all."""
        if self._looks_damaged():
            self.report.gave_up = True
            self._group(self.report.pending, self._spoilers)
        else:
            self._group(self.report.rejected, self._spoilers)
        self._spoilers = []

    def _leave(self, index: str, events: Iterable[Event], verdict: Verdict) -> None:
        self._group(self.report.pending, [Unsettled(index, event, verdict) for event in events])

    def _group(self, group: list[Unsettled], members: Sequence[Unsettled]) -> None:
        self._grouped.extend([each.event for each in members])
        group.extend(members)

    def _narrow(self, events: Sequence[Event]) -> Body:
        """Make the body of some of a body's events. Being part of one body, they fit into one."""
        (body,) = self._encode(msgspec.structs.replace(self._subscription, events=tuple(events)))
        return body


def _halve(events: Sequence[Event]) -> list[Sequence[Event]]:
    middle = len(events) // 2
    return [half for half in (events[:middle], events[middle:]) if half]


def _draw_delay(attempt: int) -> float:
    """Draw the seconds to wait after that many attempts: anything up to a bound that doubles."""
    bound = min(LONGEST_DELAY, FIRST_DELAY * 2 ** (attempt - 1))
    return random.uniform(0, bound)  # noqa: S311  # spreads load, keeps no secret
