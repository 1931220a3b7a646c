"""Which indices belong to a prefix, and which patterns mean them."""

from datetime import UTC, date, datetime
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parser.index_names import index_name, index_patterns, name_day, permission_pattern, read_day

# What the template's parameter and the configuration allow.
PREFIXES = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,20}", fullmatch=True)
# From 1970 until the end of the patterns' last century.
TIMES = st.integers(0, int(datetime(2199, 12, 31, tzinfo=UTC).timestamp()) * 1000)


@pytest.mark.parametrize(
    ("name", "day"),
    [
        pytest.param("cwl-2026.01.15", date(2026, 1, 15), id="a day"),
        pytest.param("cwl-1970.01.01", date(1970, 1, 1), id="a clock that is wrong"),
        pytest.param("cwl-dev-2026.01.15", None, id="another stack's"),
        pytest.param("cwl-2026-2026.01.15", None, id="another stack's that begins like a day"),
        pytest.param("cwl-2026.01.15-restored", None, id="a copy"),
        pytest.param("restored-cwl-2026.01.15", None, id="a copy with its mark in front"),
        pytest.param("cwl-2026.02.30", None, id="no day of the calendar"),
        pytest.param("cwl-2026.1.15", None, id="another notation"),
        pytest.param("cwl-٢٠٢٦.01.15", None, id="digits of another script"),
        pytest.param("cwl-2026.01.15\n", None, id="a line break"),
        pytest.param("cwl", None, id="the prefix alone"),
        pytest.param("cwl2026.01.15", None, id="no hyphen"),
    ],
)
def test_only_days_of_the_prefix_are_its_indices(name: str, day: date | None) -> None:
    assert read_day("cwl", name) == day


@given(PREFIXES, TIMES)
def test_every_index_that_is_written_belongs_to_its_prefix_and_fits_the_patterns(
    prefix: str, time: int
) -> None:
    name = index_name(prefix, time)
    day = datetime.fromtimestamp(time / 1000, UTC).date()

    assert read_day(prefix, name) == day
    assert name_day(prefix, day) == name
    assert sum(fnmatchcase(name, each) for each in index_patterns(prefix)) == 1
    assert fnmatchcase(name, permission_pattern(prefix))


@given(PREFIXES, PREFIXES, TIMES)
def test_no_index_belongs_to_two_prefixes(one: str, more: str, time: int) -> None:
    other = f"{one}-{more}"
    name = index_name(other, time)

    assert read_day(one, name) is None
    assert not fnmatchcase(name, permission_pattern(one))


@pytest.mark.parametrize("other", ["cwl-dev", "cwl-2", "cwl-1", "cwl-eu-1", "cwl2", "cwl-"])
def test_the_patterns_of_stacks_side_by_side_mean_only_their_own(other: str) -> None:
    name = index_name(other, 1_768_478_400_000)

    assert not any(fnmatchcase(name, each) for each in index_patterns("cwl"))
    assert any(fnmatchcase(name, each) for each in index_patterns(other))
