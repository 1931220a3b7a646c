"""Formats: their syntax, several of them together, and those that are known."""

import pytest

from parser.errors import FormatError
from parser.fields import FIELDS
from parser.format import DEFAULT, TRANSIT_GATEWAY_DEFAULT, Format, Formats, known_formats, parse_format
from parser.record import parse

DEFAULT_NAMES = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action "
    "log-status"
)
TRANSIT_GATEWAY_NAMES = (
    "version resource-type account-id tgw-id tgw-attachment-id tgw-src-vpc-account-id tgw-dst-vpc-account-id "
    "tgw-src-vpc-id tgw-dst-vpc-id tgw-src-subnet-id tgw-dst-subnet-id tgw-src-eni tgw-dst-eni tgw-src-az-id "
    "tgw-dst-az-id tgw-pair-attachment-id srcaddr dstaddr srcport dstport protocol packets bytes start end "
    "log-status type packets-lost-no-route packets-lost-blackhole packets-lost-mtu-exceeded "
    "packets-lost-ttl-expired tcp-flags region flow-direction pkt-src-aws-service pkt-dst-aws-service"
)


def names(each: Format) -> str:
    return " ".join(field.name for field in each.fields)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${version} ${account-id}", "version account-id"),
        ("version account-id", "version account-id"),
        ("${version} account-id", "version account-id"),
        ("account-id version", "account-id version"),
        ("  ${version}\n   ${start}\t${end}  ", "version start end"),
        ("${brand-new-2} version", "brand-new-2 version"),
        ("instance-tag-2", "instance-tag-2"),
    ],
    ids=["aws", "bare", "both", "any-order", "white-space", "unknown-name", "one"],
)
def test_a_format_names_its_fields_in_order(text: str, expected: str) -> None:
    assert names(parse_format(text)) == expected


def test_a_format_is_written_as_aws_writes_it_and_reads_back() -> None:
    each = parse_format("version account-id brand-new")

    assert str(each) == "${version} ${account-id} ${brand-new}"
    assert parse_format(str(each)) == each
    assert len(each) == 3


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (
            "srcport bytes srcport",
            {"80 5 80": {"srcport": 80, "bytes": 5}, "80 5 -": {"srcport": 80, "bytes": 5}},
        ),
        ("bytes ${bytes} bytes", {"- 5 6": {}, "7 x y": {"bytes": 7}}),
        ("new new", {"a b": {"new": "a"}}),
        ("log-status log-status", {"OK NODATA": {"log_status": "OK"}, "NODATA OK": {"log_status": "NODATA"}}),
    ],
    ids=["apart", "three-times", "unknown", "status"],
)
def test_of_a_field_that_is_named_twice_the_first_counts(
    text: str, lines: dict[str, dict[str, object]]
) -> None:
    formats = Formats.from_text(text)

    assert {line: parse(line, formats) for line in lines} == lines
    assert Formats.from_text(str(formats)) == formats


EMPTY = "format is empty: it must name at least one field"
ALPHABET = "is neither ${name} nor a bare name of lower-case letters, digits and hyphens"
REFUSED = {
    "empty": ("", EMPTY),
    "blank": (" \n\t ", EMPTY),
    "underscore": (
        "version account_id",
        f"field 2 of the format: 'account_id' {ALPHABET}; did you mean 'account-id'?",
    ),
    "underscore-braces": (
        "${log_status}",
        f"field 1 of the format: '${{log_status}}' {ALPHABET}; did you mean 'log-status'?",
    ),
    "camel-case": ("srcAddr", f"field 1 of the format: 'srcAddr' {ALPHABET}; did you mean 'srcaddr'?"),
    "upper-case": (
        "${VERSION}",
        f"field 1 of the format: '${{VERSION}}' {ALPHABET}; did you mean 'version'?",
    ),
    "no-end": (
        "version ${srcport",
        f"field 2 of the format: '${{srcport' {ALPHABET}; did you mean 'srcport'?",
    ),
    "no-dollar": ("{version}", f"field 1 of the format: '{{version}}' {ALPHABET}; did you mean 'version'?"),
    "no-braces": ("$version", f"field 1 of the format: '$version' {ALPHABET}; did you mean 'version'?"),
    "two-dollars": (
        "$${version} $${account-id}",
        f"field 1 of the format: '$${{version}}' {ALPHABET}; did you mean 'version'?",
    ),
    "escaped": (
        r"\${account-id}",
        f"field 1 of the format: '\\${{account-id}}' {ALPHABET}; did you mean 'account-id'?",
    ),
    "quoted": (
        "'${version} ${account-id}'",
        f"field 1 of the format: ''${{version}}' {ALPHABET}; did you mean 'version'?",
    ),
    "each-quoted": (
        'version "srcport"',
        f"field 2 of the format: '\"srcport\"' {ALPHABET}; did you mean 'srcport'?",
    ),
    "no-name": ("${}", f"field 1 of the format: '${{}}' {ALPHABET}"),
    "blank-in-braces": ("${ version }", f"field 1 of the format: '${{' {ALPHABET}"),
    "two-in-one": (
        "${version}${srcport}",
        f"field 1 of the format: '${{version}}${{srcport}}' {ALPHABET}; did you mean 'version srcport'?",
    ),
    "comma": (
        "version,srcport",
        f"field 1 of the format: 'version,srcport' {ALPHABET}; did you mean 'version srcport'?",
    ),
    "comma-and-braces": (
        "${version},${account_id}",
        (
            f"field 1 of the format: '${{version}},${{account_id}}' {ALPHABET}; "
            "did you mean 'version account-id'?"
        ),
    ),
    "comma-at-the-end": (
        "${version}, ${srcport}",
        f"field 1 of the format: '${{version}},' {ALPHABET}; did you mean 'version'?",
    ),
    "comma-twice": ("version,,srcport", f"field 1 of the format: 'version,,srcport' {ALPHABET}"),
    "comma-alone": (",", f"field 1 of the format: ',' {ALPHABET}"),
    "percent": (
        "%{version}",
        f"field 1 of the format: '%{{version}}' {ALPHABET}; did you mean 'version'?",
    ),
    "hyphen-first": ("-version", f"field 1 of the format: '-version' {ALPHABET}"),
    "hyphen-last": ("version-", f"field 1 of the format: 'version-' {ALPHABET}"),
    "two-hyphens": ("account--id", f"field 1 of the format: 'account--id' {ALPHABET}"),
    "digit-first": ("2tag", f"field 1 of the format: '2tag' {ALPHABET}"),
    "other-script": ("zürich", f"field 1 of the format: 'zürich' {ALPHABET}"),
    "at-sign": ("@message", f"field 1 of the format: '@message' {ALPHABET}"),
    "dash": ("-", f"field 1 of the format: '-' {ALPHABET}"),
    "reserved": (
        "version parse-error",
        "field 2 of the format: the name 'parse-error' is reserved for documents",
    ),
    "reserved-braces": (
        "${parse-error}",
        "field 1 of the format: the name 'parse-error' is reserved for documents",
    ),
}


