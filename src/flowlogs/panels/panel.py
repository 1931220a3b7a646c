"""What a panel is: a question, the aggregation that answers it, and the kind of chart.

The aggregation of a panel is the one that OpenSearch Dashboards sends for its visualization, with the
same ids. So what the report shows, and what the tests compare, is what Dashboards shows.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Final

Json = dict[str, Any]

TIME_FIELD: Final = "@timestamp"
EXACT: Final = 2**53
"""The largest sum that is exact: OpenSearch adds up in floating point numbers of 64 bits."""

SHARD_SIZE: Final = 500
"""Candidates that each day's index offers for a list of the largest; with OpenSearch's default (1.5
times the size) a sum over several days could miss some."""


class Chart(Enum):
    """How a panel is drawn."""

    NUMBERS = "numbers"
    """Few large numbers, one for each metric."""
    SHARE = "share"
    """One percentage: the first of the panel's filters among all of them."""
    OVER_TIME = "over time"
    """Stacked bars over time; the first bucket tells the colour, the second is the time."""
    BARS = "bars"
    """Horizontal bars, the longest on top."""
    TABLE = "table"
    SANKEY = "sankey"
    """Flows from source networks (second bucket, addresses) to ports (first bucket)."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A number computed from the documents of a bucket.

    Attributes:
        label: what it is, in a word or two.
        kind: `count`, `sum`, `cardinality` or `max`.
        field: what it is computed from; empty for a count.
        only: a Lucene query: only the documents that match it count.
    """

    label: str
    kind: str
    field: str = ""
    only: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    """One bucket for each of the `size` values of a field that come first by the panel's first metric.

    Attributes:
        field: whose values.
        label: what they are, in a word or two.
        size: how many of them.
        candidates: how many each day's index offers; lists within lists need few, for they multiply.
        rest: what to call the part of the bucket around that belongs to none of the values; empty where
            it is not told. Only within another list, and with a single metric that is a sum.
    """

    field: str
    label: str
    size: int
    candidates: int = SHARD_SIZE
    rest: str = ""


@dataclass(frozen=True, slots=True)
class Filters:
    """One bucket for each named Lucene query."""

    label: str
    queries: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Time:
    """One bucket for each interval of time, as long as the time range asks for."""

    label: str = "time (UTC)"


Bucket = Terms | Filters | Time


