"""What every layout comes down to: lines, with what the layout says of each."""

from collections.abc import Callable
from typing import NamedTuple

from parser.format import Format

Note = Callable[[str], None]
"""Is told what was recognised, such as `gzip`, before the first line of it is given."""


class Line(NamedTuple):
    """One flow log record as text.

    Attributes:
        text: the record, without what the layout puts around it.
        timestamp: of its log event, in milliseconds since the epoch; None where the layout does not say it.
        event_id: of its log event; None where the layout does not say it.
        format: its fields, where a header above it names them.
    """

    text: str
    timestamp: int | None = None
    event_id: str | None = None
    format: Format | None = None
