"""`make bench`: measure all, print the tables, write RESULTS.md and what the plot is made of."""

import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks.cluster import VERSIONS, measure_costs
from benchmarks.contest import ROUNDS_LARGEST, Contender, Result, choose_contenders, measure
from benchmarks.filling import measure_filling
from benchmarks.function import measure_function
from benchmarks.goals import tabulate_goals
from benchmarks.machine import describe_load, measure_load
from benchmarks.parts import measure_parts
from benchmarks.payloads import KINDS, SIZES, make_payloads
from benchmarks.python_build import describe_build
from benchmarks.replays import measure_replays
from benchmarks.report import table, tabulate_cell, write_results
from benchmarks.run import Run

RESULTS = Path(__file__).with_name("RESULTS.md")


def main() -> None:
    """Run everything."""
    started, load = time.perf_counter(), measure_load()
    say(*describe_build(), describe_load((load,) if load else ()))
    contenders, left_out = choose_contenders()
    if left_out:
        say(left_out)
    with tempfile.TemporaryDirectory(prefix="flowlogs-bench-") as name:
        run = measure_all(contenders, Path(name), started, (load,) if load else ())
    write_results(RESULTS, run)
    say("", *table(tabulate_goals(run)), f"\nwritten: {RESULTS.relative_to(Path.cwd())}")


def measure_all(contenders: list[Contender], folder: Path, started: float, load: tuple[float, ...]) -> Run:
    """Measure everything, one after the other: nothing else may run beside it."""
    costs = {}
    for version in VERSIONS:
        say(f"what a document costs OpenSearch {version}")
        costs[version] = measure_costs(folder, version)
    say("filling a real OpenSearch by a replay, and by hand")
    filling = measure_filling(folder)
    say("draining a bucket, with the delays of a network")
    drained = measure_replays()
    say("measuring the built function: cold start and memory")
    function = measure_function(folder)
    say("measuring the parts of an invocation")
    parts = measure_parts()
    results = measure_contest(contenders, folder)
    return Run(results, costs, filling, drained, function, parts, load, time.perf_counter() - started)


def measure_contest(contenders: list[Contender], folder: Path) -> dict[tuple[str, str], Mapping[str, Result]]:
    """Measure all contenders with all payloads; only some with the largest."""
    results: dict[tuple[str, str], Mapping[str, Result]] = {}
    small = [size for size in SIZES if size != "largest"]
    large = [each for each in contenders if each.large]
    for kind in KINDS:
        found = measure(contenders, kind, {size: make_payloads(kind, size) for size in small}, folder)
        payloads = {"largest": make_payloads(kind, "largest")}
        found |= measure(large, kind, payloads, folder, rounds=ROUNDS_LARGEST)
        for size, cell in found.items():
            results[kind.name, size] = cell
            say(f"\n{kind.name}, {size} events a payload", *tabulate_cell(cell))
    return results


def say(*lines: str) -> None:
    """Print lines at once."""
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
