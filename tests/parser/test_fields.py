"""The field table says what AWS documents: every name, version, type and bound, one by one."""

import pytest

from parser.fields import FIELDS, Field, Kind, find

# name, version, kind, type in OpenSearch, largest number, words
TABLE = [
    ("version", "2", Kind.INTEGER, "short", 32_767, ()),
    ("account-id", "2", Kind.TEXT, "keyword", 0, ()),
    ("interface-id", "2", Kind.TEXT, "keyword", 0, ()),
    ("srcaddr", "2", Kind.ADDRESS, "ip", 0, ()),
    ("dstaddr", "2", Kind.ADDRESS, "ip", 0, ()),
    ("srcport", "2", Kind.INTEGER, "integer", 65_535, ()),
    ("dstport", "2", Kind.INTEGER, "integer", 65_535, ()),
    ("protocol", "2", Kind.INTEGER, "short", 255, ()),
    ("packets", "2", Kind.INTEGER, "long", 2**63 - 1, ()),
    ("bytes", "2", Kind.INTEGER, "long", 2**63 - 1, ()),
    ("start", "2", Kind.SECONDS, "date", 0, ()),
    ("end", "2", Kind.SECONDS, "date", 0, ()),
    ("action", "2", Kind.CHOICE, "keyword", 0, ("ACCEPT", "REJECT")),
    ("log-status", "2", Kind.CHOICE, "keyword", 0, ("OK", "NODATA", "SKIPDATA")),
    ("vpc-id", "3", Kind.TEXT, "keyword", 0, ()),
    ("subnet-id", "3", Kind.TEXT, "keyword", 0, ()),
    ("instance-id", "3", Kind.TEXT, "keyword", 0, ()),
    ("tcp-flags", "3", Kind.INTEGER, "short", 32_767, ()),
    ("type", "3", Kind.TEXT, "keyword", 0, ()),
    ("pkt-srcaddr", "3", Kind.ADDRESS, "ip", 0, ()),
    ("pkt-dstaddr", "3", Kind.ADDRESS, "ip", 0, ()),
    ("region", "4", Kind.TEXT, "keyword", 0, ()),
    ("az-id", "4", Kind.TEXT, "keyword", 0, ()),
    ("sublocation-type", "4", Kind.TEXT, "keyword", 0, ()),
    ("sublocation-id", "4", Kind.TEXT, "keyword", 0, ()),
    ("pkt-src-aws-service", "5", Kind.TEXT, "keyword", 0, ()),
    ("pkt-dst-aws-service", "5", Kind.TEXT, "keyword", 0, ()),
    ("flow-direction", "5", Kind.TEXT, "keyword", 0, ()),
    ("traffic-path", "5", Kind.INTEGER, "byte", 127, ()),
    ("ecs-cluster-arn", "7", Kind.TEXT, "keyword", 0, ()),
    ("ecs-cluster-name", "7", Kind.TEXT, "keyword", 0, ()),
    ("ecs-container-instance-arn", "7", Kind.TEXT, "keyword", 0, ()),
    ("ecs-container-instance-id", "7", Kind.TEXT, "keyword", 0, ()),
    ("ecs-container-id", "7", Kind.TEXT, "keyword", 0, ()),
    ("ecs-second-container-id", "7", Kind.TEXT, "keyword", 0, ()),
    ("ecs-service-name", "7", Kind.TEXT, "keyword", 0, ()),
    ("ecs-task-definition-arn", "7", Kind.TEXT, "keyword", 0, ()),
    ("ecs-task-arn", "7", Kind.TEXT, "keyword", 0, ()),
    ("ecs-task-id", "7", Kind.TEXT, "keyword", 0, ()),
    ("reject-reason", "8", Kind.TEXT, "keyword", 0, ()),
    ("resource-id", "9", Kind.TEXT, "keyword", 0, ()),
    ("encryption-status", "10", Kind.INTEGER, "byte", 127, ()),
    ("instance-tag", "11", Kind.TAG, "keyword", 0, ()),
    ("instance-tag-2", "11", Kind.TAG, "keyword", 0, ()),
    ("interface-tag", "11", Kind.TAG, "keyword", 0, ()),
    ("interface-tag-2", "11", Kind.TAG, "keyword", 0, ()),
    ("asg-tag", "11", Kind.TAG, "keyword", 0, ()),
    ("asg-tag-2", "11", Kind.TAG, "keyword", 0, ()),
    ("interface-type", "11", Kind.TEXT, "keyword", 0, ()),
    ("next-hop-interface-id", "11", Kind.TEXT, "keyword", 0, ()),
    ("next-hop-subnet-id", "11", Kind.TEXT, "keyword", 0, ()),
    ("next-hop-az-id", "11", Kind.TEXT, "keyword", 0, ()),
    ("next-hop-vpc-id", "11", Kind.TEXT, "keyword", 0, ()),
    ("next-hop-interface-type", "11", Kind.TEXT, "keyword", 0, ()),
    ("resource-type", "6T", Kind.TEXT, "keyword", 0, ()),
    ("tgw-id", "6T", Kind.TEXT, "keyword", 0, ()),
    ("tgw-attachment-id", "6T", Kind.TEXT, "keyword", 0, ()),
    ("tgw-src-vpc-account-id", "6T", Kind.TEXT, "keyword", 0, ()),
    ("tgw-dst-vpc-account-id", "6T", Kind.TEXT, "keyword", 0, ()),
    ("tgw-src-vpc-id", "6T", Kind.TEXT, "keyword", 0, ()),
    ("tgw-dst-vpc-id", "6T", Kind.TEXT, "keyword", 0, ()),
    ("tgw-src-subnet-id", "6T", Kind.TEXT, "keyword", 0, ()),
    ("tgw-dst-subnet-id", "6T", Kind.TEXT, "keyword", 0, ()),
    ("tgw-src-eni", "6T", Kind.TEXT, "keyword", 0, ()),
    ("tgw-dst-eni", "6T", Kind.TEXT, "keyword", 0, ()),
    ("tgw-src-az-id", "6T", Kind.TEXT, "keyword", 0, ()),
    ("tgw-dst-az-id", "6T", Kind.TEXT, "keyword", 0, ()),
    ("tgw-pair-attachment-id", "6T", Kind.TEXT, "keyword", 0, ()),
    ("packets-lost-no-route", "6T", Kind.INTEGER, "long", 2**63 - 1, ()),
    ("packets-lost-blackhole", "6T", Kind.INTEGER, "long", 2**63 - 1, ()),
    ("packets-lost-mtu-exceeded", "6T", Kind.INTEGER, "long", 2**63 - 1, ()),
    ("packets-lost-ttl-expired", "6T", Kind.INTEGER, "long", 2**63 - 1, ()),
]
# How many fields a line has that holds all fields up to a version, in the documentation's order.
CUMULATIVE = {"2": 14, "3": 21, "4": 25, "5": 29, "7": 39, "8": 40, "9": 41, "10": 42, "11": 54}


