"""The network of the generated traffic: accounts, VPCs, interfaces, and who they talk to.

Public addresses are of the ranges kept for documentation and benchmarks (RFC 5737, RFC 2544, RFC 3849),
so that nobody is accused of scanning.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Final, NamedTuple, TypeVar

T = TypeVar("T")

INTERFACES: Final = 300
PUBLIC_CLIENTS: Final = 4_000
SCANNERS: Final = 60
PROBES: Final = 0.078
"""Share of probes among all records; with the few refused connections about 8 % are rejected."""

SAME_VPC, VIRTUAL_PRIVATE_GATEWAY, PEERING, GATEWAY_ENDPOINT, INTERNET_GATEWAY = 1, 3, 4, 7, 8
"""Values of `traffic-path`."""


class Endpoint(NamedTuple):
    """One end of a flow: address, AWS service that owns it (or `-`), traffic-path on the way there."""

    address: str
    service: str = "-"
    path: int = SAME_VPC


class Pair(NamedTuple):
    """The same for both address families, picked by `pair[is_ipv6]`."""

    ipv4: Endpoint
    ipv6: Endpoint


@dataclass(frozen=True, slots=True)
class Role:
    """What an interface is for.

    Attributes:
        serves: ports that it answers on; one that stands twice is twice as busy.
        calls: ports that it asks others on.
        public: whether clients on the internet reach it.
        exposure: how much of the probing from the internet it sees, in relation to the others.
    """

    serves: tuple[int, ...]
    calls: tuple[int, ...]
    public: bool
    exposure: float


ROLES: Final[Mapping[str, Role]] = {
    "web": Role((443, 443, 443, 443, 80), (3306, 5432, 6379, 53, 53, 443), public=True, exposure=1.0),
    "application": Role((8080, 8080, 443), (5432, 3306, 53, 443, 443), public=False, exposure=0.05),
    "database": Role((5432, 3306), (53, 443, 123), public=False, exposure=0.02),
    "worker": Role((9100,), (443, 443, 443, 53, 5432, 123), public=False, exposure=0.05),
    "bastion": Role((22,), (22, 22, 3306, 53), public=True, exposure=2.0),
    "nat": Role((443, 443, 80), (443, 443, 80), public=False, exposure=0.4),
}
_ORDER: Final = ("web", "application", "database", "worker", "web", "application", "worker", "application")
_RARE: Final = {11: "nat", 12: "bastion"}
_RARE_FORMATS: Final = {"all": (40, 17), "v5": (9, 3)}
"""Of so many interfaces the one at that place logs in the format."""
"""Of every thirty interfaces, which ones are special."""


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface with a flow log.

    Attributes:
        role: what it is for.
        fixed: the values that stand in each of its records, by field name.
        own: its addresses.
        vpc: index of its VPC in `Network.residents`.
        log_group: where its flow log goes.
        format: name of its format.
        activity: how busy it is, in relation to the others.
        probed: the share of probes among its records.
        translates: whether it is a NAT gateway's.
    """

    role: Role
    fixed: dict[str, str]
    own: Pair
    vpc: int
    log_group: str
    format: str
    activity: float
    probed: float
    translates: bool


@dataclass(frozen=True, slots=True)
class Network:
    """All there is.

    `residents` are the interfaces' addresses, one list for each VPC; `peered` are those of the other
    VPCs, as seen from it.
    """

    interfaces: list[Interface]
    residents: list[list[Pair]]
    peered: list[list[Pair]]
    clients: list[Pair]
    services: list[Pair]
    scanners: list[Pair]


class _Vpc(NamedTuple):
    account: str
    name: str
    region: str
    zone: str
    identity: str


def pick(random: Random, sequence: Sequence[T], skew: int = 1) -> T:
    """Draw one; the higher the skew, the more often one of the first."""
    return sequence[int(len(sequence) * random.random() ** skew)]


@cache
def build_network(seed: int) -> Network:
    """Build the network, once; the same seed gives the same one."""
    random = Random(f"network {seed}")  # noqa: S311  # sample data
    vpcs = _build_vpcs(random)
    ranks = random.sample(range(INTERFACES), INTERFACES)
    activities = [1 / (rank + 1) ** 0.8 for rank in ranks]
    roles = [_RARE.get(index % 30) or _ORDER[index % len(_ORDER)] for index in range(INTERFACES)]
    exposures = [ROLES[role].exposure for role in roles]
    mean = sum(a * e for a, e in zip(activities, exposures, strict=True)) / sum(activities)
    interfaces = [
        _build_interface(random, index, vpcs, role, activity, min(0.7, PROBES * exposure / mean))
        for index, (role, activity, exposure) in enumerate(zip(roles, activities, exposures, strict=True))
    ]
    residents: list[list[Pair]] = [[] for _ in vpcs]
    for interface in interfaces:
        residents[interface.vpc].append(interface.own)
    return Network(
        interfaces=interfaces,
        residents=residents,
        peered=[_peer(residents, vpc) for vpc in range(len(vpcs))],
        clients=_build_clients(random),
        services=_build_services(),
        scanners=[
            _pair(f"198.51.100.{n}", f"2001:db8:bad::{n:x}") for n in random.sample(range(1, 255), SCANNERS)
        ],
    )


