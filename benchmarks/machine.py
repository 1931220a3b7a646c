"""What the numbers of a run were measured on."""

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from benchmarks.processes import PROJECT
from benchmarks.python_build import describe_build

LIBRARIES: Final = (
    "opensearch-py",
    "urllib3",
    "requests-aws4auth",
    "aws-lambda-powertools",
    "msgspec",
    "isal",
)


def describe_machine(opensearch: str) -> list[str]:
    """Return what the numbers were measured on, given OpenSearch's versions: the lines of a list."""
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    system = f"{platform.system()} {platform.machine()}"
    build, *warning = describe_build()
    return [
        f"- {datetime.now(UTC):%Y-%m-%d}, commit {_read_commit()}",
        f"- {_processor()}, {count_cores()} cores, {system}",
        f"- {build}; {libraries}",
        *(f"- **{text}**" for text in warning),
        f"- Node {_node()}; OpenSearch {opensearch}",
    ]


def measure_load() -> float | None:
    """Return how many processes wanted to run in the last minute, on average; None where nobody tells."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def describe_load(load: tuple[float, ...]) -> str:
    """Return what else the machine did at the start; nothing where it was idle, or does not tell."""
    if not load or load[0] < count_cores() / 2:
        return ""
    return (
        f"- **The machine was busy**: {load[0]:.1f} processes wanted its {count_cores()} cores when the run "
        "began. Ratios have much more spread, and times and rates by the clock are too slow."
    )


def count_cores() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _read_commit() -> str:
    """Return the commit that was measured, and whether the sources were changed since."""
    git = ["git", "-C", str(PROJECT)]
    try:
        commit = subprocess.run(
            [*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
        )
        changed = subprocess.run(
            [*git, "status", "--porcelain", "src", "benchmarks"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    written = (" M benchmarks/RESULTS.md", " M benchmarks/results")
    others = [line for line in changed.stdout.splitlines() if not line.startswith(written)]
    return commit.stdout.strip() + (" with changes" if others else "")


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor() or "unknown processor")


def _node() -> str:
    try:
        return subprocess.run(
            ["node", "--version"], capture_output=True, text=True, check=True
        ).stdout.strip()
    except OSError:
        return "is not installed: the console's function was left out"
