"""Whole lines: every field with a value, absent fields, separators, and lines of the wrong length."""

import pytest

from parser.errors import RecordError
from parser.format import DEFAULT, Formats
from parser.record import Value, parse

V5 = (
    f"{DEFAULT} ${{vpc-id}} ${{subnet-id}} ${{instance-id}} ${{tcp-flags}} ${{type}} ${{pkt-srcaddr}} "
    "${pkt-dstaddr} ${region} ${az-id} ${sublocation-type} ${sublocation-id} ${pkt-src-aws-service} "
    "${pkt-dst-aws-service} ${flow-direction} ${traffic-path}"
)
ARN = "arn:aws:ecs:eu-west-1:012345678901"

# AWS's name, the text of the line, the name in the document, the value in the document.
VPC: list[tuple[str, str, str, Value]] = [
    ("version", "11", "version", 11),
    ("account-id", "012345678901", "account_id", "012345678901"),
    ("interface-id", "eni-0c19436730cc350ae", "interface_id", "eni-0c19436730cc350ae"),
    ("srcaddr", "10.0.0.1", "srcaddr", "10.0.0.1"),
    ("dstaddr", "2001:db8::1", "dstaddr", "2001:db8::1"),
    ("srcport", "443", "srcport", 443),
    ("dstport", "65535", "dstport", 65535),
    ("protocol", "6", "protocol", 6),
    ("packets", "9007199254740993", "packets", 9007199254740993),
    ("bytes", "9223372036854775807", "bytes", 9223372036854775807),
    ("start", "1732320000", "start", 1732320000),
    ("end", "1732320059", "end", 1732320059),
    ("action", "REJECT", "action", "REJECT"),
    ("log-status", "OK", "log_status", "OK"),
    ("vpc-id", "vpc-0a1", "vpc_id", "vpc-0a1"),
    ("subnet-id", "subnet-0a1", "subnet_id", "subnet-0a1"),
    ("instance-id", "i-0a1", "instance_id", "i-0a1"),
    ("tcp-flags", "19", "tcp_flags", 19),
    ("type", "IPv4", "type", "IPv4"),
    ("pkt-srcaddr", "192.0.2.7", "pkt_srcaddr", "192.0.2.7"),
    ("pkt-dstaddr", "::ffff:192.0.2.8", "pkt_dstaddr", "::ffff:192.0.2.8"),
    ("region", "eu-west-1", "region", "eu-west-1"),
    ("az-id", "euw1-az3", "az_id", "euw1-az3"),
    ("sublocation-type", "outpost", "sublocation_type", "outpost"),
    ("sublocation-id", "op-0a1", "sublocation_id", "op-0a1"),
    ("pkt-src-aws-service", "S3", "pkt_src_aws_service", "S3"),
    ("pkt-dst-aws-service", "AMAZON", "pkt_dst_aws_service", "AMAZON"),
    ("flow-direction", "egress", "flow_direction", "egress"),
    ("traffic-path", "8", "traffic_path", 8),
    ("ecs-cluster-arn", f"{ARN}:cluster/web", "ecs_cluster_arn", f"{ARN}:cluster/web"),
    ("ecs-cluster-name", "web", "ecs_cluster_name", "web"),
    (
        "ecs-container-instance-arn", f"{ARN}:container-instance/web/1f",
        "ecs_container_instance_arn", f"{ARN}:container-instance/web/1f",
    ),
    ("ecs-container-instance-id", "1f", "ecs_container_instance_id", "1f"),
    ("ecs-container-id", "2e-1", "ecs_container_id", "2e-1"),
    ("ecs-second-container-id", "2e-2", "ecs_second_container_id", "2e-2"),
    ("ecs-service-name", "front", "ecs_service_name", "front"),
    (
        "ecs-task-definition-arn", f"{ARN}:task-definition/front:7",
        "ecs_task_definition_arn", f"{ARN}:task-definition/front:7",
    ),
    ("ecs-task-arn", f"{ARN}:task/web/3d", "ecs_task_arn", f"{ARN}:task/web/3d"),
    ("ecs-task-id", "3d", "ecs_task_id", "3d"),
    ("reject-reason", "BPA", "reject_reason", "BPA"),
    ("resource-id", "nat-0a1", "resource_id", "nat-0a1"),
    ("encryption-status", "3", "encryption_status", 3),
    ("instance-tag", "web%20server", "instance_tag", "web server"),
    ("instance-tag-2", "%2D", "instance_tag_2", "-"),
    ("interface-tag", "Z%C3%BCrich", "interface_tag", "Zürich"),
    ("interface-tag-2", "100%25", "interface_tag_2", "100%"),
    ("asg-tag", "%2520", "asg_tag", "%20"),
    ("asg-tag-2", "plain", "asg_tag_2", "plain"),
    ("interface-type", "nat_gateway", "interface_type", "nat_gateway"),
    ("next-hop-interface-id", "eni-2", "next_hop_interface_id", "eni-2"),
    ("next-hop-subnet-id", "subnet-2", "next_hop_subnet_id", "subnet-2"),
    ("next-hop-az-id", "euw1-az1", "next_hop_az_id", "euw1-az1"),
    ("next-hop-vpc-id", "vpc-2", "next_hop_vpc_id", "vpc-2"),
    ("next-hop-interface-type", "transit_gateway", "next_hop_interface_type", "transit_gateway"),
]  # fmt: skip
# Transit Gateway's default format, in its order.
TRANSIT_GATEWAY: list[tuple[str, str, str, Value]] = [
    ("version", "6", "version", 6),
    ("resource-type", "TransitGateway", "resource_type", "TransitGateway"),
    ("account-id", "123456789012", "account_id", "123456789012"),
    ("tgw-id", "tgw-1", "tgw_id", "tgw-1"),
    ("tgw-attachment-id", "tgw-attach-1", "tgw_attachment_id", "tgw-attach-1"),
    ("tgw-src-vpc-account-id", "000000000001", "tgw_src_vpc_account_id", "000000000001"),
    ("tgw-dst-vpc-account-id", "000000000002", "tgw_dst_vpc_account_id", "000000000002"),
    ("tgw-src-vpc-id", "vpc-1", "tgw_src_vpc_id", "vpc-1"),
    ("tgw-dst-vpc-id", "vpc-2", "tgw_dst_vpc_id", "vpc-2"),
    ("tgw-src-subnet-id", "subnet-1", "tgw_src_subnet_id", "subnet-1"),
    ("tgw-dst-subnet-id", "subnet-2", "tgw_dst_subnet_id", "subnet-2"),
    ("tgw-src-eni", "eni-1", "tgw_src_eni", "eni-1"),
    ("tgw-dst-eni", "eni-2", "tgw_dst_eni", "eni-2"),
    ("tgw-src-az-id", "use1-az1", "tgw_src_az_id", "use1-az1"),
    ("tgw-dst-az-id", "use1-az2", "tgw_dst_az_id", "use1-az2"),
    ("tgw-pair-attachment-id", "tgw-attach-2", "tgw_pair_attachment_id", "tgw-attach-2"),
    ("srcaddr", "10.1.0.1", "srcaddr", "10.1.0.1"),
    ("dstaddr", "10.2.0.1", "dstaddr", "10.2.0.1"),
    ("srcport", "33333", "srcport", 33333),
    ("dstport", "443", "dstport", 443),
    ("protocol", "17", "protocol", 17),
    ("packets", "5", "packets", 5),
    ("bytes", "500", "bytes", 500),
    ("start", "1732320000", "start", 1732320000),
    ("end", "1732320060", "end", 1732320060),
    ("log-status", "OK", "log_status", "OK"),
    ("type", "IPv4", "type", "IPv4"),
    ("packets-lost-no-route", "1", "packets_lost_no_route", 1),
    ("packets-lost-blackhole", "0", "packets_lost_blackhole", 0),
    ("packets-lost-mtu-exceeded", "3", "packets_lost_mtu_exceeded", 3),
    ("packets-lost-ttl-expired", "9223372036854775807", "packets_lost_ttl_expired", 9223372036854775807),
    ("tcp-flags", "24", "tcp_flags", 24),
    ("region", "us-east-1", "region", "us-east-1"),
    ("flow-direction", "ingress", "flow_direction", "ingress"),
    ("pkt-src-aws-service", "EC2", "pkt_src_aws_service", "EC2"),
    ("pkt-dst-aws-service", "DYNAMODB", "pkt_dst_aws_service", "DYNAMODB"),
]
EVERY_FIELD = [*VPC, *(row for row in TRANSIT_GATEWAY if row[0] not in {name for name, *_ in VPC})]


