"""The report's page and words, from answers made up; hostile text in the logs stays text."""

import datetime as dt
import re
from dataclasses import replace
from typing import Any

import pytest

from flowlogs.panels.catalogue import EVERY_PANEL
from flowlogs.panels.panel import Row
from flowlogs.report.answers import Answers, LogGroup
from flowlogs.report.charts import render
from flowlogs.report.machine import to_json
from flowlogs.report.page import WIDTHS, build_page
from flowlogs.report.period import Period, choose_period
from flowlogs.report.summary import change, summarize
from support.html_page import Page
from support.report_answers import PERIOD, SINCE, UNTIL, make_answers

HOSTILE = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>&amp;"


def build(answers: Answers) -> str:
    return build_page(answers, cluster="https://example.com", index="cwl-*", now=UNTIL)


def test_hostile_text_stays_text() -> None:
    calm, attacked = Page(build(make_answers())), Page(build(make_answers(HOSTILE)))

    def shape(page: Page) -> list[tuple[str, list[str]]]:
        return [(tag, sorted(attributes)) for tag, attributes in page.elements if tag not in {"path", "g"}]

    assert shape(attacked) == shape(calm)  # not one element or attribute more
    assert attacked.tables["parse-errors"][1] == [HOSTILE, HOSTILE, HOSTILE, "1"]
    assert any(HOSTILE in sentence for sentence in attacked.sentences)


def test_only_the_script_of_the_page_itself_may_run() -> None:
    page = build(make_answers())

    (policy,) = re.findall(r'Content-Security-Policy" content="(.*?)"', page)

    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-")
    assert page.count("<script") == 1


def test_a_period_without_records_is_said() -> None:
    empty: dict[str, list[Row]] = {panel.name: [] for panel in EVERY_PANEL}
    empty |= {
        "traffic": [Row((), (0, 0, 0))],
        "rejected-share": [Row(("rejected",), (0,)), Row(("accepted",), (0,))],
        "health": [Row((what,), (0, 0, 0)) for what in ("ok", "no data", "skip data", "parse error")],
    }

    page = Page(build(Answers(PERIOD, empty, empty, [], {}, {})))

    assert page.sentences == ["There are no flow log records from 2026-01-16 00:00 to 2026-01-17 00:00 UTC."]
    assert [tag for tag, _ in page.elements if tag == "svg"] == []


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"skipped": 2}, "AWS could not capture 2 windows (SKIPDATA) on 1 interface."),
        ({"broken": 1}, "1 line could not be parsed; the reasons are below."),
        ({"newest": UNTIL - dt.timedelta(hours=3)}, "Log group quiet is silent since 2026-01-16 21:00 UTC."),
        (
            {"newest": SINCE - dt.timedelta(hours=3)},
            "Log group quiet is silent since 2026-01-15 21:00 UTC, and has no record in this period.",
        ),
    ],
    ids=["skip data", "parse error", "silent log group", "no record of a log group"],
)
def test_the_summary_says_what_is_missing(changed: dict[str, Any], sentence: str) -> None:
    health = [
        Row(("ok",), (5, 1, 1)),
        Row(("no data",), (0, 0, 0)),
        Row(("skip data",), (changed.get("skipped", 0), 1, 1)),
        Row(("parse error",), (changed.get("broken", 0), 1, 1)),
    ]
    found = make_answers(health=health)
    newest = {LogGroup("012345678901", "quiet"): changed.get("newest", UNTIL)}
    answers = replace(found, new_sources=[], newest=newest)

    told = summarize(answers, UNTIL)

    assert told[-1] == sentence
    assert len(told) == 5


def test_an_answer_that_is_not_whole_is_said_first_and_never_called_empty() -> None:
    found = replace(make_answers(), lacking={"cwl-2026.01.16": "closed"})
    empty = replace(found, panels={**found.panels, "health": [Row(("ok",), (0, 0, 0))] * 4})

    told, told_of_nothing = summarize(found, UNTIL), summarize(empty, UNTIL)

    assert (
        told[0]
        == told_of_nothing[0]
        == (
            "Not all could be asked: cwl-2026.01.16 is closed. The numbers lack what is there, and what is "
            "compared or called new may be wrong."
        )
    )
    assert told[1:] == summarize(make_answers(), UNTIL)
    assert told_of_nothing[1] == (
        "Whether there are flow log records from 2026-01-16 00:00 to 2026-01-17 00:00 UTC is not known."
    )


