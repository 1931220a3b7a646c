"""The writer role on the real security plugin: it creates documents in cwl-*, and does nothing else.

A user of the cluster whose backend role is the ARN of an IAM role stands for a function with that role:
Amazon OpenSearch Service hands a signed request to the plugin in the same way.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from flowlogs.local.secure_node import SecureNode, User
from handler.installing.access import writer_role
from security.conftest import VERSIONS, SecureNodes, put_user, renew
from support.cloudformation import FORWARD, CloudFormation

INDEX = "cwl-2026.01.02"
WHO = f"and User [name=forward, backend_roles=[{FORWARD}], requestedTenant=null]"
DOCUMENT = {"@timestamp": 1767312000000, "srcaddr": "10.0.0.1", "bytes": 1}
ROLE = "/_plugins/_security/api/roles/cwl-writer"


@dataclass(frozen=True)
class Writer:
    """The user who stands for the forward function, on a cluster that the setup has prepared."""

    node: SecureNode
    user: User

    def request(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        return self.node.request(method, path, body, user=self.user)

    def send_bulk(self, path: str, *lines: object) -> list[tuple[int, str | None]]:
        """Return status and reason of each item of a bulk request."""
        status, reply = self.request("POST", path, bulk(*lines))
        assert status == 200, reply
        items = [item for each in reply["items"] for item in each.values()]
        return [(item["status"], item.get("error", {}).get("reason")) for item in items]


@pytest.fixture(scope="module", params=VERSIONS)
def writer(request: pytest.FixtureRequest, secure_nodes: SecureNodes) -> Iterator[Writer]:
    """Give a writer on each version in turn, beside an index of its own and one of others."""
    with pytest.MonkeyPatch.context() as monkeypatch, CloudFormation() as stack:
        node = renew(secure_nodes(request.param), monkeypatch)
        assert stack.send("Create")["Status"] == "SUCCESS"
    for path in (f"/{INDEX}/_doc/1?refresh=true", "/other/_doc/1?refresh=true"):
        assert node.request("PUT", path, DOCUMENT)[0] == 201
    yield Writer(node, put_user(node, "forward", FORWARD))
    node.request("DELETE", "/_plugins/_security/api/internalusers/forward")


def bulk(*lines: object) -> bytes:
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def refusal(action: str) -> dict[str, Any]:
    reason = {"type": "security_exception", "reason": f"no permissions for [{action}] {WHO}"}
    return {"error": {"root_cause": [reason], **reason}, "status": 403}


@pytest.mark.parametrize("index", [INDEX, "cwl-2026.01.03"], ids=["a day that exists", "a new day"])
def test_it_creates_documents(writer: Writer, index: str) -> None:
    items = writer.send_bulk(f"/{index}/_bulk", {"create": {"_id": "by path"}}, DOCUMENT)

    assert items == [(201, None)]
    mapping = writer.node.request("GET", f"/{index}/_mapping")[1][index]["mappings"]
    assert (mapping["dynamic"], mapping["properties"]["srcaddr"]) == ("false", {"type": "ip"})


def test_a_document_that_exists_stays_as_it_is(writer: Writer) -> None:
    items = writer.send_bulk(f"/{INDEX}/_bulk", {"create": {"_id": "1"}}, {"bytes": 2})

    assert items == [(409, "[1]: version conflict, document already exists (current version [1])")]


@pytest.mark.parametrize(
    ("method", "path", "body", "action"),
    [
        pytest.param("GET", f"/{INDEX}/_doc/1", None, "indices:data/read/get", id="read a document"),
        pytest.param("GET", f"/{INDEX}/_search", None, "indices:data/read/search", id="search"),
        pytest.param("GET", f"/{INDEX}/_count", None, "indices:data/read/search", id="count"),
        pytest.param("DELETE", f"/{INDEX}/_doc/1", None, "indices:data/write/delete", id="delete a document"),
        pytest.param(
            "POST", f"/{INDEX}/_update/1", {"doc": {"bytes": 2}}, "indices:data/write/update", id="update"
        ),
        pytest.param(
            "POST", f"/{INDEX}/_delete_by_query", {"query": {"match_all": {}}},
            "indices:data/write/delete/byquery", id="delete by a query",
        ),
        pytest.param("DELETE", f"/{INDEX}", None, "indices:admin/delete", id="delete the index"),
        pytest.param("PUT", "/other-2026.01.02", None, "indices:admin/create", id="make another index"),
        pytest.param("PUT", "/other/_doc/2", DOCUMENT, "indices:data/write/index", id="write elsewhere"),
        pytest.param(
            "PUT", "/_index_template/cwl", {"index_patterns": ["cwl-*"]},
            "indices:admin/index_template/put", id="change the template",
        ),
        pytest.param(
            "DELETE", "/_index_template/cwl", None, "indices:admin/index_template/delete", id="delete it"
        ),
        pytest.param(
            "GET", "/_index_template/cwl", None, "indices:admin/index_template/get", id="read the template"
        ),
        pytest.param(
            "PUT", f"/{INDEX}/_mapping", {"properties": {"new": {"type": "keyword"}}},
            "indices:admin/mapping/put", id="change the mapping",
        ),
        pytest.param("GET", f"/{INDEX}/_mapping", None, "indices:admin/mappings/get", id="read the mapping"),
        pytest.param(
            "PUT", f"/{INDEX}/_settings", {"index": {"refresh_interval": "1s"}},
            "indices:admin/settings/update", id="change the index's settings",
        ),
        pytest.param(
            "PUT", "/_cluster/settings", {"transient": {"cluster.max_shards_per_node": 9}},
            "cluster:admin/settings/update", id="change the cluster's settings",
        ),
        pytest.param("POST", f"/{INDEX}/_refresh", None, "indices:admin/refresh", id="refresh"),
        pytest.param("POST", f"/{INDEX}/_close", None, "indices:admin/close", id="close the index"),
        pytest.param("GET", "/", None, "cluster:monitor/main", id="ask for the version"),
        pytest.param("GET", "/_cat/indices", None, "indices:monitor/settings/get", id="list the indices"),
    ],
)  # fmt: skip
def test_everything_else_is_refused(
    writer: Writer, method: str, path: str, body: object, action: str
) -> None:
    assert writer.request(method, path, body) == (403, refusal(action))


def test_it_can_replace_a_document_whose_id_it_knows(writer: Writer) -> None:
    """The limit of the role: OpenSearch asks for the same permission to create and to replace."""
    path = f"/{INDEX}/_bulk"
    writer.send_bulk(path, {"create": {"_id": "replaced"}}, DOCUMENT)

    assert writer.send_bulk(path, {"index": {"_id": "replaced"}}, DOCUMENT) == [(200, None)]


WRITE = "indices:data/write/bulk[s], indices:data/write/index"
MAKE = "indices:admin/create"


@pytest.mark.parametrize(
    ("index", "actions"),
    [
        pytest.param("other", WRITE, id="an index of others"),
        pytest.param("other-new", MAKE, id="a new index"),
        pytest.param(".kibana", MAKE, id="the index of Dashboards"),
        pytest.param("cwl", MAKE, id="the prefix alone"),
        pytest.param("cwl-dev-2026.01.02", MAKE, id="a stack whose prefix begins alike"),
        pytest.param("cwl-2026.01.02-copy", MAKE, id="a copy of a day"),
    ],
)
def test_no_other_index_is_written_by_path(writer: Writer, index: str, actions: str) -> None:
    items = writer.send_bulk(f"/{index}/_bulk", {"create": {"_id": "2"}}, DOCUMENT)

    assert items == [(403, f"no permissions for [{actions}] {WHO}")]


def test_no_other_index_is_written_by_the_body(writer: Writer) -> None:
    items = writer.send_bulk(
        f"/{INDEX}/_bulk",
        *({"create": {"_index": "other", "_id": "2"}}, DOCUMENT),
        *({"create": {"_index": "other-new", "_id": "2"}}, DOCUMENT),
        *({"create": {"_id": "beside others"}}, DOCUMENT),
    )

    assert items == [
        (403, f"no permissions for [{WRITE}] {WHO}"),
        (403, f"no permissions for [{MAKE}] {WHO}"),
        (201, None),
    ]
    assert writer.node.request("GET", "/other/_doc/2")[0] == 404


@pytest.mark.parametrize(
    ("lines", "action"),
    [
        pytest.param([{"delete": {"_id": "1"}}], "indices:data/write/delete", id="delete"),
        pytest.param(
            [{"update": {"_id": "1"}}, {"doc": {"bytes": 2}}], "indices:data/write/update", id="update"
        ),
    ],
)
def test_a_bulk_request_neither_deletes_nor_updates(writer: Writer, lines: list[object], action: str) -> None:
    items = writer.send_bulk(f"/{INDEX}/_bulk", *lines)

    assert items == [(403, f"no permissions for [{action}] {WHO}")]
    assert writer.node.request("GET", f"/{INDEX}/_doc/1")[1]["_source"] == DOCUMENT


@pytest.mark.parametrize(("method", "body"), [("GET", None), ("PUT", {"cluster_permissions": ["*"]})])
def test_it_can_neither_see_nor_change_its_role(writer: Writer, method: str, body: object) -> None:
    status, reply = writer.request(method, ROLE, body)

    assert (status, reply["status"]) == (403, "FORBIDDEN")
    assert reply["message"].startswith(
        "No permission to access REST API: User forward with Security roles [cwl-writer] does not have any "
        "role privileged for admin access."
    )


def permissions() -> list[str]:
    role = writer_role("cwl")
    return [*role["cluster_permissions"], *role["index_permissions"][0]["allowed_actions"]]


@pytest.mark.parametrize("permission", permissions())
def test_each_of_its_permissions_is_needed(writer: Writer, permission: str) -> None:
    whole = writer_role("cwl")
    less = writer_role("cwl")
    for each in (less["cluster_permissions"], less["index_permissions"][0]["allowed_actions"]):
        if permission in each:
            each.remove(permission)
    index = f"cwl-2026.02.{permissions().index(permission) + 1:02}"
    assert writer.node.request("PUT", ROLE, less)[0] == 200
    try:
        status, reply = writer.request("POST", f"/{index}/_bulk", bulk({"create": {"_id": "1"}}, DOCUMENT))
    finally:
        assert writer.node.request("PUT", ROLE, whole)[0] == 200

    refused = reply["items"][0]["create"]["error"] if status == 200 else reply["error"]
    assert refused["type"] == "security_exception"
    assert permission in refused["reason"]
