"""The built function as Lambda runs it: cold start and its parts, memory, log, size of the package."""

import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.contenders import stream
from benchmarks.payloads import KINDS, SIZES, make_payloads
from benchmarks.processes import ENVIRONMENT, open_sink
from flowlogs.local.artifact import host_artifact
from flowlogs.local.runtime import ExecutionEnvironment, Invocation
from flowlogs.traffic.day import FORMATS

HANDLER: Final = "handler.forward.lambda_handler"
STREAM_HANDLER: Final = "handler.stream.lambda_handler"
STARTS: Final = 7
SMALLEST_MEMORY: Final = 128
"""MiB: the least that Lambda gives a function."""

INTERPRETER: Final = "interpreter"
IMPORTS: Final = "imports"
CLIENT: Final = "configuration and client"
OPENSEARCHPY: Final = "for comparison: import opensearchpy, with the interpreter"

_PARTS: Final = """
import json, time
times = [time.process_time()]
import handler.forward
times.append(time.process_time())
from handler.environment import prepare
prepare()
times.append(time.process_time())
print(json.dumps(times))
"""
_LIBRARY: Final = "import json, time, opensearchpy; print(json.dumps([time.process_time()]))"


@dataclass(frozen=True, slots=True)
class Function:
    """What was measured.

    Attributes:
        init_ms: milliseconds from starting the process to its first call for work: with the
            compiled files that the build makes, and without them.
        parts_ms: milliseconds of the processor for the parts of a start, with compiled files.
        log_bytes: what a warm invocation writes into the log, by handler.
        peak_mb: peak of resident memory in MiB, by kind and size of the payload.
        zipped, unzipped: bytes of the package.
    """

    init_ms: dict[str, list[float]]
    parts_ms: dict[str, float]
    log_bytes: dict[str, int]
    peak_mb: dict[tuple[str, str], float]
    zipped: int
    unzipped: int


def measure_function(folder: Path) -> Function:
    """Build the function for this machine and measure it under AWS's runtime client."""
    artifact = host_artifact()
    bare = folder / "uncompiled"
    shutil.copytree(artifact, bare, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    files = [path for path in artifact.rglob("*") if path.is_file()]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            archive.write(path, path.relative_to(artifact))
    with open_sink() as url:
        return Function(
            init_ms=_measure_starts({"compiled": artifact, "not compiled": bare}, url),
            parts_ms=_measure_parts(artifact, url),
            log_bytes={each: _measure_log(artifact, url, each) for each in (HANDLER, STREAM_HANDLER)},
            peak_mb=_measure_memory(artifact, url),
            zipped=packed.tell(),
            unzipped=sum(path.stat().st_size for path in files),
        )


def _measure_starts(artifacts: dict[str, Path], url: str) -> dict[str, list[float]]:
    (payload, *_) = make_payloads(KINDS[0], "50")
    found: dict[str, list[float]] = {name: [] for name in artifacts}
    for _ in range(STARTS):
        for name, artifact in artifacts.items():
            (invocation,) = _invoke(artifact, url, KINDS[0].format, [payload.event], memory_mb=256)
            found[name].append(invocation.init_ms or 0.0)
    return found


def _measure_parts(artifact: Path, url: str) -> dict[str, float]:
    """Return what the parts of a start take, the medians of some processes."""
    environ = _make_environ(url, KINDS[0].format)
    rounds = []
    for _ in range(STARTS):
        interpreter, imports, client = _run(_PARTS, artifact, environ)
        (library,) = _run(_LIBRARY, artifact, environ)
        rounds.append((interpreter, imports - interpreter, client - imports, library))
    names = (INTERPRETER, IMPORTS, CLIENT, OPENSEARCHPY)
    return {name: median(times) * 1000 for name, times in zip(names, zip(*rounds, strict=True), strict=True)}


def _run(program: str, artifact: Path, environ: Mapping[str, str]) -> list[float]:
    done = subprocess.run(
        [sys.executable, "-S", "-P", "-c", program],
        env={"PATH": os.environ["PATH"], **environ, "PYTHONPATH": str(artifact)},
        capture_output=True,
        check=True,
    )
    times: list[float] = json.loads(done.stdout)
    return times


def _measure_log(artifact: Path, url: str, handler: str) -> int:
    """Return the bytes that a warm invocation writes: with 50 events, or with a batch of such payloads."""
    events: list[dict[str, Any]] = [payload.event for payload in make_payloads(KINDS[1], "50")]
    if handler == STREAM_HANDLER:
        events = stream.bundle(events, "50")
    *_, last = _invoke(artifact, url, KINDS[1].format, events[:1] * 3, memory_mb=256, handler=handler)
    return len(last.log.encode())


def _measure_memory(artifact: Path, url: str) -> dict[tuple[str, str], float]:
    peaks = {}
    for kind in KINDS:
        for size in SIZES:
            events = [payload.event for payload in make_payloads(kind, size)][:3] * 3
            invocations = _invoke(artifact, url, kind.format, events, memory_mb=SMALLEST_MEMORY)
            peaks[kind.name, size] = max(each.max_memory_mb or 0.0 for each in invocations)
    return peaks


def _make_environ(url: str, format_name: str) -> dict[str, str]:
    return {**ENVIRONMENT, "OPENSEARCH_URL": url, "LOG_FORMATS": FORMATS[format_name]}


def _invoke(
    artifact: Path,
    url: str,
    format_name: str,
    events: Sequence[object],
    *,
    memory_mb: int,
    handler: str = HANDLER,
) -> list[Invocation]:
    """Run events through one new environment.

    Raises:
        RuntimeError: one of them failed.
    """
    environ = _make_environ(url, format_name)
    with ExecutionEnvironment(artifact, handler, environ, memory_mb=memory_mb) as function:
        invocations = [function.invoke(event) for event in events]
    failed = [each for each in invocations if each.error]
    if failed:
        raise RuntimeError(f"an invocation failed: {failed[0].error}, {failed[0].payload}")
    return invocations


def median(values: Sequence[float]) -> float:
    """Return the median; a name that reads well in tables."""
    return statistics.median(values)