def test_without_records_before_nothing_is_compared_or_new() -> None:
    found = make_answers()
    before = {
        "traffic": [Row((), (0, 0, 0))],
        "rejected-share": [Row(("rejected",), (0,)), Row(("a",), (0,))],
    }

    told = summarize(replace(found, before=before), UNTIL)

    assert told[1] == (
        "There is nothing to compare with: "
        "no flow was recorded from 2026-01-15 00:00 to 2026-01-16 00:00 UTC."
    )
    assert not any("New talkers" in each for each in told)


@pytest.mark.parametrize(
    ("now", "before", "words"),
    [
        (100, 100, "about the same"),
        (1004, 1000, "about the same"),
        (112, 100, "12% more"),
        (50, 100, "50% less"),
        (0, 100, "100% less"),
        (350, 100, "3.5 times as much"),
        (5, 0, ""),
    ],
)
def test_a_change_in_words(now: float, before: float, words: str) -> None:
    assert change(now, before) == words


@pytest.mark.parametrize(
    ("hours", "interval"),
    [
        (0.5, "1m"),
        (1, "5m"),
        (6, "10m"),
        (24, "30m"),
        (48, "60m"),
        (24 * 7, "360m"),
        (24 * 365 * 30, "524160m"),
    ],
)
def test_bars_are_few_enough_to_tell_apart(hours: float, interval: str) -> None:
    period = Period(SINCE, SINCE + dt.timedelta(hours=hours))

    assert period.interval == interval


def test_the_default_period_is_the_last_day() -> None:
    assert choose_period(None, None, UNTIL) == Period(SINCE, UNTIL)
    assert PERIOD.before == Period(dt.datetime(2026, 1, 15, tzinfo=dt.UTC), SINCE)


@pytest.mark.parametrize(
    ("count", "shown", "exact"),
    [
        (1, "1", None),
        (999_999, "999,999", None),
        (1_000_000, "1 M", "1,000,000"),
        (1_234_567_890, "1.23 G", "1,234,567,890"),
        (999_999_999, "1 G", "999,999,999"),
        (1.2e12, "1.2 T", "1,200,000,000,000"),
        (2.8e19, "28 E", "about 28,000,000,000,000,000,000"),
    ],
)
def test_a_large_count_is_short_and_its_title_tells_it_in_full(
    count: float, shown: str, exact: str | None
) -> None:
    page = build(make_answers(traffic=[Row((), (5_000, count, 7))]))

    title = f' title="{exact}"' if exact else ""
    label = "packet" if count == 1 else "packets"
    assert f"<b{title}>{shown}</b> <span>{label}</span>" in page


def test_a_format_without_bytes_says_nothing_of_bytes() -> None:
    found = make_answers(traffic=[Row((), (0, 0, 12))])
    answers = replace(found, new_sources=[Row(("10.0.0.1",), (0,))])

    told = summarize(answers, UNTIL)

    assert told[:3] == [
        "12 flows were recorded; 25.0% of them were rejected.",
        (
            "The period before (2026-01-15 00:00 to 2026-01-16 00:00 UTC) had 12 flows, and 25.0% rejected. "
            "Flows: about the same."
        ),
        "New talkers, unseen in the period before: 10.0.0.1.",
    ]
    assert build(answers).count("<b>not logged</b>") == 2


def test_bytes_that_were_not_logged_before_are_not_compared() -> None:
    found = make_answers(traffic=[Row((), (5_000, 2, 12))])
    before = {**found.before, "traffic": [Row((), (0, 0, 6))]}

    told = summarize(replace(found, before=before), UNTIL)

    assert told[1].endswith("had 6 flows, and 25.0% rejected. Flows: 2.0 times as much.")


@pytest.mark.parametrize(("rejected", "word"), [(0, "accepted"), (1, "rejected")])
def test_one_flow_is_one_flow(rejected: int, word: str) -> None:
    found = make_answers(
        traffic=[Row((), (40, 1, 1))],
        rejected_share=[Row(("rejected",), (rejected,)), Row(("accepted",), (1 - rejected,))],
    )

    told = summarize(found, UNTIL)

    assert told[0] == f"40 B travelled in 1 flow; it was {word}."
    assert "had 40 B in 1 flow, and" in told[1]
    assert "<b>1</b> <span>flow</span>" in build(found)


def test_the_same_log_group_of_several_accounts_is_told_apart_where_one_falls_silent() -> None:
    newest = {
        LogGroup("012345678901", "/vpc/flow-logs"): UNTIL,
        LogGroup("123456789010", "/vpc/flow-logs"): UNTIL - dt.timedelta(hours=2),
    }

    told = summarize(replace(make_answers(), new_sources=[], newest=newest), UNTIL)

    assert told[-1] == (
        "Log group /vpc/flow-logs of account 123456789010 is silent since 2026-01-16 22:00 UTC."
    )


