"""`flowlogs report` of a few lines made up, on a real OpenSearch."""

import datetime as dt
from pathlib import Path
from typing import Any, Final

import pytest

from flowlogs.local.embedded import Embedded
from parser.format import Formats
from support.commands import run
from support.html_page import Page
from support.logged import flow, load_lines
from support.troubles import close, lose

NOON: Final = dt.datetime(2026, 1, 16, 12, tzinfo=dt.UTC)
LATE: Final = dt.datetime(2026, 1, 16, 23, 45, tzinfo=dt.UTC)
DAY: Final = dt.timedelta(days=1)


@pytest.fixture
def node(opensearch: Embedded, monkeypatch: pytest.MonkeyPatch) -> Embedded:
    monkeypatch.setenv("OPENSEARCH_URL", opensearch.url)
    return opensearch


def report() -> Any:
    """Return the report of 16 January."""
    told = run("report", "--since", "2026-01-16", "--until", "2026-01-17", "--json")
    assert (told.status, told.errors) == (0, "")
    return told.json


def test_a_log_group_that_is_wholly_silent_is_named(node: Embedded) -> None:
    """It has no record in the period, so nothing inside the period tells of it."""
    load_lines(node, [flow("10.0.0.1", "10.0.0.2", 443, 40)], NOON - DAY, log_group="/vpc/gone")
    load_lines(node, [flow("10.0.0.1", "10.0.0.2", 443, 40)], NOON, log_group="/vpc/late")
    load_lines(node, [flow("10.0.0.1", "10.0.0.2", 443, 40)], LATE, log_group="/vpc/here")

    told = report()["summary"]

    assert [each for each in told if "silent" in each] == [
        "Log group /vpc/gone is silent since 2026-01-15 12:00 UTC, and has no record in this period.",
        "Log group /vpc/late is silent since 2026-01-16 12:00 UTC.",
    ]


def test_a_silent_log_group_is_named_though_twenty_others_have_more_records(node: Embedded) -> None:
    load_lines(node, [flow("10.0.0.1", "10.0.0.2", 443, 40)], NOON, log_group="/vpc/small")
    for number in range(20):
        lines = [flow("10.0.0.1", "10.0.0.2", 443, 40)] * 2
        load_lines(node, lines, LATE, log_group=f"/vpc/{number}")

    assert report()["summary"][-1] == "Log group /vpc/small is silent since 2026-01-16 12:00 UTC."


def test_three_accounts_whose_log_groups_have_one_name_are_told_apart(node: Embedded, tmp_path: Path) -> None:
    """Their addresses overlap, too, as those of accounts do that were never planned together."""
    inside = flow("10.0.0.1", "10.0.0.2", 443, 1_000)
    load_lines(node, [inside, flow("10.0.0.1", "192.0.2.1", 443, 3_000)], LATE, owner="111111111111")
    load_lines(node, [flow("198.51.100.1", "10.0.0.1", 22, 40, action="REJECT")], LATE, owner="222222222222")
    load_lines(node, ["a line"], LATE + dt.timedelta(seconds=1), owner="222222222222")
    load_lines(node, [inside] * 2, NOON, owner="033333333333")
    page = tmp_path / "report.html"

    told = run("report", "--since", "2026-01-16", "--until", "2026-01-17", "--output", str(page))

    assert (told.status, told.errors) == (0, "")
    shown = Page(page.read_text(encoding="utf-8"))
    tables = {name: rows[1:] for name, rows in shown.tables.items()}
    assert tables["accounts"] == [
        ["111111111111", "4.0 kB", "0 B", "3.0 kB", "2", "0"],
        ["033333333333", "2.0 kB", "0 B", "0 B", "2", "0"],
        ["222222222222", "40 B", "40 B", "0 B", "1", "1"],
    ]
    assert tables["freshness"] == [
        ["033333333333", "/vpc/flow-logs", "2", "2026-01-16 12:00"],
        ["111111111111", "/vpc/flow-logs", "2", "2026-01-16 23:45"],
        ["222222222222", "/vpc/flow-logs", "2", "2026-01-16 23:45"],
    ]
    assert [(*row[:2], row[-1]) for row in tables["parse-errors"]] == [
        ("222222222222", "/vpc/flow-logs", "1")
    ]
    assert shown.sentences[-1] == (
        "Log group /vpc/flow-logs of account 033333333333 is silent since 2026-01-16 12:00 UTC."
    )


