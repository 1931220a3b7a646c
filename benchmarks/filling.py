"""A real OpenSearch filled by a replay: how fast, beside full requests by hand, and how much disk."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from benchmarks.cluster import measure_disk, put_template
from benchmarks.payloads import KINDS, Kind, Payload, make_payloads
from flowlogs.cluster.connection import open_client
from flowlogs.local.embedded import Embedded
from flowlogs.traffic.day import FORMATS
from handler.config import STORED, UNPARSED
from handler.environment import Environment
from handler.failures import Content, Pending
from handler.opensearch import READ_SECONDS, sender
from handler.replay import Replay
from parser.bulk import Body
from parser.subscription import decode_event, encode

EVENTS: Final = 30_000
SIZES: Final = ("50", "1000")
"""Events in a stored object."""
ROUNDS: Final = 3
"""After one that warms the node up and counts nothing."""
RUNS: Final = 10


@dataclass(slots=True)
class Filled:
    """What filling an index showed.

    Attributes:
        replayed: events a second of the replay, of each round.
        by_hand: events a second of the same documents in full requests, made beforehand and sent one after
            the other.
    """

    replayed: list[float] = field(default_factory=list)
    by_hand: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """The replay's rate, divided by the one by hand: the median over the rounds."""
        return statistics.median(a / b for a, b in zip(self.replayed, self.by_hand, strict=True))


@dataclass(frozen=True, slots=True)
class Filling:
    """What was measured.

    Attributes:
        rates: by the size of the objects.
        disk: bytes a record, by kind and by what KEEP_MESSAGE says.
    """

    rates: dict[str, Filled]
    disk: dict[tuple[str, str], float]


@dataclass(slots=True)
class MemoryStore:
    """A failure store without S3: what is measured is the replay and OpenSearch."""

    objects: dict[str, bytes] = field(default_factory=dict)
    kept: int = 0

    def list_pending(self) -> list[Pending]:
        """Return what is stored."""
        now = datetime.now(UTC)
        return [Pending(key, len(data), now, "") for key, data in self.objects.items()]

    def read(self, key: str) -> Content:
        """Return a stored object."""
        return Content(self.objects[key], etag="", attempts=1, reason="", log_group="", rejected=False)

    def drop_all(self, objects: Sequence[Pending]) -> dict[str, str]:
        """Forget objects."""
        for each in objects:
            del self.objects[each.key]
        return {}


def measure_filling(folder: Path, *, events: int = EVENTS, rounds: int = ROUNDS) -> Filling:
    """Fill a node of its own, in interleaved rounds."""
    with Embedded(folder / "filling") as node:
        rates = {size: Filled() for size in SIZES}
        for number in range(-1, rounds):
            for size, filled in rates.items():
                payloads = make_payloads(KINDS[0], size, events // int(size))
                replayed = _fill(node, KINDS[0], payloads, _replay)
                by_hand = _fill(node, KINDS[0], payloads, _send_by_hand)
                if number >= 0:
                    filled.replayed.append(events / replayed)
                    filled.by_hand.append(events / by_hand)
        disk = {}
        for kind in (KINDS[0], KINDS[2]):
            payloads = make_payloads(kind, "1000", events // 1000)
            for keep in (STORED, "indexed", UNPARSED):
                _fill(node, kind, payloads, _send_by_hand, keep=keep)
                count, size_in_bytes = measure_disk(node, "filling")
                disk[kind.name, keep] = size_in_bytes / count
        return Filling(rates, disk)


Fill = Callable[[Environment, list[Payload]], float]
"""Send payloads; return the seconds that it took."""


def _fill(node: Embedded, kind: Kind, payloads: list[Payload], fill: Fill, keep: str = STORED) -> float:
    """Fill an index that is new, and see that all is there; return the seconds that it took."""
    node.request("DELETE", "/filling-*")
    environ = {"OPENSEARCH_URL": node.url, "INDEX_PREFIX": "filling", "KEEP_MESSAGE": keep}
    config, client = open_client({**environ, "LOG_FORMATS": FORMATS[kind.format]})
    put_template(node, config)
    first = decode_event(payloads[0].event).events[0]
    day = datetime.fromtimestamp(first.timestamp / 1000, UTC)
    node.request("PUT", f"/filling-{day:%Y.%m.%d}")  # not a part of what is measured
    seconds = fill(Environment(config, sender(client)), payloads)
    node.request("POST", "/filling-*/_refresh")
    count = node.request("GET", "/filling-*/_count")[1]["count"]
    if count != sum(payload.events for payload in payloads):
        raise RuntimeError(f"{count} documents are in the index")
    return seconds


def _replay(environment: Environment, payloads: list[Payload]) -> float:
    store: Any = MemoryStore()
    for number, payload in enumerate(payloads):
        store.objects[f"failed/{number:06}"] = encode(decode_event(payload.event))
    started = time.perf_counter()
    for _ in range(RUNS):  # on a busy machine an answer may come too late, as in life
        Replay(environment, store, time_left=lambda: 600.0).run(store.list_pending())
        if not store.objects:
            return time.perf_counter() - started
    raise RuntimeError(f"{len(store.objects)} of {len(payloads)} objects could not be replayed")


def _send_by_hand(environment: Environment, payloads: list[Payload]) -> float:
    bodies = list(_encode(environment, payloads))
    started = time.perf_counter()
    for body in bodies:
        status, _ = environment.send(body, 6 * READ_SECONDS)
        if status != 200:
            raise RuntimeError(f"OpenSearch answered {status}")
    return time.perf_counter() - started


def _encode(environment: Environment, payloads: list[Payload]) -> list[Body]:
    encoder = environment.make_encoder()
    bodies = [
        body for number, each in enumerate(payloads) for body in encoder.add(number, decode_event(each.event))
    ]
    return [*bodies, *encoder.finish()]


def tabulate_rates(filling: Filling) -> list[tuple[str, ...]]:
    """Return the rows of a table: what the replay reaches beside full requests by hand."""
    rows: list[tuple[str, ...]] = [
        ("v2, without S3", "replay, events/s", "full requests by hand, events/s", "replay / by hand")
    ]
    rows += [
        (
            f"objects of {int(size):,}",
            f"{statistics.median(filled.replayed):,.0f}",
            f"{statistics.median(filled.by_hand):,.0f}",
            f"{filled.ratio:.2f}",
        )
        for size, filled in filling.rates.items()
    ]
    return rows


def tabulate_disk(filling: Filling) -> list[tuple[str, ...]]:
    """Return the rows of a table: bytes on disk."""
    rows: list[tuple[str, ...]] = [("records, KEEP_MESSAGE", "bytes on disk a record")]
    rows += [(f"{kind}, {keep}", f"{size:.0f}") for (kind, keep), size in filling.disk.items()]
    return rows
