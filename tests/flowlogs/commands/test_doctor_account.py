"""`flowlogs doctor` on an account: functions, log group, filter, bucket; what cannot be asked is unknown."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import boto3
import pytest
from botocore.stub import Stubber
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.logs.models import SubscriptionFilter, logs_backends

from flowlogs.cluster import account as account_looks
from flowlogs.cluster.account import FUNCTIONS, GROUP, NO_LOOP, SUBSCRIBED, WAITING
from flowlogs.cluster.formats import FORMATS
from flowlogs.cluster.people import GROUPS
from flowlogs.commands import doctor
from flowlogs.terminal.exits import NO_CREDENTIALS
from handler.failures import FailureStore, connect_s3
from support.commands import BUCKET, REGION, run

FLOW_LOGS: Final = "/vpc/flow-logs"
ARN: Final = "arn:aws:lambda:eu-central-1:123456789012:function:forward"


@pytest.fixture
def no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be nobody to AWS, and ask no cluster."""
    monkeypatch.setenv("HOME", "/nonexistent")
    monkeypatch.setattr(doctor, "_examine_cluster", lambda *_: iter(()))


@contextmanager
def unmocked() -> Iterator[None]:
    """Let calls of AWS go where the environment says, past moto."""
    from moto.core.models import botocore_stubber

    enabled, botocore_stubber.enabled = botocore_stubber.enabled, False
    try:
        yield
    finally:
        botocore_stubber.enabled = enabled


@pytest.fixture
def empty_account(account: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have an account that has just a bucket, and ask no cluster."""
    monkeypatch.setattr(doctor, "_examine_cluster", lambda *_: iter(()))


def make_function(name: str, **more: Any) -> None:  # of Lambda
    role = boto3.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument="{}")
    boto3.client("lambda").create_function(
        FunctionName=name,
        Role=role["Role"]["Arn"],
        Runtime="python3.13",
        Handler="handler.forward.lambda_handler",
        Code={"ZipFile": b"x"},
        **more,
    )


@pytest.fixture
def logs(empty_account: None) -> None:
    """Have the function and two log groups, of the flow logs and of the function, and ask no cluster."""
    make_function("forward")
    client = boto3.client("logs")
    for name in (FLOW_LOGS, "/aws/lambda/forward"):
        client.create_log_group(logGroupName=name)


def subscribe(log_group: str, name: str, destination: str = ARN) -> None:
    """Put a filter into moto's table: its API would want a function, and that Docker."""
    group = logs_backends[DEFAULT_ACCOUNT_ID][REGION].groups[log_group]
    group.subscription_filters[name] = SubscriptionFilter(name, log_group, "", destination, "")


def ask_account(*options: str) -> dict[str, tuple[str, str]]:
    told = run(
        "doctor", "--log-group", FLOW_LOGS, "--forward", "forward", "--bucket", BUCKET, "--json", *options
    )
    found = {each["name"]: (each["state"], each["text"]) for each in told.json}
    assert told.status == int(any(state in ("problem", "unknown") for state, _ in found.values()))
    assert found.pop(GROUPS) == ("skipped", "who they are is not known: give --stack")
    return found


@pytest.mark.usefixtures("logs")
def test_an_account_in_order() -> None:
    subscribe(FLOW_LOGS, "to-forward", f"{ARN}:live")
    assert ask_account() == {
        FUNCTIONS: ("ok", "forward"),
        GROUP: ("ok", FLOW_LOGS),
        SUBSCRIBED: ("ok", "/vpc/flow-logs to forward by to-forward"),
        FORMATS: ("skipped", "no flow log of this account and Region writes to /vpc/flow-logs"),
        NO_LOOP: ("ok", "/aws/lambda/forward"),
        WAITING: ("ok", BUCKET),
    }


@pytest.mark.usefixtures("logs")
def test_a_log_group_that_is_sent_elsewhere() -> None:
    subscribe(FLOW_LOGS, "another", f"{ARN}-of-others")
    assert ask_account()[SUBSCRIBED] == (
        "problem",
        "no filter sends /vpc/flow-logs to forward (its filters: another): deploy the stack again",
    )


@pytest.mark.usefixtures("logs")
def test_a_log_group_that_is_sent_twice() -> None:
    subscribe(FLOW_LOGS, "one")
    subscribe(FLOW_LOGS, "two")
    assert ask_account()[SUBSCRIBED] == (
        "problem",
        "forward gets each event 2 times (one, two): remove a filter",
    )


ELSEWHERE: Final = (
    "in this account and Region: check its name, --profile and --region, or deploy the stack again"
)


@pytest.mark.usefixtures("empty_account")
def test_what_is_named_and_does_not_exist_is_a_problem() -> None:
    told = run(
        "doctor", "--log-group", "/none", "--forward", "nosuchfunction", "--bucket", "nosuchbucket", "--json"
    )
    assert told.status == 1
    assert {each["name"]: (each["state"], each["text"]) for each in told.json} == {
        FUNCTIONS: ("problem", f"there is no function nosuchfunction {ELSEWHERE}"),
        GROUP: ("problem", f"there is no log group /none {ELSEWHERE}"),
        SUBSCRIBED: ("problem", f"there is no log group /none {ELSEWHERE}"),
        FORMATS: ("skipped", "there is no function nosuchfunction"),
        NO_LOOP: ("skipped", "there is no function nosuchfunction"),
        WAITING: ("problem", f"there is no bucket nosuchbucket {ELSEWHERE}"),
        GROUPS: ("skipped", "who they are is not known: give --stack"),
    }


@pytest.mark.usefixtures("empty_account")
def test_what_is_not_named_is_skipped() -> None:
    told = run("doctor", "--json")
    assert told.status == 0
    assert {each["name"]: (each["state"], each["text"]) for each in told.json} == {
        FUNCTIONS: ("skipped", "their names are not known: give --forward, or --stack"),
        GROUP: ("skipped", "its name is not known: give --log-group, or --stack"),
        SUBSCRIBED: (
            "skipped",
            "names are not known: give --log-group and --forward, or --stack",
        ),
        FORMATS: ("skipped", "names are not known: give --log-group and --forward, or --stack"),
        NO_LOOP: ("skipped", "its name is not known: give --forward, or --stack"),
        WAITING: ("skipped", "the bucket's name is not known: give --bucket, or --stack"),
        GROUPS: ("skipped", "who they are is not known: give --stack"),
    }


UNREACHABLE: Final = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}


