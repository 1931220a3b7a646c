"""What a document costs OpenSearch: processor time of the node, and bytes on disk.

The requests are made beforehand and sent one after the other over one connection, so that nothing but the
node is measured. What is counted is all that its process used from the first request until the documents can
be found and are on disk (refresh and flush).
"""

import http.client
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks.contest import expect, expect_of_console, measure_spread
from benchmarks.payloads import KINDS, Kind, Payload, make_payloads
from flowlogs.local.embedded import Embedded
from flowlogs.traffic.day import FORMATS
from handler.config import Config
from parser.bulk import Encoder
from parser.engine import Engine
from parser.format import Formats
from parser.index_template import index_template
from parser.reply import FILTER_PATH
from parser.subscription import decode_event

VERSIONS: Final = ("3.8.0", "2.19.1")
KIND: Final = KINDS[1]
PREFIX: Final = "cwl"
SIZES: Final = (10, 50, 200, 1_000)
"""Documents a request, as they come when a payload has so many events."""

DOCUMENTS: Final = 10_000
"""Of each cell in each round; a multiple of each size."""
ROUNDS: Final = 3
"""After one that warms the node up and counts nothing."""

BATCH: Final = 1_000
"""Events that small payloads have together in a batch."""
HELPERS_CHUNK: Final = 500
"""Documents that helpers.bulk sends at once unless it is told otherwise."""
MAX_BYTES: Final = 5 * 1024 * 1024
TRIES: Final = 40
STATS_SECONDS: Final = 1.1
"""After which OpenSearch's statistics of its process are new ones."""

OURS: Final = "flowlogs-opensearch"
BATCHED: Final = f"flowlogs-opensearch, {BATCH:,} events in a batch"
CONSOLE: Final = "console's function"
HELPERS: Final = "helpers.bulk"


@dataclass(frozen=True, slots=True)
class Request:
    """One request."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Cell:
    """A way of sending, with payloads of a size.

    Attributes:
        template: whether its index is made by our template; what has none gets what OpenSearch guesses.
    """

    label: str
    size: int
    requests: tuple[Request, ...]
    template: bool


@dataclass(slots=True)
class Cost:
    """What a cell was found to cost.

    Attributes:
        cpu: microseconds of the node's processor for each document that was sent, of each round.
        bytes: on disk for each document that is in the index, merged into one segment, without a replica.
        refused: how many documents the index did not take, in a round.
    """

    cpu: list[float] = field(default_factory=list)
    bytes: float = 0.0
    refused: int = 0


Costs = dict[tuple[str, int], Cost]
"""By label and size."""


def measure_costs(folder: Path, version: str, *, documents: int = DOCUMENTS, rounds: int = ROUNDS) -> Costs:
    """Measure all cells on a node of a version of its own, in interleaved rounds."""
    cells = list(make_cells(KIND, documents))
    costs: Costs = {(cell.label, cell.size): Cost() for cell in cells}
    with Embedded(folder / version, version) as node:
        for round_number in range(-1, rounds):
            for cell in cells:
                prepare(node, template=cell.template)
                used = fill(node, cell)
                if round_number >= 0:
                    costs[cell.label, cell.size].cpu.append(used / documents * 1e6)
                if round_number == rounds - 1:
                    count, size = measure_disk(node, PREFIX)
                    costs[cell.label, cell.size].bytes = size / count
                    costs[cell.label, cell.size].refused = documents - count
    return costs


def make_cells(kind: Kind, documents: int) -> Iterator[Cell]:
    """Yield what is measured."""
    formats = Formats.from_text(FORMATS[kind.format])
    for size in SIZES:
        payloads = make_payloads(kind, str(size), documents // size)
        single = [[payload] for payload in payloads]
        yield Cell(OURS, size, tuple(_encode(single, formats)), template=True)
        if size < BATCH:
            several = [payloads[at : at + BATCH // size] for at in range(0, len(payloads), BATCH // size)]
            yield Cell(BATCHED, size, tuple(_encode(several, formats)), template=True)
        yield Cell(CONSOLE, size, tuple(_write_plain(payloads, kind, expect_of_console)), template=False)
        yield Cell(HELPERS, size, tuple(_write_plain(payloads, kind, expect, HELPERS_CHUNK)), template=True)


def _encode(batches: Sequence[Sequence[Payload]], formats: Formats) -> Iterator[Request]:
    """Yield our requests, of batches of payloads."""
    headers = {"content-type": "application/x-ndjson", "content-encoding": "gzip"}
    for batch in batches:
        encoder = Encoder(formats, prefix=PREFIX, max_bytes=MAX_BYTES, keep_message=True)
        bodies = [
            body
            for number, each in enumerate(batch)
            for body in encoder.add(number, decode_event(each.event))
        ]
        for body in (*bodies, *encoder.finish()):
            yield Request(f"/{body.index}/_bulk?filter_path={FILTER_PATH}", headers, body.data)


def _write_plain(
    payloads: Sequence[Payload], kind: Kind, describe: Callable[[Payload, Kind], Any], most: int = BATCH
) -> Iterator[Request]:
    """Yield the requests of those who compress nothing, and ask for the whole answer."""
    for payload in payloads:
        rows = [
            json.dumps({"index": {"_index": index, "_id": identity}}) + "\n" + json.dumps(document) + "\n"
            for index, identity, document in describe(payload, kind)
        ]
        for at in range(0, len(rows), most):
            body = "".join(rows[at : at + most]).encode()
            yield Request("/_bulk", {"content-type": "application/json"}, body)


def prepare(node: Embedded, *, template: bool) -> None:
    """Empty the cluster; our index template is there, or none."""
    node.request("DELETE", f"/{PREFIX}-*")
    node.request("DELETE", f"/_index_template/{PREFIX}")
    if template:
        put_template(node, Config.from_environ({"OPENSEARCH_URL": node.url, "OPENSEARCH_AUTH": "none"}))


def put_template(node: Embedded, config: Config) -> None:
    """Install the index template of a configuration, however long a busy machine takes for it.

    Raises:
        RuntimeError: it was refused.
    """
    major, minor, _ = node.release.version.split(".")
    wanted = index_template(
        config.index_prefix,
        config.formats,
        engine=Engine((int(major), int(minor))),
        search_message=config.search_message,
        shards=config.index_shards,
        replicas=config.index_replicas,
    )
    status, reply = node.request("PUT", f"/_index_template/{config.index_prefix}", wanted)
    if status != http.HTTPStatus.OK:
        raise RuntimeError(f"the index template was refused: {reply}")


def fill(node: Embedded, cell: Cell) -> float:
    """Send a cell's requests; return the seconds of the processor that the node used."""
    connection = http.client.HTTPConnection("127.0.0.1", node.port)
    started = read_cpu(node)
    for request in cell.requests:
        connection.request("POST", request.path, request.body, dict(request.headers))
        answer = connection.getresponse()
        told = answer.read()
        if answer.status != http.HTTPStatus.OK:
            raise RuntimeError(f"{cell.label}: {answer.status} {told[:300]!r}")
    connection.close()
    node.request("POST", f"/{PREFIX}-*/_refresh")
    node.request("POST", f"/{PREFIX}-*/_flush")
    return read_cpu(node) - started


