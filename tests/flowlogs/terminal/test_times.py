"""Times are taken in the forms in which commands, logs and documents print them, and nothing else is."""

from datetime import UTC, datetime, timedelta

import pytest
import typer

from flowlogs.terminal.times import FORMS, read_date, read_time
from support.commands import run

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("2026-11-24", NOON - timedelta(hours=12), id="a date"),
        pytest.param("2026-11-24T12:00", NOON, id="as in the help"),
        pytest.param("2026-11-24 12:00", NOON, id="as verify prints it"),
        pytest.param("2026-11-24 12:00 UTC", NOON, id="with its UTC"),
        pytest.param("2026-11-24T12:00:00Z", NOON, id="as AWS prints it"),
        pytest.param("2026-11-24T12:00Z", NOON, id="Z without seconds"),
        pytest.param(
            "2026-11-24T12:00:00.250Z", NOON + timedelta(milliseconds=250), id="as a document has it"
        ),
        pytest.param(
            "2026-11-24T12:00:00.250123456Z", NOON + timedelta(microseconds=250_123), id="nanoseconds"
        ),
        pytest.param("2026-11-24T12:00:00.250+00:00", NOON + timedelta(milliseconds=250), id="as the log"),
        pytest.param("2026-11-24T13:00+01:00", NOON, id="another zone"),
        pytest.param("2026-11-24T06:30-0530", NOON, id="a zone without a colon"),
        pytest.param(" 2026-11-24T12:00 ", NOON, id="blanks around"),
    ],
)
def test_a_time_is_read_as_it_is_printed_somewhere(text: str, expected: datetime) -> None:
    read = read_time(text)

    assert (read, read.tzinfo) == (expected, UTC)


@pytest.mark.parametrize(
    "text",
    [
        "yesterday",
        "",
        "24h",
        "2026-02-30",
        "2026-11-24T25:00",
        "2026-11-24T12",
        "2026-11-24T12:00X",
        "2026-11-24T12:00+99:00",
        "0001-01-01T00:00+01:00",
        "9999-12-31T23:59-01:00",
        "٢٠٢٦-11-24",
        "20261124",
        "2026-W48",
        "1768478400",
    ],
)
def test_what_is_no_time_is_named_with_what_would_be_one(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is no time: write 2026-11-24, ") as raised:
        read_time(text)

    assert raised.value.message == f"{text!r} is no time: write {FORMS} (UTC)"


@pytest.mark.parametrize("text", ["2026-11-24T12:00", "2026-02-30", "today", ""])
def test_what_is_no_date_is_named_with_what_would_be_one(text: str) -> None:
    with pytest.raises(typer.BadParameter) as raised:
        read_date(text)

    assert raised.value.message == f"{text!r} is no date: write 2026-11-24 (UTC)"


@pytest.mark.parametrize("command", ["verify", "report", "replay", "rejected", "reparse"])
def test_a_command_says_of_which_option_the_time_is_wrong(command: str) -> None:
    told = run(command, "--since", "yesterday")

    assert told.status == 2
    words = " ".join(told.errors.replace("│", " ").split())
    assert f"Invalid value for '--since': 'yesterday' is no time: write {FORMS} (UTC)" in words
