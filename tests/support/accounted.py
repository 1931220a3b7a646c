"""What a time has, as CloudWatch, the index and the bucket say it: for tests of what adds up."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import boto3

from flowlogs.local.embedded import Embedded
from parser.format import DEFAULT, Formats
from parser.index_names import index_name
from parser.index_template import index_template
from parser.subscription import Event, Subscription
from support.commands import BUCKET

GROUP: Final = "/vpc/flow-logs"
FILTER: Final = "to-forward"
# Hours ago, so that metrics and events of the test lie in whole hours that are over.
HOUR: Final = (datetime.now(UTC) - timedelta(hours=3)).replace(minute=0, second=0, microsecond=0)
WINDOW: Final = (
    "--since",
    f"{HOUR:%Y-%m-%dT%H:%M}",
    "--until",
    f"{HOUR + timedelta(hours=1):%Y-%m-%dT%H:%M}",
)
NAMES: Final = ("--log-group", GROUP, "--filter", FILTER, "--forward", "forward", "--bucket", BUCKET)
MINUTE: Final = 60_000


def at(minute: float) -> int:
    """Return that minute of the window, in milliseconds."""
    return int(HOUR.timestamp() * 1000 + minute * MINUTE)


def make_payload(first: int, count: int, minute: float = 30) -> Subscription:
    line = "2 123456789010 eni-0a 10.0.0.1 10.0.0.2 443 50000 6 1 40 1768478400 1768478460 ACCEPT OK"
    events = tuple(Event(f"{first + n:056d}", at(minute) + n, line) for n in range(count))
    return Subscription(owner="123456789010", log_group=GROUP, log_stream="eni-0a-all", events=events)


def put_metric(namespace: str, name: str, value: float, minute: float = 31, **dimensions: str) -> None:
    boto3.client("cloudwatch").put_metric_data(
        Namespace=namespace,
        MetricData=[
            {
                "MetricName": name,
                "Value": value,
                "Timestamp": HOUR + timedelta(minutes=minute),
                "Dimensions": [{"Name": key, "Value": text} for key, text in dimensions.items()],
            }
        ],
    )


def put_forwarded(count: int, minute: float = 31) -> None:
    dimensions = {"LogGroupName": GROUP, "DestinationType": "Lambda", "FilterName": FILTER}
    put_metric("AWS/Logs", "ForwardedLogEvents", count, minute, **dimensions)


def put_taken_in(count: int) -> None:
    put_metric("AWS/Logs", "IncomingLogEvents", count, LogGroupName=GROUP)


def put_function(name: str = "forward", *, lag: int = 120_000, zeros: bool = False, **counts: int) -> None:
    """Put what a function counts: it leaves out what is 0, but for what was received."""
    for key in ("Received", "Indexed", "Duplicate", "Pending", "Rejected"):
        if zeros or key == "Received" or counts.get(key.lower()):
            put_metric("FlowLogs", f"Events{key}", counts.get(key.lower(), 0), FunctionName=name)
    put_metric("FlowLogs", "DeliveryLag", lag, FunctionName=name)


def index(node: Embedded, *payloads: Subscription, prefix: str = "cwl") -> None:
    """Write documents as far as they matter here, into the indices of their days."""
    for payload in payloads:
        rows: list[dict[str, Any]] = []
        for event in payload.events:
            rows += [
                {"index": {"_index": index_name(prefix, event.timestamp), "_id": event.id}},
                {"@timestamp": event.timestamp, "@log_group": payload.log_group},
            ]
        body = "".join(json.dumps(row) + "\n" for row in rows).encode()
        status, reply = node.request("POST", "/_bulk?refresh=true", body)
        assert (status, reply["errors"]) == (200, False)


def install(node: Embedded) -> Embedded:
    """Give a cluster the template, and return it."""
    node.request("PUT", "/_index_template/cwl", index_template("cwl", Formats.from_text(DEFAULT)))
    return node


def states(checks: Iterable[dict[str, Any]]) -> list[str]:
    return [each["state"] for each in checks]


RECEIVED: Final = "every event that was forwarded was received"
SETTLED: Final = "forward function: received = indexed + duplicate + pending + rejected"
INDEXED: Final = "what the function indexed is in the index"
RECEIVED_ARRIVED: Final = "every event that was received is in the index, waits or is rejected"
ARRIVED: Final = "every event that was forwarded is in the index, waits or is rejected"
NOT_KNOWN: Final = "What could be checked adds up, but whether everything arrived is not known."
