"""The payload of a CloudWatch Logs subscription, read and written.

CloudWatch Logs invokes the function with `{"awslogs": {"data": ...}}`, where the data is base64
text of gzipped JSON ("Using subscription filters", CloudWatch Logs User Guide). A remainder that
could not be delivered is stored in the same shape, so one reader serves both.
"""

import binascii
import json
from typing import Final

import msgspec

from parser.compression import compress, decompress
from parser.errors import EnvelopeError
from parser.surrogates import may_hold_halves, put_back, stand_in

MAX_PAYLOAD: Final = 24 * 1024 * 1024
"""Bytes of JSON. CloudWatch Logs sends up to 1 MiB of base64, which holds 6 to 12 MB of flow logs; what is
stored of a payload is no larger than the payload."""

MAX_CONTENT: Final = 64 * 1024 * 1024
"""Bytes of an object with rejected events, each of which has its reason and the formats beside it."""

MAX_ID: Final = 512
"""Bytes of UTF-8. A longer `_id`, or an empty one, makes OpenSearch refuse the whole request; CloudWatch's
event ids are 56 decimal digits."""

LAST_TIMESTAMP: Final = 253_402_300_799_999
"""Milliseconds: the end of the year 9999, the last that a day index can name."""

_SHORT_ID: Final = MAX_ID // 4
"""Characters that take no more than `MAX_ID` bytes, whatever they are."""


class Event(msgspec.Struct, frozen=True, gc=False):
    """One log event.

    Attributes:
        id: CloudWatch's event id, the same each time that the event is delivered.
        timestamp: milliseconds since the epoch; for a flow log record its `start`.
        message: the flow log record, as text.
    """

    id: str
    timestamp: int
    message: str


class Unusable(msgspec.Struct, frozen=True):
    """An event that cannot become a document: no index or request would take it.

    Attributes:
        event: the event as it came.
        reason: what is wrong with it, for people.
    """

    event: Event
    reason: str


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """One payload: events of one log stream.

    Attributes:
        owner: the account that owns the log group, as text.
        log_group: the log group's name.
        log_stream: the log stream's name.
        subscription_filters: the names of the filters that matched.
        policy_level: `ACCOUNT_LEVEL_POLICY` where an account's policy delivers, else None.
        events: in the order of delivery. Empty for a control message. As `decode` gives them, each has
            an id of 1 to `MAX_ID` bytes and a timestamp from 0 to `LAST_TIMESTAMP`.
        unusable: the events that `decode` found to be otherwise, in the order of delivery. They came
            with the payload and count as received, but `encode` does not write them.
    """

    owner: str
    log_group: str
    log_stream: str
    subscription_filters: tuple[str, ...] = ()
    policy_level: str | None = None
    events: tuple[Event, ...]
    unusable: tuple[Unusable, ...] = ()


class _Data(
    msgspec.Struct, frozen=True, rename="camel", tag_field="messageType", tag="DATA_MESSAGE", kw_only=True
):
    """A payload as CloudWatch writes it."""

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
    message = _read(decompress(_from_base64(data) if isinstance(data, str) else data, limit))
    if isinstance(message, _Control):
        return Subscription(
            owner=message.owner,
            log_group=message.log_group,
            log_stream=message.log_stream,
            subscription_filters=message.subscription_filters,
            events=(),
        )
    events, unusable = set_apart(message.events)
    return Subscription(
        owner=message.owner,
        log_group=message.log_group,
        log_stream=message.log_stream,
        subscription_filters=message.subscription_filters,
        policy_level=message.policy_level,
        events=events,
        unusable=unusable,
    )


def decode_event(event: object, *, limit: int = MAX_PAYLOAD) -> Subscription:
    """Read the event that Lambda hands to a function subscribed to a log group.

    Raises:
        EnvelopeError: as `decode`, or the event is not `{"awslogs": {"data": "..."}}`.
    """
    match event:
        case {"awslogs": {"data": str(data)}}:
            return decode(data, limit=limit)
    raise EnvelopeError("event is not that of a CloudWatch Logs subscription: it has no text at awslogs.data")


