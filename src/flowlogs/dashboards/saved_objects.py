"""The saved objects that OpenSearch Dashboards imports, made from the panels and the field table.

`python -m flowlogs.dashboards.saved_objects` writes the file that the setup function carries
(`make dashboards`). In it `cwl-` stands for the index prefix, in names and in ids.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from flowlogs.dashboards.visualization import LUCENE, ui_state, visualize
from flowlogs.panels.catalogue import CONTROLS, LATER_PANELS, PANELS, SEARCH_COLUMNS
from flowlogs.panels.names import FIELD_NAMES
from flowlogs.panels.panel import TIME_FIELD, Json, Panel
from parser.format import DEFAULT, Formats
from parser.index_template import index_template

FILE: Final = Path(__file__).parents[2] / "handler" / "installing" / "flowlogs.ndjson"
"""The file that the setup function carries."""

PREFIX: Final = "cwl"
INDEX: Final = f"{PREFIX}-20*"
"""As narrow as Dashboards can say it: `cwl-*` would add up the indices of a stack whose prefix is `cwl-dev`,
and who may read those of one stack only would see nothing at all."""
PATTERN: Final = f"{PREFIX}-flow-logs"
DASHBOARD: Final = f"{PREFIX}-dashboard"
SEARCH: Final = f"{PREFIX}-records"

MIGRATIONS: Final = {
    "index-pattern": "7.6.0",
    "visualization": "7.10.0",
    "search": "7.9.3",
    "dashboard": "7.9.3",
}
"""The newest versions of these types that Dashboards 1 knows; 3 has no newer ones. A higher one would
be refused, a lower one be migrated as if it came from an old Kibana."""

WIDTH: Final = 48
"""Of a dashboard, in units of its grid."""
_PANEL_VERSION: Final = "7.9.3"
_INDEX_REFERENCE: Final = "kibanaSavedObjectMeta.searchSourceJSON.index"

_LATER_NOTE: Final = (
    "### Flow logs with fields of versions 3 to 5\n"
    "These panels stay empty where the format has only the default fields."
)

_KINDS: Final = {"ip": "ip", "date": "date", "keyword": "string", "text": "string"}


def saved_objects(*, search_message: bool = False) -> list[Json]:
    """Return all objects; each refers only to others among them.

    Args:
        search_message: whether `@message` can be searched in the indices.
    """
    every = (*PANELS, *LATER_PANELS)
    return [
        _index_pattern(search_message=search_message),
        _search(),
        _controls(),
        _note(),
        *(_visualization(panel) for panel in every),
        _dashboard(),
    ]


def to_ndjson(objects: Sequence[Json]) -> str:
    """Return the objects as the import wants them: one on each line."""
    return "".join(_text(each) + "\n" for each in objects)


def _text(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _object(kind: str, name: str, attributes: Json, references: Sequence[Json]) -> Json:
    return {
        "type": kind,
        "id": name,
        "attributes": attributes,
        "references": list(references),
        "migrationVersion": {kind: MIGRATIONS[kind]},
    }


def _reference(name: str, kind: str, identity: str) -> Json:
    return {"name": name, "type": kind, "id": identity}


def _index_pattern(*, search_message: bool) -> Json:
    attributes = {
        "title": INDEX,
        "timeFieldName": TIME_FIELD,
        "fields": _text(list(_fields(search_message=search_message))),
        "fieldFormatMap": _text(_field_formats()),
    }
    return _object("index-pattern", PATTERN, attributes, [])


def _fields(*, search_message: bool) -> Iterator[Json]:
    """Describe the fields of the index template: the pattern is complete before the first record."""
    template = index_template(PREFIX, Formats.from_text(DEFAULT), search_message=search_message)
    mappings = template["template"]["mappings"]["properties"]
    for name, mapping in sorted(mappings.items()):
        kind = "text" if mapping["type"] == "match_only_text" else mapping["type"]
        yield {
            "count": 0,
            "name": name,
            "type": _KINDS.get(kind, "number"),
            "esTypes": [kind],
            "searchable": mapping.get("index", True),
            "scripted": False,
            "aggregatable": kind != "text",
            "readFromDocValues": kind != "text",
        }
    for name, kind in (("_id", "string"), ("_index", "string"), ("_source", "_source")):
        yield {
            "count": 0,
            "name": name,
            "type": kind,
            "esTypes": [name],
            "scripted": False,
            "searchable": name != "_source",
            "aggregatable": name != "_source",
            "readFromDocValues": False,
        }


def _field_formats() -> Json:
    names = {
        field: {
            "id": "static_lookup",
            "params": {
                "lookupEntries": [{"key": str(number), "value": name} for number, name in names.items()],
                "unknownKeyValue": None,
            },
        }
        for field, names in FIELD_NAMES.items()
    }
    plain = {"id": "number", "params": {"pattern": "0"}}  # a port has no thousands
    return {
        "bytes": {"id": "bytes", "params": {"pattern": "0,0.[0]b"}},
        "packets": {"id": "number", "params": {"pattern": "0,0"}},
        **dict.fromkeys(("srcport", "dstport", "version"), plain),
        **names,
    }


def _source(query: str, *, referring: bool) -> Json:
    search: Json = {"query": {"query": query, "language": LUCENE if query else "kuery"}, "filter": []}
    if referring:
        search["indexRefName"] = _INDEX_REFERENCE
    return {"searchSourceJSON": _text(search)}


def _visualization(panel: Panel) -> Json:
    state = visualize(panel, INDEX)
    own_index = state["type"] == "vega"
    attributes = {
        "title": panel.title,
        "visState": _text(state),
        "uiStateJSON": _text(ui_state(panel)),
        "description": "",
        "version": 1,
        "kibanaSavedObjectMeta": _source("" if own_index else panel.only, referring=not own_index),
    }
    references = [] if own_index else [_reference(_INDEX_REFERENCE, "index-pattern", PATTERN)]
    return _object("visualization", f"{PREFIX}-{panel.name}", attributes, references)


def _plain(name: str, title: str, kind: str, params: Json, references: Sequence[Json] = ()) -> Json:
    """Return a visualization without a search of its own."""
    attributes = {
        "title": title,
        "visState": _text({"title": title, "type": kind, "params": params, "aggs": []}),
        "uiStateJSON": "{}",
        "description": "",
        "version": 1,
        "kibanaSavedObjectMeta": _source("", referring=False),
    }
    return _object("visualization", f"{PREFIX}-{name}", attributes, references)


def _controls() -> Json:
    names = [f"control_{number}_index_pattern" for number in range(len(CONTROLS))]
    controls = [
        {
            "id": field,
            "fieldName": field,
            "parent": "",
            "label": label,
            "type": "list",
            "options": {
                "type": "terms",
                "multiselect": True,
                "dynamicOptions": field != "protocol",  # as one types; for text only
                "size": 50,
                "order": "desc",
            },
            "indexPatternRefName": name,
        }
        for name, (field, label) in zip(names, CONTROLS.items(), strict=True)
    ]
    params = {
        "controls": controls,
        "updateFiltersOnChange": True,
        "useTimeFilter": True,
        "pinFilters": False,
    }
    references = [_reference(name, "index-pattern", PATTERN) for name in names]
    return _plain("controls", "Which traffic?", "input_control_vis", params, references)


def _note() -> Json:
    params = {"fontSize": 12, "openLinksInNewTab": False, "markdown": _LATER_NOTE}
    return _plain("later-fields", "Fields of later versions", "markdown", params)


def _search() -> Json:
    attributes = {
        "title": "Flow log records",
        "description": "",
        "hits": 0,
        "columns": list(SEARCH_COLUMNS),
        "sort": [[TIME_FIELD, "desc"]],
        "version": 1,
        "kibanaSavedObjectMeta": _source("", referring=True),
    }
    return _object("search", SEARCH, attributes, [_reference(_INDEX_REFERENCE, "index-pattern", PATTERN)])


def _dashboard() -> Json:
    panels: list[Json] = []
    references: list[Json] = []
    for number, (kind, identity, place) in enumerate(_places()):
        name = f"panel_{number}"
        panels.append(
            {
                "version": _PANEL_VERSION,
                "gridData": {**place, "i": str(number)},
                "panelIndex": str(number),
                "embeddableConfig": {},
                "panelRefName": name,
            }
        )
        references.append(_reference(name, kind, identity))
    attributes = {
        "title": f"VPC flow logs ({PREFIX}-*)",
        "description": "What flows, what is refused, and whether all of it arrives.",
        "hits": 0,
        "panelsJSON": _text(panels),
        "optionsJSON": _text({"hidePanelTitles": False, "useMargins": True}),
        "version": 1,
        "timeRestore": True,
        "timeFrom": "now-24h",
        "timeTo": "now",
        "refreshInterval": {"pause": True, "value": 0},
        "kibanaSavedObjectMeta": _source("", referring=False),
    }
    return _object("dashboard", DASHBOARD, attributes, references)


def _places() -> Iterator[tuple[str, str, Json]]:
    """Lay out the dashboard: from left to right, a new row where one is full."""
    everything = [
        ("visualization", "controls", WIDTH, 7),
        *(("visualization", panel.name, panel.width, panel.height) for panel in PANELS),
        ("visualization", "later-fields", WIDTH, 4),
        *(("visualization", panel.name, panel.width, panel.height) for panel in LATER_PANELS),
        ("search", "records", WIDTH, 20),
    ]
    x = y = row_height = 0
    for kind, name, width, height in everything:
        if x + width > WIDTH:
            x, y, row_height = 0, y + row_height, 0
        yield kind, f"{PREFIX}-{name}", {"x": x, "y": y, "w": width, "h": height}
        x, row_height = x + width, max(row_height, height)


def write_file() -> None:
    """Write the file that the setup function carries."""
    FILE.write_text(to_ndjson(saved_objects()), encoding="utf-8")


if __name__ == "__main__":
    write_file()
