"""Events that a batch of payloads holds already, because one of them was delivered again."""

from collections.abc import Sequence
from dataclasses import dataclass

from parser.payload import Event


@dataclass(frozen=True, slots=True)
class Repeated:
    """An event whose id and day an earlier payload of the batch has brought.

    Attributes:
        payload: the number of the payload that repeats it.
        index: the index that it is for.
        event: the event.
    """

    payload: int
    index: str
    event: Event


class Repeats:
    """Finds the events of a batch that need not be sent, since an earlier payload has them.

    Events of one payload are not compared with each other: OpenSearch tells them apart, so that a batch of
    one is sent as it came, and costs nothing here.

    Attributes:
        found: the events that repeat others.
    """

    def __init__(self) -> None:
        self.found: list[Repeated] = []
        self._ids: dict[str, set[str]] = {}
        self._latest: dict[str, Sequence[Event]] = {}

    def sift(self, payload: int, index: str, events: Sequence[Event]) -> Sequence[Event]:
        """Return the events that the batch does not hold yet, and note the others.

        Args:
            payload: the payload's number. Each is asked about once for an index.
            index: the index of its day.
            events: what it has for that day.
        """
        before = self._latest.get(index)
        self._latest[index] = events
        if before is None:  # only now is it known that somebody compares
            return events
        known = self._ids.setdefault(index, set())
        known.update([event.id for event in before])
        if known.isdisjoint([event.id for event in events]):  # nearly always
            return events
        fresh = [event for event in events if event.id not in known]
        self.found += [Repeated(payload, index, event) for event in events if event.id in known]
        self._latest[index] = fresh
        return fresh
