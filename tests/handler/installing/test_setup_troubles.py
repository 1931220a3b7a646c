"""A cluster that is late, refuses or hangs, and properties that cannot be used: each is told in time."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from handler import setup
from handler.installing.steps import Did, Step
from support.cloudformation import FORWARD, CloudFormation, context
from support.front import Front, Reply

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

    assert stack.send("Create")["Status"] == "SUCCESS"


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        pytest.param(
            (403, {"Message": "User: x is not authorized to perform: es:ESHttpGet"}),
            "the cluster's version cannot be read: 403 User: x is not authorized to perform: es:ESHttpGet; "
            "the setup must be allowed to, by the domain's access policy and by the role all_access in the "
            "cluster's security (docs/security.md)",
            id="an access policy that does not name the role",
        ),
        pytest.param(
            (401, "Unauthorized"),
            "the cluster's version cannot be read: 401 Unauthorized; check the user name and password, "
            "or the secret that holds them",
            id="a wrong password",
        ),
        pytest.param(
            (200, "<html>"),
            "what answers at OPENSEARCH_URL is not OpenSearch: it shows no version",
            id="a website",
        ),
        pytest.param(
            (200, {"version": {"number": "8.11.0"}, "tagline": "You Know, for Search"}),
            "what answers at OPENSEARCH_URL is not OpenSearch, but Elasticsearch 8.11.0",
            id="another product",
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
        "GET / was not answered in time; the last try: 503 OpenSearch Security not initialized."
    )


def test_a_cluster_that_is_not_there_is_told(stack: CloudFormation, use: Callable[..., None]) -> None:
    use("http://127.0.0.1:9")
    answer = stack.send("Create", seconds=1)

    assert answer["Reason"] == (
        "GET / was not answered in time; the last try: "
        "HTTPConnection(host='127.0.0.1', port=9): Failed to establish a new connection: "
        "[Errno 111] Connection refused"
    )


@pytest.mark.usefixtures("front")
def test_a_setup_that_hangs_is_answered_for(stack: CloudFormation, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*_: object) -> Step:
        """As looking up a name can, for which no limit can be set."""
        assert stack.arrived.wait(30)
        return Step(Did.UNCHANGED)

    monkeypatch.setattr(setup, "install_dashboards", hang)
    event = stack.event("Create")
    started = time.monotonic()
    returned = setup.lambda_handler(event, context(seconds=6))

    (answer,) = stack.answers
    assert answer.moment - started < 6
    assert answer.body["Reason"] == (
        "time was over while importing the dashboards: see the function's log, then update the stack again"
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
    assert answer["Reason"] == (
        "RuntimeError while installing the retention policy; see the log: "
        "/flowlogs/stack/setup, 2026/01/02/[$LATEST]1a2b"
    )


def test_an_event_of_somebody_else_is_refused() -> None:
    with pytest.raises(ValueError, match="not a request of CloudFormation: there is no ResponseURL"):
        setup.lambda_handler({}, context(10))
