"""The results as text: a table on the terminal, and benchmarks/RESULTS.md."""

import base64
import gzip
import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from benchmarks import cluster
from benchmarks.contest import CONSOLE, CONTENDERS, OURS, STREAM, Contender, Result, compare
from benchmarks.cost import tabulate_costs
from benchmarks.filling import tabulate_disk, tabulate_rates
from benchmarks.function import HANDLER, SMALLEST_MEMORY, STREAM_HANDLER, Function
from benchmarks.goals import tabulate_goals
from benchmarks.machine import describe_load, describe_machine
from benchmarks.parts import tabulate_parts
from benchmarks.payloads import KINDS, SIZES, Kind, make_payloads
from benchmarks.replays import tabulate_replays
from benchmarks.run import Results, Run
from flowlogs.pricing.events import Measured, write_measured
from handler.config import STORED

SMALL: Final = tuple(size for size in SIZES if size != "largest")


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


def tabulate_batches(results: Results) -> list[str]:
    """Return what payloads of each size cost one by one and in batches, beside one of 1,000 alone."""
    rows: list[tuple[str, ...]] = [("CPU of the function, times one payload of 1,000", *SMALL)]
    for kind in KINDS:
        whole = results[kind.name, "1000"][OURS.name]
        for contender, label in ((OURS, "one by one"), (STREAM, "1,000 events a batch")):
            cells = (f"{compare(results[kind.name, size][contender.name], whole):.2f}" for size in SMALL)
            rows.append((f"{kind.name}, {label}", *cells))
    return table(rows)


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
    """Return cold start, memory and sizes."""
    rows = [("init, from the process's start to its first call for work", "median ms", "fastest", "slowest")]
    rows += [
        (name, f"{statistics.median(times):.0f}", f"{min(times):.0f}", f"{max(times):.0f}")
        for name, times in function.init_ms.items()
    ]
    parts = [("parts of a start, compiled, without the runtime's client", "CPU ms")]
    parts += [(name, f"{milliseconds:.0f}") for name, milliseconds in function.parts_ms.items()]
    peaks = [("peak resident memory, MB", *SIZES)]
    peaks += [(kind.name, *(f"{function.peak_mb[kind.name, size]:.0f}" for size in SIZES)) for kind in KINDS]
    size = f"Package: {function.zipped / 1e6:.2f} MB zipped, {function.unzipped / 1e6:.1f} MB unzipped."
    forward, stream = (function.log_bytes[handler] for handler in (HANDLER, STREAM_HANDLER))
    lines = f"An invocation logs {forward:,} bytes with a payload of 50, {stream:,} with a batch of 20 such."
    return [
        *(*table(rows), "", *table(parts), "", *table(peaks), ""),
        f"Each ran with a heap of {SMALLEST_MEMORY} MB. {size} {lines}",
    ]


def take_measured(run: Run) -> Measured:
    """Return what costs follow from."""
    costs = next(iter(run.costs.values()))
    node = {str(size): costs[cluster.OURS, size] for size in (50, 1_000)}
    console = {str(size): costs[cluster.CONSOLE, size] for size in (50, 1_000)}
    payloads = make_payloads(KINDS[1], "50")
    sizes = [len(base64.b64decode(payload.event["awslogs"]["data"])) for payload in payloads]
    headline = {size: run.results["v2+fields", size] for size in ("50", "1000")}
    return Measured(
        forward_cpu={size: round(cell[OURS.name].median, 2) for size, cell in headline.items()},
        stream_cpu=round(headline["50"][STREAM.name].median, 2),
        forward_log=run.function.log_bytes[HANDLER],
        stream_log=run.function.log_bytes[STREAM_HANDLER],
        record_bytes=round(statistics.median(sizes)),
        replay_cpu={size: round(each.cpu / each.events * 1e6, 1) for size, each in run.drained.items()},
        node_cpu={
            **{size: round(statistics.median(cost.cpu), 1) for size, cost in node.items()},
            "batch": round(statistics.median(costs[cluster.BATCHED, 50].cpu), 1),
        },
        line_bytes={kind.name: measure_line(kind) for kind in KINDS if not kind.extracted},
        disk_bytes={
            kind: round(size, 1) for (kind, keep), size in run.filling.disk.items() if keep == STORED
        },
        console_cpu={size: round(cell[CONSOLE.name].median, 2) for size, cell in headline.items()},
        console_node_cpu={size: round(statistics.median(cost.cpu), 1) for size, cost in console.items()},
        document_bytes={size: round(cost.bytes, 1) for size, cost in node.items()},
        console_document_bytes={size: round(cost.bytes, 1) for size, cost in console.items()},
    )


def measure_line(kind: Kind) -> float:
    """Return the bytes of a flow log line of a kind, the mean of the larger payloads."""
    lines = [
        len(event["message"])
        for payload in make_payloads(kind, "1000")
        for event in json.loads(gzip.decompress(base64.b64decode(payload.event["awslogs"]["data"])))[
            "logEvents"
        ]
    ]
    return round(statistics.mean(lines), 1)


def write_results(path: Path, run: Run) -> None:
    """Write RESULTS.md, and the numbers beside it from which the plot and the tables of costs are made."""
    lines = [
        "# Results",
        "",
        "Written by `make bench`; not edited by hand. What is measured, and how, stands in",
        "[docs/performance.md](../docs/performance.md).",
        "",
        *describe_machine(" and ".join(run.costs)),
        *filter(None, [describe_load(run.load)]),
        f"- The run took {run.seconds / 60:.0f} minutes",
        "",
        "![CPU per event, by contender](results.svg)",
        "",
        *("## Goals", "", *table(tabulate_goals(run)), ""),
    ]
    for (kind, size), cell in run.results.items():
        lines += [f"## {kind}, {size} events a payload", "", *tabulate_cell(cell), ""]
    lines += ["## Batches", "", *tabulate_batches(run.results), ""]
    lines += ["## Growth with the size of the payload", "", *tabulate_growth(run.results), ""]
    lines += ["## Where the time goes", "", *table(tabulate_parts(run.parts)), ""]
    lines += ["## The function under Lambda's runtime client", "", *tabulate_function(run.function), ""]
    for version, costs in run.costs.items():
        tables = [*table(cluster.tabulate_costs(costs)), "", *table(cluster.tabulate_bytes(costs))]
        lines += [f"## What a document costs OpenSearch {version}", "", *tables, ""]
    lines += [
        "v2 with extracted fields. Ours and those of helpers.bulk go into an index of our template; the",
        "console's documents into what OpenSearch guesses for them, since its function brings no template.",
        "",
    ]
    lines += [
        "## Replay",
        "",
        *table(tabulate_replays(run.drained)),
        "",
        *table(tabulate_rates(run.filling)),
        "",
    ]
    lines += ["## Disk", "", *table(tabulate_disk(run.filling)), ""]
    lines += ["## Cost", "", *tabulate_costs(run.results), ""]
    path.write_text("\n".join(lines))
    numbers: dict[str, object] = {
        f"{kind} {size}": {each.label: round(cell[each.name].median, 3) for each in _known(cell)}
        for (kind, size), cell in run.results.items()
    }
    write_measured(take_measured(run))
    headline = run.results["v2+fields", "1000"]
    numbers["times ours"] = {
        each.label: round(compare(headline[each.name], headline[OURS.name]), 2) for each in _known(headline)
    }
    path.with_name("results.json").write_text(json.dumps(numbers, indent=1) + "\n")
