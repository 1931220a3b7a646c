"""A realistic day of flow logs, as Lambda receives it, and the truth about it.

The network (accounts, VPCs, interfaces, peers) comes from the seed; what happens comes from seed, day
and number of records, so that the same arguments give the same events with the same ids. Every payload
carries a `Summary` of what was written into it, counted while writing: a demo or a test compares what
arrived with what was sent, and no code of the parser is in between.
"""

import base64
import datetime as dt
import itertools
import json
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from random import Random
from types import MappingProxyType
from typing import Final

from flowlogs.traffic.flows import Flows, Values
from flowlogs.traffic.network import Interface, Network, build_network
from parser.fields import FIELDS
from parser.format import DEFAULT

SEED: Final = 20


def _up_to(*versions: str) -> str:
    return " ".join(f"${{{field.name}}}" for field in FIELDS if field.version in versions)


FORMATS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "v2": DEFAULT,
        "nat": DEFAULT + " ${pkt-srcaddr} ${pkt-dstaddr} ${flow-direction} ${traffic-path}",
        "v5": _up_to("2", "3", "4", "5"),
        "all": _up_to("2", "3", "4", "5", "7", "8", "9", "10", "11"),
    }
)
"""The formats in use, by name: 14, 18, 29 and 54 fields. Joined with `;` they are LOG_FORMATS."""

VERSIONS: Final = MappingProxyType({"v2": 2, "nat": 5, "v5": 5, "all": 11})
"""What the field `version` says in each format: the highest version among the fields."""

_FIELDS: Final = {name: tuple(re.findall(r"\$\{([^}]+)\}", text)) for name, text in FORMATS.items()}

DAY: Final = 86_400
WINDOW: Final = 600
"""Seconds that one payload covers: the default aggregation interval."""
LONGEST_RECORD: Final = 60
LARGEST_BATCH: Final = 4_000
RECORDS_PER_BROKEN_LINE: Final = 6_000
HOURS: Final = (3, 2, 2, 2, 2, 3, 4, 6, 9, 11, 12, 12, 11, 11, 12, 12, 11, 10, 8, 7, 7, 6, 5, 4)
"""How busy each hour of the day is (UTC)."""

NO_DATA: Final = 0.005
SKIP_DATA: Final = 0.001

LambdaEvent = dict[str, dict[str, str]]
LogEvent = dict[str, object]


@dataclass(frozen=True, slots=True)
class Summary:
    """What is in one payload, or in several: lines by what becomes of them.

    `received` is the sum of `unparsed`, `no_data`, `skip_data`, `accepted` and `rejected`, all of them
    lines. `accepted_bytes` and `rejected_bytes` are the sums of the field `bytes` by action.
    """

    received: int = 0
    unparsed: int = 0
    no_data: int = 0
    skip_data: int = 0
    accepted: int = 0
    rejected: int = 0
    accepted_bytes: int = 0
    rejected_bytes: int = 0

    def __add__(self, other: "Summary") -> "Summary":
        return Summary(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True, slots=True)
class Payload:
    """One Lambda event and what is true of it.

    Attributes:
        event: what the forward function is given.
        owner: the account, twelve digits.
        log_group: the log group's name.
        log_stream: one per interface.
        format: the name of the lines' format in `FORMATS`.
        summary: what the lines are.
    """

    event: LambdaEvent
    owner: str
    log_group: str
    log_stream: str
    format: str
    summary: Summary

    @property
    def lines(self) -> int:
        """The number of lines, good and broken."""
        return self.summary.received


def summarize(payloads: Iterable[Payload]) -> Summary:
    """Add up what is true of the payloads; the counts of `generate_day` over a whole day."""
    return sum((payload.summary for payload in payloads), Summary())


def render(fields: Iterable[str], values: Mapping[str, object]) -> str:
    """Write a line: the values in the order of the fields, `-` for those that are absent."""
    return " ".join(map(str, map(values.get, fields, itertools.repeat("-"))))


def event_id(timestamp: int, ingestion: int, salt: int, sequence: int) -> str:
    """Return an event id of the shape that CloudWatch Logs gives: 56 decimal digits, rising with time.

    `timestamp` and `ingestion` are milliseconds, `salt` has up to 64 bits and `sequence` up to 16.
    """
    return str(timestamp << 144 | ingestion << 80 | salt << 16 | sequence)


def encode_event(owner: str, log_group: str, log_stream: str, events: Sequence[LogEvent]) -> LambdaEvent:
    """Make the event that a subscription filter hands to Lambda.

    `events` are mappings with `id`, `timestamp` (milliseconds) and `message`.
    """
    return encode_payload(
        {
            "messageType": "DATA_MESSAGE",
            "owner": owner,
            "logGroup": log_group,
            "logStream": log_stream,
            "subscriptionFilters": ["flowlogs"],
            "logEvents": events,
        }
    )


def encode_payload(payload: Mapping[str, object]) -> LambdaEvent:
    """Wrap a payload as Lambda gets it: base64 of gzip of JSON.

    The JSON is ASCII, so that any text passes, lone surrogates too. The gzip header has no time, so
    that equal input gives equal output.
    """
    text = json.dumps(payload, separators=(",", ":")).encode("ascii")
    compressor = zlib.compressobj(4, wbits=zlib.MAX_WBITS | 16)
    data = compressor.compress(text) + compressor.flush()
    return {"awslogs": {"data": base64.b64encode(data).decode("ascii")}}


