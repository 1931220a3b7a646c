"""A stream that a stack had before and nobody reads any more is named where it holds unread records."""

from datetime import UTC, datetime, timedelta

import boto3
import pytest
from botocore.exceptions import ClientError

from flowlogs.cluster import former_stream
from flowlogs.cluster.finding import State
from flowlogs.cluster.former_stream import LEFT, examine_former
from support.memory_s3 import make_error

STACK = "flowlogs-test"
STREAM = f"{STACK}-Stream-abc123"

pytestmark = pytest.mark.usefixtures("account")

# Minutes ago -> records that came, and -> milliseconds that the last one read had waited.
TRAFFIC = {
    "straight": ({9: 50, 8: 50, 7: 30}, {9: 900, 8: 900}, "30 records came after the last was read"),
    "straight, one record": ({8: 50, 7: 1}, {8: 900}, "1 record came after the last was read"),
    "in an outage": (
        {90: 50},
        {90: 900, 8: 4_200_000},
        "what was read of it last had waited for 4,200 s, with others behind it",
    ),
    "never read": ({9: 50}, {}, "50 records came after the last was read"),
    "drained": ({90: 50, 80: 50}, {90: 900, 80: 900, 8: 0}, ""),
    "nothing of the time for which it keeps records": ({}, {}, ""),
}


def make_stream(name: str, came: dict[int, int], age: dict[int, int]) -> None:
    boto3.client("kinesis").create_stream(StreamName=name, ShardCount=1)
    now = datetime.now(UTC)
    for metric, values in (("IncomingRecords", came), ("GetRecords.IteratorAgeMilliseconds", age)):
        for minutes, value in values.items():
            boto3.client("cloudwatch").put_metric_data(
                Namespace="AWS/Kinesis",
                MetricData=[
                    {
                        "MetricName": metric,
                        "Dimensions": [{"Name": "StreamName", "Value": name}],
                        "Timestamp": now - timedelta(minutes=minutes),
                        "Value": value,
                    }
                ],
            )


@pytest.mark.parametrize(("came", "age", "why"), TRAFFIC.values(), ids=TRAFFIC)
def test_it_is_told_whether_it_was_read_to_its_end(
    came: dict[int, int], age: dict[int, int], why: str
) -> None:
    make_stream(STREAM, came, age)
    found = list(examine_former(STACK, None))
    assert [(each.name, each.state) for each in found] == [(LEFT, State.PROBLEM)] * bool(why)
    said = (
        f"{STREAM} is no stream of {STACK} any more, and {why}: put them into the bucket, from where they "
        "are replayed; next time deploy Source=draining before Source=subscription (docs/deploy.md, "
        '"Subscription or stream")'
    )
    assert [each.text for each in found] == [said] * bool(why)


@pytest.mark.parametrize("name", [STREAM, "flowlogs-test-2-Stream-abc", "another"])
def test_the_stack_s_own_stream_and_those_of_others_are_not_left_over(name: str) -> None:
    make_stream(name, {9: 50}, {})
    assert list(examine_former(STACK, STREAM)) == []


@pytest.mark.parametrize(
    ("error", "states"),
    [
        pytest.param(make_error(400, "AccessDeniedException"), [], id="not permitted"),
        pytest.param(make_error(400, "LimitExceededException"), [State.UNKNOWN], id="no answer"),
    ],
)
def test_who_may_not_ask_is_told_nothing(
    error: ClientError, states: list[State], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_stream(STREAM, {9: 50}, {})

    def refuse(_: str) -> str:
        raise error

    monkeypatch.setattr(former_stream, "_find_unread", refuse)
    assert [each.state for each in examine_former(STACK, None)] == states
