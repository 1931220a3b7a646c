"""Administrators on the real security plugin: added beside who is there, taken away where setup added them.

Four principals, each a user of the cluster whose backend role is the ARN of an IAM role: the setup, which is
the master; an administrator; a reader; a writer. Each can do what it must, and is refused the rest.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest

from flowlogs.local.releases import SECURED
from flowlogs.local.secure_node import SecureNode, User
from security.conftest import VERSIONS, SecureNodes, put_user, renew, sign_in
from support.cloudformation import FORWARD, CloudFormation

API: Final = "/_plugins/_security/api"
ALL: Final = f"{API}/rolesmapping/all_access"
ACCOUNT: Final = "arn:aws:iam::123456789012:"
SETUP: Final = f"{ACCOUNT}role/flowlogs-Roles-1A2B-SetupRole-3C4D"
PEOPLE: Final = f"{ACCOUNT}role/flowlogs-PeopleRole-7A8B9C"
GROUP: Final = f"{ACCOUNT}role/flowlogs-AdministratorsRole-5E6F"
PLAIN_SSO: Final = f"{ACCOUNT}role/AWSReservedSSO_Admin_0a1b"
SSO: Final = f"{ACCOUNT}role/aws-reserved/sso.amazonaws.com/eu-central-1/AWSReservedSSO_Admin_0a1b"
SOMEBODY: Final = f"{ACCOUNT}user/team/somebody"
INDEX: Final = "cwl-2026.01.02"
DOCUMENT: Final = {"@timestamp": 1767312000000, "srcaddr": "10.0.0.1", "bytes": 1}


@dataclass(frozen=True)
class Site:
    """A cluster whose master is the setup, as CloudFormation sees it."""

    node: SecureNode
    stack: CloudFormation

    def deploy(self, kind: str, *administrators: str, **properties: Any) -> dict[str, Any]:
        """Run the setup; return what it says that it did."""
        given = ",".join(administrators)
        answer = self.stack.send(kind, AdministratorArns=given, ReaderRoleArns=[PEOPLE], **properties)
        assert answer["Status"] == "SUCCESS", answer
        data: dict[str, Any] = answer["Data"]
        return data

    @property
    def masters(self) -> tuple[list[str], list[str]]:
        """The backend roles and users that may do everything."""
        mapped = self.node.request("GET", ALL)[1]["all_access"]
        return mapped["backend_roles"], mapped["users"]


@pytest.fixture(scope="module", params=[max(SECURED)])
def running(request: pytest.FixtureRequest, secure_nodes: SecureNodes) -> Iterator[SecureNode]:
    node = secure_nodes(request.param)
    yield node
    for name in ("setup", "administrator", "people", "forward"):
        node.request("DELETE", f"{API}/internalusers/{name}")


@pytest.fixture
def site(running: SecureNode, stack: CloudFormation, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Give a domain as Amazon makes it: its master is the setup's role, and nobody else."""
    node = renew(running, monkeypatch)
    change = [{"op": "add", "path": "/backend_roles/-", "value": SETUP}]
    assert node.request("PATCH", ALL, change)[0] == 200
    sign_in(monkeypatch, put_user(node, "setup", SETUP))
    yield Site(node, stack)
    renew(node, monkeypatch)


def test_each_principal_can_do_what_it_must_and_is_refused_the_rest(site: Site) -> None:
    site.deploy("Create", GROUP)
    node = site.node
    assert node.request("PUT", f"/{INDEX}/_doc/1?refresh=true", DOCUMENT)[0] == 201
    users = {
        "setup": ("setup", "Only-for-tests-8"),
        "administrator": put_user(node, "administrator", GROUP),
        "reader": put_user(node, "people", PEOPLE),
        "writer": put_user(node, "forward", FORWARD),
    }
    lines = b'{"create": {"_id": "2"}}\n{"bytes": 1}\n'
    asked: dict[str, tuple[str, str, object]] = {
        "search": ("GET", f"/{INDEX}/_search", None),
        "see who may do what": ("GET", f"{API}/rolesmapping", None),
        "change who may do what": ("PUT", f"{API}/roles/cwl-reader-too", {"cluster_permissions": []}),
        "change the template": ("PUT", "/_index_template/cwl-test", {"index_patterns": ["cwl-test"]}),
        "see the cluster": ("GET", "/_cluster/health", None),
        "write": ("POST", f"/{INDEX}/_bulk", lines),
    }

    def may(user: User, method: str, path: str, body: object) -> bool:
        status, reply = node.request(method, path, body, user=user)
        assert status in {200, 201, 403}, reply
        refused = [item for each in reply.get("items", ()) for item in each.values() if item["status"] == 403]
        return status != 403 and not refused

    found = {
        who: [what for what, request in asked.items() if may(user, *request)] for who, user in users.items()
    }
    assert found == {
        "setup": list(asked),
        "administrator": list(asked),
        "reader": ["search"],
        "writer": ["write"],
    }


@pytest.mark.parametrize("running", VERSIONS, indirect=True)
def test_administrators_come_and_go_and_the_setup_stays(site: Site) -> None:
    by_hand = [{"op": "add", "path": "/users", "value": ["by hand"]}]
    assert site.node.request("PATCH", ALL, by_hand)[0] == 200
    first = site.deploy("Create", GROUP, SSO, SOMEBODY)
    # A role is known by both of its names: with the path, and without.
    assert site.masters == (["admin", SETUP, GROUP, SSO, PLAIN_SSO], ["by hand", SOMEBODY])
    assert (
        first["Administrators"]
        == (f"updated: {GROUP}, {SSO}, {PLAIN_SSO}, {SOMEBODY} added to all_access")[:300]
    )

    # What was added is noted in the mapping of a role that permits nothing.
    role = site.node.request("GET", f"{API}/roles/cwl-added-to-all_access")[1]["cwl-added-to-all_access"]
    kinds = ("cluster_permissions", "index_permissions", "tenant_permissions")
    assert [role[kind] for kind in kinds] == [[], [], []]
    assert site.deploy("Update", GROUP, SSO, SOMEBODY)["Administrators"] == "unchanged"
    second = site.deploy("Update", GROUP)

    assert site.masters == (["admin", SETUP, GROUP], ["by hand"])
    assert second["Administrators"] == f"updated: {SSO}, {PLAIN_SSO}, {SOMEBODY} taken from all_access"
    assert site.deploy("Update")["Administrators"] == f"updated: {GROUP} taken from all_access"
    assert site.masters == (["admin", SETUP], ["by hand"])
    assert site.deploy("Update")["Administrators"] == "skipped: no AdminPrincipalArn is given"


def test_who_is_taken_out_after_the_prefix_has_changed_administers_no_more(site: Site) -> None:
    site.deploy("Create", GROUP, SOMEBODY)
    assert site.deploy("Update", GROUP, SOMEBODY, IndexPrefix="other")["Administrators"] == "unchanged"
    third = site.deploy("Update", GROUP, IndexPrefix="other")

    assert third["Administrators"] == f"updated: {SOMEBODY} taken from all_access"
    assert site.masters == (["admin", SETUP, GROUP], [])
    noted = site.node.request("GET", f"{API}/rolesmapping")[1]
    assert noted["other-added-to-all_access"]["backend_roles"] == [GROUP]
    assert (noted["cwl-added-to-all_access"]["backend_roles"], noted["cwl-added-to-all_access"]["users"]) == (
        [],
        [],
    )
