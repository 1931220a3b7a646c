"""The field table: the only place where a flow log field's name stands.

The parser, the index template, the documentation and the tests read it. Names, versions and
meanings are those of "Flow log records" (Amazon VPC User Guide) and "Transit Gateway Flow Log
records" (Amazon VPC Transit Gateways); a version of "6T" is Transit Gateway's own.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

LONG: Final = 2**63 - 1
SHORT: Final = 2**15 - 1
BYTE: Final = 2**7 - 1


class Kind(Enum):
    """How the text of a field is read."""

    TEXT = "text"
    """Any text, kept as it is."""
    TAG = "tag"
    """Text that AWS percent-encodes (UTF-8), so that a tag value has no blank and is never `-`."""
    CHOICE = "choice"
    """One of a closed list of words."""
    ADDRESS = "address"
    """An IPv4 or IPv6 address without a zone."""
    INTEGER = "integer"
    """A whole number within `0` and the field's `high`."""
    SECONDS = "seconds"
    """A point in time, in seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a flow log record.

    Attributes:
        name: AWS's name, such as `account-id`.
        version: the version of the record format that brought it; empty for a name that is not in
            the table.
        kind: how its text is read.
        opensearch: its type in the index.
        meaning: what it says, in a few words.
        high: the largest number accepted (integers only).
        choices: the words accepted (choices only).
        repeated: its format has named it before, so that this token is passed over: the first counts.
    """

    name: str
    version: str
    kind: Kind
    opensearch: str
    meaning: str
    high: int = 0
    choices: tuple[str, ...] = ()
    repeated: bool = False

    @property
    def document_name(self) -> str:
        """The field's name in a document: AWS's, with underscores (hyphens hurt query languages)."""
        return self.name.replace("-", "_")


def _text(name: str, version: str, meaning: str) -> Field:
    return Field(name, version, Kind.TEXT, "keyword", meaning)


def _tag(name: str, meaning: str) -> Field:
    return Field(name, "11", Kind.TAG, "keyword", meaning)


def _choice(name: str, version: str, choices: tuple[str, ...], meaning: str) -> Field:
    return Field(name, version, Kind.CHOICE, "keyword", meaning, choices=choices)


def _address(name: str, version: str, meaning: str) -> Field:
    return Field(name, version, Kind.ADDRESS, "ip", meaning)


def _integer(name: str, version: str, opensearch: str, high: int, meaning: str) -> Field:
    return Field(name, version, Kind.INTEGER, opensearch, meaning, high=high)


def _count(name: str, version: str, meaning: str) -> Field:
    return _integer(name, version, "long", LONG, meaning)


def _seconds(name: str, version: str, meaning: str) -> Field:
    return Field(name, version, Kind.SECONDS, "date", meaning)


