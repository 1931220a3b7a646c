"""The results as text: a table on the terminal, and benchmarks/RESULTS.md."""

import json
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from benchmarks.cluster import Indexed
from benchmarks.contest import CONSOLE, CONTENDERS, OURS, Contender, Result, compare
from benchmarks.cost import tabulate_costs
from benchmarks.function import SMALLEST_MEMORY, Function
from benchmarks.parts import Parts, tabulate_parts
from benchmarks.payloads import KINDS, SIZES
from benchmarks.replays import Drained, tabulate_replays

Results = Mapping[tuple[str, str], Mapping[str, Result]]
"""By kind and size of the payloads, then by contender."""

LIBRARIES: Final = (
    "opensearch-py",
    "urllib3",
    "requests-aws4auth",
    "aws-lambda-powertools",
    "msgspec",
    "isal",
)


def table(rows: Iterable[Sequence[str]]) -> list[str]:
    """Return a table in Markdown; the first row is its head."""
    head, *body = rows
    rule = ["---", *("---:" for _ in head[1:])]
    return ["| " + " | ".join(row) + " |" for row in (head, rule, *body)]


def tabulate_cell(results: Mapping[str, Result]) -> list[str]:
    """Return the table of one kind and size."""
    ours = results[OURS.name]
    head = (
        "",
        "CPU µs/event",
        "± %",
        "times ours",
        "wall µs/event",
        "peak MB",
        "sent bytes/event",
        "leaves out",
    )
    return table([head, *(_describe(each, results[each.name], ours) for each in _known(results))])


def _known(results: Mapping[str, Result]) -> list[Contender]:
    return [each for each in CONTENDERS if each.name in results]


def _describe(contender: Contender, result: Result, ours: Result) -> tuple[str, ...]:
    return (
        contender.label,
        f"{result.median:.2f}",
        f"{result.spread * 100:.0f}",
        f"{compare(result, ours):.1f}",
        f"{statistics.median(result.wall):.2f}",
        f"{result.peak_mb:.0f}",
        f"{result.wire_bytes:.0f}" if contender.sends else "-",
        contender.less or "nothing",
    )


def tabulate_goals(results: Results, function: Function) -> list[str]:
    """Return the goals and what was reached."""
    rows: list[tuple[str, str, str, str]] = [("goal", "asked", "measured", "")]

    def at_least(text: str, cell: tuple[str, str], contender: str, asked: float) -> None:
        if contender in results[cell]:
            found = compare(results[cell][contender], results[cell][OURS.name])
            rows.append((text, f"≥ {asked:g} times", f"{found:.2f} times", _say(holds=found >= asked)))

    def at_most(text: str, found: float, asked: float, unit: str) -> None:
        rows.append((text, f"≤ {asked:g} {unit}", f"{found:.2f} {unit}", _say(holds=found <= asked)))

    at_least("console's function, v2 with extracted fields, 1,000", ("v2+fields", "1000"), CONSOLE.name, 4)
    at_least("console's function, v2 (it parses nothing), 1,000", ("v2", "1000"), CONSOLE.name, 2.2)
    at_least("console's function, v5 (it parses nothing), 1,000", ("v5", "1000"), CONSOLE.name, 1.6)
    at_least("console's function, v2 with extracted fields, 50", ("v2+fields", "50"), CONSOLE.name, 2.5)
    at_least("helpers.bulk, compressed, v2, 1,000", ("v2", "1000"), "helpers_gzip", 10)
    at_least("helpers.bulk, compressed, v2, 50", ("v2", "50"), "helpers_gzip", 4)
    at_least("tutorial handler, v2, 1,000", ("v2", "1000"), "tutorial", 4)
    for kind, asked in (("v2", 4), ("v5", 5.5)):
        cell = results[kind, "1000"]
        ratio = compare(cell["transform"], cell["floor"])
        at_most(f"transform against the floor, {kind}, 1,000", ratio, asked, "times")
    at_most("peak resident memory, largest payload", max(function.peak_mb.values()), 96, "MB")
    at_most("init, compiled files", statistics.median(function.init_ms["compiled"]), 160, "ms")
    at_most("package, zipped", function.zipped / 1e6, 4, "MB")
    return table(rows)


