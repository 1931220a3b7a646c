"""The REST API of the security plugin, as far as the setup asks it: roles, and who has them.

Its ways are those of the real one (tests/security): an empty list is not stored, so that nothing can be
appended to it; `PATCH` knows add, remove and replace; a mapping needs a role.
"""

from typing import Any, Final

from support.front import Call, Reply

API: Final = "/_plugins/_security/api/"
NOT_FOUND: Final = (404, {"status": "NOT_FOUND", "message": "Resource is not available."})


class SecurityApi:
    """The API of one cluster.

    Attributes:
        roles, mappings: as stored.
        known: the value of the header by which somebody may ask; None where everybody may.
        refusal: what others are answered, on any path.
    """

    def __init__(self, *roles: str, known: str | None = None, refusal: Reply | None = None) -> None:
        self.roles: dict[str, Any] = {each: {} for each in roles}
        self.mappings: dict[str, dict[str, list[str]]] = {}
        self.known = known
        self.refusal = refusal

    def __call__(self, call: Call) -> Reply | None:
        if self.refusal and call.headers.get("authorization") != self.known:
            return self.refusal
        if not call.path.startswith(API):
            return None
        kind, _, name = call.path.removeprefix(API).partition("/")
        stored = self.roles if kind == "roles" else self.mappings
        if call.method == "GET":
            return self._get(stored, name)
        if kind == "rolesmapping" and name not in self.roles:
            return NOT_FOUND
        if call.method == "PATCH":
            return self._patch(name, call.json)
        stored[name] = call.json if kind == "roles" else _strip(call.json)
        return 201, {"status": "CREATED"}

    def _get(self, stored: dict[str, Any], name: str) -> Reply:
        if not name:
            return 200, stored
        if name not in stored:
            return NOT_FOUND
        lists = ("backend_roles", "users", "hosts", "and_backend_roles")
        empty: dict[str, Any] = {} if stored is self.roles else {each: [] for each in lists}
        return 200, {name: empty | stored[name]}

    def _patch(self, name: str, changes: list[dict[str, Any]]) -> Reply:
        changed = {kind: list(names) for kind, names in self.mappings[name].items()}
        for each in changes:
            kind, *place = each["path"].strip("/").split("/")
            if each["op"] == "add" and place == ["-"]:
                if kind not in changed:
                    return 400, {"status": "BAD_REQUEST", "message": f'Missing field "{kind}"'}
                changed[kind].append(each["value"])
            elif each["op"] in ("add", "replace") and not place:
                changed[kind] = each["value"]
            else:
                return 400, {"status": "BAD_REQUEST", "message": f"Unsupported patch operation: {each['op']}"}
        self.mappings[name] = _strip(changed)
        return 200, {"status": "OK"}


def _strip(mapping: dict[str, Any]) -> dict[str, list[str]]:
    return {kind: names for kind, names in mapping.items() if names}
