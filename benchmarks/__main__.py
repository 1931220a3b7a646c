"""`make bench`: measure all, print the tables, write RESULTS.md and what the plot is made of."""

import sys
import tempfile
from pathlib import Path

from benchmarks.cluster import measure_cluster
from benchmarks.contest import ROUNDS, ROUNDS_LARGEST, choose_contenders, measure
from benchmarks.function import measure_function
from benchmarks.parts import measure_parts
from benchmarks.payloads import KINDS, SIZES, make_payloads
from benchmarks.replays import measure_replays
from benchmarks.report import tabulate_cell, tabulate_goals, write_results

RESULTS = Path(__file__).with_name("RESULTS.md")


def main() -> None:
    """Run everything."""
    contenders, left_out = choose_contenders()
    if left_out:
        say(left_out)
    results = {}
    with tempfile.TemporaryDirectory(prefix="flowlogs-bench-") as name:
        folder = Path(name)
        say("filling a real OpenSearch")
        cluster = measure_cluster(folder)
        say("draining a bucket, with the delays of a network")
        drained = measure_replays()
        say("measuring the built function: cold start and memory")
        function = measure_function(folder)
        say("measuring the parts of an invocation")
        parts = measure_parts()
        for kind in KINDS:
            for size in SIZES:
                rounds = ROUNDS_LARGEST if size == "largest" else ROUNDS
                found = measure(contenders, kind, make_payloads(kind, size), folder, rounds=rounds)
                results[kind.name, size] = found
                say(f"\n{kind.name}, {size} events a payload", *tabulate_cell(found))
    write_results(RESULTS, results, function, cluster, parts, drained)
    say("", *tabulate_goals(results, function), f"\nwritten: {RESULTS.relative_to(Path.cwd())}")


def say(*lines: str) -> None:
    """Print lines at once."""
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
