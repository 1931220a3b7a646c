"""What a deployment costs a month, as a first idea: the large parts, at list prices, for a volume."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

HOURS: Final = 730
"""Of a month, as AWS counts them."""

DAYS: Final = 30.4

REGION: Final = "us-east-1"
"""Whose list prices these are, in dollars, as of 2026; other Regions differ by some 10 to 25 %."""

NODE: Final = {
    "t3.small.search": 0.036,
    "t3.medium.search": 0.073,
    "m7g.large.search": 0.135,
    "r7g.medium.search": 0.089,
    "r7g.large.search": 0.178,
    "r7g.xlarge.search": 0.356,
    "r7g.2xlarge.search": 0.712,
    "ultrawarm1.medium.search": 0.238,
    "ultrawarm1.large.search": 2.680,
}
"""Of a node an hour. A type that is not here is not guessed."""

DISK: Final = 0.122
"""Of a GiB of a domain's gp3 disk a month."""

VENDED_LOGS: Final = 0.50
"""Of a GB that a flow log writes into a log group, up to 10 TB a month."""

ALARM: Final = 0.10
METRIC: Final = 0.30
DASHBOARD: Final = 3.00
STREAM_ON_DEMAND: Final = 0.040
SHARD: Final = 0.015
"""An alarm, a metric, a dashboard a month; a stream on demand, a shard an hour."""

FUNCTIONS: Final = 0.25
"""Of the functions, their requests and their own log lines, for a GB of flow log lines: 0.0286 dollars
for a million events of 50 a payload, and 8.7 million lines of 115 bytes."""

DISK_PER_BYTE: Final = 1.26
"""Bytes in an index for a byte of lines, each copy: 145 bytes for a line of 115 (benchmarks/RESULTS.md)."""

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
        hour = NODE.get(kind)
        yield Part(f"{nodes} x {kind}", None if hour is None else nodes * hour * HOURS)
        for more, count in (("DedicatedMasterType", 3), ("WarmType", int(values.get("WarmCount", "0")))):
            if count and (other := values.get(more)):
                yield Part(f"{count} x {other}", count * NODE[other] * HOURS if other in NODE else None)
        yield Part(f"{nodes} x {values['VolumeSize']} GiB of disk", nodes * int(values["VolumeSize"]) * DISK)
    month = bytes_a_day * DAYS / GB
    yield Part(
        "CloudWatch Logs: the flow logs' lines (billed already, where they exist)", month * VENDED_LOGS
    )
    yield Part("functions and their own log lines", month * FUNCTIONS)
    alarms = counted.get("AWS::CloudWatch::Alarm", 0)
    yield Part(f"{alarms} alarms", alarms * ALARM)
    yield Part("dashboard", counted.get("AWS::CloudWatch::Dashboard", 0) * DASHBOARD)
    if counted.get("AWS::Kinesis::Stream"):
        shards = int(values["StreamShards"])
        hourly = shards * SHARD if shards else STREAM_ON_DEMAND
        yield Part("stream, without what goes through it", hourly * HOURS)


def advise_on_disk(values: Mapping[str, str], bytes_a_day: float) -> str:
    """Return what is to be said where a new domain's disks are too small for the retention; else nothing."""
    days, nodes = int(values["RetentionDays"]), int(values["InstanceCount"])
    if values["OpenSearchUrl"] or not days:
        return ""
    copies = 1 + (int(nodes > 1) if values["IndexReplicas"] == "auto" else int(values["IndexReplicas"]))
    needed = bytes_a_day * days * DISK_PER_BYTE * copies / FILL / 2**30
    there = nodes * int(values["VolumeSize"])
    if needed <= there:
        return ""
    return (
        f"{days} days of that volume need some {needed:,.0f} GiB of disk, and the domain has {there}: "
        "raise VolumeSize, or lower RetentionDays"
    )
