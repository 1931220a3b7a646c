"""What waits for a replay: how much of it there is, and whether its lines fit the formats."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from flowlogs.bucket import withheld
from flowlogs.bucket.choice import read_log_group
from handler.failures import Content, FailureStore, Pending
from parser.errors import EnvelopeError, RecordError
from parser.format import Formats
from parser.record import parse
from parser.stored import Parts

FIRST_OBJECTS: Final = 10
FIRST_LINES: Final = 100
"""Objects, and lines of each, that are looked at before a replay begins."""


@dataclass(frozen=True, slots=True)
class Fit:
    """How the first lines fit the formats.

    Attributes:
        objects, lines: how many were looked at.
        unparsed: lines that fit none of the formats.
        reason: why the first of them does not; empty where all fit.
    """

    objects: int
    lines: int
    unparsed: int
    reason: str

    @property
    def is_bad(self) -> bool:
        """Whether most lines do not fit, so that the formats are likely those of something else."""
        return 2 * self.unparsed > self.lines


def try_formats(objects: Iterable[Pending], store: FailureStore, formats: Formats) -> Fit:
    """Parse the first lines of the first objects that can be read."""
    contents = (content for _, content in _read_all(objects, store, {}))
    samples = list(islice((lines for each in contents if (lines := _read_lines(each))), FIRST_OBJECTS))
    faults = [fault for lines in samples for line in lines if (fault := _find_fault(line, formats))]
    return Fit(len(samples), sum(map(len, samples)), len(faults), faults[0] if faults else "")


def _read_lines(content: Content) -> list[str]:
    try:
        events = (event for each in content.payloads() for event in each.events)
        return [event.message for event in islice(events, FIRST_LINES)]
    except EnvelopeError:
        return []


def _find_fault(line: str, formats: Formats) -> str:
    try:
        parse(line, formats)
    except RecordError as error:
        return str(error)
    return ""


def take_stock(objects: list[Pending], store: FailureStore) -> dict[str, Any]:
    """Count what is there, by reason and log group, the most frequent first.

    What S3 does not give is named with its reason, as is an object of which nothing, or a part, cannot be
    read; how many events are in that is in no count.
    """
    kinds: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    refused: dict[str, str] = {}
    damaged: dict[str, str] = {}
    for each, content in _read_all(objects, store, refused):
        parts, reason = _read(content)
        counts = {"objects": 1, "events": parts.events, "bytes": each.size}
        if reason:
            damaged[each.key] = reason
        kinds[content.reason, read_log_group(content)].update(counts)
    groups = [{"reason": reason, "log_group": name, **counts} for (reason, name), counts in kinds.items()]
    return {
        **{name: sum(each[name] for each in kinds.values()) for name in ("objects", "events", "bytes")},
        "oldest": objects[0].modified.isoformat(timespec="seconds") if objects else None,
        "groups": sorted(groups, key=lambda group: -kinds[group["reason"], group["log_group"]]["objects"]),
        "withheld": [{"key": key, "reason": reason} for key, reason in refused.items()],
        "damaged": [{"key": key, "reason": reason} for key, reason in damaged.items()],
    }


def _read_all(
    objects: Iterable[Pending], store: FailureStore, refused: dict[str, str]
) -> Iterator[tuple[Pending, Content]]:
    """Give what can be read; what S3 does not give is noted with its reason."""
    for each in objects:
        try:
            content = withheld.read(store, each.key)
        except withheld.WithheldError as error:
            refused[each.key] = str(error)
            continue
        if content is not None:
            yield each, content


def _read(content: Content) -> tuple[Parts, str]:
    """Return what can be read of an object, which may be nothing, and why the rest cannot; empty for none."""
    try:
        parts = content.read()
    except EnvelopeError as error:
        return Parts(()), str(error)
    return parts, parts.reason
