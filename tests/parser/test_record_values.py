"""The values of a field: what is accepted, what is refused, and in which words."""

import pytest

from parser.errors import RecordError
from parser.format import Formats
from parser.record import parse

COUNTERS = (
    "packets", "bytes", "packets-lost-no-route", "packets-lost-blackhole", "packets-lost-mtu-exceeded",
    "packets-lost-ttl-expired",
)  # fmt: skip
HIGHEST = {
    "version": 32767,
    "srcport": 65535,
    "dstport": 65535,
    "protocol": 255,
    "tcp-flags": 32767,
    "traffic-path": 127,
    "encryption-status": 127,
    **dict.fromkeys(COUNTERS, 9223372036854775807),
}
ADDRESSES = ("srcaddr", "dstaddr", "pkt-srcaddr", "pkt-dstaddr")
TIMES = ("start", "end")
TAGS = ("instance-tag", "instance-tag-2", "interface-tag", "interface-tag-2", "asg-tag", "asg-tag-2")


def read(field: str, token: str) -> str | int:
    (value,) = parse(token, Formats.from_text(field)).values()
    return value


def refuse(field: str, token: str) -> RecordError:
    with pytest.raises(RecordError) as caught:
        parse(token, Formats.from_text(field))
    assert caught.value.field == field
    assert caught.value.value == token
    return caught.value


@pytest.mark.parametrize(("field", "high"), HIGHEST.items(), ids=HIGHEST)
def test_a_number_is_accepted_from_zero_to_its_bound(field: str, high: int) -> None:
    assert [read(field, str(number)) for number in (0, 1, high - 1, high)] == [0, 1, high - 1, high]
    assert type(read(field, "0")) is int


@pytest.mark.parametrize(("field", "high"), HIGHEST.items(), ids=HIGHEST)
def test_a_number_above_its_bound_is_refused(field: str, high: int) -> None:
    for number in (high + 1, high * 10, 2**64, 10**40):
        error = refuse(field, str(number))
        assert error.reason == f"is above {high}"
        assert str(error) == f"{field}: '{number}' is above {high}"


def test_a_number_of_five_thousand_digits_is_refused_in_few_words() -> None:
    error = refuse("bytes", "9" * 5001)

    assert str(error) == f"bytes: '{'9' * 80}…' is above 9223372036854775807"


@pytest.mark.parametrize("number", [2**53 - 1, 2**53, 2**53 + 1, 2**62 + 1, 2**63 - 2, 2**63 - 1])
@pytest.mark.parametrize("field", COUNTERS)
def test_a_counter_is_exact_where_a_float_is_not(field: str, number: int) -> None:
    assert read(field, str(number)) == number


# Words that are no number, shown as in the error's text.
NO_NUMBERS = {
    "leading-zero": ("07", "07"),
    "zeros": ("00", "00"),
    "plus": ("+1", "+1"),
    "minus": ("-1", "-1"),
    "minus-zero": ("-0", "-0"),
    "underscore": ("1_0", "1_0"),
    "point": ("1.0", "1.0"),
    "exponent": ("1e3", "1e3"),
    "hexadecimal": ("0x10", "0x10"),
    "word": ("NaN", "NaN"),
    "tab": ("7\t", "7\\t"),
    "newline": ("7\n", "7\\n"),
    "no-break-space": ("7\u00a0", "7\\xa0"),
    "arabic-indic": ("\u0667", "\u0667"),
    "full-width": ("\uff17", "\uff17"),
    "superscript": ("\u00b2", "\u00b2"),
    "nul": ("7\0", "7\\x00"),
    "dashes": ("--", "--"),
}


@pytest.mark.parametrize(("token", "shown"), NO_NUMBERS.values(), ids=NO_NUMBERS)
@pytest.mark.parametrize("field", [*HIGHEST, *TIMES])
def test_what_is_not_a_plain_number_is_refused(field: str, token: str, shown: str) -> None:
    error = refuse(field, token)

    assert error.reason == "is not a whole number in plain digits"
    assert str(error) == f"{field}: '{shown}' is not a whole number in plain digits"


