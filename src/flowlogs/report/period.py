"""The time that a report is about."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from flowlogs.panels.panel import TIME_FIELD, Json

MOST_BUCKETS: Final = 50
"""Bars that can be told apart on a phone."""

TOO_EARLY: Final = "the report compares with the period before, which would begin before the year 1"

_MINUTE: Final = 60
_DAY: Final = 24 * 60 * _MINUTE
_STEPS: Final = (1, 5, 10, 30, *(hours * 60 for hours in (1, 3, 6, 12, 24, 7 * 24, 28 * 24, 364 * 24)))
"""Minutes that a bucket of time may last; the default aggregation interval of flow logs is ten."""


@dataclass(frozen=True, slots=True)
class Period:
    """From `since` until just before `until`; both in UTC."""

    since: datetime
    until: datetime

    @property
    def query(self) -> Json:
        """The query that chooses the records of the period."""
        times = {"gte": self.since.isoformat(), "lt": self.until.isoformat()}
        return {"range": {TIME_FIELD: {**times, "format": "strict_date_optional_time"}}}

    @property
    def before(self) -> "Period":
        """The period of the same length that ends where this one begins."""
        return Period(self.since - (self.until - self.since), self.since)

    @property
    def step(self) -> timedelta:
        """How long a bucket of time lasts, so that there are not too many."""
        minutes = (self.until - self.since).total_seconds() / _MINUTE
        chosen = next((step for step in _STEPS if minutes / step <= MOST_BUCKETS), _STEPS[-1])
        return timedelta(minutes=chosen)

    @property
    def interval(self) -> str:
        """The same, as OpenSearch reads it."""
        return f"{int(self.step.total_seconds()) // _MINUTE}m"

    def __str__(self) -> str:
        return f"{self.since:%Y-%m-%d %H:%M} to {self.until:%Y-%m-%d %H:%M} UTC"


def choose_period(since: datetime | None, until: datetime | None, now: datetime) -> Period:
    """Return the period that is asked for; by default the last day.

    Raises:
        ValueError: it would end before it begins, or so early that no period lies before it.
    """
    end = until or now
    try:
        start = since or end - timedelta(seconds=_DAY)
        if start >= end:
            raise ValueError(
                f"--since ({start:%Y-%m-%d %H:%M}) must lie before --until ({end:%Y-%m-%d %H:%M})"
            )
        _ = Period(start, end).before
    except OverflowError as error:
        raise ValueError(TOO_EARLY) from error
    return Period(start, end)
