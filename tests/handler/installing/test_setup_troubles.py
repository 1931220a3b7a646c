"""A cluster that is late, refuses or hangs, and properties that cannot be used: each is told in time."""

import re
import time
from collections.abc import Callable
from typing import Any, Final

import pytest

from handler import setup
from handler.installing.steps import Did, Step
from support.cloudformation import FORWARD, CloudFormation, context
from support.front import Front, Reply

USABLE: Final = (
    "OpenSearchUrl must lead to OpenSearch 1.3 or later; a domain of Elasticsearch, or an older one, is "
    "upgraded to it in place"
)
REFUSED: Final = (
    "User: arn:aws:sts::123456789012:assumed-role/setup/x is not authorized to perform: es:ESHttpGet"
)
NO_PERMISSIONS: Final = "no permissions for [cluster:monitor/main]"
BY_POLICY: Final = "because no resource-based policy allows the es:ESHttpGet action"
NOT_READY: list[Reply] = [
    (503, "OpenSearch Security not initialized."),
    (502, ""),
    (429, {"Message": "throttled"}),
]


def test_it_waits_until_the_cluster_answers(front: Front, stack: CloudFormation) -> None:
    waiting = [*NOT_READY, *NOT_READY]
    front.plugins.insert(0, lambda _: waiting.pop() if waiting else None)

    assert stack.send("Create")["Status"] == "SUCCESS"
    assert [str(each) for each in front.calls[:7]] == ["GET /"] * 7


def test_a_refusal_is_waited_for_while_roles_spread(
    front: Front, stack: CloudFormation, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals: list[Reply] = [(403, {"Message": "User: x is not authorized to perform: es:ESHttpGet"})] * 3
    front.plugins.insert(0, lambda _: refusals.pop() if refusals else None)
    monkeypatch.setattr(setup, "PATIENCE", 30.0)
    sign_requests(monkeypatch)

    assert stack.send("Create")["Status"] == "SUCCESS"


def sign_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
    for name, value in {**keys, "AWS_REGION": "eu-central-1", "OPENSEARCH_AUTH": "iam"}.items():
        monkeypatch.setenv(name, value)


def test_a_wrong_password_is_told_at_once(
    front: Front, stack: CloudFormation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup, "PATIENCE", 30.0)
    for name, value in {"AUTH": "basic", "USERNAME": "setup", "PASSWORD": "wrong"}.items():
        monkeypatch.setenv(f"OPENSEARCH_{name}", value)
    front.plugins.insert(0, lambda _: (401, "Unauthorized"))

    assert stack.send("Create")["Reason"].startswith(
        "the cluster's version cannot be read: 401 Unauthorized; "
    )
    assert len(front.calls) == 1


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        pytest.param(
            (403, {"Message": "User: x is not authorized to perform: es:ESHttpGet"}),
            "the cluster's version cannot be read: 403 User: x is not authorized to perform: es:ESHttpGet; "
            "refused by somebody who does not say which policy it was: the access policy and the cluster's "
            "security must let x in (docs/security.md)",
            id="a policy that is not named",
        ),
        pytest.param(
            (403, {"Message": f"{REFUSED} {BY_POLICY}"}),
            f"the cluster's version cannot be read: 403 {REFUSED} because no resource-based policy allows "
            "the es:ESHttpGet action; refused by the domain's access policy: let it name "
            "arn:aws:iam::123456789012:role/setup",
            id="an access policy that does not name the role",
        ),
        pytest.param(
            (403, {"Message": f"{REFUSED} because no identity-based policy allows the es:ESHttpGet action"}),
            f"the cluster's version cannot be read: 403 {REFUSED} because no identity-based policy allows "
            "the es:ESHttpGet action; refused by IAM: allow arn:aws:iam::123456789012:role/setup "
            "es:ESHttpGet on the domain",
            id="IAM",
        ),
        pytest.param(
            (
                403,
                {
                    "error": {
                        "type": "security_exception",
                        "reason": "no permissions for [cluster:monitor/main]",
                    }
                },
            ),
            "the cluster's version cannot be read: 403 no permissions for [cluster:monitor/main]; refused by "
            "the cluster's security (fine-grained access control): map the setup's role to all_access there "
            "(docs/security.md), or give SetupSecretArn",
            id="the cluster's security",
        ),
        pytest.param(
            (401, "Unauthorized"),
            "the cluster's version cannot be read: 401 Unauthorized; refused by the cluster's sign-in: check "
            "the user name and the password in the secret",
            id="a wrong password",
        ),
        pytest.param(
            (200, "<html>"),
            f"what answers at OPENSEARCH_URL is not OpenSearch: it shows no version. {USABLE}",
            id="a website",
        ),
        pytest.param(
            (200, {"version": {"number": "8.11.0"}, "tagline": "You Know, for Search"}),
            f"what answers at OPENSEARCH_URL is not OpenSearch, but Elasticsearch 8.11.0. {USABLE}",
            id="another product",
        ),
        pytest.param(
            (
                200,
                {"version": {"number": "7.10.2", "build_flavor": "oss"}, "tagline": "You Know, for Search"},
            ),
            f"what answers at OPENSEARCH_URL is not OpenSearch, but Elasticsearch 7.10.2. {USABLE}",
            id="Elasticsearch, which looks like OpenSearch in its compatibility mode",
        ),
        pytest.param(
            (200, {"version": {"number": "1.2.4", "distribution": "opensearch"}}),
            f"OpenSearch 1.2.4 is too old: 1.3 is the oldest version that can be used. {USABLE}",
            id="too old a version",
        ),
        pytest.param(
            (404, {"error": {"type": "x", "reason": None}}),
            'the cluster\'s version cannot be read: 404 {"type": "x", "reason": null}',
            id="a reply without a reason",
        ),
    ],
)
def test_a_cluster_that_refuses_is_quoted_with_advice(
    front: Front, stack: CloudFormation, reply: Reply, reason: str
) -> None:
    front.plugins.insert(0, lambda _: reply)
    answer = stack.send("Create")

    assert (answer["Status"], answer["Reason"], answer["Data"]) == ("FAILED", reason, {})


