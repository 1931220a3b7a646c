"""A panel as OpenSearch Dashboards stores it: the visState of a visualization.

The names are those of Kibana 7.10, which Dashboards 1, 2 and 3 read alike.
"""

import json
from typing import Final

from flowlogs.panels.colours import ACTIONS, BLUE
from flowlogs.panels.panel import (
    TIME_FIELD,
    Bucket,
    Chart,
    Filters,
    Json,
    Metric,
    Panel,
    Terms,
    Time,
)
from flowlogs.panels.vega import specification

LUCENE: Final = "lucene"

_TYPES: Final = {
    Chart.NUMBERS: "metric",
    Chart.SHARE: "vega",
    Chart.SANKEY: "vega",
    Chart.OVER_TIME: "histogram",
    Chart.BARS: "horizontal_bar",
    Chart.TABLE: "table",
}


def visualize(panel: Panel, index: str) -> Json:
    """Return the visState of a panel.

    Args:
        panel: what is asked.
        index: the index pattern, for those that name it themselves.
    """
    kind = _TYPES[panel.chart]
    if kind == "vega":
        spec = json.dumps(specification(panel, index), indent=2)
        return {"title": panel.title, "type": kind, "params": {"spec": spec}, "aggs": []}
    metric_ids, bucket_ids = panel.ids
    aggs = [_metric(name, metric) for name, metric in zip(metric_ids, panel.metrics, strict=True)]
    for name, bucket in zip(bucket_ids, panel.buckets, strict=True):
        aggs.append(_bucket(name, bucket, _schema(panel, bucket)))
    return {"title": panel.title, "type": kind, "params": _parameters(panel), "aggs": aggs}


def ui_state(panel: Panel) -> Json:
    """Return what a person would have clicked: colours, and how a table is sorted."""
    if panel.chart is Chart.OVER_TIME:
        return {"vis": {"colors": ACTIONS}} if panel.buckets[0] == Terms("action", "action", 2) else {}
    if panel.chart is Chart.BARS:
        return {"vis": {"colors": {panel.metrics[0].label: BLUE}}}
    if panel.chart is Chart.TABLE and isinstance(panel.buckets[0], Terms):
        column = len(panel.buckets)
        return {
            "vis": {
                "params": {"sort": {"columnIndex": column, "direction": "desc"}},  # Dashboards 1
                "sortColumn": {"colIndex": column, "direction": "desc"},
            }
        }
    return {}


def _metric(name: str, metric: Metric) -> Json:
    params: Json = {"customLabel": metric.label}
    if not metric.only:
        if metric.field:
            params["field"] = metric.field
        return {"id": name, "enabled": True, "type": metric.kind, "schema": "metric", "params": params}
    inner = {"field": metric.field} if metric.field else {}
    params["customBucket"] = {
        "id": f"{name}-bucket",
        "enabled": True,
        "type": "filters",
        "schema": "bucketAgg",
        "params": {"filters": [_filter(metric.label, metric.only)]},
    }
    params["customMetric"] = {
        "id": f"{name}-metric",
        "enabled": True,
        "type": metric.kind,
        "schema": "metricAgg",
        "params": inner,
    }
    return {"id": name, "enabled": True, "type": "sum_bucket", "schema": "metric", "params": params}


def _bucket(name: str, bucket: Bucket, schema: str) -> Json:
    match bucket:
        case Terms():
            kind = "terms"
            params: Json = {
                "field": bucket.field,
                "orderBy": "1",
                "order": "desc",
                "size": bucket.size,
                "otherBucket": False,
                "missingBucket": False,
                "json": json.dumps({"shard_size": bucket.candidates}),
            }
        case Filters():
            kind = "filters"
            params = {"filters": [_filter(label, text) for label, text in bucket.queries.items()]}
        case Time():
            kind = "date_histogram"
            params = {"field": TIME_FIELD, "interval": "auto", "min_doc_count": 1, "drop_partials": False}
    params["customLabel"] = bucket.label
    return {"id": name, "enabled": True, "type": kind, "schema": schema, "params": params}


def _filter(label: str, text: str) -> Json:
    return {"label": label, "input": {"query": text, "language": LUCENE}}


def _schema(panel: Panel, bucket: Bucket) -> str:
    """Return the role of a bucket in the chart."""
    if panel.chart is Chart.TABLE:
        return "bucket"
    return "group" if panel.chart is Chart.OVER_TIME and not isinstance(bucket, Time) else "segment"


def _parameters(panel: Panel) -> Json:
    if panel.chart is Chart.TABLE:
        return {"perPage": 10, "showPartialRows": False, "showMetricsAtAllLevels": False, "showTotal": False}
    if panel.chart is Chart.NUMBERS:
        style = {"bgFill": "#000", "bgColor": False, "labelColor": False, "subText": "", "fontSize": 36}
        metric = {"percentageMode": False, "useRanges": False, "colorSchema": "Green to Red"}
        metric |= {"metricColorMode": "None", "colorsRange": [{"from": 0, "to": 10000}]}
        metric |= {"labels": {"show": True}, "invertColors": False, "style": style}
        return {"addTooltip": True, "addLegend": False, "type": "metric", "metric": metric}
    return _axes(panel, horizontal=panel.chart is Chart.BARS)


def _axes(panel: Panel, *, horizontal: bool) -> Json:
    metric = panel.metrics[0]
    category = {
        "id": "CategoryAxis-1",
        "type": "category",
        "position": "left" if horizontal else "bottom",
        "show": True,
        "style": {},
        "scale": {"type": "linear"},
        "labels": {"show": True, "rotate": 0, "filter": not horizontal, "truncate": 200},
        "title": {},
    }
    value = {
        "id": "ValueAxis-1",
        "name": "BottomAxis-1" if horizontal else "LeftAxis-1",
        "type": "value",
        "position": "bottom" if horizontal else "left",
        "show": True,
        "style": {},
        "scale": {"type": "linear", "mode": "normal"},
        "labels": {"show": True, "rotate": 0, "filter": True, "truncate": 100},
        "title": {"text": metric.label},
    }
    series = {
        "show": True,
        "type": "histogram",
        "mode": "normal" if horizontal else "stacked",
        "data": {"label": metric.label, "id": "1"},
        "valueAxis": "ValueAxis-1",
        "drawLinesBetweenPoints": True,
        "lineWidth": 2,
        "showCircles": True,
    }
    return {
        "type": "histogram",
        "grid": {"categoryLines": False},
        "categoryAxes": [category],
        "valueAxes": [value],
        "seriesParams": [series],
        "addTooltip": True,
        "addLegend": not horizontal,
        "legendPosition": "right",
        "times": [],
        "addTimeMarker": False,
        "labels": {},
        "thresholdLine": {"show": False, "value": 10, "width": 1, "style": "full", "color": "#E7664C"},
    }
