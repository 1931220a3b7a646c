"""Times as people type them: in the forms in which commands, logs and documents print them."""

import re
from datetime import UTC, datetime
from typing import Final

import typer

FORMS: Final = "2026-11-24, 2026-11-24T13:00 or 2026-11-24T13:00:05Z"
"""Examples of what is taken, for people."""

_TIME: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2})"
    r"(?:[Tt ](\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?) ?(Z|z|UTC|[+-]\d{2}:?\d{2})?)?",
    re.ASCII,
)
_UTC: Final = ("Z", "z", "UTC")


def read_time(text: str) -> datetime:
    """Read a time of day of a date, in UTC unless it names another zone.

    Taken is what `verify` and `replay` print (`2026-11-24 13:00`, also with ` UTC`), what documents, logs and
    AWS have (`2026-11-24T13:00:05.250Z`, `+01:00`), and a date, which is its midnight.

    Returns:
        The time, in UTC.

    Raises:
        typer.BadParameter: it is no time.
    """
    found = _TIME.fullmatch(text.strip())
    try:
        if found is not None:
            date, clock, zone = found.groups()
            offset = "+00:00" if zone is None or zone in _UTC else zone
            return datetime.fromisoformat(f"{date}T{clock or '00:00'}{offset}").astimezone(UTC)
    except (ValueError, OverflowError):
        pass  # the 30th of February, the year 0: said below
    raise typer.BadParameter(f"{text!r} is no time: write {FORMS} (UTC)")


def read_date(text: str) -> datetime:
    """Read a date.

    Returns:
        Its midnight in UTC.

    Raises:
        typer.BadParameter: it is no date.
    """
    try:
        return datetime.strptime(text.strip(), "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no date: write 2026-11-24 (UTC)") from error
