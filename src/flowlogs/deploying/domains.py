"""OpenSearch as an account has it: domains, and collections of Serverless."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

_AT_A_TIME: Final = 5
"""Domains that one request may describe (API reference, DescribeDomains)."""


@dataclass(frozen=True, slots=True)
class Domain:
    """An OpenSearch domain, or a Serverless collection.

    Attributes:
        name, version: of the domain; a collection has no version.
        url: its endpoint; empty while it is being made.
        arn: its ARN.
        service: what requests to it are signed for.
        vpc, subnets: where its endpoint is; empty for a public one.
        guarded: it has fine-grained access control.
        passwords: it has users of its own.
        values: what the parameters of a stack that makes such a domain would be, as far as they change it.
    """

    name: str
    version: str
    url: str
    arn: str
    service: str = "es"
    vpc: str = ""
    subnets: tuple[str, ...] = ()
    guarded: bool = False
    passwords: bool = False
    values: dict[str, str] = field(default_factory=dict, compare=False)


def describe_domains(client: Any) -> Iterator[Domain]:  # noqa: ANN401  # boto3's, made when it runs
    """Yield the domains of a Region."""
    names = [each["DomainName"] for each in client.list_domain_names()["DomainNames"]]
    for some in _split(names):
        for each in client.describe_domains(DomainNames=some)["DomainStatusList"]:
            if not each.get("Deleted"):
                yield _read_domain(each)


def _read_domain(said: Mapping[str, Any]) -> Domain:
    endpoint = said.get("Endpoint") or said.get("Endpoints", {}).get("vpc", "")
    security = said.get("AdvancedSecurityOptions", {})
    return Domain(
        name=said["DomainName"],
        version=said.get("EngineVersion", ""),
        url=f"https://{endpoint}" if endpoint else "",
        arn=said["ARN"],
        vpc=said.get("VPCOptions", {}).get("VPCId", ""),
        subnets=tuple(said.get("VPCOptions", {}).get("SubnetIds", ())),
        guarded=bool(security.get("Enabled")),
        passwords=bool(security.get("InternalUserDatabaseEnabled")),
        values=_read_values(said),
    )


def _read_values(said: Mapping[str, Any]) -> dict[str, str]:
    nodes, disk = said.get("ClusterConfig", {}), said.get("EBSOptions", {})
    network, logs = said.get("VPCOptions", {}), said.get("LogPublishingOptions", {})
    zones = nodes.get("ZoneAwarenessConfig", {}).get("AvailabilityZoneCount", 2)
    found = {
        "DomainName": said["DomainName"],
        "EngineVersion": said.get("EngineVersion", "").rpartition("_")[2],
        "InstanceType": nodes.get("InstanceType", ""),
        "InstanceCount": str(nodes.get("InstanceCount", "")),
        "DomainZones": str(zones if nodes.get("ZoneAwarenessEnabled") else 1),
        "VolumeSize": str(disk.get("VolumeSize", "")) if disk.get("EBSEnabled") else "",
        "DedicatedMasterType": nodes.get("DedicatedMasterType", "")
        if nodes.get("DedicatedMasterEnabled")
        else "",
        "WarmCount": str(nodes.get("WarmCount", "")) if nodes.get("WarmEnabled") else "",
        "WarmType": nodes.get("WarmType", "") if nodes.get("WarmEnabled") else "",
        "AuditLogs": "true" if logs.get("AUDIT_LOGS", {}).get("Enabled") else "",
        "DomainVpcId": network.get("VPCId", ""),
        "DomainSubnetIds": ",".join(network.get("SubnetIds", ())),
    }
    return {name: text for name, text in found.items() if text}


def describe_collections(client: Any) -> Iterator[Domain]:  # noqa: ANN401  # as above
    """Yield the Serverless collections of a Region that are in use."""
    listed = client.list_collections(collectionFilters={"status": "ACTIVE"})["collectionSummaries"]
    for some in _split([each["id"] for each in listed]):
        for each in client.batch_get_collection(ids=some)["collectionDetails"]:
            url = each.get("collectionEndpoint", "")
            yield Domain(each["name"], "", url, each["arn"], service="aoss")


def read_disk(roles: Mapping[str, Any]) -> tuple[int, int] | None:
    """Read the limits of a data node's gp3 disk out of what the service says of an instance type."""
    for storage in roles.get("data", {}).get("StorageTypes", ()):
        if storage.get("StorageTypeName") == "ebs" and storage.get("StorageSubTypeName") == "gp3":
            limits = {
                each["LimitName"]: int(each["LimitValues"][0])
                for each in storage.get("StorageTypeLimits", ())
            }
            return limits["MinimumVolumeSize"], limits["MaximumVolumeSize"]
    return None


def _split(names: Sequence[str]) -> Iterable[list[str]]:
    return (list(names[start : start + _AT_A_TIME]) for start in range(0, len(names), _AT_A_TIME))