@pytest.mark.usefixtures("empty_account")
@pytest.mark.parametrize(
    ("environ", "options", "text"),
    [
        pytest.param(
            UNREACHABLE, [], "AWS cannot be reached at http://127.0.0.1:9", id="AWS does not answer"
        ),
        pytest.param({}, ["--profile", "x"], "The config profile (x) could not be found", id="no profile"),
    ],
)
def test_what_is_named_and_cannot_be_reached_is_a_problem(
    environ: dict[str, str], options: list[str], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect_s3.cache_clear()
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    with unmocked():
        found = ask_account(*options)
    assert {state for state, _ in found.values()} == {"problem"}
    assert [said for _, said in found.values() if text not in said or "heck " not in said] == []


@pytest.mark.usefixtures("empty_account")
def test_a_function_whose_log_does_not_exist_yet_is_not_fed_with_it() -> None:
    make_function("forward")
    assert ask_account()[NO_LOOP] == ("ok", "/aws/lambda/forward, which is not there yet")


@pytest.mark.usefixtures("logs")
def test_the_log_of_a_function_is_where_its_configuration_says(monkeypatch: pytest.MonkeyPatch) -> None:
    boto3.client("logs").create_log_group(logGroupName="/flowlogs/functions")
    subscribe("/flowlogs/functions", "loop")
    configuration = {"LoggingConfig": {"LogGroup": "/flowlogs/functions"}}
    monkeypatch.setattr(account_looks, "read_function", lambda _: configuration)
    assert ask_account()[NO_LOOP] == (
        "problem",
        "/flowlogs/functions is sent to forward (loop), which writes it: remove that filter at once",
    )


@pytest.mark.usefixtures("logs")
def test_a_function_that_is_fed_with_its_own_log() -> None:
    subscribe("/aws/lambda/forward", "loop")
    state, text = ask_account()[NO_LOOP]
    assert state == "problem"
    assert (
        text == "/aws/lambda/forward is sent to forward (loop), which writes it: remove that filter at once"
    )


@pytest.mark.usefixtures("logs")
def test_what_waits_is_counted_with_its_age(monkeypatch: pytest.MonkeyPatch) -> None:
    s3 = boto3.client("s3")
    for key in ("failed/1", "failed/2", "aws/lambda/async/forward/3"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    state, text = ask_account()[WAITING]
    assert state == "problem"
    assert text.startswith("3 objects wait, the oldest for ")
    assert text.endswith(f": flowlogs replay --dry-run --bucket {BUCKET} tells why")
    monkeypatch.setattr(FailureStore, "list_pending", lambda _: [])
    assert ask_account()[WAITING][0] == "ok"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 seconds"),
        (1, "1 second"),
        (119, "119 seconds"),
        (7199, "120 minutes"),
        (7200, "2 hours"),
        (200_000, "2 days"),
    ],
)
def test_ages(seconds: float, shown: str) -> None:
    assert account_looks._show_age(seconds) == shown


