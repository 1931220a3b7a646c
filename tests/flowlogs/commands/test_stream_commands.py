"""Commands on a stack whose source is a stream: the function that reads it is the one that is meant."""

from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from flowlogs.accounting import metrics
from flowlogs.accounting.metrics import NoDataError, read_forwarded
from flowlogs.accounting.window import Window
from flowlogs.cluster import deployment
from flowlogs.cluster.deployment import Deployment
from flowlogs.cluster.source import leads_to

STREAM = "arn:aws:kinesis:eu-central-1:123456789012:stream/flowlogs"
OTHER = "arn:aws:kinesis:eu-central-1:123456789012:stream/other"
FUNCTION = "arn:aws:lambda:eu-central-1:123456789012:function:reader"
NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
WINDOW = Window(NOW - timedelta(hours=1), NOW)


@pytest.fixture
def mapping(account: None) -> None:
    """Have a function that reads a stream."""
    boto3.client("kinesis").create_stream(StreamName="flowlogs", ShardCount=1)
    role = boto3.client("iam").create_role(RoleName="reader", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    client: Any = boto3.client("lambda")
    code = {"FunctionName": "reader", "Handler": "h.h", "Code": {"ZipFile": b"x"}, "Runtime": "python3.13"}
    client.create_function(Role=role, **code)
    client.create_event_source_mapping(
        EventSourceArn=STREAM, FunctionName="reader", StartingPosition="TRIM_HORIZON"
    )


@pytest.mark.parametrize(
    ("destination", "function", "expected"),
    [
        pytest.param(STREAM, "reader", True, id="the stream that it reads"),
        pytest.param(STREAM, "forward", False, id="a stream that another reads"),
        pytest.param(OTHER, "reader", False, id="a stream that nobody reads"),
        pytest.param(FUNCTION, "reader", True, id="the function"),
        pytest.param(f"{FUNCTION}:live", "reader", True, id="an alias of it"),
        pytest.param(f"{FUNCTION}-of-others", "reader", False, id="a name that begins alike"),
    ],
)
@pytest.mark.usefixtures("mapping")
def test_whether_a_destination_leads_to_a_function(
    destination: str, function: str, *, expected: bool
) -> None:
    assert leads_to(destination, function) is expected


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        pytest.param({"ForwardFunction": "forward"}, "forward", id="an older stack"),
        pytest.param({"ForwardFunction": "forward", "ReceivingFunction": "forward"}, "forward", id="none"),
        pytest.param({"ForwardFunction": "forward", "ReceivingFunction": "reader"}, "reader", id="a stream"),
    ],
)
def test_of_a_stack_with_a_stream_its_function_is_meant(
    monkeypatch: pytest.MonkeyPatch, outputs: dict[str, str], expected: str
) -> None:
    monkeypatch.setattr(deployment, "_read_outputs", lambda _: outputs)

    assert Deployment().complete("stack").forward == expected
    assert Deployment(forward="mine").complete("stack").forward == "mine"


def put(metric: str, value: float, **dimensions: str) -> None:
    boto3.client("cloudwatch").put_metric_data(
        Namespace="AWS/Logs",
        MetricData=[
            {
                "MetricName": metric,
                "Value": value,
                "Timestamp": NOW - timedelta(minutes=30),
                "Dimensions": [{"Name": name, "Value": text} for name, text in dimensions.items()],
            }
        ],
    )


@pytest.mark.parametrize("kind", ["Lambda", "KinesisStream", "whatever AWS calls it"])
@pytest.mark.usefixtures("account")
def test_what_was_forwarded_is_found_whatever_its_destination_is_called(kind: str) -> None:
    put("ForwardedLogEvents", 7, LogGroupName="/vpc", DestinationType=kind, FilterName="f")
    put("ForwardedLogEvents", 9, LogGroupName="/vpc", DestinationType="Other", FilterName="another")

    assert read_forwarded("/vpc", "f", WINDOW) == (7, 0)


@pytest.mark.usefixtures("account")
def test_a_filter_of_which_nothing_is_known_forwarded_nothing_that_is_known() -> None:
    assert metrics._find_destination_type("/vpc", "f") is None
    with pytest.raises(NoDataError):
        read_forwarded("/vpc", "f", WINDOW)
