"""The stack, deployed into an emulator of AWS with IAM enforced, on a real OpenSearch.

The tests are one story, told in the order of the file: the stack is made, works, is changed, and deleted.
"""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Nodes, empty
from flowlogs.commands import plan
from flowlogs.deploying import change_set, sam
from flowlogs.deploying.change_set import Change
from flowlogs.deploying.staying import find_staying
from flowlogs.local.artifact import host_artifact
from flowlogs.local.embedded import Embedded
from flowlogs.local.places import PROJECT
from flowlogs.local.releases import DEFAULT_VERSION
from stack.deployed import DOMAIN, find, find_function, is_allowed, keys, put_log_events, replay, status_of
from stack.emulated import ACCOUNT, REGION, Aws, wait_for
from support.commands import run
from support.screen import Screen

STACK = "flowlogs"

pytestmark = pytest.mark.dear(2)


@pytest.fixture(scope="module")
def node(opensearch_nodes: Nodes) -> Embedded:
    running = empty(opensearch_nodes(DEFAULT_VERSION))
    # The first index of all takes long; on a busy machine the function would take it for an outage.
    assert running.request("PUT", "/first/_doc/1", {})[0] == 201
    assert running.request("DELETE", "/first")[0] == 200
    return running


@pytest.fixture(scope="module")
def parameters(aws: Aws, node: Embedded) -> dict[str, str]:
    """Return what the stack is given."""
    secrets = {
        name: aws.client("secretsmanager").create_secret(
            Name=name, SecretString=json.dumps({"username": name, "password": "Only-for-tests-8"})
        )["ARN"]
        for name in ("writer", "master")
    }
    vpc = aws.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    return {
        "OpenSearchUrl": node.url,
        "OpenSearchArn": DOMAIN,
        # Each function reads who it is when it sends, with its role: without that nothing would arrive.
        "OpenSearchAuth": "basic",
        "OpenSearchSecretArn": secrets["writer"],
        "SetupSecretArn": secrets["master"],
        "VpcId": vpc,
        "AlarmEmail": "operator@example.com",
    }


@pytest.fixture(scope="module")
def packaged(aws: Aws, parameters: dict[str, str]) -> str:
    """Deploy the stack; return the template as `sam deploy` has packaged it."""
    done = aws.deploy(STACK, parameters)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return json.dumps(aws.client("cloudformation").get_template(StackName=STACK)["TemplateBody"])


@pytest.fixture(scope="module")
def outputs(aws: Aws, packaged: str, project: Path) -> dict[str, str]:
    """Let each function of the stack run once, which gives it its role; return the stack's outputs."""
    outputs = aws.outputs(STACK)
    control = (project / "events" / "control-message.json").read_text()
    aws.client("lambda").invoke(FunctionName=outputs["ForwardFunction"], Payload=control)
    assert replay(aws, outputs)["remaining_objects"] == 0
    return outputs


def test_setup_has_prepared_the_cluster(outputs: dict[str, str], node: Embedded) -> None:
    assert outputs["DashboardsUrl"] == f"{node.url}/_dashboards"
    status, found = node.request("GET", "/_index_template/cwl")
    assert status == 200
    mapping = found["index_templates"][0]["index_template"]["template"]["mappings"]["properties"]
    assert mapping["srcaddr"] == {"type": "ip"}


def test_the_flow_log_writes_to_the_log_group(
    aws: Aws, outputs: dict[str, str], parameters: dict[str, str]
) -> None:
    (flow_log,) = aws.client("ec2").describe_flow_logs()["FlowLogs"]
    assert flow_log["ResourceId"] == parameters["VpcId"]
    assert flow_log["LogDestination"] == outputs["LogGroup"]