def test_time_that_is_over_is_told_before_lambda_ends_the_function(
    front: Front, stack: CloudFormation
) -> None:
    front.plugins.insert(0, lambda _: NOT_READY[0])
    started = time.monotonic()
    answer = stack.send("Create", seconds=2)

    assert time.monotonic() - started < 2
    assert answer["Status"] == "FAILED"
    assert answer["Reason"] == (
        "GET / was not answered in time; the last try: 503 OpenSearch Security not initialized.; "
        "it is starting, or lacks nodes: look at its health, then deploy again"
    )


def test_a_cluster_that_is_not_there_is_told(stack: CloudFormation, use: Callable[..., None]) -> None:
    use("http://127.0.0.1:9")
    answer = stack.send("Create", seconds=1)

    assert answer["Reason"] == (
        "GET / was not answered in time; the last try: "
        "HTTPConnection(host='127.0.0.1', port=9): Failed to establish a new connection: "
        "[Errno 111] Connection refused; "
        "nothing listens at http://127.0.0.1:9: check OpenSearchUrl and its port, and whether it runs"
    )


@pytest.mark.usefixtures("front")
def test_a_setup_that_hangs_is_answered_for(stack: CloudFormation, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*_: object) -> Step:
        """As looking up a name can, for which no limit can be set."""
        assert stack.arrived.wait(30)
        return Step(Did.UNCHANGED)

    monkeypatch.setattr(setup, "install_retention", hang)
    event = stack.event("Create")
    started = time.monotonic()
    returned = setup.lambda_handler(event, context(seconds=6))

    (answer,) = stack.answers
    assert answer.moment - started < 6
    assert answer.body["Reason"] == (
        "time was over while installing the retention policy, to which there was no end: look at "
        "OpenSearchUrl and firewalls; a domain in a VPC is reached from that VPC only (FunctionVpc, "
        "FunctionSubnetIds, FunctionSecurityGroupIds); then deploy again"
    )
    assert returned["Status"] == "SUCCESS"  # too late: CloudFormation has heard of the failure


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        pytest.param(
            {"WriterRoleArns": []},
            "the property WriterRoleArns is missing: the ARNs of the roles that forward and replay have",
            id="no writer",
        ),
        pytest.param(
            {"WriterRoleArns": [FORWARD, "flowlogs-ReplayRole"]},
            "WriterRoleArns holds 'flowlogs-ReplayRole', which is not the ARN of an IAM role",
            id="a name instead of an ARN",
        ),
        pytest.param(
            {"ReaderRoleArns": ["*"]},
            "ReaderRoleArns holds '*', which is not the ARN of an IAM role",
            id="everybody as reader",
        ),
        pytest.param(
            {"WriterRoleArns": "arn:aws:iam::123456789012:role/*"},
            "WriterRoleArns holds 'arn:aws:iam::123456789012:role/*', which is not the ARN of an IAM role",
            id="a pattern, which would map everybody",
        ),
        pytest.param(
            {"RetentionDays": "a week", "IndexPrefix": "CWL"},
            "INDEX_PREFIX is 'CWL': allowed are lower-case letters, digits, '-' and '_', with a letter or "
            "digit first; RETENTION_DAYS is 'a week': it must be a whole number of days, 0 for ever",
            id="values that cannot be used",
        ),
        pytest.param(
            {"IndexShards": "0", "IndexReplicas": "many"},
            "INDEX_SHARDS is '0': allowed are whole numbers from 1 to 100; "
            "INDEX_REPLICAS is 'many': allowed are whole numbers from 0 to 10",
            id="shards and replicas",
        ),
        pytest.param({"LogFormats": ["a"]}, "LogFormats must be a text", id="a list"),
    ],
)
def test_properties_that_cannot_be_used_are_explained(
    front: Front, stack: CloudFormation, properties: dict[str, Any], reason: str
) -> None:
    answer = stack.send("Create", **properties)

    assert (answer["Status"], answer["Reason"]) == ("FAILED", reason)
    assert front.calls == []