def test_a_period_without_records_names_the_log_groups_that_were_there_before() -> None:
    found = make_answers(health=[Row((what,), (0, 0, 0)) for what in ("ok", "no data", "skip data", "x")])
    newest = {
        LogGroup("012345678901", f"/vpc/{number}"): SINCE - dt.timedelta(hours=number)
        for number in range(1, 8)
    }

    told = summarize(replace(found, newest=newest), UNTIL)

    assert told == [
        "There are no flow log records from 2026-01-16 00:00 to 2026-01-17 00:00 UTC.",
        *(
            f"Log group /vpc/{number} is silent since 2026-01-15 {24 - number}:00 UTC, "
            "and has no record in this period."
            for number in (7, 6, 5, 4, 3)
        ),
        "2 more log groups are silent.",
    ]


def test_a_log_group_without_a_record_yet_in_a_short_period_is_not_silent() -> None:
    """Records come every ten minutes, and within another ten."""
    short = Period(UNTIL - dt.timedelta(minutes=20), UNTIL)
    found = replace(
        make_answers(),
        period=short,
        newest={LogGroup("012345678901", "/vpc"): UNTIL - dt.timedelta(minutes=25)},
    )

    assert not any("silent" in sentence for sentence in summarize(found, UNTIL))


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (10, []),
        (11, ["11 rows; the table scrolls."]),
        (19, ["19 rows; the table scrolls."]),
        (20, ["The 20 largest; the table scrolls."]),
    ],
)
def test_a_table_that_scrolls_says_how_many_rows_it_has(rows: int, told: list[str]) -> None:
    many = [Row((f"10.0.0.{number}",), (9, 9, 9)) for number in range(rows)]

    page = build(make_answers(rejected_sources=many))

    assert re.findall(r'<p class="count">(.*?)</p>', page) == told


def test_the_numbers_behind_a_chart_say_how_many_they_are() -> None:
    many = [Row((443, f"10.0.0.{number}"), (9,)) for number in range(50)]

    page = build(make_answers(networks_to_ports=many))

    assert "<summary>The numbers (50 rows)</summary>" in page


def axis_labels(period: Period, name: str, rows: list[Row]) -> list[str]:
    panel = next(panel for panel in EVERY_PANEL if panel.name == name)
    svg = render(panel, rows, period, WIDTHS["wide"])
    return [label for axis in svg.split('role-axis-label"')[1:] for label in texts(axis.split("</g>")[0])]


def texts(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_an_axis_of_few_refused_flows_counts_whole_ones(number: int) -> None:
    begin = int(SINCE.timestamp()) * 1000

    labels = axis_labels(PERIOD, "rejects-over-time", [Row((22, begin), (number,))])

    assert labels[-number - 1 :] == [str(each) for each in range(number + 1)]


@pytest.mark.parametrize(
    ("days", "first"),
    [
        (1, ["16 Jan", "03:00"]),
        (7, ["16 Jan", "17 Jan"]),
        (400, ["Feb 2026", "Mar 2026"]),
        (365 * 12, ["Jan 2026", "Jan 2028"]),
    ],
)
def test_the_axis_of_a_long_period_tells_the_year(days: int, first: list[str]) -> None:
    period = Period(SINCE, SINCE + dt.timedelta(days=days))

    labels = axis_labels(period, "rejects-over-time", [Row((22, int(SINCE.timestamp()) * 1000), (2,))])

    assert labels[:2] == first


@pytest.mark.parametrize(
    ("since", "until"),
    [
        (dt.datetime(1, 1, 1, tzinfo=dt.UTC), None),
        (None, dt.datetime(1, 1, 1, tzinfo=dt.UTC)),
        (dt.datetime(1000, 1, 1, tzinfo=dt.UTC), None),
    ],
)
def test_a_period_before_the_calendar_is_refused(
    since: dt.datetime | None, until: dt.datetime | None
) -> None:
    with pytest.raises(ValueError, match="which would begin before the year 1"):
        choose_period(since, until, UNTIL)


@pytest.mark.parametrize(
    ("size", "title"),
    [(2**53, "9,007,199,254,740,992 B"), (2**54, "about 18,014,398,509,481,984 B")],
    ids=["the largest exact sum", "a larger one"],
)
def test_a_sum_beyond_what_is_exact_is_not_called_exact(size: int, title: str) -> None:
    answers = make_answers(traffic=[Row((), (float(size), 1, 1))])

    assert f'<b title="{title}">' in build(answers)
    (found,) = to_json(answers, index="cwl-*", now=UNTIL)["panels"]["traffic"]
    assert isinstance(found["bytes"], int) == (size <= 2**53)
    assert found.get("rounded") == (None if size <= 2**53 else ["bytes"])
