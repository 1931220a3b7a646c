"""The indices of days, on a real OpenSearch: those written to now, those before, and one of a day to come."""

from collections.abc import Callable
from typing import Final

import pytest

from flowlogs.cluster import days, templates
from flowlogs.cluster.finding import State
from flowlogs.local.embedded import Embedded
from parser.index_template import index_template
from support.examined import (
    ALL_WELL,
    FORMATS,
    TODAY,
    TOMORROW,
    YESTERDAY,
    add,
    all_well,
    install,
    look,
    put_template,
    states,
)
from support.front import Call, Front, Reply
from support.troubles import close, lose

LAST_WEEK: Final = "cwl-2026.01.08"
FUTURE: Final = "cwl-2099.01.01"
MENDED: Final = "an index takes the template when it is made: first mend what is said above"


def set_up(node: Embedded, index: str, **settings: object) -> None:
    names = {f"index.blocks.{name}": value for name, value in settings.items()}
    status, reply = node.request("PUT", f"/{index}/_settings", names)
    assert status == 200, reply


@pytest.mark.parametrize(
    ("spoil", "said", "advice"),
    [
        pytest.param(
            lambda node: set_up(node, TODAY, write=True),
            f"{TODAY}: 403 cluster_block_exception: index [{TODAY}] blocked by: [FORBIDDEN/8/index write",
            "Set index.blocks.write to null",
            id="write block",
        ),
        pytest.param(
            lambda node: set_up(node, TODAY, read_only=True),
            f"{TODAY}: 403 cluster_block_exception: index [{TODAY}] blocked by: [FORBIDDEN/5/index read-only",
            "Set index.blocks.read_only to null",
            id="read only",
        ),
        pytest.param(
            lambda node: set_up(node, TODAY, read_only_allow_delete=True),
            f"{TODAY}: 429 cluster_block_exception: index [{TODAY}] blocked by: [TOO_MANY_REQUESTS/12/disk",
            "The disk is full: free some",
            id="flood stage",
        ),
        pytest.param(
            lambda node: close(node, TODAY), f"{TODAY}: 400 index_closed_exception", "Open it", id="closed"
        ),
        pytest.param(
            lambda node: lose(node, TODAY),
            f"{TODAY}: 503 unavailable_shards_exception",
            "GET _cluster/allocation/explain says what its shard lacks",
            id="red",
        ),
    ],
)
def test_what_stands_against_todays_writes_is_named_with_what_helps(
    node: Embedded, spoil: Callable[[Embedded], object], said: str, advice: str
) -> None:
    add(node, YESTERDAY)
    spoil(node)
    try:
        state, text = look(node.url)[days.WRITE]
    finally:  # what is read-only cannot be deleted either
        node.request("PUT", f"/{TODAY}/_settings", {"index.blocks.read_only": None})

    assert state is State.PROBLEM
    assert text.startswith(said), text
    assert f". {advice}" in text


def test_a_red_index_is_told_at_once_by_each_version(any_opensearch: Embedded) -> None:
    install(any_opensearch)
    lose(any_opensearch, TODAY)

    found = look(any_opensearch.url)

    problems = dict.fromkeys((days.WRITE, days.WHOLE), State.PROBLEM)
    assert states(found) == {**all_well(any_opensearch), **problems}
    assert found[days.WRITE][1].startswith(f"{TODAY}: 503 unavailable_shards_exception")
    assert found[days.WHOLE][1].startswith(f"{TODAY} is red: 1 of its 1 primary shards are on no node")


