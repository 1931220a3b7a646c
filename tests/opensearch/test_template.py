"""The index template on real OpenSearch 3.8, 2.19 and 1.3: accepted, applied, and as it was made."""

from typing import Any

import pytest

from flowlogs.cluster.connection import install_template, open_client
from flowlogs.local.embedded import Embedded
from handler.installing.cluster import UnusableError, recognise_engine
from opensearch.conftest import START, Cluster, Open
from parser.engine import OLDEST, Engine
from parser.fields import FIELDS
from parser.format import DEFAULT, Formats
from parser.index_template import index_template

LINE = "2 123456789010 eni-0a1b 10.0.1.5 10.0.2.9 41230 443 6 12 1904 1768478400 1768478458 ACCEPT OK"
INDEX = "cwl-2026.01.15"


def read_mapping(cluster: Cluster, index: str = INDEX) -> dict[str, Any]:
    mapping: dict[str, Any] = cluster.ask("GET", f"/{index}/_mapping")[index]["mappings"]
    return mapping


def read_settings(cluster: Cluster) -> dict[str, Any]:
    settings: dict[str, Any] = cluster.ask("GET", f"/{INDEX}/_settings")[INDEX]["settings"]["index"]
    return settings


def engine_of(node: Embedded) -> tuple[int, int]:
    major, minor, _ = node.release.version.split(".")
    return int(major), int(minor)


def test_a_new_index_has_the_mapping_of_the_template(open_cluster: Open) -> None:
    formats = f"{DEFAULT} ${{next-new-field}}"
    cluster = open_cluster(LOG_FORMATS=formats)

    cluster.send(f"{LINE} x")

    made = index_template("cwl", Formats.from_text(formats), engine=Engine(engine_of(cluster.node)))
    mapping = read_mapping(cluster)
    assert mapping["properties"] == made["template"]["mappings"]["properties"]
    assert mapping["dynamic"] == "false"
    assert len(mapping["properties"]) == len(FIELDS) + 8


def test_the_types_are_those_that_queries_need(cluster: Cluster) -> None:
    cluster.send(LINE)

    properties = read_mapping(cluster)["properties"]
    full_text = "text" if engine_of(cluster.node) < (2, 12) else "match_only_text"
    types = {
        "@timestamp": "date",
        "@message": full_text,
        "@unparsed": full_text,
        "@log_group": "keyword",
        "parse_error": "keyword",
        "account_id": "keyword",
        "srcaddr": "ip",
        "pkt_dstaddr": "ip",
        "dstport": "integer",
        "protocol": "short",
        "traffic_path": "byte",
        "bytes": "long",
        "packets_lost_blackhole": "long",
        "start": "date",
        "end": "date",
        "tcp_flags": "short",
        "instance_tag": "keyword",
    }
    assert {name: properties[name]["type"] for name in types} == types
    assert properties["start"]["format"] == "epoch_second"


def test_a_new_index_has_the_settings_of_the_template(cluster: Cluster) -> None:
    cluster.send(LINE)

    settings = read_settings(cluster)
    expected = {
        "number_of_shards": "1",
        "auto_expand_replicas": "0-1",
        "codec": "best_compression",
        "refresh_interval": "30s",
    }
    assert {name: settings[name] for name in expected} == expected
    # On one node there is no place for a replica, and no shard is left waiting for one.
    assert settings["number_of_replicas"] == "0"
    health = cluster.ask("GET", f"/_cluster/health/{INDEX}?wait_for_status=green&timeout=30s")
    assert (health["status"], health["unassigned_shards"]) == ("green", 0)


def test_the_template_wins_over_others_of_common_priority(cluster: Cluster) -> None:
    other = {
        "index_patterns": ["cwl*"],
        "priority": 100,
        "template": {
            "settings": {"number_of_shards": 3},
            "mappings": {"properties": {"srcaddr": {"type": "text"}}},
        },
    }
    cluster.ask("PUT", "/_index_template/other", other)
    cluster.ask("PUT", "/_template/legacy", {"index_patterns": ["*"], "settings": {"number_of_shards": 2}})

    cluster.send(LINE)

    assert read_settings(cluster)["number_of_shards"] == "1"
    assert read_mapping(cluster)["properties"]["srcaddr"] == {"type": "ip"}


def test_the_template_is_for_indices_of_its_prefix_only(cluster: Cluster) -> None:
    cluster.send(LINE)
    cluster.ask("PUT", "/cwlogs", {})

    assert read_mapping(cluster, "cwlogs") == {}


def test_a_renewed_template_is_that_of_the_next_day(open_cluster: Open) -> None:
    open_cluster(LOG_FORMATS=DEFAULT).send(LINE)
    cluster = open_cluster(LOG_FORMATS=f"{DEFAULT} ${{next-new-field}}")

    cluster.send(f"{LINE} green", timestamp=START + 60_000)  # into the index of the first template
    cluster.send(f"{LINE} green", timestamp=START + 86_400_000)

    assert "next_new_field" not in read_mapping(cluster)["properties"]
    assert read_mapping(cluster, "cwl-2026.01.16")["properties"]["next_new_field"]["type"] == "keyword"
    assert cluster.find({"term": {"next_new_field": "green"}}, "srcaddr") == ["10.0.1.5"]
    assert cluster.find({"term": {"srcaddr": "10.0.1.5"}}, "next_new_field") == [None, "green", "green"]


def test_the_command_line_installs_the_template_for_the_version_it_finds(any_opensearch: Embedded) -> None:
    config, client = open_client({"OPENSEARCH_URL": any_opensearch.url, "INDEX_PREFIX": "flows"})
    try:
        engine = install_template(client, config)
    finally:
        client.close()

    assert engine == Engine(engine_of(any_opensearch), shown=any_opensearch.release.version)
    _, reply = any_opensearch.request("GET", "/_index_template/flows")
    (installed,) = reply["index_templates"]
    made = index_template("flows", Formats.from_text(DEFAULT), engine=engine)
    assert installed["name"] == "flows"
    assert installed["index_template"]["index_patterns"] == ["flows-19*", "flows-20*", "flows-21*"]
    assert installed["index_template"]["priority"] == 200
    assert (
        installed["index_template"]["template"]["mappings"]["properties"]
        == made["template"]["mappings"]["properties"]
    )


def test_a_real_cluster_in_compatibility_mode_is_not_taken_for_elasticsearch(
    any_opensearch: Embedded,
) -> None:
    """It hides version and distribution, as 2.19 and 1.3 can; the slogan stays OpenSearch's own."""
    setting = "compatibility.override_main_response_version"
    status, _ = any_opensearch.request("PUT", "/_cluster/settings", {"persistent": {setting: True}})
    try:
        _, root = any_opensearch.request("GET", "/")
    finally:
        any_opensearch.request("PUT", "/_cluster/settings", {"persistent": {setting: None}})

    if status == 400:  # 3.x has it no more
        assert engine_of(any_opensearch) >= (3, 0)
        return
    assert (root["version"]["number"], "distribution" in root["version"]) == ("7.10.2", False)
    assert recognise_engine(root) == Engine(OLDEST.version, shown="7.10.2")
    with pytest.raises(UnusableError, match=r"but Elasticsearch 7\.10\.2"):
        recognise_engine(root | {"tagline": "You Know, for Search"})
