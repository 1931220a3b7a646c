"""What an account has is asked of AWS, and what may not be asked is told with its reason."""

from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from flowlogs.deploying import account as asked
from flowlogs.deploying.account import Account, Identity, Named, RefusedError, Stack
from flowlogs.deploying.domains import Domain
from flowlogs.deploying.template import load_template, read_parameters


@pytest.fixture(autouse=True)
def signed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in {
        "ACCESS_KEY_ID": "key",
        "SECRET_ACCESS_KEY": "secret",
        "DEFAULT_REGION": "eu-central-1",
    }.items():
        monkeypatch.setenv(f"AWS_{name}", text)


def stub(monkeypatch: pytest.MonkeyPatch, service: str) -> Stubber:
    client = boto3.client(service)  # type: ignore[call-overload]  # any service's
    monkeypatch.setattr(asked, "_client", lambda _: client)
    stubber = Stubber(client)
    stubber.activate()
    return stubber


def test_log_groups_are_those_that_flow_logs_write_to(monkeypatch: pytest.MonkeyPatch) -> None:
    stubber = stub(monkeypatch, "ec2")
    flow_logs = [
        {"ResourceId": "vpc-1", "LogGroupName": "/vpc/flow-logs"},
        {"ResourceId": "subnet-1", "LogGroupName": "/vpc/flow-logs"},
        {"ResourceId": "vpc-2", "LogDestinationType": "s3"},
    ]
    stubber.add_response("describe_flow_logs", {"FlowLogs": flow_logs})
    assert Account().list_flow_logs() == {"/vpc/flow-logs": ["vpc-1", "subnet-1"]}


def test_vpcs_subnets_and_security_groups_are_shown_by_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    stubber = stub(monkeypatch, "ec2")
    named = {"Tags": [{"Key": "Name", "Value": "production"}, {"Key": "Team", "Value": "net"}]}
    vpcs = [
        {"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/16", **named},
        {"VpcId": "vpc-2", "CidrBlock": "10.1.0.0/16"},
    ]
    stubber.add_response("describe_vpcs", {"Vpcs": vpcs})
    assert Account().list_vpcs() == [Named("vpc-1", "production, 10.0.0.0/16"), Named("vpc-2", "10.1.0.0/16")]
    inside = {"Filters": [{"Name": "vpc-id", "Values": ["vpc-1"]}]}
    subnets = [{"SubnetId": "subnet-1", "CidrBlock": "10.0.1.0/24", "AvailabilityZone": "eu-central-1a"}]
    stubber.add_response("describe_subnets", {"Subnets": subnets}, inside)
    assert Account().list_subnets("vpc-1") == [Named("subnet-1", "10.0.1.0/24, eu-central-1a")]
    groups = [{"GroupId": "sg-1", "GroupName": "default", "Description": "default VPC security group"}]
    stubber.add_response("describe_security_groups", {"SecurityGroups": groups}, inside)
    assert Account().list_security_groups("vpc-1") == [Named("sg-1", "default, default VPC security group")]


def test_a_resource_of_a_stack_is_known_by_its_logical_name(monkeypatch: pytest.MonkeyPatch) -> None:
    stubber = stub(monkeypatch, "cloudformation")
    asked_for = {"StackName": "flowlogs", "LogicalResourceId": "Domain"}
    for status in ("IMPORT_COMPLETE", "DELETE_COMPLETE"):
        detail = {
            "LogicalResourceId": "Domain",
            "ResourceType": "AWS::OpenSearchService::Domain",
            "LastUpdatedTimestamp": datetime(2026, 1, 1, tzinfo=UTC),
            "PhysicalResourceId": "kept",
            "ResourceStatus": status,
        }
        stubber.add_response("describe_stack_resource", {"StackResourceDetail": detail}, asked_for)
    stubber.add_client_error("describe_stack_resource", "ValidationError", "Resource Domain does not exist")
    stubber.add_client_error("describe_stack_resource", "AccessDenied", "no")
    account = Account()
    assert [account.find_resource("flowlogs", "Domain") for _ in range(3)] == ["kept", None, None]
    with pytest.raises(RefusedError, match="not permitted to you"):
        account.find_resource("flowlogs", "Domain")


def test_filters_and_policies_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    stubber = stub(monkeypatch, "logs")
    filters = [{"filterName": "ours", "destinationArn": "arn:aws:lambda:x"}]
    stubber.add_response(
        "describe_subscription_filters", {"subscriptionFilters": filters}, {"logGroupName": "/vpc/flow-logs"}
    )
    assert Account().list_filters("/vpc/flow-logs") == [("ours", "arn:aws:lambda:x")]
    stubber.add_response("describe_resource_policies", {"resourcePolicies": [{"policyName": "es"}]})
    assert Account().list_resource_policies() == ["es"]


