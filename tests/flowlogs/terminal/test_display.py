"""How records and numbers are shown to people."""

import io

import pytest
from rich.console import Console
from rich.padding import Padding

from flowlogs.terminal.display import (
    count_of,
    format_bytes,
    format_count,
    format_protocol,
    make_console,
    plain_table,
    record_table,
)
from parser.record import Value


def show(*records: dict[str, Value]) -> list[str]:
    """Return the rows of the table of records, without its head."""
    console = make_console()
    console.file = io.StringIO()
    console.print(record_table(records))
    return [row.rstrip() for row in console.file.getvalue().splitlines()[2:]]


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (None, ""),
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (1904, "1.9 kB"),
        (23_000_000_000, "23.0 GB"),
        (2**63 - 1, "9.2 EB"),
        (12.7, "13 B"),
    ],
)
def test_bytes_are_shown_in_the_unit_that_keeps_them_short(number: float | None, shown: str) -> None:
    assert format_bytes(number) == shown


@pytest.mark.parametrize(
    ("number", "shown"), [(0, "0 objects wait"), (1, "1 object waits"), (1_234, "1,234 objects wait")]
)
def test_one_is_told_as_one(number: int, shown: str) -> None:
    assert count_of(number, "object", "waits", "wait") == shown
    assert count_of(number, "object") == shown.rsplit(" ", 1)[0]


def test_lines_in_a_file_have_no_blanks_at_their_ends() -> None:
    console = make_console()
    console.file = io.StringIO()
    table = plain_table("name", "number")
    table.add_row("long name", "")
    console.print(table)
    console.print(Padding("word " * 40, (0, 0, 0, 4), expand=False))
    console.print("an end\n", end="")
    lines = console.file.getvalue().split("\n")
    assert [line for line in lines if line != line.rstrip()] == []
    assert lines[2] == "long name"
    assert lines[3].startswith("    word word")
    assert lines[-2:] == ["an end", ""]


@pytest.mark.parametrize(("number", "shown"), [(None, ""), (0, "0"), (999, "999"), (1234567, "1,234,567")])
def test_counts_have_their_thousands_apart(number: int | None, shown: str) -> None:
    assert format_count(number) == shown


@pytest.mark.parametrize(
    ("number", "shown"), [(None, ""), (0, "0"), (1, "ICMP"), (6, "TCP"), (58, "ICMPv6"), (255, "255")]
)
def test_protocols_have_names_where_they_are_common(number: int | None, shown: str) -> None:
    assert format_protocol(number) == shown


def test_a_record_is_a_row() -> None:
    record: dict[str, Value] = {
        "start": 1_768_478_400,
        "srcaddr": "10.0.1.5",
        "srcport": 41230,
        "dstaddr": "2001:db8::1",
        "dstport": 443,
        "protocol": 6,
        "packets": 1234,
        "bytes": 1904,
        "action": "REJECT",
        "log_status": "OK",
    }
    expected = "2026-01-15 12:00:00 10.0.1.5:41230 [2001:db8::1]:443 TCP 1,234 1.9 kB REJECT OK"
    assert [" ".join(row.split()) for row in show(record)] == [expected]


def test_what_is_absent_leaves_its_cell_empty() -> None:
    assert [row.split() for row in show({"log_status": "NODATA"})] == [["NODATA"]]


def test_port_zero_is_not_shown_beside_an_address() -> None:
    assert [row.split() for row in show({"srcaddr": "10.0.0.1", "srcport": 0})] == [["10.0.0.1"]]


@pytest.mark.parametrize(
    "address",
    ["fe80::1", "2001:db8:a:b::1", "2001:db8::cd:1", "abcd:bee:bed::100:1234", "::ffff:10.0.0.1", "bold::"],
)
def test_an_address_is_never_taken_for_markup_or_an_emoji(address: str) -> None:
    assert [row.split() for row in show({"srcaddr": address, "dstaddr": address, "dstport": 80})] == [
        [f"[{address}]", f"[{address}]:80"]
    ]


def test_output_that_goes_to_a_file_is_wide_enough_and_has_no_colours(
    capsys: pytest.CaptureFixture[str],
) -> None:
    console = make_console()

    assert isinstance(console, Console)
    console.print(record_table([{"srcaddr": "10.0.0.1", "action": "REJECT"}]))
    assert "\x1b" not in capsys.readouterr().out
    assert console.width == 120
