"""What was asked of this project's speed and size, and whether it is reached."""

from benchmarks import cluster
from benchmarks.cluster import compare_costs
from benchmarks.contest import CONSOLE, OURS, STREAM, compare
from benchmarks.function import CLIENT, IMPORTS, INTERPRETER, OPENSEARCHPY
from benchmarks.run import Run

Row = tuple[str, str, str, str]


class Goals:
    """The rows of a table."""

    def __init__(self) -> None:
        self.rows: list[Row] = [("goal", "asked", "measured", "")]

    def at_least(self, text: str, found: float, asked: float, unit: str = "times") -> None:
        """Add a goal that is reached from a value on."""
        self.rows.append((text, f"≥ {asked:,g} {unit}", f"{_show(found)} {unit}", _say(holds=found >= asked)))

    def at_most(self, text: str, found: float, asked: float, unit: str = "times") -> None:
        """Add a goal that is reached up to a value."""
        self.rows.append((text, f"≤ {asked:,g} {unit}", f"{_show(found)} {unit}", _say(holds=found <= asked)))


def _show(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.2f}"


def _say(*, holds: bool) -> str:
    return "reached" if holds else "**not reached**"


def tabulate_goals(run: Run) -> list[Row]:
    """Return the goals and what was reached."""
    goals = Goals()
    _judge_contest(goals, run)
    _judge_cluster(goals, run)
    _judge_replay(goals, run)
    function = run.function
    goals.at_most("peak resident memory, largest payload", max(function.peak_mb.values()), 96, "MB")
    start = sum(function.parts_ms[name] for name in (INTERPRETER, IMPORTS, CLIENT))
    goals.at_most(
        "init against `import opensearchpy` alone, CPU", start / function.parts_ms[OPENSEARCHPY], 1.3
    )
    goals.at_most("package, zipped", function.zipped / 1e6, 4, "MB")
    return goals.rows


def _judge_contest(goals: Goals, run: Run) -> None:
    for text, cell, contender, asked in (
        ("console's function, v2 with extracted fields, 1,000", ("v2+fields", "1000"), CONSOLE.name, 3.6),
        ("console's function, v2 (it parses nothing), 1,000", ("v2", "1000"), CONSOLE.name, 2.3),
        ("console's function, v5 (it parses nothing), 1,000", ("v5", "1000"), CONSOLE.name, 1.9),
        ("console's function, v2 with extracted fields, 50", ("v2+fields", "50"), CONSOLE.name, 2.4),
        ("helpers.bulk, compressed, v2, 1,000", ("v2", "1000"), "helpers_gzip", 11),
        ("helpers.bulk, compressed, v2, 50", ("v2", "50"), "helpers_gzip", 6),
        ("tutorial handler, v2, 1,000", ("v2", "1000"), "tutorial", 4),
    ):
        if contender in run.results[cell]:
            goals.at_least(text, compare(run.results[cell][contender], run.results[cell][OURS.name]), asked)
    for kind, asked in (("v2", 4), ("v5", 5.5)):
        found = run.results[kind, "1000"]
        goals.at_most(
            f"transform against the floor, {kind}, 1,000", compare(found["transform"], found["floor"]), asked
        )
    batch = compare(run.results["v2+fields", "50"][STREAM.name], run.results["v2+fields", "1000"][OURS.name])
    goals.at_most("20 payloads of 50 in one batch against one of 1,000, CPU", batch, 1.3)


def _judge_cluster(goals: Goals, run: Run) -> None:
    for version, costs in run.costs.items():
        of_batch = compare_costs(costs, (cluster.BATCHED, 50), (cluster.OURS, 1_000))
        goals.at_most(
            f"20 payloads of 50 in one batch against one of 1,000, node CPU, {version}", of_batch, 1.1
        )
        of_console = compare_costs(costs, (cluster.OURS, 50), (cluster.CONSOLE, 50))
        goals.at_most(f"console's documents, node CPU, 50, {version}", of_console, 0.6)


def _judge_replay(goals: Goals, run: Run) -> None:
    for size, asked in (("50", 10_000), ("1000", 25_000)):
        rate = run.drained[size].events / run.drained[size].seconds
        goals.at_least(f"replay with delays, objects of {int(size):,}, by the clock", rate, asked, "events/s")
        ratio = run.filling.rates[size].ratio
        goals.at_least(f"replay against full requests by hand, objects of {int(size):,}", ratio, 0.8)
