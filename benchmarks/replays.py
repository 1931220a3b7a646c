"""How fast a replay drains the bucket: with the delays of a network, on one core, in a process of its own."""

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from benchmarks.payloads import KINDS, make_payloads
from benchmarks.processes import PROJECT, open_sink
from flowlogs.traffic.day import FORMATS
from parser.subscription import decode_event, encode

S3_MILLISECONDS: Final = 25
OPENSEARCH_MILLISECONDS: Final = 50
BUCKET: Final = "failures"
OBJECTS: Final = {"50": 2_000, "1000": 200}
"""How many objects of that many events are drained."""


@dataclass(frozen=True, slots=True)
class Drained:
    """What was measured.

    Attributes:
        objects, events: how many were replayed.
        requests: bulk requests.
        seconds: from the first call to the last.
        cpu: seconds of the processor in the replay's process.
        peak_mb: its peak of resident memory, in MiB.
    """

    objects: int
    events: int
    requests: int
    seconds: float
    cpu: float
    peak_mb: float


def measure_replays() -> dict[str, Drained]:
    """Return what was found, by how many events an object has."""
    return {size: measure(size, number) for size, number in OBJECTS.items()}


def measure(
    size: str,
    number: int,
    *,
    s3_milliseconds: int = S3_MILLISECONDS,
    opensearch_milliseconds: int = OPENSEARCH_MILLISECONDS,
) -> Drained:
    """Drain so many objects of so many events each."""
    with (
        open_sink(s3_milliseconds, "benchmarks.bucket") as s3,
        open_sink(opensearch_milliseconds) as opensearch,
    ):
        _fill(s3, size, number)
        environ = {
            **os.environ,
            "AWS_ENDPOINT_URL_S3": s3,
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "eu-central-1",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "FAILURE_BUCKET": BUCKET,
            "OPENSEARCH_URL": opensearch,
            "OPENSEARCH_AUTH": "none",
            "LOG_FORMATS": FORMATS[KINDS[0].format],
            "LOG_LEVEL": "ERROR",
        }
        command = [sys.executable, "-m", "benchmarks.replays"]
        told = subprocess.run(command, env=environ, cwd=PROJECT, capture_output=True, text=True, check=True)
    return Drained(**json.loads(told.stderr.splitlines()[-1]))


def _fill(s3: str, size: str, number: int) -> None:
    connection = http.client.HTTPConnection(s3.removeprefix("http://"))
    for position, payload in enumerate(make_payloads(KINDS[0], size, number)):
        data = encode(decode_event(payload.event))
        key = f"failed/2026/01/15/12/20260115T120000.{position:06}Z-x.json.gz"
        connection.request("PUT", f"/{BUCKET}/{key}", data)
        connection.getresponse().read()
    connection.close()


def tabulate_replays(drained: Mapping[str, Drained]) -> list[tuple[str, ...]]:
    """Return the rows of a table. On a busy machine the time of the processor says more than the clock."""
    rows: list[tuple[str, ...]] = [
        (
            f"with {S3_MILLISECONDS} ms a call of S3 and {OPENSEARCH_MILLISECONDS} ms a request, on one core",
            *("events/s by the clock", "events/s by the processor", "CPU µs/event", "CPU ms/object"),
            *("requests", "peak MB"),
        )
    ]
    rows += [
        (
            f"{each.objects:,} objects of {size} events",
            f"{each.events / each.seconds:,.0f}",
            f"{each.events / each.cpu:,.0f}",
            f"{each.cpu / each.events * 1e6:.1f}",
            f"{each.cpu / each.objects * 1e3:.2f}",
            f"{each.requests}",
            f"{each.peak_mb:.0f}",
        )
        for size, each in drained.items()
    ]
    return rows


def drain() -> Drained:
    """Replay all that is there, in this process, on one core."""
    if sys.platform == "linux":
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    from handler.failures import connect_s3
    from handler.replay import lambda_handler

    connect_s3()  # once for each execution environment, and slow where boto3 is not compiled yet
    context: Any = SimpleNamespace(
        aws_request_id="benchmark",
        function_name="replay",
        get_remaining_time_in_millis=lambda: 600_000,
    )
    started, used = time.perf_counter(), time.process_time()
    answer = lambda_handler({}, context)
    seconds, cpu = time.perf_counter() - started, time.process_time() - used
    if answer["remaining_objects"] or answer["indexed"] != answer["received"]:
        raise RuntimeError(f"not all objects could be replayed: {answer}")
    peak = 0.0
    if sys.platform == "linux":
        with Path("/proc/self/status").open() as file:
            (peak,) = [int(line.split()[1]) / 1024 for line in file if line.startswith("VmHWM:")]
    return Drained(answer["dropped"], answer["indexed"], answer["bulk_requests"], seconds, cpu, peak)


if __name__ == "__main__":
    sys.stderr.write(json.dumps(asdict(drain())) + "\n")
