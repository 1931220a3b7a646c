"""Whether S3 is reached from a subnet, as its route table and the VPC's endpoints say it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

_S3: Final = ".s3"
"""How the names of the service's endpoints end, in each partition."""

_EVERYWHERE: Final = "0.0.0.0/0"
_TARGETS: Final = (
    "NatGatewayId",
    "TransitGatewayId",
    "VpcPeeringConnectionId",
    "NetworkInterfaceId",
    "CoreNetworkArn",
    "GatewayId",
)
_INTERNET: Final = "igw-"
"""How an internet gateway's name begins: a function in a VPC has no public address, and is not let out there
(AWS Lambda Developer Guide, "Enable internet access for VPC-connected Lambda functions")."""


def find_way_to_s3(client: Any, subnet: str) -> str:  # noqa: ANN401  # boto3's, made when it runs
    """Return by what S3 is reached from a subnet: name of an endpoint or a gateway; empty where by nothing.

    Whether what stands behind a gateway lets everything out is not known here.

    Raises:
        botocore.exceptions.ClientError, BotoCoreError: it may not be asked, or there is no such subnet.
    """
    (found,) = client.describe_subnets(SubnetIds=[subnet])["Subnets"]
    within = {"Name": "vpc-id", "Values": [found["VpcId"]]}
    main = [within, {"Name": "association.main", "Values": ["true"]}]
    tables = client.describe_route_tables(Filters=[{"Name": "association.subnet-id", "Values": [subnet]}])
    # A subnet that has no route table of its own has the VPC's.
    table = (tables["RouteTables"] or client.describe_route_tables(Filters=main)["RouteTables"])[0]
    endpoints = client.describe_vpc_endpoints(Filters=[within])["VpcEndpoints"]
    ways = [*_read_endpoints(endpoints, table["RouteTableId"]), *_read_routes(table["Routes"])]
    return next(iter(ways), "")


def _read_endpoints(endpoints: Iterable[Mapping[str, Any]], table: str) -> Iterator[str]:
    for each in endpoints:
        if not each["ServiceName"].endswith(_S3):
            continue
        if each["VpcEndpointType"] == "Interface":
            # Only where S3's usual name leads to it, and for who asks inside of the VPC.
            inbound = each.get("DnsOptions", {}).get("PrivateDnsOnlyForInboundResolverEndpoint")
            leads_there = each.get("PrivateDnsEnabled") and not inbound
        else:
            leads_there = table in each.get("RouteTableIds", ())
        if leads_there:
            yield each["VpcEndpointId"]


def _read_routes(routes: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for each in routes:
        target = next((str(each[name]) for name in _TARGETS if each.get(name)), "")
        leads_on = each.get("DestinationCidrBlock") == _EVERYWHERE and each.get("State") != "blackhole"
        if leads_on and target and not target.startswith(_INTERNET):
            yield target
