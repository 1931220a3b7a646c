"""The reader role on the real security plugin: people see the documents, and change none of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from flowlogs.cluster.connection import open_client
from flowlogs.cluster.listing import read_indices
from flowlogs.local.secure_node import SecureNode, User
from security.conftest import VERSIONS, SecureNodes, put_user, renew
from support.cloudformation import CloudFormation

PEOPLE = "arn:aws:iam::123456789012:role/flowlogs-PeopleRole-7A8B9C"
INDEX = "cwl-2026.01.02"
DOCUMENT = {"@timestamp": 1767312000000, "srcaddr": "10.0.0.1", "bytes": 1}


@dataclass(frozen=True)
class Reader:
    """The user who stands for people that came through Cognito."""

    node: SecureNode
    user: User

    def request(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        return self.node.request(method, path, body, user=self.user)


@pytest.fixture(scope="module", params=VERSIONS)
def reader(request: pytest.FixtureRequest, secure_nodes: SecureNodes) -> Iterator[Reader]:
    """Give a reader on each version in turn."""
    with pytest.MonkeyPatch.context() as monkeypatch, CloudFormation() as stack:
        node = renew(secure_nodes(request.param), monkeypatch)
        data = stack.send("Create", ReaderRoleArns=[PEOPLE])["Data"]
        again = stack.send("Update", ReaderRoleArns=[PEOPLE])["Data"]
    assert (data["ReaderRole"], data["ReaderMapping"]) == ("created", "created")
    assert (again["ReaderRole"], again["ReaderMapping"]) == ("unchanged", "unchanged")
    for path in (INDEX, "other", "cwl-dev-2026.01.02"):
        assert node.request("PUT", f"/{path}/_doc/1?refresh=true", DOCUMENT)[0] == 201
    yield Reader(node, put_user(node, "people", PEOPLE))
    node.request("DELETE", "/_plugins/_security/api/internalusers/people")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        pytest.param("GET", f"/{INDEX}/_doc/1", None, id="read a document"),
        pytest.param(
            "POST", "/cwl-20*/_search", {"aggs": {"a": {"terms": {"field": "srcaddr"}}}}, id="search"
        ),
        pytest.param("GET", "/cwl-20*/_count", None, id="count"),
        pytest.param(
            "GET", "/cwl-20*/_field_caps?fields=*", None, id="see the fields, as an index pattern does"
        ),
        pytest.param("PUT", "/.kibana_7/_doc/1", {"type": "dashboard"}, id="save an object of Dashboards"),
        pytest.param("GET", "/.kibana_7/_doc/1", None, id="read it"),
    ],
)
def test_people_see_the_documents_and_keep_dashboards(
    reader: Reader, method: str, path: str, body: object
) -> None:
    assert reader.request(method, path, body)[0] in {200, 201}


def test_people_work_in_the_tenant_that_all_share(reader: Reader) -> None:
    _, reply = reader.request("GET", "/_plugins/_security/authinfo")

    assert reply["roles"] == ["cwl-reader"]
    assert reply["tenants"]["global_tenant"] is True  # may write there


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        pytest.param("PUT", f"/{INDEX}/_doc/2", DOCUMENT, id="write a document"),
        pytest.param("DELETE", f"/{INDEX}/_doc/1", None, id="delete a document"),
        pytest.param("DELETE", f"/{INDEX}", None, id="delete an index"),
        pytest.param("GET", "/other/_search", None, id="search an index of others"),
        pytest.param("GET", "/cwl-dev-2026.01.02/_search", None, id="search one whose prefix begins alike"),
        pytest.param(
            "PUT", f"/{INDEX}/_settings", {"index": {"refresh_interval": "1s"}}, id="change settings"
        ),
        pytest.param("PUT", "/_index_template/cwl", {"index_patterns": ["cwl-*"]}, id="change the template"),
        pytest.param("GET", "/_plugins/_security/api/internalusers", None, id="see the users"),
    ],
)
def test_people_change_no_document_and_see_nothing_else(
    reader: Reader, method: str, path: str, body: object
) -> None:
    assert reader.request(method, path, body)[0] == 403


def test_who_reads_one_stack_is_told_of_its_days_though_another_begins_alike(reader: Reader) -> None:
    """The commands ask for more than may be seen, and then for what may."""
    user, password = reader.user
    _, client = open_client(
        {
            "OPENSEARCH_URL": reader.node.url,
            "OPENSEARCH_AUTH": "basic",
            "OPENSEARCH_USERNAME": user,
            "OPENSEARCH_PASSWORD": password,
            "OPENSEARCH_CA_BUNDLE": str(reader.node.ca_bundle),
        }
    )
    indices = read_indices(client, "cwl")

    assert (indices.names, indices.count({"match_all": {}})) == ([INDEX], 1)
    assert indices.health_unknown.startswith("403 no permissions for [cluster:monitor/health]")
    assert indices.refresh().startswith("what was written last may not be visible yet: 403 no permissions")
