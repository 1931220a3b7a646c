"""What in a cluster may stand against new documents and new indices: blocks, limits, and a switch."""

from collections.abc import Mapping
from datetime import date, timedelta
from fnmatch import fnmatchcase
from typing import Any, Final

from flowlogs.cluster.finding import Finding, State, ok, problem, unknown
from handler.config import Config
from handler.installing.cluster import Cluster
from parser.index_names import name_day

BLOCKS: Final = "no block lies on the cluster"
CREATE: Final = "tomorrow's index can be made"

_SETTINGS: Final = (
    "/_cluster/settings?include_defaults=true"
    "&filter_path=*.cluster.max_shards_per_node,*.action.auto_create_index"
)
_SHARDS: Final = "/_cluster/health?expand_wildcards=open,hidden"
_COUNTED: Final = ("active_shards", "initializing_shards", "unassigned_shards")
"""Of the cluster's health: together, what OpenSearch holds against its limit."""

_ORDER: Final = ("transient", "persistent", "defaults")
"""Of settings: the first that says it holds."""


def examine_blocks(cluster: Cluster) -> Finding:
    """Look for blocks on the cluster as a whole; those on an index show when it is written to."""
    reply = cluster.request("GET", "/_cluster/state/blocks")
    if not reply.done:
        return unknown(BLOCKS, f"it may not be asked: {reply.reason}")
    found = reply.data["blocks"].get("global", {})
    named = ", ".join(sorted(each["description"] for each in found.values()))
    if not named:
        return ok(BLOCKS, "neither for documents nor for new indices")
    return problem(
        BLOCKS,
        f"{named}: lift it (PUT _cluster/settings, cluster.blocks.*) when its reason is gone; "
        "what comes meanwhile waits in the bucket",
    )


def examine_creation(cluster: Cluster, config: Config, today: date, blocks: Finding) -> Finding:
    """Look whether a new index may be made by writing to it, and whether its shards have room.

    Args:
        cluster: is asked.
        config: of the function.
        today: in UTC.
        blocks: what was found of blocks on the cluster: under each of them no index is made.
    """
    if blocks.state is State.PROBLEM:
        return problem(CREATE, "not while a block lies on the cluster: see above")
    found = _examine_limits(cluster, config, today)
    if found.state is State.OK and blocks.state is not State.OK:
        return unknown(
            CREATE, f"{found.text}, but whether a block lies on the cluster is not known: see above"
        )
    return found


def _examine_limits(cluster: Cluster, config: Config, today: date) -> Finding:
    index = name_day(config.index_prefix, today + timedelta(days=1))
    reply = cluster.request("GET", _SETTINGS)
    health = cluster.request("GET", _SHARDS)
    for each in (reply, health):
        if not each.done:
            return unknown(CREATE, f"it may not be asked: {each.reason}")
    allowed = _read_setting(reply.data, "action", "auto_create_index")
    if allowed is None:
        return unknown(CREATE, "the cluster does not tell action.auto_create_index")
    if not _may_be_made(index, allowed):
        return problem(
            CREATE,
            f"action.auto_create_index is {allowed!r}, so that {index} is not made: permit it, "
            f"or what comes from tomorrow on waits in the bucket",
        )
    return _judge_shards(config, index, reply.data, health.data)


def _judge_shards(
    config: Config, index: str, settings: Mapping[str, Any], health: Mapping[str, Any]
) -> Finding:
    limit = _read_setting(settings, "cluster", "max_shards_per_node")
    if limit is None:
        return unknown(CREATE, "the cluster does not tell cluster.max_shards_per_node")
    nodes = health["number_of_data_nodes"]
    there, most = sum(health[each] for each in _COUNTED), int(limit) * nodes
    copies = min(1, nodes - 1) if config.index_replicas is None else config.index_replicas
    needed = config.index_shards * (1 + max(0, copies))
    counted = f"{index} needs {needed} of {most} shards, {there} are there"
    if there + needed > most:
        return problem(
            CREATE,
            f"{counted}: delete or shrink indices, or add a node; "
            "what comes from tomorrow on waits in the bucket",
        )
    return ok(CREATE, counted)


def _read_setting(settings: Mapping[str, Any], group: str, name: str) -> str | None:
    said = (settings.get(each, {}).get(group, {}).get(name) for each in _ORDER)
    return next((str(each) for each in said if each is not None), None)


def _may_be_made(index: str, allowed: str) -> bool:
    """Tell whether writing to an index makes it.

    Args:
        index: that does not exist.
        allowed: `action.auto_create_index`: true, false, or patterns of which the first that fits decides,
            with `-` before it against, and none that fits is against as well.
    """
    if allowed.lower() in ("true", "false"):
        return allowed.lower() == "true"
    for each in (part.strip() for part in allowed.split(",")):
        if fnmatchcase(index, each.lstrip("+-")):
            return not each.startswith("-")
    return False
