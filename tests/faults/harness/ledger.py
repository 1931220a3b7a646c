"""What was sent, and what must be found in the end: every event once, nothing else."""

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from faults.harness.bucket import Bucket
from flowlogs.local.embedded import Embedded
from flowlogs.traffic.day import LambdaEvent, encode_event, event_id
from parser.index_names import index_name

DAY: Final = 86_400_000
FIRST_DAY: Final = 1_767_225_600_000
"""2026-01-01, in milliseconds. The payloads here have events of this day and of the next."""

OWNER: Final = "123456789012"
LOG_GROUP: Final = "/vpc/flow-logs"
PREFIX: Final = "cwl"
_PAGE: Final = 10_000


@dataclass(frozen=True, slots=True)
class Sent:
    """An event that was sent."""

    id: str
    timestamp: int
    message: str

    @property
    def index(self) -> str:
        return index_name(PREFIX, self.timestamp)


@dataclass(frozen=True, slots=True)
class Payload:
    """A payload and its events."""

    event: LambdaEvent
    events: tuple[Sent, ...]

    @property
    def ids(self) -> list[str]:
        return [each.id for each in self.events]


class Ledger:
    """Makes events and remembers them."""

    def __init__(self) -> None:
        self.sent: dict[str, Sent] = {}
        self._numbers = itertools.count()

    def payload(
        self,
        *,
        events: int = 10,
        days: int = 2,
        first: int = FIRST_DAY,
        messages: Mapping[int, str] | None = None,
    ) -> Payload:
        """Make a payload.

        Args:
            events: how many.
            days: over how many days, hence indices, they are spread, in turn.
            first: the first of these days, in milliseconds.
            messages: texts of events that are no ordinary lines, by position.
        """
        made = tuple(
            self._make(first + position % days * DAY, (messages or {}).get(position))
            for position in range(events)
        )
        rows = [{"id": each.id, "timestamp": each.timestamp, "message": each.message} for each in made]
        return Payload(encode_event(OWNER, LOG_GROUP, "eni-0a1b2c3d4e5f60718-all", rows), made)

    def _make(self, day: int, message: str | None) -> Sent:
        number = next(self._numbers)
        seconds = day // 1000 + number % 80_000
        line = (
            f"2 {OWNER} eni-0a1b2c3d4e5f60718 10.0.{number >> 8 & 255}.{number & 255} 172.31.9.12 "
            f"{1024 + number % 60_000} 443 6 {1 + number % 90} {40 * (1 + number % 90)} "
            f"{seconds} {seconds + 60} ACCEPT OK"
        )
        identity = event_id(seconds * 1000, seconds * 1000 + 5_000, 77, 0)[:-8] + f"{number:08d}"
        event = Sent(identity, seconds * 1000, line if message is None else message)
        self.sent[event.id] = event
        return event

    def settle(
        self,
        node: Embedded,
        bucket: Bucket,
        *,
        rejected: Mapping[str, str] | None = None,
        waiting: Collection[str] = (),
    ) -> None:
        """Assert that all is as it must be.

        Args:
            node: the cluster.
            bucket: the failure bucket.
            rejected: ids of the events that must be among the rejected ones -> a part of the reason.
            waiting: ids of the events that must still be under failed/, and not in the index.
        """
        refused = dict(rejected or {})
        self.settle_index(node, {*refused, *waiting})
        self._settle_rejected(bucket, refused)
        assert set(bucket.pending_ids()) == set(waiting)
        if not waiting:
            assert bucket.pending() == []

    def settle_index(self, node: Embedded, others: Collection[str] = ()) -> None:
        """Assert that each event is in the index, once, as it was sent; but not those others."""
        missing = self.sent.keys() - set(others)
        for hit in read_index(node):
            identity = hit["_id"]
            assert identity in missing, f"{identity} is in the index twice, or should not be there"
            missing.remove(identity)
            sent = self.sent[identity]
            assert (hit["_index"], hit["_version"], hit["_source"]["@message"]) == (
                sent.index,
                1,
                sent.message,
            )
        assert not missing, f"{len(missing)} of {len(self.sent)} events are lost, such as {min(missing)}"

    def _settle_rejected(self, bucket: Bucket, expected: Mapping[str, str]) -> None:
        lines = bucket.rejected()
        assert {line["event"]["id"] for line in lines} == expected.keys()
        for line in lines:
            sent = self.sent[line["event"]["id"]]
            assert expected[sent.id] in f"{line['status']} {line['error_type']}: {line['reason']}"
            assert line["event"] == {"id": sent.id, "timestamp": sent.timestamp, "message": sent.message}
            assert (line["index"], line["owner"], line["log_group"]) == (sent.index, OWNER, LOG_GROUP)


def read_index(node: Embedded) -> Iterator[dict[str, Any]]:
    """Yield all documents of the cluster, with index, version and `@message`."""
    assert node.request("POST", f"/{PREFIX}-*/_refresh")[0] == 200
    query = {"size": _PAGE, "sort": ["_doc"], "version": True, "_source": ["@message"]}
    status, page = node.request("POST", f"/{PREFIX}-*/_search?scroll=5m", query)
    while True:
        assert status == 200, page
        assert page["_shards"]["failed"] == 0, page
        if not page["hits"]["hits"]:
            break
        yield from page["hits"]["hits"]
        status, page = node.request(
            "POST", "/_search/scroll", {"scroll": "5m", "scroll_id": page["_scroll_id"]}
        )
    if "_scroll_id" in page:  # not where there is no index at all
        node.request("DELETE", "/_search/scroll", {"scroll_id": [page["_scroll_id"]]})


def every(number: int, events: Iterable[Sent]) -> frozenset[str]:
    """Return the ids of every so many-th event."""
    return frozenset(each.id for position, each in enumerate(events) if position % number == 0)