def test_who_deploys_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    arn = "arn:aws:sts::123456789012:assumed-role/deployer/session"
    stubber = stub(monkeypatch, "sts")
    stubber.add_response("get_caller_identity", {"Account": "123456789012", "Arn": arn, "UserId": "A"})
    assert Account().identify() == Identity("123456789012", arn)


SESSION = "arn:aws:sts::123456789012:assumed-role/{}/someone"
ROLE = "arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_1a"


@pytest.mark.parametrize(
    ("arn", "found"),
    [
        pytest.param(
            "arn:aws:iam::123456789012:user/someone", "arn:aws:iam::123456789012:user/someone", id="user"
        ),
        pytest.param(SESSION.format("AWSReservedSSO_Admin_1a"), ROLE, id="a session, whose role has a path"),
        pytest.param("arn:aws:iam::123456789012:root", "", id="root, which nobody should be"),
    ],
)
def test_who_deploys_is_told_as_a_principal_of_iam(
    monkeypatch: pytest.MonkeyPatch, arn: str, found: str
) -> None:
    stubber = stub(monkeypatch, "iam")
    role = {
        "Path": "/",
        "RoleName": "x",
        "RoleId": "AROAEXAMPLE000000",
        "Arn": ROLE,
        "CreateDate": "2026-01-15",
    }
    stubber.add_response("get_role", {"Role": role}, {"RoleName": "AWSReservedSSO_Admin_1a"})
    assert Account().find_principal(Identity("123456789012", arn)) == found


def test_a_role_that_may_not_be_looked_at_is_not_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    stub(monkeypatch, "iam").add_client_error("get_role", "AccessDenied")
    assert Account().find_principal(Identity("123456789012", SESSION.format("deployer"))) == ""


