"""How commands end and what they print, as docs/command-line.md says it."""

import ast
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from flowlogs.cluster.deployment import Deployment
from flowlogs.cluster.finding import Finding, ok, problem
from flowlogs.command_line import COMMANDS, load_command
from flowlogs.commands import smoke
from flowlogs.terminal.exits import INCOMPLETE, USAGE
from support.commands import run

PROJECT: Final = Path(__file__).parents[3]
PAGE: Final = (PROJECT / "docs" / "command-line.md").read_text(encoding="utf-8")
FLOWLOGS: Final = Path(sys.executable).with_name("flowlogs")
LINE: Final = "2 123456789010 eni-1 10.0.0.1 10.0.0.2 1 2 6 20 4249 1418530010 1418530070 REJECT OK"
INTERRUPTED: Final = 130


def read_rows(head: str) -> list[list[str]]:
    """Return the cells of the table whose head begins with a word."""
    table = PAGE.partition(f"\n| {head} |")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def test_the_table_has_each_status_that_a_command_ends_with() -> None:
    assert [int(row[0]) for row in read_rows("status")] == [0, INCOMPLETE, USAGE, INTERRUPTED]


def test_the_table_has_each_command_and_says_which_have_json() -> None:
    rows = read_rows("command")
    assert [row[0] for row in rows] == [f"`{name}`" for name in COMMANDS]
    found = {
        name: "yes" for name in COMMANDS if any("--json" in each.opts for each in load_command(name).params)
    }
    assert {row[0].strip("`"): row[2] for row in rows if row[2] == "yes"} == found


def find_statuses() -> Iterator[ast.expr]:
    """Give what is written in the source as the status with which a command ends."""
    for path in (PROJECT / "src" / "flowlogs").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                match ast.unparse(node.func):
                    case "fail":
                        yield node.args[1]
                    case "typer.Exit":
                        yield from node.args


def test_no_command_ends_with_a_number_that_has_no_name() -> None:
    found = list(find_statuses())
    numbers = [each.value for status in found for each in ast.walk(status) if isinstance(each, ast.Constant)]
    assert len(found) > 40
    assert set(numbers) == {0}


def test_a_command_that_is_interrupted_ends_with_the_number_of_that() -> None:
    with subprocess.Popen(
        [FLOWLOGS, "parse", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        running.stdin.write(f"{LINE}\n".encode() * 1000)  # more than it keeps before it writes
        running.stdin.flush()
        assert json.loads(running.stdout.readline())["action"] == "REJECT"
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=60)
    assert running.returncode == INTERRUPTED
    assert b"Traceback" not in errors


def test_without_a_word_the_command_line_explains_itself() -> None:
    assert run() == run("--help")
    assert run().status == 0


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        pytest.param({"FORCE_COLOR": "1"}, ["31"], id="colours"),
        pytest.param({"FORCE_COLOR": "1", "NO_COLOR": "1"}, [], id="NO_COLOR"),
        pytest.param({}, [], id="into a pipe"),
    ],
)
def test_colours_are_shown_where_they_are_wanted(environ: dict[str, str], expected: list[str]) -> None:
    kept = {name: text for name, text in os.environ.items() if name not in ("FORCE_COLOR", "NO_COLOR")}
    done = subprocess.run(
        [FLOWLOGS, "parse", "--table", "-"],
        input=LINE,
        env={**kept, "TERM": "xterm", **environ},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "REJECT" in done.stdout
    assert re.findall(r"\x1b\[(3\d)m", done.stdout) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param("flowlogs re", {"rejected", "replay", "reparse", "report"}, id="commands"),
        pytest.param("flowlogs parse --ta", {"--table"}, id="options of a command"),
        pytest.param("flowlogs --ver", {"--version"}, id="options of all"),
    ],
)
def test_the_shell_completes_what_is_begun(words: str, expected: set[str]) -> None:
    asked = {"_FLOWLOGS_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    done = subprocess.run(
        [FLOWLOGS], env={**os.environ, **asked}, capture_output=True, text=True, check=False
    )
    assert set(done.stdout.split()) == expected


@pytest.mark.parametrize(
    ("findings", "status"),
    [
        pytest.param([ok("indexed", "it is there")], 0, id="all is well"),
        pytest.param([ok("sent", "it is sent"), problem("indexed", "it is not there")], 1, id="a problem"),
    ],
)
def test_the_steps_of_smoke_are_told_to_machines(
    findings: list[Finding], status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = Deployment(log_group="/vpc", forward="forward")
    monkeypatch.setattr(Deployment, "complete", lambda *_: there)
    monkeypatch.setattr(smoke, "open_cluster", lambda *_, **__: (None, None))
    monkeypatch.setattr(smoke, "travel", lambda _: iter(findings))
    told = run("smoke", "--stack", "x", "--json")
    assert (told.status, told.errors) == (status, "")
    assert told.json == [
        {"name": each.name, "state": each.state.value, "text": each.text} for each in findings
    ]
