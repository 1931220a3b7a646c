"""Two commits beside each other: what is run, what is counted, and how it is shown."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import compare
from benchmarks.compare import ROWS, CompareError, Side, conclude, show_counts, show_rounds, unpack
from benchmarks.contest import OURS, STREAM, write_events
from benchmarks.payloads import make_payloads
from benchmarks.processes import open_sink


def test_the_sources_of_a_commit_are_what_git_has_of_it(project: Path, tmp_path: Path) -> None:
    source = unpack("HEAD", tmp_path)

    expected = subprocess.run(
        ["git", "show", "HEAD:src/handler/forward.py"], cwd=project, capture_output=True, check=True
    )
    assert (source / "handler" / "forward.py").read_bytes() == expected.stdout


def test_a_commit_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(CompareError, match=r"^no-such-commit: "):
        unpack("no-such-commit", tmp_path)


def test_without_a_commit_the_use_is_told(project: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.compare", ""], cwd=project, capture_output=True, check=False
    )

    assert (done.returncode, done.stderr) == (1, b"which commit? make bench-compare BASE=<commit>\n")


def test_a_version_without_a_stream_is_compared_in_what_it_has(tmp_path: Path) -> None:
    old = Side("base", tmp_path)

    assert old.has(OURS)
    assert not old.has(STREAM)


def test_each_side_runs_its_own_modules(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other side's function says that it indexed nothing, which a contender does not let pass."""
    source = tmp_path / "src" / "handler"
    source.mkdir(parents=True)
    (source / "__init__.py").touch()
    (source / "forward.py").write_text("def lambda_handler(event, context):\n    raise SystemExit(3)\n")
    monkeypatch.setattr(compare, "ROWS", ROWS[:1])
    monkeypatch.setattr(compare, "WARM_PASSES", 1)
    file = write_events({"50": make_payloads(compare.KIND, "50", 1)}, tmp_path)
    now = Side("now", project / "src")

    with open_sink() as url:
        rounds = compare.measure_rounds((now, now), file, url, rounds=1)
        with pytest.raises(RuntimeError, match="ended"):
            compare.measure_rounds((Side("base", tmp_path / "src"), now), file, url, rounds=1)

    assert list(rounds) == [(ROWS[0], "now")]


def test_rounds_are_compared_in_pairs_and_shown_with_their_spread() -> None:
    rounds = {
        (row, side): [value, 9 * value, value]
        for row in ROWS
        for side, value in (("base", 2.0), ("now", 3.0))
    }
    del rounds[ROWS[2], "base"]

    assert show_rounds(rounds) == [
        ("50 events a payload", "2.00", "3.00", "1.500", "0.0"),
        ("1,000 events a payload", "2.00", "3.00", "1.500", "0.0"),
        ("20 payloads of 50 in one batch", "-", "3.00", "-", "-"),
    ]


def test_instructions_are_shown_beside_each_other() -> None:
    counts = {(ROWS[0], "base"): 100_000.0, (ROWS[0], "now"): 102_000.0}
    counts |= {(ROWS[1], "base"): 40_000.0, (ROWS[1], "now"): 40_000.0, (ROWS[2], "now"): 50_000.0}

    assert show_counts(counts) == [
        ("50 events a payload", "100,000", "102,000", "1.020"),
        ("1,000 events a payload", "40,000", "40,000", "1.000"),
        ("20 payloads of 50 in one batch", "-", "50,000", "-"),
    ]
    assert conclude(counts) == [
        "Now, 20 payloads of 50 in one batch take 1.25 times the instructions of one of 1,000."
    ]