def test_when_all_log_groups_are_silent_they_are_named(node: Embedded) -> None:
    load_lines(node, [flow("10.0.0.1", "10.0.0.2", 443, 40)], NOON - DAY, log_group="/vpc/gone")

    assert report()["summary"] == [
        "There are no flow log records from 2026-01-16 00:00 to 2026-01-17 00:00 UTC.",
        "Log group /vpc/gone is silent since 2026-01-15 12:00 UTC, and has no record in this period.",
    ]


def test_a_format_without_bytes_has_a_report(node: Embedded) -> None:
    formats = Formats.from_text("${srcaddr} ${dstaddr} ${dstport} ${action} ${log-status}")
    lines = ["10.0.0.1 10.0.0.2 443 ACCEPT OK", "10.0.0.3 10.0.0.2 22 REJECT OK"]
    load_lines(node, lines, LATE - DAY, formats=formats)
    load_lines(node, lines, LATE, formats=formats)

    assert report()["summary"] == [
        "2 flows were recorded; 50.0% of them were rejected.",
        (
            "The period before (2026-01-15 00:00 to 2026-01-16 00:00 UTC) had 2 flows, and 50.0% rejected. "
            "Flows: about the same."
        ),
        "New talkers: none among the 50 sources with most bytes.",
        "Scan-like sources: none.",
    ]


def test_one_host_that_sends_to_many_has_all_of_its_rows(node: Embedded) -> None:
    """A backup to six hosts: six rows of 1 GB, and then those of 1 kB."""
    pairs = [("10.0.0.1", f"10.0.1.{number}", 10**9) for number in range(6)]
    pairs += [(f"10.0.2.{number}", "10.0.1.1", 1_000 - number) for number in range(8)]
    load_lines(node, [flow(source, to, 443, size) for source, to, size in pairs], LATE)

    rows = report()["panels"]["talkers"]

    assert [(row["source"], row["bytes"]) for row in rows] == [(source, size) for source, _, size in pairs]


def test_a_day_that_does_not_answer_is_named_and_the_other_is_told(node: Embedded) -> None:
    """The first of two days is red: half the report, exit status 1, and not a word of "no records"."""
    load_lines(node, [flow("10.0.0.1", "10.0.0.2", 443, 40)], NOON - DAY)
    load_lines(node, [flow("10.0.0.1", "10.0.0.2", 443, 40)], NOON)
    lose(node, "cwl-2026.01.15")
    told = run("report", "--since", "2026-01-16", "--until", "2026-01-17", "--json")

    red = "red: 1 of its 1 primary shards are on no node"
    assert (told.status, told.json["lacking"]) == (1, {"cwl-2026.01.15": red})
    assert told.json["panels"]["traffic"] == [{"bytes": 40, "packets": 1, "flows": 1}]
    assert told.json["summary"][0].startswith(f"Not all could be asked: cwl-2026.01.15 is {red}. ")
    assert told.errors == f"flowlogs: the report is not whole: cwl-2026.01.15 is {red}\n"


def test_a_period_whose_index_is_closed_is_not_called_empty(node: Embedded) -> None:
    load_lines(node, [flow("10.0.0.1", "10.0.0.2", 443, 40)], NOON)
    close(node, "cwl-2026.01.16")
    told = run("report", "--since", "2026-01-16", "--until", "2026-01-17", "--json")

    assert (told.status, told.json["lacking"]) == (1, {"cwl-2026.01.16": "closed"})
    assert told.json["summary"][1].endswith("UTC is not known.")


def test_a_period_whose_index_is_red_is_said_at_once(node: Embedded) -> None:
    load_lines(node, [flow("10.0.0.1", "10.0.0.2", 443, 40)], NOON)
    lose(node, "cwl-2026.01.16")
    told = run("report", "--since", "2026-01-16", "--until", "2026-01-17", "--json")

    assert (told.status, told.output) == (1, "")
    assert told.errors == (
        "flowlogs: OpenSearch does not answer whole: cwl-2026.01.16 is red: 1 of its 1 primary shards are on "
        "no node\n"
    )


def test_another_stack_whose_prefix_begins_alike_is_not_added_up(node: Embedded) -> None:
    load_lines(node, [flow("10.0.0.1", "10.0.0.2", 443, 40)], NOON)
    for other in ("cwl-dev-2026.01.16", "cwl-2026.01.16-copy"):
        body = {"source": {"index": "cwl-2026.01.16"}, "dest": {"index": other}}
        assert node.request("POST", "/_reindex?refresh=true", body)[0] == 200

    assert report()["panels"]["traffic"] == [{"bytes": 40, "packets": 1, "flows": 1}]
