"""The saved objects: current, complete in themselves, and asking what the panels ask."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import pytest

from flowlogs.dashboards.saved_objects import FILE, saved_objects, to_ndjson
from flowlogs.panels.catalogue import CONTROLS, EVERY_PANEL, SEARCH_COLUMNS
from flowlogs.panels.panel import Panel, aggregations, query_string
from flowlogs.panels.vega import specification
from handler.installing import dashboards as dashboards_setup
from parser.format import DEFAULT, Formats
from parser.index_template import index_template
from support.logged import Logged

Json = dict[str, Any]

OBJECTS: Final = {(each["type"], each["id"]): each for each in saved_objects()}
MAPPING: Final = index_template("cwl", Formats.from_text(DEFAULT))["template"]["mappings"]["properties"]
PATTERN: Final = ("index-pattern", "cwl-flow-logs")
DASHBOARD: Final = ("dashboard", "cwl-dashboard")
# The attributes that each type must have, of which these are JSON in a text.
ATTRIBUTES: Final = {
    "index-pattern": {"title": str, "timeFieldName": str, "fields": list, "fieldFormatMap": dict},
    "visualization": {
        "title": str,
        "visState": dict,
        "uiStateJSON": dict,
        "description": str,
        "version": int,
        "kibanaSavedObjectMeta": dict,
    },
    "search": {
        "title": str,
        "description": str,
        "hits": int,
        "columns": list,
        "sort": list,
        "version": int,
        "kibanaSavedObjectMeta": dict,
    },
    "dashboard": {
        "title": str,
        "description": str,
        "hits": int,
        "panelsJSON": list,
        "optionsJSON": dict,
        "version": int,
        "timeRestore": bool,
        "timeFrom": str,
        "timeTo": str,
        "refreshInterval": dict,
        "kibanaSavedObjectMeta": dict,
    },
}
IN_TEXT: Final = {"fields", "fieldFormatMap", "visState", "uiStateJSON", "panelsJSON", "optionsJSON"}


def named(panel: Panel) -> str:
    return panel.name


def state_of(panel: Panel) -> Json:
    state: Json = json.loads(OBJECTS["visualization", f"cwl-{panel.name}"]["attributes"]["visState"])
    return state


def source_of(each: Json) -> Json:
    source: Json = json.loads(each["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"])
    return source


def test_the_file_that_is_shipped_is_current() -> None:
    """`make dashboards` renews it."""
    assert FILE.read_text(encoding="utf-8") == to_ndjson(saved_objects())
    assert dashboards_setup.FILE == FILE


def test_there_is_one_object_for_each_panel_and_the_rest() -> None:
    assert len(OBJECTS) == len(saved_objects()) == len(EVERY_PANEL) + 5


@pytest.mark.parametrize("each", OBJECTS.values(), ids=lambda each: each["id"])
def test_an_object_has_the_shape_that_dashboards_imports(each: Json) -> None:
    attributes = each["attributes"]
    kinds = {
        name: type(json.loads(value) if name in IN_TEXT else value) for name, value in attributes.items()
    }

    assert set(each) == {"type", "id", "attributes", "references", "migrationVersion"}
    assert kinds == ATTRIBUTES[each["type"]]


@pytest.mark.parametrize(
    ("kind", "version"),
    [("index-pattern", "7.6.0"), ("visualization", "7.10.0"), ("search", "7.9.3"), ("dashboard", "7.9.3")],
)
def test_versions_are_those_that_dashboards_one_to_three_take(kind: str, version: str) -> None:
    stamps = [each["migrationVersion"] for (each_kind, _), each in OBJECTS.items() if each_kind == kind]

    assert stamps
    assert stamps == [{kind: version}] * len(stamps)


@pytest.mark.parametrize("each", OBJECTS.values(), ids=lambda each: each["id"])
def test_references_close_and_each_is_used(each: Json) -> None:
    missing = [one for one in each["references"] if (one["type"], one["id"]) not in OBJECTS]
    used = re.findall(
        r'(?:indexRefName|indexPatternRefName|panelRefName)\\*":\s*\\*"([^"\\]+)',
        json.dumps(each["attributes"]),
    )

    assert missing == []
    assert sorted(used) == sorted(one["name"] for one in each["references"])


def test_everything_is_on_the_dashboard_once() -> None:
    shown = [(one["type"], one["id"]) for one in OBJECTS[DASHBOARD]["references"]]

    assert sorted(shown) == sorted(OBJECTS.keys() - {PATTERN, DASHBOARD})


def test_panels_lie_on_the_grid_and_do_not_overlap() -> None:
    cells: set[tuple[int, int]] = set()
    for panel in json.loads(OBJECTS[DASHBOARD]["attributes"]["panelsJSON"]):
        place = panel["gridData"]
        assert 0 <= place["x"] < place["x"] + place["w"] <= 48
        mine = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & mine, panel
        cells |= mine
        assert panel["panelIndex"] == place["i"]


def fields_in(query: str) -> set[str]:
    """Return the fields that a Lucene query names."""
    exists = set(re.findall(r"_exists_:([@\w]+)", query))
    return exists | set(re.findall(r"(?<![\w\"])([@a-z_]+):(?=[\w(\[>\"])", query)) - {"_exists_"}


def strings_named(value: object, names: set[str]) -> Iterator[str]:
    """Yield the texts that stand under these names, at any depth."""
    if isinstance(value, dict):
        for name, each in value.items():
            if name in names and isinstance(each, str):
                yield each
            yield from strings_named(each, names)
    elif isinstance(value, list):
        for each in value:
            yield from strings_named(each, names)


@pytest.mark.parametrize("panel", EVERY_PANEL, ids=named)
def test_every_field_of_a_panel_is_in_the_index(panel: Panel) -> None:
    found = aggregations(panel, "1h")

    fields = set(strings_named(found, {"field"}))
    for query in (panel.only, *strings_named(found, {"query"})):
        fields |= fields_in(query)
    assert fields
    assert fields - MAPPING.keys() == set()


def test_every_field_of_controls_search_and_pattern_is_in_the_index() -> None:
    formats = json.loads(OBJECTS[PATTERN]["attributes"]["fieldFormatMap"])

    assert {*CONTROLS, *SEARCH_COLUMNS, *formats, "@timestamp"} - MAPPING.keys() == set()


def test_the_fields_are_recognized_in_a_query() -> None:
    query = (
        'log_status:OK AND NOT srcaddr:("10.0.0.0/8" OR "fc00::/7") AND dstport:[1 TO 9] AND _exists_:@owner'
    )

    assert fields_in(query) == {"log_status", "srcaddr", "dstport", "@owner"}


def test_the_pattern_describes_the_fields_as_opensearch_does(logged: Logged) -> None:
    """Complete before the first record, it is the same that a refresh in Dashboards would find."""
    status, reply = logged.node.request("GET", "/cwl-*/_field_caps?fields=*")
    assert status == 200
    caps = {
        name: next(iter(kinds.values()))
        for name, kinds in reply["fields"].items()
        if not name.startswith("_")
    }
    pattern = {
        each["name"]: each
        for each in json.loads(OBJECTS[PATTERN]["attributes"]["fields"])
        if not each["name"].startswith("_")
    }
    kinds = {"keyword": "string", "text": "string", "match_only_text": "string", "ip": "ip", "date": "date"}

    assert {
        name: (each["searchable"], each["aggregatable"], each["type"]) for name, each in pattern.items()
    } == {
        name: (each["searchable"], each["aggregatable"], kinds.get(each["type"], "number"))
        for name, each in caps.items()
    }


def test_numbers_are_shown_as_people_read_them() -> None:
    formats = json.loads(OBJECTS[PATTERN]["attributes"]["fieldFormatMap"])
    entries = {
        field: {each["key"]: each["value"] for each in form["params"]["lookupEntries"]}
        for field, form in formats.items()
        if form["id"] == "static_lookup"
    }

    assert formats["bytes"] == {"id": "bytes", "params": {"pattern": "0,0.[0]b"}}
    assert formats["dstport"] == {"id": "number", "params": {"pattern": "0"}}
    assert (entries["protocol"]["6"], entries["protocol"]["17"]) == ("TCP", "UDP")
    assert entries["traffic_path"]["8"] == "internet gateway (Nitro)"
    assert set(entries) == {"protocol", "traffic_path", "encryption_status"}


# ---- what Dashboards makes of a visState: written down from its source, independent of the panels ----


def from_state(aggs: list[Json]) -> Json:
    """Return the aggregations that Dashboards sends for a visState, with hours for `auto`."""
    metrics = [each for each in aggs if each["schema"] == "metric"]
    buckets = [each for each in aggs if each["schema"] != "metric"]
    found: Json = {}
    for each in metrics:
        found |= from_metric(each)
    for each in reversed(buckets):
        level, order = from_bucket(each, metrics)
        level |= {"aggs": {**order, **found}} if order or found else {}
        found = {each["id"]: level}
    return found


def from_metric(each: Json) -> Json:
    if each["type"] == "count":
        return {}
    if each["type"] != "sum_bucket":
        return {each["id"]: {each["type"]: {"field": each["params"]["field"]}}}
    bucket, metric = each["params"]["customBucket"], each["params"]["customMetric"]
    inner = from_metric(metric)
    level, _ = from_bucket(bucket, [])
    level |= {"aggs": inner} if inner else {}
    path = f"{bucket['id']}>{metric['id'] if inner else '_count'}"
    return {bucket["id"]: level, each["id"]: {"sum_bucket": {"buckets_path": path}}}


def from_bucket(each: Json, metrics: list[Json]) -> tuple[Json, Json]:
    params = each["params"]
    if each["type"] == "filters":
        assert {one["input"]["language"] for one in params["filters"]} == {"lucene"}
        queries = {one["label"]: query_string(one["input"]["query"]) for one in params["filters"]}
        return {"filters": {"filters": queries}}, {}
    if each["type"] == "date_histogram":
        times = {"fixed_interval": "1h", "time_zone": "UTC", "min_doc_count": params["min_doc_count"]}
        return {"date_histogram": {"field": params["field"], **times}}, {}
    (by,) = (metric for metric in metrics if metric["id"] == params["orderBy"])
    order = {"_count" if by["type"] == "count" else by["id"]: params["order"]}
    terms = {"field": params["field"], "size": params["size"], "order": order, **json.loads(params["json"])}
    return {"terms": terms}, from_metric(by)


@pytest.mark.parametrize("panel", EVERY_PANEL, ids=named)
def test_a_visualization_asks_what_its_panel_asks(panel: Panel) -> None:
    state = state_of(panel)
    each = OBJECTS["visualization", f"cwl-{panel.name}"]

    if state["type"] == "vega":
        assert json.loads(state["params"]["spec"]) == specification(panel, "cwl-20*")
        assert source_of(each)["query"]["query"] == ""
    else:
        assert from_state(state["aggs"]) == aggregations(panel, "1h")
        assert source_of(each)["query"] == {
            "query": panel.only,
            "language": "lucene" if panel.only else "kuery",
        }
    assert state["title"] == each["attributes"]["title"] == panel.title


def test_visualizations_are_of_types_that_every_dashboards_has() -> None:
    kinds = {
        json.loads(each["attributes"]["visState"])["type"]
        for (kind, _), each in OBJECTS.items()
        if kind == "visualization"
    }

    assert kinds == {
        "horizontal_bar",
        "histogram",
        "input_control_vis",
        "markdown",
        "metric",
        "table",
        "vega",
    }
