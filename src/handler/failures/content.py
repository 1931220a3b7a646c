"""What an object of the failure store holds."""

import json
from dataclasses import dataclass
from typing import Any

from handler.failures.rejected_lines import read_rejected
from parser.compression import decompress
from parser.errors import EnvelopeError
from parser.subscription import MAX_CONTENT, Subscription, decode, decode_event


@dataclass(frozen=True, slots=True)
class Content:
    """What such an object holds.

    Attributes:
        data: its bytes.
        attempts: how many deliveries of these events gave up so far.
        reason: why the last one did.
        log_group: where the events come from; empty where only the payload says it.
        rejected: whether these are events that were rejected, which have a form of their own.
    """

    data: bytes
    attempts: int
    reason: str
    log_group: str
    rejected: bool

    def decode(self) -> Subscription:
        """Read the payload.

        Raises:
            EnvelopeError: the object is neither a payload, nor a record of Lambda's OnFailure
                destination that holds one, nor the lines of rejected events.
        """
        if self.rejected:
            return read_rejected(decompress(self.data, MAX_CONTENT))
        if not self.data.lstrip().startswith(b"{"):
            return decode(self.data)
        try:
            record: Any = json.loads(self.data)
        except (ValueError, RecursionError) as error:
            raise EnvelopeError(f"object is not JSON: {error}") from error
        match record:
            case {"requestPayload": event}:
                return decode_event(event)
        raise EnvelopeError("object is no record of Lambda's OnFailure destination: it has no requestPayload")
