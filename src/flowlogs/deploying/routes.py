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
_HERE: Final = "local"
_INTERNET: Final = "igw-"
"""How an internet gateway's name begins: a function in a VPC has no public address, and is not let out there
(AWS Lambda Developer Guide, "Enable internet access for VPC-connected Lambda functions")."""


class UnclearError(Exception):
    """Whether S3 is reached is not to be seen from here; the text says why."""


def find_way_to_s3(client: Any, subnet: str) -> str:  # noqa: ANN401  # boto3's, made when it runs
    """Return by what S3 is reached from a subnet: name of an endpoint or a gateway; empty where by nothing.

    Whether what stands behind a gateway lets everything out is not known here.

    Raises:
        botocore.exceptions.ClientError, BotoCoreError: it may not be asked, or there is no such subnet.
        UnclearError: it is not to be seen: another network is behind a route, and may have an endpoint and a
            private zone for S3's name, as networks without a way to the internet have.
    """
    (found,) = client.describe_subnets(SubnetIds=[subnet])["Subnets"]
    within = {"Name": "vpc-id", "Values": [found["VpcId"]]}
    main = [within, {"Name": "association.main", "Values": ["true"]}]
    tables = client.describe_route_tables(Filters=[{"Name": "association.subnet-id", "Values": [subnet]}])
    # A subnet that has no route table of its own has the VPC's.
    shown = tables["RouteTables"] or client.describe_route_tables(Filters=main)["RouteTables"]
    if not shown:
        raise UnclearError(f"the route table of {subnet} is not shown to you")
    table = shown[0]
    endpoints = client.describe_vpc_endpoints(Filters=[within])["VpcEndpoints"]
    ways = [*_read_endpoints(endpoints, table["RouteTableId"]), *_read_routes(table["Routes"])]
    if not ways and (maybe := [*_read_doubts(endpoints, table["Routes"])]):
        raise UnclearError(f"{subnet} may reach S3 by {', '.join(maybe)}, which cannot be seen from here")
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


def _read_doubts(
    endpoints: Iterable[Mapping[str, Any]], routes: Iterable[Mapping[str, Any]]
) -> Iterator[str]:
    """Yield what may lead to S3: endpoints of it by another name, and other networks that are reached."""
    known = {each["VpcEndpointId"] for each in endpoints}
    for each in endpoints:
        if each["ServiceName"].endswith(_S3) and each["VpcEndpointType"] == "Interface":
            yield each["VpcEndpointId"]
    for each in routes:
        target = _find_target(each)
        leads_on = target not in ("", _HERE, *known) and each.get("State") != "blackhole"
        if leads_on and not target.startswith(_INTERNET):
            yield target


def _find_target(route: Mapping[str, Any]) -> str:
    return next((str(route[name]) for name in _TARGETS if route.get(name)), "")


def _read_routes(routes: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for each in routes:
        target = _find_target(each)
        leads_on = each.get("DestinationCidrBlock") == _EVERYWHERE and each.get("State") != "blackhole"
        if leads_on and target and not target.startswith(_INTERNET):
            yield target