def encode(subscription: Subscription) -> bytes:
    """Return the payload as gzip bytes: what `decode` reads back to an equal value.

    Events that are unusable are left out: they are for people, and no replay would change them.
    """
    message = _Data(
        owner=subscription.owner,
        log_group=subscription.log_group,
        log_stream=subscription.log_stream,
        subscription_filters=subscription.subscription_filters,
        policy_level=subscription.policy_level,
        events=subscription.events,
    )
    try:
        text = _encoder.encode(message)
    except UnicodeEncodeError:  # a lone surrogate, which UTF-8 cannot hold but a JSON escape can
        content = json.dumps(msgspec.to_builtins(message), ensure_ascii=False, separators=(",", ":"))
        text = content.encode("utf-8", "backslashreplace")
    return compress(text)


def set_apart(events: tuple[Event, ...]) -> tuple[tuple[Event, ...], tuple[Unusable, ...]]:
    """Return the events that can become documents, and the others; both in their order."""
    # Few payloads have an odd event: one quick look at all of them, then a close one at the odd.
    odd = [
        event
        for event in events
        if not 0 < len(event.id) <= _SHORT_ID or not 0 <= event.timestamp <= LAST_TIMESTAMP
    ]
    unusable = tuple(Unusable(event, reason) for event in odd if (reason := _find_fault(event)))
    if not unusable:
        return events, ()
    apart = {id(each.event) for each in unusable}
    return tuple(event for event in events if id(event) not in apart), unusable


def _find_fault(event: Event) -> str | None:
    size = len(event.id.encode("utf-8", "surrogatepass"))
    if not size:
        return "its id is empty"
    if size > MAX_ID:
        return f"its id has {size} bytes, and {MAX_ID} are the most"
    if not 0 <= event.timestamp <= LAST_TIMESTAMP:
        return f"its timestamp {event.timestamp} is not between 0 and {LAST_TIMESTAMP} (the year 9999)"
    return None


def _from_base64(text: str) -> bytes:
    try:
        return msgspec.convert(text, bytes)  # six to nine times faster than binascii
    except (msgspec.ValidationError, UnicodeEncodeError):
        pass
    try:  # it says what is wrong
        return binascii.a2b_base64(text, strict_mode=True)
    except (binascii.Error, ValueError) as error:  # ValueError: characters beyond ASCII
        raise EnvelopeError(f"payload is not base64: {str(error).lower()}") from error


def _read(text: bytes) -> _Message:
    try:
        return _decoder.decode(text)
    except msgspec.ValidationError as error:
        raise EnvelopeError(f"payload is not a CloudWatch Logs message: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if may_hold_halves(text):
            return _read_surrogates(text)
        raise _not_json(error) from error


def _read_surrogates(text: bytes) -> _Message:
    """Read JSON with a lone surrogate, which the decoder refuses."""
    try:
        message = _decoder.decode(stand_in(text))
    except msgspec.ValidationError as error:
        reason = put_back(str(error)).encode("ascii", "backslashreplace").decode("ascii")
        raise EnvelopeError(f"payload is not a CloudWatch Logs message: {reason}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _not_json(error) from error
    changes = {
        "owner": put_back(message.owner),
        "log_group": put_back(message.log_group),
        "log_stream": put_back(message.log_stream),
        "subscription_filters": tuple(map(put_back, message.subscription_filters)),
    }
    if isinstance(message, _Control):
        return msgspec.structs.replace(message, **changes)
    return msgspec.structs.replace(
        message,
        **changes,
        policy_level=None if message.policy_level is None else put_back(message.policy_level),
        events=tuple(
            Event(put_back(event.id), event.timestamp, put_back(event.message)) for event in message.events
        ),
    )


def _not_json(error: Exception) -> EnvelopeError:
    return EnvelopeError(f"payload is not JSON: {str(error).removeprefix('JSON is malformed: ')}")
