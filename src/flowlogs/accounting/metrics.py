"""What CloudWatch says of a time: how many events passed whom, by the time of their delivery."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from flowlogs.accounting.edges import Edges, Series, measure_edges
from flowlogs.accounting.window import Window
from handler.observe import METRICS, NAMESPACE

OUTCOMES: Final = ("indexed", "duplicate", "pending", "rejected")
COUNTED: Final = ("received", *OUTCOMES)
LAG: Final = "delivery_lag"

LATEST_LAG: Final = timedelta(hours=6)
"""How long after the window its last events are looked for: so long Lambda tries again."""

_COMPLETE: Final = "Complete"


class NoDataError(Exception):
    """A source can be asked, and has nothing to say."""


class UnansweredError(Exception):
    """CloudWatch answered, but not with all that it has."""


def read_forwarded(log_group: str, filter_name: str, window: Window) -> tuple[int, int]:
    """Return how many events CloudWatch Logs forwarded to the function in that time.

    The second number is 0, or where none was forwarded how many the log group took in all the same.

    Raises:
        NoDataError: it has no data points, neither of what was forwarded nor of what was taken in.
        UnansweredError: it did not answer whole.
    """
    dimensions = {"LogGroupName": log_group, "DestinationType": "Lambda", "FilterName": filter_name}
    asked = {"forwarded": ("AWS/Logs", "ForwardedLogEvents", "Sum")}
    try:
        return _sum(asked, dimensions, window)["forwarded"], 0
    except NoDataError:
        if other := _find_destination_type(log_group, filter_name):
            return _sum(asked, dimensions | {"DestinationType": other}, window)["forwarded"], 0
        # Was there nothing to forward, or nobody to do it?
        taken_in = _read_taken_in(log_group, window)
        if taken_in:
            return 0, taken_in
        raise


def _find_destination_type(log_group: str, filter_name: str) -> str | None:
    """Return what CloudWatch Logs calls the filter's destination, where it is no function; None for unknown.

    The name for a stream is not documented, so the metrics of the last two weeks are looked through.
    """
    import boto3

    named = [{"Name": "LogGroupName", "Value": log_group}, {"Name": "FilterName", "Value": filter_name}]
    client: Any = boto3.client("cloudwatch")
    found = client.list_metrics(Namespace="AWS/Logs", MetricName="ForwardedLogEvents", Dimensions=named)
    kinds = [
        each["Value"]
        for metric in found["Metrics"]
        for each in metric["Dimensions"]
        if each["Name"] == "DestinationType"
    ]
    return next((kind for kind in kinds if kind != "Lambda"), None)


def _read_taken_in(log_group: str, window: Window) -> int:
    asked = {"taken_in": ("AWS/Logs", "IncomingLogEvents", "Sum")}
    try:
        return _sum(asked, {"LogGroupName": log_group}, window)["taken_in"]
    except NoDataError:
        return 0


def read_function(name: str, window: Window) -> dict[str, int]:
    """Return what a function counted in that time: received and what became of it.

    Raises:
        NoDataError: it has no data points.
        UnansweredError: CloudWatch did not answer whole.
    """
    asked = {key: (NAMESPACE, metric, "Sum") for metric, (key, _) in METRICS.items() if key in COUNTED}
    return _sum(asked, {"FunctionName": name}, window)


def read_edges(name: str, window: Window, now: datetime) -> Edges:
    """Return how far events may lie across the edges of the window; what is usual where no metric says it.

    Only what was delivered near an edge can lie beyond it: of each hour (or less, where the window does not
    end with an hour) it is asked how late its latest event was, and how far that reaches across the edge.

    Raises:
        UnansweredError: CloudWatch did not answer whole.
    """
    period = window.period_of_lag
    end = max(window.until, min(window.until + LATEST_LAG, now + timedelta(seconds=period)))
    whole = timedelta(seconds=-(int(end.timestamp()) - int(window.until.timestamp())) % period)
    metric = next(metric for metric, (key, _) in METRICS.items() if key == LAG)
    asked = {LAG: (NAMESPACE, metric, "Maximum")}
    try:
        found = _read(asked, {"FunctionName": name}, Window(window.since, end + whole), period)[LAG]
    except NoDataError:
        return Edges()
    return measure_edges(found, window)


def _sum(
    asked: Mapping[str, tuple[str, str, str]], dimensions: Mapping[str, str], window: Window
) -> dict[str, int]:
    found = _read(asked, dimensions, window, window.period)
    return {key: int(sum(value for _, value in series)) for key, series in found.items()}


def _read(
    asked: Mapping[str, tuple[str, str, str]], dimensions: Mapping[str, str], window: Window, period: int
) -> dict[str, Series]:
    """Return the series of each metric that is asked for: key -> (namespace, name, statistic)."""
    import boto3

    named = [{"Name": name, "Value": value} for name, value in dimensions.items()]
    queries: list[Any] = [
        {
            "Id": key,
            "MetricStat": {
                "Metric": {"Namespace": namespace, "MetricName": metric, "Dimensions": named},
                "Period": period,
                "Stat": statistic,
            },
        }
        for key, (namespace, metric, statistic) in asked.items()
    ]
    found: dict[str, Series] = {key: [] for key in asked}
    codes: dict[str, str] = {}
    pages = boto3.client("cloudwatch").get_paginator("get_metric_data")
    for page in pages.paginate(MetricDataQueries=queries, StartTime=window.since, EndTime=window.until):
        for each in page["MetricDataResults"]:
            found[each["Id"]] += zip(each["Timestamps"], each["Values"], strict=True)
            codes[each["Id"]] = each.get("StatusCode", _COMPLETE)  # that of the last page holds
    shown = ", ".join(f"{name} {value}" for name, value in dimensions.items())
    for key, code in codes.items():
        if code != _COMPLETE:
            raise UnansweredError(
                f"CloudWatch does not answer whole for {asked[key][1]} of {shown}: {code}. Ask again"
            )
    if not any(found.values()):
        raise NoDataError(
            f"CloudWatch has no data points for {shown} in this time: there was nothing to count, or a name, "
            "the account or the Region is another"
        )
    return found
