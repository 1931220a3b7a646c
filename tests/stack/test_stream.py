"""A stream as the source: the stack is changed over to it and back while lines arrive, and loses none.

The tests are one story, told in the order of the file, in an emulator with IAM enforced.
"""

import contextlib
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import Nodes, empty
from flowlogs.local.embedded import Embedded
from flowlogs.local.releases import DEFAULT_VERSION
from stack.deployed import DOMAIN, LINE, find_function, is_allowed, keys, replay
from stack.emulated import ACCOUNT, REGION, Aws, wait_for

STACK = "flowlogs"
SENDER = "210987654321"

pytestmark = pytest.mark.dear(2)


@pytest.fixture(scope="module")
def node(opensearch_nodes: Nodes) -> Embedded:
    return empty(opensearch_nodes(DEFAULT_VERSION))


class Stack:
    """The stack, and a flow log that writes to its log group.

    Attributes:
        outputs: what the stack says of itself.
        written: ports of the lines that were written: a number for each.
    """

    def __init__(self, aws: Aws, parameters: dict[str, str]) -> None:
        self._aws = aws
        self._logs = aws.client("logs")
        self._parameters = parameters
        self._numbers = itertools.count(1)
        self.outputs: dict[str, str] = {}
        self.written: list[int] = []

    def deploy(self, **changes: str) -> None:
        """Make or change the stack."""
        self._parameters |= changes
        if self.outputs:
            self._aws.change(STACK, self._parameters)
        else:
            done = self._aws.deploy(STACK, self._parameters)
            assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        self.outputs = self._aws.outputs(STACK)

    def refuse(self, **changes: str) -> str:
        """Ask for a change that is refused; return the stack's status after it."""
        self._aws.update(STACK, self._parameters | changes)
        return self._aws.end_of(STACK)

    def write(self, lines: int = 1, group: str | None = None) -> None:
        """Write lines to the log group, or to another; each has a port of its own."""
        logs, now, stream = self._logs, int(time.time()), f"eni-{next(self._numbers)}"
        name = group or self.outputs["LogGroup"]
        logs.create_log_stream(logGroupName=name, logStreamName=stream)
        ports = [next(self._numbers) for _ in range(lines)]
        events = [
            {"timestamp": now * 1000, "message": LINE.format(1, now, now + 60).replace("49152", str(port))}
            for port in ports
        ]
        logs.put_log_events(logGroupName=name, logStreamName=stream, logEvents=events)
        self.written += ports

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Write a line again and again meanwhile."""
        end = threading.Event()

        def go_on() -> None:
            while not end.wait(1):
                self.write()

        thread = threading.Thread(target=go_on)
        thread.start()
        try:
            yield
        finally:
            end.set()
            thread.join()

    def filters(self) -> list[str]:
        """Return the names of the log group's subscription filters."""
        found = self._aws.client("logs").describe_subscription_filters(logGroupName=self.outputs["LogGroup"])
        return [each["filterName"] for each in found["subscriptionFilters"]]


@pytest.fixture(scope="module")
def key(aws: Aws) -> str:
    """Return the ARN of a key."""
    arn: str = aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    return arn


@pytest.fixture(scope="module")
def stack(aws: Aws, node: Embedded) -> Stack:
    """Deploy the stack as it is without a stream."""
    made = Stack(aws, {"OpenSearchUrl": node.url, "OpenSearchArn": DOMAIN, "LogRetentionDays": "7"})
    made.deploy()
    assert not [name for name in made.outputs if name.startswith("Stream")]
    return made


def everything_has_arrived(node: Embedded, stack: Stack) -> Callable[[], bool]:
    """Return a function that tells whether each line is there, and raises where one is there twice."""

    def look() -> bool:
        node.request("POST", "/_refresh")
        _, found = node.request("GET", "/cwl-*/_search?size=1000&_source=srcport")
        ports = Counter(int(hit["_source"]["srcport"]) for hit in found["hits"]["hits"])
        assert not [port for port, number in ports.items() if number > 1]
        return sorted(ports) == sorted(stack.written)

    return look


