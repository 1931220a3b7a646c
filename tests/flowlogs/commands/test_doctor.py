"""`flowlogs doctor`: what is in place, what is not and what to do; and that looking changes nothing."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import boto3
import pytest
from botocore.stub import Stubber
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.logs.models import SubscriptionFilter, logs_backends

from commands import BUCKET, REGION, run
from flowlogs.cluster import health as cluster_health
from flowlogs.cluster.connection import open_client
from flowlogs.cluster.finding import State
from flowlogs.cluster.health import INDEX, REACH, SIGN, TEMPLATE, WINS, WRITE, examine
from flowlogs.commands import doctor
from flowlogs.local.embedded import Embedded
from handler.config import Config
from handler.failures import FailureStore, connect_s3
from handler.installing.cluster import Reply
from parser.format import DEFAULT, Formats
from parser.index_template import index_template

GROUP: Final = "/vpc/flow-logs"
FORMATS: Final = Formats.from_text(DEFAULT)
TODAY: Final = "cwl-2026.01.15"
ARN: Final = "arn:aws:lambda:eu-central-1:123456789012:function:forward"


def install(node: Embedded) -> Embedded:
    """Prepare a cluster as the setup does, and index one document."""
    major, minor, _ = (int(part) for part in node.release.version.split("."))
    node.request("PUT", "/_index_template/cwl", index_template("cwl", FORMATS, engine=(major, minor)))
    node.request("PUT", f"/{TODAY}/_doc/1?refresh=true", {"srcaddr": "10.0.0.1"})
    return node


@pytest.fixture
def node(opensearch: Embedded, monkeypatch: pytest.MonkeyPatch) -> Embedded:
    """Return a cluster in which all is well, and which the command asks."""
    monkeypatch.setenv("OPENSEARCH_URL", opensearch.url)
    return install(opensearch)


def look(url: str, **environ: str) -> dict[str, tuple[State, str]]:
    """Return what is found in a cluster."""
    found = examine(*open_client({"OPENSEARCH_URL": url, **environ}))
    return {each.name: (each.state, each.text) for each in found}


def states(found: dict[str, tuple[State, str]]) -> dict[str, State]:
    return {name: state for name, (state, _) in found.items()}


ALL_WELL: Final = dict.fromkeys((REACH, SIGN, WRITE, TEMPLATE, WINS, INDEX), State.OK)


def photograph(node: Embedded) -> Any:  # JSON
    """Return all that a write could change: documents, operations, mappings, templates."""
    node.request("POST", "/_refresh")
    status, statistics = node.request("GET", "/_stats/docs,indexing?level=shards")
    assert status == 200
    shards = {
        name: [
            (shard["docs"], shard["seq_no"], shard["indexing"]["index_total"])
            for copies in each["shards"].values()
            for shard in copies
        ]
        for name, each in statistics["indices"].items()
    }
    others = [
        node.request("GET", path)
        for path in ("/_all", "/_index_template", "/_cluster/settings", "/_all/_search?version=true")
    ]
    for each in others:
        each[1].pop("took", None)
    return json.loads(json.dumps([shards, others]))


def test_on_a_cluster_in_order_all_is_well_and_nothing_is_changed(any_opensearch: Embedded) -> None:
    install(any_opensearch)
    before = photograph(any_opensearch)
    found = look(any_opensearch.url)
    assert states(found) == ALL_WELL
    assert found[WRITE] == (State.OK, f"tried on {TODAY}, with a write that is never done")
    assert photograph(any_opensearch) == before


def test_the_trial_write_is_not_done_even_on_a_document_of_its_name(node: Embedded) -> None:
    node.request("PUT", f"/{TODAY}/_doc/{cluster_health._PROBE_ID}?refresh=true", {"mine": True})
    before = photograph(node)
    assert look(node.url)[WRITE][0] is State.OK
    assert photograph(node) == before


def test_without_an_index_none_is_made(node: Embedded) -> None:
    node.request("DELETE", "/cwl-*")
    before = photograph(node)
    found = look(node.url)
    assert found[WRITE] == (State.SKIPPED, "there is no index yet, and none is made for a trial")
    assert states(found) == {**ALL_WELL, WRITE: State.SKIPPED, INDEX: State.SKIPPED}
    assert photograph(node) == before


def block(node: Embedded) -> None:
    node.request("PUT", f"/{TODAY}/_settings", {"index.blocks.write": True})


def flood(node: Embedded) -> None:
    node.request("PUT", f"/{TODAY}/_settings", {"index.blocks.read_only_allow_delete": True})


def close(node: Embedded) -> None:
    node.request("POST", f"/{TODAY}/_close")


def remove_template(node: Embedded) -> None:
    node.request("DELETE", "/_index_template/cwl")


def put_template(node: Embedded, name: str, priority: int, meta: dict[str, str], field: str) -> None:
    template = index_template("cwl", FORMATS)
    template["template"]["mappings"]["properties"][field] = {"type": "keyword"}
    status, reply = node.request(
        "PUT",
        f"/_index_template/{name}",
        {**template, "priority": priority, "_meta": meta or template["_meta"]},
    )
    assert status == 200, reply


def age_template(node: Embedded) -> None:
    put_template(node, "cwl", 200, {}, "bytes")


def replace_template(node: Embedded) -> None:
    put_template(node, "cwl", 200, {"by": "somebody"}, "bytes")


def outrank_template(node: Embedded) -> None:
    put_template(node, "louder", 300, {"by": "somebody"}, "bytes")


def add_newer_index(node: Embedded) -> None:
    remove_template(node)
    node.request("PUT", "/cwl-2026.01.16/_doc/1?refresh=true", {"srcaddr": "10.0.0.1"})
    install(node)


@pytest.mark.parametrize(
    ("spoil", "name", "text"),
    [
        pytest.param(block, WRITE, "403 cluster_block_exception: index [cwl-2026.01.15] blocked", id="block"),
        pytest.param(flood, WRITE, "429 cluster_block_exception: index [cwl-2026.01.15] blocked", id="flood"),
        pytest.param(close, WRITE, "400 index_closed_exception", id="closed"),
        pytest.param(remove_template, TEMPLATE, "there is no index template cwl: run the setup", id="none"),
        pytest.param(age_template, TEMPLATE, "it differs from that of this version: bytes. Run", id="old"),
        pytest.param(replace_template, TEMPLATE, "the index template cwl is somebody else's", id="other"),
        pytest.param(outrank_template, WINS, "a higher priority (louder): lower it", id="outranked"),
        pytest.param(
            add_newer_index,
            INDEX,
            "cwl-2026.01.16 is mapped otherwise: @timestamp, @message, @owner, @log_group, @log_stream and ",
            id="index made without it",
        ),
    ],
)
def test_what_is_wrong_is_named(
    node: Embedded, spoil: Callable[[Embedded], None], name: str, text: str
) -> None:
    spoil(node)
    state, said = look(node.url)[name]
    assert (state, text in said) == (State.PROBLEM, True), said


def test_a_format_with_a_new_field_asks_for_a_new_template(node: Embedded) -> None:
    state, text = look(node.url, LOG_FORMATS="${version} ${quantum-state}")[TEMPLATE]
    assert state is State.PROBLEM
    assert "quantum_state" in text


NO_ROLE: Final = {
    "error": {
        "type": "security_exception",
        "reason": "no permissions for [cluster:monitor/main] and User [x]",
    },
    "status": 403,
}
SIGNED: Final = {"OPENSEARCH_AUTH": "iam", "AWS_REGION": "eu-central-1"}


@pytest.mark.parametrize(
    ("status", "data", "expected", "text"),
    [
        pytest.param(200, {}, State.OK, "signature accepted", id="accepted"),
        pytest.param(403, NO_ROLE, State.OK, "signature accepted", id="accepted, but without a role"),
        pytest.param(401, "Unauthorized", State.PROBLEM, "401 Unauthorized: check OPENSEARCH_AUTH", id="401"),
        pytest.param(
            403,
            {"message": "The security token included in the request is expired"},
            State.PROBLEM,
            "403 The security token included in the request is expired: check the domain's access policy",
            id="expired",
        ),
    ],
)
def test_whether_the_signature_is_accepted(status: int, data: object, expected: State, text: str) -> None:
    config = Config.from_environ({"OPENSEARCH_URL": "https://search-x.example.com", **SIGNED})
    found = cluster_health._judge_sign_in(config, Reply(status, data))
    assert (found.state, text in found.text) == (expected, True), found


def test_a_cluster_that_is_away_skips_what_depends_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENSEARCH_URL", "http://127.0.0.1:9")
    told = run("doctor", "--json")
    assert told.status == 1
    found = {each["name"]: (each["state"], each["text"]) for each in told.json}
    assert found[REACH][0] == "problem"
    assert found[REACH][1].startswith("it does not answer: Connection refused. Check OPENSEARCH_URL")
    assert {found[name] for name in (SIGN, WRITE, TEMPLATE, WINS, INDEX)} == {
        ("skipped", "the cluster does not answer")
    }


def test_without_aws_credentials_their_parts_are_skipped_with_a_sentence(
    node: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/nonexistent")
    told = run("doctor")
    assert told.status == 0
    assert told.output.count("no AWS credentials are found: give --profile") == 4
    assert told.output.endswith("10 looked at, 0 problems, 4 skipped\n")
    assert node.url in told.output


def test_without_an_address_the_command_says_which_variable_is_missing() -> None:
    told = run("doctor", "--json")
    assert (told.status, told.json[0]["state"]) == (1, "problem")
    assert "OPENSEARCH_URL is not set" in told.json[0]["text"]


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
    for name in (GROUP, "/aws/lambda/forward"):
        client.create_log_group(logGroupName=name)


def subscribe(log_group: str, name: str, destination: str = ARN) -> None:
    """Put a filter into moto's table: its API would want a function, and that Docker."""
    group = logs_backends[DEFAULT_ACCOUNT_ID][REGION].groups[log_group]
    group.subscription_filters[name] = SubscriptionFilter(name, log_group, "", destination, "")


