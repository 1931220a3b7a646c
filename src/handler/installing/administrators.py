"""Who may administer the cluster beside the setup: IAM roles and users, mapped to the roles that allow all.

These mappings belong to the cluster's owner. What somebody has put there stays; the setup adds, and takes
away no more than it has added. What that is, it keeps in the cluster itself: in the mapping of a role without
any permission, `<prefix>-added-to-<role>`, so that it is known whatever became of the stack in between. What
it noted under a prefix that the stack had before is known by that prefix's writers: the stack's functions.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from handler.config import Config
from handler.installing.access import API, NO_SECURITY
from handler.installing.cluster import Cluster, refuse
from handler.installing.steps import Did, Step

NO_ADMINISTRATORS: Final = "no AdminPrincipalArn is given"

TARGETS: Final = ("all_access", "security_manager")
"""All that there is, and the second for changing roles: Amazon's domains have it, and ask for it."""

_KINDS: Final = ("backend_roles", "users")
"""In a mapping IAM roles are backend roles, and IAM users are users (Amazon OpenSearch Service Developer
Guide, "Fine-grained access control")."""

_NOBODY: Final[dict[str, list[str]]] = {
    "cluster_permissions": [],
    "index_permissions": [],
    "tenant_permissions": [],
}
_WITH_PATH: Final = re.compile(r"(arn:[^:]+:iam::[0-9]{12}:role/).+/([^/]+)")

Names = dict[str, list[str]]
"""What a mapping holds of each kind."""


def install_administrators(
    cluster: Cluster, config: Config, arns: Sequence[str], writers: Sequence[str] = ()
) -> Step:
    """Map administrators to the roles that allow all, and take away those that are not named any more.

    Args:
        cluster: where.
        config: the prefix, by which several stacks keep apart what each has added.
        arns: of IAM roles and users.
        writers: ARNs of the roles of the stack's functions, by which its earlier prefixes are known.

    Raises:
        handler.installing.cluster.ClusterError: it was refused.
    """
    reply = cluster.request("GET", f"{API}/rolesmapping")
    if reply.no_such_api:
        return Step(Did.SKIPPED, NO_SECURITY)
    if not reply.done:
        raise refuse("who has which role cannot be read", reply)
    mappings: Mapping[str, Any] = reply.data
    wanted = split_names(arns)
    told: list[str] = []
    for target in TARGETS:
        if target in mappings or _has_role(cluster, target):
            records = _find_records(mappings, target, config.index_prefix, writers)
            told += _map(cluster, mappings, records, target, wanted)
    if not arns and not told:
        return Step(Did.SKIPPED, NO_ADMINISTRATORS)
    return Step(Did.UPDATED, "; ".join(told)) if told else Step(Did.UNCHANGED)


def _find_records(mappings: Mapping[str, Any], target: str, prefix: str, writers: Sequence[str]) -> list[str]:
    """Return the names under which a stack notes what it adds: the present one, then those of before.

    Of earlier prefixes there are those whose notes hold something, and which no other stack has taken since.
    """
    suffix = f"-added-to-{target}"
    own = f"{prefix}{suffix}"
    earlier = [
        name
        for name in mappings
        if name.endswith(suffix) and name != own and any(_read(mappings, name).values())
    ]
    ours = {*writers}
    return [own, *(each for each in earlier if ours & {*_read_writers(mappings, each.removesuffix(suffix))})]


def _read_writers(mappings: Mapping[str, Any], prefix: str) -> list[str]:
    return _read(mappings, f"{prefix}-writer")["backend_roles"]


def split_names(arns: Sequence[str]) -> Names:
    """Return the names by which the security knows who has these ARNs.

    A role with a path is named without it, too: whether the security is told the path is not documented, and
    a role's name is that of one role in an account, whatever its path.
    """
    roles = [each for each in arns if ":role/" in each]
    plain = [_WITH_PATH.sub(r"\1\2", each) for each in roles]
    return {
        "backend_roles": list(dict.fromkeys([*roles, *plain])),
        "users": [each for each in arns if ":user/" in each],
    }


def _has_role(cluster: Cluster, name: str) -> bool:
    return cluster.request("GET", f"{API}/roles/{name}").done


def _map(
    cluster: Cluster, mappings: Mapping[str, Any], records: Sequence[str], target: str, wanted: Names
) -> list[str]:
    """Make a role's mapping hold who is wanted; return what was done, in words."""
    doing = f"administrators cannot be mapped to {target}"
    present = _read(mappings, target)
    record, *earlier = records
    own, *others = (_read(mappings, each) for each in records)
    added = {
        kind: list(dict.fromkeys(name for each in (own, *others) for name in each[kind])) for kind in _KINDS
    }
    new = {kind: [each for each in wanted[kind] if each not in present[kind]] for kind in _KINDS}
    old = {kind: [each for each in added[kind] if each not in wanted[kind]] for kind in _KINDS}
    # Noted before it is done: what is done and not noted would never be taken away.
    noted = {
        kind: [*added[kind], *(each for each in new[kind] if each not in added[kind])] for kind in _KINDS
    }
    if noted != own:
        _note(cluster, record, noted)
    for each in earlier:
        _note(cluster, each, {kind: [] for kind in _KINDS})
    if any(new.values()):
        if target in mappings:
            additions = [each for kind in _KINDS for each in _add(kind, present[kind], new[kind])]
            cluster.demand(doing, "PATCH", f"{API}/rolesmapping/{target}", additions)
        else:
            cluster.demand(doing, "PUT", f"{API}/rolesmapping/{target}", new)
    if any(old.values()):
        _remove(cluster, doing, target, old)
        _note(
            cluster,
            record,
            {kind: [each for each in noted[kind] if each not in old[kind]] for kind in _KINDS},
        )
    told = (("added to", new), ("taken from", old))
    return [
        f"{', '.join([*names['backend_roles'], *names['users']])} {verb} {target}"
        for verb, names in told
        if any(names.values())
    ]


def _read(mappings: Mapping[str, Any], name: str) -> Names:
    """Return what a mapping holds; nothing where there is none."""
    mapped: Mapping[str, Any] = mappings.get(name, {})
    return {kind: list(mapped.get(kind, ())) for kind in _KINDS}


def _note(cluster: Cluster, record: str, names: Names) -> None:
    doing = f"what the setup adds cannot be noted in {record}"
    if not _has_role(cluster, record):
        cluster.demand(doing, "PUT", f"{API}/roles/{record}", _NOBODY)
    cluster.demand(doing, "PUT", f"{API}/rolesmapping/{record}", names)


def _add(kind: str, present: Sequence[str], names: Sequence[str]) -> list[dict[str, object]]:
    """Return changes that add names. An empty list is not stored, so that nothing can be added to it."""
    if not present:
        return [{"op": "add", "path": f"/{kind}", "value": list(names)}] if names else []
    return [{"op": "add", "path": f"/{kind}/-", "value": each} for each in names]


def _remove(cluster: Cluster, doing: str, target: str, names: Names) -> None:
    """Take names out of a role's mapping.

    The lists are written whole, as read a moment ago: the security's `PATCH` knows no `test`, and a place in
    a list may be somebody else's by now.
    """
    path = f"{API}/rolesmapping/{target}"
    present = _read(cluster.demand(doing, "GET", path), target)
    kept = {kind: [each for each in present[kind] if each not in names[kind]] for kind in _KINDS}
    changes = [
        {"op": "replace", "path": f"/{kind}", "value": kept[kind]}
        for kind in _KINDS
        if kept[kind] != present[kind]
    ]
    if changes:
        cluster.demand(doing, "PATCH", path, changes)
