"""What events cost: from what was measured (results.json), what AWS bills (prices.toml), what is assumed."""

import json
import math
import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from benchmarks.contest import CONSOLE, OURS, Result
from benchmarks.prices import price

RESULTS: Final = Path(__file__).with_name("results.json")

FULL_PROCESSOR: Final = 1769
"""MB of memory at which Lambda gives one processor; with less, a part of it."""
WAIT: Final = 0.15
"""Seconds that OpenSearch needs for an answer: an assumption."""
MEMORY: Final = (128, 256, 512, 1024, 1769)
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
    """

    forward_cpu: dict[str, float]
    stream_cpu: float
    forward_log: int
    stream_log: int
    record_bytes: int
    replay_cpu: dict[str, float]
    node_cpu: dict[str, float]


def read_measured(path: Path = RESULTS) -> Measured:
    """Return what the last run measured."""
    return Measured(**json.loads(path.read_text())["measured"])


def store_measured(measured: Measured) -> dict[str, object]:
    """Return it as results.json has it."""
    return asdict(measured)


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
    """Return what the forward function costs, with payloads of 50 or 1,000 events, whatever their rate."""
    computing = estimate(measured.forward_cpu[str(events)], events, USUAL_MEMORY)
    return Cost(computing, estimate_lines(measured.forward_log, events))


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


def find_break_even(measured: Measured, *, on_demand: bool) -> int:
    """Return the events a second from which on a stream costs less, rounded up to a ten."""
    direct = cost_direct(measured).total
    rates = range(10, 1_000_000, 10)
    return next(rate for rate in rates if cost_stream(measured, rate, on_demand=on_demand).total <= direct)


REPLAY_MEMORY: Final = 1024
"""MB: ReplayMemorySize, unless another is given."""
WORKING_SHARE: Final = 0.8
"""Of the time a replay works: a run begins each five minutes, and ends a minute before the next."""


def rate_of_replay(measured: Measured, size: str) -> float:
    """Return events a second of a run, by its part of a processor, from objects of so many events."""
    return 1e6 / measured.replay_cpu[size] * REPLAY_MEMORY / FULL_PROCESSOR


def cost_replay(measured: Measured, size: str, events: int) -> tuple[float, float]:
    """Return dollars for replaying so many events from objects of a size: of the function, and of S3."""
    seconds = events / rate_of_replay(measured, size)
    objects = events / int(size)
    computing = seconds * REPLAY_MEMORY / 1024 * price("lambda_gb_second")
    return computing, objects * (price("s3_put") + price("s3_get"))


def tell_assumptions() -> str:
    """Return what the table by memory assumes."""
    return (
        f"US dollars for a million events, v2 with extracted fields. Assumed: Lambda on arm64 at "
        f"${price('lambda_gb_second')} for a GB-second and ${price('lambda_request') * 1e6:.2f} for a "
        "million "
        f"requests; memory below {FULL_PROCESSOR} MB gets that part of a processor; OpenSearch "
        "answers within "
        f"{WAIT * 1000:.0f} ms; the processor time measured here is taken for that of Lambda. A size "
        "is left empty "
        "where it is not at least 20 MB above the contender's peak with its largest payload."
    )


def tabulate_costs(results: Mapping[tuple[str, str], Mapping[str, Result]]) -> list[str]:
    """Return a table by size of memory, with what it assumes."""
    heads = " | ".join(f"{size} MB" for size in MEMORY)
    lines = [tell_assumptions(), "", f"| memory | {heads} |"]
    lines.append("| --- |" + " ---: |" * len(MEMORY))
    for contender in (OURS, CONSOLE):
        for size in ("50", "1000"):
            cell = results["v2+fields", size]
            if contender.name not in cell:
                continue
            peak = max(found[contender.name].peak_mb for found in results.values())
            cpu = statistics.median(cell[contender.name].cpu)
            costs = (
                f"{estimate(cpu, int(size), memory):.5f}" if memory >= peak + 20 else "" for memory in MEMORY
            )
            lines.append(f"| {contender.label}, {size} events a batch | {' | '.join(costs)} |")
    return lines
