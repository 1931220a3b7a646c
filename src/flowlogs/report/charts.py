"""Charts as SVG that a page can carry: by Vega and Vega-Lite, without a browser.

Text and lines have the colour of the text around them, so that a chart fits a light and a dark page.
"""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import vl_convert

from flowlogs.panels.colours import ACTIONS, BLUE, SERIES
from flowlogs.panels.names import FIELD_NAMES
from flowlogs.panels.panel import Chart, Filters, Json, Panel, Row, Terms
from flowlogs.panels.vega import draw
from flowlogs.report.period import Period

TEXT: Final = "currentColor"
FONT: Final = "Arial, 'Liberation Sans', Helvetica, sans-serif"
"""Of the same widths on all systems, and known to vl-convert, which measures text with it."""

SANKEY_HEIGHT: Final = 380
TIME_HEIGHT: Final = 220
BAR_HEIGHT: Final = 26

_CONFIG: Final[Json] = {
    "background": None,
    "font": FONT,
    "view": {"stroke": None},
    "axis": {
        "labelColor": TEXT,
        "titleColor": TEXT,
        "labelFontSize": 12,
        "domainColor": TEXT,
        "tickColor": TEXT,
        "domainOpacity": 0.4,
        "tickOpacity": 0.4,
        "gridColor": TEXT,
        "gridOpacity": 0.12,
    },
    "legend": {"labelColor": TEXT, "titleColor": TEXT, "labelFontSize": 12, "titleFontSize": 12},
    "text": {"color": TEXT},
}
_IDENTITY: Final = re.compile(r'(id="|url\(#)')


def render(panel: Panel, rows: list[Row], period: Period, width: int) -> str:
    """Return a panel's chart as an SVG element.

    Args:
        panel: what is drawn: bars, times or a Sankey diagram.
        rows: its answer; at least one.
        period: the time that it is about.
        width: in pixels.
    """
    match panel.chart:
        case Chart.SANKEY:
            spec = draw(panel, {"values": [_nest(panel, rows)]}, text=TEXT)
            spec |= {"width": width, "height": SANKEY_HEIGHT, "config": {"text": {"font": FONT}}}
            svg = vl_convert.vega_to_svg(json.dumps(spec))
        case Chart.OVER_TIME:
            svg = vl_convert.vegalite_to_svg(json.dumps(_over_time(panel, rows, period, width)))
        case _:
            svg = vl_convert.vegalite_to_svg(json.dumps(_bars(panel, rows, width)))
    # Several charts on one page: each with ids of its own.
    return _IDENTITY.sub(rf"\g<1>{panel.name}-{width}-", svg)


def name_key(panel: Panel, position: int, key: str | int) -> str:
    """Return a bucket's key as people read it: `TCP` for protocol 6."""
    bucket = panel.buckets[position]
    names = FIELD_NAMES.get(bucket.field, {}) if isinstance(bucket, Terms) else {}
    return names.get(int(key), str(key)) if names else str(key)


def _unit(panel: Panel) -> str:
    return f"format(datum.value, '~s') + '{'B' if panel.metrics[0].field == 'bytes' else ''}'"


def _time_format(period: Period) -> Json:
    """Return how the ticks of a time axis are written, by what each of them begins."""
    day = "%d %b"
    if period.until - period.since <= timedelta(days=2):
        return {"hours": "%H:%M", "minutes": "%H:%M", **dict.fromkeys(("year", "month", "week", "date"), day)}
    return {"hours": "%H:%M", "year": "%b %Y", "quarter": "%b %Y", "month": "%b %Y", "week": day, "date": day}


def _ticks(largest: float, most: int) -> int:
    """Return how many ticks an axis shall have: no more than there are whole numbers on it."""
    return max(1, min(most, int(largest)))


