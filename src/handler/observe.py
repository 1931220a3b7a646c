"""What the functions say about themselves: one line an invocation, which holds counts and metrics."""

import logging
import os
import sys
import time
from collections import Counter
from collections.abc import Mapping, MutableMapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from handler.report import BatchReport, Report
from parser.document import encode_json
from parser.subscription import Subscription

NAMESPACE: Final = "FlowLogs"

METRICS: Final[dict[str, tuple[str, MetricUnit]]] = {
    "EventsReceived": ("received", MetricUnit.Count),
    "EventsIndexed": ("indexed", MetricUnit.Count),
    "EventsDuplicate": ("duplicate", MetricUnit.Count),
    "EventsConflicting": ("conflicting", MetricUnit.Count),
    "EventsPending": ("pending", MetricUnit.Count),
    "EventsRejected": ("rejected", MetricUnit.Count),
    "EventsUnparsed": ("unparsed", MetricUnit.Count),
    "RecordsNoData": ("no_data", MetricUnit.Count),
    "RecordsSkipData": ("skip_data", MetricUnit.Count),
    "BulkRequests": ("bulk_requests", MetricUnit.Count),
    "BulkRetries": ("bulk_retries", MetricUnit.Count),
    "BulkBytes": ("bulk_bytes", MetricUnit.Bytes),
    "DeliveryLag": ("delivery_lag", MetricUnit.Milliseconds),
    "EventsOwnLog": ("own_log", MetricUnit.Count),
    "EventsUnaccounted": ("unaccounted", MetricUnit.Count),
    "PayloadsUnreadable": ("unreadable", MetricUnit.Count),
    "OldestPendingAge": ("oldest_pending_age", MetricUnit.Seconds),
    "PendingObjects": ("remaining_objects", MetricUnit.Count),
    "StreamRecords": ("records", MetricUnit.Count),
    "StreamRecordsLeft": ("records_left", MetricUnit.Count),
    "SetupWarnings": ("warnings", MetricUnit.Count),
}
"""Metric -> the count that it shows, and its unit."""

ZERO_SAYS: Final = frozenset(
    {"received", "delivery_lag", "oldest_pending_age", "remaining_objects", "warnings"}
)
"""Counts that are told where they are 0, too: that a function has counted at all, and what was measured. Any
other count is left out of line and metrics then, for both are billed by the byte: what is missing is 0."""

_TOLD_APART: Final = ("conflicting", "unreadable", "own_log")
"""Counts of what has a line of its own in the same invocation, besides what has reasons."""

_NOTHING: Final[Mapping[str, int]] = MappingProxyType({})

LONGEST_REASON: Final = 300
_QUOTED_VALUE: Final = "Preview of field's value"
"""OpenSearch repeats the refused value behind these words; logs must not."""

# location is left out: finding the caller costs time, and the message names the place.
logger: Final = Logger(service="flowlogs", location=None, utc=True, use_rfc3339=True)

# With JSON logging Lambda shows what libraries log, too: one line more for each request.
logging.getLogger("opensearch").setLevel(logging.ERROR)


_OF_A_PAYLOAD: Final = (
    "received",
    "indexed",
    "duplicate",
    "conflicting",
    "pending",
    "rejected",
    "unaccounted",
)


def count(report: BatchReport) -> dict[str, int]:
    """Return the counts of a report, by the names that the log and the handler's answer use."""
    counts = dict.fromkeys(_OF_A_PAYLOAD, 0)
    for each in report.payloads:  # once, not once for each count: this runs in every invocation
        add_payload(counts, each)
    return {
        **counts,
        "unparsed": report.unparsed,
        "no_data": report.no_data,
        "skip_data": report.skip_data,
        "bulk_requests": report.bulk_requests,
        "bulk_retries": report.bulk_retries,
        "bulk_bytes": report.bulk_bytes,
    }


def add_payload(counts: MutableMapping[str, int], report: Report) -> None:
    """Add what became of a payload to counts that have these names already."""
    counts["received"] += report.received
    counts["indexed"] += report.indexed
    counts["duplicate"] += report.duplicate
    counts["conflicting"] += report.conflicting
    counts["pending"] += len(report.pending)
    counts["rejected"] += len(report.rejected)
    counts["unaccounted"] += abs(report.unaccounted)  # so that a surplus does not hide a loss


