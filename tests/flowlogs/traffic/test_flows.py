"""The generated flows look like those of a real network.

Lines are read by position, without the parser: every format begins with the fields of version 2.
"""

import base64
import datetime as dt
import gzip
import ipaddress
import json
from collections import Counter

import pytest

from flowlogs.traffic.day import generate_day


@pytest.fixture(scope="module")
def flows() -> list[list[str]]:
    """Return the fields of flows of ten days, each too small to have broken lines."""
    days = [dt.date(2026, 1, number) for number in range(1, 11)]
    payloads = [payload for day in days for payload in generate_day(day, records=2_900)]
    assert not any(payload.summary.unparsed for payload in payloads)
    contents = [json.loads(gzip.decompress(base64.b64decode(p.event["awslogs"]["data"]))) for p in payloads]
    lines = [event["message"].split() for content in contents for event in content["logEvents"]]
    return [line for line in lines if line[13] == "OK"]


def test_one_flow_in_twelve_is_ipv6(flows: list[list[str]]) -> None:
    assert 0.07 < sum(":" in flow[3] for flow in flows) / len(flows) < 0.095


def test_both_ends_of_a_flow_are_addresses_of_one_family(flows: list[list[str]]) -> None:
    pairs = {(flow[3], flow[4]) for flow in flows}

    assert all(
        ipaddress.ip_address(one).version == ipaddress.ip_address(other).version for one, other in pairs
    )


def test_nobody_talks_to_itself(flows: list[list[str]]) -> None:
    assert all(flow[3] != flow[4] for flow in flows)


def test_tcp_udp_and_icmp_occur(flows: list[list[str]]) -> None:
    protocols = Counter(flow[7] for flow in flows)

    assert [name for name, _ in protocols.most_common()] == ["6", "17", "1", "58"]


def test_the_usual_ports_are_the_busiest(flows: list[list[str]]) -> None:
    busiest = {port for port, _ in Counter(flow[6] for flow in flows).most_common(12)}

    assert {"443", "53", "80", "22", "3306", "5432"} <= busiest


def test_most_rejected_flows_are_probes_of_many_ports(flows: list[list[str]]) -> None:
    rejected = [flow for flow in flows if flow[12] == "REJECT"]
    scanners = [flow for flow in rejected if flow[3].startswith(("198.51.100.", "2001:db8:bad:"))]

    assert len(scanners) > len(rejected) * 0.9
    assert len({flow[6] for flow in scanners}) > 300
    assert len({flow[4] for flow in scanners}) > 50


def test_a_nat_gateway_shows_the_packets_own_ends(flows: list[list[str]]) -> None:
    gateway = [flow for flow in flows if len(flow) == 18]
    kinds = Counter((flow[3] == flow[14], flow[4] == flow[15], flow[16]) for flow in gateway)
    assert set(kinds) == {
        (True, False, "ingress"),
        (True, True, "egress"),
        (True, True, "ingress"),
        (False, True, "egress"),
    }
