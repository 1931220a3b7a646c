"""The index template and what comes before it, on a real OpenSearch: how tomorrow's index would be made."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from flowlogs.cluster import templates
from flowlogs.cluster.finding import State
from flowlogs.local.embedded import Embedded
from support.examined import ALL_WELL, TOMORROW, all_well, install, look, put_template, states
from support.front import Front, Reply

SOMEBODY: Final = {"by": "somebody"}
LOUDER: Final = "another template has a higher priority (louder): "
OTHER_MAPPING: Final = {"dynamic": False, "properties": {"bytes": {"type": "keyword"}}}


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        pytest.param(
            lambda node: node.request("DELETE", "/_index_template/cwl"),
            "there is no index template cwl: run the setup (update the stack)",
            id="none",
        ),
        pytest.param(
            lambda node: put_template(node, "cwl", 200, settings={"index": {"number_of_shards": 3}}),
            "it differs from that of this version in its settings. Run the setup (update the stack)",
            id="other settings",
        ),
        pytest.param(
            lambda node: put_template(node, "cwl", 200, meta=SOMEBODY, mappings=OTHER_MAPPING),
            "the index template cwl is somebody else's: rename it, or run the setup",
            id="somebody else's",
        ),
    ],
)
def test_a_template_that_is_not_ours_or_not_todays(
    node: Embedded, spoil: Callable[[Embedded], object], text: str
) -> None:
    spoil(node)
    found = look(node.url)

    assert found[templates.TEMPLATE] == (State.PROBLEM, text)
    assert found[templates.WINS] == (
        State.SKIPPED,
        "the template itself is not as it should be: see above",
    )


def test_a_format_with_a_new_field_asks_for_a_new_template(node: Embedded) -> None:
    state, text = look(node.url, LOG_FORMATS="${version} ${quantum-state}")[templates.TEMPLATE]

    assert (state, "differs from that of this version: quantum_state. Run" in text) == (State.PROBLEM, True)


PIPELINES: Final = {
    "dropper": [{"drop": {}}],
    "failer": [{"fail": {"message": "not today"}}],
    "picky": [{"drop": {"if": "ctx.action == 'REJECT'"}}],
    "marker": [{"set": {"field": "seen", "value": True}}],
}


@pytest.fixture
def with_pipelines(any_opensearch: Embedded) -> Iterator[Embedded]:
    install(any_opensearch)
    for name, processors in PIPELINES.items():
        status, reply = any_opensearch.request("PUT", f"/_ingest/pipeline/{name}", {"processors": processors})
        assert status == 200, reply
    yield any_opensearch
    for name in PIPELINES:
        any_opensearch.request("DELETE", f"/_ingest/pipeline/{name}")


def settings(**index: object) -> dict[str, Any]:
    return {"settings": {"index": index}}


THROUGH: Final = f"documents of {TOMORROW} go through the pipeline"


@pytest.mark.parametrize(
    ("template", "expected", "text"),
    [
        pytest.param(
            {"mappings": OTHER_MAPPING},
            State.PROBLEM,
            f"{LOUDER}lower it, or narrow its pattern",
            id="mapping",
        ),
        pytest.param(
            settings(default_pipeline="dropper"),
            State.PROBLEM,
            f"{LOUDER}{THROUGH} dropper, which drops flow logs: they count as indexed, and are nowhere",
            id="a pipeline that drops",
        ),
        pytest.param(
            settings(final_pipeline="picky"),
            State.PROBLEM,
            f"{LOUDER}{THROUGH} picky, which drops flow logs: they count as indexed, and are nowhere",
            id="a final pipeline that drops what was refused",
        ),
        pytest.param(
            settings(default_pipeline="failer"),
            State.PROBLEM,
            f"{LOUDER}{THROUGH} failer, which fails with flow logs: not today",
            id="a pipeline that fails",
        ),
        pytest.param(
            settings(default_pipeline="gone"),
            State.PROBLEM,
            f"{LOUDER}{THROUGH} gone, which does not exist: restore it, or take it out of the settings; "
            "all waits meanwhile",
            id="a pipeline that is not there",
        ),
        pytest.param(
            settings(default_pipeline="marker"),
            State.OK,
            f"{LOUDER}its fields are ours; {THROUGH} marker: it drops none of the samples tried",
            id="a pipeline that adds a field",
        ),
        pytest.param(
            settings(default_pipeline="_none"), State.OK, f"{LOUDER}its fields are ours", id="no pipeline"
        ),
        pytest.param(
            settings(blocks={"write": True}),
            State.PROBLEM,
            f"{LOUDER}{TOMORROW} would be made with index.blocks.write: take it out of the template",
            id="a write block",
        ),
    ],
)
def test_a_template_of_higher_priority_is_judged_by_what_it_does(
    with_pipelines: Embedded, template: dict[str, Any], expected: State, text: str
) -> None:
    put_template(with_pipelines, "louder", 300, meta=SOMEBODY, **template)
    found = look(with_pipelines.url)

    assert found[templates.WINS] == (expected, text)
    assert states(found) == {**all_well(with_pipelines), templates.WINS: expected}


def test_a_template_of_data_streams_that_comes_first(node: Embedded) -> None:
    body = {"index_patterns": ["cwl-*"], "priority": 300, "data_stream": {}}
    assert node.request("PUT", "/_index_template/louder", body)[0] == 200

    assert look(node.url)[templates.WINS] == (
        State.PROBLEM,
        f"{LOUDER}louder would make {TOMORROW} a data stream: narrow its pattern",
    )


def test_our_own_template_with_a_block_is_found_even_where_it_differs(node: Embedded) -> None:
    put_template(node, "cwl", 200, **settings(blocks={"read_only": True}))

    assert look(node.url)[templates.WINS] == (
        State.PROBLEM,
        f"{TOMORROW} would be made with index.blocks.read_only: take it out of the template",
    )


def test_a_template_of_a_prefix_that_begins_alike_is_none_before_ours(node: Embedded) -> None:
    body = {"index_patterns": ["cwl-dev-*"], "priority": 300, "template": settings(blocks={"write": True})}
    assert node.request("PUT", "/_index_template/cwl-dev", body)[0] == 200

    assert states(look(node.url)) == ALL_WELL


REFUSED: Final[Reply] = (403, {"error": {"type": "security_exception", "reason": "no permissions for [x]"}})


@pytest.mark.parametrize(
    ("path", "name", "text"),
    [
        pytest.param(
            "/_index_template/cwl",
            templates.TEMPLATE,
            "it may not be read: 403 no permissions for [x]",
            id="the template",
        ),
        pytest.param(
            f"/_index_template/_simulate_index/{TOMORROW}",
            templates.WINS,
            "the cluster does not tell: 403 no permissions for [x]",
            id="how an index is made",
        ),
    ],
)
def test_what_may_not_be_read_is_unknown(node: Embedded, path: str, name: str, text: str) -> None:
    with Front(node, lambda call: REFUSED if call.path == path else None) as front:
        assert look(front.url)[name] == (State.UNKNOWN, text)


def test_where_others_may_not_be_listed_it_is_not_said_that_there_are_none(node: Embedded) -> None:
    with Front(node, lambda call: REFUSED if call.path == "/_index_template" else None) as front:
        assert look(front.url)[templates.WINS] == (State.OK, "its fields are ours")
        put_template(node, "louder", 300, meta=SOMEBODY, mappings=OTHER_MAPPING)
        assert look(front.url)[templates.WINS] == (
            State.PROBLEM,
            (
                "another template has a higher priority, and its name may not be read: "
                "lower it, or narrow its pattern"
            ),
        )