@pytest.mark.usefixtures("front")
def test_the_arns_may_be_one_text(stack: CloudFormation) -> None:
    assert stack.send("Create", WriterRoleArns=f"{FORWARD}, {FORWARD}2")["Status"] == "SUCCESS"


def test_delete_leaves_everything_and_succeeds_without_a_cluster(
    stack: CloudFormation, use: Callable[..., None]
) -> None:
    use("http://127.0.0.1:9", RETENTION_DAYS="broken")
    answer = stack.send("Delete", WriterRoleArns=[])

    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", "flowlogs-setup")
    assert answer["Reason"] == (
        "documents, index template, retention policy, role and dashboards are left as they are"
    )


def test_a_request_of_an_unknown_kind_is_answered(stack: CloudFormation) -> None:
    answer = stack.send("Rename")

    assert (answer["Status"], answer["Reason"]) == ("FAILED", "the request type 'Rename' is not known")


@pytest.mark.usefixtures("front")
def test_an_error_of_ours_is_answered_and_its_text_stays_in_the_log(
    stack: CloudFormation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("10.0.0.1 is a secret")

    monkeypatch.setattr(setup, "install_retention", fail)
    answer = stack.send("Create")

    assert answer["Status"] == "FAILED"
    assert re.fullmatch(
        r"RuntimeError while installing the retention policy \(handler/setup\.py, line \d+\): this is a "
        r"defect of flowlogs-opensearch, please report it with this sentence; sam deploy --on-failure "
        r"DO_NOTHING keeps the functions' log, and a new domain, which costs until it is deleted by hand",
        answer["Reason"],
    )


def test_an_event_of_somebody_else_is_refused() -> None:
    with pytest.raises(ValueError, match="not a request of CloudFormation: there is no ResponseURL"):
        setup.lambda_handler({}, context(10))
