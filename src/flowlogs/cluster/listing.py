"""Which indices of a prefix a cluster has, and how they are: asked of the cluster, and of no shard."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final

from opensearchpy import OpenSearch
from opensearchpy.exceptions import AuthorizationException, NotFoundError, RequestError

from flowlogs.cluster.completeness import read_reason, readable
from flowlogs.cluster.indices import DayIndex, Indices
from parser.index_names import index_patterns, read_day

_HEALTH: Final = ("", "green", "yellow", "red")
"""The worse, the later."""


def read_indices(client: OpenSearch, prefix: str) -> Indices:
    """Ask the cluster which indices of the prefix there are, and how they are.

    Only `<prefix>-YYYY.MM.DD`, with days of the calendar, be it an index or an alias of one. No shard is
    asked, so that it is answered at once whatever is red.

    Raises:
        UnreadableError: what answers does not as OpenSearch does.
        opensearchpy.exceptions.OpenSearchException: there is no answer, or it is refused.
    """
    with readable():
        return _read_indices(client, prefix)


def _read_indices(client: OpenSearch, prefix: str) -> Indices:
    try:
        reply = _resolve(client, [f"{prefix}-*"])
    except AuthorizationException:  # something of others is called alike, and may not be seen
        reply = _resolve(client, index_patterns(prefix))
    attributes = _read_attributes(reply)
    standing = {name: [name] for name in attributes} | _read_stand_ins(reply)
    days = {name: day for name in standing if (day := read_day(prefix, name)) is not None}
    behind = {index for name in days for index in standing[name]}
    if elsewhere := sorted(behind - attributes.keys()):  # an alias may stand for an index of any name
        attributes |= _read_attributes(_resolve(client, elsewhere))
    health, unknown = _read_health(client, prefix) if days else ({}, "")
    found = (
        _make(
            name,
            day,
            closed=any("closed" in attributes.get(each, ()) for each in standing[name]),
            health=[health[each] for each in standing[name] if each in health],
        )
        for name, day in days.items()
    )
    strangers = tuple(sorted(attributes.keys() - days.keys() - behind))
    return Indices(client, prefix, tuple(sorted(found, key=lambda each: each.day)), strangers, unknown)


def _read_attributes(reply: Any) -> dict[str, list[str]]:  # noqa: ANN401  # as the cluster answers
    return {each["name"]: each.get("attributes", []) for each in reply["indices"]}


def _read_stand_ins(reply: Any) -> dict[str, list[str]]:  # noqa: ANN401  # as above
    """Return aliases and data streams -> the indices that they stand for.

    A day that was reindexed, split or restored under another name is reached by an alias of its own.
    """
    aliases = {each["name"]: each["indices"] for each in reply.get("aliases", ())}
    return aliases | {each["name"]: each["backing_indices"] for each in reply.get("data_streams", ())}


def _resolve(client: OpenSearch, patterns: Iterable[str]) -> Any:  # noqa: ANN401  # as the cluster answers
    path = f"/_resolve/index/{','.join(patterns)}"
    return client.transport.perform_request("GET", path, params={"expand_wildcards": "open,closed"})


def _read_health(client: OpenSearch, prefix: str) -> tuple[Mapping[str, Any], str]:
    """Return index -> health, and why that is not known; who may only read is not told."""
    params = {"level": "indices", "expand_wildcards": "open,closed"}
    try:
        reply = client.cluster.health(index=",".join(index_patterns(prefix)), params=params)
    except (AuthorizationException, NotFoundError, RequestError) as error:
        return {}, read_reason(error)
    return reply["indices"], ""


def _make(name: str, day: date, *, closed: bool, health: Sequence[Mapping[str, Any]]) -> DayIndex:
    """Return a day: as healthy as the worst of the indices that hold it, with the shards of all."""
    worst = max((str(each.get("status", "")) for each in health), key=_HEALTH.index, default="")
    counts = (sum(each.get(of, 0) for each in health) for of in ("number_of_shards", "active_primary_shards"))
    shards, active = counts
    return DayIndex(name, day, closed, worst, shards, active)
