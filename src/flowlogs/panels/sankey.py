"""The flow picture: networks on the left, ports on the right, ribbons as wide as their bytes."""

from typing import Final

from flowlogs.panels.colours import GREY, SERIES
from flowlogs.panels.panel import Json, Panel, Terms

NETWORKS: Final = 10
"""Source networks in the picture; the others are put together, with the sources beyond the list."""

_IS_IPV4: Final = "indexof(datum.source.key, ':') < 0"
PARTS: Final = f"split(datum.source.key, {_IS_IPV4} ? '.' : ':')"
NETWORK: Final = (
    f"{_IS_IPV4} ? datum.parts[0] + '.' + datum.parts[1] + '.0.0/16'"
    " : datum.parts[1] && datum.parts[1] != '0' ? datum.parts[0] + ':' + datum.parts[1] + '::/32'"
    # The second group is zero: written as 0, or left out with others.
    " : (datum.parts[0] != '0' ? datum.parts[0] : '') + '::/32'"
)
"""The network of an address: /16 of IPv4, /32 of IPv6 (what a provider is given)."""

# Pixels.
_LEFT: Final = 125
_RIGHT: Final = 90
_BAR: Final = 10
_GAP: Final = 12

_TOTAL: Final = {"type": "aggregate", "fields": ["bytes"], "ops": ["sum"], "as": ["bytes"]}
_LARGEST: Final = {"field": ["bytes"], "order": ["descending"]}


def sankey(panel: Panel, text: str) -> Json:
    """Return data sets (built on one named `reply`), signals and marks.

    Args:
        panel: its buckets are ports, and within each the source addresses and the rest.
        text: the colour of text.
    """
    ports, sources = panel.ids[1]
    match panel.buckets[1]:
        case Terms(rest=rest):
            pass
        case other:
            raise TypeError(f"a Sankey diagram has terms within its ports, not {other!r}")
    nodes = [_nodes("network"), _nodes("port")]
    return {
        "padding": 4,
        "signals": [
            {"name": "total", "update": "length(data('sums')) ? data('sums')[0].bytes : 0"},
            {"name": "rows", "update": "max(length(data('network_nodes')), length(data('port_nodes')), 1)"},
            {"name": "ratio", "update": f"total ? max(0, height - (rows - 1) * {_GAP}) / total : 0"},
        ],
        "data": [*_links(ports, sources, rest), *nodes, _ribbons()],
        "scales": [
            {
                "name": "colour",
                "type": "ordinal",
                "domain": {"data": "port_nodes", "field": "port"},
                "range": list(SERIES),
            }
        ],
        "marks": [
            _ribbon_marks(),
            _bars("network", str(_LEFT), {"value": GREY}),
            _bars("port", f"width - {_RIGHT} - {_BAR}", {"scale": "colour", "field": "port"}),
            _labels("network", {"value": _LEFT - 6}, "right", text),
            _labels("port", {"signal": f"width - {_RIGHT} + 6"}, "left", text),
        ],
    }


def _links(ports: str, sources: str, others: str) -> list[Json]:
    """From the reply to links network -> port; what is in no network shown comes from the `others`."""
    found = [
        {"type": "flatten", "fields": [f"['{ports}'].buckets"], "as": ["found"]},
        {"type": "formula", "as": "port", "expr": "'' + datum.found.key"},
    ]
    pairs = [
        {"type": "formula", "as": "sources", "expr": f"datum.found['{sources}'].buckets"},
        {"type": "flatten", "fields": ["sources"], "as": ["source"]},
        {"type": "formula", "as": "parts", "expr": PARTS},
        {"type": "formula", "as": "network", "expr": NETWORK},
        {"type": "formula", "as": "bytes", "expr": "datum.source['1'].value"},
        {"type": "filter", "expr": "datum.bytes > 0"},
    ]
    largest = [{**_TOTAL, "groupby": ["network"]}, _number("rank")]
    listed = {"type": "lookup", "from": "listed", "key": "port", "fields": ["port"], "values": ["bytes"]}
    rest = [
        {**listed, "as": ["listed"], "default": 0},
        {"type": "formula", "as": "network", "expr": f"'{others}'"},
        {"type": "formula", "as": "bytes", "expr": "datum.found['1'].value - datum.listed"},
        {"type": "filter", "expr": "datum.bytes > 0"},
    ]
    name = f"datum.rank <= {NETWORKS} ? datum.network : '{others}'"
    links = [
        {"type": "lookup", "from": "largest", "key": "network", "fields": ["network"], "values": ["rank"]},
        {"type": "formula", "as": "network", "expr": name},
        {**_TOTAL, "groupby": ["network", "port"]},
    ]
    return [
        {"name": "found", "source": "reply", "transform": found},
        {"name": "pairs", "source": "found", "transform": pairs},
        {"name": "largest", "source": "pairs", "transform": largest},
        {"name": "listed", "source": "pairs", "transform": [{**_TOTAL, "groupby": ["port"]}]},
        {"name": "rest", "source": "found", "transform": rest},
        {"name": "links", "source": ["pairs", "rest"], "transform": links},
        {"name": "sums", "source": "links", "transform": [_TOTAL]},
    ]


