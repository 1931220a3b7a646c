"""A time in which events are counted."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

PERIODS: Final = (86_400, 3_600, 300, 60)
"""Seconds that CloudWatch can sum up; the longest that fits is asked for, it is kept the longest."""

_HOUR: Final = 3_600


@dataclass(frozen=True, slots=True)
class Window:
    """A time: from `since` until just before `until`, whole minutes in UTC."""

    since: datetime
    until: datetime

    @property
    def period(self) -> int:
        """The longest period of CloudWatch's that its ends are multiples of, in seconds."""
        ends = (int(self.since.timestamp()), int(self.until.timestamp()))
        return next(each for each in PERIODS if not any(end % each for end in ends))

    @property
    def period_of_lag(self) -> int:
        """The same, but an hour at the most: what is asked there is how things were near its ends."""
        return min(self.period, _HOUR)

    def holds(self, milliseconds: int) -> bool:
        """Tell whether an event of that time is in it."""
        return self.since.timestamp() * 1000 <= milliseconds < self.until.timestamp() * 1000

    def widened(self, lag: timedelta) -> "Window":
        """Return what may hold events that are delivered in this window."""
        return Window(self.since - lag, self.until)

    def narrowed(self, lag: timedelta) -> "Window":
        """Return what holds only events that are delivered in this window."""
        return Window(self.since, max(self.since, self.until - lag))


def day(moment: datetime) -> Window:
    """Return the day of that time, in UTC."""
    since = moment.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=UTC)
    return Window(since, since + timedelta(days=1))
