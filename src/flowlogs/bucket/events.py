"""A file with an object of the failure bucket, as events of the forward function: one for each payload."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from handler.failures import Content
from handler.failures.rejected_lines import read_lines
from parser.compression import MAGIC
from parser.errors import EnvelopeError
from parser.kinesis import is_discarded
from parser.stored import begins_payload
from parser.subscription import Subscription, encode


@dataclass(frozen=True, slots=True)
class Opened:
    """What a file holds.

    Attributes:
        events: values of JSON, each for one invocation.
        stored: whether they were made of payloads of an object.
        lacking: what of it is in no event, and why, as sentences.
    """

    events: list[Any]
    stored: bool = False
    lacking: tuple[str, ...] = ()


def open_events(data: bytes) -> Opened:
    """Read a Lambda event, or the payloads of an object of the failure bucket, from the bytes of a file.

    Raises:
        EnvelopeError: it is an object in which no payload can be read.
        ValueError: it is neither an object nor JSON.
    """
    if not (data.startswith(MAGIC) or begins_payload(data)):
        event = json.loads(data)
        if not (isinstance(event, dict) and ("requestPayload" in event or is_discarded(event))):
            return Opened([event])
    rejected = data.startswith(MAGIC) and _holds_lines(data)
    parts = Content(data, etag="", attempts=0, reason="", log_group="", rejected=rejected).read()
    if not parts.payloads:
        raise EnvelopeError(parts.reason or "object holds no payload")
    lacking = (*(each.reason for each in parts.damaged), *_tell_unusable(parts.payloads))
    return Opened([_wrap(each) for each in parts.payloads], stored=True, lacking=lacking)


def _holds_lines(data: bytes) -> bool:
    """Whether an object, whose name is not known, holds rejected events: they have a form of their own."""
    try:
        return "event" in next(read_lines(data), {})
    except EnvelopeError:
        return False


def _wrap(payload: Subscription) -> dict[str, Any]:
    return {"awslogs": {"data": base64.b64encode(encode(payload)).decode("ascii")}}


def _tell_unusable(payloads: tuple[Subscription, ...]) -> Iterator[str]:
    for each in (unusable for payload in payloads for unusable in payload.unusable):
        yield f"an event that no index takes: {each.reason}"
