"""`--stack`: the stack says what is meant, and what one command advises can be run as it is printed."""

import re
import shlex
from datetime import UTC, datetime
from typing import Any, Final

import boto3
import pytest
from botocore.stub import Stubber

from flowlogs.local.embedded import Embedded
from handler.failures import FailureStore
from handler.report import Unsettled
from parser.format import Formats
from parser.index_template import index_template
from parser.reply import Outcome, Verdict
from parser.subscription import Event, Subscription
from support.commands import BUCKET, run

STACK: Final = "flowlogs-test"
GROUP: Final = "/vpc/flow-logs"
OUTPUTS: Final = {
    "LogGroup": GROUP,
    "SubscriptionFilter": "to-forward",
    "ForwardFunction": "forward",
    "ReplayFunction": "replay",
    "FailureBucket": BUCKET,
    "FunctionLogs": "/flowlogs/functions",
}
SHORT: Final = "${srcaddr} ${dstaddr} ${bytes}"
CALLS: Final = 9
"""More than a test makes."""

NOON: Final = 1768478400000
VERIFY: Final = ("verify", "--day", "2026-01-15")


def make_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a stack; its outputs are all that is asked of it."""
    client: Any = boto3.client("cloudformation")
    stack = {
        "StackName": STACK,
        "CreationTime": datetime(2026, 1, 1, tzinfo=UTC),
        "StackStatus": "CREATE_COMPLETE",
        "Outputs": [{"OutputKey": name, "OutputValue": value} for name, value in OUTPUTS.items()],
    }
    stub = Stubber(client)
    for _ in range(CALLS):
        stub.add_response("describe_stacks", {"Stacks": [stack]}, {"StackName": STACK})
    stub.activate()
    real: Any = boto3.client
    monkeypatch.setattr(
        boto3, "client", lambda name, **more: client if name == "cloudformation" else real(name, **more)
    )


def make_function(**variables: str) -> None:
    role = boto3.client("iam").create_role(RoleName="forward", AssumeRolePolicyDocument="{}")
    boto3.client("lambda").create_function(
        FunctionName="forward",
        Role=role["Role"]["Arn"],
        Runtime="python3.13",
        Handler="handler.forward.lambda_handler",
        Code={"ZipFile": b"x"},
        Environment={"Variables": variables},
    )


@pytest.fixture
def node(opensearch: Embedded, account: None, monkeypatch: pytest.MonkeyPatch) -> Embedded:
    """Return a cluster that only the function of the stack knows, and its short format."""
    opensearch.request("PUT", "/_index_template/cwl", index_template("cwl", Formats.from_text(SHORT)))
    make_stack(monkeypatch)
    make_function(OPENSEARCH_URL=opensearch.url, OPENSEARCH_AUTH="none", LOG_FORMATS=SHORT)
    return opensearch


def keep(count: int) -> None:
    """Store events that wait."""
    events = tuple(Event(f"{number:056d}", NOON + number, "10.0.0.1 10.0.0.2 40") for number in range(count))
    payload = Subscription(owner="123456789010", log_group=GROUP, log_stream="x", events=events)
    verdict = Verdict(Outcome.RETRY, 0, "timeout", "no answer")
    FailureStore(BUCKET, "x").keep([(payload, [Unsettled("cwl", each, verdict) for each in events])])


def documents(node: Embedded) -> list[dict[str, object]]:
    node.request("POST", "/cwl-*/_refresh")
    _, reply = node.request("POST", "/cwl-*/_search", {"sort": ["@timestamp"]})
    return [hit["_source"] for hit in reply["hits"]["hits"]]


@pytest.mark.parametrize("asking", [("doctor",), VERIFY], ids=["doctor", "verify"])
def test_what_is_advised_can_be_run_as_it_is_printed(node: Embedded, asking: tuple[str, ...]) -> None:
    keep(3)
    told = run(*asking, "--stack", STACK, "--json")
    checks = told.json if asking == ("doctor",) else told.json["checks"]
    (text,) = [each["text"] for each in checks if each["name"].startswith("nothing waits")]
    advised = re.findall(r"flowlogs (replay(?: --[a-z-]+| flowlogs-test)*)", text)
    assert advised[0] == "replay --dry-run --stack flowlogs-test"
    assert run(*shlex.split(advised[0]), "--json").json["events"] == 3
    assert run(*shlex.split(advised[-1])).status == len(advised) % 2  # the dry run tells that something waits
    assert len(documents(node)) == (3 if len(advised) > 1 else 0)


@pytest.mark.usefixtures("node")
def test_what_the_environment_says_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    keep(3)
    monkeypatch.setenv("FLOWLOGS_STACK", STACK)
    assert "flowlogs replay --dry-run, then flowlogs replay\n" in run(*VERIFY).output
    monkeypatch.delenv("FLOWLOGS_STACK")
    told = run(*VERIFY, "--bucket", BUCKET)
    asked, done = (f"flowlogs replay{option} --bucket {BUCKET}" for option in (" --dry-run", ""))
    assert f"{asked}, then {done}" in " ".join(told.output.split())


def test_replay_takes_bucket_cluster_and_formats_from_the_stack(node: Embedded) -> None:
    keep(2)
    told = run("replay", "--stack", STACK)
    assert (told.status, "2 received = 2 indexed" in told.output) == (0, True)
    assert [each["bytes"] for each in documents(node)] == [40, 40]


@pytest.mark.usefixtures("node")
def test_what_is_set_here_wins_over_the_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    keep(2)
    assert run("replay", "--dry-run", "--stack", STACK, "--bucket", "no-such-bucket").status == 1
    monkeypatch.setenv("OPENSEARCH_URL", "http://127.0.0.1:9")
    told = run("replay", "--stack", STACK, "--json")
    assert (told.status, told.json["events"]["pending"]) == (1, 2)


@pytest.mark.usefixtures("account")
def test_nothing_is_replayed_where_the_function_cannot_be_asked(
    opensearch: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_stack(monkeypatch)
    keep(2)
    monkeypatch.setenv("OPENSEARCH_URL", opensearch.url)
    for command in ("replay", "reparse"):
        told = run(command, "--stack", STACK)
        assert (told.status, told.output) == (2, "")
        assert told.errors.startswith("flowlogs: the function cannot be asked: AWS refuses GetFunction")
    assert len(FailureStore(BUCKET, "x").list_pending()) == 1


@pytest.mark.usefixtures("node")
def test_rejected_takes_the_bucket_from_the_stack_and_names_it_in_its_advice() -> None:
    event = Event("1", NOON, "10.0.0.1 10.0.0.2 40")
    payload = Subscription(owner="123456789010", log_group=GROUP, log_stream="x", events=(event,))
    verdict = Verdict(Outcome.REJECTED, 400, "mapper_parsing_exception", "no")
    FailureStore(BUCKET, "x").reject([(payload, [Unsettled("cwl", event, verdict)])], SHORT)
    told = run("rejected", "--stack", STACK, "--json")
    assert (told.status, told.json["events"]) == (1, 1)
    advice = told.json["groups"][0]["advice"]
    assert f"flowlogs doctor --stack {STACK} shows it." in advice
    assert advice.endswith(f"then: flowlogs replay --rejected --stack {STACK}")


def test_reparse_takes_the_formats_of_the_function(node: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    document = {
        "@timestamp": "2026-01-15T12:00:00.000Z",
        "@message": "10.0.0.1 10.0.0.2 40",
        "@owner": "123456789010",
        "@log_group": GROUP,
        "@log_stream": "x",
        "parse_error": "no format",
    }
    node.request("PUT", "/cwl-2026.01.15/_doc/1?refresh=true", document)
    monkeypatch.setenv("LOG_FORMATS", "${version} ${action}")  # set here, it wins
    assert run("reparse", "--stack", STACK, "--json").json["failing"] == 1
    monkeypatch.delenv("LOG_FORMATS")
    assert run("reparse", "--stack", STACK, "--json").json["parsed"] == 1
    assert [each["bytes"] for each in documents(node)] == [40]


@pytest.mark.parametrize("command", ["replay", "rejected"])
def test_without_a_bucket_and_a_stack_the_call_is_wrong(command: str) -> None:
    told = run(command)
    assert (told.status, told.output, told.errors) == (
        2,
        "",
        "flowlogs: the failure bucket is not known: give --bucket or FAILURE_BUCKET, or --stack\n",
    )
