"""What an execution environment remembers of an outage, so that it does not multiply its cost.

While the cluster is away, an invocation that waits for it costs as much as thirty that do not. So
after one delivery gave up, those that follow store what they get at once; now and then one of them
probes. The pauses between probes grow, because a cluster that swallows requests without an answer
makes each probe last as long as a timeout.
"""

import time
from collections.abc import Callable
from enum import Enum
from typing import Final

FIRST_PAUSE: Final = 30.0
GROWTH: Final = 4
LONGEST_PAUSE: Final = 900.0
"""Seconds between probes: the first pause, how it grows with each probe in vain, and the longest. A
replay probes as well, so a long pause delays nothing but the end of storing."""

PROBE_SECONDS: Final = 2.0
"""How long a probe waits for an answer; what it misses, a replay delivers. Those behind the longest pause
wait as long as any delivery does: a cluster that is merely slow would never answer in time."""


class Mode(Enum):
    """How a payload is to be treated."""

    DELIVER = "deliver"
    """All is well: send, and try again what fails."""
    PROBE = "probe"
    """Perhaps it is over: send once, and store what is not taken."""
    STORE = "store"
    """The cluster was away a moment ago: store without sending."""


class Outage:
    """The state of one execution environment, which handles one invocation at a time."""

    # The wall clock: the monotonic one may stand still while Lambda keeps an environment frozen.
    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._pause = 0.0
        self._quiet_until = 0.0
        self._answered = False
        self._doubted = False

    def mode(self) -> Mode:
        """Return how the next payload is to be treated."""
        if not self._pause:
            return Mode.DELIVER
        # More than a pause ahead is a clock that was set back.
        return Mode.STORE if 0 < self._quiet_until - self._clock() <= self._pause else Mode.PROBE

    @property
    def was_answered(self) -> bool:
        """Whether the cluster answered when it last took nothing: then it answers full requests too."""
        return self._answered

    @property
    def is_doubted(self) -> bool:
        """Whether it is being asked if the cluster takes others than those that it has just refused."""
        return self._doubted

    @property
    def is_long(self) -> bool:
        """Whether short probes have been in vain for a while."""
        return self._pause >= LONGEST_PAUSE

    def doubt(self) -> None:
        """Note that the cluster answered, and took nothing: others are tried before that is believed."""
        self._answered = self._doubted = True

    def begin(self) -> None:
        """Note that the cluster takes nothing: at first, or when probing."""
        self._answered, self._doubted = self._doubted, False
        self._pause = min(self._pause * GROWTH, LONGEST_PAUSE) if self._pause else FIRST_PAUSE
        self._quiet_until = self._clock() + self._pause

    def end(self) -> None:
        """Note that the cluster takes what it is sent."""
        self._pause = 0.0
        self._answered = self._doubted = False
