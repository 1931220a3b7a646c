"""Panels of a few lines made up: what a list within a list must not leave out."""

import datetime as dt
from collections import Counter

from flowlogs.local.embedded import Embedded
from flowlogs.panels.catalogue import EVERY_PANEL
from flowlogs.panels.panel import Row, largest, read, search
from support.flow_picture import labels
from support.logged import flow, load_lines

SINCE = dt.datetime(2026, 1, 15, 6, tzinfo=dt.UTC)
PANELS = {panel.name: panel for panel in EVERY_PANEL}


def test_the_largest_pairs_are_all_shown_though_one_host_sends_them(opensearch: Embedded) -> None:
    """A backup to six hosts: six rows of 1 GB, and not two of them before rows of 1 kB."""
    panel = PANELS["talkers"]
    pairs = [("10.0.0.1", f"10.0.1.{number}", 10**9 - number) for number in range(1, 16)]
    pairs += [(f"10.0.2.{number}", "10.0.1.1", 1_000 - number) for number in range(1, 30)]
    load_lines(opensearch, [flow(source, to, 443, size) for source, to, size in pairs], SINCE)

    status, reply = opensearch.request("POST", "/cwl-*/_search", search(panel, "1h", {"match_all": {}}))

    assert status == 200, reply
    shown = largest(panel, read(panel, reply))
    assert shown == [Row((source, to, 443), (size, 1, 1)) for source, to, size in pairs[:20]]


def test_each_port_of_the_flow_picture_has_all_of_its_bytes(opensearch: Embedded) -> None:
    """Port 8080 is called by more sources than are listed; the picture holds the bytes of them all."""
    panel = PANELS["networks-to-ports"]
    flows = [(f"10.{number}.0.1", "10.0.0.9", 8080, 1_000 + number) for number in range(80)]
    flows += [("10.3.0.1", "10.0.0.9", 443, 70_001), ("10.3.0.2", "10.0.0.9", 443, 5)]
    load_lines(opensearch, [flow(*each) for each in flows], SINCE)

    status, reply = opensearch.request("POST", "/cwl-*/_search", search(panel, "1h", {"match_all": {}}))

    assert status == 200, reply
    totals: Counter[int] = Counter()
    for _, _, port, size in flows:
        totals[port] += size
    assert set(labels(panel, reply["aggregations"])) >= {f"{port}  {size}B" for port, size in totals.items()}
    rows = read(panel, reply)
    assert {row.keys[1] for row in rows if row.keys[0] == 443} == {"10.3.0.1", "10.3.0.2"}
    listed = sum(row.values[0] for row in rows if row.keys[0] == 8080)
    assert listed == totals[8080]
