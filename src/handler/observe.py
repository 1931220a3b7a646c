"""What the functions say about themselves: one log line, one set of metrics an invocation."""

from collections.abc import Iterable
from typing import Final

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from handler.delivery import Report, Unsettled
from parser.subscription import Subscription

NAMESPACE: Final = "FlowLogs"

METRICS: Final[dict[str, tuple[str, MetricUnit]]] = {
    "EventsReceived": ("received", MetricUnit.Count),
    "EventsIndexed": ("indexed", MetricUnit.Count),
    "EventsDuplicate": ("duplicate", MetricUnit.Count),
    "EventsPending": ("pending", MetricUnit.Count),
    "EventsRejected": ("rejected", MetricUnit.Count),
    "EventsUnparsed": ("unparsed", MetricUnit.Count),
    "RecordsNoData": ("no_data", MetricUnit.Count),
    "RecordsSkipData": ("skip_data", MetricUnit.Count),
    "BulkRequests": ("bulk_requests", MetricUnit.Count),
    "BulkRetries": ("bulk_retries", MetricUnit.Count),
    "BulkBytes": ("bulk_bytes", MetricUnit.Bytes),
    "DeliveryLag": ("delivery_lag", MetricUnit.Milliseconds),
}
"""Metric -> the count that it shows, and its unit."""

LONGEST_REASON: Final = 300
_QUOTED_VALUE: Final = "Preview of field's value"
"""OpenSearch repeats the refused value behind these words; logs must not."""

logger: Final = Logger(service="flowlogs")


def count(report: Report) -> dict[str, int]:
    """Return the counts of a report, by the names that the log and the handler's answer use."""
    return {
        "received": report.received,
        "indexed": report.indexed,
        "duplicate": report.duplicate,
        "pending": len(report.pending),
        "rejected": len(report.rejected),
        "unparsed": report.unparsed,
        "no_data": report.no_data,
        "skip_data": report.skip_data,
        "bulk_requests": report.bulk_requests,
        "bulk_retries": report.bulk_retries,
        "bulk_bytes": report.bulk_bytes,
    }


def log_report(subscription: Subscription, report: Report, milliseconds: int) -> None:
    """Log what became of a payload, with the first reason of each kind of failure."""
    logger.info(
        "forward.done",
        extra={
            "log_group": subscription.log_group,
            "log_stream": subscription.log_stream,
            **count(report),
            "milliseconds": milliseconds,
            "reasons": first_reasons([*report.rejected, *report.pending]),
        },
    )


def first_reasons(unsettled: Iterable[Unsettled]) -> dict[str, str]:
    """Return the first reason for each error type, without the values it quotes."""
    reasons: dict[str, str] = {}
    for each in unsettled:
        text = each.verdict.reason.split(_QUOTED_VALUE)[0].strip()
        reasons.setdefault(each.verdict.error_type, text[:LONGEST_REASON])
    return reasons


def emit_metrics(function_name: str, counts: dict[str, int]) -> None:
    """Print the metrics of one invocation in CloudWatch's embedded metric format."""
    metrics = Metrics(namespace=NAMESPACE)
    metrics.add_dimension(name="FunctionName", value=function_name)
    for name, (key, unit) in METRICS.items():
        if key in counts:
            metrics.add_metric(name=name, unit=unit, value=counts[key])
    metrics.flush_metrics()
