"""What events cost: from what was measured (measured.json), what AWS bills (prices.toml), what is assumed."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from flowlogs.pricing.prices import price

MEASURED: Final = Path(__file__).with_name("measured.json")
"""What the last run of the benchmark measured, as it wrote it."""

FULL_PROCESSOR: Final = 1769
"""MB of memory at which Lambda gives one processor; with less, a part of it."""
WAIT: Final = 0.15
"""Seconds that OpenSearch needs for an answer: an assumption."""
USUAL_MEMORY: Final = 256
"""MB: MemorySize, unless another is given."""

LAMBDAS_LINES: Final = 400
"""Bytes that Lambda itself writes about an invocation (start, end, report): about so many."""

GB: Final = 1024**3
PAYLOAD: Final = 50
"""Events of an ordinary interface's payload."""

BATCH_RECORDS: Final = 1_000
WINDOW_SECONDS: Final = 5
"""Of the stream's event source mapping, as the template has them."""
ON_DEMAND_SHARDS: Final = 4
"""That a stream on demand begins with."""
SHARD_BYTES: Final = 500_000
"""A second, for which a shard is reckoned: half of what it takes."""
PUT_UNIT: Final = 25 * 1024


@dataclass(frozen=True, slots=True)
class Measured:
    """What a run of the benchmark measured, as far as costs follow from it.

    Attributes:
        forward_cpu: processor microseconds an event of the forward function, v2 with extracted fields, by the
            events of a payload ("50", "1000").
        stream_cpu: the same of the stream function, with payloads of 50.
        forward_log, stream_log: bytes that an invocation of each writes into its log.
        record_bytes: a compressed payload of 50.
        replay_cpu: processor microseconds an event of the replay function, v2, by the events of an object.
        node_cpu: processor microseconds a document of OpenSearch's node, by the events of a request.
        line_bytes: of a flow log line, by the version of its format ("v2", "v5").
        disk_bytes: of a document in a merged index, by the same.
        console_cpu, console_node_cpu: of the function that the console generates, as `forward_cpu` and
            `node_cpu`.
        document_bytes, console_document_bytes: of a document in a small merged index, ours and that
            function's, each measured alike, by the events of a request.
    """

    forward_cpu: dict[str, float]
    stream_cpu: float
    forward_log: int
    stream_log: int
    record_bytes: int
    replay_cpu: dict[str, float]
    node_cpu: dict[str, float]
    line_bytes: dict[str, float]
    disk_bytes: dict[str, float]
    console_cpu: dict[str, float]
    console_node_cpu: dict[str, float]
    document_bytes: dict[str, float]
    console_document_bytes: dict[str, float]


def read_measured(path: Path = MEASURED) -> Measured:
    """Return what the last run measured."""
    return Measured(**json.loads(path.read_text(encoding="utf-8")))