@pytest.mark.parametrize(
    ("reply", "expected", "text"),
    [
        pytest.param(
            (200, {"items": [{"index": {"status": 200, "result": "noop"}}]}),
            State.UNKNOWN,
            f"{TODAY}: the answer to a trial cannot be read",
            id="noop",
        ),
        pytest.param((200, "<html>"), State.UNKNOWN, f"{TODAY}: the answer to a trial", id="a website"),
        pytest.param((200, {"items": []}), State.UNKNOWN, f"{TODAY}: the answer to a trial", id="no item"),
        pytest.param((413, ""), State.PROBLEM, f"{TODAY}: 413", id="413"),
        pytest.param((503, "busy"), State.UNKNOWN, "it answers 503 busy. It is starting", id="503"),
        pytest.param(
            (403, {"error": {"type": "security_exception", "reason": "no permissions for [x]"}}),
            State.PROBLEM,
            f"{TODAY}: 403 no permissions for [x]. Map the role of the function",
            id="without the right",
        ),
    ],
)
def test_odd_answers_to_the_trial(node: Embedded, reply: Reply, expected: State, text: str) -> None:
    with Front(node, lambda call: reply if call.path.endswith("/_bulk") else None) as front:
        found = look(front.url)

    assert (found[days.WRITE][0], found[days.WRITE][1].startswith(text)) == (expected, True), found[
        days.WRITE
    ]
    assert states(found) == {**ALL_WELL, days.WRITE: expected}


def test_an_index_of_a_future_day_does_not_hide_todays(node: Embedded) -> None:
    add(node, FUTURE)
    set_up(node, TODAY, write=True)

    found = look(node.url)

    assert found[days.AHEAD] == (
        State.PROBLEM,
        f"{FUTURE}: a clock was wrong, or the time of an event; see what is in there, then delete it",
    )
    assert found[days.WRITE][1].startswith(f"{TODAY}: 403 cluster_block_exception")
    assert found[days.INDEX] == (State.OK, TODAY)


def test_tomorrows_index_is_looked_at_beside_todays(node: Embedded) -> None:
    add(node, TOMORROW)
    set_up(node, TOMORROW, write=True)

    found = look(node.url)

    assert found[days.WRITE][1].startswith(f"{TOMORROW}: 403 cluster_block_exception")
    assert (found[days.INDEX], found[days.AHEAD][0]) == ((State.OK, f"{TODAY} and {TOMORROW}"), State.OK)


def test_where_today_has_none_yet_the_last_index_before_is_looked_at(node: Embedded) -> None:
    node.request("DELETE", f"/{TODAY}")
    for index in (LAST_WEEK, YESTERDAY, FUTURE):
        add(node, index)

    found = look(node.url)

    assert found[days.WRITE] == (State.OK, f"tried on {YESTERDAY}, with a write that is never done")
    assert found[days.INDEX] == (State.OK, YESTERDAY)


def test_an_index_that_is_red_or_closed_since_long_is_found(node: Embedded) -> None:
    lose(node, LAST_WEEK)
    add(node, "cwl-2026.01.07")
    close(node, "cwl-2026.01.07")

    found = look(node.url)

    assert states(found) == {**ALL_WELL, days.WHOLE: State.PROBLEM}
    assert found[days.WHOLE][1] == (
        f"cwl-2026.01.07 is closed, {LAST_WEEK} is red: 1 of its 1 primary shards are on no node: what is in "
        "there is not found, and what comes for it waits in the bucket. Open what is closed; "
        "GET _cluster/allocation/explain says what a shard lacks"
    )


def test_where_their_health_may_not_be_asked_it_is_unknown(node: Embedded) -> None:
    refused: Reply = (403, {"error": {"type": "security_exception", "reason": "no permissions for [health]"}})
    with Front(node, lambda call: refused if call.path.startswith("/_cluster/health/") else None) as front:
        found = look(front.url)

    assert found[days.WHOLE] == (
        State.UNKNOWN,
        "their health may not be asked: 403 no permissions for [health]",
    )


