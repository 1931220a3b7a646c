"""A real OpenSearch: how fast a replay fills it, and how much disk a record takes."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from opensearchpy import OpenSearch

from benchmarks.payloads import KINDS, Kind, Payload, make_payloads
from flowlogs.cluster.connection import install_template, open_client
from flowlogs.local.embedded import Embedded
from flowlogs.traffic.day import FORMATS
from handler.environment import Environment
from handler.failures import Content, Pending
from handler.opensearch import sender
from handler.replay import Replay
from parser.document import index_name
from parser.subscription import decode_event, encode

OBJECTS: Final = 30
"""Stored payloads of 1,000 events."""
RUNS: Final = 10


@dataclass(frozen=True, slots=True)
class Indexed:
    """What filling an index showed.

    Attributes:
        events: how many were replayed.
        seconds: how long that took.
        bytes: of the index on disk, merged into one segment, without a replica.
    """

    events: int
    seconds: float
    bytes: int


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


def measure_cluster(folder: Path) -> tuple[str, dict[tuple[str, str], Indexed]]:
    """Return the version of OpenSearch, and what was found by kind and by what KEEP_MESSAGE says."""
    results = {}
    with open_cluster(folder) as (node, version):
        _replay(node, "warm-up", KINDS[0], make_payloads(KINDS[0], "1000", OBJECTS), "always")
        for kind in (KINDS[0], KINDS[2]):
            payloads = make_payloads(kind, "1000", OBJECTS)
            for keep in ("always", "unparsed"):
                prefix = f"{kind.name}-{keep}"
                results[kind.name, keep] = _replay(node, prefix, kind, payloads, keep)
    return version, results


@contextmanager
def open_cluster(folder: Path) -> Iterator[tuple[Embedded, str]]:
    """Run an empty OpenSearch; yields it and its version."""
    with Embedded(folder / "opensearch") as node:
        yield node, node.release.version


def _replay(node: Embedded, prefix: str, kind: Kind, payloads: list[Payload], keep: str) -> Indexed:
    config, client = open_client(
        {
            "OPENSEARCH_URL": node.url,
            "INDEX_PREFIX": prefix,
            "LOG_FORMATS": FORMATS[kind.format],
            "KEEP_MESSAGE": keep,
        }
    )
    install_template(client, config)
    store: Any = MemoryStore()
    for number, payload in enumerate(payloads):
        store.objects[f"failed/{number}"] = encode(decode_event(payload.event))
    first = decode_event(payloads[0].event).events[0]
    client.indices.create(index=index_name(prefix, first.timestamp))  # not a part of what is measured
    started = time.perf_counter()
    for _ in range(RUNS):  # on a busy machine an answer may come too late, as in life
        environment = Environment(config, sender(client))
        Replay(environment, store, time_left=lambda: 600.0).run(store.list_pending())
        if not store.objects:
            break
    seconds = time.perf_counter() - started
    if store.objects:
        raise RuntimeError(f"{len(store.objects)} of {len(payloads)} objects could not be replayed")
    events = sum(payload.events for payload in payloads)
    return Indexed(events, seconds, _measure_disk(client, prefix, events))


def _measure_disk(client: OpenSearch, prefix: str, events: int) -> int:
    """Return the bytes of the index's files once it is one segment and what it was before is deleted."""
    sizes: list[int] = []
    for _ in range(RUNS):
        client.indices.forcemerge(index=f"{prefix}-*", max_num_segments=1)
        client.indices.flush(index=f"{prefix}-*")
        found = client.indices.stats(index=f"{prefix}-*")["_all"]["primaries"]
        if found["docs"]["count"] != events:
            raise RuntimeError(f"{found['docs']['count']} of {events} documents are in the index")
        sizes.append(found["store"]["size_in_bytes"])
        if found["segments"]["count"] == 1 and sizes[-2:-1] == sizes[-1:]:
            return sizes[-1]
        time.sleep(0.5)
    raise RuntimeError(f"the index does not come to rest: {sizes} bytes")
