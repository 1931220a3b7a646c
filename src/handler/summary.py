"""What a run of the replay did, object by object and in sum."""

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum

from handler.observe import count
from handler.report import BatchReport


class Fate(Enum):
    """What became of a stored object."""

    DROPPED = "dropped"
    """All of its events are settled; it is gone. What of it cannot be read is among the rejected ones."""
    SHORTENED = "shortened"
    """Some of its events are settled; the others are in a new, smaller object."""
    LEFT = "left"
    """None of its events is settled, or another object has taken its place meanwhile; it stays as it is."""
    SET_ASIDE = "set_aside"
    """It could not be read, is too large, or stopped several runs; it is among the rejected ones."""
    GONE = "gone"
    """Another replay had dropped it."""
    FAILED = "failed"
    """An error in the function or of S3; it stays as it is."""


@dataclass(slots=True)
class Summary:
    """What a run did.

    Attributes:
        fates: number of objects by what became of them.
        counts: the counts of all deliveries, added up.
        remaining: how many objects still wait, as far as they were counted.
        uncounted: whether there are more, or may be.
        unlisted: why S3 did not list all that waits; empty where it did.
        seconds: how long it took, where somebody measured it.
        refused: the cluster took nothing more, so the run stopped.
        damaged: that was because requests are refused whatever is in them.
    """

    fates: Counter[Fate] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=lambda: Counter(count(BatchReport())))
    remaining: int = 0
    uncounted: bool = False
    unlisted: str = ""
    seconds: float = 0.0
    refused: bool = False
    damaged: bool = False