def test_where_the_indices_cannot_be_listed_what_needs_them_is_unknown_and_nothing_else(
    node: Embedded,
) -> None:
    listings: list[str] = []

    def refuse(call: Call) -> Reply | None:
        if not call.path.startswith("/_resolve/index/"):
            return None
        listings.append(call.path)
        return 503, "no"

    with Front(node, refuse) as front:
        found = look(front.url)

    needed = dict.fromkeys((days.WRITE, days.INDEX, days.AHEAD, days.WHOLE), State.UNKNOWN)
    assert states(found) == {**ALL_WELL, **needed}
    assert {found[name][1] for name in needed} == {
        "it answers 503 no. It is starting, or lacks nodes: look at GET _cluster/health"
    }
    assert len(listings) == 1


def make_unmapped(node: Embedded, *indices: str) -> None:
    node.request("DELETE", "/_index_template/cwl")
    for index in indices:
        add(node, index)


def test_from_tomorrow_on_it_is_right_only_where_the_template_is(node: Embedded) -> None:
    make_unmapped(node, TOMORROW)
    without = look(node.url)[days.INDEX]
    put_template(node, "cwl", 200, mappings={"dynamic": False, "properties": {"bytes": {"type": "keyword"}}})
    old = look(node.url)[days.INDEX]
    put_template(node, "cwl", 200, meta={"by": "somebody"}, mappings={})
    another = look(node.url)[days.INDEX]
    put_template(node, "cwl", 200)
    put_template(node, "louder", 300, meta={"by": "somebody"}, mappings={})
    outranked = look(node.url)[days.INDEX]
    node.request("DELETE", "/_index_template/louder")
    right = look(node.url)[days.INDEX]

    fields = f"{TOMORROW} is mapped otherwise: @timestamp, @message, @owner, @log_group, @log_stream and "
    for state, text in (without, old, another, outranked):
        assert (state, text.startswith(fields), MENDED in text) == (State.PROBLEM, True, True), text
    assert right[0] is State.PROBLEM
    assert right[1].endswith("an index takes the template when it is made: from tomorrow on it is right")


def test_where_it_is_not_known_whether_the_template_wins_nothing_is_promised(node: Embedded) -> None:
    make_unmapped(node, TOMORROW)
    put_template(node, "cwl", 200)
    with Front(node, lambda call: (503, "no") if "_simulate_index" in call.path else None) as front:
        found = look(front.url)

    assert found[templates.WINS][0] is State.UNKNOWN
    assert MENDED in found[days.INDEX][1]


def test_an_index_with_a_pipeline_that_drops_is_found(node: Embedded) -> None:
    node.request("PUT", "/_ingest/pipeline/dropper", {"processors": [{"drop": {}}]})
    node.request("PUT", f"/{TODAY}/_settings", {"index.final_pipeline": "dropper"})

    found = look(node.url)
    node.request("DELETE", "/_ingest/pipeline/dropper")

    assert found[days.WRITE] == (
        State.PROBLEM,
        (
            f"documents of {TODAY} go through the pipeline dropper, which drops flow logs: "
            "they count as indexed, and are nowhere"
        ),
    )


def test_today_behind_an_alias_is_looked_at_as_today(node: Embedded) -> None:
    node.request("DELETE", f"/{TODAY}")
    node.request("PUT", f"/{TODAY}-v2", index_template("cwl", FORMATS)["template"])
    node.request("POST", "/_aliases", {"actions": [{"add": {"index": f"{TODAY}-v2", "alias": TODAY}}]})

    found = look(node.url)

    assert found[days.WRITE] == (State.OK, f"tried on {TODAY}, with a write that is never done")
    assert (found[days.INDEX], found[days.AHEAD]) == (
        (State.OK, TODAY),
        (State.OK, "the last day is 2026-01-15"),
    )
    node.request("PUT", f"/{TODAY}-v2/_mapping", {"properties": {"odd": {"type": "keyword"}}})
    node.request("PUT", f"/{TODAY}-v2/_settings", {"index.blocks.write": True})
    assert look(node.url)[days.WRITE][0] is State.PROBLEM
