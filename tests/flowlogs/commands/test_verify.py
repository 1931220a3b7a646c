"""`flowlogs verify`: what adds up, what does not and what that means; and an outage from end to end."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

import boto3
import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.stub import Stubber

from flowlogs.local.embedded import Embedded
from handler import delivery, forward
from handler.environment import prepare
from handler.failures import FailureStore
from handler.report import Unsettled
from parser.format import DEFAULT
from parser.reply import Outcome, Verdict
from parser.subscription import Subscription, encode
from support.accounted import (
    ARRIVED,
    FILTER,
    GROUP,
    HOUR,
    NAMES,
    NOT_KNOWN,
    RECEIVED_ARRIVED,
    WINDOW,
    index,
    install,
    make_payload,
    put_forwarded,
    put_function,
    put_metric,
    put_taken_in,
    states,
)
from support.commands import BUCKET, run
from support.invocation import Context

EITHER: Final = "give either --day, or both --since and --until; without any it is yesterday"


@pytest.fixture
def node(opensearch: Embedded, account: None, monkeypatch: pytest.MonkeyPatch) -> Embedded:
    """Return a cluster with the template, which the command asks."""
    monkeypatch.setenv("OPENSEARCH_URL", opensearch.url)
    return install(opensearch)


@pytest.mark.parametrize("zeros", [True, False], ids=["of an earlier version", "without what is 0"])
def test_all_sources_agree(node: Embedded, zeros: bool) -> None:
    index(node, make_payload(0, 100))
    put_forwarded(60)
    put_forwarded(40, minute=59)
    put_forwarded(7, minute=60)  # not of this hour any more
    put_function(zeros=zeros, received=100, indexed=100)
    put_function("replay", zeros=zeros)
    told = run("verify", *WINDOW, *NAMES, "--replay", "replay", "--json")
    assert (told.status, told.errors) == (0, "")
    counts = {"received": 100, "indexed": 100, "duplicate": 0, "pending": 0, "rejected": 0}
    assert told.json["sources"] == {
        "CloudWatch Logs": 100,
        "forward function": counts,
        "replay function": dict.fromkeys(counts, 0),
        "index": 100,
        "bucket": {"pending": 0, "rejected": 0},
    }
    assert (told.json["missing"], told.json["adds_up"], told.json["conclusion"]) == ({}, True, "adds up")
    assert set(states(told.json["checks"])) == {"ok"}
    shown = run("verify", *WINDOW, *NAMES, "--replay", "replay")
    assert shown.status == 0
    assert shown.output.endswith("\nIt adds up.\n")


def test_events_that_are_nowhere_are_missed(node: Embedded) -> None:
    index(node, make_payload(0, 97))
    put_forwarded(100)
    put_function(received=100, indexed=100)
    told = run("verify", *WINDOW, *NAMES, "--json")
    assert told.status == 1
    differing = {each["name"]: each for each in told.json["checks"] if each["state"] == "differs"}
    assert list(differing) == [
        "every event that was forwarded is in the index, waits or is rejected",
        "what the function indexed is in the index",
    ]
    assert {each["difference"] for each in differing.values()} == {3}
    text = differing["every event that was forwarded is in the index, waits or is rejected"]["text"]
    assert "at least 3 events are nowhere" in text


def test_rejected_events_are_accounted_for_and_pending_ones_are_not(node: Embedded) -> None:
    index(node, make_payload(0, 90))
    put_forwarded(100)
    put_function(received=100, indexed=90, pending=6, rejected=4)
    store = FailureStore(BUCKET, "request")
    rejected, pending = make_payload(90, 4), make_payload(94, 6)
    verdict = Verdict(Outcome.REJECTED, 400, "mapper_parsing_exception", "no")
    store.reject([(rejected, [Unsettled("cwl", event, verdict) for event in rejected.events])], "")
    assert run("verify", *WINDOW, *NAMES, "--json").json["checks"][3]["difference"] == 6
    (key,) = store.keep([(pending, [Unsettled("cwl", event, verdict) for event in pending.events])])
    told = run("verify", *WINDOW, *NAMES, "--json")
    assert told.status == 1
    assert told.json["sources"]["bucket"] == {"pending": 6, "rejected": 4}
    differing = [each for each in told.json["checks"] if each["state"] == "differs"]
    assert [(each["name"], each["difference"]) for each in differing] == [("nothing waits", 6)]
    index(node, pending)
    store.drop(key)
    told = run("verify", *WINDOW, *NAMES, "--json")
    assert told.status == 0
    assert f"4 events are rejected, and accounted for: flowlogs rejected --bucket {BUCKET}" in [
        each["text"] for each in told.json["checks"]
    ]


def test_events_of_other_times_and_log_groups_are_not_counted(node: Embedded) -> None:
    other = Subscription(owner="1", log_group="/other", log_stream="x", events=make_payload(900, 5).events)
    index(node, make_payload(0, 10), make_payload(500, 3, minute=-61), make_payload(600, 3, minute=60), other)
    boto3.client("s3").put_object(Bucket=BUCKET, Key="failed/other", Body=encode(other))
    late = make_payload(700, 2, minute=61)
    boto3.client("s3").put_object(Bucket=BUCKET, Key="failed/late", Body=encode(late))
    put_forwarded(10)
    told = run("verify", *WINDOW, *NAMES, "--json")
    assert told.status == 0
    assert told.json["sources"]["index"] == 10


def test_a_source_that_is_missing_is_named_and_the_others_are_checked(
    node: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    index(node, make_payload(0, 10))
    put_function(received=10, indexed=10)
    told = run("verify", *WINDOW, "--forward", "forward", "--bucket", "no-such-bucket", "--json")
    assert (told.status, told.json["adds_up"], told.json["conclusion"]) == (1, False, "not known")
    assert told.json["missing"] == {
        "CloudWatch Logs": "its names are not known: give --log-group and --filter, or --stack",
        "replay function": "its name is not known: give --replay, or --stack",
        "bucket": "there is no bucket no-such-bucket in this account and Region: check its name, "
        "--profile and --region, or deploy the stack again",
    }
    assert states(told.json["checks"]) == [
        "not checked",
        "ok",
        "not checked",
        "not checked",
        "not checked",
        "ok",
        "not checked",
    ]
    monkeypatch.setenv("OPENSEARCH_URL", "http://127.0.0.1:9")
    told = run("verify", *WINDOW, *NAMES)
    assert told.status == 1
    assert told.output.endswith(f"\n{NOT_KNOWN}\n")
    unfolded = " ".join(told.output.split())
    assert "index: not known: OpenSearch does not answer: " in unfolded
    assert "CloudWatch Logs: not known: CloudWatch has no data points for LogGroupName" in unfolded


@pytest.mark.usefixtures("account")
def test_an_empty_bucket_alone_says_nothing_about_arrival(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENSEARCH_URL", "http://127.0.0.1:9")
    told = run("verify", "--day", "2026-01-15", "--bucket", BUCKET)
    assert told.status == 1
    assert told.output.count("\nnot checked") == 5
    assert told.output.count("\nok ") == 1
    assert told.output.endswith(f"\n{NOT_KNOWN}\n")
    assert told.errors == ""


@pytest.mark.usefixtures("node")
def test_without_data_points_it_is_not_known_whether_anything_was_forwarded() -> None:
    told = run("verify", *WINDOW, *NAMES)
    assert (told.status, told.output.splitlines()[-1]) == (1, NOT_KNOWN)
    unfolded = " ".join(told.output.split())
    names = f"LogGroupName {GROUP}, DestinationType Lambda, FilterName {FILTER}"
    assert f"CloudWatch Logs: not known: CloudWatch has no data points for {names} in this time: " in unfolded
    assert "there was nothing to count, or a name, the account or the Region is another" in unfolded


def test_a_log_group_that_takes_events_in_and_forwards_none_has_lost_its_filter(node: Embedded) -> None:
    put_taken_in(5_000)
    told = run("verify", *WINDOW, *NAMES, "--json")
    assert (told.status, told.json["conclusion"]) == (1, "differs")
    assert told.json["sources"]["CloudWatch Logs"] == 0
    (differing,) = [each for each in told.json["checks"] if each["state"] == "differs"]
    assert (differing["name"], differing["difference"]) == ("what the log group takes in is forwarded", 5_000)
    assert differing["text"] == (
        "5,000 events came in, and none was forwarded: the subscription filter is gone, its pattern lets "
        f"nothing pass, or another one is meant. Look with flowlogs doctor --bucket {BUCKET}"
    )
    assert run("verify", *WINDOW, *NAMES).output.endswith("\nIt does not add up.\n")
    index(node, make_payload(0, 10))  # of before: that is another difference
    told = run("verify", *WINDOW, *NAMES, "--json")
    assert [each["difference"] for each in told.json["checks"] if each["state"] == "differs"] == [5_000, -10]


def test_where_the_forwarded_are_not_known_those_received_are_checked(node: Embedded) -> None:
    index(node, make_payload(0, 10))
    put_function(received=10, indexed=10)
    told = run("verify", *WINDOW, "--forward", "forward", "--bucket", BUCKET, "--json")
    assert (told.status, told.json["conclusion"]) == (1, "not known")
    checks = {each["name"]: (each["state"], each["text"]) for each in told.json["checks"]}
    assert checks[ARRIVED] == ("not checked", "CloudWatch Logs: not known, see above")
    assert checks[RECEIVED_ARRIVED] == (
        "ok",
        "10 received for the first time, 10 in the index + 0 in the bucket",
    )


def test_where_nothing_can_be_checked_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/nonexistent")
    told = run("verify", *WINDOW, *NAMES, "--region", "eu-central-1")
    assert told.status == 1
    assert told.output.count("no AWS credentials are found") == 3
    assert told.output.endswith("\nNothing could be checked: whether everything arrived is not known.\n")


def test_a_stack_knows_all_names_and_its_function_the_cluster(
    node: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENSEARCH_URL")
    index(node, make_payload(0, 10))
    put_forwarded(10)
    put_function(received=10, indexed=10)
    put_function("replay")
    outputs = {
        "LogGroup": GROUP,
        "SubscriptionFilter": FILTER,
        "ForwardFunction": "forward",
        "ReplayFunction": "replay",
        "FailureBucket": BUCKET,
        "FunctionLogs": "/flowlogs/x/functions",
    }
    clients: dict[str, Any] = {name: boto3.client(name) for name in ("cloudformation", "lambda")}
    real = boto3.client
    with Stubber(clients["cloudformation"]) as stack, Stubber(clients["lambda"]) as function:
        stack.add_response(
            "describe_stacks",
            {
                "Stacks": [
                    {
                        "StackName": "x",
                        "CreationTime": HOUR,
                        "StackStatus": "CREATE_COMPLETE",
                        "Outputs": [{"OutputKey": key, "OutputValue": text} for key, text in outputs.items()],
                    }
                ]
            },
            {"StackName": "x"},
        )
        function.add_response(
            "get_function_configuration",
            {"Environment": {"Variables": {"OPENSEARCH_URL": node.url, "OPENSEARCH_AUTH": "none"}}},
            {"FunctionName": "forward"},
        )
        monkeypatch.setattr(boto3, "client", lambda name, **k: clients.get(name) or real(name, **k))
        told = run("verify", *WINDOW, "--stack", "x", "--json")
    assert (told.status, told.json["missing"]) == (0, {})
    assert told.json["sources"]["index"] == 10


def test_without_a_time_it_is_yesterday() -> None:
    before = datetime.now(UTC)
    told = run("verify", "--json")
    after = datetime.now(UTC)

    midnights = {each.replace(hour=0, minute=0, second=0, microsecond=0) for each in (before, after)}
    window = (datetime.fromisoformat(told.json["since"]), datetime.fromisoformat(told.json["until"]))
    assert window in {(each - timedelta(days=1), each) for each in midnights}


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        pytest.param(["--since", "2026-01-15"], EITHER, id="half"),
        pytest.param(
            ["--day", "2026-01-15", "--since", "2026-01-15", "--until", "2026-01-16"],
            EITHER,
            id="both",
        ),
        pytest.param(
            ["--since", "2026-01-16", "--until", "2026-01-15"],
            "--since must be before --until",
            id="backwards",
        ),
        pytest.param(
            ["--since", "2026-01-15T00:00:01", "--until", "2026-01-16"],
            "--since and --until must be whole minutes: CloudWatch has no shorter ones",
            id="seconds",
        ),
    ],
)
def test_a_time_that_cannot_be_meant_is_a_wrong_call(options: list[str], problem: str) -> None:
    told = run("verify", *options)
    assert (told.status, told.errors) == (2, f"flowlogs: {problem}\n")


def deliver(payload: Subscription, capsys: pytest.CaptureFixture[str]) -> dict[str, int]:
    """Do what CloudWatch Logs, Lambda and CloudWatch do: forward, invoke, and keep both's metrics."""
    put_forwarded(len(payload.events))
    capsys.readouterr()
    event = {"awslogs": {"data": base64.b64encode(encode(payload)).decode()}}
    answer = forward.lambda_handler(event, cast("LambdaContext", Context()))
    for line in capsys.readouterr().out.splitlines():
        metrics = json.loads(line)
        for each in metrics["_aws"]["CloudWatchMetrics"][0]["Metrics"]:
            value = metrics[each["Name"]]
            # The events of this test are hours old; they would widen the window's edges by that.
            value = 60_000 if each["Name"] == "DeliveryLag" else value
            put_metric("FlowLogs", each["Name"], value, FunctionName=metrics["FunctionName"])
    return answer


