"""What the computing of a million events costs, from what was measured and what is assumed."""

import statistics
from collections.abc import Mapping
from typing import Final

from benchmarks.contest import CONSOLE, OURS, Result

PRICE_SECOND: Final = 0.0000133334
"""US dollars for a GB-second of Lambda on arm64, and for a request."""
PRICE_REQUEST: Final = 0.0000002
FULL_PROCESSOR: Final = 1769
"""MB of memory at which Lambda gives one processor; with less, a part of it."""
WAIT: Final = 0.15
"""Seconds that OpenSearch needs for an answer: an assumption."""
MEMORY: Final = (128, 256, 512, 1024, 1769)

ASSUMPTIONS: Final = (
    f"US dollars for a million events, v2 with extracted fields. Assumed: Lambda on arm64 at "
    f"${PRICE_SECOND} for a GB-second and ${PRICE_REQUEST * 1e6:.2f} for a million requests; memory below "
    f"{FULL_PROCESSOR} MB gets that part of a processor; OpenSearch answers within {WAIT * 1000:.0f} ms; the "
    "processor time measured here is taken for that of Lambda. A size is left empty where it is not at "
    "least 20 MB above the contender's peak with its largest payload."
)


def estimate(cpu_us: float, batch: int, memory_mb: int) -> float:
    """Return dollars for a million events, given CPU microseconds an event and events a batch."""
    seconds = WAIT + batch * cpu_us / 1e6 * max(1.0, FULL_PROCESSOR / memory_mb)
    return 1e6 / batch * (seconds * memory_mb / 1024 * PRICE_SECOND + PRICE_REQUEST)


def tabulate_costs(results: Mapping[tuple[str, str], Mapping[str, Result]]) -> list[str]:
    """Return a table by size of memory, with what it assumes."""
    lines = [ASSUMPTIONS, "", "| memory | " + " | ".join(f"{size} MB" for size in MEMORY) + " |"]
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
            lines.append(f"| {contender.label}, {size} events a batch | " + " | ".join(costs) + " |")
    return lines
