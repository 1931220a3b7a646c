"""What stands against tomorrow's index, on a real OpenSearch: blocks, the limit of shards, and a switch."""

from typing import Any, Final

import pytest

from flowlogs.cluster import days, limits
from flowlogs.cluster.finding import State
from flowlogs.local.embedded import Embedded
from support.examined import ALL_WELL, TODAY, TOMORROW, all_well, install, look, states
from support.front import Front, Reply


def set_cluster(node: Embedded, **settings: Any) -> None:  # JSON
    given = {name.replace("__", "."): value for name, value in settings.items()}
    status, reply = node.request("PUT", "/_cluster/settings", {"transient": given})
    assert status == 200, reply


def test_the_limit_of_shards_is_held_against_those_that_are_there(any_opensearch: Embedded) -> None:
    install(any_opensearch)
    set_cluster(any_opensearch, cluster__max_shards_per_node=2)
    room = look(any_opensearch.url)[limits.CREATE]
    full = look(any_opensearch.url, INDEX_SHARDS="2")[limits.CREATE]
    copies = look(any_opensearch.url, INDEX_REPLICAS="1")[limits.CREATE]

    counted = f"{TOMORROW} needs {{}} of 2 shards, 1 are there"
    assert room == (State.OK, counted.format(1))
    assert (
        full
        == copies
        == (
            State.PROBLEM,
            (
                f"{counted.format(2)}: delete or shrink indices, or add a node; "
                "what comes from tomorrow on waits in the bucket"
            ),
        )
    )
    # As OpenSearch itself judges it.
    needs_two = {"settings": {"number_of_shards": 2, "number_of_replicas": 0}}
    status, reply = any_opensearch.request("PUT", f"/{TOMORROW}", needs_two)
    assert (status, "this action would add [2] total" in reply["error"]["reason"]) == (400, True)


def test_shards_that_have_no_place_count_as_well(node: Embedded) -> None:
    node.request("PUT", "/other", {"settings": {"number_of_shards": 2, "number_of_replicas": 2}})
    set_cluster(node, cluster__max_shards_per_node=7)

    assert look(node.url)[limits.CREATE][1].startswith(f"{TOMORROW} needs 1 of 7 shards, 7 are there: delete")


def test_a_cluster_that_is_read_only_is_blocked_and_not_badly_signed(any_opensearch: Embedded) -> None:
    install(any_opensearch)
    set_cluster(any_opensearch, cluster__blocks__read_only=True)
    try:
        found = look(any_opensearch.url)
    finally:  # together with others it cannot be taken back
        set_cluster(any_opensearch, cluster__blocks__read_only=None)

    bad = dict.fromkeys((days.WRITE, limits.BLOCKS, limits.CREATE), State.PROBLEM)
    assert states(found) == {**all_well(any_opensearch), **bad}
    assert found[limits.CREATE][1] == "not while a block lies on the cluster: see above"
    assert found[limits.BLOCKS] == (
        State.PROBLEM,
        (
            "cluster read-only (api): lift it (PUT _cluster/settings, cluster.blocks.*) when its reason is "
            "gone; what comes meanwhile waits in the bucket"
        ),
    )
    assert found[days.WRITE][1].startswith(f"{TODAY}: 403 blocked by: [FORBIDDEN/6/cluster read-only (api)]")
    assert "role" not in found[days.WRITE][1]


def test_a_block_on_new_indices_is_found(node: Embedded) -> None:
    set_cluster(node, cluster__blocks__create_index=True)

    found = look(node.url)

    assert states(found) == {**ALL_WELL, **dict.fromkeys((limits.BLOCKS, limits.CREATE), State.PROBLEM)}
    assert found[limits.BLOCKS][1].startswith("cluster create-index blocked (api): lift it")


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [
        pytest.param("true", State.OK, id="all"),
        pytest.param("false", State.PROBLEM, id="none"),
        pytest.param("+cwl-*,-*", State.OK, id="ours"),
        pytest.param("cwl-*", State.OK, id="ours, without a sign"),
        pytest.param("-cwl-*,+*", State.PROBLEM, id="all but ours"),
        pytest.param("+other-*", State.PROBLEM, id="others"),
    ],
)
def test_whether_writing_makes_an_index(any_opensearch: Embedded, allowed: str, expected: State) -> None:
    install(any_opensearch)
    set_cluster(any_opensearch, action__auto_create_index=allowed)

    state, text = look(any_opensearch.url)[limits.CREATE]
    status, _ = any_opensearch.request("PUT", f"/{TOMORROW}/_doc/1", {})

    assert (state, status) == (expected, 201 if expected is State.OK else 404)
    if expected is State.PROBLEM:
        assert text == (
            f"action.auto_create_index is {allowed!r}, so that {TOMORROW} is not made: permit it, "
            "or what comes from tomorrow on waits in the bucket"
        )


REFUSED: Final[Reply] = (403, {"error": {"type": "security_exception", "reason": "no permissions for [x]"}})


@pytest.mark.parametrize(
    ("path", "reply", "name", "text"),
    [
        pytest.param(
            "/_cluster/state/blocks",
            REFUSED,
            limits.BLOCKS,
            "it may not be asked: 403 no permissions for [x]",
            id="blocks",
        ),
        pytest.param(
            "/_cluster/settings",
            REFUSED,
            limits.CREATE,
            "it may not be asked: 403 no permissions for [x]",
            id="settings",
        ),
        pytest.param(
            "/_cluster/health",
            REFUSED,
            limits.CREATE,
            "it may not be asked: 403 no permissions for [x]",
            id="shards",
        ),
        pytest.param(
            "/_cluster/settings",
            (200, {}),
            limits.CREATE,
            "the cluster does not tell action.auto_create_index",
            id="no settings",
        ),
        pytest.param(
            "/_cluster/settings",
            (200, {"defaults": {"action": {"auto_create_index": "true"}}}),
            limits.CREATE,
            "the cluster does not tell cluster.max_shards_per_node",
            id="no limit",
        ),
    ],
)
def test_what_may_not_be_asked_is_unknown(
    node: Embedded, path: str, reply: Reply, name: str, text: str
) -> None:
    with Front(node, lambda call: reply if call.path == path else None) as front:
        found = look(front.url)

    assert found[name] == (State.UNKNOWN, text)
    follow = {limits.CREATE: State.UNKNOWN} if name == limits.BLOCKS else {}
    assert states(found) == {**ALL_WELL, **follow, name: State.UNKNOWN}
