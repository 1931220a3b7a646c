"""The payload of a CloudWatch Logs subscription, read and written.

CloudWatch Logs invokes the function with `{"awslogs": {"data": ...}}`, where the data is base64
text of gzipped JSON ("Using subscription filters", CloudWatch Logs User Guide). A remainder that
could not be delivered is stored in the same shape, so one reader serves both.
"""

import binascii
import json
from typing import Annotated, Any, Final

import msgspec

from parser.compression import compress, decompress
from parser.errors import EnvelopeError

MAX_CONTENT: Final = 64 * 1024 * 1024
"""Bytes. Lambda's limit of 1 MiB of base64 holds 6 to 12 MB of flow logs; 64 MiB is far beyond."""

MAX_ID: Final = 512
"""Characters. OpenSearch takes no longer `_id`; CloudWatch's event ids are 56 decimal digits."""

LAST_TIMESTAMP: Final = 253_402_300_799_999
"""Milliseconds: the end of the year 9999, the last that a day index can name."""


class Event(msgspec.Struct, frozen=True, gc=False):
    """One log event.

    Attributes:
        id: CloudWatch's event id, the same each time that the event is delivered.
        timestamp: milliseconds since the epoch; for a flow log record its `start`.
        message: the flow log record, as text.
    """

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ID)]
    timestamp: Annotated[int, msgspec.Meta(ge=0, le=LAST_TIMESTAMP)]
    message: str


class Subscription(
    msgspec.Struct, frozen=True, rename="camel", tag_field="messageType", tag="DATA_MESSAGE", kw_only=True
):
    """One payload: events of one log stream.

    Attributes:
        owner: the account that owns the log group, as text.
        log_group: the log group's name.
        log_stream: the log stream's name.
        subscription_filters: the names of the filters that matched.
        policy_level: `ACCOUNT_LEVEL_POLICY` where an account's policy delivers, else None.
        events: in the order of delivery. Empty for a control message.
    """

    owner: str
    log_group: str
    log_stream: str
    subscription_filters: tuple[str, ...] = ()
    policy_level: str | None = None
    events: tuple[Event, ...] = msgspec.field(name="logEvents")


class _Control(
    msgspec.Struct, frozen=True, rename="camel", tag_field="messageType", tag="CONTROL_MESSAGE", kw_only=True
):
    """CloudWatch's check that the destination is reachable. Its one event carries nothing."""

    owner: str = ""
    log_group: str = ""
    log_stream: str = ""
    subscription_filters: tuple[str, ...] = ()


_Message = Subscription | _Control
_decoder: Final[msgspec.json.Decoder[_Message]] = msgspec.json.Decoder(_Message)
_encoder: Final = msgspec.json.Encoder()


def decode(data: str | bytes, *, limit: int = MAX_CONTENT) -> Subscription:
    """Read a payload.

    Args:
        data: base64 text, as Lambda hands it over, or gzip bytes.
        limit: the largest JSON text accepted, in bytes; a payload that inflates to more is refused
            without being held.

    Raises:
        EnvelopeError: says whether base64, gzip, JSON or a key is at fault, and where.
    """
    message = _read(decompress(_from_base64(data) if isinstance(data, str) else data, limit))
    if isinstance(message, Subscription):
        return message
    return Subscription(
        owner=message.owner,
        log_group=message.log_group,
        log_stream=message.log_stream,
        subscription_filters=message.subscription_filters,
        events=(),
    )


def decode_event(event: object, *, limit: int = MAX_CONTENT) -> Subscription:
    """Read the event that Lambda hands to a function subscribed to a log group.

    Raises:
        EnvelopeError: as `decode`, or the event is not `{"awslogs": {"data": "..."}}`.
    """
    match event:
        case {"awslogs": {"data": str(data)}}:
            return decode(data, limit=limit)
    raise EnvelopeError("event is not that of a CloudWatch Logs subscription: it has no text at awslogs.data")


def encode(subscription: Subscription) -> bytes:
    """Return the payload as gzip bytes: what `decode` reads back to an equal value."""
    try:
        text = _encoder.encode(subscription)
    except UnicodeEncodeError:  # a lone surrogate, which UTF-8 cannot hold but a JSON escape can
        text = json.dumps(msgspec.to_builtins(subscription)).encode("ascii")
    return compress(text)


def _from_base64(text: str) -> bytes:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except (binascii.Error, ValueError) as error:  # ValueError: characters beyond ASCII
        raise EnvelopeError(f"payload is not base64: {str(error).lower()}") from error


def _read(text: bytes) -> _Message:
    try:
        return _decoder.decode(text)
    except msgspec.ValidationError as error:
        raise EnvelopeError(f"payload is not a CloudWatch Logs message: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _read_leniently(text)


def _read_leniently(text: bytes) -> _Message:
    """Read JSON whose escapes hold a lone surrogate, which the fast decoder refuses."""
    try:
        content: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise EnvelopeError(f"payload is not JSON: {error}") from error
    try:
        message: _Message = msgspec.convert(content, _Message)
    except (msgspec.ValidationError, UnicodeEncodeError) as error:  # the latter: a name with a surrogate
        raise EnvelopeError(f"payload is not a CloudWatch Logs message: {error}") from error
    return message
