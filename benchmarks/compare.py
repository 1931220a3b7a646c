"""`make bench-compare BASE=<commit>`: this tree beside a commit, on one machine, for people; never a gate.

Processor time is compared round by round: each takes its turn, so what else the machine does hits both alike.
Instructions are counted by valgrind, where it is installed: they hardly depend on the machine's load, so a
difference of one per cent shows. An instruction is not a time, though: both are told.
"""

import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.contest import OURS, STREAM, Contender, Sizes, measure_spread, write_events
from benchmarks.payloads import KINDS, make_payloads
from benchmarks.processes import ENVIRONMENT, PROJECT, Worker, open_sink
from benchmarks.python_build import describe_build
from benchmarks.report import table

KIND: Final = KINDS[1]
PAYLOADS: Final = {"50": 20, "1000": 1}
"""How many payloads of that size are a pass: a thousand events each."""
EVENTS: Final = 1_000

ROUNDS: Final = 25
PASSES: Final = 10
WARM_PASSES: Final = 40
COUNTED_WARM_PASSES: Final = 2
COUNTED_PASSES: Final = 4
"""Under valgrind all is some fifty times slower. What starting and warming up take is counted alone, too, and
subtracted."""

_COUNTED: Final = re.compile(r"I\s+refs:\s+([\d,]+)")


class CompareError(Exception):
    """Nothing can be compared; the text says why."""


@dataclass(frozen=True, slots=True)
class Row:
    """What is compared: a contender with payloads of a size."""

    label: str
    contender: Contender
    size: str


ROWS: Final = (
    Row("50 events a payload", OURS, "50"),
    Row("1,000 events a payload", OURS, "1000"),
    Row("20 payloads of 50 in one batch", STREAM, "50"),
)


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two that are compared.

    Attributes:
        name: of its column.
        source: the folder in which its modules are found.
    """

    name: str
    source: Path

    @property
    def environ(self) -> dict[str, str]:
        """Variables with which its modules come before those that are installed."""
        return {"PYTHONPATH": str(self.source), "PYTHONHASHSEED": "0"}

    def has(self, contender: Contender) -> bool:
        """Whether it has what the contender is made of: there was no stream in every version."""
        return contender is not STREAM or (self.source / "handler" / "stream.py").exists()


def main() -> None:
    """Compare and print."""
    if len(sys.argv) != 2 or not sys.argv[1]:
        raise SystemExit("which commit? make bench-compare BASE=<commit>")
    try:
        with tempfile.TemporaryDirectory(prefix="flowlogs-compare-") as name:
            print("\n".join(compare_with(sys.argv[1], Path(name))))  # noqa: T201  # that is its answer
    except CompareError as error:
        raise SystemExit(str(error)) from error


def compare_with(commit: str, folder: Path) -> list[str]:
    """Return the lines that compare this tree with a commit.

    Raises:
        CompareError: there is no such commit.
    """
    sides = (Side("base", unpack(commit, folder)), Side("now", PROJECT / "src"))
    sizes: Sizes = {size: make_payloads(KIND, size, number) for size, number in PAYLOADS.items()}
    file = write_events(sizes, folder)
    lines = [
        f"base {name_commit(commit)}, now {name_commit('HEAD')} with what is not committed",
        *describe_build(),
        "",
    ]
    with open_sink() as url:
        rounds = measure_rounds(sides, file, url)
        lines += table(
            [
                ("CPU µs/event, v2 with extracted fields", *_heads(sides), "now / base", "± %"),
                *show_rounds(rounds),
            ]
        )
        if not shutil.which("valgrind"):
            return [*lines, "", "valgrind is not installed here: no instructions were counted."]
        counted = count_instructions(sides, file, url)
    heads = ("instructions an event", *_heads(sides), "now / base")
    return [*lines, "", *table([heads, *show_counts(counted)]), "", *conclude(counted)]


def _heads(sides: tuple[Side, Side]) -> tuple[str, ...]:
    return tuple(each.name for each in sides)


def unpack(commit: str, folder: Path) -> Path:
    """Write a commit's sources into a folder; return where its modules are.

    Raises:
        CompareError: there is no such commit, or it has no sources.
    """
    archive = subprocess.run(["git", "archive", commit, "src"], cwd=PROJECT, capture_output=True, check=False)
    if archive.returncode:
        raise CompareError(f"{commit}: {archive.stderr.decode(errors='replace').strip()}")
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
    return folder / "src"


def name_commit(commit: str) -> str:
    """Return a commit's short name and its first line."""
    command = ["git", "log", "-1", "--format=%h (%s)", commit]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout.strip()