def test_the_source_is_changed_to_a_stream_while_lines_arrive_and_none_is_lost(
    aws: Aws, node: Embedded, stack: Stack, key: str
) -> None:
    stack.write(3)
    with stack.writing():
        # The key is for later.
        stack.deploy(Source="stream", SenderAccounts=f"{ACCOUNT},{SENDER}", FurtherKmsKeyArns=key)
        stack.write()
    stack.write(3)

    wait_for("every line", everything_has_arrived(node, stack))
    assert stack.filters() == [f"{STACK}-stream"]
    (filter_,) = aws.client("logs").describe_subscription_filters(logGroupName=stack.outputs["LogGroup"])[
        "subscriptionFilters"
    ]
    assert filter_["distribution"] == "Random"
    assert find_function(aws, "Forward"), "it stays: Lambda's queue may hold events for it"


def test_the_mapping_is_as_the_template_says(aws: Aws, stack: Stack) -> None:
    (mapping,) = aws.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    assert mapping["FunctionArn"].endswith(stack.outputs["StreamFunction"])
    assert mapping["EventSourceArn"].endswith(f":stream/{stack.outputs['StreamName']}")
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_alarms_on_the_stream_are_there(aws: Aws, stack: Stack) -> None:
    alarms = aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
    names = {each["AlarmName"].removeprefix(f"{STACK}-") for each in alarms}
    assert {each for each in names if each.startswith("stream-")} == {
        *("stream-behind", "stream-set-aside", "stream-throttled", "stream-errors", "stream-dropped"),
        *("stream-rejected", "stream-unparsed", "stream-skipdata", "stream-unaccounted"),
        "stream-delivery-errors",
    }
    assert names.isdisjoint({"delivery-errors", "delivery-throttling", "incomplete"})


def test_a_record_that_is_no_payload_is_set_aside_and_those_behind_it_arrive(
    aws: Aws, node: Embedded, stack: Stack
) -> None:
    aws.client("kinesis").put_record(
        StreamName=stack.outputs["StreamName"], Data=b"no payload", PartitionKey="1"
    )
    stack.write(2)

    (key,) = wait_for("it in the bucket", lambda: keys(aws, stack.outputs, "rejected/"))
    assert key.endswith(".unreadable")
    wait_for("every line", everything_has_arrived(node, stack))


@pytest.mark.parametrize(
    ("call", "allowed"),
    [
        pytest.param("write own log", True, id="WriteOwnLog"),
        pytest.param("get_records", True, id="ReadStream, records"),
        pytest.param("get_shard_iterator", True, id="ReadStream, iterator"),
        pytest.param("describe_stream", True, id="ReadStream, stream"),
        pytest.param("describe_stream_summary", True, id="ReadStream, summary"),
        pytest.param("list_shards", True, id="ReadStream, shards"),
        pytest.param("put_record", False, id="writes no record"),
        pytest.param("delete_stream", False, id="deletes no stream"),
        pytest.param("put failed/", True, id="KeepEvents, failed"),
        pytest.param("put rejected/", True, id="KeepEvents, rejected"),
        pytest.param("put aws/lambda/0/", True, id="KeepEvents, by Lambda"),
        pytest.param("list", True, id="LetLambdaFindTheBucket"),
        pytest.param("get failed/", False, id="reads no object"),
        pytest.param("delete failed/", False, id="deletes no object"),
        pytest.param("write flow log", False, id="writes no flow log"),
    ],
)
def test_the_stream_function_may_do_what_it_needs_and_no_more(
    aws: Aws, stack: Stack, call: str, *, allowed: bool
) -> None:
    credentials = aws.credentials_of(find_function(aws, "Stream"))
    s3, kinesis = aws.client("s3", credentials), aws.client("kinesis", credentials)
    verb, _, prefix = call.partition(" ")
    there = {"Bucket": stack.outputs["FailureBucket"], "Key": f"{prefix}test"}
    name = stack.outputs["StreamName"]
    position = {
        "StreamName": name,
        "ShardId": "shardId-000000000000",
        "ShardIteratorType": "TRIM_HORIZON",
    }
    calls: dict[str, Callable[[], object]] = {
        "put": lambda: s3.put_object(**there, Body=b""),
        "get": lambda: s3.get_object(**there),
        "delete": lambda: s3.delete_object(**there),
        "list": lambda: s3.list_objects_v2(Bucket=there["Bucket"]),
        "write": lambda: write_log(aws, credentials, stack.outputs[group_of[call]]),
        "put_record": lambda: kinesis.put_record(StreamName=name, Data=b"", PartitionKey="1"),
        "get_shard_iterator": lambda: kinesis.get_shard_iterator(**position),
        "get_records": lambda: kinesis.get_records(
            ShardIterator=aws.client("kinesis").get_shard_iterator(**position)["ShardIterator"],
            StreamARN=arn_of(aws, name),
        ),
    }
    group_of = {"write own log": "FunctionLogs", "write flow log": "LogGroup"}
    plain = ("describe_stream", "describe_stream_summary", "list_shards", "delete_stream")
    calls |= {each: lambda each=each: getattr(kinesis, each)(StreamName=name) for each in plain}  # type: ignore[misc]  # mypy knows no default of a lambda
    if verb in {"get", "delete"}:
        aws.client("s3").put_object(**there, Body=b"")
    try:
        assert is_allowed(calls[verb]) is allowed
    finally:
        if prefix.endswith("/"):
            aws.client("s3").delete_object(**there)


