"""Delivery and event have times of their own: what may lie across the edges of a window, and what may not."""

from datetime import UTC, datetime, timedelta

import pytest

from flowlogs.accounting.edges import Edges, measure_edges
from flowlogs.accounting.window import Window
from flowlogs.local.embedded import Embedded
from support.accounted import (
    ARRIVED,
    FILTER,
    GROUP,
    HOUR,
    INDEXED,
    MINUTE,
    NAMES,
    NOT_KNOWN,
    WINDOW,
    index,
    make_payload,
    put_forwarded,
    put_function,
)
from support.commands import BUCKET, run


def test_at_the_edges_delivery_and_event_may_differ_and_that_is_said(node: Embedded) -> None:
    # Of the time before, but delivered in the window; and the other way round at its end.
    index(node, make_payload(0, 994), make_payload(2000, 8, minute=-1), make_payload(3000, 3, minute=59))
    put_forwarded(1002)
    put_function(received=1002, indexed=1002, lag=120_000)
    told = run("verify", *WINDOW, *NAMES, "--json")
    assert told.status == 0
    arrival = told.json["checks"][3]
    assert (arrival["state"], "5 more by delivery" in arrival["text"]) == ("ok", True)
    assert "up to 2 min 0 s earlier" in arrival["text"]
    assert (told.json["adds_up"], told.json["conclusion"]) == (True, "adds up as far as the edges allow")
    assert told.json["summary"] == (
        "It adds up, as far as the edges allow: 5 events not shown by the index may lie beyond them."
    )
    shown = run("verify", *WINDOW, *NAMES)
    assert (shown.status, shown.output.splitlines()[-1]) == (0, told.json["summary"])


def test_a_loss_greater_than_the_edges_is_found(node: Embedded) -> None:
    index(node, make_payload(0, 50), make_payload(100, 8, minute=-1))
    put_forwarded(59)
    put_function(received=59, indexed=59, lag=120_000)
    told = run("verify", *WINDOW, *NAMES, "--json")
    assert (told.status, "at least 1 event is nowhere" in told.json["checks"][3]["text"]) == (1, True)


def test_an_excuse_of_more_than_one_in_a_hundred_is_not_known(node: Embedded) -> None:
    """One hour, each event a quarter of an hour late: as many as lie before it may lack in it."""
    index(node, make_payload(0, 80), make_payload(100, 20, minute=-10))
    put_forwarded(100)
    put_function(received=100, indexed=100, lag=15 * MINUTE)
    told = run("verify", *WINDOW, *NAMES, "--json")
    assert (told.status, told.json["conclusion"]) == (1, "not known")
    assert told.json["checks"][3]["text"].endswith(
        "up to 15 min 0 s earlier. But more than 1% of all cannot be told from a loss: check a longer time, "
        "whose edges are less of it"
    )
    assert run("verify", *WINDOW, *NAMES).output.endswith(f"\n{NOT_KNOWN}\n")


def test_one_event_that_came_a_day_late_excuses_nothing(node: Embedded) -> None:
    """The index of the day is gone; the day before is full of documents."""
    index(node, make_payload(0, 500, minute=-90))
    put_forwarded(400)
    put_function(received=400, indexed=400, lag=24 * 60 * MINUTE)
    told = run("verify", *WINDOW, *NAMES, "--json")
    checks = {each["name"]: (each["state"], each["text"]) for each in told.json["checks"]}
    assert (told.status, told.json["conclusion"]) == (1, "not known")
    assert checks[ARRIVED][0] == checks[INDEXED][0] == "not checked"
    assert "But more than 60 min 0 s cannot be told from a loss" in checks[ARRIVED][1]


def test_without_the_function_it_is_not_known_how_late_events_came(node: Embedded) -> None:
    names = ("--log-group", GROUP, "--filter", FILTER, "--bucket", BUCKET)
    index(node, make_payload(0, 1000), make_payload(2000, 5, minute=-5))
    put_forwarded(1005)
    told = run("verify", *WINDOW, *names, "--json")
    assert (told.status, told.json["conclusion"]) == (1, "not known")
    assert "5 more by delivery" in told.json["checks"][3]["text"]
    assert "But no metric says how late events came" in told.json["checks"][3]["text"]
    put_forwarded(995, minute=30)  # all of them, and 995 that are nowhere
    told = run("verify", *WINDOW, *names, "--json")
    assert "at least 995 events are nowhere" in told.json["checks"][3]["text"]


@pytest.mark.parametrize(
    ("lags", "before", "after"),
    [
        pytest.param([], 0, 0, id="nothing was delivered"),
        pytest.param([(0, 2), (60, 2), (120, 2)], 2, 2, id="steady"),
        pytest.param([(60, 24 * 60)], 23 * 60, 0, id="late by a day, an hour after the beginning"),
        pytest.param([(60, 45)], 0, 0, id="late, but of the window itself"),
        pytest.param([(0, 2), (150, 90)], 2, 60, id="after its end by a retry"),
        pytest.param([(0, 2), (180, 30)], 2, 0, id="delivered after its end, and of that time"),
    ],
)
def test_only_what_is_delivered_near_an_edge_lies_beyond_it(
    lags: list[tuple[int, int]], before: int, after: int
) -> None:
    """Two hours; what was delivered when (minutes since its beginning), and how late (minutes)."""
    window = Window(HOUR, HOUR + timedelta(minutes=120))
    series = [(HOUR + timedelta(minutes=minute), float(lag * MINUTE)) for minute, lag in lags]
    minutes = timedelta(minutes=1)
    assert measure_edges(series, window) == Edges(before * minutes, after * minutes, known=True)


@pytest.mark.parametrize(
    ("since", "until", "period"),
    [
        ("2026-01-15T00:00", "2026-01-17T00:00", 86_400),
        ("2026-01-15T00:00", "2026-01-15T05:00", 3_600),
        ("2026-01-15T00:05", "2026-01-15T01:00", 300),
        ("2026-01-15T00:01", "2026-01-15T01:00", 60),
    ],
)
def test_the_longest_period_that_fits_is_asked_for(since: str, until: str, period: int) -> None:
    window = Window(*(datetime.fromisoformat(each).replace(tzinfo=UTC) for each in (since, until)))
    assert window.period == period
