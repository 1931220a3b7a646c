"""The payload of a CloudWatch Logs subscription, read and written.

CloudWatch Logs invokes the function with `{"awslogs": {"data": ...}}`, where the data is base64
text of gzipped JSON ("Using subscription filters", CloudWatch Logs User Guide). A remainder that
could not be delivered is stored in the same shape, so one reader serves both.
"""

import binascii
import json
from typing import Final

import msgspec

from parser.compression import compressor, decompress
from parser.errors import EnvelopeError
from parser.json_parts import BrokenJSONError
from parser.odd_payload import (
    HELD_BESIDE,
    LONGEST_EVENT,
    LONGEST_NAME,
    MOST_HELD,
    outline,
    read_events,
    read_filters,
    read_name,
    refuse_length,
    refuse_name,
)
from parser.payload import (
    LAST_TIMESTAMP,
    MAX_ID,
    Event,
    Subscription,
    Unusable,
    set_apart,
    take_portions,
)
from parser.surrogates import may_hold_halves, put_back

__all__ = [
    "LAST_TIMESTAMP",
    "MAX_CONTENT",
    "MAX_ID",
    "MAX_PAYLOAD",
    "Event",
    "Subscription",
    "Unusable",
    "decode",
    "decode_event",
    "decode_text",
    "encode",
    "set_apart",
]

MAX_PAYLOAD: Final = 24 * 1024 * 1024
"""Bytes of JSON. CloudWatch Logs sends up to 1 MiB of base64, which holds 6 to 12 MB of flow logs; what is
stored of a payload is no larger than the payload."""

MAX_CONTENT: Final = 64 * 1024 * 1024
"""Bytes of an object with rejected events, each of which has its reason and the formats beside it."""

SMALL: Final = 4 * 1024 * 1024
"""Bytes of JSON: what this holds needs no more than half of `MOST_HELD`, whatever it is."""

AT_ONCE: Final = 256
PORTION: Final = 256 * 1024
"""Events, and characters of their messages, that are written at once."""


class _Data(
    msgspec.Struct, frozen=True, rename="camel", tag_field="messageType", tag="DATA_MESSAGE", kw_only=True
):
    """A payload as CloudWatch writes it."""

    owner: str
    log_group: str
    log_stream: str
    subscription_filters: msgspec.Raw = msgspec.Raw(b"[]")
    policy_level: str | None = None
    events: tuple[Event, ...] = msgspec.field(name="logEvents")


class _Control(
    msgspec.Struct, frozen=True, rename="camel", tag_field="messageType", tag="CONTROL_MESSAGE", kw_only=True
):
    """CloudWatch's check that the destination is reachable. Its one event carries nothing."""

    owner: str = ""
    log_group: str = ""
    log_stream: str = ""
    subscription_filters: msgspec.Raw = msgspec.Raw(b"[]")


_Message = _Data | _Control
_decoder: Final[msgspec.json.Decoder[_Message]] = msgspec.json.Decoder(_Message)
_encoder: Final = msgspec.json.Encoder()


def decode(data: str | bytes, *, limit: int = MAX_PAYLOAD) -> Subscription:
    """Read a payload.

    Args:
        data: base64 text, as Lambda hands it over, or gzip bytes.
        limit: the largest JSON text accepted, in bytes; a payload that inflates to more is refused
            without being held.

    Raises:
        EnvelopeError: says whether base64, gzip, JSON or a key is at fault, and where.
    """
    return decode_text(decompress(_from_base64(data) if isinstance(data, str) else data, limit))


def decode_text(text: bytes) -> Subscription:
    """Read the JSON of a payload, of a length that was looked at.

    Raises:
        EnvelopeError: as `decode`.
    """
    subscription = _read(text)
    longest = max(len(subscription.owner), len(subscription.log_group), len(subscription.log_stream))
    if longest > LONGEST_NAME:
        raise refuse_name(longest)
    return subscription


def decode_event(event: object, *, limit: int = MAX_PAYLOAD) -> Subscription:
    """Read the event that Lambda hands to a function subscribed to a log group.

    Raises:
        EnvelopeError: as `decode`, or the event is not `{"awslogs": {"data": "..."}}`.
    """
    match event:
        case {"awslogs": {"data": str(data)}}:
            return decode(data, limit=limit)
        case {"Records": [{"eventSource": "aws:kinesis"}, *_]}:
            raise EnvelopeError("event is that of a Kinesis stream: the stream function takes it")
    raise EnvelopeError("event is not that of a CloudWatch Logs subscription: it has no text at awslogs.data")


