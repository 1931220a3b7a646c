"""What a deployment costs a month, as a first idea: the large parts, at list prices, for a volume."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from flowlogs.pricing.events import cost_direct, read_measured
from flowlogs.pricing.prices import price, price_node

HOURS: Final = 730
"""Of a month, as AWS counts them."""

DAYS: Final = 30.4

LOGS: Final = "CloudWatch Logs: the flow logs' lines (billed already, where they exist)"
FUNCTIONS: Final = "functions and their own log lines"

FILL: Final = 0.75
"""Part of a disk that documents may take: OpenSearch keeps the rest free, and so does the service."""

GB: Final = 1e9


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the bill: dollars a month, or None where the price is not known here."""

    name: str
    dollars: float | None


def estimate(values: Mapping[str, str], counted: Mapping[str, int], bytes_a_day: float) -> Iterator[Part]:
    """Yield the parts of a month's bill.

    Args:
        values: of the template's parameters.
        counted: how many resources of each type are made, those of nested stacks among them.
        bytes_a_day: of flow log lines.
    """
    if counted.get("AWS::OpenSearchService::Domain"):
        nodes, kind = int(values["InstanceCount"]), values["InstanceType"]
        hour = price_node(kind)
        yield Part(f"{nodes} x {kind}", None if hour is None else nodes * hour * HOURS)
        for more, count in (("DedicatedMasterType", 3), ("WarmType", int(values.get("WarmCount", "0")))):
            if count and (other := values.get(more)):
                each = price_node(other)
                yield Part(f"{count} x {other}", None if each is None else count * each * HOURS)
        size = int(values["VolumeSize"])
        yield Part(f"{nodes} x {size} GiB of disk", nodes * size * price("opensearch_gp3_gb_month"))
    month = bytes_a_day * DAYS / GB
    yield Part(LOGS, month * price("vended_logs_gb"))
    measured = read_measured()
    events = bytes_a_day * DAYS / measured.line_bytes["v2"]
    yield Part(FUNCTIONS, events / 1e6 * cost_direct(measured).total)
    alarms = counted.get("AWS::CloudWatch::Alarm", 0)
    yield Part(f"{alarms} alarms", alarms * price("alarm_month"))
    yield Part("dashboard", counted.get("AWS::CloudWatch::Dashboard", 0) * price("dashboard_month"))
    if counted.get("AWS::Kinesis::Stream"):
        shards = int(values["StreamShards"])
        hourly = shards * price("kinesis_shard_hour") if shards else price("kinesis_on_demand_hour")
        yield Part("stream, without what goes through it", hourly * HOURS)


def advise_on_disk(values: Mapping[str, str], bytes_a_day: float) -> str:
    """Return what is to be said where a new domain's disks are too small for the retention; else nothing."""
    days, nodes = int(values["RetentionDays"]), int(values["InstanceCount"])
    if values["OpenSearchUrl"] or not days:
        return ""
    copies = 1 + (int(nodes > 1) if values["IndexReplicas"] == "auto" else int(values["IndexReplicas"]))
    measured = read_measured()
    events = bytes_a_day * days / measured.line_bytes["v2"]
    needed = events * measured.disk_bytes["v2"] * copies / FILL / 2**30
    there = nodes * int(values["VolumeSize"])
    if needed <= there:
        return ""
    return (
        f"{days} days of that volume need some {needed:,.0f} GiB of disk, and the domain has {there}: "
        "raise VolumeSize, or lower RetentionDays"
    )