def test_a_stack_is_known_with_its_parameters_and_the_defaults_of_its_own_template(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stubber = stub(monkeypatch, "cloudformation")
    stacks = [
        {
            "StackName": "flowlogs",
            "StackStatus": "UPDATE_COMPLETE",
            "CreationTime": "2026-01-15",
            "Parameters": [{"ParameterKey": "Timeout", "ParameterValue": "90"}],
        }
    ]
    stubber.add_response("describe_stacks", {"Stacks": stacks}, {"StackName": "flowlogs"})
    parameters = [{"ParameterKey": "Timeout", "DefaultValue": "60"}, {"ParameterKey": "AdminEmail"}]
    stubber.add_response("get_template_summary", {"Parameters": parameters}, {"StackName": "flowlogs"})
    assert Account().find_stack("flowlogs") == Stack(
        "UPDATE_COMPLETE", {"Timeout": "90"}, {"Timeout": "60", "AdminEmail": ""}
    )


def test_a_stack_that_is_not_there_is_none_and_one_that_may_not_be_seen_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stubber = stub(monkeypatch, "cloudformation")
    stubber.add_client_error("describe_stacks", "ValidationError", "Stack with id flowlogs does not exist")
    assert Account().find_stack("flowlogs") is None
    stubber.add_client_error("describe_stacks", "AccessDenied")
    with pytest.raises(ClientError):
        Account().find_stack("flowlogs")


def test_domains_are_described_five_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    stubber = stub(monkeypatch, "opensearch")
    names = [f"domain-{each}" for each in range(6)]
    stubber.add_response("list_domain_names", {"DomainNames": [{"DomainName": each} for each in names]})
    for some in (names[:5], names[5:]):
        statuses = [
            {
                "DomainId": f"1/{name}",
                "DomainName": name,
                "ARN": f"arn:aws:es:x:1:domain/{name}",
                "EngineVersion": "OpenSearch_3.1",
                "ClusterConfig": {},
                **(
                    {"Endpoint": "search-x.example.org"}
                    if name != "domain-5"
                    else {
                        "Endpoints": {"vpc": "vpc-x.example.org"},
                        "VPCOptions": {"VPCId": "vpc-1", "SubnetIds": ["subnet-1"]},
                        "AdvancedSecurityOptions": {"Enabled": True, "InternalUserDatabaseEnabled": False},
                    }
                ),
            }
            for name in some
        ]
        stubber.add_response("describe_domains", {"DomainStatusList": statuses}, {"DomainNames": some})
    found = Account().list_domains()
    assert [each.name for each in found] == names
    assert found[0] == Domain(
        "domain-0", "OpenSearch_3.1", "https://search-x.example.org", "arn:aws:es:x:1:domain/domain-0"
    )
    assert found[5] == Domain(
        "domain-5",
        "OpenSearch_3.1",
        "https://vpc-x.example.org",
        "arn:aws:es:x:1:domain/domain-5",
        vpc="vpc-1",
        subnets=("subnet-1",),
        guarded=True,
    )


PLAIN = {
    "ClusterConfig": {"InstanceType": "t3.medium.search", "InstanceCount": 1, "DedicatedMasterType": "m7g.x"},
    "EBSOptions": {"EBSEnabled": True, "VolumeType": "gp3", "VolumeSize": 20},
}
LARGE = {
    "ClusterConfig": {
        "InstanceType": "i4i.large.search",
        "InstanceCount": 3,
        "ZoneAwarenessEnabled": True,
        "ZoneAwarenessConfig": {"AvailabilityZoneCount": 3},
        "DedicatedMasterEnabled": True,
        "DedicatedMasterType": "m7g.large.search",
        "WarmEnabled": True,
        "WarmType": "ultrawarm1.large.search",
        "WarmCount": 2,
    },
    "EBSOptions": {"EBSEnabled": False},
    "VPCOptions": {"VPCId": "vpc-1", "SubnetIds": ["subnet-1", "subnet-2", "subnet-3"]},
    "LogPublishingOptions": {"AUDIT_LOGS": {"Enabled": True}},
}


@pytest.mark.parametrize(
    ("status", "values"),
    [
        pytest.param(
            PLAIN,
            {
                "InstanceType": "t3.medium.search",
                "InstanceCount": "1",
                "DomainZones": "1",
                "VolumeSize": "20",
            },
            id="one node",
        ),
        pytest.param(
            LARGE,
            {
                "InstanceType": "i4i.large.search",
                "InstanceCount": "3",
                "DomainZones": "3",
                "DedicatedMasterType": "m7g.large.search",
                "WarmCount": "2",
                "WarmType": "ultrawarm1.large.search",
                "AuditLogs": "true",
                "DomainVpcId": "vpc-1",
                "DomainSubnetIds": "subnet-1,subnet-2,subnet-3",
            },
            id="all that there is",
        ),
    ],
)
def test_a_domain_tells_the_parameters_that_would_make_it(
    status: dict[str, Any], values: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stubber = stub(monkeypatch, "opensearch")
    name, arn = "kept", "arn:aws:es:x:1:domain/kept"
    said = {
        "DomainId": "1/kept",
        "DomainName": name,
        "ARN": arn,
        "EngineVersion": "OpenSearch_2.19",
        **status,
    }
    stubber.add_response("list_domain_names", {"DomainNames": [{"DomainName": name}]})
    stubber.add_response("describe_domains", {"DomainStatusList": [said]}, {"DomainNames": [name]})
    (found,) = Account().list_domains()
    assert found.values == {"DomainName": name, "EngineVersion": "2.19", **values}
    known = read_parameters(load_template())
    assert [
        each.refuse(text) for each, text in ((known[key], found.values[key]) for key in found.values)
    ] == ["" for _ in found.values]


def test_the_disk_of_an_instance_type_is_read_out_of_its_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    stubber = stub(monkeypatch, "opensearch")
    limits = [
        {"LimitName": "MinimumVolumeSize", "LimitValues": ["10"]},
        {"LimitName": "MaximumVolumeSize", "LimitValues": ["200"]},
    ]
    storage = {"StorageTypeName": "ebs", "StorageSubTypeName": "gp3", "StorageTypeLimits": limits}
    asked_for = {"InstanceType": "t3.medium.search", "EngineVersion": "OpenSearch_3.5"}
    for types, found in (([storage], (10, 200)), ([{"StorageTypeName": "instance"}], None)):
        said = {"LimitsByRole": {"data": {"StorageTypes": types}}}
        stubber.add_response("describe_instance_type_limits", said, asked_for)
        assert Account().list_storage("t3.medium.search", "3.5") == found


def test_what_may_not_be_listed_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    stubber = stub(monkeypatch, "opensearch")
    stubber.add_client_error("list_domain_names", "AccessDeniedException", "no")
    with pytest.raises(RefusedError, match="not permitted to you: AWS refuses ListDomainNames"):
        Account().list_domains()


def test_the_volume_of_a_log_group_is_that_of_its_days(monkeypatch: pytest.MonkeyPatch) -> None:
    stubber = stub(monkeypatch, "cloudwatch")
    stubber.add_response("get_metric_statistics", {"Datapoints": []})
    assert Account().measure("/vpc/flow-logs") is None
    stubber.add_response("get_metric_statistics", {"Datapoints": [{"Sum": 4e8}, {"Sum": 6e8}]})
    assert Account().measure("/vpc/flow-logs") == 5e8
