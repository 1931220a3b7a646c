"""What comes of all equations: whether everything arrived, in a word and in a sentence."""

from enum import Enum
from typing import Final

from flowlogs.accounting.balance import ARRIVAL, Check, State
from flowlogs.terminal.display import count_of

_NOT_KNOWN: Final = "whether everything arrived is not known."


class Conclusion(Enum):
    """What comes of all equations."""

    ADDS_UP = "adds up"
    FITS = "adds up as far as the edges allow"
    """Nothing differs by more than may lie beyond the edges of the window."""
    DIFFERS = "differs"
    UNKNOWN = "not known"
    """Nothing differs, but whether everything arrived could not be checked."""


def conclude(checks: list[Check]) -> Conclusion:
    """Return what comes of all equations: it adds up only where it is checked that everything arrived."""
    if any(each.state is State.DIFFERS for each in checks):
        return Conclusion.DIFFERS
    arrived = [each for each in checks if each.name == ARRIVAL and each.state is State.OK]
    if not arrived:
        return Conclusion.UNKNOWN
    return Conclusion.FITS if arrived[0].difference else Conclusion.ADDS_UP


def summarize(checks: list[Check]) -> str:
    """Return what comes of all equations as a sentence."""
    match conclude(checks):
        case Conclusion.ADDS_UP:
            return "It adds up."
        case Conclusion.FITS:
            return f"It adds up, as far as the edges allow: {_name_excused(checks)} may lie beyond them."
        case Conclusion.DIFFERS:
            return "It does not add up."
    if any(each.state is State.OK for each in checks):
        return f"What could be checked adds up, but {_NOT_KNOWN}"
    return f"Nothing could be checked: {_NOT_KNOWN}"


def _name_excused(checks: list[Check]) -> str:
    (difference,) = (each.difference for each in checks if each.name == ARRIVAL)
    events = count_of(abs(difference), "event")
    return f"{events} not shown by the index" if difference > 0 else f"{events} more than were delivered"
