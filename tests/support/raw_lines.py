"""What flow logs say, computed from their raw lines in plain Python: no parser, no OpenSearch.

Lines are split at blanks and read by position. A panel's answer is grouped and summed here by hand, and
each Lucene query of a panel has a Python twin.
"""

import base64
import gzip
import ipaddress
import json
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from flowlogs.panels import catalogue
from flowlogs.panels.panel import Filters, Metric, Panel, Row, Terms, Time
from flowlogs.traffic.day import FORMATS, Payload

Line = dict[str, Any]

NAMES = {
    len(text.split()): [each[2:-1].replace("-", "_") for each in text.split()] for text in FORMATS.values()
}
ADDRESSES = {"srcaddr", "dstaddr", "pkt_srcaddr", "pkt_dstaddr"}
PORTS = {"srcport", "dstport"}
NUMBERS = {"version", "protocol", "packets", "bytes", "traffic_path", *PORTS}
INSIDE = [
    ipaddress.ip_network(each)
    for each in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
]
HOUR = 3_600_000


def read_lines(payloads: Iterable[Payload]) -> list[Line]:
    """Return the lines of payloads; one that is no record has just `parse_error`."""
    return [
        {**read_line(event["message"]), "@timestamp": event["timestamp"]}
        | {"@owner": data["owner"], "@log_group": data["logGroup"]}
        for payload in payloads
        for data in [json.loads(gzip.decompress(base64.b64decode(payload.event["awslogs"]["data"])))]
        for event in data["logEvents"]
    ]


def read_line(message: str) -> Line:
    tokens = message.split(" ")
    names = NAMES.get(len(tokens))
    if names is None:
        return {"parse_error": True}
    line: Line = {name: token for name, token in zip(names, tokens, strict=True) if token != "-"}
    for name in NUMBERS & line.keys():
        if str(int(line[name])) != line[name] or (name in PORTS and int(line[name]) > 65_535):
            return {"parse_error": True}
        line[name] = int(line[name])
    try:
        return line | {name: canonical(line[name]) for name in ADDRESSES & line.keys()}
    except ValueError:
        return {"parse_error": True}


@cache
def canonical(address: str) -> str:
    return str(ipaddress.ip_address(address))


@cache
def is_inside(address: str) -> bool:
    return any(ipaddress.ip_address(address) in network for network in INSIDE)


def captured(line: Line) -> bool:
    return bool(line.get("log_status") == "OK")


def between(*, source: bool, destination: bool) -> Callable[[Line], bool]:
    return lambda line: (
        captured(line) and (is_inside(line["srcaddr"]), is_inside(line["dstaddr"])) == (source, destination)
    )


def has(name: str) -> Callable[[Line], bool]:
    return lambda line: name in line


def equals(name: str, value: str) -> Callable[[Line], bool]:
    return lambda line: bool(line.get(name) == value)


TWINS: dict[str, Callable[[Line], bool]] = {
    "": lambda _: True,
    "log_status:OK": captured,
    "log_status:NODATA": equals("log_status", "NODATA"),
    "log_status:SKIPDATA": equals("log_status", "SKIPDATA"),
    "action:ACCEPT": equals("action", "ACCEPT"),
    "action:REJECT": equals("action", "REJECT"),
    "flow_direction:ingress": equals("flow_direction", "ingress"),
    "flow_direction:egress": equals("flow_direction", "egress"),
    "action:REJECT AND dstport:>0": lambda line: line.get("action") == "REJECT" and line["dstport"] > 0,
    "log_status:OK AND dstport:[1 TO 32767]": lambda line: captured(line) and 1 <= line["dstport"] < 32_768,
    catalogue.DIRECTIONS.queries["inside to inside"]: between(source=True, destination=True),
    catalogue.DIRECTIONS.queries["internet to inside"]: between(source=False, destination=True),
    catalogue.DIRECTIONS.queries["inside to internet"]: between(source=True, destination=False),
    catalogue.DIRECTIONS.queries["public to public"]: between(source=False, destination=False),
    **{
        f"_exists_:{name}": has(name)
        for name in (
            "parse_error",
            "flow_direction",
            "vpc_id",
            "traffic_path",
            "pkt_src_aws_service",
            "pkt_dst_aws_service",
        )
    },
}
"""What the panels' queries mean."""


def answer(panel: Panel, lines: list[Line]) -> list[Row]:
    """Return what a panel must show, with buckets of time of one hour."""
    chosen = [line for line in lines if TWINS[panel.only](line)]
    return rank_flat(panel, chosen) if panel.most else group(panel, chosen, 0)


def rank_flat(panel: Panel, lines: list[Line]) -> list[Row]:
    """Return the largest of all combinations, whatever lists of lists OpenSearch is asked for."""
    fields = [bucket.field for bucket in panel.buckets if isinstance(bucket, Terms)]
    groups: dict[tuple[Any, ...], list[Line]] = {}
    for line in lines:
        if all(field in line for field in fields):
            groups.setdefault(tuple(line[field] for field in fields), []).append(line)
    rows = [
        Row(key, tuple(measure(metric, members) for metric in panel.metrics))
        for key, members in groups.items()
    ]
    return sorted(rows, key=lambda row: -row.values[0])[: panel.most]


def group(panel: Panel, lines: list[Line], depth: int) -> list[Row]:
    if depth == len(panel.buckets):
        return [Row((), tuple(measure(metric, lines) for metric in panel.metrics))]
    bucket = panel.buckets[depth]
    groups: dict[Any, list[Line]] = {}
    match bucket:
        case Filters():
            groups = {
                key: [line for line in lines if TWINS[text](line)] for key, text in bucket.queries.items()
            }
        case Time():
            for line in sorted(lines, key=lambda line: int(line["@timestamp"])):
                groups.setdefault(line["@timestamp"] // HOUR * HOUR, []).append(line)
        case Terms():
            for line in lines:
                if bucket.field in line:
                    groups.setdefault(line[bucket.field], []).append(line)
            first = panel.metrics[0]
            keys = sorted(groups, key=lambda key: (-measure(first, groups[key]), rank(bucket.field, key)))
            groups = {key: groups[key] for key in keys[: bucket.size]}
            if bucket.rest:
                groups[bucket.rest] = [line for line in lines if line.get(bucket.field) not in groups]
                if not groups[bucket.rest]:
                    del groups[bucket.rest]
    return [
        Row((key, *row.keys), row.values)
        for key, members in groups.items()
        for row in group(panel, members, depth + 1)
    ]


def measure(metric: Metric, lines: list[Line]) -> float:
    chosen = [line for line in lines if TWINS[metric.only](line)]
    values = [line[metric.field] for line in chosen if metric.field in line]
    match metric.kind:
        case "count":
            return len(chosen)
        case "sum":
            return float(sum(values))
        case "cardinality":
            return len(set(values))
    return float(max(values, default=0))


def rank(field: str, key: Any) -> Any:
    """Return what OpenSearch sorts equals by: addresses as sixteen bytes."""
    if field in ADDRESSES:
        packed = ipaddress.ip_address(key).packed
        return packed if len(packed) == 16 else bytes(10) + b"\xff\xff" + packed
    return key