def _over_time(panel: Panel, rows: list[Row], period: Period, width: int) -> Json:
    totals: dict[str, float] = {}
    heights: dict[str | int, float] = {}
    for row in rows:
        name = name_key(panel, 0, row.keys[0])
        totals[name] = totals.get(name, 0) + row.values[0]
        heights[row.keys[1]] = heights.get(row.keys[1], 0) + row.values[0]
    names = list(ACTIONS) if totals.keys() <= ACTIONS.keys() else list(totals)
    edges = [moment.timestamp() * 1000 for moment in (period.since, period.until)]
    axis = {"grid": False, "format": _time_format(period), "tickCount": width // 70}
    axis |= {"labelOverlap": True, "labelSeparation": 8}
    upright = {"labelExpr": _unit(panel), "tickCount": _ticks(max(heights.values()), 5)}
    return {
        "data": {"values": [*_pieces(panel, rows, names, period)]},
        "width": width,
        "height": TIME_HEIGHT,
        "autosize": {"type": "fit", "contains": "padding"},
        "mark": {"type": "bar", "orient": "vertical"},
        "encoding": {
            "x": {
                "field": "from",
                "type": "temporal",
                "title": None,
                "axis": axis,
                "scale": {"type": "utc", "domain": edges},
            },
            "x2": {"field": "to"},
            "y": {"field": "value", "type": "quantitative", "title": None, "stack": "zero", "axis": upright},
            "color": _colour(names, columns=max(2, width // 90)),
            "order": {"field": "order"},
        },
        "config": _CONFIG,
    }


def _pieces(panel: Panel, rows: list[Row], names: list[str], period: Period) -> Iterator[Json]:
    """Yield what the bars are stacked from: one piece a row, within the period."""
    first, last = (moment.timestamp() * 1000 for moment in (period.since, period.until))
    step = period.step / timedelta(milliseconds=1)
    for row in rows:
        name = name_key(panel, 0, row.keys[0])
        yield {
            "name": name,
            "from": max(int(row.keys[1]), first),
            "to": min(int(row.keys[1]) + step, last),
            "value": row.values[0],
            "order": names.index(name),
        }


def _colour(names: list[str], columns: int) -> Json:
    colours = [ACTIONS.get(name, SERIES[number % len(SERIES)]) for number, name in enumerate(names)]
    return {
        "field": "name",
        "type": "nominal",
        "scale": {"domain": names, "range": colours},
        "legend": {"orient": "top", "title": None, "symbolType": "square", "columns": columns},
    }


def _bars(panel: Panel, rows: list[Row], width: int) -> Json:
    values = [{"name": name_key(panel, 0, row.keys[0]), "value": row.values[0]} for row in rows]
    keep = not isinstance(panel.buckets[0], Filters)
    x = {"field": "value", "type": "quantitative", "title": None}
    y = {"field": "name", "type": "nominal", "title": None, "sort": "-x" if keep else None}
    names = {"labelPadding": 6, "ticks": False, "domain": False}
    ticks = _ticks(max(row.values[0] for row in rows), 3)
    words = {"align": "left", "dx": 4, "fontSize": 12}
    return {
        "data": {"values": values},
        "width": width,
        "height": BAR_HEIGHT * (len(values) + 1),
        "autosize": {"type": "fit", "contains": "padding"},
        "transform": [{"calculate": _unit(panel).replace("~s", ".3s"), "as": "shown"}],
        "encoding": {
            "y": {
                **y,
                "axis": {**names, "labelLimit": width * 0.45},
            },
            "x": {**x, "axis": {"labelExpr": _unit(panel), "tickCount": ticks}},
        },
        "layer": [
            {"mark": {"type": "bar", "color": BLUE, "height": {"band": 0.7}}},
            {"mark": {"type": "text", **words}, "encoding": {"text": {"field": "shown"}}},
        ],
        "config": _CONFIG,
    }


def _nest(panel: Panel, rows: list[Row]) -> Json:
    """Return rows as the aggregation that they were read from, which is what the picture is made of."""
    rest = getattr(panel.buckets[1], "rest", "")
    ports: dict[str | int, list[Json]] = {}
    sums: dict[str | int, float] = {}
    for row in rows:
        port, source = row.keys
        sums[port] = sums.get(port, 0) + row.values[0]
        sources = ports.setdefault(port, [])
        if source != rest:
            sources.append({"key": source, "1": {"value": row.values[0]}})
    outer, inner = panel.ids[1]
    found = [
        {"key": port, "1": {"value": sums[port]}, inner: {"buckets": each}} for port, each in ports.items()
    ]
    return {outer: {"buckets": found}}