def find_reasons(report: BatchReport) -> dict[str, str]:
    """Return why events were not taken: the type of each error, and its first reason."""
    reasons: dict[str, str] = {}
    for each in (*report.rejected, *report.pending):
        reasons.setdefault(each.verdict.error_type, _shorten(each.verdict.reason))
    return reasons


def log_failures(report: BatchReport) -> None:
    """Log each kind of failure once, with its first reason and how many events it met."""
    if report.conflicting:
        logger.warning("delivery.conflicting", extra={"count": report.conflicting})
    if not (report.pending or report.rejected):  # nearly always
        return
    first: dict[tuple[str, int, str, str], str] = {}
    numbers: Counter[tuple[str, int, str, str]] = Counter()
    for outcome, group in (("pending", report.pending), ("rejected", report.rejected)):
        for each in group:
            kind = (outcome, each.verdict.status, each.verdict.error_type, each.index)
            first.setdefault(kind, _shorten(each.verdict.reason))
            numbers[kind] += 1
    for (outcome, status, error_type, index), number in numbers.items():
        logger.warning(
            "delivery.failed",
            extra={
                "outcome": outcome,
                "status": status,
                "error_type": error_type,
                "index": index,
                "reason": first[outcome, status, error_type, index],
                "count": number,
            },
        )


def _shorten(reason: str) -> str:
    return reason.split(_QUOTED_VALUE, maxsplit=1)[0].strip()[:LONGEST_REASON]


def measure_lag(subscription: Subscription) -> dict[str, int]:
    """Return the age of the oldest event, in milliseconds; nothing for a payload without events."""
    oldest = min([event.timestamp for event in subscription.events], default=None)
    return {} if oldest is None else {"delivery_lag": max(0, int(time.time() * 1000) - oldest)}


def tell(
    message: str, function_name: str, said: Mapping[str, Any], measured: Mapping[str, int] = _NOTHING
) -> None:
    """Print the line of an invocation that came to its end: what became of what, and the metrics of it.

    It has no level, time and service as other lines do: it is always INFO, and CloudWatch Logs knows the
    time. A log level above leaves out all but the metrics.

    Args:
        message: what has ended.
        function_name: the metrics' dimension.
        said: counts and other fields, which the line shows by these names unless they are 0 or empty.
        measured: further counts, for the metrics only.
    """
    line: dict[str, Any] = {}
    if logger.log_level <= logging.INFO:
        line = {"message": message, **{key: said[key] for key in said if said[key] or key in ZERO_SAYS}}
        if said.get("reasons", True) or any(said.get(key) for key in _TOLD_APART):
            line |= _find_trace()
    _print(line | _describe(function_name, {**said, **measured}))


def emit_metrics(function_name: str, counts: Mapping[str, int]) -> None:
    """Print metrics alone, of an invocation whose line is another one; nothing where all are nothing."""
    if described := _describe(function_name, counts):
        _print(described)


def _print(line: Mapping[str, Any]) -> None:
    # That is where CloudWatch reads. It is written at once, so that no other thread's line comes in between.
    sys.stdout.write(encode_json(line).decode() + "\n")


def _describe(function_name: str, counts: Mapping[str, Any]) -> dict[str, Any]:
    """Return metrics in CloudWatch's embedded metric format, as Powertools does, without lists of one."""
    values = {
        name: counts[key]
        for name, (key, _) in METRICS.items()
        if key in counts and (counts[key] or key in ZERO_SAYS)
    }
    if not values:
        return {}
    described = _describe_metrics(function_name, tuple(values))
    described["_aws"]["Timestamp"] = int(time.time() * 1000)
    return {"FunctionName": function_name, **values, "_aws": described["_aws"]}


@lru_cache(maxsize=64)
def _describe_metrics(function_name: str, names: tuple[str, ...]) -> dict[str, Any]:
    """Return what Powertools says about the metrics, which is the same in most invocations."""
    metrics = Metrics(namespace=NAMESPACE)
    metrics.add_dimension(name="FunctionName", value=function_name)
    for name in names:
        metrics.add_metric(name=name, unit=METRICS[name][1], value=0)
    described: dict[str, Any] = {**metrics.serialize_metric_set()}
    metrics.clear_metrics()
    return described


def _find_trace() -> dict[str, str]:
    """Return the id that joins a line with those of failures in its invocation, as Powertools names it."""
    trace = os.environ.get("_X_AMZN_TRACE_ID", "")
    return {"xray_trace_id": trace.partition(";")[0].removeprefix("Root=")} if trace else {}
