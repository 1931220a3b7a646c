"""A payload that the strict decoder refuses, or that might hold more than a function has memory for.

It is read event by event, so that one that is odd costs only itself. Nor do the names beside them cost the
events: where the owner, the log group or the log stream is a number, it is its digits, and where it is
neither text nor number, it is empty.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from parser.errors import EnvelopeError
from parser.json_parts import find_elements
from parser.odd_event import NUMBER, Spans, find_spans, read_event, read_loosely, show
from parser.payload import Event, Unusable
from parser.surrogates import stand_in

MOST_HELD: Final = 40 * 1024 * 1024
"""Bytes of memory for the events of a payload, so that a function runs in 128 MB with it, whatever it is. The
most that CloudWatch Logs sends are 29,000 lines of flow logs (10 MB), 160,000 empty ones (31 MB), or 22
lines of 1 MB."""

HELD_BESIDE: Final = 96
"""Bytes of memory for an event beside its id and message: the object, its timestamp, its place in a list."""

LONGEST_EVENT: Final = 8 * 1024 * 1024
"""Bytes of JSON. CloudWatch Logs takes events of up to 1 MiB, of which each byte may be six in JSON."""

LONGEST_NAME: Final = 1024
"""Characters of an owner, log group or log stream, which each document has. CloudWatch's have up to 512."""

LONGEST_FILTERS: Final = 16 * 1024
"""Bytes of JSON. A log group has two filters and a policy, with names of up to 512 characters. Of more than
this nothing is read, and nothing depends on it."""

_SPACE: Final = b" \t\n\r"
_PLACEHOLDERS: Final = {b"{": b"{}", b"[": b"[]", b'"': b'""'}
_read_names: Final = msgspec.json.Decoder(tuple[str, ...]).decode

_LONGEST_CHARACTER: Final = 12
"""Bytes of JSON, as two escapes."""

_WORD: Final = 64
"""Bytes: no other value is longer, where it may decide about the whole payload."""


def outline(text: bytes) -> tuple[bytes, Spans]:
    """Return a small payload that is right, or wrong, for the same reason, and where the members are.

    Raises:
        BrokenJSONError: the text is no JSON.
    """
    if not text.lstrip(_SPACE).startswith(b"{"):
        return _place_holder(text.strip(_SPACE)), {}
    spans = find_spans(text)
    members = [b'"owner":"","logGroup":"","logStream":""']
    if b"messageType" in spans:
        begin, end = spans[b"messageType"]
        kind = text[begin:end] if end - begin <= _WORD else _place_holder(text[begin:end])
        members.append(b'"messageType":' + stand_in(kind))
    if b"logEvents" in spans:
        begin, end = spans[b"logEvents"]
        members.append(b'"logEvents":' + _place_holder(text[begin:end]))
    return b"{" + b",".join(members) + b"}", spans


def read_name(text: bytes, spans: Spans, key: bytes) -> str:
    """Return a member that names something; empty where it names nothing.

    Raises:
        EnvelopeError: it is longer than any name.
    """
    begin, end = spans.get(key, (0, 0))
    if end - begin > LONGEST_NAME * _LONGEST_CHARACTER:
        raise refuse_name(end - begin)
    value = text[begin:end]
    if NUMBER.fullmatch(value):
        return value.decode()
    if not value.startswith(b'"'):
        return ""
    return read_loosely(value) or show(value, "replace")


def read_filters(value: msgspec.Raw | memoryview) -> tuple[str, ...]:
    """Return the names in a list; none where that is longer than any that CloudWatch Logs sends."""
    if memoryview(value).nbytes > LONGEST_FILTERS:
        return ()
    try:
        return _read_names(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return tuple(_read_odd_names(bytes(value)))


def _read_odd_names(value: bytes) -> Iterator[str]:
    if value.startswith(b"["):
        for begin, end in find_elements(value, 0):
            if (name := read_loosely(value[begin:end])) is not None:
                yield name


def read_events(text: bytes, start: int) -> tuple[tuple[Event, ...], tuple[Unusable, ...]]:
    """Read the list of events at `start`. Returns the others apart; both in their order.

    Raises:
        EnvelopeError: the events would need more than `MOST_HELD`, or one is above `LONGEST_EVENT`, or odd
            and above `LONGEST_ODD`.
        BrokenJSONError: it is no list.
    """
    events: list[Event] = []
    unusable: list[Unusable] = []
    for each in _read_each(text, start):
        if isinstance(each, Event):
            events.append(each)
        else:
            unusable.append(each)
    return tuple(events), tuple(unusable)


def refuse_memory() -> EnvelopeError:
    """Return the error for a payload whose events would need too much memory."""
    return EnvelopeError(f"payload has events that need more than {MOST_HELD} bytes of memory")


def refuse_length(size: int) -> EnvelopeError:
    """Return the error for a payload with an event that is too long."""
    return EnvelopeError(f"payload has an event of {size} bytes, and {LONGEST_EVENT} are the most")


def refuse_name(size: int) -> EnvelopeError:
    """Return the error for a payload with a name that is too long."""
    return EnvelopeError(f"payload has a name of {size} characters, and {LONGEST_NAME} are the most")


def _read_each(text: bytes, start: int) -> Iterator[Event | Unusable]:
    held = 0
    for begin, end in find_elements(text, start):
        if end - begin > LONGEST_EVENT:
            raise refuse_length(end - begin)
        part = text[begin:end]
        # Text beyond ASCII may take up to four times its bytes; that must be known before it is read.
        size = len(part) if part.isascii() and b"\\u" not in part else 4 * len(part)
        if held + size > MOST_HELD:
            raise refuse_memory()
        found = read_event(part)
        event = found if isinstance(found, Event) else found.event
        held += HELD_BESIDE + str.__sizeof__(event.id) + str.__sizeof__(event.message)
        if isinstance(found, Unusable):
            held += HELD_BESIDE + str.__sizeof__(found.reason)
        yield found


def _place_holder(value: bytes) -> bytes:
    return _PLACEHOLDERS.get(value[:1], value[:_WORD])
