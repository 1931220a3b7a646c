"""What the index refuses holds up no shard."""

import pytest

from flowlogs.local.stream import make_records
from support.stream_function import (
    ACCOUNTS,
    BLOCKED,
    JUNK,
    REFUSED,
    TAKEN,
    Function,
    payload,
    some,
    stored,
    taken,
    waiting,
)


@pytest.mark.parametrize("behind", [[], ["1", "2"]], ids=["alone", "before others"])
def test_a_record_that_the_index_refuses_holds_up_its_shard_for_one_pause_at_most(
    function: Function, behind: list[str]
) -> None:
    """Alone it may be that the index takes nothing at all: so it is tried again, beside what came since."""
    function.cluster.rule = lambda _, identity: REFUSED if identity == "p" else TAKEN

    assert function(make_records([payload("p")])) == "0"
    assert stored("") == {}
    function.now[0] += 31
    assert function(make_records([payload("p"), *map(payload, behind)])) is None

    assert taken(function) == behind
    (key,) = stored("")
    assert key.startswith("rejected/" if behind else "failed/")
    assert [each["unaccounted"] for each in function.metrics] == [0, 0]


@pytest.mark.usefixtures("one_by_one")
@pytest.mark.parametrize("status", [REFUSED, BLOCKED])
def test_what_the_index_refuses_goes_to_the_bucket_where_a_later_request_is_taken(
    function: Function, status: int
) -> None:
    function.cluster.rule = lambda _, identity: status if identity[0] == "p" else TAKEN

    event = make_records([payload("p0"), payload("p1"), payload("2"), payload("p3"), JUNK, payload("4")])

    assert function(event) is None
    assert taken(function) == ["2", "4"]
    assert sorted(waiting()) == ["p0", "p1", "p3"]
    metrics = function.metrics[0]
    assert some(metrics, "records", "unreadable", *ACCOUNTS) == {
        "records": 6,
        "unreadable": 1,
        **dict(zip(ACCOUNTS, (5, 2, 0, 3, 0, 0), strict=True)),
    }
