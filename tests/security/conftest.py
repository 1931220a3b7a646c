"""A real OpenSearch with the real security plugin, prepared by the setup function."""

from collections.abc import Callable, Iterator

import pytest

from flowlogs.local.releases import SECURED
from flowlogs.local.secure_node import ADMIN, SecureNode, User
from handler import setup
from handler.environment import prepare
from handler.installing import cluster
from support.cloudformation import CloudFormation

VERSIONS = [
    # The one before: it seldom permits otherwise, so make test-long asks it.
    pytest.param(version, marks=pytest.mark.long) if version == "2.19.1" else version
    for version in SECURED
]
"""Those with the security plugin."""

SecureNodes = Callable[[str], SecureNode]
AddUser = Callable[[str, str], User]
"""Given a name and an IAM role's ARN, make the user who stands for that role."""

PASSWORD = "Only-for-tests-8"
_API = "/_plugins/_security/api"
_LEFT = (
    "/cwl-*",
    "/other*",
    "/.kibana_7",
    "/_index_template/*",
    *(
        f"{_API}/{kind}/{prefix}-{who}"
        for prefix in ("cwl", "other")
        for kind in ("rolesmapping", "roles")
        for who in ("writer", "reader", "reader-too", "added-to-all_access", "added-to-security_manager")
    ),
    f"{_API}/rolesmapping/security_manager",
    f"{_API}/roles/security_manager",
)


@pytest.fixture(scope="session")
def secure_nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureNodes]:
    """Return a function that gives the session's running node of a version, started at its first use."""
    nodes: dict[str, SecureNode] = {}

    def running_node(version: str) -> SecureNode:
        if version not in nodes:
            nodes[version] = SecureNode(tmp_path_factory.mktemp(f"secured-{version}"), version)
        return nodes[version].start()

    yield running_node
    for node in nodes.values():
        node.stop()


@pytest.fixture(params=VERSIONS)
def secured(
    request: pytest.FixtureRequest, secure_nodes: SecureNodes, monkeypatch: pytest.MonkeyPatch
) -> SecureNode:
    """Return the node of each version in turn, as new; the functions' environment leads to it, as admin."""
    return renew(secure_nodes(request.param), monkeypatch)


def renew(node: SecureNode, monkeypatch: pytest.MonkeyPatch) -> SecureNode:
    """Remove what tests leave on a node, and lead the functions' environment to it, as admin."""
    for path in _LEFT:
        status, reply = node.request("DELETE", path)
        assert status in {200, 404}, reply
    masters = {"backend_roles": ["admin"], "users": []}
    assert node.request("PUT", f"{_API}/rolesmapping/all_access", masters)[0] in {200, 201}
    for name, value in {
        "OPENSEARCH_URL": node.url,
        "OPENSEARCH_AUTH": "basic",
        "OPENSEARCH_CA_BUNDLE": str(node.ca_bundle),
    }.items():
        monkeypatch.setenv(name, value)
    sign_in(monkeypatch, ADMIN)
    return node


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait milliseconds where the setup would wait seconds, and take a refusal at its word."""
    monkeypatch.setattr(cluster, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(setup, "PATIENCE", 0.0)


@pytest.fixture(autouse=True)
def new_environment() -> Iterator[None]:
    """Forget what the functions keep between invocations."""
    prepare.cache_clear()
    yield
    prepare.cache_clear()


@pytest.fixture
def stack() -> Iterator[CloudFormation]:
    """Give CloudFormation."""
    with CloudFormation() as made:
        yield made


@pytest.fixture
def add_user(secured: SecureNode) -> Iterator[AddUser]:
    """Return a function that adds a user to the node; they go when the test ends."""
    names: list[str] = []

    def add(name: str, role: str) -> User:
        names.append(name)
        return put_user(secured, name, role)

    yield add
    for name in names:
        secured.request("DELETE", f"{_API}/internalusers/{name}")


def put_user(node: SecureNode, name: str, role: str) -> User:
    """Add a user to a node who stands for an IAM role."""
    body = {"password": PASSWORD, "backend_roles": [role]}
    status, reply = node.request("PUT", f"{_API}/internalusers/{name}", body)
    assert status in {200, 201}, reply
    return name, PASSWORD


def sign_in(monkeypatch: pytest.MonkeyPatch, user: User) -> None:
    """Make the functions sign in as that user from now on."""
    name, password = user
    monkeypatch.setenv("OPENSEARCH_USERNAME", name)
    monkeypatch.setenv("OPENSEARCH_PASSWORD", password)
    prepare.cache_clear()
