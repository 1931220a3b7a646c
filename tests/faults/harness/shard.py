"""A shard of a stream, and what Lambda does with it: batches in their order, again from where it is told."""

from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from faults.harness.functions import Answer, Functions
from faults.harness.ledger import Payload
from flowlogs.local.stream import make_records
from parser.errors import EnvelopeError
from parser.subscription import decode

MOST: Final = 100
"""Records of a batch."""

MOST_TRIES: Final = 50

Row = dict[str, Any]
"""A record, as it stands in the event that Lambda hands over."""


class Shard:
    """A shard whose records are handed over until they are settled, as the mapping of the stack asks for.

    What an invocation says of itself is compared with what it was given: its numbers are of the records
    before the one that it answers with, each of them, and of nothing else.

    Attributes:
        counts: what the invocations counted, added up.
        rows: the records that are not settled.
    """

    def __init__(self, functions: Functions, *, most: int = MOST, container: int = 0) -> None:
        """Make an empty one.

        Args:
            functions: whose stream function reads it.
            most: records of a batch.
            container: the execution environment that batches are handed to.
        """
        self._functions = functions
        self._container = container
        self._most = self._size = most
        self._number = 0
        self.counts: Counter[str] = Counter()
        self.rows: list[Row] = []

    def put(self, *payloads: Payload, arrived: float | None = None) -> None:
        """Put payloads in, a record each; `arrived` is when, in seconds since the epoch, None for now."""
        self.put_data(*(each.event["awslogs"]["data"] for each in payloads), arrived=arrived)

    def put_data(self, *data: str, arrived: float | None = None) -> None:
        """Put records of that content in, base64 text each."""
        self.rows += make_records(data, first=self._number, arrived=arrived)["Records"]
        self._number += len(data)

    @property
    def event(self) -> dict[str, Any]:
        """What the function is handed next."""
        return {"Records": self.rows[: self._size]}

    def invoke(self, *, request_id: str | None = None, seconds: float = 60.0) -> Answer:
        """Hand over a batch once, and go on from the record that is answered with. Returns the counts.

        Raises what the function raises: then half of the batch is handed over next.
        """
        handed = self.event["Records"]
        try:
            left, answer = self._functions.read(
                self.event, container=self._container, request_id=request_id, seconds=seconds
            )
        except BaseException:
            self.halve()
            raise
        self._size = self._most
        numbers = [row["kinesis"]["sequenceNumber"] for row in handed]
        done = len(handed) if left is None else numbers.index(left)
        assert (answer["records"], answer["records_left"]) == (done, len(handed) - done)
        assert answer["received"] == sum(count_events(row) for row in handed[:done])
        self.counts.update(answer)
        self.rows = self.rows[done:]
        return answer

    def drain(self, before: Callable[[], object] = lambda: None) -> None:
        """Hand over until nothing is left, as Lambda does; something may be done before each time."""
        for _ in range(MOST_TRIES):
            if not self.rows:
                return
            before()
            answer = self.invoke()
        raise AssertionError(f"{len(self.rows)} records are not settled, however often they come: {answer}")

    def halve(self) -> None:
        """Do what Lambda does when a batch failed: hand over its first half."""
        self._size = max(1, len(self.event["Records"]) // 2)

    def give_up(self) -> str:
        """Do as Lambda does with a batch that has become too old: write it to the bucket. Return the key."""
        handed = self.event["Records"]
        key = self._functions.bucket.put_discarded(handed)
        self.rows = self.rows[len(handed) :]
        self._size = self._most
        return key


def count_events(row: Row) -> int:
    """Count the events in a record; none where it is no payload."""
    try:
        subscription = decode(row["kinesis"]["data"])
    except EnvelopeError:
        return 0
    return len(subscription.events) + len(subscription.unusable)