def generate_day(day: dt.date, *, records: int = 120_000, seed: int = SEED) -> Iterator[Payload]:
    """Yield the payloads of one UTC day, in the order of time, one at a time.

    Every record starts and ends within the day. `records` is the exact number of lines.
    """
    network = build_network(seed)
    random = Random(f"{seed} {day.isoformat()} {records}")  # noqa: S311  # sample data
    midnight = int(dt.datetime.combine(day, dt.time(), dt.UTC).timestamp())
    broken = set(random.sample(range(records), round(records / RECORDS_PER_BROKEN_LINE)))
    writer = _Writer(random, network, broken)
    for second, interface, size in _plan(random, network, records):
        yield writer.write_payload(interface, midnight + second, size)


def _plan(random: Random, network: Network, records: int) -> list[tuple[int, Interface, int]]:
    """Draw the payloads of a day: second it begins, interface, number of lines; sorted by time.

    Most payloads are tens of lines, some hundreds, a few thousands: a log-normal distribution.
    """
    weights = [interface.activity for interface in network.interfaces]
    hours = range(len(HOURS))
    latest = DAY - WINDOW - LONGEST_RECORD
    drawn = []
    while records:
        size = min(records, LARGEST_BATCH, 1 + int(random.lognormvariate(2.9, 1.45)))
        hour = random.choices(hours, HOURS)[0]
        second = min(int((hour + random.random()) * 3600), latest)
        drawn.append((second, random.choices(network.interfaces, weights)[0], size))
        records -= size
    drawn.sort(key=lambda payload: payload[0])
    return drawn


def _replace(position: int, token: str) -> Callable[[str], str]:
    def replace(line: str) -> str:
        tokens = line.split(" ")
        tokens[position] = token
        return " ".join(tokens)

    return replace


BREAKAGES: Final[tuple[Callable[[str], str], ...]] = (
    lambda line: line.rsplit(" ", 5)[0],
    lambda line: line + " surplus",
    _replace(5, "70000"),
    _replace(3, "10.0.0.300"),
    _replace(6, "0443"),
    lambda line: f'agent "flow\\log" stopped after {len(line)} characters',
)
"""What can be wrong with a line: cut short, too long, bad port, bad address, leading zero, no record.

Every format begins with the fields of version 2, so the positions hold for all.
"""


class _Writer:
    """Writes payloads, one after the other."""

    def __init__(self, random: Random, network: Network, broken: set[int]) -> None:
        self._random = random
        self._flows = Flows(random, network)
        self._broken = broken
        self._breakages = itertools.cycle(BREAKAGES)
        self._written = itertools.count()

    def write_payload(self, interface: Interface, start: int, size: int) -> Payload:
        """Write one payload of lines that start in the ten minutes after `start` (seconds)."""
        random = self._random
        salt = random.getrandbits(64)
        ingestion = (start + WINDOW + int(random.random() * WINDOW / 2)) * 1_000
        lines: Counter[str] = Counter()
        volume: Counter[str] = Counter()
        events: list[LogEvent] = []
        for sequence, offset in enumerate(sorted(int(random.random() * WINDOW) for _ in range(size))):
            message, outcome, amount = self._write_line(interface, start + offset)
            lines[outcome] += 1
            volume[outcome] += amount
            timestamp = (start + offset) * 1_000
            identity = event_id(timestamp, ingestion, salt, sequence)
            events.append({"id": identity, "timestamp": timestamp, "message": message})
        owner, stream = interface.fixed["account-id"], f"{interface.fixed['interface-id']}-all"
        return Payload(
            event=encode_event(owner, interface.log_group, stream, events),
            owner=owner,
            log_group=interface.log_group,
            log_stream=stream,
            format=interface.format,
            summary=_count(lines, volume),
        )

    def _write_line(self, interface: Interface, start: int) -> tuple[str, str, int]:
        """Return a line, what becomes of it, and how many bytes it accounts for."""
        random = self._random.random
        fields, fixed = _FIELDS[interface.format], interface.fixed
        known: Values = {
            "version": VERSIONS[interface.format],
            "start": start,
            "end": start + 1 + int(random() * LONGEST_RECORD),
        }
        broken = next(self._written) in self._broken
        silent = random()
        if silent < NO_DATA + SKIP_DATA and not broken:
            status = "NODATA" if silent < NO_DATA else "SKIPDATA"
            who = {name: fixed[name] for name in ("account-id", "interface-id")}
            return render(fields, known | who | {"log-status": status}), status, 0
        flow = self._flows.draw(interface)
        line = render(fields, {**fixed, **flow, **known, "log-status": "OK"})
        if broken:
            return next(self._breakages)(line), "unparsed", 0
        return line, str(flow["action"]), int(str(flow["bytes"]))


def _count(lines: Counter[str], volume: Counter[str]) -> Summary:
    return Summary(
        received=lines.total(),
        unparsed=lines["unparsed"],
        no_data=lines["NODATA"],
        skip_data=lines["SKIPDATA"],
        accepted=lines["ACCEPT"],
        rejected=lines["REJECT"],
        accepted_bytes=volume["ACCEPT"],
        rejected_bytes=volume["REJECT"],
    )
