"""The built function as Lambda runs it: cold start, memory and size of the package."""

import io
import shutil
import statistics
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.contest import ENVIRONMENT, open_sink
from benchmarks.payloads import KINDS, SIZES, make_payloads
from flowlogs.local.artifact import host_artifact
from flowlogs.local.runtime import ExecutionEnvironment, Invocation
from flowlogs.traffic.day import FORMATS, LambdaEvent

HANDLER: Final = "handler.forward.lambda_handler"
STARTS: Final = 7
SMALLEST_MEMORY: Final = 128
"""MiB: the least that Lambda gives a function."""


@dataclass(frozen=True, slots=True)
class Function:
    """What was measured.

    Attributes:
        init_ms: milliseconds from starting the process to its first call for work: with the
            compiled files that the build makes, and without them.
        peak_mb: peak of resident memory in MiB, by kind and size of the payload.
        zipped, unzipped: bytes of the package.
    """

    init_ms: dict[str, list[float]]
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


def _measure_memory(artifact: Path, url: str) -> dict[tuple[str, str], float]:
    peaks = {}
    for kind in KINDS:
        for size in SIZES:
            events = [payload.event for payload in make_payloads(kind, size)][:3] * 3
            invocations = _invoke(artifact, url, kind.format, events, memory_mb=SMALLEST_MEMORY)
            peaks[kind.name, size] = max(each.max_memory_mb or 0.0 for each in invocations)
    return peaks


def _invoke(
    artifact: Path, url: str, format_name: str, events: Sequence[LambdaEvent], *, memory_mb: int
) -> list[Invocation]:
    """Run events through one new environment.

    Raises:
        RuntimeError: one of them failed.
    """
    environ = {**ENVIRONMENT, "OPENSEARCH_URL": url, "LOG_FORMATS": FORMATS[format_name]}
    with ExecutionEnvironment(artifact, HANDLER, environ, memory_mb=memory_mb) as function:
        invocations = [function.invoke(event) for event in events]
    failed = [each for each in invocations if each.error]
    if failed:
        raise RuntimeError(f"an invocation failed: {failed[0].error}, {failed[0].payload}")
    return invocations


def median(values: Sequence[float]) -> float:
    """Return the median; a name that reads well in tables."""
    return statistics.median(values)
