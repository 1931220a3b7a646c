"""What became of a batch: each event of each payload in exactly one of four groups."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Self

import msgspec

from parser.bulk import DAY, Body
from parser.repeats import Repeated
from parser.reply import Outcome, Verdict
from parser.subscription import Event, Subscription

NO_TIME: Final = Verdict(Outcome.RETRY, 0, "out_of_time", "the invocation's time was nearly over")
NOT_TRIED: Final = Verdict(Outcome.RETRY, 0, "outage", "the cluster was away a moment ago; not tried")
AVOIDED: Final = Verdict(Outcome.RETRY, 0, "index_refused", "the index took nothing a moment ago; not tried")
INTERRUPTED: Final = Verdict(Outcome.RETRY, 0, "interrupted", "an error in the function; see its log")
REPEATED: Final = Verdict(
    Outcome.RETRY, 0, "repeated_id", "another event of its id, which differs, was rejected; not tried"
)


class Unsettled(msgspec.Struct, frozen=True, gc=False):
    """An event that is not in the index, and why.

    Attributes:
        index: where it belongs; empty where that was not reached.
        event: the event itself.
        verdict: what was last said of it.
        payload: the number of its payload in the batch, from 0.
    """

    index: str
    event: Event
    verdict: Verdict
    payload: int = 0


@dataclass(slots=True)
class Report:
    """What became of a payload. Each event is in exactly one of the four groups in the end.

    Attributes:
        received: how many events came.
        indexed, duplicate: events that are in the index: newly, or since before.
        pending: events to be kept for a replay.
        rejected: events that OpenSearch will not take as they are, to be kept for people.
        conflicting: events, among the duplicates, that have the id of another one of the payload, and differ.
    """

    received: int
    indexed: int = 0
    duplicate: int = 0
    pending: list[Unsettled] = field(default_factory=list)
    rejected: list[Unsettled] = field(default_factory=list)
    conflicting: int = 0

    @classmethod
    def of(cls, subscription: Subscription) -> Self:
        """Return the report of a payload of which nothing is settled yet."""
        return cls(received=len(subscription.events) + len(subscription.unusable))

    @property
    def settled(self) -> int:
        """Events that OpenSearch has decided about."""
        return self.indexed + self.duplicate + len(self.rejected)

    @property
    def unaccounted(self) -> int:
        """Received events that are in none of the four groups. Anything but 0 is a defect."""
        return self.received - self.settled - len(self.pending)


@dataclass(slots=True)
class BatchReport:
    """What became of a batch: of each payload, and in sum.

    Attributes:
        payloads: what became of each, in the order of the batch.
        unparsed: events whose line could not be parsed, whatever became of them.
        no_data, skip_data: NODATA and SKIPDATA records.
        bulk_requests, bulk_retries: requests sent, and those among them that sent events again.
        bulk_bytes: bytes of the bodies sent, before compression.
        refused: indices of which nothing was taken, though the cluster answered.
        blamed: those of them that said of single payloads what may be the payloads' own fault.
        taken: indices that took events, or had taken some a moment before.
        gave_up: the cluster is away, or refuses the function: others need not try for a while.
        damaged: requests are refused whatever is in them: something in between is at fault.
        doubted: events that were refused alone, where nothing shows that others are taken.
        spoilers: rejected events for which a request was refused as a whole, though it held nothing else.
    """

    payloads: list[Report] = field(default_factory=list)
    unparsed: int = 0
    no_data: int = 0
    skip_data: int = 0
    bulk_requests: int = 0
    bulk_retries: int = 0
    bulk_bytes: int = 0
    refused: set[str] = field(default_factory=set)
    blamed: set[str] = field(default_factory=set)
    taken: set[str] = field(default_factory=set)
    gave_up: bool = False
    damaged: bool = False
    doubted: int = 0
    spoilers: int = 0

    def count_kinds(self, body: Body) -> None:
        """Count what kinds of lines a body holds; once, however often it is sent."""
        self.unparsed += body.unparsed
        self.no_data += body.no_data
        self.skip_data += body.skip_data

    def keep(self, unsettled: Iterable[Unsettled]) -> None:
        """Put events into the group of those that are kept for a replay."""
        for each in unsettled:
            self.payloads[each.payload].pending.append(each)

    def doubt(self, each: Unsettled, *, proven: bool) -> None:
        """Keep an event for a replay that was refused alone.

        Args:
            each: the event.
            proven: whether others were taken, so that it is kept for another reason.
        """
        self.keep([each])
        self.doubted += not proven
        self.refused.add(each.index)
        self.blamed.add(each.index)

    def leave(self, body: Body, verdict: Verdict) -> None:
        """Keep all events of a body for a replay, for that reason."""
        for part in body.parts:
            self.keep([Unsettled(body.index, event, verdict, part.payload) for event in part.events])

    def reject(self, each: Unsettled) -> None:
        """Put an event into the group of those that are kept for people."""
        self.payloads[each.payload].rejected.append(each)

    def share_fate(self, repeated: Sequence[Repeated]) -> list[Repeated]:
        """Settle the events that an earlier payload has brought, once it is known what became of that one.

        What is pending is so for both. What was rejected is rejected for both where they are equal; one that
        differs is kept, to be tried alone. Returns the others: the first is in the index, so they are
        duplicates.
        """
        pending = {(each.index, each.event.id): each for each in self.pending} if repeated else {}
        rejected = {(each.index, each.event.id): each for each in self.rejected} if repeated else {}
        duplicates: list[Repeated] = []
        for again in repeated:
            key = (again.index, again.event.id)
            if first := pending.get(key):
                self.keep([Unsettled(again.index, again.event, first.verdict, again.payload)])
            elif not (first := rejected.get(key)):
                duplicates.append(again)
            elif first.event == again.event:
                self.reject(Unsettled(again.index, again.event, first.verdict, again.payload))
            else:
                self.keep([Unsettled(again.index, again.event, REPEATED, again.payload)])
        return duplicates

    @property
    def is_silent(self) -> bool:
        """Whether the cluster is away, or refuses the function: whatever is in the requests."""
        return self.gave_up and not self.damaged

    @property
    def received(self) -> int:
        """How many events came."""
        return sum([each.received for each in self.payloads])

    @property
    def indexed(self) -> int:
        """Events that are newly in the index."""
        return sum([each.indexed for each in self.payloads])

    @property
    def duplicate(self) -> int:
        """Events that were in the index before."""
        return sum([each.duplicate for each in self.payloads])

    @property
    def pending(self) -> list[Unsettled]:
        """Events to be kept for a replay."""
        return [event for each in self.payloads for event in each.pending]

    @property
    def rejected(self) -> list[Unsettled]:
        """Events to be kept for people."""
        return [event for each in self.payloads for event in each.rejected]

    @property
    def conflicting(self) -> int:
        """Events that have the id of another one of their payload, and differ."""
        return sum([each.conflicting for each in self.payloads])

    @property
    def settled(self) -> int:
        """Events that OpenSearch has decided about."""
        return sum([each.settled for each in self.payloads])

    @property
    def unaccounted(self) -> int:
        """Events that are in none of the groups, or in two, payload by payload: no surplus hides a loss."""
        return sum([abs(each.unaccounted) for each in self.payloads])


def leave(payloads: Iterable[Subscription], verdict: Verdict) -> BatchReport:
    """Return the report of payloads that are left pending whole, for that reason."""
    return BatchReport(
        [
            Report(
                received=len(each.events) + len(each.unusable),
                pending=[Unsettled("", event, verdict, number) for event in each.events],
                rejected=reject_unusable(each, number),
            )
            for number, each in enumerate(payloads)
        ]
    )


def reject_unusable(subscription: Subscription, number: int) -> list[Unsettled]:
    """Return the events of a payload that no index would take, whatever OpenSearch says of the others."""
    return [
        Unsettled("", each.event, Verdict(Outcome.REJECTED, 0, "unusable_event", each.reason), number)
        for each in subscription.unusable
    ]


class DeliveryError(Exception):
    """Events of a batch are not settled and there is no place to keep them.

    Attributes:
        report: what became of each event.
    """

    def __init__(self, report: BatchReport) -> None:
        self.report = report
        unsettled = [*report.pending, *report.rejected]
        kinds = Counter(each.verdict.kind for each in unsettled)
        counts = ", ".join(f"{number} x {kind}" for kind, number in kinds.most_common())
        super().__init__(f"{len(unsettled)} of {report.received} events are not settled: {counts}")


def count_conflicts(events: Sequence[Event], duplicates: Sequence[Event]) -> int:
    """Count the duplicates of a payload that are its own doing: another event has their id, and differs.

    Args:
        events: those of the payload.
        duplicates: those among them that OpenSearch has called so; mostly none, or all.
    """
    if not duplicates or len({each.id for each in events}) == len(events):
        return 0
    first: dict[tuple[int, str], Event] = {}
    others = Counter(_key(each) for each in events if first.setdefault(_key(each), each) != each)
    return (others & Counter(map(_key, duplicates))).total()


def _key(event: Event) -> tuple[int, str]:
    return event.timestamp // DAY, event.id
