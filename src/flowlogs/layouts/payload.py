"""What CloudWatch Logs sends, in all the forms it is met in, and what it lists when it is asked.

A Lambda event, of a subscription or of a stream, a record of Lambda's OnFailure destination, a batch of a
stream that Lambda gave up, the JSON message, base64 text of its gzip; several messages one behind the other,
as Firehose writes them to S3; and the answers of FilterLogEvents, GetLogEvents and GetQueryResults, as the
AWS CLI prints them. And our own objects with rejected events.
"""

import json
from collections.abc import Iterator, Sequence
from io import BufferedReader
from typing import Any, Final

from flowlogs.layouts.line import Line, Note
from flowlogs.layouts.objects import split_objects
from flowlogs.layouts.table import read_time
from parser.compression import compress
from parser.errors import EnvelopeError
from parser.kinesis import Record, is_discarded, read_discarded, read_records
from parser.subscription import Subscription, decode, decode_event

BASE64_OF_GZIP: Final = b"H4sI"
"""How base64 text of a gzip member starts: the magic number and the method."""

_MESSAGE_TYPE: Final = b'"messageType"'
"""Stands in a payload, and in nothing that quotes one: there the quotation marks are escaped."""

STREAM: Final = "records of a Kinesis stream, a payload each"
LISTING: Final = "log events as `aws logs filter-log-events` lists them"
INSIGHTS: Final = "results of Logs Insights"
REJECTED: Final = "rejected events as the failure bucket keeps them"
SEVERAL: Final = "JSON objects one behind the other"


def read_base64(stream: BufferedReader) -> Iterator[Line]:
    """Give the lines of a payload that is base64 text, in one line or several.

    Raises:
        EnvelopeError: it is no payload.
    """
    return _read_events(decode("".join(stream.read().decode("ascii", "replace").split())))


def read_objects(stream: BufferedReader, note: Note) -> Iterator[Line]:
    """Give the lines of all JSON objects of a stream.

    Raises:
        EnvelopeError: one of them is no JSON, or nothing that CloudWatch Logs sends or lists.
    """
    for number, data in enumerate(split_objects(stream)):
        if number == 1:
            note(SEVERAL)
        if _MESSAGE_TYPE in data:
            # Read though a part of it is odd, such as bytes that are no UTF-8.
            yield from _read_events(decode(compress(data)))
        else:
            yield from _read_object(_load(data), note)


def read_list(stream: BufferedReader, note: Note) -> Iterator[Line]:
    """Give the lines of a JSON list of events, messages or results, as `--query` of the AWS CLI makes it.

    Raises:
        EnvelopeError: it is no JSON.
    """
    listed = _load(stream.read())
    found = any(_is_result(each) for each in listed)
    note(INSIGHTS if found else LISTING)
    yield from map(_read_listed, listed)


def _load(data: bytes) -> Any:  # noqa: ANN401  # JSON
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise EnvelopeError(f"input starts like JSON but is not: {error}") from error


def _read_object(content: object, note: Note) -> Iterator[Line]:
    match content:
        case {"Records": [{"eventSource": "aws:kinesis"}, *_]}:
            note(STREAM)
            yield from _read_records(read_records(content))
        case dict(document) if is_discarded(document):
            note(STREAM)
            yield from _read_records(read_discarded(document))
        case {"requestPayload": event}:
            yield from _read_events(decode_event(event))
        case {"events": [*events]}:
            note(LISTING)
            yield from map(_read_listed, events)
        case {"results": [*rows]}:
            note(INSIGHTS)
            yield from map(_read_listed, rows)
        case {"@message": str()}:
            note(INSIGHTS)
            yield _read_listed(content)
        case {"event": {"message": str(message), "timestamp": int(timestamp), "id": str(event_id)}}:
            note(REJECTED)
            yield Line(message, timestamp, event_id)
        case {"message": str(), "timestamp": _}:
            note(LISTING)
            yield _read_listed(content)
        case _:
            yield from _read_events(decode_event(content))


def _read_records(records: Sequence[Record]) -> Iterator[Line]:
    """Give the lines of all payloads.

    Raises:
        EnvelopeError: there is a record that is none, behind the lines of the others.
    """
    odd: list[str] = []
    for number, record in enumerate(records, 1):
        try:
            subscription = record.decode()
        except EnvelopeError as error:
            odd.append(f"record {number} of {len(records)}: {error}")
            continue
        yield from _read_events(subscription)
    if odd:
        raise EnvelopeError("; ".join(odd))


def _read_events(subscription: Subscription) -> Iterator[Line]:
    for event in (*subscription.events, *(each.event for each in subscription.unusable)):
        yield Line(event.message, event.timestamp, event.id)


def _read_listed(listed: object) -> Line:
    """Return the line of one listed event. What is none costs one line: it will not be parsed."""
    match listed:
        case str(message):
            return Line(message)
        case {"message": str(message), **others}:
            timestamp, event_id = others.get("timestamp"), others.get("eventId")
            return Line(
                message,
                timestamp if isinstance(timestamp, int) else None,
                event_id if isinstance(event_id, str) else None,
            )
        case [str(message)]:  # what `--query 'events[].[message]'` makes
            return Line(message)
    result = listed if isinstance(listed, dict) else _read_result(listed)
    match result:
        case {"@message": str(message)}:
            return Line(message, read_time(str(result.get("@timestamp"))))
    return Line(json.dumps(listed))


def _is_result(listed: object) -> bool:
    return "@message" in (listed if isinstance(listed, dict) else _read_result(listed))


def _read_result(row: object) -> dict[str, object]:
    """Return the fields of one result of GetQueryResults, which is a list of names and values; or none."""
    fields: dict[str, object] = {}
    for each in row if isinstance(row, list) else ():
        match each:
            case {"field": str(name), "value": value}:
                fields[name] = value
    return fields