def test_an_outage_is_found_and_mended_and_then_all_adds_up(
    node: Embedded, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(delivery, "FIRST_DELAY", 0.01)
    given = {
        "OPENSEARCH_AUTH": "none",
        "FAILURE_BUCKET": BUCKET,
        "LOG_LEVEL": "CRITICAL",
        "LOG_FORMATS": DEFAULT,
    }
    for name, text in given.items():
        monkeypatch.setenv(name, text)
    prepare.cache_clear()
    assert deliver(make_payload(0, 20), capsys)["indexed"] == 20
    # The cluster goes away: the function stores what comes.
    monkeypatch.setenv("OPENSEARCH_URL", "http://127.0.0.1:9")
    prepare.cache_clear()
    for first in (100, 200, 300):
        assert deliver(make_payload(first, 30), capsys)["pending"] == 30
    doctor = run("doctor", "--json")
    found = {each["name"]: (each["state"], each["text"]) for each in doctor.json}
    assert doctor.status == 1
    assert found["the cluster answers"][0] == "problem"
    assert found["nothing waits for a replay"][0] == "problem"
    assert found["nothing waits for a replay"][1].startswith("3 objects wait")
    # It is back: nothing is lost, but something waits.
    monkeypatch.setenv("OPENSEARCH_URL", node.url)
    verify = run("verify", *WINDOW, *NAMES, "--json")
    assert verify.status == 1
    differing = [
        (each["name"], each["difference"]) for each in verify.json["checks"] if each["state"] == "differs"
    ]
    assert differing == [("nothing waits", 90)]
    replay = run("replay")
    assert (replay.status, "90 received = 90 indexed" in replay.output) == (0, True)
    verify = run("verify", *WINDOW, *NAMES, "--json")
    assert (verify.status, verify.json["adds_up"]) == (0, True)
    assert verify.json["sources"]["index"] == 110
    assert run("doctor").status == 0
    prepare.cache_clear()