def test_no_function_is_told_a_password(
    aws: Aws, outputs: dict[str, str], parameters: dict[str, str]
) -> None:
    assert outputs
    for kind in ("Forward", "Replay", "Setup"):
        found = aws.client("lambda").get_function_configuration(FunctionName=find_function(aws, kind))
        variables = found["Environment"]["Variables"]
        assert "Only-for-tests-8" not in json.dumps(variables)
        assert variables["OPENSEARCH_SECRET_ARN"] == parameters["OpenSearchSecretArn"]
        assert variables.get("OPENSEARCH_SETUP_SECRET_ARN") == (
            parameters["SetupSecretArn"] if kind == "Setup" else None
        )


def test_alarms_go_to_the_address(aws: Aws, outputs: dict[str, str]) -> None:
    (subscription,) = aws.client("sns").list_subscriptions()["Subscriptions"]
    assert subscription["Endpoint"] == "operator@example.com"
    alarms = aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert all(each["AlarmActions"] == [subscription["TopicArn"]] for each in alarms)
    assert {each["AlarmName"].removeprefix(f"{STACK}-") for each in alarms} == {
        "rejected",
        "rejected-on-replay",
        "unreadable",
        "unparsed",
        "skipdata",
        "unaccounted",
        "unaccounted-on-replay",
        "oldest-pending",
        "forward-errors",
        "replay-errors",
        "replay-stopped",
        "forward-throttles",
        "events-dropped",
        "delivery-errors",
        "delivery-throttling",
        "incomplete",
        "own-log",
    }


def test_log_events_become_documents(aws: Aws, outputs: dict[str, str], node: Embedded) -> None:
    put_log_events(aws, outputs["LogGroup"], "normal", range(3))
    documents = wait_for("three documents", lambda: find(node, "normal", 3))
    assert sorted(each["srcaddr"] for each in documents) == ["10.0.0.0", "10.0.0.1", "10.0.0.2"]
    assert {each["@log_group"] for each in documents} == {outputs["LogGroup"]}
    assert {each["@owner"] for each in documents} == {ACCOUNT}


