"""The report's page and words, from answers made up; hostile text in the logs stays text."""

import datetime as dt
import re
from typing import Any

import pytest

from flowlogs.dashboards.panel import Chart, Row
from flowlogs.dashboards.panels import EVERY_PANEL
from flowlogs.report.answers import Answers
from flowlogs.report.page import build_page
from flowlogs.report.period import Period, choose_period
from flowlogs.report.summary import change, summarize
from html_page import Page

SINCE = dt.datetime(2026, 1, 16, tzinfo=dt.UTC)
UNTIL = dt.datetime(2026, 1, 17, tzinfo=dt.UTC)
PERIOD = Period(SINCE, UNTIL)
HOSTILE = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>&amp;"


def make_answers(text: str = "quiet", **rows: list[Row]) -> Answers:
    """Return answers in which every key is this text, or a number where numbers are needed."""
    panels: dict[str, list[Row]] = {}
    for panel in EVERY_PANEL:
        keys: tuple[Any, ...] = tuple(
            443 if getattr(bucket, "field", "") in {"dstport", "protocol", "traffic_path"} else text
            for bucket in panel.buckets
        )
        if panel.chart is Chart.OVER_TIME:
            keys = (*keys[:-1], int(SINCE.timestamp()) * 1000)
        panels[panel.name] = [Row(keys, tuple(1 for _ in panel.metrics))]
    panels |= {
        "rejected-share": [Row(("rejected",), (1,)), Row(("accepted",), (3,))],
        "health": [Row((what,), (1, 1, 1)) for what in ("ok", "no data", "skip data", "parse error")],
        "freshness": [Row((text,), (1, UNTIL.timestamp() * 1000))],
        **{name.replace("_", "-"): value for name, value in rows.items()},
    }
    before = {name: panels[name] for name in ("traffic", "rejected-share")}
    return Answers(PERIOD, panels, before, [Row((text,), (1,))], 0)


def build(answers: Answers) -> str:
    return build_page(answers, cluster="https://example.com", index="cwl-*", now=UNTIL)


def test_hostile_text_stays_text() -> None:
    calm, attacked = Page(build(make_answers())), Page(build(make_answers(HOSTILE)))

    def shape(page: Page) -> list[tuple[str, list[str]]]:
        return [(tag, sorted(attributes)) for tag, attributes in page.elements if tag not in {"path", "g"}]

    assert shape(attacked) == shape(calm)  # not one element or attribute more
    assert attacked.tables["parse-errors"][1] == [HOSTILE, HOSTILE, "1"]
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

    page = Page(build(Answers(PERIOD, empty, empty, [], 0)))

    assert page.sentences == ["There are no flow log records from 2026-01-16 00:00 to 2026-01-17 00:00 UTC."]
    assert [tag for tag, _ in page.elements if tag == "svg"] == []


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"skipped": 2}, "AWS could not capture 2 windows (SKIPDATA) on 1 interface."),
        ({"broken": 1}, "1 line could not be parsed; the reasons are below."),
        ({"failed": 3}, "3 parts of the index did not answer: the numbers are too small."),
        ({"newest": UNTIL - dt.timedelta(hours=3)}, "Log group quiet is silent since 2026-01-16 21:00 UTC."),
    ],
    ids=["skip data", "parse error", "failed shards", "silent log group"],
)
def test_the_summary_says_what_is_missing(changed: dict[str, Any], sentence: str) -> None:
    health = [
        Row(("ok",), (5, 1, 1)),
        Row(("no data",), (0, 0, 0)),
        Row(("skip data",), (changed.get("skipped", 0), 1, 1)),
        Row(("parse error",), (changed.get("broken", 0), 1, 1)),
    ]
    newest = changed.get("newest", UNTIL).timestamp() * 1000
    found = make_answers(health=health, freshness=[Row(("quiet",), (1, newest))])
    answers = Answers(found.period, found.panels, found.before, [], changed.get("failed", 0))

    told = summarize(answers, UNTIL)

    assert told[-1] == sentence
    assert len(told) == 5


def test_without_records_before_nothing_is_compared_or_new() -> None:
    found = make_answers()
    before = {
        "traffic": [Row((), (0, 0, 0))],
        "rejected-share": [Row(("rejected",), (0,)), Row(("a",), (0,))],
    }

    told = summarize(Answers(PERIOD, found.panels, before, found.new_sources, 0), UNTIL)

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
