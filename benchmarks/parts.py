"""Where an invocation's processor time goes: each part of it alone, in a process of its own."""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from benchmarks.contenders import floor
from benchmarks.contenders.ours import Context
from benchmarks.contest import ENVIRONMENT, PROJECT, open_sink
from benchmarks.payloads import KINDS, make_payloads
from flowlogs.traffic import FORMATS

SIZES: Final = ("50", "1000")
SAMPLES: Final = 15
"""Of each part; the median counts."""
SECONDS: Final = 0.05
"""Processor time of a sample, at the least."""

WHOLE: Final = "whole invocation"
REST: Final = "the rest, and what the parts cost one another in the processor's caches"

Parts = dict[str, float]
"""Microseconds of processor time an invocation, by part."""


def measure_parts() -> dict[str, Parts]:
    """Measure v2 payloads of each size, in a new process."""
    with open_sink() as url:
        environ = {
            **os.environ,
            **ENVIRONMENT,
            "OPENSEARCH_URL": url,
            "LOG_FORMATS": FORMATS[KINDS[0].format],
        }
        command = [sys.executable, "-m", "benchmarks.parts"]
        done = subprocess.run(command, env=environ, cwd=PROJECT, capture_output=True, text=True, check=True)
    found: dict[str, Parts] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(size: str) -> Parts:
    """Measure the parts of an invocation with so many events."""
    from handler import forward
    from handler.delivery import Delivery
    from handler.environment import prepare
    from handler.observe import count, emit_metrics, log_report
    from handler.opensearch import connect
    from parser.subscription import decode_event

    kind = KINDS[0]
    event: Any = make_payloads(kind, size, 1)[0].event
    context: Any = Context()
    environment = prepare()
    subscription = decode_event(event)
    (body,) = environment.encode(subscription)
    connection: Any = connect(environment.config).transport.get_connection()
    delivery = Delivery(subscription, environment.encode, environment.send, time_left=lambda: 60.0)
    report = delivery.run()
    lower_bound = floor.prepare("", kind.fields)

    def sign() -> None:
        connection.http_auth("POST", f"{connection.host}/{body.index}/_bulk", body.data)

    parts: dict[str, Callable[[], object]] = {
        "base64, inflate, gzip of the same bodies (the floor)": lambda: lower_bound(event),
        "from base64 to gzipped bodies": lambda: list(environment.encode(decode_event(event))),
        "signature (requests-aws4auth)": sign,
        "signature, request and answer": lambda: environment.send(body, 10.0),
        "log line (Powertools)": lambda: log_report("forward.done", subscription, report, milliseconds=1),
        "metrics": lambda: emit_metrics("ForwardFunction", count(report)),
        WHOLE: lambda: forward.lambda_handler(event, context),
    }
    found = {name: _time(part) for name, part in parts.items()}
    request = found.pop("signature, request and answer") - found["signature (requests-aws4auth)"]
    whole = found.pop(WHOLE)
    found["request and answer (http.client over urllib3's connection)"] = request
    named = [value for name, value in found.items() if "floor" not in name]
    return {**found, REST: whole - sum(named), WHOLE: whole}


def _time(part: Callable[[], object]) -> float:
    """Return microseconds of processor time for one call."""
    calls = 1
    while _once(part, calls) < SECONDS:
        calls *= 2
    return statistics.median(_once(part, calls) / calls for _ in range(SAMPLES)) * 1e6


def _once(part: Callable[[], object], calls: int) -> float:
    started = time.process_time()
    for _ in range(calls):
        part()
    return time.process_time() - started


def tabulate_parts(found: dict[str, Parts]) -> list[tuple[str, ...]]:
    """Return the rows of a table: for each part its time, and its share of the whole."""
    rows: list[tuple[str, ...]] = [
        ("v2, CPU µs an invocation", *(cell for size in SIZES for cell in (f"{int(size):,} events", "share")))
    ]
    for name in found[SIZES[0]]:
        cells = [
            cell
            for size in SIZES
            for cell in (f"{found[size][name]:,.0f}", f"{found[size][name] / found[size][WHOLE]:.0%}")
        ]
        rows.append((name, *cells))
    return rows


@contextlib.contextmanager
def _silence() -> Iterator[Callable[[str], None]]:
    """Throw away what the function prints; yields a way to print all the same."""
    with os.fdopen(os.dup(1), "w") as answers, Path(os.devnull).open("w", encoding="utf-8") as nothing:
        os.dup2(nothing.fileno(), 1)
        yield lambda text: print(text, file=answers)  # that is its answer


if __name__ == "__main__":
    with _silence() as answer:
        answer(json.dumps({size: measure(size) for size in SIZES}))
