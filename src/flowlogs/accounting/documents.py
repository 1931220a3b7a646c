"""What the index has of a time, by the time of the events."""

from collections.abc import Iterable
from typing import Any, Final

from flowlogs.accounting.stored import EventKey
from flowlogs.accounting.window import Window
from flowlogs.cluster.completeness import IncompleteError, readable
from flowlogs.cluster.indices import Indices

_CHUNK: Final = 500

_MOST_HITS: Final = 10_000
"""What OpenSearch gives at once, if nobody has set it otherwise: an id may stand in several days."""

_TYPES: Final = {"@timestamp": ("date", "date_nanos"), "@log_group": ("keyword",)}
"""The types without which documents are not found by time or log group, though they are there."""


def demand_types(indices: Indices) -> None:
    """Refuse to count where the fields that one counts by are of another type than the template gives them.

    Where an index was made without it, OpenSearch takes a log group's name for words, and finds no document
    by the whole of it. That is no answer of 0. Nor is there always another field to ask: `.keyword`, where
    it exists, leaves out long names.

    Raises:
        IncompleteError: names the indices.
    """
    troubles: dict[str, str] = {}
    for part in indices.parts():
        with readable():
            reply = part.client.field_caps(index=part.path, params={"fields": ",".join(_TYPES)})
            for name, wanted in _TYPES.items():
                for kind, each in reply["fields"].get(name, {}).items():
                    if kind not in wanted:
                        why = f"made without the index template: {name} is {kind} there, and not {wanted[0]}"
                        troubles |= dict.fromkeys(each.get("indices") or reply["indices"], why)
    if troubles:
        raise IncompleteError(troubles)


def count_documents(indices: Indices, window: Window, log_group: str | None) -> int:
    """Count the documents whose event is of that time.

    Raises:
        IncompleteError: an index of these days did not answer, or not whole.
    """
    times = {"gte": window.since.isoformat(), "lt": window.until.isoformat()}
    filters: list[dict[str, Any]] = [{"range": {"@timestamp": times}}]
    if log_group is not None:
        filters.append({"term": {"@log_group": log_group}})
    return indices.between(window.since, window.until).count({"bool": {"filter": filters}})


def find_indexed(indices: Indices, events: Iterable[EventKey]) -> frozenset[EventKey]:
    """Return which of the events are in the index; an id may stand in several days.

    Raises:
        IncompleteError: an index did not answer, or not whole.
    """
    wanted = [each for each in events if isinstance(each, str)]
    found: set[str] = set()
    waiting = [wanted[start : start + _CHUNK] for start in range(0, len(wanted), _CHUNK)]
    while waiting:
        some = waiting.pop()
        body = {"query": {"ids": {"values": some}}, "_source": False, "size": _MOST_HITS}
        hits = indices.search({**body, "track_total_hits": True})["hits"]
        if hits["total"]["value"] > len(hits["hits"]) and len(some) > 1:
            middle = len(some) // 2
            waiting += [some[:middle], some[middle:]]
        else:
            found.update(hit["_id"] for hit in hits["hits"])
    return frozenset(found)
