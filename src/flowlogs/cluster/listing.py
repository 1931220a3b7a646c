"""Which indices of a prefix a cluster has, and how they are: asked of the cluster, and of no shard."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from opensearchpy import OpenSearch
from opensearchpy.exceptions import AuthorizationException, NotFoundError, RequestError

from flowlogs.cluster.completeness import read_reason, readable
from flowlogs.cluster.indices import DayIndex, Indices
from parser.index_names import index_patterns, read_day


def read_indices(client: OpenSearch, prefix: str) -> Indices:
    """Ask the cluster which indices of the prefix there are, and how they are.

    Only `<prefix>-YYYY.MM.DD`, with days of the calendar. No shard is asked, so that it is answered at
    once whatever is red.

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
    attributes = {each["name"]: each.get("attributes", []) for each in reply["indices"]}
    days = {name: day for name in attributes if (day := read_day(prefix, name)) is not None}
    health, unknown = _read_health(client, prefix) if days else ({}, "")
    found = (
        _make(name, day, closed="closed" in attributes[name], health=health.get(name, {}))
        for name, day in days.items()
    )
    strangers = tuple(sorted(attributes.keys() - days.keys()))
    return Indices(client, prefix, tuple(sorted(found, key=lambda each: each.day)), strangers, unknown)


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


def _make(name: str, day: date, *, closed: bool, health: Mapping[str, Any]) -> DayIndex:
    shards, active = (health.get(each, 0) for each in ("number_of_shards", "active_primary_shards"))
    return DayIndex(name, day, closed, health.get("status", ""), shards, active)