def ask_account(*options: str) -> dict[str, tuple[str, str]]:
    told = run("doctor", "--log-group", GROUP, "--forward", "forward", "--bucket", BUCKET, "--json", *options)
    found = {each["name"]: (each["state"], each["text"]) for each in told.json}
    assert told.status == int(any(state == "problem" for state, _ in found.values()))
    return found


@pytest.mark.usefixtures("logs")
def test_an_account_in_order() -> None:
    subscribe(GROUP, "to-forward", f"{ARN}:live")
    assert ask_account() == {
        doctor.FUNCTIONS: ("ok", "forward"),
        doctor.SUBSCRIBED: ("ok", "/vpc/flow-logs to forward by to-forward"),
        doctor.NO_LOOP: ("ok", "/aws/lambda/forward"),
        doctor.WAITING: ("ok", BUCKET),
    }


@pytest.mark.usefixtures("logs")
def test_a_log_group_that_is_sent_elsewhere() -> None:
    subscribe(GROUP, "another", f"{ARN}-of-others")
    assert ask_account()[doctor.SUBSCRIBED] == (
        "problem",
        "no filter sends /vpc/flow-logs to forward (its filters: another): deploy the stack again",
    )


@pytest.mark.usefixtures("logs")
def test_a_log_group_that_is_sent_twice() -> None:
    subscribe(GROUP, "one")
    subscribe(GROUP, "two")
    assert ask_account()[doctor.SUBSCRIBED] == (
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
        doctor.FUNCTIONS: ("problem", f"there is no function nosuchfunction {ELSEWHERE}"),
        doctor.SUBSCRIBED: ("problem", f"there is no log group /none {ELSEWHERE}"),
        doctor.NO_LOOP: ("skipped", "there is no function nosuchfunction"),
        doctor.WAITING: ("problem", f"there is no bucket nosuchbucket {ELSEWHERE}"),
    }


