"""An object of the failure store, and what it holds."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from handler.failures.names import name_after, read_time
from handler.failures.rejected_lines import read_rejected
from parser.errors import EnvelopeError
from parser.kinesis import Record, is_discarded, read_discarded
from parser.stored import Damaged, Parts, begins_payload, read_stored
from parser.subscription import Subscription, decode_event


@dataclass(frozen=True, slots=True)
class Pending:
    """An object that waits for a replay.

    Attributes:
        key: its name.
        size: bytes.
        modified: when it was written.
        etag: what S3 calls its content: another content has another.
    """

    key: str
    size: int
    modified: datetime
    etag: str

    @property
    def since(self) -> datetime:
        """When its events were first stored: what is written back keeps that time in its name."""
        return read_time(self.key) or self.modified

    def name_after(self, suffix: str) -> str:
        """Name what is written for people of it, always alike."""
        return name_after(self.key, self.etag, self.since, suffix)


@dataclass(frozen=True, slots=True)
class Content:
    """What such an object holds.

    Attributes:
        data: its bytes.
        etag: what S3 calls just this content.
        attempts: how many deliveries of these events gave up so far.
        reason: why the last one did.
        log_group: where the events come from; empty where only the payload says it.
        rejected: whether these are events that were rejected, which have a form of their own.
    """

    data: bytes
    etag: str
    attempts: int
    reason: str
    log_group: str
    rejected: bool

    def read_batch(self) -> tuple[Record, ...] | None:
        """Read the records of a stream's batch that Lambda gave up; None for any other object.

        Raises:
            EnvelopeError: it is one, and its records are not in it.
        """
        if not self.data.lstrip().startswith(b"{") or b"KinesisBatchInfo" not in self.data:
            return None
        document = self._read_document()
        return read_discarded(document) if is_discarded(document) else None

    def payloads(self) -> Iterator[Subscription]:
        """Yield all payloads in it that can be read: those of a batch, or those that it is.

        Raises:
            EnvelopeError: none can be; of a batch, there is no batch in it.
        """
        yield from self.read().payloads

    def read(self) -> Parts:
        """Read all that is in it, be it a batch or not: for people, for it takes memory.

        Raises:
            EnvelopeError: as `payloads`.
        """
        records = self.read_batch()
        if records is None:
            return self.decode()
        payloads: list[Subscription] = []
        damaged: list[Damaged] = []
        for record in records:
            try:
                payloads.append(record.decode())
            except EnvelopeError as error:
                damaged.append(Damaged(record.content, f"record {record.sequence_number}: {error}"))
        return Parts(tuple(payloads), tuple(damaged))

    def decode(self) -> Parts:
        """Read the payloads, of which there is at least one, and what beside them is damaged.

        Raises:
            EnvelopeError: the object holds neither payloads, nor is it a record of Lambda's OnFailure
                destination that holds one, nor the lines of rejected events.
        """
        if self.rejected:
            return Parts(read_rejected(self.data))
        if not self.data.lstrip().startswith(b"{") or begins_payload(self.data):
            return read_stored(self.data)
        match self._read_document():
            case {"requestPayload": event}:
                return Parts((decode_event(event),))
        raise EnvelopeError("object is no record of Lambda's OnFailure destination: it has no requestPayload")

    def _read_document(self) -> Any:  # noqa: ANN401  # any JSON value
        try:
            return json.loads(self.data)
        except (ValueError, RecursionError) as error:
            raise EnvelopeError(f"object is not JSON: {error}") from error


def read_number(text: str) -> int:
    """Read a number of ours; whoever changes an object's metadata does not stop its replay."""
    return int(text) if text.isdecimal() else 0
