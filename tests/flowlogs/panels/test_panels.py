"""Every panel on a real OpenSearch: its aggregation says exactly what the raw lines say."""

import datetime as dt
import ipaddress
import json
import math
from collections import Counter
from typing import Any

import pytest
import vl_convert

from flowlogs.panels import colours
from flowlogs.panels.catalogue import CAPTURED, EVERY_PANEL
from flowlogs.panels.panel import Chart, Filters, Panel, Row, Terms, aggregations, largest, read, search
from flowlogs.panels.sankey import NETWORKS
from flowlogs.panels.vega import draw, specification
from support import raw_lines
from support.flow_picture import labels
from support.logged import Logged
from support.raw_lines import Line

SINCE = dt.datetime(2026, 1, 15, 6, tzinfo=dt.UTC)
UNTIL = dt.datetime(2026, 1, 16, 18, tzinfo=dt.UTC)
DURING = {"range": {"@timestamp": {"gte": SINCE.isoformat(), "lt": UNTIL.isoformat()}}}
OTHERS = "other sources"
PANELS = {panel.name: panel for panel in EVERY_PANEL}
DRAWN_BY_VEGA = [panel for panel in EVERY_PANEL if panel.chart in {Chart.SHARE, Chart.SANKEY}]


def ask(logged: Logged, body: dict[str, Any]) -> Any:
    status, reply = logged.node.request("POST", "/cwl-*/_search", body)
    assert status == 200, reply
    assert reply["_shards"]["failed"] == 0
    return reply


def in_time(logged: Logged) -> list[Line]:
    since, until = SINCE.timestamp() * 1000, UNTIL.timestamp() * 1000
    return [line for line in logged.lines if since <= line["@timestamp"] < until]


def named(panel: Panel) -> str:
    return panel.name


@pytest.mark.parametrize("panel", [each for each in EVERY_PANEL if each.name != "parse-errors"], ids=named)
def test_a_panel_says_what_the_raw_lines_say(panel: Panel, logged: Logged) -> None:
    rows = read(panel, ask(logged, search(panel, "1h", DURING)))
    if panel.most:
        rows = largest(panel, rows)

    assert rows == raw_lines.answer(panel, in_time(logged))
    assert rows


def test_the_lines_that_are_not_understood_are_counted_by_account_and_log_group(logged: Logged) -> None:
    """Their reasons are the parser's own words."""
    panel = PANELS["parse-errors"]

    counted: Counter[tuple[str | int, ...]] = Counter()
    for row in read(panel, ask(logged, search(panel, "1h", {"match_all": {}}))):
        assert row.keys[2]
        counted[row.keys[:2]] += int(row.values[0])

    broken = [(line["@owner"], line["@log_group"]) for line in logged.lines if "parse_error" in line]
    assert broken
    assert counted == Counter(broken)


@pytest.mark.parametrize("panel", EVERY_PANEL, ids=named)
def test_a_panel_without_records_is_empty(panel: Panel, logged: Logged) -> None:
    never = {"range": {"@timestamp": {"lt": "2000-01-01"}}}

    rows = read(panel, ask(logged, search(panel, "1h", never)))

    first = panel.buckets[0] if panel.buckets else None
    keys = list(first.queries) if isinstance(first, Filters) else [] if first else [None]
    zeros = tuple(0 for _ in panel.metrics)
    assert rows == [Row(() if key is None else (key,), zeros) for key in keys]


def test_no_panel_is_a_pie_and_bytes_come_first() -> None:
    assert {panel.chart for panel in EVERY_PANEL} == set(Chart)
    bars = [panel for panel in EVERY_PANEL if panel.chart is Chart.BARS]
    assert {panel.metrics[0].label for panel in bars} == {"bytes"}
    captured = [panel for panel in EVERY_PANEL if panel.only == CAPTURED]
    assert {panel.metrics[0].label for panel in captured} == {"bytes"}


def test_every_title_asks_a_question_and_no_name_stands_twice() -> None:
    assert [panel.title for panel in EVERY_PANEL if "?" not in panel.title] == []
    assert len(PANELS) == len(EVERY_PANEL)


def test_no_panel_asks_for_more_buckets_than_a_cluster_gives() -> None:
    """OpenSearch gives 65,535 (`search.max_buckets`); each day's index makes its candidates in memory."""
    for panel in EVERY_PANEL:
        lists = [bucket for bucket in panel.buckets if isinstance(bucket, Terms)]
        assert math.prod(bucket.size for bucket in lists) <= 5_000, panel.name
        if len(lists) > 2:
            assert math.prod(bucket.candidates for bucket in lists) <= 80_000, panel.name


def test_each_port_of_the_flow_picture_has_the_bytes_of_the_raw_lines(logged: Logged) -> None:
    panel = PANELS["networks-to-ports"]
    totals: Counter[int] = Counter()
    for line in in_time(logged):
        if raw_lines.TWINS[panel.only](line):
            totals[line["dstport"]] += line["bytes"]

    shown = labels(panel, ask(logged, search(panel, "1h", DURING))["aggregations"])

    assert set(shown) >= {f"{port}  {size}B" for port, size in totals.most_common(8)}


@pytest.mark.parametrize(
    "address",
    [
        "10.1.2.3",
        "::1",
        "::",
        "1::",
        "fe80::1",
        "2001::1",
        "2001:db8::1",
        "2001:0:1:2:3:4:5:6",
        "2001:10:1:2:3:4:5:6",
        "0:1:2:3:4:5:6:7",
        "::2:3:4:5:6:7",
        "0:0:1::2:3",
        "a0:b00::",
    ],
)
def test_the_flow_picture_names_the_network_of_an_address(address: str) -> None:
    sources = [{"key": address, "1": {"value": 7}}]
    found = {"2": {"buckets": [{"key": 443, "1": {"value": 7}, "3": {"buckets": sources}}]}}

    assert labels(PANELS["networks-to-ports"], found) == [f"{network(address)}  7B", "443  7B"]


