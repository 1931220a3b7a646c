"""Whether functions in a VPC reach S3, without which the setup cannot answer: as EC2's own calls say it."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from flowlogs.deploying import account
from flowlogs.deploying.account import RefusedError
from flowlogs.deploying.routes import UnclearError, find_way_to_s3

REGION = "eu-central-1"


@pytest.fixture
def ec2(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:  # boto3's client
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        monkeypatch.setenv(f"AWS_{name}", "x")
    with mock_aws():
        yield boto3.client("ec2", region_name=REGION)


@pytest.fixture
def vpc(ec2: Any) -> str:
    return str(ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"])


@pytest.fixture
def subnet(ec2: Any, vpc: str) -> str:
    return str(ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"])


@pytest.fixture
def table(ec2: Any, vpc: str, subnet: str) -> str:
    made = str(ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"])
    ec2.associate_route_table(RouteTableId=made, SubnetId=subnet)
    return made


def find_main(ec2: Any, vpc: str) -> str:
    filters = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "association.main", "Values": ["true"]}]
    return str(ec2.describe_route_tables(Filters=filters)["RouteTables"][0]["RouteTableId"])


def put_endpoint(ec2: Any, vpc: str, service: str = "s3", **how: Any) -> str:
    name = f"com.amazonaws.{REGION}.{service}"
    return str(ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=name, **how)["VpcEndpoint"]["VpcEndpointId"])


def put_nat(ec2: Any, subnet: str) -> str:
    return str(ec2.create_nat_gateway(SubnetId=subnet)["NatGateway"]["NatGatewayId"])


def test_a_subnet_alone_has_no_way(ec2: Any, subnet: str) -> None:
    assert find_way_to_s3(ec2, subnet) == ""


def test_a_gateway_endpoint_in_its_route_table_is_a_way(ec2: Any, vpc: str, subnet: str, table: str) -> None:
    put_endpoint(ec2, vpc, "dynamodb", VpcEndpointType="Gateway", RouteTableIds=[table])
    put_endpoint(ec2, vpc, VpcEndpointType="Gateway", RouteTableIds=[find_main(ec2, vpc)])
    assert find_way_to_s3(ec2, subnet) == "", "one of another service, and of another table"
    made = put_endpoint(ec2, vpc, VpcEndpointType="Gateway", RouteTableIds=[table])
    assert find_way_to_s3(ec2, subnet) == made


def test_a_subnet_without_a_route_table_has_that_of_its_vpc(ec2: Any, vpc: str, subnet: str) -> None:
    made = put_endpoint(ec2, vpc, VpcEndpointType="Gateway", RouteTableIds=[find_main(ec2, vpc)])
    assert find_way_to_s3(ec2, subnet) == made


def test_an_interface_is_a_way_where_the_usual_name_leads_to_it(ec2: Any, vpc: str, subnet: str) -> None:
    hidden = put_endpoint(ec2, vpc, VpcEndpointType="Interface", SubnetIds=[subnet], PrivateDnsEnabled=False)
    with pytest.raises(UnclearError, match=f"may reach S3 by {hidden}, which"):  # by a zone of one's own
        find_way_to_s3(ec2, subnet)
    made = put_endpoint(ec2, vpc, VpcEndpointType="Interface", SubnetIds=[subnet], PrivateDnsEnabled=True)
    assert find_way_to_s3(ec2, subnet) == made


def test_a_nat_gateway_is_a_way(ec2: Any, subnet: str, table: str) -> None:
    made = put_nat(ec2, subnet)
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=made)
    assert find_way_to_s3(ec2, subnet) == made


def test_an_internet_gateway_is_none_for_what_has_no_public_address(
    ec2: Any, vpc: str, subnet: str, table: str
) -> None:
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    assert find_way_to_s3(ec2, subnet) == ""


def test_a_route_to_some_addresses_only_may_be_a_way_and_stops_nobody(
    ec2: Any, subnet: str, table: str
) -> None:
    """A network without the internet has S3's endpoints in a network that others reach by such a route."""
    made = put_nat(ec2, subnet)
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="10.128.0.0/9", NatGatewayId=made)
    with pytest.raises(UnclearError, match=f"^{subnet} may reach S3 by {made}, which cannot be seen"):
        find_way_to_s3(ec2, subnet)


def test_a_subnet_of_another_account_may_show_no_route_table(ec2: Any, vpc: str, subnet: str) -> None:
    class Shared:
        """EC2 as somebody asks it who has a share in the subnet only."""

        describe_subnets = ec2.describe_subnets

        def describe_route_tables(self, **_asked: object) -> dict[str, list[object]]:
            return {"RouteTables": []}

    with pytest.raises(UnclearError, match=f"^the route table of {subnet} is not shown to you$"):
        find_way_to_s3(Shared(), subnet)


def test_what_is_not_to_be_seen_is_no_answer(ec2: Any, subnet: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_client: object, _subnet: str) -> str:
        raise UnclearError("why")

    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setattr(account, "find_way_to_s3", fail)
    with pytest.raises(RefusedError, match="why"):
        account.Account().find_way_to_s3(subnet)
