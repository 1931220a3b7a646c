"""A stored object that a replay has in hand."""

from collections import Counter, deque
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

import msgspec

from handler.config import Config
from handler.expiry import divide
from handler.failures import Content, Pending
from handler.report import AVOIDED, NO_TIME, NOT_TRIED, Report, Unsettled
from parser.subscription import Subscription

UNTRIED: Final = (AVOIDED, NO_TIME, NOT_TRIED)
"""What is said of events that were not sent."""


@dataclass(slots=True, eq=False)
class Held:
    """An object whose payloads are being delivered, in one batch or in several.

    Attributes:
        pending: the object, as it was read.
        attempts: how many deliveries of its events gave up before.
        rejected: whether its events are rejected ones.
        alone: whether it is to be in a batch of its own.
        unpacked: whether what it held is in another object by now.
        own_log: how many of its events are of the functions' own log, and are passed over.
        damaged: what of it cannot be read, beside its payloads; empty where all can.
        reason: why that cannot be read.
        told: whether what is rejected of it is stored by now.
        waiting: its payloads that are not delivered yet, each with those of its events that are too old.
        done: the others, with what became of their events.
    """

    pending: Pending
    attempts: int = 0
    rejected: bool = False
    alone: bool = False
    unpacked: bool = False
    own_log: int = 0
    damaged: bytes = b""
    reason: str = ""
    told: bool = False
    waiting: deque[tuple[Subscription, list[Unsettled]]] = field(default_factory=deque)
    done: list[tuple[Subscription, Report]] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many events are not delivered yet."""
        return sum([len(subscription.events) for subscription, _ in self.waiting])

    @property
    def left(self) -> list[tuple[Subscription, list[Unsettled]]]:
        """Payloads with events that stay pending, and these."""
        return [(subscription, report.pending) for subscription, report in self.done if report.pending]

    @property
    def refused(self) -> list[tuple[Subscription, list[Unsettled]]]:
        """Payloads with events that are rejected, and these."""
        return [(subscription, report.rejected) for subscription, report in self.done if report.rejected]

    @property
    def is_unchanged(self) -> bool:
        """Whether it holds events, none of which is settled: it says all that is to be said of them."""
        counts = self.counts
        unsettled = counts["pending"] + (counts["rejected"] if self.rejected else 0)
        return bool(unsettled) and unsettled == counts["received"]

    @property
    def was_tried(self) -> bool:
        """Whether any of its events that stay pending was sent."""
        return any(each.verdict not in UNTRIED for _, pending in self.left for each in pending)

    @property
    def counts(self) -> Counter[str]:
        """What became of its events."""
        counts: Counter[str] = Counter()
        for _, report in self.done:
            counts["received"] += report.received
            counts["indexed"] += report.indexed
            counts["duplicate"] += report.duplicate
            counts["pending"] += len(report.pending)
            counts["rejected"] += len(report.rejected)
        return counts

    def end(self, report: Report) -> None:
        """Note what became of the first payload that waits."""
        subscription, expired = self.waiting.popleft()
        report.received += len(expired)
        report.rejected.extend(expired)
        self.done.append((subscription, report))


def hold(pending: Pending, content: Content, config: Config, now: datetime, *, alone: bool) -> Held:
    """Read an object's payloads, and set apart what of them is too old, and what is the functions' own log.

    What is damaged in it costs no payload beside it.

    Raises:
        EnvelopeError: it does not hold any.
    """
    held = Held(replace(pending, etag=content.etag), content.attempts, content.rejected, alone)
    stored = content.decode()
    held.damaged, held.reason = stored.rest, stored.reason
    for subscription in stored.payloads:
        if config.is_own_log(subscription.owner, subscription.log_group):
            held.own_log += len(subscription.events) + len(subscription.unusable)
            continue
        fresh, expired = divide(subscription.events, config, now)
        held.waiting.append((msgspec.structs.replace(subscription, events=fresh), expired))
    return held