Rounds = dict[tuple[Row, str], list[float]]
"""CPU microseconds an event of each round, by row and side."""

Counts = dict[tuple[Row, str], float]
"""Instructions an event, by row and side."""


def measure_rounds(sides: tuple[Side, Side], file: Path, url: str, rounds: int = ROUNDS) -> Rounds:
    """Measure the processor time of both sides, in interleaved rounds."""
    found: Rounds = {}
    for row in ROWS:
        there = [side for side in sides if side.has(row.contender)]
        command = row.contender.command(KIND, file, url)
        with ExitStack() as stack:
            workers = [(side, stack.enter_context(Worker(command, side.environ))) for side in there]
            for _, worker in workers:
                worker.run(row.size, WARM_PASSES)
            for _ in range(rounds):
                for side, worker in workers:
                    used = worker.run(row.size, PASSES)
                    found.setdefault((row, side.name), []).append(used["cpu"] / PASSES / EVENTS * 1e6)
    return found


def count_instructions(sides: tuple[Side, Side], file: Path, url: str) -> Counts:
    """Count the instructions of both sides, those of starting and warming up subtracted."""
    jobs = {
        (side, contender, size)
        for side in sides
        for row in ROWS
        for contender, size in ((row.contender, row.size), (row.contender, ""))
        if side.has(contender)
    }

    def run(job: tuple[Side, Contender, str]) -> int:
        side, contender, size = job
        return _count(side, contender.command(KIND, file, url), size)

    ordered = sorted(jobs, key=lambda job: (job[1].name, job[2], job[0].name))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        totals = dict(zip(ordered, pool.map(run, ordered), strict=True))
    return {
        (row, side.name): (totals[side, row.contender, row.size] - totals[side, row.contender, ""])
        / COUNTED_PASSES
        / EVENTS
        for row in ROWS
        for side in sides
        if side.has(row.contender)
    }


def _count(side: Side, command: list[str], size: str) -> int:
    """Return the instructions of a contender's whole process; without a size those of its start alone."""
    warm = [f"run {each} {COUNTED_WARM_PASSES}\n" for each in PAYLOADS]
    told = [*warm, f"run {size} {COUNTED_PASSES}\n"] if size else warm
    valgrind = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    done = subprocess.run(
        [*valgrind, *command],
        input="".join(told),
        env={**os.environ, **ENVIRONMENT, **side.environ},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    found = _COUNTED.search(done.stderr)
    if not found:
        raise CompareError(f"valgrind counted nothing: {done.stderr[-300:]}")
    return int(found[1].replace(",", ""))


def show_rounds(rounds: Rounds) -> list[tuple[str, ...]]:
    """Return the rows of a table: medians, the median of the rounds' ratios, and its spread."""
    shown: list[tuple[str, ...]] = []
    for row in ROWS:
        base, now = rounds.get((row, "base")), rounds[row, "now"]
        ratios = [b / a for a, b in zip(base, now, strict=True)] if base else []
        shown.append(
            (
                row.label,
                f"{statistics.median(base):.2f}" if base else "-",
                f"{statistics.median(now):.2f}",
                f"{statistics.median(ratios):.3f}" if ratios else "-",
                f"{measure_spread(ratios) * 100:.1f}" if ratios else "-",
            )
        )
    return shown


def show_counts(counts: Counts) -> list[tuple[str, ...]]:
    """Return the rows of a table: instructions an event, and their ratio."""
    return [
        (
            row.label,
            f"{counts[row, 'base']:,.0f}" if (row, "base") in counts else "-",
            f"{counts[row, 'now']:,.0f}",
            f"{counts[row, 'now'] / counts[row, 'base']:.3f}" if (row, "base") in counts else "-",
        )
        for row in ROWS
    ]


def conclude(counts: Counts) -> list[str]:
    """Return what a batch of small payloads costs beside one large one, now."""
    _, large, batch = ROWS
    ratio = counts[batch, "now"] / counts[large, "now"]
    return [f"Now, 20 payloads of 50 in one batch take {ratio:.2f} times the instructions of one of 1,000."]


if __name__ == "__main__":
    main()
