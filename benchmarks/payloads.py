"""Payloads to measure with: what CloudWatch Logs hands to Lambda, from realistic traffic.

Each payload is of one log stream, as CloudWatch makes them. Of the small sizes there are several,
from different interfaces, so that no contender sees the same lines over and over.
"""

import datetime as dt
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

from flowlogs.traffic.day import FORMATS, VERSIONS, LambdaEvent, LogEvent, encode_event, event_id, render
from flowlogs.traffic.flows import Flows, Values
from flowlogs.traffic.network import Interface, build_network
from parser.format import parse_format

SEED: Final = 6
DAY: Final = dt.datetime(2026, 10, 1, 9, tzinfo=dt.UTC)
WINDOW: Final = 600
"""Seconds that one payload covers."""

LARGEST: Final = 1024 * 1024
"""Bytes of the event, as JSON: Lambda's limit for an asynchronous invocation."""

NO_DATA: Final = 0.01
SKIP_DATA: Final = 0.002
"""Shares of records that say that a window had no traffic, or was not captured."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A sort of payload.

    Attributes:
        name: as the tables show it.
        format: the name of the lines' format in `flowlogs.traffic.day.FORMATS`.
        extracted: whether each event carries its line's fields a second time, as text, as it does where
            the subscription's filter pattern names columns (which the console's wizard proposes).
    """

    name: str
    format: str
    extracted: bool = False

    @property
    def fields(self) -> tuple[str, ...]:
        """AWS's names of the fields of a line."""
        return tuple(field.name for field in parse_format(FORMATS[self.format]).fields)


KINDS: Final = (Kind("v2", "v2"), Kind("v2+fields", "v2", extracted=True), Kind("v5", "v5"))
MOST: Final = 40_000
"""More events than fit into a payload of any kind."""

SIZES: Final = {"10": 100, "50": 20, "200": 5, "1000": 3, "largest": 1}
"""Events in a payload, and how many different payloads of that size there are."""


@dataclass(frozen=True, slots=True)
class Payload:
    """One payload.

    Attributes:
        event: what Lambda hands to the function.
        events: how many log events are in it.
    """

    event: LambdaEvent
    events: int


def make_payloads(kind: Kind, size: str, number: int | None = None) -> list[Payload]:
    """Make payloads of a kind and size (`50`, `1000` or `largest`), the same in each run."""
    random = Random(f"{SEED} {kind.name} {size}")  # sample data
    lines = _Lines(random, kind)
    if size == "largest":
        return [_make_largest(lines)]
    return [lines.write(int(size)) for _ in range(number or SIZES[size])]


def _make_largest(lines: "_Lines") -> Payload:
    """Fill a payload up to Lambda's limit, with as many of one interface's events as fit."""
    events, wrap = lines.draw(MOST)
    count = MOST
    while True:
        event = wrap(events[:count])
        size = len(json.dumps(event))
        if size <= LARGEST:
            return Payload(event, count)
        count = min(count - 1, int(count * LARGEST / size * 0.999))


class _Lines:
    """Writes payloads, each of another interface."""

    def __init__(self, random: Random, kind: Kind) -> None:
        network = build_network(SEED)
        self._random = random
        self._kind = kind
        self._flows = Flows(random, network)
        candidates = [each for each in network.interfaces if not each.translates]
        self._interfaces = [each for each in candidates if self._knows_all(each)] or candidates
        self._written = 0

    def _knows_all(self, interface: Interface) -> bool:
        """Whether the interface has values for the format: its own format has at least these fields."""
        own = parse_format(FORMATS[interface.format]).fields
        return set(self._kind.fields) <= {field.name for field in own}

    def write(self, size: int) -> Payload:
        """Write the next payload."""
        events, wrap = self.draw(size)
        return Payload(wrap(events), size)

    def draw(self, size: int) -> tuple[list[LogEvent], Callable[[list[LogEvent]], LambdaEvent]]:
        """Draw events of the next interface; return them and what makes a Lambda event of such."""
        interface = self._interfaces[self._written % len(self._interfaces)]
        self._written += 1
        events = list(self._write_events(interface, int(DAY.timestamp()) + self._written * 7, size))
        owner, stream = interface.fixed["account-id"], f"{interface.fixed['interface-id']}-all"
        return events, lambda some: encode_event(owner, interface.log_group, stream, some)

    def _write_events(self, interface: Interface, start: int, size: int) -> Iterator[LogEvent]:
        random = self._random
        salt = random.getrandbits(64)
        offsets = sorted(int(random.random() * WINDOW) for _ in range(size))
        for sequence, offset in enumerate(offsets):
            second = start + offset
            values = self._draw(interface, second)
            line = render(self._kind.fields, values)
            identity = event_id(second * 1000, (start + WINDOW) * 1000, salt, sequence & 0xFFFF)
            event: LogEvent = {"id": identity, "timestamp": second * 1000, "message": line}
            if self._kind.extracted:
                names = (name.replace("-", "_") for name in self._kind.fields)
                event["extractedFields"] = dict(zip(names, line.split(" "), strict=True))
            yield event

    def _draw(self, interface: Interface, second: int) -> Values:
        random = self._random.random
        times: Values = {
            "version": VERSIONS[self._kind.format],
            "start": second,
            "end": second + 1 + int(random() * 60),
        }
        silent = random()
        if silent < NO_DATA + SKIP_DATA:
            who = {name: interface.fixed[name] for name in ("account-id", "interface-id")}
            return {**who, **times, "log-status": "NODATA" if silent < NO_DATA else "SKIPDATA"}
        return {**interface.fixed, **self._flows.draw(interface), **times, "log-status": "OK"}
