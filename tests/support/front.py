"""A front before a real OpenSearch: it adds what cannot be had here, and keeps what it receives.

Index State Management and OpenSearch Dashboards exist in no package that can be embedded. Their replies
here are those of the documentation (docs.opensearch.org, "ISM API"; the saved objects API of Dashboards,
which is that of Kibana 7.10), with the defaults that the real ones add to what they store.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from flowlogs.local.embedded import Embedded
from support.serving import Serving, Silent

Reply = tuple[int, Any]
Plugin = Callable[["Call"], Reply | None]
"""Answers a request, or returns None where it is another's."""

_POLICY_ID = "index.plugins.index_state_management.policy_id"


@dataclass(frozen=True)
class Call:
    """One request."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Front(Serving):
    """The front, while it is open.

    Attributes:
        calls: the requests so far.
        plugins: asked in turn; what none answers goes to the node.
    """

    def __init__(self, node: Embedded | None, *plugins: Plugin) -> None:
        self.calls: list[Call] = []
        self.plugins = list(plugins)
        self._node = node
        super().__init__(_handler(self))

    @property
    def writes(self) -> list[str]:
        """Return the requests that could change something."""
        return [str(each) for each in self.calls if each.method != "GET" and "_bulk_get" not in each.path]

    def answer(self, call: Call) -> Reply:
        self.calls.append(call)
        for each in self.plugins:
            reply = each(call)
            if reply is not None:
                return reply
        assert self._node is not None, call
        return self._node.request(call.method, f"{call.path}?{urlencode(call.query)}", call.body or None)


class StateManagement:
    """Index State Management: its policies, and which index follows which version of which.

    Attributes:
        policies: as stored, by id.
        indices: the policy of each index and the version that it began with; None before it began.
    """

    def __init__(self, node: Embedded) -> None:
        self.policies: dict[str, dict[str, Any]] = {}
        self.indices: dict[str, tuple[str, int | None]] = {}
        self._node = node
        self._version = 6

    def begin(self) -> None:
        """Do what the job does every few minutes: indices begin with the newest version of their policy."""
        for index, (name, version) in self.indices.items():
            if version is None:
                self.indices[index] = (name, self.policies[name]["_seq_no"])

    def __call__(self, call: Call) -> Reply | None:
        match call.path.removeprefix("/_plugins/_ism/").split("/"):
            case ["policies", name] if call.method == "GET":
                return self._get(name)
            case ["policies", name]:
                return self._put(name, call)
            case ["explain", pattern]:
                return self._explain(pattern)
            case ["add" | "change_policy" as verb, names]:
                return self._apply(verb, names.split(","), call.json["policy_id"])
        return None

    def _get(self, name: str) -> Reply:
        if name in self.policies:
            return 200, self.policies[name]
        reason = {"type": "status_exception", "reason": "Policy not found"}
        return 404, {"error": {"root_cause": [reason], **reason}, "status": 404}

    def _put(self, name: str, call: Call) -> Reply:
        stored = self.policies.get(name)
        expected = call.query.get("if_seq_no"), call.query.get("if_primary_term")
        found = (str(stored["_seq_no"]), str(stored["_primary_term"])) if stored else (None, None)
        if expected != found:
            reason = {
                "type": "version_conflict_engine_exception",
                "reason": f"[{name}]: version conflict, document already exists (current version [1])",
            }
            return 409, {"error": {"root_cause": [reason], **reason}, "status": 409}
        self._version += 1
        policy = call.json["policy"]
        policy["states"] = [
            each
            | {"actions": [{"retry": {"count": 3, "backoff": "exponential", "delay": "1m"}, **action}
                           for action in each["actions"]]}
            for each in policy["states"]
        ]  # fmt: skip
        policy["ism_template"] = [
            each | {"last_updated_time": 1577990761311} for each in policy["ism_template"]
        ]
        policy |= {"policy_id": name, "last_updated_time": 1577990761311, "schema_version": 21}
        policy |= {"error_notification": None}
        self.policies[name] = {
            "_id": name, "_version": 1, "_seq_no": self._version, "_primary_term": 1, "policy": policy,
        }  # fmt: skip
        reply = {**self.policies[name], "policy": {"policy": policy}}
        return (200 if stored else 201), reply

    def _explain(self, pattern: str) -> Reply:
        _, found = self._node.request("GET", f"/_cat/indices/{pattern}?format=json&h=index")
        reply: dict[str, Any] = {}
        for index in sorted(each["index"] for each in found):
            name, version = self.indices.get(index, (None, None))
            reply[index] = {_POLICY_ID: name, "index.opendistro.index_state_management.policy_id": name}
            if version is not None:
                reply[index] |= {"index": index, "policy_id": name, "policy_seq_no": version, "enabled": True}
        return 200, reply | {"total_managed_indices": len(self.indices)}

    def _apply(self, verb: str, names: list[str], policy: str) -> Reply:
        refused = [each for each in names if (each in self.indices) is not (verb == "change_policy")]
        for each in set(names) - set(refused):
            self.indices[each] = (policy, None)
        failed = [{"index_name": each, "index_uuid": "x", "reason": "no"} for each in refused]
        changed = len(names) - len(refused)
        return 200, {"updated_indices": changed, "failures": bool(failed), "failed_indices": failed}


class Dashboards:
    """The saved objects of OpenSearch Dashboards, in the global tenant.

    Attributes:
        objects: by type and id.
        refused: ids that are not taken, with the error that is given for them.
    """

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], dict[str, Any]] = {}
        self.refused: dict[str, dict[str, str]] = {}

    def __call__(self, call: Call) -> Reply | None:
        if not call.path.startswith("/_dashboards/api/saved_objects/"):
            return None
        if call.headers.get("osd-xsrf") != "true":
            message = "Request must contain a osd-xsrf header."
            return 400, {"statusCode": 400, "error": "Bad Request", "message": message}
        assert call.headers["securitytenant"] == "global"
        if call.path.endswith("/_bulk_get"):
            return 200, {"saved_objects": [self._get(each["type"], each["id"]) for each in call.json]}
        assert (call.path.rpartition("/")[2], call.query) == ("_import", {"overwrite": "true"})
        return 200, self._import(_read_form(call))

    def _get(self, kind: str, name: str) -> dict[str, Any]:
        missing = {
            "statusCode": 404,
            "error": "Not Found",
            "message": f"Saved object [{kind}/{name}] not found",
        }
        return self.objects.get((kind, name), {"id": name, "type": kind, "error": missing})

    def _import(self, objects: list[dict[str, Any]]) -> dict[str, Any]:
        errors = [
            {"id": each["id"], "type": each["type"], "title": "x", "error": self.refused[each["id"]]}
            for each in objects
            if each["id"] in self.refused
        ]
        good = [each for each in objects if each["id"] not in self.refused]
        for each in good:
            self.objects[each["type"], each["id"]] = each | {
                "updated_at": "2026-01-02T03:04:05Z",
                "version": "W",
            }
        if errors:
            return {"success": False, "successCount": len(good), "errors": errors}
        return {"success": True, "successCount": len(good)}


def _read_form(call: Call) -> list[dict[str, Any]]:
    """Read the one file of a form."""
    match = re.fullmatch(r"multipart/form-data; boundary=(\S+)", call.headers["content-type"])
    assert match is not None
    boundary = match.group(1).encode()
    start, part, end = call.body.split(b"--" + boundary)
    assert (start, end) == (b"", b"--\r\n")
    head, _, content = part.strip(b"\r\n").partition(b"\r\n\r\n")
    assert re.search(rb'name="file"; filename="[^"]+\.ndjson"', head)
    return [json.loads(line) for line in content.splitlines() if line]


def _name_type(data: object) -> str:
    if isinstance(data, str):
        return "text/html" if data.startswith("<") else "text/plain"
    return "application/json"


def _handler(front: Front) -> type[Silent]:
    class Handler(Silent, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            status, data = front.answer(Call(self.command, parts.path, query, headers, body))
            text = (data if isinstance(data, str) else json.dumps(data)).encode()
            self.send_response(status)
            self.send_header("content-type", _name_type(data))
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815  # as in the library

    return Handler
