"""What each of those says who see events pass: CloudWatch Logs, the functions, the index, the bucket.

The first two count by the time of delivery, the others by the time of the event.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from opensearchpy import OpenSearch

from handler.failures import FAILED, ON_FAILURE, REJECTED, Content, FailureStore
from handler.observe import METRICS, NAMESPACE
from parser.errors import EnvelopeError

OUTCOMES: Final = ("indexed", "duplicate", "pending", "rejected")
COUNTED: Final = ("received", *OUTCOMES)
LAG: Final = "delivery_lag"

PERIODS: Final = (86_400, 3_600, 300, 60)
"""Seconds that CloudWatch can sum up; the longest that fits is asked for, it is kept the longest."""

UNKNOWN_LAG: Final = timedelta(minutes=20)
"""How late events may come where no metric says it: a window of ten minutes, delivered within ten."""

LATEST_LAG: Final = timedelta(hours=6)
"""How long after the window its last events are looked for."""

AHEAD: Final = timedelta(hours=2)
"""How far in the future CloudWatch Logs lets an event be."""

_CHUNK: Final = 1000


@dataclass(frozen=True, slots=True)
class Window:
    """A time: from `since` until just before `until`, whole minutes in UTC."""

    since: datetime
    until: datetime

    @property
    def period(self) -> int:
        """The longest period of CloudWatch's that its ends are multiples of, in seconds."""
        ends = (int(self.since.timestamp()), int(self.until.timestamp()))
        return next(each for each in PERIODS if not any(end % each for end in ends))

    def holds(self, milliseconds: int) -> bool:
        """Tell whether an event of that time is in it."""
        return self.since.timestamp() * 1000 <= milliseconds < self.until.timestamp() * 1000

    def widened(self, lag: timedelta) -> "Window":
        """Return what may hold events that are delivered in this window."""
        return Window(self.since - lag, self.until)

    def narrowed(self, lag: timedelta) -> "Window":
        """Return what holds only events that are delivered in this window."""
        return Window(self.since, max(self.since, self.until - lag))


@dataclass(slots=True)
class Stored:
    """What the bucket holds of a time.

    Attributes:
        pending, rejected: id of an event -> its time in milliseconds.
        on_failure: how many of the pending events lie in Lambda's own records.
        unreadable: objects of that time whose events cannot be counted.
    """

    pending: dict[str, int] = field(default_factory=dict)
    rejected: dict[str, int] = field(default_factory=dict)
    on_failure: int = 0
    unreadable: list[str] = field(default_factory=list)


class NoDataError(Exception):
    """A source can be asked, and has nothing to say."""


def read_forwarded(log_group: str, filter_name: str, window: Window) -> tuple[int, int]:
    """Return how many events CloudWatch Logs forwarded to the function in that time.

    The second number is 0, or where none was forwarded how many the log group took in all the same.

    Raises:
        NoDataError: it has no data points, neither of what was forwarded nor of what was taken in.
    """
    dimensions = {"LogGroupName": log_group, "DestinationType": "Lambda", "FilterName": filter_name}
    asked = {"forwarded": ("AWS/Logs", "ForwardedLogEvents", "Sum")}
    try:
        return _read_metrics(asked, dimensions, window)["forwarded"], 0
    except NoDataError:
        # Was there nothing to forward, or nobody to do it?
        taken_in = _read_taken_in(log_group, window)
        if taken_in:
            return 0, taken_in
        raise


def _read_taken_in(log_group: str, window: Window) -> int:
    asked = {"taken_in": ("AWS/Logs", "IncomingLogEvents", "Sum")}
    try:
        return _read_metrics(asked, {"LogGroupName": log_group}, window)["taken_in"]
    except NoDataError:
        return 0


def read_function(name: str, window: Window) -> dict[str, int]:
    """Return what a function counted in that time: received and what became of it.

    Raises:
        NoDataError: it has no data points.
    """
    asked = {key: (NAMESPACE, metric, "Sum") for metric, (key, _) in METRICS.items() if key in COUNTED}
    return _read_metrics(asked, {"FunctionName": name}, window)