def _identity(random: Random, kind: str) -> str:
    return f"{kind}-{random.getrandbits(68):017x}"


def _pair(ipv4: str, ipv6: str, service: str = "-", path: int = INTERNET_GATEWAY) -> Pair:
    return Pair(Endpoint(ipv4, service, path), Endpoint(ipv6, service, path))


def _peer(residents: Sequence[Sequence[Pair]], own: int) -> list[Pair]:
    others = (pair for vpc, pairs in enumerate(residents) if vpc != own for pair in pairs)
    return [_pair(pair.ipv4.address, pair.ipv6.address, path=PEERING) for pair in others]


def _build_vpcs(random: Random) -> list[_Vpc]:
    homes = (
        ("012345678901", "production", "eu-central-1", "euc1-az"),
        ("012345678901", "shared", "eu-central-1", "euc1-az"),
        ("123456789010", "production", "us-east-1", "use1-az"),
        ("123456789010", "staging", "us-east-1", "use1-az"),
        ("345678901234", "development", "ap-southeast-2", "apse2-az"),
    )
    return [_Vpc(*home, _identity(random, "vpc")) for home in homes]


def _build_clients(random: Random) -> list[Pair]:
    numbers = random.sample(range(1, 2**17), PUBLIC_CLIENTS)
    return [
        _pair(f"198.{18 + (number >> 16)}.{number >> 8 & 255}.{number & 255}", _build_ipv6(random))
        for number in numbers
    ]


def _build_ipv6(random: Random) -> str:
    """Return an address with all of its eight groups, as an access network hands them out."""
    groups = (f"{random.randrange(1, 65_536):x}" for _ in range(5))
    return f"2001:db8:{random.randrange(16_384, 20_480):x}:{':'.join(groups)}"


def _build_services() -> list[Pair]:
    names = ("S3", "S3", "S3", "DYNAMODB", "AMAZON", "EC2", "CLOUDFRONT", "AMAZON", "S3", "EC2")
    paths = {"S3": GATEWAY_ENDPOINT, "DYNAMODB": GATEWAY_ENDPOINT}
    return [
        _pair(
            f"192.0.2.{10 + n * 7}",
            f"2001:db8:a35:{n + 1:x}::{n + 1:x}",
            name,
            paths.get(name, INTERNET_GATEWAY),
        )
        for n, name in enumerate(names)
    ]


def _build_interface(
    random: Random, index: int, vpcs: Sequence[_Vpc], role: str, activity: float, probed: float
) -> Interface:
    number = index % len(vpcs)
    vpc = vpcs[number]
    zone = 1 + index // len(vpcs) % 3
    host = 5 + index // len(vpcs)
    log_format = _choose_format(index, role)
    fixed = {
        "account-id": vpc.account,
        "interface-id": _identity(random, "eni"),
        "vpc-id": vpc.identity,
        "subnet-id": f"subnet-{vpc.identity[4:18]}{zone:03x}",
        "region": vpc.region,
        "az-id": f"{vpc.zone}{zone}",
    }
    if role != "nat":
        fixed["instance-id"] = _identity(random, "i")
    if log_format == "all":
        fixed |= _describe(random, role, fixed)
    address = _pair(
        f"10.{number * 16}.{zone}.{host}", f"2001:db8:{number * 16 + 1:x}:{zone:x}::{host:x}", path=SAME_VPC
    )
    return Interface(
        role=ROLES[role],
        fixed=fixed,
        own=address,
        vpc=number,
        log_group=f"/vpc/{vpc.name}/flow-logs",
        format=log_format,
        activity=activity,
        probed=probed,
        translates=role == "nat",
    )


def _choose_format(index: int, role: str) -> str:
    if role == "nat":
        return "nat"
    for name, (number, place) in _RARE_FORMATS.items():
        if index % number == place:
            return name
    return "v2"


def _describe(random: Random, role: str, fixed: Mapping[str, str]) -> dict[str, str]:
    """Make up the values that only the format with all fields has."""
    place = f"arn:aws:ecs:{fixed['region']}:{fixed['account-id']}"
    task = f"{random.getrandbits(128):032x}"
    return {
        "ecs-cluster-arn": f"{place}:cluster/main",
        "ecs-cluster-name": "main",
        "ecs-container-id": f"{task}-{random.getrandbits(32)}",
        "ecs-service-name": role,
        "ecs-task-definition-arn": f"{place}:task-definition/{role}:{random.randrange(1, 90)}",
        "ecs-task-arn": f"{place}:task/main/{task}",
        "ecs-task-id": task,
        "encryption-status": str(random.randrange(4)),
        "instance-tag": f"{role}%20%26%20friends",
        "instance-tag-2": "%2D",
        "interface-tag": "K%C3%B6ln",
        "asg-tag": f"team%3D{role}",
        "next-hop-interface-id": _identity(random, "eni"),
        "next-hop-subnet-id": fixed["subnet-id"],
        "next-hop-az-id": fixed["az-id"],
        "next-hop-vpc-id": fixed["vpc-id"],
        "next-hop-interface-type": "nat_gateway",
    }
