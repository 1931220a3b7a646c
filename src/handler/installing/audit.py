"""What the setup switches on for audit logs: the cluster writes them only when its security is told, too."""

from http import HTTPStatus
from typing import Any, Final

from handler.installing.access import NO_SECURITY
from handler.installing.cluster import Cluster, Reply
from handler.installing.steps import Did, Step

_AUDIT: Final = "/_plugins/_security/api/audit"


def switch_on_audit(cluster: Cluster) -> Step:
    """Switch audit logs on, and change nothing else of their settings, which are an administrator's.

    Where the cluster refuses, that is said: the stack goes on without, and a person can do it.
    """
    reply = cluster.request("GET", _AUDIT)
    if reply.no_such_api:
        return Step(Did.SKIPPED, NO_SECURITY)
    settings = _read_settings(reply)
    if settings is None:
        return Step(Did.FAILED, reply.reason)
    if settings.get("enabled") is True:
        return Step(Did.UNCHANGED)
    changed = cluster.request("PUT", f"{_AUDIT}/config", {**settings, "enabled": True})
    return Step(Did.UPDATED) if changed.done else Step(Did.FAILED, changed.reason)


def _read_settings(reply: Reply) -> dict[str, Any] | None:
    match reply.data:
        case {"config": dict(settings)} if reply.status == HTTPStatus.OK:
            return settings
    return None