def read_cpu(node: Embedded) -> float:
    """Return the seconds of the processor that a node's process has used so far.

    The system is asked where it tells (Linux): what OpenSearch says of itself is up to a second old.
    """
    _, reply = node.request("GET", "/_nodes/_local/process")
    (about,) = reply["nodes"].values()
    stat = Path(f"/proc/{about['process']['id']}/stat")
    if stat.exists():
        times = stat.read_text().rpartition(")")[2].split()  # behind the name, which may hold blanks
        return (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")
    time.sleep(STATS_SECONDS)
    _, reply = node.request("GET", "/_nodes/_local/stats/process")
    (stats,) = reply["nodes"].values()
    return float(stats["process"]["cpu"]["total_in_millis"]) / 1000


def measure_disk(node: Embedded, prefix: str) -> tuple[int, int]:
    """Return how many documents a prefix's indices hold, and their bytes once each is one segment.

    Raises:
        RuntimeError: the indices do not come to rest.
    """
    sizes: list[int] = []
    for _ in range(TRIES):
        node.request("POST", f"/{prefix}-*/_forcemerge?max_num_segments=1")
        node.request("POST", f"/{prefix}-*/_flush")
        _, reply = node.request("GET", f"/{prefix}-*/_stats/docs,store,segments")
        shards, found = reply["_shards"]["successful"], reply["_all"]["primaries"]
        sizes.append(found["store"]["size_in_bytes"])
        if found["segments"]["count"] <= shards and sizes[-2:-1] == sizes[-1:]:
            return found["docs"]["count"], sizes[-1]
        time.sleep(0.1)  # what was merged is deleted by itself, soon after
    raise RuntimeError(f"the index does not come to rest: {sizes} bytes")


def tabulate_costs(costs: Costs) -> list[tuple[str, ...]]:
    """Return the rows of a table: the node's CPU a document, by way and size, with its spread."""
    return _tabulate(costs, "node CPU, µs a document (± %)", _show_cpu)


def tabulate_bytes(costs: Costs) -> list[tuple[str, ...]]:
    """Return the rows of a table: the bytes on disk of a document, by way and size."""
    return _tabulate(costs, "bytes on disk a document", lambda cost: f"{cost.bytes:.0f}")


def _tabulate(costs: Costs, head: str, show: Callable[[Cost], str]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [(head, *(f"{size:,} a payload" for size in SIZES))]
    for label in (OURS, BATCHED, CONSOLE, HELPERS):
        cells = (costs.get((label, size)) for size in SIZES)
        rows.append((label, *(show(cell) if cell else "-" for cell in cells)))
    return rows


def _show_cpu(cost: Cost) -> str:
    spread = f" (± {measure_spread(cost.cpu) * 100:.0f})" if len(cost.cpu) > 1 else ""
    return f"{statistics.median(cost.cpu):.1f}{spread}"


def compare_costs(costs: Costs, one: tuple[str, int], other: tuple[str, int]) -> float:
    """Return the one's node CPU a document divided by the other's: the median over the rounds."""
    pairs = zip(costs[one].cpu, costs[other].cpu, strict=True)
    return statistics.median(a / b for a, b in pairs)
