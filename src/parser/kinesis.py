"""The records of a Kinesis stream that CloudWatch Logs writes to, read.

Each record's data is the same payload that a subscribed function gets: gzip of JSON, control messages
among them ("Subscription filters with Kinesis Data Streams", CloudWatch Logs User Guide). Lambda hands
records over in batches, and writes a batch that it gives up to a bucket ("Using Lambda with Kinesis",
"Retain discarded batch records", Lambda Developer Guide).
"""

import base64
import json
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from parser.errors import EnvelopeError, quote
from parser.subscription import LAST_TIMESTAMP, Subscription, decode

SOURCE: Final = "aws:kinesis"


class Record(msgspec.Struct, frozen=True):
    """One record of a stream.

    Attributes:
        shard: the shard that it came through.
        sequence_number: its place in the shard, a decimal number as text; what Lambda's answer names.
        arrived: when the stream took it, in seconds since the epoch; 0 where that is not known.
        data: its content, as base64 text; that of the JSON of what stands there where it is no text.
        fault: what makes it none that Lambda would hand over; mostly nothing.
    """

    shard: str
    sequence_number: str
    arrived: float
    data: str
    fault: str = ""

    def decode(self) -> Subscription:
        """Read the payload.

        Raises:
            EnvelopeError: the record is not what CloudWatch Logs writes; the text says why.
        """
        if self.fault:
            raise EnvelopeError(self.fault)
        return decode(self.data)

    @property
    def content(self) -> bytes:
        """What the stream was given; the text itself where it is not base64."""
        try:
            return msgspec.convert(self.data, bytes)
        except (msgspec.ValidationError, UnicodeEncodeError):
            return self.data.encode("utf-8", "surrogatepass")

    @property
    def place(self) -> str:
        """A name that only this record of the stream has."""
        return f"stream/{self.shard}-{self.sequence_number}"


class _Content(msgspec.Struct, frozen=True, rename="camel"):
    sequence_number: str
    data: Any = None
    approximate_arrival_timestamp: Any = None


class _Row(msgspec.Struct, frozen=True, rename={"event_id": "eventID"}, tag_field="eventSource", tag=SOURCE):
    event_id: str
    kinesis: _Content


class _Event(msgspec.Struct, frozen=True, rename="pascal"):
    records: tuple[_Row, ...]


def read_records(event: object) -> tuple[Record, ...]:
    """Read the event that Lambda hands to a function whose source is a stream.

    What is in the records is not looked at: `Record.decode` does that, one by one, and refuses one that has
    no data or no time, too.

    Raises:
        EnvelopeError: it is another event, or a record in it has no number that an answer could name; the
            text says where it differs.
    """
    try:
        rows = msgspec.convert(event, _Event).records
    except msgspec.ValidationError as error:
        raise EnvelopeError(f"event is not that of a Kinesis stream: {error}") from error
    return tuple(map(_read_row, rows))


def _read_row(row: _Row) -> Record:
    number, data = row.kinesis.sequence_number, row.kinesis.data
    arrived = row.kinesis.approximate_arrival_timestamp
    if not (number.isascii() and number.isdigit()):
        raise EnvelopeError(f"event names a record by {quote(number)}, which is no number")
    shard = row.event_id.partition(":")[0]
    fault = ""
    if not _is_time(arrived):
        fault = f"record arrived at {quote(str(arrived))}, which is no time"
        arrived = 0.0
    if not isinstance(data, str):
        fault = f"record's data is {quote(json.dumps(data))}, which is no text"
        data = base64.b64encode(json.dumps(data).encode()).decode()
    return Record(shard, number, arrived, data, fault)


def _is_time(arrived: object) -> bool:
    is_number = isinstance(arrived, int | float) and not isinstance(arrived, bool)
    return is_number and 0 <= arrived * 1000 <= LAST_TIMESTAMP  # type: ignore[operator]  # a number


def answer(unsettled: Sequence[Record]) -> dict[str, list[dict[str, str]]]:
    """Return what Lambda is answered: from which record on it hands over once more.

    With `ReportBatchItemFailures` it goes on from the lowest number named; an empty list says that all is
    done. An answer of another shape counts as a failure of the whole batch, so nothing else is in it.
    """
    first = min(unsettled, key=lambda each: int(each.sequence_number), default=None)
    return {"batchItemFailures": [{"itemIdentifier": first.sequence_number}] if first else []}


def is_discarded(document: object) -> bool:
    """Tell whether a document is what Lambda writes of a batch that it gave up."""
    return isinstance(document, dict) and "KinesisBatchInfo" in document


def read_discarded(document: dict[str, Any]) -> tuple[Record, ...]:
    """Read the records of a batch that Lambda gave up and wrote to a bucket.

    The whole event stands in `payload`, as text: JSON within JSON. What goes to a queue or topic lacks it.

    Raises:
        EnvelopeError: there is no event in it, or another one.
    """
    match document:
        case {"payload": str(text)}:
            try:
                event: object = json.loads(text)
            except (ValueError, RecursionError) as error:
                raise EnvelopeError(f"the payload of a discarded batch is not JSON: {error}") from error
        case {"payload": dict(event)}:
            pass
        case _:
            raise EnvelopeError("the record of a discarded batch holds no payload: the batch is not in it")
    return read_records(event)
