"""What is no whole answer is none: of an index that is away or has other types, of CloudWatch."""

from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from flowlogs.local.embedded import Embedded
from parser.index_names import index_name
from support.accounted import (
    FILTER,
    GROUP,
    HOUR,
    NAMES,
    WINDOW,
    at,
    index,
    make_payload,
    put_forwarded,
    put_function,
)
from support.commands import BUCKET, run
from support.troubles import close, lose


def test_an_index_that_is_red_or_closed_is_named_and_nothing_is_called_lost(node: Embedded) -> None:
    index(node, make_payload(0, 100))
    name = index_name("cwl", at(30))
    put_forwarded(100)
    put_function(received=100, indexed=100)
    close(node, name)
    told = run("verify", *WINDOW, *NAMES, "--json")
    assert (told.status, told.json["conclusion"]) == (1, "not known")
    assert told.json["missing"]["index"] == f"OpenSearch does not answer whole: {name} is closed"
    assert told.json["sources"]["index"] is None
    lose(node, name)
    told = run("verify", *WINDOW, *NAMES)
    unfolded = " ".join(told.output.split())
    assert f"index: not known: OpenSearch does not answer whole: {name} is red: 1 of its 1" in unfolded
    assert "nowhere" not in told.output


def test_documents_of_a_stack_whose_prefix_begins_alike_are_not_counted(node: Embedded) -> None:
    index(node, make_payload(0, 20))
    index(node, make_payload(0, 100), prefix="cwl-dev")
    put_forwarded(120)
    put_function(received=120, indexed=120)
    told = run("verify", *WINDOW, *NAMES, "--json")
    assert (told.status, told.json["sources"]["index"]) == (1, 20)
    assert "at least 100 events are nowhere" in told.json["checks"][3]["text"]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        pytest.param(
            {"@timestamp": f"{HOUR:%Y-%m-%dT%H:%M:%S.000Z}", "@log_group": GROUP},
            "@log_group is text there, and not keyword",
            id="log group",
        ),
        pytest.param(
            {"@timestamp": at(30)},
            "@timestamp is long there, and not date",
            id="time",
        ),
    ],
)
def test_an_index_that_was_made_without_the_template_counts_as_not_known(
    document: dict[str, Any], said: str, node: Embedded
) -> None:
    node.request("DELETE", "/_index_template/cwl")
    name = index_name("cwl", at(0))
    assert node.request("PUT", f"/{name}/_doc/1?refresh=true", document)[0] == 201
    put_forwarded(1)
    told = run("verify", *WINDOW, *NAMES, "--json")
    assert (told.status, told.json["conclusion"], told.json["sources"]["index"]) == (1, "not known", None)
    assert told.json["missing"]["index"] == (
        f"OpenSearch does not answer whole: {name} is made without the index template: {said}"
    )


def test_a_day_without_an_index_is_named(node: Embedded) -> None:
    index(node, make_payload(0, 1, minute=-3 * 1440))
    put_forwarded(20)
    put_function(received=20, indexed=20)
    told = run("verify", *WINDOW, *NAMES, "--json")
    name = index_name("cwl", at(30))
    assert told.status == 1
    assert told.json["checks"][3]["text"].endswith(f"is meant. There is no index {name}")
    assert told.json["checks"][4]["text"].endswith(f"or by hand. There is no index {name}")


@pytest.mark.parametrize("code", ["InternalError", "PartialData", "Forbidden"])
def test_an_answer_of_cloudwatch_that_is_not_whole_is_none(
    node: Embedded, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    index(node, make_payload(0, 10))
    client = boto3.client("cloudwatch")
    real = boto3.client
    values = {"Timestamps": [HOUR], "Values": [10.0]}
    with Stubber(client) as stub:
        # More follows: that of the last page holds.
        results: list[Any] = [{"Id": "forwarded", "StatusCode": "PartialData", **values}]
        stub.add_response("get_metric_data", {"MetricDataResults": results, "NextToken": "more"})
        stub.add_response(
            "get_metric_data",
            {"MetricDataResults": [{"Id": "forwarded", "StatusCode": code, "Timestamps": [], "Values": []}]},
        )
        monkeypatch.setattr(
            boto3, "client", lambda name, **k: client if name == "cloudwatch" else real(name, **k)
        )
        told = run("verify", *WINDOW, *NAMES[:4], "--bucket", BUCKET, "--json")
        stub.assert_no_pending_responses()
    assert (told.status, told.json["conclusion"]) == (1, "not known")
    assert told.json["missing"]["CloudWatch Logs"] == (
        f"CloudWatch does not answer whole for ForwardedLogEvents of LogGroupName {GROUP}, DestinationType "
        f"Lambda, FilterName {FILTER}: {code}. Ask again"
    )


def test_what_is_not_permitted_is_named(node: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    index(node, make_payload(0, 10))
    client = boto3.client("cloudwatch")
    real = boto3.client
    with Stubber(client) as stub:
        for _ in range(2):
            stub.add_client_error("get_metric_data", "AccessDenied", "not you")
        monkeypatch.setattr(
            boto3, "client", lambda name, **k: client if name == "cloudwatch" else real(name, **k)
        )
        told = run("verify", *WINDOW, *NAMES, "--json")
    assert told.json["missing"]["CloudWatch Logs"] == "AWS refuses GetMetricData: AccessDenied: not you"
    assert told.json["sources"]["index"] == 10