@pytest.mark.parametrize(("text", "error"), REFUSED.values(), ids=REFUSED)
def test_a_wrong_format_is_refused_and_the_spot_named(text: str, error: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_format(text)

    assert str(caught.value) == error


@pytest.mark.parametrize(
    ("text", "lengths"),
    [
        ("version", [1]),
        ("version;", [1]),
        ("version srcport;version", [1, 2]),
        ("version srcport;\n  version;", [1, 2]),
        ("version;version", [1]),
        ("version;${version}", [1]),
    ],
    ids=["one", "one-ended", "two", "two-lines-ended", "the-same-twice", "the-same-in-both-ways"],
)
def test_several_formats_stand_in_one_text(text: str, lengths: list[int]) -> None:
    assert list(Formats.from_text(text).by_length) == lengths


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", EMPTY),
        (";", EMPTY),
        ("version;;version srcport", f"format 2 of 3: {EMPTY}"),
        (";version", f"format 1 of 2: {EMPTY}"),
        ("version;version $", f"format 2 of 2: field 2 of the format: '$' {ALPHABET}"),
        (
            "version srcport;srcport dstport",
            (
                "two formats have 2 fields each, so that their lines cannot be told apart: "
                "'${version} ${srcport}' and '${srcport} ${dstport}'"
            ),
        ),
        (
            "version srcport;action;srcport version",
            (
                "two formats have 2 fields each, so that their lines cannot be told apart: "
                "'${version} ${srcport}' and '${srcport} ${version}'"
            ),
        ),
    ],
    ids=[
        "empty",
        "separator-alone",
        "empty-between",
        "empty-first",
        "second",
        "equal-lengths",
        "other-order",
    ],
)
def test_formats_that_cannot_be_used_together_are_refused(text: str, error: str) -> None:
    with pytest.raises(FormatError) as caught:
        Formats.from_text(text)

    assert str(caught.value) == error


def test_no_format_at_all_is_refused() -> None:
    with pytest.raises(FormatError, match=r"^no format is given$"):
        Formats.of([])


def test_formats_are_written_as_one_text_and_read_back() -> None:
    formats = Formats.from_text("version srcport;action")

    assert str(formats) == "${action};${version} ${srcport}"
    assert Formats.from_text(str(formats)) == formats


def test_formats_do_not_change() -> None:
    formats = Formats.from_text("version")

    with pytest.raises(TypeError):
        formats.by_length[2] = parse_format("version srcport")  # type: ignore[index]  # which is the point


@pytest.mark.parametrize(
    ("text", "expected", "count"),
    [(DEFAULT, DEFAULT_NAMES, 14), (TRANSIT_GATEWAY_DEFAULT, TRANSIT_GATEWAY_NAMES, 36)],
    ids=["vpc", "transit-gateway"],
)
def test_the_default_formats_are_those_of_aws(text: str, expected: str, count: int) -> None:
    each = parse_format(text)

    assert names(each) == expected
    assert str(each) == text
    assert len(each) == count
    assert all(field.version for field in each.fields)


def test_the_known_formats_are_all_fields_per_version_and_the_transit_gateways() -> None:
    formats = known_formats().by_length

    assert list(formats) == [14, 21, 25, 29, 36, 39, 40, 41, 42, 54]
    assert names(formats[14]) == DEFAULT_NAMES
    assert names(formats[36]) == TRANSIT_GATEWAY_NAMES
    assert names(formats[21]) == (
        f"{DEFAULT_NAMES} vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr pkt-dstaddr"
    )
    assert names(formats[54]) == " ".join(each.name for each in FIELDS if each.version != "6T")