@pytest.mark.usefixtures("empty_account")
def test_what_is_not_named_is_skipped() -> None:
    told = run("doctor", "--json")
    assert told.status == 0
    assert {each["name"]: (each["state"], each["text"]) for each in told.json} == {
        doctor.FUNCTIONS: ("skipped", "their names are not known: give --forward, or --stack"),
        doctor.SUBSCRIBED: (
            "skipped",
            "names are not known: give --log-group and --forward, or --stack",
        ),
        doctor.NO_LOOP: ("skipped", "its name is not known: give --forward, or --stack"),
        doctor.WAITING: ("skipped", "the bucket's name is not known: give --bucket, or --stack"),
    }


UNREACHABLE: Final = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}


@pytest.mark.usefixtures("empty_account")
@pytest.mark.parametrize(
    ("environ", "options", "text"),
    [
        pytest.param(UNREACHABLE, [], "Could not connect to the endpoint URL", id="AWS does not answer"),
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


@pytest.mark.usefixtures("account")
def test_the_cluster_is_asked_whatever_the_profile(node: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    told = run("doctor", "--profile", "x", "--forward", "forward", "--json")
    assert told.status == 1
    assert (told.json[0]["name"], told.json[0]["state"]) == (REACH, "ok")
    assert node.url in told.json[0]["text"]
    monkeypatch.setenv("OPENSEARCH_AUTH", "iam")  # which needs the profile
    told = run("doctor", "--profile", "x", "--json")
    assert (told.status, told.json[0]["state"]) == (1, "problem")
    assert "The config profile (x) could not be found" in told.json[0]["text"]


@pytest.mark.usefixtures("empty_account")
def test_a_function_whose_log_does_not_exist_yet_is_not_fed_with_it() -> None:
    make_function("forward")
    assert ask_account()[doctor.NO_LOOP] == ("ok", "/aws/lambda/forward, which is not there yet")


@pytest.mark.usefixtures("logs")
def test_the_log_of_a_function_is_where_its_configuration_says(monkeypatch: pytest.MonkeyPatch) -> None:
    boto3.client("logs").create_log_group(logGroupName="/flowlogs/functions")
    subscribe("/flowlogs/functions", "loop")
    configuration = {"LoggingConfig": {"LogGroup": "/flowlogs/functions"}}
    monkeypatch.setattr(doctor, "read_function", lambda _: configuration)
    assert ask_account()[doctor.NO_LOOP] == (
        "problem",
        "/flowlogs/functions is sent to forward (loop), which writes it: remove that filter at once",
    )


@pytest.mark.usefixtures("logs")
def test_a_function_that_is_fed_with_its_own_log() -> None:
    subscribe("/aws/lambda/forward", "loop")
    state, text = ask_account()[doctor.NO_LOOP]
    assert state == "problem"
    assert (
        text == "/aws/lambda/forward is sent to forward (loop), which writes it: remove that filter at once"
    )


@pytest.mark.usefixtures("logs")
def test_what_waits_is_counted_with_its_age(monkeypatch: pytest.MonkeyPatch) -> None:
    s3 = boto3.client("s3")
    for key in ("failed/1", "failed/2", "aws/lambda/async/forward/3"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    state, text = ask_account()[doctor.WAITING]
    assert state == "problem"
    assert text.startswith("3 objects wait, the oldest for ")
    assert text.endswith(f": flowlogs replay --dry-run --bucket {BUCKET} tells why")
    monkeypatch.setattr(FailureStore, "list_pending", lambda _: [])
    assert ask_account()[doctor.WAITING][0] == "ok"


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
    assert doctor._show_age(seconds) == shown


@pytest.mark.usefixtures("empty_account")
def test_what_is_not_permitted_is_skipped_with_what_aws_says(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = {"logs": "describe_subscription_filters", "lambda": "get_function_configuration"}
    clients: dict[str, Any] = {name: boto3.client(name) for name in calls}  # type: ignore[call-overload]  # any
    for name, call in calls.items():
        stub = Stubber(clients[name])
        for _ in range(2):
            stub.add_client_error(call, "AccessDeniedException", "not you")
        stub.activate()
    real: Any = boto3.client
    monkeypatch.setattr(boto3, "client", lambda name, **more: clients.get(name) or real(name, **more))
    told = "not permitted to you: AWS refuses {}: AccessDeniedException: not you"
    filters = ("skipped", told.format("DescribeSubscriptionFilters"))
    assert ask_account() == {
        doctor.FUNCTIONS: ("skipped", told.format("GetFunctionConfiguration")),
        doctor.SUBSCRIBED: filters,
        doctor.NO_LOOP: filters,
        doctor.WAITING: ("ok", BUCKET),
    }
