"""What is too old to be indexed: the retention policy has deleted its index, which would come back."""

from datetime import datetime

from handler.config import Config
from handler.report import Unsettled
from parser.bulk import DAY
from parser.index_names import index_name
from parser.reply import Outcome, Verdict
from parser.subscription import Event


def divide(
    events: tuple[Event, ...], config: Config, now: datetime
) -> tuple[tuple[Event, ...], list[Unsettled]]:
    """Return the events that may be indexed, and those whose day lies before the retention period.

    Where indices are kept for good, all may.
    """
    if not config.retention_days:
        return events, []
    first = int(now.timestamp() * 1000) // DAY - config.retention_days
    fresh = tuple(event for event in events if event.timestamp // DAY >= first)
    return fresh, [_expire(event, config) for event in events if event.timestamp // DAY < first]


def _expire(event: Event, config: Config) -> Unsettled:
    reason = f"older than the {config.retention_days} days that indices are kept"
    index = index_name(config.index_prefix, event.timestamp)
    return Unsettled(index, event, Verdict(Outcome.REJECTED, 0, "expired", reason))
