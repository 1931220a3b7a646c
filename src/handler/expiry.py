"""What is too old to be indexed: the retention policy has deleted its index, which would come back."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from handler.config import Config
from handler.report import Unsettled
from parser.document import index_name
from parser.reply import Outcome, Verdict
from parser.subscription import Event

DAY: Final = 86_400_000
"""Milliseconds."""


def find_expired(events: Iterable[Event], config: Config, now: datetime) -> frozenset[Event]:
    """Return the events whose day lies before the retention period; none where indices are kept for good."""
    if not config.retention_days:
        return frozenset()
    first = int(now.timestamp() * 1000) // DAY - config.retention_days
    return frozenset(event for event in events if event.timestamp // DAY < first)


def expire(event: Event, config: Config) -> Unsettled:
    """Return the event with what is said of it."""
    reason = f"older than the {config.retention_days} days that indices are kept"
    index = index_name(config.index_prefix, event.timestamp)
    return Unsettled(index, event, Verdict(Outcome.REJECTED, 0, "expired", reason))
