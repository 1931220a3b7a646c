"""What the indices of a prefix are called, and the patterns that mean them and nobody else's.

A prefix is not a pattern: `cwl` means `cwl-YYYY.MM.DD`, and nothing of a stack whose prefix is `cwl-dev`.
"""

import re
from datetime import UTC, date, datetime
from typing import Final

_DAY: Final = re.compile(r"(\d{4})\.(\d{2})\.(\d{2})", re.ASCII)

_CENTURIES: Final = ("19", "20", "21")
"""Of the days that events have, those of a clock that is wrong by a lot included. OpenSearch knows no
other wildcard than `*` in the patterns of templates, policies and requests, so that these are as narrow as
can be: they would mean another stack only if its prefix were, for instance, `cwl-20`."""

_ONE_DAY: Final = "????.??.??"
"""Any day, for those who know a wildcard for one character: the security plugin, and IAM."""


def read_day(prefix: str, name: str) -> date | None:
    """Return the day (UTC) of an index of the prefix; None where the name is not one of its days.

    Args:
        prefix: the first part of the index names.
        name: of any index.
    """
    beginning = f"{prefix}-"
    found = _DAY.fullmatch(name.removeprefix(beginning)) if name.startswith(beginning) else None
    if found is None:
        return None
    try:
        return date(*map(int, found.groups()))
    except ValueError:  # the 30th of February
        return None


def index_name(prefix: str, timestamp: int) -> str:
    """Return the index for an event: `<prefix>-YYYY.MM.DD`, the day in UTC.

    Args:
        prefix: the first part of the name, such as `cwl`.
        timestamp: the event's, in milliseconds since the epoch.
    """
    return f"{prefix}-{datetime.fromtimestamp(timestamp // 1000, UTC):%Y.%m.%d}"


def name_day(prefix: str, day: date) -> str:
    """Return the name of the index of a day."""
    return f"{prefix}-{day.year:04}.{day.month:02}.{day.day:02}"


def index_patterns(prefix: str) -> list[str]:
    """Return patterns for the prefix's indices, where only `*` is a wildcard: in templates and policies."""
    return [f"{prefix}-{century}*" for century in _CENTURIES]


def permission_pattern(prefix: str) -> str:
    """Return the one pattern for the prefix's indices where `?` is one character: in roles."""
    return f"{prefix}-{_ONE_DAY}"