FIELDS: Final[tuple[Field, ...]] = (
    _integer("version", "2", "short", SHORT, "highest version among the fields of the format"),
    _text("account-id", "2", "account of the source interface; `unknown` where AWS created it"),
    _text("interface-id", "2", "network interface; absent for regional NAT gateways"),
    _address("srcaddr", "2", "source; for the interface's own traffic its primary private IPv4"),
    _address("dstaddr", "2", "destination; for the interface's own traffic its primary private IPv4"),
    _integer("srcport", "2", "integer", 65535, "source port; 0 for protocols without ports"),
    _integer("dstport", "2", "integer", 65535, "destination port; 0 for protocols without ports"),
    _integer("protocol", "2", "short", 255, "IANA protocol number"),
    _count("packets", "2", "packets in the window"),
    _count("bytes", "2", "bytes in the window"),
    _seconds("start", "2", "first packet of the window"),
    _seconds("end", "2", "last packet of the window"),
    _choice("action", "2", ("ACCEPT", "REJECT"), "what security groups and network ACLs did"),
    _choice("log-status", "2", ("OK", "NODATA", "SKIPDATA"), "whether the window was captured"),
    _text("vpc-id", "3", "VPC of the interface"),
    _text("subnet-id", "3", "subnet of the interface"),
    _text("instance-id", "3", "instance of the interface; absent for requester-managed interfaces"),
    _integer("tcp-flags", "3", "short", SHORT, "TCP flags seen in the window: FIN 1, SYN 2, RST 4, ACK 16"),
    _text("type", "3", "IPv4, IPv6 or EFA"),
    _address("pkt-srcaddr", "3", "source in the packet itself"),
    _address("pkt-dstaddr", "3", "destination in the packet itself"),
    _text("region", "4", "Region of the interface"),
    _text("az-id", "4", "Availability Zone of the interface; absent in a sublocation"),
    _text("sublocation-type", "4", "wavelength, outpost or localzone"),
    _text("sublocation-id", "4", "identifier of the sublocation"),
    _text("pkt-src-aws-service", "5", "AWS service that owns pkt-srcaddr, such as S3"),
    _text("pkt-dst-aws-service", "5", "AWS service that owns pkt-dstaddr, such as S3"),
    _text("flow-direction", "5", "ingress or egress, as the interface sees it"),
    _integer("traffic-path", "5", "byte", BYTE, "way that egress traffic takes, 1 to 8"),
    _text("ecs-cluster-arn", "7", "ARN of the ECS cluster"),
    _text("ecs-cluster-name", "7", "name of the ECS cluster"),
    _text("ecs-container-instance-arn", "7", "ARN of the ECS container instance (EC2 launch type)"),
    _text("ecs-container-instance-id", "7", "identifier of the ECS container instance (EC2 launch type)"),
    _text("ecs-container-id", "7", "Docker identifier of the task's first container"),
    _text("ecs-second-container-id", "7", "Docker identifier of the task's second container"),
    _text("ecs-service-name", "7", "ECS service that started the task"),
    _text("ecs-task-definition-arn", "7", "ARN of the ECS task definition"),
    _text("ecs-task-arn", "7", "ARN of the ECS task"),
    _text("ecs-task-id", "7", "identifier of the ECS task"),
    _text("reject-reason", "8", "why traffic was rejected: BPA, EC"),
    _text("resource-id", "9", "resource of the flow, such as a regional NAT gateway"),
    _integer("encryption-status", "10", "byte", BYTE, "0 clear, 1 Nitro, 2 application layer, 3 both"),
    _tag("instance-tag", "value of the instance's first chosen tag"),
    _tag("instance-tag-2", "value of the instance's second chosen tag"),
    _tag("interface-tag", "value of the interface's first chosen tag"),
    _tag("interface-tag-2", "value of the interface's second chosen tag"),
    _tag("asg-tag", "value of the Auto Scaling group's first chosen tag"),
    _tag("asg-tag-2", "value of the Auto Scaling group's second chosen tag"),
    _text("interface-type", "11", "nat_gateway, network_load_balancer, transit_gateway, vpc_endpoint, ..."),
    _text("next-hop-interface-id", "11", "interface that receives (egress) or sent (ingress)"),
    _text("next-hop-subnet-id", "11", "subnet of the next hop"),
    _text("next-hop-az-id", "11", "Availability Zone of the next hop"),
    _text("next-hop-vpc-id", "11", "VPC of the next hop"),
    _text("next-hop-interface-type", "11", "type of the next hop, as interface-type"),
    _text("resource-type", "6T", "TransitGateway or TransitGatewayAttachment"),
    _text("tgw-id", "6T", "transit gateway"),
    _text("tgw-attachment-id", "6T", "transit gateway attachment"),
    _text("tgw-src-vpc-account-id", "6T", "account of the source VPC"),
    _text("tgw-dst-vpc-account-id", "6T", "account of the destination VPC"),
    _text("tgw-src-vpc-id", "6T", "source VPC"),
    _text("tgw-dst-vpc-id", "6T", "destination VPC"),
    _text("tgw-src-subnet-id", "6T", "subnet of the source"),
    _text("tgw-dst-subnet-id", "6T", "subnet of the destination"),
    _text("tgw-src-eni", "6T", "interface of the source"),
    _text("tgw-dst-eni", "6T", "interface of the destination"),
    _text("tgw-src-az-id", "6T", "Availability Zone of the source"),
    _text("tgw-dst-az-id", "6T", "Availability Zone of the destination"),
    _text("tgw-pair-attachment-id", "6T", "the flow's other attachment"),
    _count("packets-lost-no-route", "6T", "packets lost: no route"),
    _count("packets-lost-blackhole", "6T", "packets lost: black hole"),
    _count("packets-lost-mtu-exceeded", "6T", "packets lost: larger than the MTU"),
    _count("packets-lost-ttl-expired", "6T", "packets lost: time to live expired"),
)

_BY_NAME: Final = {field.name: field for field in FIELDS}


def find(name: str) -> Field:
    """Return the field of that AWS name; for a name not in the table, a field of plain text.

    AWS adds fields to flow logs; a new one must be kept from its first day, not refused.
    """
    return _BY_NAME.get(name) or Field(name, "", Kind.TEXT, "keyword", "not in the field table")
