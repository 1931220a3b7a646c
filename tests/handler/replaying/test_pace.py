"""A replay goes as fast as the cluster takes it: more with each quick answer, half after one that is slow."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.replaying.pace import (
    FIRST_WINDOW,
    MOST_REQUESTS,
    QUICK_SECONDS,
    SLOW_SECONDS,
    SMALLEST_ROW,
    STEP,
    Pace,
)

MAX_BYTES = 6_000_000  # ten thousand events


def make(window: int) -> Pace:
    pace = Pace(MAX_BYTES)
    pace.window = window
    return pace


def test_it_begins_with_one_object() -> None:
    pace = Pace(MAX_BYTES)
    assert (pace.events, pace.requests) == (FIRST_WINDOW, 1)


@pytest.mark.parametrize(
    ("seconds", "strained", "after"),
    [
        (0.1, False, 5_000 + STEP),
        (QUICK_SECONDS, False, 5_000 + STEP),
        (QUICK_SECONDS + 0.1, False, 5_000),
        (SLOW_SECONDS, False, 5_000),
        (SLOW_SECONDS + 0.1, False, 2_500),
        (0.1, True, 2_500),
    ],
)
def test_an_answer_changes_the_window(seconds: float, strained: bool, after: int) -> None:
    pace = make(5_000)
    pace.note(events=5_000, size=3_000_000, seconds=seconds, strained=strained)
    assert pace.window == after


def test_a_window_of_several_bodies_is_several_requests() -> None:
    assert [(make(window).events, make(window).requests) for window in (1, 9_999, 10_000, 20_000, 10**9)] == [
        (1, 1),
        (9_999, 1),
        (10_000, 1),
        (10_000, 2),
        (10_000, MOST_REQUESTS),
    ]


def test_a_body_is_filled_with_events_as_large_as_they_are() -> None:
    pace = make(10**6)
    pace.note(events=1_000, size=3_000_000, seconds=0.1, strained=False)
    assert pace.events == 2_000


@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**8), st.floats(0, 60), st.booleans())),
    st.none() | st.floats(0.1, 10**6),
)
def test_whatever_comes_it_goes_on_and_stays_within_bounds(
    batches: list[tuple[int, int, float, bool]], rate: float | None
) -> None:
    pace = Pace(MAX_BYTES, rate=rate)
    for events, size, seconds, strained in batches:
        pace.note(events=events, size=size, seconds=seconds, strained=strained)
        assert 1 <= pace.events <= MAX_BYTES / SMALLEST_ROW
        assert pace.window <= max(FIRST_WINDOW, MOST_REQUESTS * MAX_BYTES / SMALLEST_ROW)
        assert 1 <= pace.requests <= MOST_REQUESTS
        assert rate is None or pace.events <= max(1, rate)


def test_a_rate_says_how_long_to_wait() -> None:
    assert Pace(MAX_BYTES).measure_wait(10**9, 0.0) == 0.0
    assert Pace(MAX_BYTES, rate=100).measure_wait(500, 2.0) == 3.0
    assert Pace(MAX_BYTES, rate=100).measure_wait(500, 6.0) == 0.0
