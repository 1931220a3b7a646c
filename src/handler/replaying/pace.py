"""How fast a replay goes: as fast as the cluster takes it, beside what else the cluster has to do.

A window of events may be on their way at once, as in TCP (RFC 5681): it grows by a step with each quick and
clean answer, and is halved by one that is slow or asks for patience. A window of more than a body holds means
several requests at once.
"""

from typing import Final

FIRST_WINDOW: Final = 1
"""Events: whoever does not know whether the cluster is there asks with one object."""

STEP: Final = 2_000
"""Events that a good answer adds: from one object to full bodies in five answers."""

MOST_REQUESTS: Final = 3
"""Requests at once. One is made ready while another is on its way and a third is worked on; more would only
wait in the cluster's queue, before those of the live traffic."""

QUICK_SECONDS: Final = 1.0
SLOW_SECONDS: Final = 3.0
"""Of an answer. A body of 5 MiB takes an idle node of two processors a third of a second. What takes three
times that long may grow no further, and what takes as long as OpenSearch waits for a shard is too much."""

USUAL_ROW: Final = 600
"""Bytes of a row of a body, until it is known better."""

SMALLEST_ROW: Final = 100
"""Bytes: no row is smaller, with the words of the action, the time and the names of the fields. It bounds the
events, and with them the memory, whatever comes."""


class Pace:
    """The pace of one run.

    Attributes:
        window: how many events may be on their way.
    """

    def __init__(self, max_bytes: int, *, rate: float | None = None) -> None:
        """Begin with one object.

        Args:
            max_bytes: the largest body, in bytes.
            rate: events a second, at the most; None for what the cluster takes.
        """
        self._max_bytes = max_bytes
        self._rate = rate
        self._row: float = USUAL_ROW
        self.window = FIRST_WINDOW

    @property
    def _full(self) -> int:
        """How many events fill a body."""
        return max(1, int(self._max_bytes / self._row))

    @property
    def events(self) -> int:
        """How many events make a batch."""
        most = self._full if self._rate is None else min(self._full, max(1, int(self._rate)))
        return min(self.window, most)

    @property
    def requests(self) -> int:
        """How many batches may be on their way."""
        return min(max(1, self.window // self._full), MOST_REQUESTS)

    def note(self, *, events: int, size: int, seconds: float, strained: bool) -> None:
        """Learn from a batch.

        Args:
            events: in the bodies that were sent; those that were sent again count again. What repeats another
                event of the batch is in none, and says nothing of a row.
            size: bytes of these bodies.
            seconds: the longest time that an answer took.
            strained: whether the cluster asked for patience, or gave no answer.
        """
        if strained or seconds > SLOW_SECONDS:
            self.window = max(FIRST_WINDOW, self.window // 2)
            return
        if events:
            self._row = max(SMALLEST_ROW, size / events)
        if seconds <= QUICK_SECONDS:
            self.window = min(self.window + STEP, self._full * MOST_REQUESTS)

    def measure_wait(self, sent: int, elapsed: float) -> float:
        """Return the seconds to wait before more is sent.

        Args:
            sent: events so far.
            elapsed: seconds since the beginning.
        """
        return 0.0 if self._rate is None else max(0.0, sent / self._rate - elapsed)
