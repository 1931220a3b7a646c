"""Text without the addresses and account ids in it, so that it can be shown to others."""

import re
from collections.abc import Mapping
from typing import Any, Final

ADDRESS: Final = "[address]"
ACCOUNT: Final = "[account]"

# What looks like an address goes, even where it is none: a refused line often holds a broken one. And it goes
# whatever stands beside it, which may be a part of the sentence, or of the broken address.
_RUN: Final = re.compile(r"([0-9A-Fa-f:.]+)(?:%\w+)?")
_COLONS: Final = 2
_TIME: Final = re.compile(r"[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?")
_HEX: Final = re.compile(r"[0-9A-Fa-f]")
_DOTTED: Final = re.compile(r"(?<![0-9])[0-9]+(?:\.[0-9]+){3,}")
_DASHED: Final = re.compile(r"[0-9]{1,3}(?:[-_][0-9]{1,3}){3,}")
"""An IPv4 address as the names of instances have it: `ip-10-0-0-1`."""

_ACCOUNT: Final = re.compile(r"(?<![0-9])[0-9]{12}(?![0-9])")
_KEPT: Final = ("index", "rejected_at", "first", "last", "stored", "key")
"""Names of values of our own, which hold neither but may look like it."""


def redact(text: str) -> str:
    """Return the text with IPv4 and IPv6 addresses and 12-digit account ids hidden."""
    text = _RUN.sub(_hide, text)
    for pattern, shown in ((_DOTTED, ADDRESS), (_DASHED, ADDRESS), (_ACCOUNT, ACCOUNT)):
        text = pattern.sub(shown, text)
    return text


def _hide(found: re.Match[str]) -> str:
    """Return what to show of characters of which IPv6 addresses are made."""
    run = found[1]
    # With two colons it is one, save for a time of day, and for the account in an ARN, between colons.
    clear = run.count(":") < _COLONS or _TIME.fullmatch(run) or not _HEX.search(_ACCOUNT.sub("", run))
    return found[0] if clear else ADDRESS


def redact_all(value: Any) -> Any:  # noqa: ANN401  # JSON
    """Return JSON with all texts redacted, whatever they are nested in.

    Names that become equal are one, and their numbers added up.
    """
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, list):
        return [redact_all(each) for each in value]
    if isinstance(value, Mapping):
        redacted: dict[str, Any] = {}
        for name, each in value.items():
            shown = each if name in _KEPT else redact_all(each)
            hidden = redact(name)
            redacted[hidden] = redacted[hidden] + shown if hidden in redacted else shown
        return redacted
    return value
