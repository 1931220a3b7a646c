"""The index template: the type of every field, written out, and what earlier versions get."""

from typing import Any

import pytest

from parser.document import METADATA, PARSE_ERROR, UNPARSED
from parser.engine import Engine
from parser.fields import FIELDS
from parser.format import DEFAULT, Formats
from parser.index_template import index_template

FORMATS = Formats.from_text(DEFAULT)
KEYWORD = {"type": "keyword", "ignore_above": 2048}
PROPERTIES: dict[str, Any] = {
    "@timestamp": {"type": "date"},
    "@message": {"type": "match_only_text", "index": False},
    "@owner": KEYWORD,
    "@log_group": KEYWORD,
    "@log_stream": KEYWORD,
    "parse_error": KEYWORD,
    "@unparsed": {"type": "match_only_text"},
    "version": {"type": "short"},
    "account_id": KEYWORD,
    "interface_id": KEYWORD,
    "srcaddr": {"type": "ip"},
    "dstaddr": {"type": "ip"},
    "srcport": {"type": "integer"},
    "dstport": {"type": "integer"},
    "protocol": {"type": "short"},
    "packets": {"type": "long"},
    "bytes": {"type": "long"},
    "start": {"type": "date", "format": "epoch_second"},
    "end": {"type": "date", "format": "epoch_second"},
    "action": KEYWORD,
    "log_status": KEYWORD,
    "vpc_id": KEYWORD,
    "subnet_id": KEYWORD,
    "instance_id": KEYWORD,
    "tcp_flags": {"type": "short"},
    "type": KEYWORD,
    "pkt_srcaddr": {"type": "ip"},
    "pkt_dstaddr": {"type": "ip"},
    "region": KEYWORD,
    "az_id": KEYWORD,
    "sublocation_type": KEYWORD,
    "sublocation_id": KEYWORD,
    "pkt_src_aws_service": KEYWORD,
    "pkt_dst_aws_service": KEYWORD,
    "flow_direction": KEYWORD,
    "traffic_path": {"type": "byte"},
    "ecs_cluster_arn": KEYWORD,
    "ecs_cluster_name": KEYWORD,
    "ecs_container_instance_arn": KEYWORD,
    "ecs_container_instance_id": KEYWORD,
    "ecs_container_id": KEYWORD,
    "ecs_second_container_id": KEYWORD,
    "ecs_service_name": KEYWORD,
    "ecs_task_definition_arn": KEYWORD,
    "ecs_task_arn": KEYWORD,
    "ecs_task_id": KEYWORD,
    "reject_reason": KEYWORD,
    "resource_id": KEYWORD,
    "encryption_status": {"type": "byte"},
    "instance_tag": KEYWORD,
    "instance_tag_2": KEYWORD,
    "interface_tag": KEYWORD,
    "interface_tag_2": KEYWORD,
    "asg_tag": KEYWORD,
    "asg_tag_2": KEYWORD,
    "interface_type": KEYWORD,
    "next_hop_interface_id": KEYWORD,
    "next_hop_subnet_id": KEYWORD,
    "next_hop_az_id": KEYWORD,
    "next_hop_vpc_id": KEYWORD,
    "next_hop_interface_type": KEYWORD,
    "resource_type": KEYWORD,
    "tgw_id": KEYWORD,
    "tgw_attachment_id": KEYWORD,
    "tgw_src_vpc_account_id": KEYWORD,
    "tgw_dst_vpc_account_id": KEYWORD,
    "tgw_src_vpc_id": KEYWORD,
    "tgw_dst_vpc_id": KEYWORD,
    "tgw_src_subnet_id": KEYWORD,
    "tgw_dst_subnet_id": KEYWORD,
    "tgw_src_eni": KEYWORD,
    "tgw_dst_eni": KEYWORD,
    "tgw_src_az_id": KEYWORD,
    "tgw_dst_az_id": KEYWORD,
    "tgw_pair_attachment_id": KEYWORD,
    "packets_lost_no_route": {"type": "long"},
    "packets_lost_blackhole": {"type": "long"},
    "packets_lost_mtu_exceeded": {"type": "long"},
    "packets_lost_ttl_expired": {"type": "long"},
}


def properties(formats: Formats = FORMATS, engine: tuple[int, int] = (3, 8)) -> dict[str, Any]:
    found: dict[str, Any] = index_template("cwl", formats, engine=Engine(engine))["template"]["mappings"][
        "properties"
    ]
    return found


def test_every_field_has_its_type() -> None:
    assert properties() == PROPERTIES
    assert len(PROPERTIES) == 72 + 7


def test_the_template_is_this_and_nothing_else() -> None:
    assert index_template("cwl", FORMATS) == {
        "index_patterns": ["cwl-19*", "cwl-20*", "cwl-21*"],
        "priority": 200,
        "template": {
            "settings": {
                "index": {
                    "number_of_shards": 1,
                    "auto_expand_replicas": "0-1",
                    "codec": "best_compression",
                    "refresh_interval": "30s",
                }
            },
            "mappings": {"dynamic": False, "properties": PROPERTIES},
        },
        "_meta": {"description": "VPC flow logs, made by flowlogs-opensearch from its field table"},
    }


def test_the_prefix_chooses_the_indices() -> None:
    assert index_template("my-flows", FORMATS)["index_patterns"] == [
        "my-flows-19*",
        "my-flows-20*",
        "my-flows-21*",
    ]


def test_every_name_of_a_document_has_a_type() -> None:
    assert set(properties()) == {*METADATA, PARSE_ERROR, UNPARSED, *(each.document_name for each in FIELDS)}


def test_the_default_is_the_newest_version() -> None:
    assert index_template("cwl", FORMATS) == index_template("cwl", FORMATS, engine=Engine((3, 8)))


@pytest.mark.parametrize("engine", [(1, 0), (1, 3), (2, 0), (2, 9), (2, 11)], ids=str)
def test_a_version_without_match_only_text_gets_plain_text(engine: tuple[int, int]) -> None:
    text = {"type": "text", "norms": False, "index_options": "docs"}

    assert properties(engine=engine) == PROPERTIES | {"@message": text | {"index": False}, "@unparsed": text}


@pytest.mark.parametrize("engine", [(2, 12), (2, 19), (3, 0), (3, 8), (10, 0)], ids=str)
def test_a_version_with_match_only_text_uses_it(engine: tuple[int, int]) -> None:
    assert properties(engine=engine) == PROPERTIES


@pytest.mark.parametrize("engine", [(1, 3), (2, 12), (3, 8)], ids=str)
def test_a_message_that_can_be_searched_is_what_an_unparsed_line_is_in_any_case(
    engine: tuple[int, int],
) -> None:
    """One type, or the days of both kinds would have two in the index pattern of Dashboards."""
    searched = index_template("cwl", FORMATS, engine=Engine(engine), search_message=True)
    plain = properties(engine=engine)

    assert searched["template"]["mappings"]["properties"] == plain | {"@message": plain["@unparsed"]}


def test_a_field_that_is_not_in_the_table_becomes_a_keyword() -> None:
    formats = Formats.from_text("version new-field;srcport other-new new-field")

    assert properties(formats) == PROPERTIES | {"new_field": KEYWORD, "other_new": KEYWORD}


def test_fields_that_are_not_in_the_table_stand_last_by_name() -> None:
    formats = Formats.from_text("c-new version;b-new a-new srcport")

    assert list(properties(formats)) == [*PROPERTIES, "a_new", "b_new", "c_new"]