@pytest.mark.usefixtures("empty_account")
def test_what_is_not_permitted_is_unknown_with_what_aws_says(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = {
        "logs": ["describe_log_groups", "describe_subscription_filters", "describe_subscription_filters"],
        "lambda": ["get_function_configuration"] * 3,
    }
    for service, operations in calls.items():
        stub = stub_client(service, monkeypatch)
        for each in operations:
            stub.add_client_error(each, "AccessDeniedException", "not you")
    told = "not permitted to you: AWS refuses {}: AccessDeniedException: not you"
    filters = ("unknown", told.format("DescribeSubscriptionFilters"))
    assert ask_account() == {
        FUNCTIONS: ("unknown", told.format("GetFunctionConfiguration")),
        GROUP: ("unknown", told.format("DescribeLogGroups")),
        SUBSCRIBED: filters,
        FORMATS: ("unknown", told.format("GetFunctionConfiguration")),
        NO_LOOP: filters,
        WAITING: ("ok", BUCKET),
    }


def stub_client(service: str, monkeypatch: pytest.MonkeyPatch) -> Stubber:
    """Have boto3 give a client that answers as the stub is told."""
    real: Any = boto3.client
    client = real(service)
    stub = Stubber(client)
    stub.activate()
    monkeypatch.setattr(
        boto3, "client", lambda name, **more: client if name == service else real(name, **more)
    )
    return stub


@pytest.mark.usefixtures("empty_account")
@pytest.mark.parametrize(
    ("found", "expected", "text"),
    [
        pytest.param("STANDARD", "ok", f"{FLOW_LOGS}, class STANDARD", id="standard"),
        pytest.param(
            "INFREQUENT_ACCESS",
            "problem",
            f"{FLOW_LOGS} is of the class INFREQUENT_ACCESS, which takes no subscription filter and cannot "
            "be changed: let the flow logs write to a log group of the class STANDARD",
            id="infrequent access",
        ),
        pytest.param(
            "DELIVERY",
            "problem",
            f"{FLOW_LOGS} is of the class DELIVERY, which takes no subscription filter and cannot "
            "be changed: let the flow logs write to a log group of the class STANDARD",
            id="delivery",
        ),
        pytest.param(
            "ESSENTIALS",
            "unknown",
            f"{FLOW_LOGS} is of the class ESSENTIALS: does that take a subscription filter?",
            id="one of which it is not known",
        ),
    ],
)
def test_the_class_is_told_where_only_the_log_group_is_given(
    found: str, expected: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups = [{"logGroupName": f"{FLOW_LOGS}-b"}, {"logGroupName": FLOW_LOGS, "logGroupClass": found}]
    stub = stub_client("logs", monkeypatch)
    stub.add_response("describe_log_groups", {"logGroups": groups}, {"logGroupNamePrefix": FLOW_LOGS})

    told = run("doctor", "--log-group", FLOW_LOGS, "--json")

    assert told.status == int(expected != "ok")
    found_there = {each["name"]: (each["state"], each["text"]) for each in told.json}
    assert found_there.pop(GROUP) == (expected, text)
    assert {state for state, _ in found_there.values()} == {"skipped"}


@pytest.mark.usefixtures("no_credentials")
def test_without_aws_credentials_what_is_named_is_unknown_with_a_sentence() -> None:
    assert set(ask_account().values()) == {("unknown", NO_CREDENTIALS)}


def write_flow_log(log_format: str) -> str:
    ec2 = boto3.client("ec2")
    made = ec2.create_flow_logs(
        ResourceIds=[ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]],
        ResourceType="VPC",
        TrafficType="ALL",
        LogDestinationType="cloud-watch-logs",
        LogGroupName=FLOW_LOGS,
        DeliverLogsPermissionArn="arn:aws:iam::123456789012:role/flow-logs",
        LogFormat=log_format,
    )
    return made["FlowLogIds"][0]


@pytest.mark.usefixtures("empty_account")
def test_a_flow_log_that_writes_another_format_than_the_function_reads_is_a_problem() -> None:
    make_function("forward", Environment={"Variables": {"LOG_FORMATS": "srcaddr bytes;action"}})
    boto3.client("logs").create_log_group(logGroupName=FLOW_LOGS)
    write_flow_log("${srcaddr} ${bytes}")
    before = ask_account()[FORMATS]
    changed = write_flow_log("${bytes} ${srcaddr}")
    after = ask_account()[FORMATS]

    assert before == ("ok", "1 flow log, 2 formats")
    mend = (
        "deploy again with it in FurtherLogFormats (flowlogs formats prints it); flowlogs reparse mends what "
        "was indexed meanwhile"
    )
    assert after == ("problem", f"{changed} writes a format that the function does not read: {mend}")


@pytest.mark.usefixtures("empty_account")
def test_formats_that_the_function_cannot_read_are_a_problem() -> None:
    make_function("forward", Environment={"Variables": {"LOG_FORMATS": "a,b"}})

    state, text = ask_account()[FORMATS]
    assert state == "problem"
    assert text.startswith(
        "the function's LOG_FORMATS cannot be read: field 1 of the format: 'a,b' is neither"
    )
