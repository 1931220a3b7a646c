"""What the setup installs for the indices: their template, and how long they are kept.

Nothing is written that is there already, so that a second run changes nothing.
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

from handler.config import Config
from handler.installing.cluster import Cluster, Reply, refuse
from handler.installing.steps import Did, Step, same
from parser.engine import Engine
from parser.index_names import read_day
from parser.index_template import index_template
from parser.retention_policy import retention_policy

NO_ISM: Final = "the cluster has no Index State Management, so nothing deletes old indices"

_BATCH: Final = 100
"""Indices named in one path, which may have 4096 characters."""

_MOST_INDICES: Final = 10_000
_POLICY: Final = "index.plugins.index_state_management.policy_id"
_ISM: Final = "/_plugins/_ism"


def make_template(config: Config, engine: Engine) -> dict[str, Any]:
    """Return the index template as the configuration asks for it; `doctor` compares with the same."""
    return index_template(
        config.index_prefix,
        config.formats,
        engine=engine,
        search_message=config.search_message,
        shards=config.index_shards,
        replicas=config.index_replicas,
    )


def install_template(cluster: Cluster, config: Config, engine: Engine) -> Step:
    """Put the index template in place, or renew it.

    Args:
        cluster: where.
        config: prefix, formats, shards and copies, and whether `@message` can be searched.
        engine: what the cluster is.

    Raises:
        ClusterError: it was refused.
    """
    path = f"/_index_template/{config.index_prefix}"
    wanted = make_template(config, engine)
    reply = cluster.request("GET", path)
    if reply.done and _is_template(wanted, reply.data["index_templates"][0]["index_template"]):
        return Step(Did.UNCHANGED)
    cluster.demand(f"the index template {config.index_prefix} cannot be installed", "PUT", path, wanted)
    return Step(Did.UPDATED if reply.done else Did.CREATED)


def _is_template(wanted: dict[str, Any], stored: dict[str, Any]) -> bool:
    """Both ways: a setting or field that is there and not wanted is a difference, too."""
    return same(wanted, stored) and same(stored["template"], wanted["template"])


def install_retention(cluster: Cluster, config: Config) -> Step:
    """Put the retention policy in place, or renew it, and attach it to the indices that exist.

    Raises:
        ClusterError: it was refused.
    """
    name = f"{config.index_prefix}-retention"
    reply = cluster.request("GET", f"{_ISM}/policies/{name}")
    if reply.no_such_api:
        return Step(Did.SKIPPED, NO_ISM)
    if reply.status == HTTPStatus.NOT_FOUND and not (config.retention_days or config.warm_after_days):
        return Step(Did.SKIPPED, "indices are kept for ever")
    did, version = _put_policy(cluster, config, name, reply)
    attached, left = _attach(cluster, config.index_prefix, name, version)
    if did is Did.UNCHANGED and attached:
        did = Did.UPDATED
    return Step(did, ", ".join([*attached, *left]))


def _put_policy(cluster: Cluster, config: Config, name: str, found: Reply) -> tuple[Did, int]:
    """Write the policy where it differs from the one that was found; return its version as well."""
    path = f"{_ISM}/policies/{name}"
    doing = f"the retention policy {name} cannot be installed"
    wanted = retention_policy(config.index_prefix, config.retention_days, config.warm_after_days)
    if found.status == HTTPStatus.NOT_FOUND:
        return Did.CREATED, cluster.demand(doing, "PUT", path, wanted)["_seq_no"]
    if not found.done:
        raise refuse(doing, found)
    if same(wanted["policy"], found.data["policy"]):
        return Did.UNCHANGED, found.data["_seq_no"]
    replaced = f"?if_seq_no={found.data['_seq_no']}&if_primary_term={found.data['_primary_term']}"
    return Did.UPDATED, cluster.demand(doing, "PUT", path + replaced, wanted)["_seq_no"]


def _attach(cluster: Cluster, prefix: str, name: str, version: int) -> tuple[list[str], list[str]]:
    """Attach the policy to indices that have none, and its newest version to those that follow an older one.

    ISM attaches it to new indices only, and leaves the managed ones with the version that they began with.

    Returns:
        What was done, and what was left as it is.
    """
    doing = f"the indices that follow {name} cannot be listed"
    reply = cluster.request("GET", f"{_ISM}/explain/{prefix}-*?size={_MOST_INDICES}")
    if reply.status == HTTPStatus.NOT_FOUND:  # there is no index yet
        return [], []
    if not reply.done:
        raise refuse(doing, reply)
    # Indices of another prefix that begins alike are not ours to delete.
    indices = {index: each for index, each in reply.data.items() if read_day(prefix, index)}
    free = [index for index, each in indices.items() if not each.get(_POLICY)]
    ours = [index for index, each in indices.items() if each.get(_POLICY) == name]
    # An index without a version has not begun: it will begin with the newest.
    old = [index for index in ours if indices[index].get("policy_seq_no") not in (None, version)]
    foreign = len(indices) - len(free) - len(ours)
    done = [f"attached to {_apply(cluster, 'add', free, name)} indices"] if free else []
    done += [f"renewed for {_apply(cluster, 'change_policy', old, name)} indices"] if old else []
    return done, [f"{foreign} indices left to another policy"] if foreign else []


def _apply(cluster: Cluster, verb: str, indices: Sequence[str], name: str) -> str:
    """Return how many indices were changed, of how many."""
    changed = 0
    for start in range(0, len(indices), _BATCH):
        some = ",".join(indices[start : start + _BATCH])
        doing = f"the retention policy {name} cannot be attached"
        changed += cluster.demand(doing, "POST", f"{_ISM}/{verb}/{some}", {"policy_id": name})[
            "updated_indices"
        ]
    return str(changed) if changed == len(indices) else f"{changed} of {len(indices)}"