def test_the_table_has_every_field_in_the_order_of_the_documentation() -> None:
    assert [
        (each.name, each.version, each.kind, each.opensearch, each.high, each.choices) for each in FIELDS
    ] == TABLE


def test_there_are_54_fields_of_vpc_and_18_of_transit_gateways() -> None:
    assert len(FIELDS) == 72
    assert sum(each.version == "6T" for each in FIELDS) == 18


@pytest.mark.parametrize(("version", "count"), CUMULATIVE.items(), ids=lambda value: f"{value}")
def test_the_fields_up_to_a_version_are_as_many_as_documented(version: str, count: int) -> None:
    names = [each for each in FIELDS if each.version.isdigit() and int(each.version) <= int(version)]

    assert len(names) == count


def test_no_two_fields_share_a_name_in_a_document() -> None:
    assert len({each.document_name for each in FIELDS}) == 72


def test_every_field_says_what_it_means() -> None:
    assert [each.name for each in FIELDS if not each.meaning.strip()] == []


@pytest.mark.parametrize(
    ("kind", "types"),
    [
        (Kind.TEXT, {"keyword"}),
        (Kind.TAG, {"keyword"}),
        (Kind.CHOICE, {"keyword"}),
        (Kind.ADDRESS, {"ip"}),
        (Kind.INTEGER, {"byte", "short", "integer", "long"}),
        (Kind.SECONDS, {"date"}),
    ],
    ids=lambda value: value.name if isinstance(value, Kind) else "",
)
def test_a_kind_has_the_types_that_can_hold_it(kind: Kind, types: set[str]) -> None:
    assert {each.opensearch for each in FIELDS if each.kind is kind} == types


@pytest.mark.parametrize(
    ("opensearch", "bound"), [("byte", 2**7), ("short", 2**15), ("integer", 2**31), ("long", 2**63)]
)
def test_no_number_is_accepted_that_its_type_cannot_hold(opensearch: str, bound: int) -> None:
    highs = [each.high for each in FIELDS if each.opensearch == opensearch]

    assert highs
    assert all(0 < high < bound for high in highs)


def test_a_name_of_the_table_finds_its_field() -> None:
    assert [find(each.name) for each in FIELDS] == list(FIELDS)


def test_a_document_has_underscores_where_aws_has_hyphens() -> None:
    assert find("pkt-src-aws-service").document_name == "pkt_src_aws_service"


def test_an_unknown_name_is_a_field_of_plain_text_without_a_version() -> None:
    assert find("brand-new-12") == Field("brand-new-12", "", Kind.TEXT, "keyword", "not in the field table")
