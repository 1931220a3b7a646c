"""What the setup installs for access: a role that can create documents, and who has it."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

from handler.cluster import Cluster, refuse
from handler.config import Config
from handler.steps import Did, Step, same

NO_SECURITY: Final = "the cluster has no fine-grained access control, so who reaches it may do everything"
SERVERLESS: Final = "a collection has data access policies instead"

_API: Final = "/_plugins/_security/api"


def writer_role(prefix: str) -> dict[str, Any]:
    """Return the body of the role that forward and replay have: all that creating a document needs.

    A bulk request needs a permission for itself, and one for the part of it that goes to a shard; the
    first document of a day creates its index. Nothing here reads, and no template can be changed.
    """
    return {
        "cluster_permissions": ["indices:data/write/bulk"],
        "index_permissions": [
            {
                "index_patterns": [f"{prefix}-*"],
                "allowed_actions": [
                    "indices:data/write/bulk[s]",
                    "indices:data/write/index",
                    "indices:admin/create",
                ],
            }
        ],
        "tenant_permissions": [],
    }


def writer_mapping(arns: Sequence[str]) -> dict[str, Any]:
    """Return the body of the mapping that gives the role to IAM roles, and to nobody else."""
    return {"backend_roles": sorted(arns), "hosts": [], "users": [], "and_backend_roles": []}


def install_writer(cluster: Cluster, config: Config, arns: Sequence[str]) -> tuple[Step, Step]:
    """Put the writer role and its mapping in place, or renew them; return what was done to each.

    Both belong to the setup: what other people change in them is undone, so that a deployed stack's
    writers can do what the template says and no more.

    Raises:
        ClusterError: it was refused.
    """
    if config.service == "aoss":
        skipped = Step(Did.SKIPPED, SERVERLESS)
        return skipped, skipped
    name = f"{config.index_prefix}-writer"
    role = _install(cluster, "roles", name, writer_role(config.index_prefix))
    if role.did is Did.SKIPPED:
        return role, role
    return role, _install(cluster, "rolesmapping", name, writer_mapping(arns))


def _install(cluster: Cluster, kind: str, name: str, wanted: dict[str, Any]) -> Step:
    path = f"{_API}/{kind}/{name}"
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
