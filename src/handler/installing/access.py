"""What the setup installs for access: a role for the functions that write, and one for people who look."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

from handler.config import Config
from handler.installing.cluster import Cluster, refuse
from handler.installing.steps import Did, Step, same
from parser.index_names import permission_pattern

NO_SECURITY: Final = "the cluster has no fine-grained access control, so who reaches it may do everything"
NO_READERS: Final = "no ReaderRoleArns are given; people need a role of the cluster to see the documents"

API: Final = "/_plugins/_security/api"


def writer_role(prefix: str) -> dict[str, Any]:
    """Return the body of the role that forward and replay have: all that creating a document needs.

    A bulk request needs a permission for itself, and one for the part of it that goes to a shard; the
    first document of a day creates its index. Nothing here reads, and no template can be changed.
    """
    return {
        "cluster_permissions": ["indices:data/write/bulk"],
        "index_permissions": [
            {
                "index_patterns": [permission_pattern(prefix)],
                "allowed_actions": [
                    "indices:data/write/bulk[s]",
                    "indices:data/write/index",
                    "indices:admin/create",
                ],
            }
        ],
        "tenant_permissions": [],
    }


def reader_role(prefix: str) -> dict[str, Any]:
    """Return the body of the role that people have: look at the documents, and work in Dashboards.

    What stands here beside reading is what the plugin's own role for users of Dashboards allows: its
    saved objects, in the tenant that all share.
    """
    return {
        "cluster_permissions": ["cluster_composite_ops"],
        "index_permissions": [
            {"index_patterns": [permission_pattern(prefix)], "allowed_actions": ["read"]},
            {
                "index_patterns": [
                    ".kibana",
                    ".kibana_*",
                    ".opensearch_dashboards",
                    ".opensearch_dashboards_*",
                ],
                "allowed_actions": ["read", "index", "delete", "manage"],
            },
        ],
        "tenant_permissions": [
            {"tenant_patterns": ["global_tenant"], "allowed_actions": ["kibana_all_write"]},
        ],
    }


def mapping(arns: Sequence[str], users: Sequence[str] = ()) -> dict[str, Any]:
    """Return the body of the mapping that gives a role to IAM roles and users, and to nobody else."""
    return {"backend_roles": sorted(arns), "hosts": [], "users": sorted(users), "and_backend_roles": []}


def install_writer(
    cluster: Cluster, config: Config, arns: Sequence[str], users: Sequence[str] = ()
) -> tuple[Step, Step]:
    """Put the writer role and its mapping in place, or renew them; return what was done to each.

    Both belong to the setup, as those of the readers do: what other people change in them is undone, so
    that the roles of a stack can do what its template says and no more.

    Raises:
        ClusterError: it was refused.
    """
    prefix = config.index_prefix
    return _install(cluster, f"{prefix}-writer", writer_role(prefix), mapping(arns, users))


def install_reader(cluster: Cluster, config: Config, arns: Sequence[str]) -> tuple[Step, Step]:
    """Put the reader role and its mapping in place, where there are readers; return what was done to each.

    Raises:
        ClusterError: it was refused.
    """
    if not arns:
        return Step(Did.SKIPPED, NO_READERS), Step(Did.SKIPPED, NO_READERS)
    prefix = config.index_prefix
    return _install(cluster, f"{prefix}-reader", reader_role(prefix), mapping(arns))


def _install(cluster: Cluster, name: str, role: dict[str, Any], mapped: dict[str, Any]) -> tuple[Step, Step]:
    done = _put(cluster, "roles", name, role)
    if done.did is Did.SKIPPED:
        return done, done
    return done, _put(cluster, "rolesmapping", name, mapped)


def _put(cluster: Cluster, kind: str, name: str, wanted: dict[str, Any]) -> Step:
    path = f"{API}/{kind}/{name}"
    doing = f"{name} cannot be installed in the cluster's security ({kind})"
    reply = cluster.request("GET", path)
    if reply.no_such_api:
        return Step(Did.SKIPPED, NO_SECURITY)
    if not reply.done and reply.status != HTTPStatus.NOT_FOUND:
        raise refuse(doing, reply)
    if reply.done and same(wanted, reply.data[name]):
        return Step(Did.UNCHANGED)
    cluster.demand(doing, "PUT", path, wanted)
    return Step(Did.UPDATED if reply.done else Did.CREATED)
