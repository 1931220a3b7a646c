"""The functions' own log as input: what an account-level policy delivers that takes in all log groups.

Each line about such a payload would call for the next payload. So nothing is said of it, and nothing is
indexed, but once in a while how many events they were.
"""

import time
from collections.abc import Callable
from typing import Final

TELL_SECONDS: Final = 600.0
"""How long an execution environment is silent after it has told. An alarm looks at an hour."""


class OwnLog:
    """How many events of the functions' own log an execution environment has passed over."""

    # The wall clock: the monotonic one may stand still while Lambda keeps an environment frozen.
    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._untold = 0
        self._told: float | None = None

    def pass_over(self, events: int) -> int:
        """Count events. Returns how many are to be told now: all since the last time, or 0 for none."""
        self._untold += events
        now = self._clock()
        # A time that lies ahead is of a clock that was set back.
        if self._told is not None and 0 <= now - self._told < TELL_SECONDS:
            return 0
        self._told, untold = now, self._untold
        self._untold = 0
        return untold
