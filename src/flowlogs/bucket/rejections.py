"""What was rejected: events by the reason that they have in common, and objects that could not be read."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from flowlogs.bucket import withheld
from flowlogs.bucket.advice import OPTIONS, WITHHELD, advise, advise_on_object
from handler.failures import Content, FailureStore, Pending
from parser.compression import decompress
from parser.errors import EnvelopeError
from parser.subscription import MAX_CONTENT

SAMPLES: Final = 2

_IDS: Final = re.compile(r" in document with id '.*|Preview of field's value.*", re.DOTALL)
_NUMBERS: Final = re.compile(r"[0-9]+")


@dataclass(slots=True)
class Group:
    """Rejected events that have one reason in common.

    Attributes:
        status, error_type, index: what OpenSearch said, and where.
        reason: the first of them in full; the others differ in ids and values.
        count: how many events.
        first, last: when they were rejected.
        log_groups: where they come from, with how many of each.
        samples: the first events' lines.
        advice: what helps.
    """

    status: int
    error_type: str
    index: str
    reason: str
    advice: str
    first: str
    last: str
    count: int = 0
    log_groups: dict[str, int] = field(default_factory=dict)
    samples: list[str] = field(default_factory=list)

    def add(self, line: dict[str, Any], samples: int) -> None:
        """Count one event."""
        self.count += 1
        self.first = min(self.first, line["rejected_at"])
        self.last = max(self.last, line["rejected_at"])
        name = line["log_group"]
        self.log_groups[name] = self.log_groups.get(name, 0) + 1
        if len(self.samples) < samples:
            self.samples.append(line["event"]["message"])


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An object that was set aside because it could not be read, or is none that we write.

    Attributes:
        key: where it is.
        size: bytes.
        stored: when it was set aside.
        reason: why it could not be read.
        events: how many can be read from it today; None where it cannot be read.
        advice: what helps.
    """

    key: str
    size: int
    stored: str
    reason: str
    events: int | None
    advice: str


@dataclass(slots=True)
class Findings:
    """All that is rejected, the most frequent first."""

    groups: list[Group]
    unreadable: list[Unreadable]

    @property
    def events(self) -> int:
        """How many events are rejected."""
        return sum(each.count for each in self.groups)


def collect(
    objects: Iterable[Pending], store: FailureStore, samples: int = SAMPLES, options: str = ""
) -> Findings:
    """Read rejected objects and group their events by reason; `options` are for the commands that help."""
    groups: dict[tuple[object, ...], Group] = {}
    unreadable: list[Unreadable] = []
    for each in objects:
        if each.size > MAX_CONTENT:
            reason = f"object has {each.size} bytes, and {MAX_CONTENT} are the most"
            unreadable.append(_describe(each, reason, None, advise_on_object(None, options)))
            continue
        try:
            content = withheld.read(store, each.key)
        except withheld.WithheldError as error:
            advice = WITHHELD.replace(OPTIONS, options)
            unreadable.append(_describe(each, f"S3 does not give it: {error}", None, advice))
            continue
        if content is None:
            continue
        try:
            for line in _read_lines(content):
                _find_group(groups, line, options).add(line, samples)
        except EnvelopeError as error:
            events, rest = _count_events(content)
            advice = advise_on_object(events, options, rest=rest)
            unreadable.append(_describe(each, str(error), events, advice))
    return Findings(sorted(groups.values(), key=lambda group: -group.count), unreadable)


def _read_lines(content: Content) -> list[dict[str, Any]]:
    """Return an object's lines, all of them whole."""
    if not content.rejected:
        raise EnvelopeError(content.reason)
    content.decode()  # raises where a line lacks what is needed here
    lines: list[dict[str, Any]] = [
        json.loads(line) for line in decompress(content.data, MAX_CONTENT).splitlines()
    ]
    wanted = {"status", "error_type", "index", "reason", "rejected_at", "log_group"}
    if any(wanted - line.keys() for line in lines):
        raise EnvelopeError("object does not say why its events were rejected")
    return lines


def _find_group(groups: dict[tuple[object, ...], Group], line: dict[str, Any], options: str) -> Group:
    what = (line["status"], line["error_type"], line["index"])
    # Ids and values in a reason differ from event to event.
    kind = _NUMBERS.sub("#", _IDS.sub("", line["reason"]))
    key = (*what, kind)
    if key not in groups:
        advice = advise(line["status"], line["error_type"], line["reason"], options)
        groups[key] = Group(*what, line["reason"], advice, line["rejected_at"], line["rejected_at"])
    return groups[key]


def _count_events(content: Content) -> tuple[int | None, str]:
    """Return how many events today's reader finds, and why it does not read the rest; empty where it does.

    There is no number where it finds no payload.
    """
    try:
        stored = content.read()
    except EnvelopeError as error:
        return None, str(error)
    return stored.events, stored.reason


def _describe(pending: Pending, reason: str, events: int | None, advice: str) -> Unreadable:
    stored = pending.modified.isoformat(timespec="seconds")
    return Unreadable(pending.key, pending.size, stored, reason, events, advice)
