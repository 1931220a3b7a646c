"""Text without the addresses and account ids in it, so that it can be shown to others."""

import re
from collections.abc import Mapping
from typing import Any, Final

ADDRESS: Final = "[address]"
ACCOUNT: Final = "[account]"

# What looks like an address goes, even where it is none: a refused line often holds a broken one.
_IPV6: Final = re.compile(
    r"(?<![0-9A-Za-z:.])(?:[0-9A-Fa-f]{0,4}:){2,}[0-9A-Fa-f.:]*(?:%\w+)?(?![0-9A-Za-z])"
)
_IPV4: Final = re.compile(r"(?<![0-9.])[0-9]+(?:\.[0-9]+){3}(?![0-9.])")
_ACCOUNT: Final = re.compile(r"(?<![0-9])[0-9]{12}(?![0-9])")
_KEPT: Final = ("index", "rejected_at", "first", "last", "stored", "key")
"""Names of values of our own, which hold neither but may look like it."""


def redact(text: str) -> str:
    """Return the text with IPv4 and IPv6 addresses and 12-digit account ids hidden."""
    return _ACCOUNT.sub(ACCOUNT, _IPV4.sub(ADDRESS, _IPV6.sub(ADDRESS, text)))


def redact_all(value: Any) -> Any:  # noqa: ANN401  # JSON
    """Return JSON with all texts redacted, whatever they are nested in."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, list):
        return [redact_all(each) for each in value]
    if isinstance(value, Mapping):
        return {redact(name): each if name in _KEPT else redact_all(each) for name, each in value.items()}
    return value
