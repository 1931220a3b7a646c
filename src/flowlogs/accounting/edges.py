"""What lies across the edges of a window: delivery counts by its own time, the index by that of the event."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from flowlogs.accounting.window import Window

UNKNOWN_LAG: Final = timedelta(minutes=20)
"""How late events may come where no metric says it: a window of ten minutes, delivered within ten."""

MOST_EXCUSED: Final = 0.01
"""The part of what was delivered that the edges may explain; more cannot be told from a loss."""

LONGEST_EXCUSE: Final = timedelta(hours=1)
"""How far across an edge events may lie that explain a difference, for the same reason."""

Series = list[tuple[datetime, float]]
"""Values of a metric by the beginning of the time that they sum up."""


@dataclass(frozen=True, slots=True)
class Edges:
    """How far events lie across the edges of a window, by their own time, at the most.

    Attributes:
        before: how long before its beginning happened what was delivered in it.
        after: how long before its end happened what was delivered only after it.
        known: whether a metric says so; else it is what is usual.
    """

    before: timedelta = UNKNOWN_LAG
    after: timedelta = UNKNOWN_LAG
    known: bool = False

    def across(self, difference: int) -> timedelta:
        """Return how far it is across the edge where events must lie that explain a difference.

        Args:
            difference: what was delivered less what is there.
        """
        return self.before if difference > 0 else self.after

    def doubt(self, difference: int, delivered: int) -> str:
        """Return why the edges are no explanation that one may rely on; empty where they are."""
        if not self.known:
            return "no metric says how late events came"
        if self.across(difference) > LONGEST_EXCUSE:
            return f"more than {show_lag(LONGEST_EXCUSE)} cannot be told from a loss"
        if abs(difference) > MOST_EXCUSED * delivered:
            return f"more than {MOST_EXCUSED:.0%} of all cannot be told from a loss"
        return ""


def measure_edges(lags: Series, window: Window) -> Edges:
    """Return how far what was delivered lies across the edges of a window.

    Args:
        lags: how late the latest event was, in milliseconds, from the beginning of the window on.
        window: between whose edges; its own deliveries tell of its beginning, later ones of its end.
    """
    # As if all had come with the beginning of the time that is summed up: so old its events are at the most.
    oldest = [(moment, moment - timedelta(milliseconds=lag)) for moment, lag in lags]
    none = timedelta(0)
    before = [window.since - event for moment, event in oldest if moment < window.until]
    after = [window.until - event for moment, event in oldest if moment >= window.until]
    return Edges(max([none, *before]), max([none, *after]), known=True)


def show_lag(lag: timedelta) -> str:
    """Return a duration in words: `2 min 0 s`."""
    minutes, seconds = divmod(int(lag.total_seconds()), 60)
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