def write_measured(measured: Measured, path: Path = MEASURED) -> None:
    """Keep what a run measured, for costs to follow from it."""
    path.write_text(json.dumps(asdict(measured), indent=1) + "\n", encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Cost:
    """Dollars for a million events.

    Attributes:
        computing: Lambda's time, memory and requests.
        lines: what the function and Lambda write into the log.
        stream: hours and bytes of the stream.
    """

    computing: float
    lines: float
    stream: float = 0.0

    @property
    def total(self) -> float:
        """All of it."""
        return self.computing + self.lines + self.stream


def estimate(cpu_us: float, batch: float, memory_mb: int) -> float:
    """Return dollars of computing for a million events, given CPU µs an event and events a batch."""
    seconds = WAIT + batch * cpu_us / 1e6 * max(1.0, FULL_PROCESSOR / memory_mb)
    one = seconds * memory_mb / 1024 * price("lambda_gb_second") + price("lambda_request")
    return 1e6 / batch * one


def estimate_lines(log_bytes: int, batch: float) -> float:
    """Return dollars for a million events of what is written about their invocations."""
    return 1e6 / batch * (log_bytes + LAMBDAS_LINES) / GB * price("logs_gb")


def cost_direct(measured: Measured, events: int = PAYLOAD) -> Cost:
    """Return what the forward function costs, with so many events a payload, whatever their rate."""
    computing = estimate(interpolate(measured.forward_cpu, events), events, USUAL_MEMORY)
    return Cost(computing, estimate_lines(measured.forward_log, events))


def interpolate(by_size: Mapping[str, float], events: int) -> float:
    """Return processor microseconds an event, where those with 50 and 1,000 events together are known.

    A request costs something, and each event in it: two sizes tell both.
    """
    small, large = by_size["50"], by_size["1000"]
    request = max(0.0, (small - large) / (1 / 50 - 1 / 1000))
    return max(0.0, large - request / 1000) + request / events


def cost_stream(measured: Measured, rate: float, *, on_demand: bool) -> Cost:
    """Return what the way through a stream costs, with payloads of 50, at so many events a second."""
    shards = ON_DEMAND_SHARDS if on_demand else count_shards(measured, rate)
    batch = min(BATCH_RECORDS * PAYLOAD, max(PAYLOAD, rate * WINDOW_SECONDS / shards))
    computing = estimate(measured.stream_cpu, batch, USUAL_MEMORY)
    records = 1e6 / PAYLOAD
    hours = 1e6 / rate / 3600
    if on_demand:
        gb = records * math.ceil(measured.record_bytes / 1024) * 1024 / GB
        each = price("kinesis_on_demand_gb_in") + price("kinesis_on_demand_gb_out")
        stream = hours * price("kinesis_on_demand_hour") + gb * each
    else:
        units = records * math.ceil(measured.record_bytes / PUT_UNIT)
        stream = hours * shards * price("kinesis_shard_hour") + units * price("kinesis_put_unit")
    return Cost(computing, estimate_lines(measured.stream_log, batch), stream)


def count_shards(measured: Measured, rate: float) -> int:
    """Return how many provisioned shards a rate needs, each at half of what it takes."""
    return max(1, math.ceil(rate / PAYLOAD * measured.record_bytes / SHARD_BYTES))


PROCESSOR: Final = ("r7g.large.search", 2)
"""A node's type, and its processors, by whose price a processor's time is reckoned."""
KEPT_MONTHS: Final = 1
"""That a document lies on the disk."""


def cost_processor(cpu_us: float) -> float:
    """Return dollars for a million documents that take so many microseconds of a node's processor each.

    As if all of the processor could be used: what a cluster keeps free comes on top, for everybody alike.
    """
    kind, processors = PROCESSOR
    return cpu_us / 3600 * price(f"nodes.{kind}") / processors


def cost_disk(document_bytes: float) -> float:
    """Return dollars for a million documents that lie on a gp3 disk for a month, in one copy."""
    return 1e6 * document_bytes / GB * KEPT_MONTHS * price("opensearch_gp3_gb_month")


def find_break_even(measured: Measured, *, on_demand: bool) -> int:
    """Return the events a second from which on a stream costs less, rounded up to a ten."""
    direct = cost_direct(measured).total
    rates = range(10, 1_000_000, 10)
    return next(rate for rate in rates if cost_stream(measured, rate, on_demand=on_demand).total <= direct)


REPLAY_MEMORY: Final = 1024
"""MB: ReplayMemorySize, unless another is given."""
WORKING_SECONDS: Final = 260
"""Of each five minutes, in which a run of the replay works: it may last ten seconds less than these, and 30
are reckoned for starting, for counting what waits, and for storing what is left."""
WORKING_SHARE: Final = WORKING_SECONDS / 300
"""Of the time, in which a replay works."""


def rate_of_replay(measured: Measured, size: str) -> float:
    """Return events a second of a run, by its part of a processor, from objects of so many events."""
    return 1e6 / measured.replay_cpu[size] * REPLAY_MEMORY / FULL_PROCESSOR


def cost_replay(measured: Measured, size: str, events: int) -> tuple[float, float]:
    """Return dollars for replaying so many events from objects of a size: of the function, and of S3."""
    seconds = events / rate_of_replay(measured, size)
    objects = events / int(size)
    computing = seconds * REPLAY_MEMORY / 1024 * price("lambda_gb_second")
    return computing, objects * (price("s3_put") + price("s3_get"))


TRIES_AN_HOUR: Final = 3600
"""Of a shard whose records are left: Lambda polls each shard once a second ("Polling and batching streams",
Lambda Developer Guide). How soon it hands over again what was left AWS does not say: an assumption."""
WAITING_LINE: Final = 464
"""Bytes of `stream.done` where all records are left without being sent."""
WAITING_SECONDS: Final = 0.2
"""Of such an invocation, nearly all of it for reading the event of up to 6 MB: an assumption."""


def cost_waiting(shards: int, hours: float) -> Cost:
    """Return dollars for all that the stream function does while OpenSearch takes nothing."""
    tries = TRIES_AN_HOUR * shards * hours
    gb_seconds = tries * WAITING_SECONDS * USUAL_MEMORY / 1024
    computing = gb_seconds * price("lambda_gb_second") + tries * price("lambda_request")
    return Cost(computing, tries * (WAITING_LINE + LAMBDAS_LINES) / GB * price("logs_gb"))