def typed(record: dict[str, Value]) -> dict[str, tuple[type, Value]]:
    """Keep types apart: 1 and True are equal, and so would be 1.0."""
    return {name: (type(value), value) for name, value in record.items()}


def test_the_tables_above_hold_all_72_fields() -> None:
    assert len(VPC) == 54
    assert len(TRANSIT_GATEWAY) == 36
    assert len(EVERY_FIELD) == 72


@pytest.mark.parametrize("rows", [VPC, TRANSIT_GATEWAY], ids=["vpc-54", "transit-gateway-36"])
def test_a_line_with_all_fields_becomes_all_values(rows: list[tuple[str, str, str, Value]]) -> None:
    formats = Formats.from_text(" ".join(f"${{{name}}}" for name, *_ in rows))

    record = parse(" ".join(token for _, token, *_ in rows), formats)

    assert typed(record) == typed({name: value for _, _, name, value in rows})
    assert list(record) == [name for _, _, name, _ in rows]


@pytest.mark.parametrize(
    ("field", "token", "name", "value"), EVERY_FIELD, ids=[name for name, *_ in EVERY_FIELD]
)
def test_a_field_is_read_alone(field: str, token: str, name: str, value: Value) -> None:
    assert typed(parse(token, Formats.from_text(f"${{{field}}}"))) == typed({name: value})


