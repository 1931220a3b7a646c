"""CloudFormation gets its answer, and one that it can read."""

import json

import pytest
from urllib3.exceptions import HTTPError

from handler.installing import custom_resource
from support.cloudformation import CloudFormation


def test_the_answer_is_sent_as_the_address_was_signed(stack: CloudFormation) -> None:
    stack.send("Delete")

    assert stack.answers[0].headers["content-type"] == ""


def test_an_answer_that_is_not_taken_is_sent_again(stack: CloudFormation) -> None:
    stack.statuses.extend([503, 500])

    assert stack.send("Delete")["Status"] == "SUCCESS"


def test_an_answer_that_is_never_taken_fails_the_function(stack: CloudFormation) -> None:
    stack.statuses.extend([403])

    with pytest.raises(HTTPError, match="CloudFormation's address answered 403"):
        stack.send("Delete")


@pytest.mark.parametrize("text", ["x", "é", "\ud800", "\u0000", "漢"], ids=ascii)
def test_an_answer_is_never_longer_than_cloudformation_reads(stack: CloudFormation, text: str) -> None:
    request = custom_resource.Request.from_event(stack.event("Create"))
    data = {f"Name{number}": text * 5000 for number in range(8)}
    body = custom_resource.encode_answer(request, custom_resource.Status.FAILED, text * 5000, data)

    assert len(body) <= 4096
    assert b'"Status": "FAILED"' in body
    assert b'"PhysicalResourceId": "flowlogs-setup"' in body


def test_an_answer_that_is_too_long_keeps_what_the_template_reads(stack: CloudFormation) -> None:
    """Without an attribute that an output names, CloudFormation would fail the stack."""
    request = custom_resource.Request.from_event(stack.event("Create"))
    formats = "a" * 3191  # the longest that the parameters take, as names
    data = {"LogFormats": formats, "Warnings": 'é"\\' * 500, "Dashboards": "x" * 500}
    body = custom_resource.encode_answer(request, custom_resource.Status.SUCCESS, '漢"' * 900, data)

    answer = json.loads(body)
    assert len(body) <= 4096
    assert answer["Data"].keys() == {"LogFormats", "Warnings"}
    assert answer["Data"]["LogFormats"] == formats
    assert answer["Data"]["Warnings"].startswith("?'/?'/")
    assert answer["Reason"].startswith("?'?'")


def test_a_warning_is_told_whole_with_its_cause_and_its_remedy(stack: CloudFormation) -> None:
    """AWS's sentence of a refusal alone has some 300 characters."""
    request = custom_resource.Request.from_event(stack.event("Create"))
    data = {"Warnings": "w" * 900, "Groups": "g" * 900}
    answer = json.loads(custom_resource.encode_answer(request, custom_resource.Status.SUCCESS, "", data))

    assert answer["Data"] == {"Warnings": "w" * 900, "Groups": "g" * 300}