@pytest.mark.parametrize("panel", DRAWN_BY_VEGA, ids=named)
def test_a_vega_specification_follows_the_dashboard(panel: Panel) -> None:
    spec = json.loads(json.dumps(specification(panel, "cwl-*"), allow_nan=False))

    url = spec["data"][0]["url"]
    assert spec["$schema"] == "https://vega.github.io/schema/vega/v5.json"
    assert (url["%context%"], url["%timefield%"], url["index"]) == (True, "@timestamp", "cwl-*")
    assert set(url["body"]) == {"size", "aggs"}  # a query of its own is refused beside %context%


@pytest.mark.parametrize("panel", DRAWN_BY_VEGA, ids=named)
def test_a_vega_specification_asks_what_the_panel_asks(panel: Panel, logged: Logged) -> None:
    body = specification(panel, "cwl-*")["data"][0]["url"]["body"]

    reply = ask(logged, {**body, "query": DURING})  # which is what Dashboards adds

    chosen = reply["aggregations"]["chosen"]
    rows = read(panel, {"aggregations": chosen, "hits": {"total": {"value": chosen["doc_count"]}}})
    assert rows == raw_lines.answer(panel, in_time(logged))


def test_the_share_is_drawn(logged: Logged) -> None:
    panel = PANELS["rejected-share"]
    reply = ask(logged, search(panel, "1h", DURING))

    svg = render(panel, reply["aggregations"])

    decided = [line["action"] for line in in_time(logged) if "action" in line]
    rejected = decided.count("REJECT")
    assert f">{100 * rejected / len(decided):.1f}%</text>" in svg
    assert f">{rejected:,} of {len(decided):,} flows</text>" in svg


def test_the_share_of_nothing_is_no_number(logged: Logged) -> None:
    panel = PANELS["rejected-share"]
    nothing = ask(logged, search(panel, "1h", {"match_none": {}}))

    svg = render(panel, nothing["aggregations"])

    assert ">none</text>" in svg
    assert "NaN" not in svg


def test_the_share_of_one_flow_is_of_one_flow() -> None:
    found = {"2": {"buckets": {"rejected": {"doc_count": 1}, "accepted": {"doc_count": 0}}}}

    assert ">1 of 1 flow</text>" in render(PANELS["rejected-share"], found)


def test_the_flow_picture_shows_each_network_and_port(logged: Logged) -> None:
    panel = PANELS["networks-to-ports"]

    svg = render(panel, ask(logged, search(panel, "1h", DURING))["aggregations"])

    links: Counter[tuple[str, str]] = Counter()
    for row in raw_lines.answer(panel, in_time(logged)):
        source = str(row.keys[1])
        name = source if source == OTHERS else network(source)
        links[name, str(row.keys[0])] += int(row.values[0])
    networks = {name for name, _ in links}
    assert len(networks - {OTHERS}) <= NETWORKS
    assert svg.count('stroke-opacity="0.45"') == len(links)
    for name in {*networks, *(port for _, port in links)}:
        assert f">{name} " in svg
    assert "NaN" not in svg


def test_the_flow_picture_of_nothing_is_empty(logged: Logged) -> None:
    panel = PANELS["networks-to-ports"]

    svg = render(panel, ask(logged, search(panel, "1h", {"match_none": {}}))["aggregations"])

    assert "<text" not in svg
    assert "NaN" not in svg


def test_more_networks_than_fit_are_put_together() -> None:
    panel = PANELS["networks-to-ports"]
    sources = [{"key": f"10.{n}.0.1", "1": {"value": 1000 - n}} for n in range(NETWORKS + 5)]
    whole = sum(1000 - n for n in range(NETWORKS + 5)) + 50
    found = {"2": {"buckets": [{"key": 443, "1": {"value": whole}, "3": {"buckets": sources}}]}}

    svg = render(panel, found)

    assert svg.count('stroke-opacity="0.45"') == NETWORKS + 1
    assert svg.count(">other sources ") == 1
    rest = sum(1000 - n for n in range(NETWORKS, NETWORKS + 5)) + 50
    assert f"other sources  {rest}B" in labels(panel, found)


def test_the_colours_are_those_of_okabe_and_ito() -> None:
    palette = {"#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7"}

    assert set(colours.SERIES) - {colours.GREY} == palette
    assert set(colours.ACTIONS.values()) == {"#0072B2", "#D55E00"}


def test_the_aggregation_of_a_list_is_sorted_by_its_first_metric_on_every_level() -> None:
    found = aggregations(PANELS["talkers"], "1h")

    for level in ("4", "5", "6"):
        assert found[level]["terms"]["order"] == {"1": "desc"}
        assert found[level]["aggs"]["1"] == {"sum": {"field": "bytes"}}
        found = found[level]["aggs"]
    assert set(found) == {"1", "2"}  # the count needs none


def network(address: str) -> str:
    length = 32 if ":" in address else 16
    return str(ipaddress.ip_network((address, length), strict=False))


def render(panel: Panel, found: Any) -> str:
    spec = {**draw(panel, {"values": [found]}, text="black"), "width": 560, "height": 380}
    return str(vl_convert.vega_to_svg(json.dumps(spec)))