@pytest.mark.parametrize("field", [name for name, *_ in EVERY_FIELD])
def test_a_dash_leaves_the_field_out(field: str) -> None:
    assert parse("-", Formats.from_text(field)) == {}


def test_a_line_of_the_default_format() -> None:
    line = "2 123456789010 eni-1 172.31.16.139 172.31.16.21 0 22 6 20 0 1418530010 1418530070 ACCEPT OK"

    assert typed(parse(line, Formats.from_text(DEFAULT))) == typed(
        {
            "version": 2, "account_id": "123456789010", "interface_id": "eni-1",
            "srcaddr": "172.31.16.139", "dstaddr": "172.31.16.21", "srcport": 0, "dstport": 22,
            "protocol": 6, "packets": 20, "bytes": 0, "start": 1418530010, "end": 1418530070,
            "action": "ACCEPT", "log_status": "OK",
        }
    )  # fmt: skip


def test_a_line_of_all_fields_up_to_version_5() -> None:
    line = (
        "5 unknown eni-1 fd00::1 fd00::2 34210 80 6 7 471 1616729292 1616729349 ACCEPT OK "
        "vpc-1 subnet-1 - 3 IPv6 fd00::1 fd00::2 ap-southeast-2 - localzone lz-1 - S3 egress 8"
    )

    assert typed(parse(line, Formats.from_text(V5))) == typed(
        {
            "version": 5, "account_id": "unknown", "interface_id": "eni-1",
            "srcaddr": "fd00::1", "dstaddr": "fd00::2", "srcport": 34210, "dstport": 80,
            "protocol": 6, "packets": 7, "bytes": 471, "start": 1616729292, "end": 1616729349,
            "action": "ACCEPT", "log_status": "OK", "vpc_id": "vpc-1", "subnet_id": "subnet-1",
            "tcp_flags": 3, "type": "IPv6", "pkt_srcaddr": "fd00::1", "pkt_dstaddr": "fd00::2",
            "region": "ap-southeast-2", "sublocation_type": "localzone", "sublocation_id": "lz-1",
            "pkt_dst_aws_service": "S3", "flow_direction": "egress", "traffic_path": 8,
        }
    )  # fmt: skip


