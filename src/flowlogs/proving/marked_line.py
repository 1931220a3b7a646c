"""A flow log line that nobody's traffic made: addresses of documentation, the time now."""

from collections.abc import Mapping
from typing import Final

from parser.fields import Field, Kind
from parser.format import Format
from parser.record import ABSENT

_VALUES: Final[Mapping[str, str]] = {
    "account-id": "123456789012",
    "interface-id": "eni-0123456789abcdef0",
    "srcaddr": "192.0.2.1",
    "dstaddr": "198.51.100.1",
    "pkt-srcaddr": "192.0.2.1",
    "pkt-dstaddr": "198.51.100.1",
    "srcport": "49152",
    "dstport": "443",
    "protocol": "6",
    "packets": "1",
    "bytes": "40",
    "action": "ACCEPT",
    "log-status": "OK",
    "type": "IPv4",
}
"""RFC 5737 keeps these addresses for documentation; AWS's own documentation has that account."""


def write_line(format_: Format, now: int) -> str:
    """Return a line of a format.

    Args:
        format_: what flow logs of the stack write.
        now: seconds since the epoch, for its beginning and its end.
    """
    return " ".join(_choose(field, format_, now) for field in format_.fields)


def _choose(field: Field, format_: Format, now: int) -> str:
    if field.name in _VALUES:
        return _VALUES[field.name]
    if field.name == "version":
        versions = [int(each.version) for each in format_.fields if each.version.isdecimal()]
        return str(max(versions, default=2))
    of_kind = {Kind.SECONDS: str(now), Kind.INTEGER: "0", Kind.ADDRESS: _VALUES["srcaddr"]}
    return field.choices[0] if field.choices else of_kind.get(field.kind, ABSENT)