def write_log(aws: Aws, credentials: tuple[str, ...], group: str) -> None:
    with contextlib.suppress(aws.client("logs").exceptions.ResourceAlreadyExistsException):
        aws.client("logs").create_log_stream(logGroupName=group, logStreamName="role-test")
    event = {"timestamp": int(time.time() * 1000), "message": "test"}
    aws.client("logs", credentials).put_log_events(
        logGroupName=group, logStreamName="role-test", logEvents=[event]
    )


def arn_of(aws: Aws, name: str) -> str:
    arn: str = aws.client("kinesis").describe_stream(StreamName=name)["StreamDescription"]["StreamARN"]
    return arn


@pytest.mark.parametrize(
    ("role", "action", "resource", "allowed"),
    [
        pytest.param("Stream", "es:ESHttpPost", f"{DOMAIN}/cwl-2026.01.15/_bulk", True, id="SendDocuments"),
        pytest.param("Stream", "es:ESHttpPost", f"{DOMAIN}/other/_bulk", False, id="another index"),
        pytest.param("Stream", "es:ESHttpGet", f"{DOMAIN}/cwl-2026.01.15/_search", False, id="no search"),
        pytest.param("Delivery", "kinesis:PutRecord", "the stream", True, id="WriteToStream"),
        pytest.param("Delivery", "kinesis:PutRecord", "another stream", False, id="another stream"),
        pytest.param("Delivery", "kinesis:GetRecords", "the stream", False, id="reads no record"),
        pytest.param("Delivery", "kms:GenerateDataKey", "the key", True, id="EncryptStream, the next key"),
        pytest.param("Delivery", "kms:Decrypt", "the key", False, id="opens nothing"),
        pytest.param("Stream", "kms:Decrypt", "the key", True, id="UseKey, the next key"),
        pytest.param("Stream", "kms:Decrypt", "another key", False, id="another key"),
    ],
)
def test_a_role_of_the_stream_reaches_nothing_else(
    aws: Aws, stack: Stack, key: str, role: str, action: str, resource: str, *, allowed: bool
) -> None:
    named = {
        "the key": key,
        "another key": key + "0",
        "the stream": arn_of(aws, stack.outputs["StreamName"]),
        "another stream": f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/other",
    }
    roles = aws.client("iam").list_roles()["Roles"]
    (arn,) = [each["Arn"] for each in roles if f"-{role}Role-" in each["RoleName"]]
    simulated = aws.client("iam").simulate_principal_policy(
        PolicySourceArn=arn, ActionNames=[action], ResourceArns=[named.get(resource, resource)]
    )
    (result,) = simulated["EvaluationResults"]
    assert (result["EvalDecision"] == "allowed") is allowed


def test_other_accounts_get_a_destination(aws: Aws, node: Embedded, stack: Stack) -> None:
    (destination,) = aws.client("logs").describe_destinations()["destinations"]
    assert destination["arn"] == stack.outputs["DestinationArn"]
    (statement,) = json.loads(destination["accessPolicy"])["Statement"]
    assert statement["Principal"] == {"AWS": [ACCOUNT, SENDER]}
    assert statement["Resource"] == destination["arn"]
    trust = trust_of(aws, "Delivery")
    assert trust[1]["Condition"]["StringLike"] == {
        "aws:SourceArn": [f"arn:*:logs:*:{ACCOUNT}:*", f"arn:*:logs:*:{SENDER}:*"]
    }
    assert len(trust) == 2

    logs = aws.client("logs")
    logs.create_log_group(logGroupName="/sender/flow-logs")
    logs.put_subscription_filter(
        logGroupName="/sender/flow-logs",
        filterName="to the collector",
        filterPattern="",
        destinationArn=destination["arn"],
    )
    stack.write(2, group="/sender/flow-logs")
    wait_for("every line", everything_has_arrived(node, stack))


