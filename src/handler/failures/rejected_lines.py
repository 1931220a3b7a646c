"""The lines in `rejected/`: one event each, with what was said of it; written, and read for another try."""

import json
from typing import Any, Final

import msgspec

from handler import __version__
from handler.report import Unsettled
from parser.errors import EnvelopeError
from parser.subscription import Event, Subscription, set_apart

LINE_VERSION: Final = 1
"""The version of the lines in `rejected/`."""


def describe(subscription: Subscription, rejected: Unsettled, formats: str, now: str) -> dict[str, Any]:
    """Return the line of one event."""
    return {
        "line_version": LINE_VERSION,
        "software": __version__,
        "formats": formats,
        "rejected_at": now,
        "index": rejected.index,
        "status": rejected.verdict.status,
        "error_type": rejected.verdict.error_type,
        "reason": rejected.verdict.reason,
        "owner": subscription.owner,
        "log_group": subscription.log_group,
        "log_stream": subscription.log_stream,
        "event": msgspec.structs.asdict(rejected.event),
    }


def read_rejected(lines: bytes) -> Subscription:
    """Make a payload of rejected events again; they all came in one, hence from one log stream."""
    try:
        found: list[dict[str, Any]] = [json.loads(line) for line in lines.splitlines()]
        events, unusable = set_apart(tuple(msgspec.convert(each["event"], Event) for each in found))
        first = found[0]
        return Subscription(
            owner=first["owner"],
            log_group=first["log_group"],
            log_stream=first["log_stream"],
            events=events,
            unusable=unusable,
        )
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise EnvelopeError(f"object does not hold rejected events: {error!r}") from error