def encode(subscription: Subscription) -> bytes:
    """Return the payload as gzip bytes: what `decode` reads back to an equal value.

    Events that are unusable are left out: they are for people, and no replay would change them.
    """
    head = {
        "messageType": "DATA_MESSAGE",
        "owner": subscription.owner,
        "logGroup": subscription.log_group,
        "logStream": subscription.log_stream,
        "subscriptionFilters": subscription.subscription_filters,
        "policyLevel": subscription.policy_level,
    }
    stream = compressor()
    parts = [stream.compress(_encode_text(head)[:-1] + b',"logEvents":[')]
    comma = b""
    for portion in take_portions(subscription.events, AT_ONCE, PORTION):
        parts.append(stream.compress(comma + _encode_text(portion)[1:-1]))
        comma = b","
    parts.append(stream.compress(b"]}"))
    return b"".join([*parts, stream.flush()])


def _encode_text(content: object) -> bytes:
    try:
        return _encoder.encode(content)
    except UnicodeEncodeError:  # a lone surrogate, which UTF-8 cannot hold but a JSON escape can
        text = json.dumps(msgspec.to_builtins(content), ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "backslashreplace")


def _from_base64(text: str) -> bytes:
    try:
        return msgspec.convert(text, bytes)  # six to nine times faster than binascii
    except (msgspec.ValidationError, UnicodeEncodeError):
        pass
    try:  # it says what is wrong
        return binascii.a2b_base64(text, strict_mode=True)
    except (binascii.Error, ValueError) as error:  # ValueError: characters beyond ASCII
        raise EnvelopeError(f"payload is not base64: {str(error).lower()}") from error


def _read(text: bytes) -> Subscription:
    """Read JSON: at once where that is sure to need little memory, or else event by event.

    What the strict decoder refuses is read once more, event by event, so that one that is odd costs only
    itself.
    """
    if not _is_bounded(text):
        return _read_apart(text, None)
    try:
        message = _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _read_apart(text, error)
    if isinstance(message, _Control):
        return _make(message)
    if len(text) > LONGEST_EVENT and message.events:
        longest = max([len(event.message) for event in message.events])
        if longest > LONGEST_EVENT:
            raise refuse_length(longest)
    events, unusable = set_apart(message.events, halves=False)
    return _make(message, message.policy_level, events, unusable)


def _is_bounded(text: bytes) -> bool:
    """Whether no object made of it can need more than `MOST_HELD`, as far as that is seen at once."""
    if len(text) <= SMALL:
        return True
    if not text.isascii() or b"\\u" in text:
        return False  # characters may take up to four bytes
    # Of an event, id and message are less in memory than they and their keys are in JSON.
    return len(text) + (HELD_BESIDE + 2 * str.__sizeof__("")) * text.count(b"{") <= MOST_HELD


def _make(
    message: _Message,
    policy_level: str | None = None,
    events: tuple[Event, ...] = (),
    unusable: tuple[Unusable, ...] = (),
) -> Subscription:
    return Subscription(
        owner=message.owner,
        log_group=message.log_group,
        log_stream=message.log_stream,
        subscription_filters=read_filters(message.subscription_filters),
        policy_level=policy_level,
        events=events,
        unusable=unusable,
    )


def _read_apart(text: bytes, refused: Exception | None) -> Subscription:
    """Read a payload event by event.

    Args:
        text: the JSON.
        refused: why the strict decoder does not read it, or None where it was not asked.
    """
    try:
        small, spans = outline(text)
        message = _decoder.decode(small)
        names = {key: read_name(text, spans, key.encode()) for key in ("owner", "logGroup", "logStream")}
        begin, end = spans.get(b"subscriptionFilters", (0, 0))
        filters = read_filters(memoryview(text)[begin:end])
        is_control = isinstance(message, _Control)
        found = ((), ()) if is_control else read_events(text, spans[b"logEvents"][0])
    except BrokenJSONError as broken:
        raise _not_json(broken if refused is None or may_hold_halves(text) else refused) from broken
    except msgspec.ValidationError as error:
        reason = put_back(str(error)).encode("ascii", "backslashreplace").decode("ascii")
        raise EnvelopeError(f"payload is not a CloudWatch Logs message: {reason}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _not_json(refused or error) from error
    events, unusable = set_apart(found[0])
    return Subscription(
        owner=names["owner"],
        log_group=names["logGroup"],
        log_stream=names["logStream"],
        subscription_filters=filters,
        policy_level=None if is_control else read_name(text, spans, b"policyLevel") or None,
        events=events,
        unusable=(*found[1], *unusable),
    )


def _not_json(error: Exception) -> EnvelopeError:
    return EnvelopeError(f"payload is not JSON: {str(error).removeprefix('JSON is malformed: ')}")
