"""What the contenders cost, from the processor time that was measured: a table of RESULTS.md."""

import statistics
from collections.abc import Mapping
from typing import Final

from benchmarks.contest import CONSOLE, OURS, Result
from flowlogs.pricing.events import FULL_PROCESSOR, WAIT, estimate
from flowlogs.pricing.prices import price

MEMORY: Final = (128, 256, 512, 1024, 1769)


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