def test_blanks_around_a_number_separate_it() -> None:
    assert read("srcport", "  7  ") == 7


# What the line says, and the seconds that it means.
POINTS_IN_TIME = {
    "epoch": ("0", 0),
    "one": ("1", 1),
    "usual": ("1732320000", 1732320000),
    "year-2038": ("2147483647", 2147483647),
    "after-2038": ("2147483648", 2147483648),
    "last-taken-as-seconds": ("99999999999", 99999999999),
    "first-taken-as-milliseconds": ("100000000000", 100000000),
    "milliseconds": ("1732320000000", 1732320000),
    "milliseconds-cut": ("1732320000999", 1732320000),
    "end-of-year-9999": ("253402300799000", 253402300799),
}


@pytest.mark.parametrize(("token", "seconds"), POINTS_IN_TIME.values(), ids=POINTS_IN_TIME)
@pytest.mark.parametrize("field", TIMES)
def test_a_time_is_in_seconds_and_milliseconds_are_divided(field: str, token: str, seconds: int) -> None:
    assert read(field, token) == seconds
    assert type(read(field, token)) is int


@pytest.mark.parametrize("token", ["253402300799001", "1000000000000000", "9" * 5000])
@pytest.mark.parametrize("field", TIMES)
def test_a_time_beyond_the_year_9999_is_refused(field: str, token: str) -> None:
    assert refuse(field, token).reason == "is above 253402300799000"


@pytest.mark.parametrize(
    "token",
    [
        "0.0.0.0", "255.255.255.255", "10.0.0.1", "::", "::1", "1::", "2001:db8::1", "2001:DB8::A",
        "2001:0db8:0000:0000:0000:0000:0000:0001", "1:2:3:4:5:6:7:8", "1:0:0:4:0:0:0:8",
        "1:2:3:4:5:6:7::", "::ffff:192.0.2.1", "::192.0.2.1", "64:ff9b::192.0.2.1", "fe80::1",
        "0:0:0:0:0:ffff:192.0.2.1",
    ],
)  # fmt: skip
@pytest.mark.parametrize("field", ADDRESSES)
def test_an_address_is_kept_as_it_is_written(field: str, token: str) -> None:
    assert read(field, token) == token


@pytest.mark.parametrize(
    "token",
    [
        "10.0.0", "10.0.0.1.2", "10.0.0.256", "10.0.0.01", "010.0.0.1", "10.0.0.", "10..0.1", "+10.0.0.1",
        "0x0a.0.0.1", "167772161", "1e1.0.0.1", "10.0.0.1/32", "10.0.0.1:80", "10.0.0.\u0661",
        "10.0.0.\uff11", "localhost", "example.com", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3",
        ":::", ":", ":1", "1:", "12345::", "g::", "::1/128", "[::1]", "::ffff:192.0.2.256",
        "::ffff:192.0.2.01", "::192.0.2", "::1.2.3.4.5", "::\u0661", "10.0.0.1\t", "\t::1", "10.0.0.1%1",
        "::1%", "--",
    ],
)  # fmt: skip
@pytest.mark.parametrize("field", ADDRESSES)
def test_what_is_not_an_address_is_refused(field: str, token: str) -> None:
    assert refuse(field, token).reason == "is not an IPv4 or IPv6 address"


@pytest.mark.parametrize("token", ["fe80::1%eth0", "fe80::1%1", "::ffff:10.0.0.1%a"])
@pytest.mark.parametrize("field", ADDRESSES)
def test_an_address_with_a_zone_is_refused(field: str, token: str) -> None:
    assert str(refuse(field, token)) == f"{field}: '{token}' is an address with a zone"


@pytest.mark.parametrize("token", ["000000000001", "012345678901", "unknown", "999999999999"])
def test_an_account_is_text(token: str) -> None:
    assert read("account-id", token) == token


