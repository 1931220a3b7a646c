"""Two commands at once: the second waits, says so, and goes on when the first has ended, however."""

import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Final

import pytest

from flowlogs.local import loopback, project_node
from flowlogs.local.embedded import Embedded
from flowlogs.local.project_node import connect_or_start
from flowlogs.local.turn import take_turn

HOLD: Final = """
import sys
from pathlib import Path
from flowlogs.local.turn import take_turn
with take_turn(Path(sys.argv[1]), "http://127.0.0.1:9201", lambda text: print(text, flush=True)):
    print("has it", flush=True)
    sys.stdin.readline()
"""
DEMO: Final = """
import os
import sys
from pathlib import Path
from flowlogs.commands import demo
from flowlogs.local import project_node
from flowlogs.command_line import app
project_node.DATA = Path(sys.argv[1])
os.environ["OPENSEARCH_URL"] = sys.argv[2]
demo.LOG, demo.REPORT = Path(sys.argv[1], sys.argv[3]), Path(sys.argv[1], "report.html")
app(["demo", "--records", "1000", "--day", "2026-11-22"])
"""
WAITS: Final = "another flowlogs command is busy with {}: waiting until it has ended"


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def read(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_the_second_says_that_it_waits_and_has_its_turn_when_the_first_is_killed(tmp_path: Path) -> None:
    with start(HOLD, tmp_path) as first, start(HOLD, tmp_path / "other") as elsewhere:
        assert (read(first), read(elsewhere)) == ("has it", "has it")
        with start(HOLD, tmp_path) as second:
            assert read(second) == WAITS.format("http://127.0.0.1:9201")
            first.send_signal(signal.SIGKILL)
            assert read(second) == "has it"
            second.communicate("\n")
        elsewhere.communicate("\n")
        first.communicate()


def test_what_is_not_the_same_is_not_waited_for(tmp_path: Path) -> None:
    told: list[str] = []
    with (
        take_turn(tmp_path, "http://127.0.0.1:9201", told.append),
        take_turn(tmp_path, "http://127.0.0.1:9202", told.append),
    ):
        pass

    assert told == []


@pytest.mark.long
def test_of_two_demos_at_once_the_second_waits_and_both_add_up(opensearch: Embedded, tmp_path: Path) -> None:
    demos = [start(DEMO, tmp_path, opensearch.url, f"{name}.log") for name in ("a", "b")]
    told = [each.communicate() for each in demos]

    assert [each.returncode for each in demos] == [0, 0], told
    assert sorted(errors.strip() for _, errors in told) == ["", WAITS.format(opensearch.url)]
    grown = sorted(output.split("the index grew by ")[1].split(" documents")[0] for output, _ in told)
    assert grown == ["0", "1,167"]


def test_a_node_is_not_started_where_another_command_has_its_data(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    port = loopback.free_low_port()
    monkeypatch.setattr(project_node, "DATA", tmp_path)
    monkeypatch.setattr(project_node, "PORT", port)
    done: list[str] = []
    waits = threading.Event()
    monkeypatch.setattr(Embedded, "start", lambda _: done.append("start"))
    monkeypatch.setattr(Embedded, "stop", lambda _: done.append("stop"))

    def announce(text: str) -> None:
        done.append(text)
        waits.set()

    monkeypatch.setattr(project_node, "announce", announce)

    def use() -> None:
        with connect_or_start():
            done.append("use")

    second = threading.Thread(target=use)
    with connect_or_start():
        second.start()
        assert waits.wait(30)
        done.append("end")
    second.join()

    assert done == ["start", WAITS.format(f"http://127.0.0.1:{port}"), "end", "stop", "start", "use", "stop"]
