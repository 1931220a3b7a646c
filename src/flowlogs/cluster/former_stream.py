"""A stream that a stack had before, and that nobody reads any more: whether anything in it is unread."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from flowlogs.cluster.finding import Finding, problem, unknown
from flowlogs.terminal.display import count_of, format_count
from flowlogs.terminal.exits import describe, is_denied

LEFT: Final = "no stream is left with unread records"

BEHIND: Final = timedelta(minutes=1)
"""How long a record may have waited that was read last, so that the reader was at the end of the stream: it
reads what five seconds bring."""

_MINUTE: Final = 60
_METRICS: Final = {
    "came": ("IncomingRecords", "Sum"),
    "age": ("GetRecords.IteratorAgeMilliseconds", "Maximum"),
}
"""Amazon Kinesis Data Streams Developer Guide, "Basic stream-level metrics": both are always there."""

_REMEDY: Final = (
    "put them into the bucket, from where they are replayed; next time deploy Source=draining before "
    'Source=subscription (docs/deploy.md, "Subscription or stream")'
)


def examine_former(stack: str, current: str | None) -> Iterator[Finding]:
    """Yield a problem for each stream that a stack had before, and that was not read to its end.

    Who may not ask learns nothing: mostly there never was such a stream.

    Args:
        stack: its name.
        current: the stream that it has now; None where its source is a subscription.
    """
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    kinesis: Any = boto3.client("kinesis")
    try:
        for page in kinesis.get_paginator("list_streams").paginate():
            for name in page["StreamNames"]:
                # CloudFormation names it after the stack, its logical id, and what it draws.
                if name.startswith(f"{stack}-Stream-") and name != current and (why := _find_unread(name)):
                    yield problem(LEFT, f"{name} is no stream of {stack} any more, and {why}: {_REMEDY}")
    except (BotoCoreError, ClientError) as error:
        if not is_denied(error):
            yield unknown(LEFT, describe(error))


def _find_unread(stream: str) -> str:
    """Return why there are unread records in a stream; empty where nothing says so, or it has a reader."""
    import boto3

    kinesis: Any = boto3.client("kinesis")
    summary = kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
    arn = summary["StreamARN"]
    if boto3.client("lambda").list_event_source_mappings(EventSourceArn=arn)["EventSourceMappings"]:
        return ""
    now = datetime.now(UTC)
    kept = _read_metrics(stream, now - timedelta(hours=summary["RetentionPeriodHours"]), now)
    last = max(kept["age"], default=None)
    late = sum(number for moment, number in kept["came"].items() if last is None or moment > last)
    if late:
        return f"{count_of(round(late), 'record', 'came', 'came')} after the last was read"
    if last is not None and kept["age"][last] >= BEHIND.total_seconds() * 1000:
        seconds = format_count(round(kept["age"][last] / 1000))
        return f"what was read of it last had waited for {seconds} s, with others behind it"
    return ""


def _read_metrics(stream: str, since: datetime, until: datetime) -> dict[str, Mapping[datetime, float]]:
    """Return what CloudWatch has by the minute of the time in which records are kept."""
    import boto3

    client: Any = boto3.client("cloudwatch")
    dimensions = [{"Name": "StreamName", "Value": stream}]
    queries = [
        {
            "Id": key,
            "MetricStat": {
                "Metric": {"Namespace": "AWS/Kinesis", "MetricName": name, "Dimensions": dimensions},
                "Period": _MINUTE,
                "Stat": statistic,
            },
        }
        for key, (name, statistic) in _METRICS.items()
    ]
    found: dict[str, Mapping[datetime, float]] = {key: {} for key in _METRICS}
    pages = client.get_paginator("get_metric_data").paginate(
        MetricDataQueries=queries, StartTime=since, EndTime=until
    )
    for page in pages:
        for each in page["MetricDataResults"]:
            found[each["Id"]] = {
                **found[each["Id"]],
                **dict(zip(each["Timestamps"], each["Values"], strict=True)),
            }
    return found
