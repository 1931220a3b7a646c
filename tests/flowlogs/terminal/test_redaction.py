"""What counts as an address or an account, and is hidden."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from flowlogs.terminal.redaction import redact, redact_all


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("10.0.0.1 443", "[address] 443", id="IPv4"),
        pytest.param("300.1.2.3", "[address]", id="no address, but near to one"),
        pytest.param("::1 2001:db8::/32 fe80::1%eth0", "[address] [address]/32 [address]", id="IPv6"),
        pytest.param("::ffff:10.0.0.1", "[address]", id="IPv4 in IPv6"),
        pytest.param("'10.0.0.1'", "'[address]'", id="quoted"),
        pytest.param("from 10.0.0.1.", "from [address].", id="at the end of a sentence"),
        pytest.param(".10.0.0.1 x10.0.0.1y", ".[address] x[address]y", id="IPv4 after anything"),
        pytest.param("10.0.0.2.5", "[address]", id="five numbers"),
        pytest.param("x2001:db8::1 2001:db8::1z", "x[address] [address]z", id="IPv6 beside letters"),
        pytest.param("ip-10-0-0-1.ec2.internal", "ip-[address].ec2.internal", id="the name of an instance"),
        pytest.param("2001:db8:1:2", "[address]", id="half an address"),
        pytest.param("::123456789010", "::[account]", id="an account behind colons"),
        pytest.param("at 12:34:56.789, 12:34", "at 12:34:56.789, 12:34", id="times of day stay"),
        pytest.param("2026-01-15T12:00:00+00:00", "2026-01-15T12:00:00+00:00", id="ISO times stay"),
        pytest.param("cwl-2026.01.15 a::b", "cwl-2026.01.15 [address]", id="names of indices stay"),
        pytest.param("arn:aws:iam::123456789010:role/x", "arn:aws:iam::[account]:role/x", id="ARN"),
        pytest.param("eni-123456789010a", "eni-[account]a", id="twelve digits are hidden anywhere"),
        pytest.param("1768478400 1768478460000", "1768478400 1768478460000", id="times stay"),
        pytest.param("version 2.19.1", "version 2.19.1", id="versions stay"),
    ],
)
def test_what_is_redacted(text: str, expected: str) -> None:
    assert redact(text) == expected


# What can stand beside an address and be taken for a part of it, and anything else.
beside = some.text(some.sampled_from("0123456789abcfFxT:.-_ [](){}/%'\"é")) | some.text()
addresses = (
    some.ip_addresses().map(str)
    | some.ip_addresses(v=6).map(lambda address: address.exploded)
    | some.ip_addresses(v=4).map(lambda address: f"::ffff:{address}")
    | some.ip_addresses(v=4).map(lambda address: str(address).replace(".", "-"))
).filter(lambda address: address != "::")  # which is nobody's


@given(beside, addresses, beside)
@example("12:34:56", "10.0.0.1", "")
@example("1.", "10.0.0.1", ".2")
@example("1-", "10-0-0-1", "-2")
@example("10-0-0-19", "9.1.2.3", "")
@example("12345678", str(IPv6Address("2001:db8::1")), "")
@example("", "::1", "23456789012")
@example("", str(IPv4Address("10.0.0.1")), "23456789012")
def test_no_address_survives_whatever_stands_beside_it(before: str, address: str, after: str) -> None:
    assert address not in redact(before + address + after)


@given(some.from_regex(r"\A([^0-9]|\Z)", fullmatch=False), some.from_regex(r"[0-9]{12}", fullmatch=True))
def test_no_account_survives_beside_what_is_no_digit(beside: str, account: str) -> None:
    assert account not in redact(f"{beside[::-1]}{account}{beside}")


def test_long_lines_take_no_longer_than_their_length() -> None:
    for text in ("1" * 300_000, "a" * 300_000, "1." * 2 + "1" * 300_000, "1-" * 150_000 + "x"):
        assert len(redact(text)) <= len(text)


def test_what_has_one_name_without_its_account_adds_up() -> None:
    value = {"log_groups": {"/org/123456789010/flows": 3, "/org/123456789011/flows": 4, "/vpc": 5}}
    assert redact_all(value) == {"log_groups": {"/org/[account]/flows": 7, "/vpc": 5}}


def test_json_is_redacted_in_names_and_values_save_those_of_ours() -> None:
    value = {"10.0.0.1": 1, "lines": ["to 10.0.0.1"], "index": "cwl-10.0.0.1", "count": 3}
    expected = {"[address]": 1, "lines": ["to [address]"], "index": "cwl-10.0.0.1", "count": 3}
    assert redact_all(value) == expected
