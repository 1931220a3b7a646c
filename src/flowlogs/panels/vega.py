"""Two pictures that Dashboards cannot draw by itself, as Vega specifications.

Dashboards 1 and 2 carry Vega 5, Dashboards 3 carries Vega 6: these use what both know. They are strict
JSON. `%context%` and `%timefield%` tie them to the dashboard's filters and time range.
"""

from typing import Final

from flowlogs.panels.colours import MID_GREY, VERMILION
from flowlogs.panels.panel import TIME_FIELD, Chart, Filters, Json, Panel, aggregations, query_string
from flowlogs.panels.sankey import sankey

SCHEMA: Final = "https://vega.github.io/schema/vega/v5.json"


def specification(panel: Panel, index: str) -> Json:
    """Return the Vega specification of a panel for Dashboards.

    Args:
        panel: its chart is a share or a Sankey diagram.
        index: the index pattern to search.
    """
    # Dashboards refuses a query of one's own beside %context%, so it becomes an aggregation.
    chosen = {"filter": query_string(panel.only), "aggs": aggregations(panel, "")}
    body = {"size": 0, "aggs": {"chosen": chosen}}
    url = {"%context%": True, "%timefield%": TIME_FIELD, "index": index, "body": body}
    return draw(panel, {"url": url, "format": {"property": "aggregations.chosen"}}, text=MID_GREY)


def draw(panel: Panel, source: Json, *, text: str) -> Json:
    """Return the specification; `source` gives one object, the panel's aggregations."""
    picture = sankey(panel, text) if panel.chart is Chart.SANKEY else _share(panel, text)
    return {
        "$schema": SCHEMA,
        "description": panel.title,
        "autosize": {"type": "fit", "contains": "padding"},
        **picture,
        "data": [{"name": "reply", **source}, *picture["data"]],
    }


def _share(panel: Panel, text: str) -> Json:
    (bucket,) = panel.buckets
    if not isinstance(bucket, Filters):
        raise TypeError(f"a share is one of several filters, not of {bucket!r}")
    part, *others = (f"datum['{panel.ids[1][0]}'].buckets['{key}'].doc_count" for key in bucket.queries)
    shown = "datum.whole ? format(datum.part / datum.whole, '.1%') : 'none'"
    flows = "(datum.whole == 1 ? ' flow' : ' flows')"
    transform = [
        {"type": "formula", "as": "part", "expr": part},
        {"type": "formula", "as": "whole", "expr": " + ".join((part, *others))},
    ]
    return {
        "data": [{"name": "share", "source": "reply", "transform": transform}],
        "marks": [
            _line(VERMILION, shown, dy=-12, size=36),
            _line(text, f"format(datum.part, ',') + ' of ' + format(datum.whole, ',') + {flows}", dy=20),
        ],
    }


def _line(colour: str, shown: str, *, dy: int, size: int = 13) -> Json:
    return {
        "type": "text",
        "from": {"data": "share"},
        "encode": {
            "update": {
                "x": {"signal": "width / 2"},
                "y": {"signal": "height / 2"},
                "dy": {"value": dy},
                "align": {"value": "center"},
                "baseline": {"value": "middle"},
                "fontSize": {"value": size},
                "fill": {"value": colour},
                "text": {"signal": shown},
            }
        },
    }
