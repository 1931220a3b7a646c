"""What the README and the docs tell people to type exists: commands, options, make's targets, pages."""

import re
from pathlib import Path
from typing import Final

import pytest

from flowlogs.command_line import COMMANDS, load_command

PROJECT: Final = Path(__file__).parents[3]
PAGES: Final = sorted(
    [PROJECT / "README.md", PROJECT / "events" / "README.md", *(PROJECT / "docs").glob("*.md")]
)
OF_ALL: Final = {
    "--profile", "--region", "--debug", "--help", "--version", "--install-completion", "--show-completion",
}  # fmt: skip
"""Options of the command line itself, which may stand behind every command."""

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))


def known_options() -> dict[str, set[str]]:
    return {
        name: {o for p in load_command(name).params for o in (*p.opts, *p.secondary_opts)}
        for name in COMMANDS
    }


def read_calls(text: str) -> list[tuple[str, set[str]]]:
    """Return each call of the command line in a text: the command, and the options behind it."""
    joined = text.replace("\\\n", " ")
    # A call ends where its line, its quotes or its sentence does.
    calls = re.findall(r"flowlogs ([a-z]+(?= |`|$)[^`|\n]*?)(?=[`|\n]|\. |, |$)", joined, re.MULTILINE)
    return [
        (call.split()[0], set(re.findall(r"(?<=\s)--[a-z-]+", call)))
        for call in calls
        if call.split()[0] in known_options() or "--" in call
    ]


@pages
def test_every_call_is_of_a_command_that_exists_with_options_that_it_has(page: Path) -> None:
    known = known_options()
    calls = read_calls(page.read_text(encoding="utf-8"))
    wrong = [
        (command, options - known.get(command, set()) - OF_ALL)
        for command, options in calls
        if command not in known or options - known[command] - OF_ALL
    ]
    assert wrong == []


def test_every_command_is_explained_in_the_docs() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert {command for command, _ in read_calls(text)} | {
        "demo",
        "invoke",
        "opensearch",
    } >= known_options().keys()


@pages
def test_every_target_of_make_exists(page: Path) -> None:
    targets = set(
        re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    )
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"(?:^ {4}(?:\$ )?|`(?:[A-Z_]+=\S+ )*)make ([a-z-]+)", text, re.MULTILINE)
    assert set(named) <= targets


def test_make_calls_commands_that_exist() -> None:
    text = (PROJECT / "Makefile").read_text(encoding="utf-8")
    called = set(re.findall(r"\$\(RUN\)/flowlogs ([a-z]+)", text))
    assert "opensearch" in called
    assert called <= known_options().keys()