# What the line says, and the tag's value.
TAG_VALUES = {
    "plain": ("web", "web"),
    "hyphen": ("%2D", "-"),
    "lower-case-escape": ("%2d", "-"),
    "blank": ("a%20b", "a b"),
    "blanks-at-the-ends": ("%20a%20", " a "),
    "plus-stays": ("a+b", "a+b"),
    "once": ("%2520", "%20"),
    "once-hyphen": ("%252D", "%2D"),
    "percent": ("100%25", "100%"),
    "two-bytes": ("Z%C3%BCrich", "Zürich"),
    "four-bytes": ("%F0%9F%98%80", "\U0001f600"),
    "unescaped-text": ("Zürich", "Zürich"),
    "both": ("Z%C3%BCrichü", "Zürichü"),
    "separator": ("a%3Bb%09", "a;b\t"),
    "nul": ("%00", "\0"),
    "dashes": ("--", "--"),
}


@pytest.mark.parametrize(("token", "value"), TAG_VALUES.values(), ids=TAG_VALUES)
@pytest.mark.parametrize("field", TAGS)
def test_a_tag_is_decoded_once(field: str, token: str, value: str) -> None:
    assert read(field, token) == value


@pytest.mark.parametrize("token", ["%", "a%", "%2", "%2G", "%GG", "100%", "%%20", "%u00e9", "%\uff12\uff10"])
@pytest.mark.parametrize("field", TAGS)
def test_a_broken_escape_is_refused(field: str, token: str) -> None:
    error = refuse(field, token)

    assert error.reason == "has a percent sign that is not followed by two hexadecimal digits"


@pytest.mark.parametrize("token", ["%FF", "%C3", "%C3%20", "%ED%A0%80", "%F5%80%80%80", "%C0%80", "%80ok"])
@pytest.mark.parametrize("field", TAGS)
def test_escapes_that_are_not_utf8_are_refused(field: str, token: str) -> None:
    assert str(refuse(field, token)) == f"{field}: '{token}' is not UTF-8 behind its percent escapes"


def test_other_text_is_not_decoded() -> None:
    assert read("ecs-cluster-name", "a%20b%") == "a%20b%"


@pytest.mark.parametrize("token", ["accept", "Accept", "ACCEPT,", "ACCEPTED", "OK", "--", "\u0410CCEPT"])
def test_another_word_is_no_action(token: str) -> None:
    assert str(refuse("action", token)) == f"action: '{token}' is not one of ACCEPT, REJECT"


@pytest.mark.parametrize("token", ["ok", "NODATA2", "INCOMPLETEDATA", "ACCEPT", "--"])
def test_another_word_is_no_log_status(token: str) -> None:
    assert str(refuse("log-status", token)) == f"log-status: '{token}' is not one of OK, NODATA, SKIPDATA"


@pytest.mark.parametrize(
    ("field", "token"),
    [
        ("type", "IPv7"),
        ("flow-direction", "sideways"),
        ("reject-reason", "Accepted"),
        ("interface-type", "brand_new"),
        ("sublocation-type", "moon"),
        ("pkt-src-aws-service", "NEW_SERVICE"),
        ("resource-type", "Other"),
        ("traffic-path", "9"),
        ("encryption-status", "4"),
    ],
)
def test_an_open_list_takes_a_new_value(field: str, token: str) -> None:
    assert str(read(field, token)) == token


@pytest.mark.parametrize(
    "token",
    ['a"b', "a\\b", "\x01", "\0", "\U0001f600", "\ud800", "x" * 10_000],
    ids=["quote", "backslash", "control", "nul", "emoji", "surrogate", "long"],
)
def test_text_is_kept_as_it_is(token: str) -> None:
    assert read("vpc-id", token) == token


def test_the_first_wrong_value_of_a_line_is_named() -> None:
    with pytest.raises(RecordError) as caught:
        parse("2 70000 99999", Formats.from_text("version srcport dstport"))

    assert str(caught.value) == "srcport: '70000' is above 65535"