@pytest.mark.parametrize("status", ["NODATA", "SKIPDATA"])
def test_a_window_without_records_keeps_what_it_says(status: str) -> None:
    line = f"2 123456789010 eni-1 - - - - - - - 1431280876 1431280934 - {status}"

    assert parse(line, Formats.from_text(DEFAULT)) == {
        "version": 2, "account_id": "123456789010", "interface_id": "eni-1",
        "start": 1431280876, "end": 1431280934, "log_status": status,
    }  # fmt: skip


def test_a_field_that_is_not_in_the_table_is_kept_as_text() -> None:
    formats = Formats.from_text("${version} ${brand-new-field} ${srcport}")

    assert parse("12 007 22", formats) == {"version": 12, "brand_new_field": "007", "srcport": 22}


@pytest.mark.parametrize(
    "line", ["7  8", "7   8", " 7 8", "7 8 ", "   7  8   "], ids=["two", "three", "before", "after", "all"]
)
def test_a_run_of_spaces_is_one_separator(line: str) -> None:
    assert parse(line, Formats.from_text("srcport dstport")) == {"srcport": 7, "dstport": 8}


@pytest.mark.parametrize(
    "blank", ["\t", "\n", "\r", "\v", "\u00a0", "\u2003", "\u3000"], ids=lambda blank: f"{ord(blank):04x}"
)
def test_other_white_space_belongs_to_its_token(blank: str) -> None:
    formats = Formats.from_text("type region")

    assert parse(f"a{blank}b c", formats) == {"type": f"a{blank}b", "region": "c"}
    with pytest.raises(RecordError) as caught:
        parse(f"a{blank}b", formats)
    assert caught.value.field == "region"


def test_version_does_not_choose_the_format() -> None:
    formats = Formats.from_text("version srcport;version srcport dstport")

    assert parse("11 1", formats) == {"version": 11, "srcport": 1}
    assert parse("2 1 3", formats) == {"version": 2, "srcport": 1, "dstport": 3}


# formats, line, field, value, reason
WRONG_LENGTH: list[tuple[str, str, str | None, str | None, str]] = [
    ("version srcport", "", None, None, "line is empty"),
    ("version srcport", "   ", None, None, "line is empty"),
    (
        "version srcport dstport", "2",
        "srcport", None, "missing: line has 1 of 3 tokens (formats have 3)",
    ),
    (
        "version srcport dstport", "2 7",
        "dstport", None, "missing: line has 2 of 3 tokens (formats have 3)",
    ),
    (
        "version srcport", "2 7 extra more",
        None, "extra", "is surplus after srcport: line has 4 tokens, not 2 (formats have 2)",
    ),
    (
        "version;version srcport dstport action", "2 7",
        None, "7", "is surplus after version: line has 2 tokens, not 1 (formats have 1 or 4)",
    ),
    (
        "version;version srcport dstport action", "2 7 8",
        "action", None, "missing: line has 3 of 4 tokens (formats have 1 or 4)",
    ),
    (
        "version srcport dstport action;version", "2 7 8 ACCEPT OK",
        None, "OK", "is surplus after action: line has 5 tokens, not 4 (formats have 1 or 4)",
    ),
    (
        "version;version srcport;version srcport dstport action log-status", "2 7 8 ACCEPT",
        "log-status", None, "missing: line has 4 of 5 tokens (formats have 1 or 2 or 5)",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("formats", "line", "field", "value", "reason"),
    WRONG_LENGTH,
    ids=[
        "empty", "blank", "two-missing", "one-missing", "two-surplus", "nearest-is-shorter",
        "nearest-is-longer", "beyond-all", "between-three",
    ],
)  # fmt: skip
def test_a_line_of_the_wrong_length_names_the_first_missing_or_surplus_token(
    formats: str, line: str, field: str | None, value: str | None, reason: str
) -> None:
    with pytest.raises(RecordError) as caught:
        parse(line, Formats.from_text(formats))

    error = caught.value
    assert (error.field, error.value, error.reason) == (field, value, reason)
    assert str(error) == (f"{field}: " if field else "") + (f"'{value}' " if value else "") + reason
