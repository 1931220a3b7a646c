"""`flowlogs formats`: what EC2 says of a log group's flow logs, and what it means for LOG_FORMATS."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import boto3
import pytest
from botocore.stub import Stubber

from flowlogs.commands import formats
from parser.format import DEFAULT, TRANSIT_GATEWAY_DEFAULT, Formats
from support.commands import run

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

GROUP: Final = "/vpc/flow-logs"
FILTERS: Final = [{"Name": "log-group-name", "Values": [GROUP]}]
SHORT: Final = "${srcaddr} ${dstaddr} ${bytes}"


@cache
def make_client() -> "EC2Client":
    return boto3.client("ec2", "eu-central-1", aws_access_key_id="x", aws_secret_access_key="y")


@contextmanager
def ec2_says(monkeypatch: pytest.MonkeyPatch, *pages: list[dict[str, Any]]) -> Iterator[None]:
    """Have EC2 answer with these pages of flow logs: more than moto can."""
    client = make_client()
    with Stubber(client) as stub, monkeypatch.context() as patch:
        for number, page in enumerate(pages):
            more = {"NextToken": str(number + 1)} if number + 1 < len(pages) else {}
            asked = {"Filters": FILTERS} | ({"NextToken": str(number)} if number else {})
            stub.add_response("describe_flow_logs", {"FlowLogs": page, **more}, asked)
        real: Any = boto3.client
        patch.setattr(boto3, "client", lambda name: client if name == "ec2" else real(name))
        yield
        stub.assert_no_pending_responses()


def flow_log(number: int, log_format: str = DEFAULT, **more: Any) -> dict[str, Any]:  # of EC2
    return {
        "FlowLogId": f"fl-{number}",
        "ResourceId": f"vpc-{number}",
        "TrafficType": "ALL",
        "MaxAggregationInterval": 600,
        "DeliverLogsStatus": "SUCCESS",
        "LogFormat": log_format,
        **more,
    }


@pytest.mark.usefixtures("account")
def test_the_flow_logs_of_an_account() -> None:
    ec2 = boto3.client("ec2")
    one, two, three = (ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"] for _ in range(3))
    boto3.client("logs").create_log_group(logGroupName=GROUP)
    boto3.client("logs").create_log_group(logGroupName="/another")
    for vpc, group, log_format, traffic in (
        (one, GROUP, DEFAULT, "ALL"),
        (two, GROUP, SHORT, "REJECT"),
        (three, "/another", "${version}", "ALL"),
    ):
        made = ec2.create_flow_logs(
            ResourceType="VPC",
            ResourceIds=[vpc],
            TrafficType=traffic,  # type: ignore[arg-type]  # two of its values
            LogGroupName=group,
            LogFormat=log_format,
            DeliverLogsPermissionArn="arn:aws:iam::123456789012:role/flow",
        )
        assert made["Unsuccessful"] == []
    told = run("formats", "--log-group", GROUP, "--json")
    assert (told.status, told.errors) == (0, "")
    assert told.json["log_formats"] == f"{SHORT};{DEFAULT}"
    assert Formats.from_text(told.json["log_formats"]).by_length.keys() == {3, 14}
    assert [(each["resource"], each["traffic"], each["seconds"]) for each in told.json["flow_logs"]] == [
        (one, "ALL", 600),
        (two, "REJECT", 600),
    ]
    shown = run("formats", "--log-group", GROUP)
    assert shown.status == 0
    assert f"\nLOG_FORMATS:\n{SHORT};{DEFAULT}\n" in shown.output


@pytest.mark.usefixtures("account")
def test_a_log_group_without_flow_logs_asks_for_the_right_account() -> None:
    told = run("formats", "--log-group", GROUP)
    assert told.status == 1
    assert "no flow log writes to /vpc/flow-logs: is this the account and the Region" in told.output


def test_all_pages_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    with ec2_says(monkeypatch, [flow_log(1)], [flow_log(2, SHORT)], [flow_log(3, TRANSIT_GATEWAY_DEFAULT)]):
        told = run("formats", "--log-group", GROUP, "--json")
    assert [each["id"] for each in told.json["flow_logs"]] == ["fl-1", "fl-2", "fl-3"]
    assert told.json["log_formats"] == f"{SHORT};{DEFAULT};{TRANSIT_GATEWAY_DEFAULT}"


def test_flow_logs_with_the_same_format_need_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with ec2_says(monkeypatch, [flow_log(1), flow_log(2), flow_log(3)]):
        told = run("formats", "--log-group", GROUP, "--json")
    assert (told.status, told.json["log_formats"]) == (0, DEFAULT)


@pytest.mark.parametrize(
    ("flow_logs", "value", "warning"),
    [
        pytest.param(
            [flow_log(1, SHORT), flow_log(2, "${srcaddr} ${dstaddr} ${packets}"), flow_log(3, SHORT)],
            None,
            "fl-1 and fl-2 have different formats of 3 fields each, so that their lines cannot be told "
            "apart: give one of them a field more, or a log group of its own",
            id="two formats of one length",
        ),
        pytest.param(
            [
                flow_log(
                    1,
                    "${version} ${instance-tag-2}",
                    TagFieldSpecifications=[{"ResourceType": "instance", "TagKeys": ["Name", "Team"]}],
                )
            ],
            "${version} ${instance-tag-2}",
            "fl-1: instance-tag-2 holds the tag 'Team'; the document says instance_tag_2 only",
            id="a tag",
        ),
        pytest.param(
            [
                flow_log(
                    1,
                    "${version} ${interface-tag}",
                    TagFieldSpecifications=[{"ResourceType": "network-interface", "TagKeys": ["Name"]}],
                )
            ],
            "${version} ${interface-tag}",
            "fl-1: interface-tag holds the tag 'Name'; the document says interface_tag only",
            id="a tag of the interface",
        ),
        pytest.param(
            [flow_log(1, "${version} ${asg-tag}")],
            "${version} ${asg-tag}",
            "fl-1: asg-tag holds a tag that EC2 does not name (TagFieldSpecifications); "
            "the document says asg_tag only",
            id="a tag without its key",
        ),
        pytest.param(
            [flow_log(1, "${version} ${quantum-state}")],
            "${version} ${quantum-state}",
            "fl-1: quantum-state is newer than the field table: it is kept as a keyword; "
            "a newer flowlogs-opensearch may know its type",
            id="a field newer than the table",
        ),
        pytest.param(
            [flow_log(1, "${version} ${Odd}")],
            None,
            "fl-1: its format cannot be read: field 2 of the format: '${Odd}' is neither ${name} nor a bare "
            "name of lower-case letters, digits and hyphens; did you mean 'odd'?",
            id="an odd format",
        ),
        pytest.param(
            [flow_log(1, DeliverLogsStatus="FAILED", DeliverLogsErrorMessage="Access error")],
            DEFAULT,
            "fl-1: EC2 does not deliver: FAILED: Access error",
            id="a flow log that fails",
        ),
    ],
)
def test_warnings(
    monkeypatch: pytest.MonkeyPatch, flow_logs: list[dict[str, Any]], value: str | None, warning: str
) -> None:
    with ec2_says(monkeypatch, flow_logs):
        told = run("formats", "--log-group", GROUP, "--json")
    assert told.status == 1
    assert (told.json["log_formats"], told.json["warnings"]) == (value, [warning])
    with ec2_says(monkeypatch, flow_logs):
        shown = run("formats", "--log-group", GROUP)
    assert shown.status == 1
    assert f"warning: {warning}" in " ".join(shown.output.split())


def test_without_credentials_the_command_says_how_to_sign_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/nonexistent")
    told = run("formats", "--log-group", GROUP, "--region", "eu-central-1")
    assert (told.status, told.output) == (2, "")
    assert told.errors == (
        "flowlogs: no AWS credentials are found: give --profile, or set AWS_PROFILE, "
        "or sign in as for the AWS CLI\n"
    )


def test_without_a_region_the_command_says_how_to_give_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/nonexistent")
    told = run("formats", "--log-group", GROUP)
    assert (told.status, told.errors) == (
        2,
        "flowlogs: no AWS Region is given: give --region, or set AWS_REGION\n",
    )


def test_a_log_group_of_a_class_that_takes_no_subscription_is_warned_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(formats, "read_class", lambda _: "INFREQUENT_ACCESS")
    with ec2_says(monkeypatch, [flow_log(1)]):
        told = run("formats", "--log-group", GROUP, "--json")

    assert told.status == 1
    assert told.json["warnings"] == [
        (
            f"{GROUP} is of the class INFREQUENT_ACCESS, which takes no subscription filter and cannot be "
            "changed: let the flow logs write to a log group of the class STANDARD"
        )
    ]
    assert told.json["log_formats"] == DEFAULT