def _say(*, holds: bool) -> str:
    return "reached" if holds else "**not reached**"


def tabulate_growth(results: Results) -> list[str]:
    """Return our CPU per event by size: constant where work grows linearly."""
    names = {"ours": "whole invocation", "transform": "transform alone"}
    rows = [("CPU µs/event", *SIZES)]
    for kind in KINDS:
        for name, label in names.items():
            cells = (f"{results[kind.name, size][name].median:.2f}" for size in SIZES)
            rows.append((f"{kind.name}, {label}", *cells))
    return table(rows)


def tabulate_function(function: Function) -> list[str]:
    """Return cold start and memory."""
    rows = [("init", "median ms", "fastest", "slowest")]
    rows += [
        (name, f"{statistics.median(times):.0f}", f"{min(times):.0f}", f"{max(times):.0f}")
        for name, times in function.init_ms.items()
    ]
    peaks = [("peak resident memory, MB", *SIZES)]
    peaks += [(kind.name, *(f"{function.peak_mb[kind.name, size]:.0f}" for size in SIZES)) for kind in KINDS]
    size = f"Package: {function.zipped / 1e6:.2f} MB zipped, {function.unzipped / 1e6:.1f} MB unzipped."
    return [*table(rows), "", *table(peaks), "", f"Each ran with a heap of {SMALLEST_MEMORY} MB. {size}"]


def tabulate_cluster(indexed: Mapping[tuple[str, str], Indexed]) -> list[str]:
    """Return replay speed and disk."""
    rows = [("records, KEEP_MESSAGE", "events", "events/s", "bytes on disk per record")]
    for (kind, keep), found in indexed.items():
        rate, size = found.events / found.seconds, found.bytes / found.events
        rows.append((f"{kind}, {keep}", f"{found.events:,}", f"{rate:,.0f}", f"{size:.0f}"))
    return table(rows)


def describe_machine(opensearch: str) -> list[str]:
    """Return what the numbers were measured on."""
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    system = f"{platform.system()} {platform.machine()}"
    return [
        f"- {datetime.now(UTC):%Y-%m-%d}, {_processor()}, {_cores()} cores, {system}",
        f"- Python {platform.python_version()}, {libraries}",
        f"- Node {_node()}; OpenSearch {opensearch}",
    ]


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor() or "unknown processor")


def _cores() -> int:
    import os

    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _node() -> str:
    try:
        return subprocess.run(
            ["node", "--version"], capture_output=True, text=True, check=True
        ).stdout.strip()
    except OSError:
        return "is not installed: the console's function was left out"


def write_results(
    path: Path,
    results: Results,
    function: Function,
    cluster: tuple[str, Mapping[tuple[str, str], Indexed]],
    parts: dict[str, Parts],
    drained: Mapping[str, Drained],
) -> None:
    """Write RESULTS.md, and the numbers beside it for the plot."""
    opensearch, indexed = cluster
    lines = [
        "# Results",
        "",
        "Written by `make bench`; not edited by hand. What is measured, and how, stands in",
        "[docs/performance.md](../docs/performance.md).",
        "",
        *describe_machine(opensearch),
        "",
        "![CPU per event, by contender](results.svg)",
        "",
        "## Goals",
        "",
        *tabulate_goals(results, function),
        "",
    ]
    for kind in KINDS:
        for size in SIZES:
            lines += [
                f"## {kind.name}, {size} events a payload",
                "",
                *tabulate_cell(results[kind.name, size]),
                "",
            ]
    lines += ["## Growth with the size of the payload", "", *tabulate_growth(results), ""]
    lines += ["## Where the time goes", "", *table(tabulate_parts(parts)), ""]
    lines += ["## The function under Lambda's runtime client", "", *tabulate_function(function), ""]
    lines += ["## Replay into OpenSearch, and disk", "", *tabulate_cluster(indexed), ""]
    lines += ["## Draining the bucket", "", *table(tabulate_replays(drained)), ""]
    lines += ["## Cost", "", *tabulate_costs(results), ""]
    path.write_text("\n".join(lines))
    numbers = {
        f"{kind} {size}": {each.label: cell[each.name].median for each in _known(cell)}
        for (kind, size), cell in results.items()
    }
    path.with_name("results.json").write_text(json.dumps(numbers, indent=1) + "\n")
