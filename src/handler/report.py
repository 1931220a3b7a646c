"""What became of a payload: each of its events in exactly one of four groups."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from parser.bulk import DAY
from parser.reply import Verdict
from parser.subscription import Event


class Unsettled(msgspec.Struct, frozen=True, gc=False):
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
        taken: indices that took events, or had taken some a moment before.
        gave_up: the cluster is away, or refuses the function: others need not try for a while.
        damaged: requests are refused whatever is in them: something in between is at fault.
        doubted: events that were refused alone, where nothing shows that others are taken.
        conflicting: events, among the duplicates, that have the id of another one of the payload, and differ.
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
    taken: set[str] = field(default_factory=set)
    gave_up: bool = False
    damaged: bool = False
    doubted: int = 0
    conflicting: int = 0

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