def read_lag(name: str, window: Window, now: datetime) -> timedelta:
    """Return how late the events of that time came at the most; a guess where no metric says it."""
    end = min(window.until + LATEST_LAG, now + timedelta(minutes=1))
    minutes = end.replace(second=0, microsecond=0) + timedelta(minutes=1)
    metric = next(metric for metric, (key, _) in METRICS.items() if key == LAG)
    try:
        later = Window(window.since, max(window.until, minutes))
        found = _read_metrics({LAG: (NAMESPACE, metric, "Maximum")}, {"FunctionName": name}, later)
    except NoDataError:
        return UNKNOWN_LAG
    return timedelta(milliseconds=found[LAG])


def _read_metrics(
    asked: Mapping[str, tuple[str, str, str]], dimensions: Mapping[str, str], window: Window
) -> dict[str, int]:
    import boto3

    named = [{"Name": name, "Value": value} for name, value in dimensions.items()]
    queries: list[Any] = [
        {
            "Id": key,
            "MetricStat": {
                "Metric": {"Namespace": namespace, "MetricName": metric, "Dimensions": named},
                "Period": window.period,
                "Stat": statistic,
            },
        }
        for key, (namespace, metric, statistic) in asked.items()
    ]
    values: dict[str, list[float]] = {key: [] for key in asked}
    pages = boto3.client("cloudwatch").get_paginator("get_metric_data")
    for page in pages.paginate(MetricDataQueries=queries, StartTime=window.since, EndTime=window.until):
        for each in page["MetricDataResults"]:
            values[each["Id"]] += each["Values"]
    if not any(values.values()):
        shown = ", ".join(f"{name} {value}" for name, value in dimensions.items())
        raise NoDataError(
            f"CloudWatch has no data points for {shown} in this time: there was nothing to count, or a name, "
            "the account or the Region is another"
        )
    combine: dict[str, Callable[[Sequence[float]], float]] = {
        "Sum": sum,
        "Maximum": lambda found: max(found, default=0),
    }
    return {key: int(combine[asked[key][2]](found)) for key, found in values.items()}


def count_documents(client: OpenSearch, prefix: str, window: Window, log_group: str | None) -> int:
    """Count the documents whose event is of that time."""
    times = {"gte": window.since.isoformat(), "lt": window.until.isoformat()}
    filters: list[dict[str, Any]] = [{"range": {"@timestamp": times}}]
    if log_group is not None:
        filters.append({"term": {"@log_group": log_group}})
    reply = client.count(index=f"{prefix}-*", body={"query": {"bool": {"filter": filters}}})
    return int(reply["count"])


def find_indexed(client: OpenSearch, prefix: str, ids: Iterable[str]) -> frozenset[str]:
    """Return which of the events are in the index."""
    wanted = list(ids)
    found: set[str] = set()
    for start in range(0, len(wanted), _CHUNK):
        some = wanted[start : start + _CHUNK]
        body = {"query": {"ids": {"values": some}}, "_source": False, "size": len(some)}
        reply = client.search(index=f"{prefix}-*", body=body)
        found.update(hit["_id"] for hit in reply["hits"]["hits"])
    return frozenset(found)


def read_bucket(
    store: FailureStore, window: Window, log_group: str | None, done: Callable[[int], None]
) -> Stored:
    """Read what the bucket holds of that time, object by object; `done` is told how many."""
    stored = Stored()
    for each in store.list_pending([FAILED, ON_FAILURE, REJECTED]):
        done(1)
        if each.modified < window.since - AHEAD:  # too old to hold events of that time
            continue
        content = store.read(each.key)
        if content is None:
            continue
        try:
            events = dict(_read_events(content, window, log_group))
        except EnvelopeError:
            if window.since <= each.modified < window.until:
                stored.unreadable.append(each.key)
            continue
        (stored.rejected if each.key.startswith(REJECTED) else stored.pending).update(events)
        stored.on_failure += len(events) if each.key.startswith(ON_FAILURE) else 0
    return stored


def _read_events(content: Content, window: Window, log_group: str | None) -> Iterator[tuple[str, int]]:
    subscription = content.decode()
    if log_group is None or subscription.log_group == log_group:
        for event in subscription.events:
            if window.holds(event.timestamp):
                yield event.id, event.timestamp


def day(moment: datetime) -> Window:
    """Return the day of that time, in UTC."""
    since = moment.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=UTC)
    return Window(since, since + timedelta(days=1))
