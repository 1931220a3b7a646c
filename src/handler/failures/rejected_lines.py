"""The lines in `rejected/`: one event each, with what was said of it; written, and read for another try.

Both ways a line is made, used and forgotten before the next: thousands of them at once would not fit.
"""

import gzip
import io
import json
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from handler import __version__
from handler.report import Unsettled
from parser.compression import compressor
from parser.document import encode_json
from parser.errors import EnvelopeError
from parser.subscription import MAX_CONTENT, Event, Subscription, set_apart

LINE_VERSION: Final = 1
"""The version of the lines in `rejected/`."""

_Whence = tuple[str, str, str]
"""Owner, log group and log stream."""


def write_lines(rest: Iterable[tuple[Subscription, Iterable[Unsettled]]], formats: str, now: str) -> bytes:
    """Return the lines of events as gzip bytes.

    Args:
        rest: payloads, and the events of each.
        formats: those that their lines were read by.
        now: the time, as ISO 8601.
    """
    stream = compressor()
    parts = [
        stream.compress(encode_json(_describe(subscription, each, formats, now)) + b"\n")
        for subscription, rejected in rest
        for each in rejected
    ]
    return b"".join([*parts, stream.flush()])


def read_lines(data: bytes) -> Iterator[dict[str, Any]]:
    """Yield what the lines say, one by one.

    Raises:
        EnvelopeError: the bytes are no gzip, or damaged; hold more than `MAX_CONTENT` bytes; or a line is no
            JSON object.
    """
    room = MAX_CONTENT
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            while line := file.readline(room + 1):
                room -= len(line)
                if room < 0:
                    raise EnvelopeError(f"object holds more than {MAX_CONTENT} bytes")
                yield msgspec.convert(json.loads(line), dict[str, Any])
    except (OSError, EOFError, zlib.error, ValueError, RecursionError) as error:
        raise EnvelopeError(f"object does not hold rejected events: {error}") from error


def read_rejected(data: bytes) -> tuple[Subscription, ...]:
    """Make payloads of rejected events again, one for each log stream that they came from.

    Raises:
        EnvelopeError: as `read_lines`, or a line lacks what a payload needs.
    """
    found: dict[_Whence, list[Event]] = {}
    try:
        for line in read_lines(data):
            event = msgspec.convert(line["event"], Event)
            whence = msgspec.convert((line["owner"], line["log_group"], line["log_stream"]), _Whence)
            found.setdefault(whence, []).append(event)
    except (KeyError, msgspec.ValidationError) as error:
        raise EnvelopeError(f"object does not hold rejected events: {error!r}") from error
    if not found:
        raise EnvelopeError("object does not hold rejected events: it is empty")
    return tuple(_make_payload(*whence, tuple(events)) for whence, events in found.items())


def _make_payload(owner: str, log_group: str, log_stream: str, found: tuple[Event, ...]) -> Subscription:
    events, unusable = set_apart(found)
    return Subscription(
        owner=owner, log_group=log_group, log_stream=log_stream, events=events, unusable=unusable
    )


def _describe(subscription: Subscription, rejected: Unsettled, formats: str, now: str) -> dict[str, Any]:
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
