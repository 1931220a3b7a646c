"""Text that others wrote: what a terminal obeys, and what nobody sees, is an escape; all else stays."""

import json
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from flowlogs.terminal.display import foreign, make_console
from flowlogs.terminal.foreign import dump_json, harmless

COMMAND: Final = Path(sys.executable).parent / "flowlogs"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("/vpc/flow-logs [red]é 漢 🛒[/]", "/vpc/flow-logs [red]é 漢 🛒[/]", id="ordinary"),
        pytest.param("a\\b", "a\\b", id="a backslash"),
        pytest.param("\x1b[31m\x1b]0;title\x07", "\\u001b[31m\\u001b]0;title\\u0007", id="escape sequences"),
        pytest.param("a\0b\r\b\x7f", "a\\u0000b\\r\\b\\u007f", id="C0 and DEL"),
        pytest.param("a\x9b31mb\x85", "a\\u009b31mb\\u0085", id="C1"),
        pytest.param("a\nb\tc", "a\\nb\\tc", id="another line, and a tab"),
        pytest.param("\u2028\u2029", "\\u2028\\u2029", id="separators of lines"),
        pytest.param("\u202eabc\u2066\u200f", "\\u202eabc\\u2066\\u200f", id="directions"),
        pytest.param("a\u200b\u200d\ufeff\u00adb", "a\\u200b\\u200d\\ufeff\\u00adb", id="no width"),
        pytest.param("a\u00a0\u3000b", "a\\u00a0\\u3000b", id="other blanks"),
        pytest.param(
            "\u3164\u115f\ufe0f\u034f", "\\u3164\\u115f\\ufe0f\\u034f", id="letters that are nothing"
        ),
        pytest.param("\ud83d x \ude00", "\\ud83d x \\ude00", id="halves of a character"),
        pytest.param("\U000e0041\U000e0101", "\\udb40\\udc41\\udb40\\udd01", id="tags beyond 16 bits"),
        pytest.param("\ue000\uffff", "\\ue000\\uffff", id="private and never assigned"),
    ],
)
def test_what_a_terminal_obeys_is_an_escape(text: str, shown: str) -> None:
    assert harmless(text) == shown


@given(st.text(st.characters()))
def test_what_is_harmless_is_visible_and_can_be_encoded_and_stays_so(text: str) -> None:
    shown = harmless(text)
    assert shown.isprintable()
    assert harmless(shown) == shown
    assert shown.encode().decode() == shown
    assert not {"Cc", "Cf", "Cs", "Zl", "Zp"} & {unicodedata.category(each) for each in shown}


@given(st.dictionaries(st.text(st.characters()), st.text(st.characters()) | st.integers()))
def test_json_that_is_made_harmless_says_the_same(value: dict[str, object]) -> None:
    assert json.loads(harmless(json.dumps(value, ensure_ascii=False))) == value
    printed = dump_json(value)
    assert json.loads(printed) == value
    assert (printed.isascii(), printed.replace("\n", "").isprintable()) == (True, True)


def test_a_console_lets_nothing_through_that_somebody_forgot(capsys: pytest.CaptureFixture[str]) -> None:
    console = make_console()
    console.print("[red]a\x1b[31m\x9b\ud83d[/]")
    console.print(Text("\u202e", style="bold"))
    assert capsys.readouterr().out == "[red]a\\u001b[31m\\u009b\\ud83d[/]\n\\u202e\n"


def test_foreign_text_is_one_line_without_markup(capsys: pytest.CaptureFixture[str]) -> None:
    make_console(markup=True).print(foreign("[bold]a\nb[/]"))
    assert capsys.readouterr().out == "[bold]a\\nb[/]\n"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_what_an_encoding_lacks_is_an_escape_too(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "漢é"
    done = subprocess.run(
        [COMMAND, "dashboards", "--export", path],
        env={"PYTHONIOENCODING": encoding, "PYTHONUTF8": "1"},
        capture_output=True,
        check=False,
    )
    shown = "漢é".encode(encoding, "backslashreplace")
    assert (done.returncode, shown in done.stdout, done.stderr) == (0, True, b"")
