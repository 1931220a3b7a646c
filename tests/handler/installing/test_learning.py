"""The setup learns of EC2 which formats a log group has, and tells them to the functions."""

import functools
from collections.abc import Iterator
from typing import Any, Final

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from flowlogs.local.embedded import Embedded
from handler.installing import flow_logs
from parser.format import DEFAULT, Formats
from support.cloudformation import CloudFormation

GROUP: Final = "/vpc/flow-logs"
SHORT: Final = "${srcaddr} ${dstaddr} ${new-field}"
DEFAULT_NAMES: Final = Formats.from_text(DEFAULT).to_names()

pytestmark = pytest.mark.usefixtures("front")


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Give an account with a log group, as its EC2."""
    for name, value in {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with mock_aws():
        boto3.client("logs").create_log_group(logGroupName=GROUP)
        yield boto3.client("ec2")


def write_flow_log(ec2: Any, log_format: str, group: str = GROUP) -> str:  # of boto3
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    made = ec2.create_flow_logs(
        ResourceIds=[vpc],
        ResourceType="VPC",
        TrafficType="ALL",
        LogDestinationType="cloud-watch-logs",
        LogGroupName=group,
        DeliverLogsPermissionArn="arn:aws:iam::123456789012:role/flow-logs",
        LogFormat=log_format,
    )
    return str(made["FlowLogIds"][0])


def test_the_formats_of_a_log_group_are_told_to_the_functions(
    account: Any, stack: CloudFormation, opensearch: Embedded
) -> None:
    write_flow_log(account, SHORT)
    write_flow_log(account, DEFAULT)
    write_flow_log(account, "${action}", group="/another")

    data = stack.send("Create", FormatsOf=GROUP, LogFormats=";")["Data"]

    assert data["LogFormats"] == f"srcaddr dstaddr new-field;{DEFAULT_NAMES}"
    assert data["Warnings"] == "none"
    mapping = opensearch.request("GET", "/_index_template/cwl")[1]["index_templates"][0]["index_template"]
    assert "new_field" in mapping["template"]["mappings"]["properties"]


def test_a_flow_log_that_was_replaced_is_learnt_with_the_next_update(
    account: Any, stack: CloudFormation
) -> None:
    old = write_flow_log(account, SHORT)
    before = stack.send("Create", FormatsOf=GROUP)["Data"]["LogFormats"]
    account.delete_flow_logs(FlowLogIds=[old])
    write_flow_log(account, DEFAULT)
    after = stack.send("Update", FormatsOf=GROUP, LogFormats=f";{SHORT}")["Data"]["LogFormats"]

    assert before == "srcaddr dstaddr new-field"
    assert after == f"srcaddr dstaddr new-field;{DEFAULT_NAMES}"


def test_given_formats_are_told_as_they_are_and_nobody_is_asked(stack: CloudFormation) -> None:
    data = stack.send("Create", FormatsOf="", LogFormats=f"{SHORT};{DEFAULT}")["Data"]

    assert data["LogFormats"] == f"srcaddr dstaddr new-field;{DEFAULT_NAMES}"


def test_without_any_format_the_default_one_is_told(stack: CloudFormation) -> None:
    assert stack.send("Create", LogFormats=";")["Data"]["LogFormats"] == DEFAULT_NAMES


@pytest.mark.usefixtures("account")
def test_a_log_group_without_flow_logs_is_read_by_the_default_format_with_a_warning(
    stack: CloudFormation,
) -> None:
    answer = stack.send("Create", FormatsOf=GROUP)

    warning = (
        "no flow log of this account and Region writes to /vpc/flow-logs: lines are read by the default "
        "format; give LogFormat what they have"
    )
    assert (answer["Status"], answer["Data"]["LogFormats"]) == ("SUCCESS", DEFAULT_NAMES)
    assert answer["Data"]["Warnings"] == warning
    assert answer["Reason"].endswith(f"; but {warning}")


def test_formats_that_cannot_be_told_apart_fail_the_stack(account: Any, stack: CloudFormation) -> None:
    one, two = write_flow_log(account, "${action} ${bytes}"), write_flow_log(account, "${bytes} ${action}")
    answer = stack.send("Create", FormatsOf=GROUP)

    assert answer["Status"] == "FAILED"
    assert answer["Reason"].endswith("or give LogFormat the one that is to be read")
    assert all(each in answer["Reason"] for each in (one, two, GROUP))


def refuse(code: str, times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have EC2 refuse so often, and wait no seconds between."""
    refusals = [code] * times
    real = flow_logs.describe_flow_logs

    def describe(log_group: str, client: Any = None) -> Any:
        if refusals:
            error = {"Error": {"Code": refusals.pop(), "Message": "no"}}
            raise ClientError(error, "DescribeFlowLogs")  # type: ignore[arg-type]  # it needs no more of an answer
        return real(log_group, client)

    monkeypatch.setattr(flow_logs, "describe_flow_logs", describe)
    monkeypatch.setattr(flow_logs, "PAUSE", 0.01)
    monkeypatch.setattr(flow_logs, "PATIENCE", 0.02)


def test_a_role_that_is_not_known_everywhere_yet_is_waited_for(
    account: Any, stack: CloudFormation, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_flow_log(account, SHORT)
    refuse("UnauthorizedOperation", 2, monkeypatch)

    assert stack.send("Create", FormatsOf=GROUP)["Data"]["LogFormats"] == "srcaddr dstaddr new-field"


@pytest.mark.usefixtures("account")
def test_who_may_not_ask_reads_by_what_is_given_with_a_warning(
    stack: CloudFormation, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse("UnauthorizedOperation", 9, monkeypatch)
    data = stack.send("Create", FormatsOf=GROUP, LogFormats=SHORT)["Data"]

    assert data["LogFormats"] == "srcaddr dstaddr new-field"
    assert data["Warnings"] == (
        "the formats of /vpc/flow-logs are not known, as the setup is not permitted to ask "
        "(ec2:DescribeFlowLogs; a policy of the organization?): lines are read by those that are given; "
        "give LogFormat"
    )


@pytest.mark.usefixtures("account")
def test_a_fault_that_passes_fails_the_deployment_rather_than_forgetting_a_format(
    stack: CloudFormation, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse("RequestLimitExceeded", 1, monkeypatch)
    answer = stack.send("Update", FormatsOf=GROUP)

    assert answer["Status"] == "FAILED"
    assert answer["Reason"] == (
        "EC2 does not tell the flow logs of /vpc/flow-logs: An error occurred (RequestLimitExceeded) when "
        "calling the DescribeFlowLogs operation: no"
    )


def test_a_vpc_without_a_way_to_ec2_reads_by_the_default_format_with_a_warning(
    stack: CloudFormation, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "ACCESS_KEY_ID": "x",
        "SECRET_ACCESS_KEY": "y",
        "DEFAULT_REGION": "eu-central-1",
    }.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setattr(flow_logs, "TRIES", 1)
    nowhere = functools.partial(boto3.client, endpoint_url="http://127.0.0.1:9")
    monkeypatch.setattr(boto3, "client", nowhere)
    data = stack.send("Create", FormatsOf=GROUP, FunctionVpc="other")["Data"]

    assert data["LogFormats"] == DEFAULT_NAMES
    assert data["Warnings"].startswith(
        "the formats of /vpc/flow-logs are not known, as EC2 does not answer (in a VPC it needs an "
    )