def trust_of(aws: Aws, role: str) -> list[dict[str, Any]]:
    roles = aws.client("iam").list_roles()["Roles"]
    (document,) = [each["AssumeRolePolicyDocument"] for each in roles if f"-{role}Role-" in each["RoleName"]]
    statements: list[dict[str, Any]] = document["Statement"]
    return statements


def test_a_key_that_no_role_may_use_yet_is_refused_before_anything_else_is_changed(
    aws: Aws, stack: Stack, key: str
) -> None:
    before = {each["EventId"] for each in events(aws)}
    assert stack.refuse(KmsKeyArn=key + "0", FurtherKmsKeyArns=key) == "UPDATE_ROLLBACK_COMPLETE"
    new = [each for each in events(aws) if each["EventId"] not in before]
    (told,) = {
        each["ResourceStatusReason"].partition(" has it. ")[2]
        for each in new
        if each["LogicalResourceId"] == "Check" and each["ResourceStatus"] == "UPDATE_FAILED"
    }
    assert told.startswith(f"First leave KmsKeyArn empty, and set FurtherKmsKeyArns to {key},{key}0. Then")
    touched = {each["LogicalResourceId"] for each in new} - {STACK}
    assert touched == {"Check", "CheckFunction", "CheckRole", "FunctionLogs"}


def events(aws: Aws) -> list[dict[str, Any]]:
    """Return all events of the stack."""
    pages = aws.client("cloudformation").get_paginator("describe_stack_events").paginate(StackName=STACK)
    return [each for page in pages for each in page["StackEvents"]]


def test_in_an_outage_the_stream_waits_and_a_stack_that_drains_reads_it_to_its_end(
    aws: Aws, node: Embedded, stack: Stack, key: str
) -> None:
    node.stop()
    stack.write(4)
    wait_for("an invocation that leaves its records", lambda: records_left(aws, stack))
    assert keys(aws, stack.outputs, "failed/") == []
    node.start()
    with stack.writing():
        # Another level of the log, so that new execution environments do not remember the outage.
        # And all gets the key that every role may use since the update before.
        changes = {"KmsKeyArn": key, "FurtherKmsKeyArns": ""}
        stack.deploy(Source="draining", SenderAccounts="", LogLevel="DEBUG", **changes)
    assert stack.filters() == [f"{STACK}-forward"]
    stack.write(2)

    wait_for("every line", everything_has_arrived(node, stack))


def records_left(aws: Aws, stack: Stack) -> int:
    """Return how many records the last invocation left in the stream."""
    found = aws.client("logs").filter_log_events(logGroupName=stack.outputs["FunctionLogs"])["events"]
    lines = [json.loads(each["message"]) for each in found if '"stream.done"' in each["message"]]
    return max([line.get("records_left", 0) for line in lines], default=0)


def test_a_batch_that_lambda_gave_up_is_replayed(
    aws: Aws, node: Embedded, stack: Stack, project: Path
) -> None:
    """The emulator has no batch that grows old, so the sample is put where Lambda puts one."""
    sample = (project / "events" / "stream" / "discarded-batch.json").read_bytes()
    key = "aws/lambda/0f5e2c1a/shardId-000000000000/2026/01/16/2026-01-16T06.07.01-1"
    aws.client("s3").put_object(Bucket=stack.outputs["FailureBucket"], Key=key, Body=sample)

    first, second = replay(aws, stack.outputs), replay(aws, stack.outputs)

    assert (first["shortened"], second["received"], second["remaining_objects"]) == (1, 9, 0)
    assert keys(aws, stack.outputs, "aws/lambda/") == []
    assert second["indexed"] + second["rejected"] == 9  # events of January, whose day may be over


def test_when_nobody_reads_the_stream_any_more_it_stays(aws: Aws, node: Embedded, stack: Stack) -> None:
    name = stack.outputs["StreamName"]
    with stack.writing():
        stack.deploy(Source="subscription")

    assert aws.client("kinesis").list_streams()["StreamNames"] == [name]
    assert aws.client("lambda").list_event_source_mappings()["EventSourceMappings"] == []
    assert not [each for each in stack.outputs if each.startswith("Stream")]
    wait_for("every line", everything_has_arrived(node, stack))
    assert replay(aws, stack.outputs)["remaining_objects"] == 0