@dataclass(frozen=True, slots=True)
class Panel:
    """One question of the dashboard.

    Attributes:
        name: its id among the saved objects and in the report.
        title: the question.
        chart: how the answer is drawn.
        metrics: what is computed; buckets of terms are sorted by the first.
        buckets: how documents are grouped, from the outside to the inside.
        only: a Lucene query that chooses the documents; empty for all.
        most: how many rows of it people are shown, where lists within lists give more; 0 for all.
        width, height: its size on the dashboard, whose width is 48.
    """

    name: str
    title: str
    chart: Chart
    metrics: tuple[Metric, ...]
    buckets: tuple[Bucket, ...] = ()
    only: str = ""
    most: int = 0
    width: int = 24
    height: int = 14

    @property
    def ids(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The ids of metrics and buckets in the aggregation, counted as Dashboards counts them."""
        count = len(self.metrics)
        return (
            tuple(str(number) for number in range(1, count + 1)),
            tuple(str(number) for number in range(count + 1, count + 1 + len(self.buckets))),
        )


@dataclass(frozen=True, slots=True)
class Row:
    """One line of an answer: the key of each bucket, and the value of each metric."""

    keys: tuple[str | int, ...]
    values: tuple[float, ...]


def query_string(text: str) -> Json:
    """Return a Lucene query as Dashboards sends it."""
    return {"query_string": {"query": text or "*", "analyze_wildcard": True}}


def aggregations(panel: Panel, interval: str) -> Json:
    """Return the aggregations of a panel; empty where it only counts.

    Args:
        panel: what is asked.
        interval: the length of a bucket of time, such as `30m`.
    """
    metric_ids, bucket_ids = panel.ids
    found: Json = {}
    for name, metric in zip(metric_ids, panel.metrics, strict=True):
        found |= _compute(name, metric)
    for name, bucket in reversed(list(zip(bucket_ids, panel.buckets, strict=True))):
        level = _group(bucket, panel.metrics[0], interval)
        if found:
            level["aggs"] = found
        # The list is sorted by the first metric, which must stand in the same bucket.
        found = {name: level}
        if isinstance(bucket, Terms) and panel.metrics[0].kind != "count":
            level["aggs"] = {**_compute("1", panel.metrics[0]), **level.get("aggs", {})}
    return found


def search(panel: Panel, interval: str, during: Json) -> Json:
    """Return the body of the search that answers a panel; `during` is the query for the time range."""
    return {
        "size": 0,
        "track_total_hits": True,
        "query": {"bool": {"filter": [query_string(panel.only), during]}},
        "aggs": aggregations(panel, interval),
    }


def read(panel: Panel, reply: Mapping[str, Any]) -> list[Row]:
    """Return the answer to a panel's search as rows, in OpenSearch's order.

    Where no index exists, OpenSearch answers without aggregations: that is an answer of nothing.
    """
    whole = {**reply.get("aggregations", {}), "doc_count": reply["hits"]["total"]["value"]}
    return list(_rows(panel, whole, 0))


def largest(panel: Panel, rows: list[Row]) -> list[Row]:
    """Return what people are shown of an answer; lists within lists as one list, the largest first."""
    if panel.chart is Chart.TABLE and len(panel.buckets) > 1:  # as Dashboards sorts the same table
        rows = sorted(rows, key=lambda row: -row.values[0])
    return rows[: panel.most] if panel.most else rows


def _rows(panel: Panel, found: Mapping[str, Any], depth: int) -> Iterator[Row]:
    metric_ids, bucket_ids = panel.ids
    if depth == len(panel.buckets):
        values = (
            found.get("doc_count") if metric.kind == "count" and not metric.only else found.get(name)
            for name, metric in zip(metric_ids, panel.metrics, strict=True)
        )
        yield Row((), tuple(_number(value) for value in values))
        return
    bucket, buckets = panel.buckets[depth], found.get(bucket_ids[depth], {}).get("buckets", {})
    if isinstance(bucket, Filters):
        named = [(key, buckets.get(key, {})) for key in bucket.queries]  # OpenSearch sorts them by name
    else:
        named = [(each["key"], each) for each in buckets]
    told = 0.0
    for key, each in named:
        for row in _rows(panel, each, depth + 1):
            told += row.values[0]
            yield replace(row, keys=(key, *row.keys))
    # The bucket around carries its own sum, by which it was sorted itself.
    if isinstance(bucket, Terms) and bucket.rest and _number(found.get("1")) > told:
        yield Row((bucket.rest,), (_number(found["1"]) - told,))


def _number(value: Any) -> float:  # noqa: ANN401  # JSON
    return (value["value"] if isinstance(value, dict) else value) or 0


def _compute(name: str, metric: Metric) -> Json:
    inner = {} if metric.kind == "count" else {metric.kind: {"field": metric.field}}
    if not metric.only:
        return {name: inner} if inner else {}
    # As Dashboards does it: the sum over the one bucket of a filter.
    bucket: Json = {"filters": {"filters": {metric.label: query_string(metric.only)}}}
    if inner:
        bucket["aggs"] = {f"{name}-metric": inner}
    path = f"{name}-metric" if inner else "_count"
    return {f"{name}-bucket": bucket, name: {"sum_bucket": {"buckets_path": f"{name}-bucket>{path}"}}}


def _group(bucket: Bucket, first: Metric, interval: str) -> Json:
    match bucket:
        case Terms():
            order = {"_count" if first.kind == "count" else "1": "desc"}
            size = {"size": bucket.size, "shard_size": bucket.candidates}
            return {"terms": {"field": bucket.field, "order": order, **size}}
        case Filters():
            return {"filters": {"filters": {key: query_string(text) for key, text in bucket.queries.items()}}}
        case Time():
            times = {"fixed_interval": interval, "time_zone": "UTC", "min_doc_count": 1}
            return {"date_histogram": {"field": TIME_FIELD, **times}}
