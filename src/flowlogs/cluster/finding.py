"""What a look at one thing found."""

from dataclasses import dataclass
from enum import Enum


class State(Enum):
    """Whether it is as it should be."""

    OK = "ok"
    PROBLEM = "problem"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line for the person who asked.

    Attributes:
        name: what was looked at.
        state: whether it is as it should be.
        text: what was found, and where it is a problem what to do.
    """

    name: str
    state: State
    text: str


def ok(name: str, text: str) -> Finding:
    """Return a finding that is as it should be."""
    return Finding(name, State.OK, text)


def problem(name: str, text: str) -> Finding:
    """Return a finding that somebody should act on."""
    return Finding(name, State.PROBLEM, text)


def unknown(name: str, text: str) -> Finding:
    """Return a finding about what could not be asked, or was not answered whole, and why."""
    return Finding(name, State.UNKNOWN, text)


def skipped(name: str, text: str) -> Finding:
    """Return a finding about what there is not to look at: it was not named, or does not exist."""
    return Finding(name, State.SKIPPED, text)