def _nodes(side: str) -> Json:
    """Put the bars of one side below each other, the largest on top: bytes below `start`, `number` gaps."""
    return {
        "name": f"{side}_nodes",
        "source": "links",
        "transform": [
            {**_TOTAL, "groupby": [side]},
            _number("number"),
            {"type": "stack", "field": "bytes", "sort": _LARGEST, "as": ["start", "end"]},
        ],
    }


def _number(name: str) -> Json:
    return {"type": "window", "ops": ["row_number"], "as": [name], "sort": _LARGEST}


def _ribbons() -> Json:
    """Give each link its place at both ends, and its path between them."""
    transform: list[Json] = []
    for side in ("network", "port"):
        places = [f"{side}_start", f"{side}_number"]
        offset = f"(datum.{side}_offset + datum.{side}_end) / 2 + datum.{side}_start"
        transform += [
            {
                "type": "lookup",
                "from": f"{side}_nodes",
                "key": side,
                "fields": [side],
                "values": ["start", "number"],
                "as": places,
            },
            {
                "type": "stack",
                "groupby": [side],
                "field": "bytes",
                "sort": _LARGEST,
                "as": [f"{side}_offset", f"{side}_end"],
            },
            {
                "type": "formula",
                "as": f"{side}_y",
                "expr": f"({offset}) * ratio + (datum.{side}_number - 1) * {_GAP}",
            },
        ]
    transform += [
        {"type": "formula", "as": "from_x", "expr": str(_LEFT + _BAR)},
        {"type": "formula", "as": "to_x", "expr": f"width - {_RIGHT + _BAR}"},
        {
            "type": "linkpath",
            "orient": "horizontal",
            "shape": "diagonal",
            "sourceX": "from_x",
            "sourceY": "network_y",
            "targetX": "to_x",
            "targetY": "port_y",
        },
    ]
    return {"name": "ribbons", "source": "links", "transform": transform}


def _ribbon_marks() -> Json:
    words = "datum.network + ' to port ' + datum.port + ': ' + format(datum.bytes, '.3s') + 'B'"
    return {
        "type": "path",
        "clip": True,  # else the bounds of broad strokes make the picture smaller
        "from": {"data": "ribbons"},
        "encode": {
            "update": {
                "path": {"field": "path"},
                "stroke": {"scale": "colour", "field": "port"},
                "strokeWidth": {"signal": "max(1, datum.bytes * ratio)"},
                "strokeOpacity": {"value": 0.45},
                "tooltip": {"signal": words},
            },
            "hover": {"strokeOpacity": {"value": 0.8}},
        },
    }


def _bars(side: str, x: str, fill: Json) -> Json:
    return {
        "type": "rect",
        "from": {"data": f"{side}_nodes"},
        "encode": {
            "update": {
                "x": {"signal": x},
                "width": {"value": _BAR},
                "y": {"signal": _y("start")},
                "y2": {"signal": _y("end")},
                "fill": fill,
            }
        },
    }


def _labels(side: str, x: Json, align: str, text: str) -> Json:
    return {
        "type": "text",
        "from": {"data": f"{side}_nodes"},
        "encode": {
            "update": {
                "x": x,
                "y": {"signal": f"({_y('start')} + {_y('end')}) / 2"},
                "align": {"value": align},
                "baseline": {"value": "middle"},
                "fontSize": {"value": 11},
                "fill": {"value": text},
                "text": {"signal": f"datum.{side} + '  ' + format(datum.bytes, '.2s') + 'B'"},
            }
        },
    }


def _y(edge: str) -> str:
    return f"(datum.{edge} * ratio + (datum.number - 1) * {_GAP})"