def test_a_marked_line_goes_through_the_stack_and_leaves_nothing(
    aws: Aws, outputs: dict[str, str], node: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(aws, monkeypatch)
    told = run("smoke", "--stack", STACK, "--wait", "30")
    assert (told.status, told.errors) == (0, "")
    lines = dict(line.split(": ", 1) for line in told.output.splitlines())
    assert list(lines) == [
        "ok       a marked line is in the log group",
        "ok       its document is in the index",
        "ok       the document's values and types are right",
        "ok       the function counted it",
        "ok       the numbers add up",
        "ok       no alarm is raised",
        "ok       document and log stream are removed",
    ]
    stream = lines["ok       document and log stream are removed"]
    assert find(node, stream, 1) == []
    streams = aws.client("logs").describe_log_streams(logGroupName=outputs["LogGroup"])["logStreams"]
    assert stream not in [each["logStreamName"] for each in streams]


def test_a_plan_shows_what_would_change_and_changes_nothing(
    aws: Aws, outputs: dict[str, str], node: Embedded, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The emulator shows no change sets of nested stacks: their statements are all shown."""
    sign_in(aws, monkeypatch)
    monkeypatch.setattr(sam, "build", lambda _: 0)
    monkeypatch.setattr(sam, "BUILT", host_artifact().parent / "template.yaml")
    monkeypatch.setattr(plan, "PACKAGED", tmp_path / "plan.yaml")
    given = ["--answers", str(tmp_path / "answers.toml"), "--parameter-overrides", "RetentionDays=7"]
    told = run("plan", "--stack-name", STACK, *given)
    assert told.status == 0, told.errors
    assert re.search(r"^changed +ForwardFunction +AWS::Lambda::Function$", told.output, re.MULTILINE)
    assert "Roles/SendDocuments (AWS::IAM::Policy)" in told.output
    assert f"on {DOMAIN}/cwl-????.??.??/_bulk" in told.output
    assert told.output.endswith("Nothing was changed.\n")
    cloudformation = aws.client("cloudformation")
    sets = cloudformation.list_change_sets(StackName=STACK)["Summaries"]
    assert [each["ChangeSetName"] for each in sets if each["ChangeSetName"].startswith("plan-")] == []
    assert (
        aws.client("lambda").get_function_configuration(FunctionName=outputs["ForwardFunction"])[
            "Environment"
        ]["Variables"]["RETENTION_DAYS"]
        == "30"
    )

    values = {"OpenSearchUrl": node.url, "OpenSearchArn": DOMAIN}
    found = change_set.plan("other", is_there=False, packaged=plan.PACKAGED, values=values, pause=0.3)
    assert Change("FailureBucket", "AWS::S3::Bucket", "created") in found.changes
    wait_for("the end of the empty stack", lambda: "other" not in names_of_stacks(aws))


def test_a_terminal_is_asked_with_what_the_account_has(
    aws: Aws, outputs: dict[str, str], parameters: dict[str, str], tmp_path: Path
) -> None:
    """The emulator does not say of a flow log which log group it writes to: that one is typed."""
    command = [str(PROJECT / ".venv/bin/flowlogs"), "deploy", "--answers", str(tmp_path / "answers.toml")]
    with Screen([*command, "--stack-name", "second", "--region", REGION], aws.environ) as screen:
        screen.wait("Which OpenSearch shall the flow logs go to?", "1  a new domain", "a number: ")
        screen.type("1")
        screen.wait("AdminEmail: ", ": ")
        screen.type("someone@example.org")
        screen.wait("AdminPrincipalArn: ", ": ")
        screen.type("")
        screen.wait("Which log group are your flow logs in?", "a number, or by hand: ")
        screen.type(outputs["LogGroup"])
        screen.wait("Which VPC?", parameters["VpcId"], "a number, or by hand: ")
        screen.type("none")
        screen.wait("ok       the log group can be subscribed", "Made is: ", "A month costs", "Build this")
        screen.type("n")
        assert screen.end() == 1
    assert list(tmp_path.iterdir()) == []


def test_the_functions_write_their_own_log(aws: Aws, outputs: dict[str, str]) -> None:
    logs = aws.client("logs")

    def look() -> list[str]:
        found = logs.filter_log_events(logGroupName=outputs["FunctionLogs"])["events"]
        return [each["message"] for each in found if "forward.done" in each["message"]]

    assert wait_for("the function's log line", look)


def test_what_an_outage_keeps_back_is_replayed(aws: Aws, outputs: dict[str, str], node: Embedded) -> None:
    node.stop()
    put_log_events(aws, outputs["LogGroup"], "outage", range(5))
    wait_for("an object in failed/", lambda: keys(aws, outputs, "failed/"))
    assert replay(aws, outputs)["left"] == 1
    assert len(keys(aws, outputs, "failed/")) == 1
    node.start()
    answer = replay(aws, outputs)
    assert (answer["dropped"], answer["indexed"], answer["remaining_objects"]) == (1, 5, 0)
    assert keys(aws, outputs, "failed/") == []
    assert len(find(node, "outage", 5)) == 5


def test_an_invocation_that_fails_for_good_goes_to_the_bucket(aws: Aws, outputs: dict[str, str]) -> None:
    event = json.dumps({"awslogs": {"data": "bm8gZ3ppcA=="}})
    aws.client("lambda").invoke(
        FunctionName=outputs["ForwardFunction"], InvocationType="Event", Payload=event
    )
    (key,) = wait_for("Lambda's record", lambda: keys(aws, outputs, "aws/lambda/async/"))
    assert key.startswith(f"aws/lambda/async/{outputs['ForwardFunction']}/")
    assert replay(aws, outputs)["set_aside"] == 1
    (kept,) = keys(aws, outputs, "rejected/")
    assert kept.endswith(".unreadable")


@pytest.mark.parametrize(
    ("function", "call", "allowed"),
    [
        pytest.param("Forward", "write own log", True, id="forward WriteOwnLog"),
        pytest.param("Forward", "put failed/", True, id="forward KeepEvents, failed"),
        pytest.param("Forward", "put rejected/", True, id="forward KeepEvents, rejected"),
        pytest.param("Forward", "put aws/lambda/async/", True, id="forward KeepEvents, by Lambda"),
        pytest.param("Forward", "list", True, id="forward LetLambdaFindTheBucket"),
        pytest.param("Forward", "get failed/", False, id="forward reads nothing"),
        pytest.param("Forward", "delete failed/", False, id="forward deletes nothing"),
        pytest.param("Forward", "write flow log", False, id="forward writes no flow log"),
        pytest.param("Forward", "read writer", True, id="forward ReadSecret"),
        pytest.param("Forward", "read master", False, id="forward reads no secret of the setup"),
        pytest.param("Replay", "read writer", True, id="replay ReadSecret"),
        pytest.param("Replay", "read master", False, id="replay reads no secret of the setup"),
        pytest.param("Replay", "write own log", True, id="replay WriteOwnLog"),
        pytest.param("Replay", "list", True, id="replay ListWhatWaits"),
        pytest.param("Replay", "get failed/", True, id="replay ReadAndDropWhatWaits, get failed"),
        pytest.param("Replay", "get aws/lambda/async/", True, id="replay ReadAndDropWhatWaits, get async"),
        pytest.param("Replay", "delete failed/", True, id="replay ReadAndDropWhatWaits, delete failed"),
        pytest.param("Replay", "delete aws/lambda/async/", True, id="replay ReadAndDropWhatWaits, async"),
        pytest.param("Replay", "put failed/", True, id="replay KeepEvents, failed"),
        pytest.param("Replay", "put rejected/", True, id="replay KeepEvents, rejected"),
        pytest.param("Replay", "get replaying/", True, id="replay KeepJournal, get"),
        pytest.param("Replay", "put replaying/", True, id="replay KeepJournal, put"),
        pytest.param("Replay", "delete replaying/", True, id="replay KeepJournal, delete"),
        pytest.param("Replay", "get rejected/", False, id="replay reads nothing that was rejected"),
        pytest.param("Replay", "delete rejected/", False, id="replay deletes nothing that was rejected"),
        pytest.param("Replay", "put aws/lambda/async/", False, id="replay writes no record of Lambda's"),
        pytest.param("Replay", "write flow log", False, id="replay writes no flow log"),
        pytest.param("Setup", "write own log", True, id="setup WriteOwnLog"),
        pytest.param("Setup", "read master", True, id="setup ReadSetupSecret, its own"),
        pytest.param("Setup", "read writer", True, id="setup ReadSetupSecret, the functions'"),
        pytest.param("Setup", "list", False, id="setup lists no bucket"),
        pytest.param("Setup", "put failed/", False, id="setup writes no bucket"),
        pytest.param("Setup", "write flow log", False, id="setup writes no flow log"),
        pytest.param("Check", "write own log", True, id="check WriteOwnLog"),
        pytest.param("Check", "list", False, id="check lists no bucket"),
        pytest.param("Check", "read secret", False, id="check reads no secret"),
    ],
)
def test_a_role_may_do_what_its_function_needs_and_no_more(
    aws: Aws, outputs: dict[str, str], parameters: dict[str, str], function: str, call: str, *, allowed: bool
) -> None:
    credentials = aws.credentials_of(find_function(aws, function))
    verb, _, prefix = call.partition(" ")
    s3, there = aws.client("s3", credentials), {"Bucket": outputs["FailureBucket"], "Key": f"{prefix}test"}
    group = outputs["FunctionLogs" if call == "write own log" else "LogGroup"]
    logs, stream = aws.client("logs", credentials), f"{function}-test"
    if verb == "write":
        aws.client("logs").create_log_stream(logGroupName=group, logStreamName=stream)
    if verb in {"get", "delete"}:
        aws.client("s3").put_object(**there, Body=b"")
    secrets = aws.client("secretsmanager", credentials)
    calls: dict[str, Callable[[], object]] = {
        "put": lambda: s3.put_object(**there, Body=b""),
        "get": lambda: s3.get_object(**there),
        "delete": lambda: s3.delete_object(**there),
        "list": lambda: s3.list_objects_v2(Bucket=there["Bucket"]),
        "read": lambda: secrets.get_secret_value(
            SecretId=parameters["SetupSecretArn" if prefix == "master" else "OpenSearchSecretArn"]
        ),
        "write": lambda: logs.put_log_events(
            logGroupName=group,
            logStreamName=stream,
            logEvents=[{"timestamp": int(time.time() * 1000), "message": "test"}],
        ),
    }
    try:
        assert is_allowed(calls[verb]) is allowed
    finally:
        if prefix.endswith("/"):
            aws.client("s3").delete_object(**there)


@pytest.mark.parametrize(
    ("function", "action", "path", "allowed"),
    [
        pytest.param("Forward", "ESHttpPost", "/cwl-2026.01.15/_bulk", True, id="forward SendDocuments"),
        pytest.param("Replay", "ESHttpPost", "/cwl-2026.01.15/_bulk", True, id="replay SendDocuments"),
        pytest.param("Forward", "ESHttpPost", "/other/_bulk", False, id="forward, another index"),
        pytest.param("Forward", "ESHttpPost", "/_bulk", False, id="forward, no index"),
        pytest.param("Forward", "ESHttpGet", "/cwl-2026.01.15/_search", False, id="forward searches nothing"),
        pytest.param("Replay", "ESHttpDelete", "/cwl-2026.01.15", False, id="replay deletes no index"),
        pytest.param("Setup", "ESHttpGet", "/", True, id="setup PrepareCluster, version"),
        pytest.param("Setup", "ESHttpPut", "/_index_template/cwl", True, id="setup PrepareCluster, template"),
        pytest.param(
            "Setup", "ESHttpPut", "/_plugins/_ism/policies/cwl-retention", True, id="setup, retention"
        ),
        pytest.param(
            "Setup", "ESHttpPut", "/_plugins/_security/api/roles/cwl-writer", True, id="setup, writer role"
        ),
        pytest.param(
            "Setup", "ESHttpPost", "/_dashboards/api/saved_objects/_import", True, id="setup, dashboards"
        ),
        pytest.param("Setup", "ESHttpPut", "/_index_template/other", False, id="setup, another template"),
        pytest.param("Setup", "ESHttpPost", "/cwl-2026.01.15/_search", False, id="setup reads no document"),
        pytest.param("Setup", "ESHttpDelete", "/cwl-2026.01.15", False, id="setup deletes no index"),
    ],
)
@pytest.mark.usefixtures("outputs")
def test_a_role_reaches_no_other_path_of_the_domain(
    aws: Aws, function: str, action: str, path: str, *, allowed: bool
) -> None:
    role = aws.client("lambda").get_function_configuration(FunctionName=find_function(aws, function))["Role"]
    simulated = aws.client("iam").simulate_principal_policy(
        PolicySourceArn=role, ActionNames=[f"es:{action}"], ResourceArns=[DOMAIN + path]
    )
    (result,) = simulated["EvaluationResults"]
    assert (result["EvalDecision"] == "allowed") is allowed


def test_a_changed_parameter_changes_the_functions_and_leaves_the_rest(
    aws: Aws, outputs: dict[str, str], parameters: dict[str, str], node: Embedded
) -> None:
    done = aws.deploy(STACK, {**parameters, "KeepMessage": "unparsed", "RetentionDays": "7"})
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert aws.outputs(STACK) == outputs
    put_log_events(aws, outputs["LogGroup"], "changed", range(2))
    documents = wait_for("two documents", lambda: find(node, "changed", 2))
    assert ["@message" in each for each in documents] == [False, False]


def test_deleting_the_stack_keeps_what_cannot_be_made_again(
    aws: Aws, outputs: dict[str, str], node: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(aws, monkeypatch)
    staying = {each.path: each.id for each in find_staying(STACK)}
    assert (staying["FailureBucket"], staying["FlowLogs"]) == (outputs["FailureBucket"], outputs["LogGroup"])
    assert staying.keys() == {"FailureBucket", "FailureBucketPolicy", "FlowLogs"}
    cloudformation = aws.client("cloudformation")
    cloudformation.delete_stack(StackName=STACK)
    wait_for("the end of the stack", lambda: status_of(aws, STACK) == "DELETE_COMPLETE")
    assert aws.client("lambda").list_functions()["Functions"] == []
    assert aws.client("cloudwatch").describe_alarms()["MetricAlarms"] == []
    assert len(keys(aws, outputs, "rejected/")) == 1
    groups = aws.client("logs").describe_log_groups()["logGroups"]
    assert [each["logGroupName"] for each in groups] == [outputs["LogGroup"]]
    assert node.request("GET", "/_index_template/cwl")[0] == 200
    assert len(find(node, "normal", 3)) == 3


def test_a_setup_that_fails_tells_why_and_leaves_nothing(
    aws: Aws, parameters: dict[str, str], packaged: str
) -> None:
    secret = aws.client("secretsmanager").create_secret(Name="wrong", SecretString="no JSON")["ARN"]
    aws.create("broken", packaged, {**parameters, "SetupSecretArn": secret})
    assert aws.end_of("broken") == "ROLLBACK_COMPLETE"
    events = aws.client("cloudformation").describe_stack_events(StackName="broken")["StackEvents"]
    reasons = [each["ResourceStatusReason"] for each in events if each["LogicalResourceId"] == "Setup"]
    told = f"the secret {secret} must be JSON with username and password"
    assert any(told in each for each in reasons), reasons
    buckets = [each["Name"] for each in aws.client("s3").list_buckets()["Buckets"]]
    assert [each for each in buckets if each.startswith("broken-")] == []


def sign_in(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a command of this process talk to the emulator, as the account's owner."""
    for name, text in {**aws.environ, "AWS_REGION": REGION}.items():
        monkeypatch.setenv(name, text)


def names_of_stacks(aws: Aws) -> set[str]:
    """Return the names of the stacks that are there."""
    return {each["StackName"] for each in aws.client("cloudformation").describe_stacks()["Stacks"]}


def test_the_formats_of_a_log_group_that_is_there_reach_the_functions(
    aws: Aws, parameters: dict[str, str], packaged: str
) -> None:
    aws.client("logs").create_log_group(logGroupName="/vpc/there")
    vpc = aws.client("ec2").create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    aws.client("ec2").create_flow_logs(
        ResourceIds=[vpc],
        ResourceType="VPC",
        TrafficType="ALL",
        LogGroupName="/vpc/there",
        DeliverLogsPermissionArn=f"arn:aws:iam::{ACCOUNT}:role/flow-logs",
        LogFormat="${srcaddr} ${dstaddr} ${bytes}",
    )
    given = {name: value for name, value in parameters.items() if name != "VpcId"}
    aws.create("learning", packaged, {**given, "LogGroupName": "/vpc/there"})
    assert aws.end_of("learning") == "CREATE_COMPLETE"
    outputs = aws.outputs("learning")
    assert (outputs["LogFormats"], outputs["SetupWarnings"]) == ("srcaddr dstaddr bytes", "none")
    for name in ("ForwardFunction", "ReplayFunction"):
        found = aws.client("lambda").get_function_configuration(FunctionName=outputs[name])
        assert found["Environment"]["Variables"]["LOG_FORMATS"] == "srcaddr dstaddr bytes"
