"""What a volume of flow logs needs and costs a month: cluster, log lines, functions, the rest."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from flowlogs.pricing.events import (
    Cost,
    Measured,
    cost_direct,
    cost_stream,
    interpolate,
)
from flowlogs.pricing.month import DAYS, FILL, HOURS, LOGS, Part
from flowlogs.pricing.prices import price, price_node

PEAK: Final = 3.0
"""How many times its mean the rate is in the busiest hour: an assumption."""
BUSY: Final = 0.4
"""Part of a node's processors that indexing may take then; the rest is for searches, merges, a lost node."""
MOST_NODES: Final = 30

GIBIBYTE: Final = 2**30
GB: Final = 1e9
_SECONDS: Final = 86_400


@dataclass(frozen=True, slots=True)
class NodeType:
    """A type of nodes.

    Attributes:
        name: as OpenSearch Service has it.
        processors: that it can use all the time: of a burstable type, its base.
        most_gibibytes: of disk that are reckoned for it; at the largest what the service allows.
    """

    name: str
    processors: float
    most_gibibytes: int


TRYING: Final = NodeType("t3.medium.search", 0.4, 200)
"""Two processors, of each a fifth all the time."""
PRODUCTION: Final = (
    NodeType("r7g.large.search", 2, 1_000),
    NodeType("r7g.xlarge.search", 4, 1_500),
    NodeType("r7g.2xlarge.search", 8, 3_000),
    NodeType("r7g.4xlarge.search", 16, 6_000),
)


@dataclass(frozen=True, slots=True)
class Volume:
    """How many flow log records there are.

    Attributes:
        events_a_day: all of them.
        events_a_payload: that CloudWatch Logs hands over at once: tens of an ordinary interface.
        version: of their format, "v2" or "v5" (with all fields).
    """

    events_a_day: float
    events_a_payload: int
    version: str

    @property
    def rate(self) -> float:
        """Events a second, the mean of a day."""
        return self.events_a_day / _SECONDS


@dataclass(frozen=True, slots=True)
class Cluster:
    """Data nodes that take a volume, and what they cost a month in US dollars."""

    node: NodeType
    count: int
    gibibytes: int

    @property
    def nodes(self) -> float:
        """Of the nodes' hours."""
        return self.count * (price_node(self.node.name) or 0.0) * HOURS

    @property
    def disk(self) -> float:
        """Of their disks."""
        return self.count * self.gibibytes * price("opensearch_gp3_gb_month")


def count_processors(volume: Volume, measured: Measured, copies: int) -> float:
    """Return how many processors the busiest hour takes of all nodes, each copy indexed by itself.

    A request has one payload, as by a subscription: of a stream it has more, which take less.
    """
    each = interpolate(measured.node_cpu, volume.events_a_payload)
    return volume.rate * PEAK * each / 1e6 * copies


def count_gibibytes(volume: Volume, measured: Measured, days: int, copies: int) -> float:
    """Return how much disk the documents of so many days need, with what has to stay free."""
    return volume.events_a_day * days * measured.disk_bytes[volume.version] * copies / FILL / GIBIBYTE


def choose_cluster(volume: Volume, measured: Measured, *, days: int, replicas: int) -> Cluster | None:
    """Return the cheapest data nodes that take a volume; None where even the most of the largest do not.

    With replicas there are three nodes or a multiple, one for each Availability Zone. Without, one is enough.
    """
    copies = replicas + 1
    processors = count_processors(volume, measured, copies) / BUSY
    gibibytes = count_gibibytes(volume, measured, days, copies)
    counts = range(3, MOST_NODES + 1, 3) if replicas else range(1, MOST_NODES + 1)
    kinds = PRODUCTION if replicas else (TRYING, *PRODUCTION)
    fitting = [
        Cluster(kind, count, size)
        for kind in kinds
        for count in (counts if kind is not TRYING else (1,))
        if count * kind.processors >= processors
        and (size := max(10, math.ceil(gibibytes / count / 10) * 10)) <= kind.most_gibibytes
    ]
    return min(fitting, key=lambda each: (each.nodes + each.disk, each.count), default=None)


def cost_functions(volume: Volume, measured: Measured, source: str) -> Cost:
    """Return what a million events cost from `subscription`, `provisioned` or `on demand` to OpenSearch.

    What was measured of a stream are payloads of 50.
    """
    if source == "subscription":
        return cost_direct(measured, volume.events_a_payload)
    return cost_stream(measured, max(volume.rate, 1e-9), on_demand=source == "on demand")


def bill(
    volume: Volume, measured: Measured, *, cluster: Cluster | None, source: str, alarms: int
) -> Iterator[Part]:
    """Yield the parts of a month's bill, the cluster's first."""
    if cluster is None:
        yield Part("a cluster of more nodes than are reckoned here", None)
    else:
        yield Part(f"{cluster.count} x {cluster.node.name}", cluster.nodes)
        yield Part(f"{cluster.count} x {cluster.gibibytes:,} GiB of disk", cluster.disk)
    events = volume.events_a_day * DAYS
    yield Part(LOGS, events * measured.line_bytes[volume.version] / GB * price("vended_logs_gb"))
    each = cost_functions(volume, measured, source)
    yield Part("functions: time and requests", events / 1e6 * each.computing)
    yield Part("functions: their own log lines", events / 1e6 * each.lines)
    if source != "subscription":
        yield Part(f"stream, {source}", events / 1e6 * each.stream)
    yield Part(f"{alarms} alarms and the dashboard", alarms * price("alarm_month") + price("dashboard_month"))


def tell_terabyte(volume: Volume, measured: Measured) -> float:
    """Return how many million events are a TB (10^12 bytes) of lines."""
    return 1e12 / measured.line_bytes[volume.version] / 1e6
