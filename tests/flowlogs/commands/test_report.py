"""`flowlogs report`: what it says is what the raw lines say."""

import datetime as dt
import re
from pathlib import Path
from typing import Any

import pytest

from flowlogs.panels.catalogue import EVERY_PANEL, PANELS
from flowlogs.panels.panel import Chart
from flowlogs.report.page import WIDTHS, shorten
from flowlogs.report.summary import change
from flowlogs.terminal.display import format_bytes
from support import raw_lines
from support.commands import run
from support.html_page import Page
from support.logged import Logged
from support.raw_lines import Line

SINCE = dt.datetime(2026, 1, 16, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def page(logged: Logged, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the report of the second of the two days."""
    file = tmp_path_factory.mktemp("report") / "report.html"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENSEARCH_URL", logged.node.url)
        told = run("report", "--since", "2026-01-16", "--until", "2026-01-17", "--output", str(file))
    assert (told.status, told.errors, told.output) == (0, "", f"report: {file}\n")
    return file.read_text(encoding="utf-8")


def of_day(logged: Logged, day: int) -> list[Line]:
    return [line for line in logged.lines if line["@timestamp"] // 86_400_000 == day]


SECOND = int(SINCE.timestamp()) // 86_400


def test_the_numbers_are_those_of_the_raw_lines(page: str, logged: Logged) -> None:
    lines = [line for line in of_day(logged, SECOND) if line.get("log_status") == "OK"]
    rejected = sum(line.get("action") == "REJECT" for line in lines)

    shown = re.findall(r'<div class="card"><b(?: title="(.*?)")?>(.*?)</b> <span>(.*?)</span>', page)

    size, packets = (sum(line[name] for line in lines) for name in ("bytes", "packets"))
    assert shown == [
        (f"{size:,} B", format_bytes(size), "bytes"),
        (f"{packets:,}", shorten(packets), "packets"),
        ("", f"{len(lines):,}", "flows"),
        ("", f"{100 * rejected / len(lines):.1f}%", "of flows rejected"),
    ]


def test_each_panel_has_its_table(page: str, logged: Logged) -> None:
    tables = Page(page).tables
    for panel in EVERY_PANEL:
        if panel.chart in {Chart.NUMBERS, Chart.SHARE} or panel.name == "parse-errors":
            continue
        expected = raw_lines.answer(panel, of_day(logged, SECOND))
        if panel.chart is not Chart.OVER_TIME:  # its steps are shorter than an hour
            assert len(tables[panel.name]) - 1 == len(expected), panel.name
        assert tables[panel.name][0] == [
            *(bucket.label for bucket in panel.buckets),
            *(metric.label for metric in panel.metrics),
        ]


def test_a_table_says_what_the_raw_lines_say(page: str, logged: Logged) -> None:
    panel = next(panel for panel in PANELS if panel.name == "rejected-sources")

    _, *rows = Page(page).tables["rejected-sources"]

    assert rows == [
        [str(row.keys[0]), *(f"{int(value):,}" for value in row.values)]
        for row in raw_lines.answer(panel, of_day(logged, SECOND))
    ]


def test_the_summary_compares_with_the_day_before(page: str, logged: Logged) -> None:
    days = [
        [line for line in of_day(logged, day) if line.get("log_status") == "OK"]
        for day in (SECOND - 1, SECOND)
    ]
    before, now = ((sum(line["bytes"] for line in day), len(day)) for day in days)

    told = " ".join(Page(page).sentences)

    assert f"{format_bytes(now[0])} travelled in {now[1]:,} flows" in told
    assert f"had {format_bytes(before[0])} in {before[1]:,} flows" in told
    assert f"Bytes: {change(now[0], before[0])}; flows: {change(now[1], before[1])}." in told


def test_the_summary_names_who_is_new(page: str, logged: Logged) -> None:
    sent: dict[str, int] = {}
    for line in of_day(logged, SECOND):
        if line.get("log_status") == "OK":
            sent[line["srcaddr"]] = sent.get(line["srcaddr"], 0) + line["bytes"]
    known = {line.get("srcaddr") for line in of_day(logged, SECOND - 1) if line.get("log_status") == "OK"}
    largest = sorted(sent, key=lambda each: (-sent[each], raw_lines.rank("srcaddr", each)))[:50]
    new = [f"{each} ({format_bytes(sent[each])})" for each in largest if each not in known]

    (told,) = (each for each in Page(page).sentences if each.startswith("New talkers"))

    shown = ", ".join(new[:5]) + (f" and {len(new) - 5} more" if len(new) > 5 else "")
    assert told == f"New talkers, unseen in the period before: {shown}." if new else "none" in told


def test_the_summary_names_who_scans(page: str, logged: Logged) -> None:
    panel = next(panel for panel in PANELS if panel.name == "rejected-sources")
    rows = raw_lines.answer(panel, of_day(logged, SECOND))
    worst = max(rows, key=lambda row: row.values[1] * row.values[2])

    (told,) = (each for each in Page(page).sentences if each.startswith("Scan-like"))

    assert worst.values[1] >= 10
    assert told.startswith(
        f"Scan-like sources: {worst.keys[0]} ({int(worst.values[0])} refused, "
        f"on {int(worst.values[1])} ports and {int(worst.values[2])} hosts)"
    )


def test_the_page_needs_nothing_from_elsewhere(page: str) -> None:
    names = {name for _, attributes in Page(page).elements for name in attributes}
    tags = {tag for tag, _ in Page(page).elements}

    assert names & {"src", "href", "srcset", "action", "xlink:href"} == set()
    assert tags & {"link", "iframe", "img", "object", "embed", "base", "form"} == set()
    assert "@import" not in page
    assert re.findall(r"url\((?!#)", page) == []
    assert len(page) < 600_000


def test_charts_have_ids_of_their_own(page: str) -> None:
    ids = [attributes["id"] for _, attributes in Page(page).elements if "id" in attributes]
    charts = [attributes for tag, attributes in Page(page).elements if tag == "svg"]
    drawn = [panel for panel in EVERY_PANEL if panel.chart in {Chart.OVER_TIME, Chart.BARS, Chart.SANKEY}]

    assert len(ids) == len(set(ids))
    assert len(charts) == len(drawn) * len(WIDTHS)
    assert all(used in ids for used in re.findall(r"url\(#(.*?)\)", page))


def test_a_period_that_ends_before_it_begins_is_refused() -> None:
    told = run("report", "--since", "2026-01-17", "--until", "2026-01-16")

    assert told.status == 2
    assert told.errors == "flowlogs: --since (2026-01-17 00:00) must lie before --until (2026-01-16 00:00)\n"


def test_a_period_with_none_before_it_is_refused() -> None:
    told = run("report", "--since", "0001-01-01")

    assert (told.status, told.output) == (2, "")
    assert told.errors == (
        "flowlogs: the report compares with the period before, which would begin before the year 1\n"
    )


def test_the_page_goes_to_standard_output_where_that_is_asked_for(
    page: str, logged: Logged, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OPENSEARCH_URL", logged.node.url)
    monkeypatch.chdir(tmp_path)

    told = run("report", "--since", "2026-01-16", "--until", "2026-01-17", "--output", "-")

    assert (told.status, told.errors) == (0, "")
    assert told.output.endswith("</html>")
    assert Page(told.output).tables == Page(page).tables
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def in_json(logged: Logged) -> Any:
    """Return the same report as JSON."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENSEARCH_URL", logged.node.url)
        told = run("report", "--since", "2026-01-16", "--until", "2026-01-17", "--json")
    assert (told.status, told.errors) == (0, "")
    return told.json


def test_the_json_has_the_answer_to_every_panel(in_json: Any, logged: Logged) -> None:
    lines = of_day(logged, SECOND)

    assert in_json["panels"].keys() == {panel.name for panel in EVERY_PANEL}
    for panel in EVERY_PANEL:
        if panel.name == "parse-errors" or panel.chart is Chart.OVER_TIME:  # its steps are no hours
            continue
        names = [each.label.lower().replace(" ", "_") for each in (*panel.buckets, *panel.metrics)]
        expected = [
            dict(zip(names, (*row.keys, *row.values), strict=True)) for row in raw_lines.answer(panel, lines)
        ]
        for row in expected:
            if "newest" in row:
                moment = dt.datetime.fromtimestamp(float(row["newest"]) / 1000, dt.UTC)
                row["newest"] = moment.isoformat()
        found = in_json["panels"][panel.name]
        keys = names[: len(panel.buckets)]
        assert sorted(found, key=lambda row: [str(row[key]) for key in keys]) == sorted(
            expected, key=lambda row: [str(row[key]) for key in keys]
        ), panel.name


def test_the_json_names_what_it_tells(in_json: Any, page: str) -> None:
    assert {name: in_json[name] for name in ("index", "since", "until", "lacking")} == {
        "index": "cwl-*",
        "since": "2026-01-16T00:00:00+00:00",
        "until": "2026-01-17T00:00:00+00:00",
        "lacking": {},
    }
    assert in_json["summary"] == Page(page).sentences
    assert list(in_json["panels"]["talkers"][0]) == [
        "source",
        "destination",
        "port",
        "bytes",
        "packets",
        "flows",
    ]
    assert list(in_json["panels"]["bytes-over-time"][0]) == ["action", "time", "bytes"]
    assert list(in_json["panels"]["freshness"][0]) == ["account", "log_group", "records", "newest"]
    assert list(in_json["before"]) == ["traffic", "rejected-share"]
    assert all(list(each) == ["source", "bytes"] for each in in_json["new_sources"])


def test_the_json_tells_of_each_log_group_when_it_was_heard(in_json: Any, logged: Logged) -> None:
    newest: dict[tuple[str, str], int] = {}
    for line in [*of_day(logged, SECOND - 1), *of_day(logged, SECOND)]:
        group = (line["@owner"], line["@log_group"])
        newest[group] = max(line["@timestamp"], newest.get(group, 0))

    assert {
        (each["account"], each["log_group"]): dt.datetime.fromisoformat(each["newest"]).timestamp() * 1000
        for each in in_json["log_groups"]
    } == newest


def test_json_and_a_file_are_not_asked_for_together() -> None:
    told = run("report", "--json", "--output", "report.json")

    assert (told.status, told.output) == (2, "")
    assert told.errors == "flowlogs: give either --json, which prints the numbers, or --output\n"


def test_a_cluster_that_does_not_answer_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OPENSEARCH_URL", "http://127.0.0.1:9")

    told = run("report", "--output", str(tmp_path / "report.html"))

    assert (told.status, told.output) == (1, "")
    assert "does not answer" in told.errors
    assert not (tmp_path / "report.html").exists()


def test_an_index_that_is_not_there_is_an_empty_report(
    logged: Logged, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OPENSEARCH_URL", logged.node.url)
    monkeypatch.setenv("INDEX_PREFIX", "nothing")
    file = tmp_path / "report.html"

    told = run("report", "--since", "2026-01-16", "--until", "2026-01-17", "--output", str(file))

    nothing = "flowlogs: no record from 2026-01-16 00:00 to 2026-01-17 00:00 UTC is in nothing-*: "
    assert (told.status, told.errors) == (0, f"{nothing}the report is empty\n")
    assert len(Page(file.read_text()).sentences) == 1

    file.write_text("another report")
    told = run("report", "--since", "2026-01-16", "--until", "2026-01-17", "--output", str(file))
    assert (told.status, told.output) == (1, "")
    assert told.errors == f"{nothing}{file} stays as it is, --output names another file\n"
    assert file.read_text() == "another report"


def test_no_number_is_missing(page: str) -> None:
    assert re.findall(r">(?:nan|inf|NaN|Infinity|undefined|null|None)<", page) == []
