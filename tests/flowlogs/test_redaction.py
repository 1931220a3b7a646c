"""What counts as an address or an account, and is hidden."""

import pytest

from flowlogs.redaction import redact, redact_all


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("10.0.0.1 443", "[address] 443", id="IPv4"),
        pytest.param("300.1.2.3", "[address]", id="no address, but near to one"),
        pytest.param("::1 2001:db8::/32 fe80::1%eth0", "[address] [address]/32 [address]", id="IPv6"),
        pytest.param("::ffff:10.0.0.1", "[address]", id="IPv4 in IPv6"),
        pytest.param("'10.0.0.1'", "'[address]'", id="quoted"),
        pytest.param("arn:aws:iam::123456789010:role/x", "arn:aws:iam::[account]:role/x", id="ARN"),
        pytest.param("eni-123456789010a", "eni-[account]a", id="twelve digits are hidden anywhere"),
        pytest.param("1768478400 1768478460000", "1768478400 1768478460000", id="times stay"),
        pytest.param("version 2.19.1", "version 2.19.1", id="versions stay"),
    ],
)
def test_what_is_redacted(text: str, expected: str) -> None:
    assert redact(text) == expected


def test_json_is_redacted_in_names_and_values_save_those_of_ours() -> None:
    value = {"10.0.0.1": 1, "lines": ["to 10.0.0.1"], "index": "cwl-10.0.0.1", "count": 3}
    expected = {"[address]": 1, "lines": ["to [address]"], "index": "cwl-10.0.0.1", "count": 3}
    assert redact_all(value) == expected
