"""Where an invocation's processor time goes, measured while whole invocations run one after the other.

A part that is repeated alone finds all it needs in the processor's caches; within an invocation it takes
up to three times as long. So each is timed where it is.
"""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final
from unittest.mock import patch

from benchmarks.contenders import floor
from benchmarks.contenders.ours import Context
from benchmarks.payloads import KINDS, make_payloads
from benchmarks.processes import ENVIRONMENT, PROJECT, open_sink
from flowlogs.traffic.day import FORMATS

SIZES: Final = {"50": 20, "1000": 4}
"""Size of the payloads -> how many different ones take turns."""

ROUNDS: Final = 25
"""The median of them counts."""

KIND: Final = KINDS[1]

READING: Final = "reading the payload: base64, inflate, JSON"
ROWS: Final = "rows"
GZIP: Final = "gzip"
SIGNATURE: Final = "signature (requests-aws4auth)"
ANSWER: Final = "reading the answer"
REQUEST: Final = "the rest of the request: connection, head, write, verdicts"
LOG: Final = "log line with the metrics"
NAMES: Final = (READING, ROWS, GZIP, SIGNATURE, ANSWER, REQUEST, LOG)

REST: Final = "the rest"
WHOLE: Final = "whole invocation"
FLOOR: Final = "for comparison, alone: base64, inflate, and gzip of the same bodies"

Parts = dict[str, float]
"""Microseconds of processor time an invocation, by part."""


class Stopwatch:
    """Adds up the processor time of functions while they run.

    Attributes:
        seconds: name -> processor time.
    """

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)

    def wrap(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function, measured."""

        def measured(*args: object, **kwargs: object) -> object:
            started = time.process_time()
            try:
                return function(*args, **kwargs)
            finally:
                self.seconds[name] += time.process_time() - started

        return measured


def measure_parts() -> dict[str, Parts]:
    """Measure v2 payloads with extracted fields, of each size, in a new process."""
    with open_sink() as url:
        environ = {
            **os.environ,
            **ENVIRONMENT,
            "OPENSEARCH_URL": url,
            "LOG_FORMATS": FORMATS[KIND.format],
        }
        command = [sys.executable, "-m", "benchmarks.parts"]
        done = subprocess.run(command, env=environ, cwd=PROJECT, capture_output=True, text=True, check=True)
    found: dict[str, Parts] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(size: str) -> Parts:
    """Measure the parts of an invocation with so many events."""
    from handler.forward import lambda_handler

    events: list[Any] = [payload.event for payload in make_payloads(KIND, size, SIZES[size])]
    context: Any = Context()
    rounds: list[Parts] = []
    with _measured() as stopwatch:
        invoke = stopwatch.wrap(WHOLE, lambda_handler)
        for _ in range(ROUNDS + 1):
            stopwatch.seconds.clear()
            for event in events:
                invoke(event, context)
            rounds.append({**stopwatch.seconds})
    found = {
        name: statistics.median(each[name] for each in rounds[1:]) / len(events) * 1e6 for name in rounds[0]
    }
    found[REQUEST] -= found[SIGNATURE] + found[ANSWER]
    found[REST] = found[WHOLE] - sum(found[name] for name in NAMES)
    reach = stopwatch.wrap(FLOOR, floor.prepare("", KIND.fields))
    for event in events:
        reach(event)
    stopwatch.seconds.clear()
    for event in events * ROUNDS:
        reach(event)
    found[FLOOR] = stopwatch.seconds[FLOOR] / len(events) / ROUNDS * 1e6
    return {name: found[name] for name in (*NAMES, REST, WHOLE, FLOOR)}


@contextlib.contextmanager
def _measured() -> Iterator[Stopwatch]:
    """Measure the parts of each invocation in this block."""
    from requests_aws4auth import AWS4Auth

    from handler import forward
    from handler.answer import Answer
    from handler.delivery import Delivery
    from parser import bulk, compression
    from parser.compiled import Rows

    stopwatch = Stopwatch()

    def compressor() -> SimpleNamespace:
        stream = make_compressor()
        compress, flush = stopwatch.wrap(GZIP, stream.compress), stopwatch.wrap(GZIP, stream.flush)
        return SimpleNamespace(compress=compress, flush=flush)

    make_compressor = compression.compressor
    places: dict[str, tuple[object, str]] = {
        READING: (forward, "decode_event"),
        ROWS: (Rows, "render"),
        SIGNATURE: (AWS4Auth, "__call__"),
        ANSWER: (Answer, "receive"),
        REQUEST: (Delivery, "_post"),
        LOG: (forward, "tell"),
    }
    with contextlib.ExitStack() as stack:
        stack.enter_context(patch.object(bulk, "compressor", compressor))
        for name, (owner, attribute) in places.items():
            measured = stopwatch.wrap(name, getattr(owner, attribute))
            stack.enter_context(patch.object(owner, attribute, measured))
        yield stopwatch


def tabulate_parts(found: Mapping[str, Parts]) -> list[tuple[str, ...]]:
    """Return the rows of a table: for each part its time, and its share of the whole."""
    rows: list[tuple[str, ...]] = [
        (
            "v2 with extracted fields, CPU µs an invocation",
            *(cell for size in SIZES for cell in (f"{int(size):,} events", "share")),
        )
    ]
    for name in next(iter(found.values())):
        cells = [
            cell
            for parts in found.values()
            for cell in (f"{parts[name]:,.0f}", f"{parts[name] / parts[WHOLE]:.0%}")
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
