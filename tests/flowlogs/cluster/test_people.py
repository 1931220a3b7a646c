"""Whether administrators and readers have what the stack says, in the cluster and when they sign in."""

from collections.abc import Iterator
from typing import Any, Final

import boto3
import pytest
from botocore.exceptions import ClientError

from flowlogs.cluster.account import examine_account
from flowlogs.cluster.deployment import Deployment
from flowlogs.cluster.finding import Finding, State
from flowlogs.cluster.people import (
    GROUPS,
    MAPPED,
    UNNAMED,
    People,
    Unread,
    examine_mappings,
    find_people,
)
from handler.config import Config
from handler.installing.access import install_reader
from handler.installing.administrators import install_administrators
from handler.installing.cluster import Cluster
from handler.installing.people import choose_roles_by_group
from handler.opensearch import connect
from parser.engine import NEWEST, SERVERLESS
from support.front import Front, Reply
from support.security_api import SecurityApi

ACCOUNT: Final = "arn:aws:iam::123456789012:"
GROUP: Final = f"{ACCOUNT}role/flowlogs-AdministratorsRole"
OPERATOR: Final = f"{ACCOUNT}role/team/operator"
SOMEBODY: Final = f"{ACCOUNT}user/somebody"
READERS: Final = f"{ACCOUNT}role/flowlogs-PeopleRole"
POOL: Final = "eu-central-1:0a1b2c3d-0000-4000-8000-000000000000"
PEOPLE: Final = People((GROUP, OPERATOR, SOMEBODY), (READERS,), POOL)
AGAIN: Final = "run the setup again (docs/runbook.md)"


class Site:
    """A cluster with the security's API."""

    def __init__(self, front: Front, security: SecurityApi) -> None:
        self.security = security
        self._config = Config.from_environ({"OPENSEARCH_URL": front.url, "OPENSEARCH_AUTH": "none"})
        self._cluster = Cluster(connect(self._config))

    def install(self) -> None:
        """Map everybody, as the setup does."""
        install_administrators(self._cluster, self._config, PEOPLE.administrators)
        install_reader(self._cluster, self._config, PEOPLE.readers)

    def examine(self, people: People | Unread = PEOPLE) -> Finding:
        return examine_mappings(self._cluster, self._config, NEWEST, people)


@pytest.fixture
def site() -> Iterator[Site]:
    security = SecurityApi("all_access", "security_manager")
    with Front(None, security) as front:
        yield Site(front, security)


def test_who_was_mapped_by_the_setup_is_in_order(site: Site) -> None:
    site.install()
    assert site.examine() == Finding(MAPPED, State.OK, f"{GROUP}, {OPERATOR}, {SOMEBODY}, {READERS}")


def test_who_is_not_mapped_is_named_with_the_role_that_he_lacks(site: Site) -> None:
    site.install()
    site.security.mappings["all_access"]["users"].remove(SOMEBODY)
    site.security.mappings["security_manager"]["backend_roles"].remove(OPERATOR)
    del site.security.mappings["cwl-reader"]
    assert site.examine() == Finding(
        MAPPED,
        State.PROBLEM,
        f"{SOMEBODY} is not mapped to all_access; {OPERATOR} is not mapped to security_manager; "
        f"{READERS} is not mapped to cwl-reader: {AGAIN}",
    )


def test_a_cluster_that_has_nobody_mapped_lacks_everybody(site: Site) -> None:
    text = f"{GROUP} is not mapped to all_access: {AGAIN}"
    assert site.examine(People((GROUP,))) == Finding(MAPPED, State.PROBLEM, text)


NOT_PERMITTED: Final[Reply] = (403, {"status": "FORBIDDEN", "message": "no permission"})
NO_SECURITY: Final[Reply] = (400, {"error": "no handler found for uri [...] and method [GET]"})


@pytest.mark.parametrize(
    ("reply", "people", "state", "text"),
    [
        pytest.param(None, UNNAMED, State.SKIPPED, "who they are is not known: give --stack", id="no stack"),
        pytest.param(None, People(), State.SKIPPED, "the stack names none", id="nobody"),
        pytest.param(
            NO_SECURITY,
            PEOPLE,
            State.SKIPPED,
            "the cluster has no fine-grained access control, so who reaches it may do everything",
            id="no security",
        ),
        pytest.param(
            NOT_PERMITTED,
            PEOPLE,
            State.UNKNOWN,
            "it answers 403 no permission. This is refused by the cluster's security",
            id="who asks may not",
        ),
        pytest.param((200, "<html>"), PEOPLE, State.UNKNOWN, "it answers 200 <html>", id="a website"),
    ],
)
def test_what_cannot_be_asked_is_said_with_the_reason(
    site: Site, reply: Reply | None, people: People | Unread, state: State, text: str
) -> None:
    site.security.refusal = reply
    site.security.known = "nobody"
    found = site.examine(people)
    assert (found.state, found.text[: len(text)]) == (state, text)


def test_a_collection_maps_nobody(site: Site) -> None:
    config = Config.from_environ({"OPENSEARCH_URL": "http://127.0.0.1:9", "OPENSEARCH_AUTH": "none"})
    found = examine_mappings(Cluster(connect(config)), config, SERVERLESS, PEOPLE)
    assert (found.name, found.state) == (MAPPED, State.SKIPPED)


class FakeAws:
    """CloudFormation with two stacks, and Cognito.

    Attributes:
        nested: whether the stack has made its domain, and people with it.
        applications: of the identity pool.
        mappings: of the identity pool.
        refuses: operations that are not permitted.
    """

    def __init__(self) -> None:
        self.nested = True
        self.applications = ["1example23"]
        self.mappings: dict[str, Any] = {}
        self.refuses = ""

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:
        self._demand("DescribeStacks")
        if StackName == "arn:people":
            names = {
                "AdministratorsRoleArn": GROUP,
                "PeopleRoleArn": READERS,
                "IdentityPoolId": POOL,
            }
            return {"Stacks": [{"Outputs": _pair("Output", names)}]}
        assert StackName == "flowlogs"
        parameters = _pair("Parameter", {"AdminPrincipalArn": f"{OPERATOR},{SOMEBODY}"})
        outputs = _pair("Output", {"PeopleStack": "arn:people"} if self.nested else {})
        return {"Stacks": [{"Parameters": parameters, "Outputs": outputs}]}

    def describe_identity_pool(self, *, IdentityPoolId: str) -> dict[str, Any]:
        assert IdentityPoolId == POOL
        self._demand("DescribeIdentityPool")
        return {
            "CognitoIdentityProviders": [
                {"ProviderName": "cognito", "ClientId": each} for each in self.applications
            ]
        }

    def get_identity_pool_roles(self, *, IdentityPoolId: str) -> dict[str, Any]:
        assert IdentityPoolId == POOL
        return {"Roles": {"authenticated": READERS}, "RoleMappings": self.mappings}

    def set_identity_pool_roles(self, *, RoleMappings: dict[str, Any], **_: object) -> None:
        self.mappings = RoleMappings

    def _demand(self, operation: str) -> None:
        if operation == self.refuses:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, operation)


def _pair(kind: str, values: dict[str, str]) -> list[dict[str, str]]:
    return [{f"{kind}Key": name, f"{kind}Value": value} for name, value in values.items()]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> FakeAws:
    fake = FakeAws()
    monkeypatch.setattr(boto3, "client", lambda *_, **__: fake)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    return fake


def test_a_stack_names_its_people(aws: FakeAws) -> None:
    assert find_people("flowlogs") == PEOPLE


def test_a_stack_without_a_domain_of_its_own_names_who_was_given(aws: FakeAws) -> None:
    aws.nested = False
    assert find_people("flowlogs") == People((OPERATOR, SOMEBODY))


def test_a_stack_that_may_not_be_read_names_nobody(aws: FakeAws) -> None:
    aws.refuses = "DescribeStacks"
    found = find_people("flowlogs")
    assert isinstance(found, Unread)
    assert (found.state, found.text[:27]) == (State.UNKNOWN, "who they are is not known: ")


def look(people: People | Unread) -> tuple[State, str]:
    (found,) = [each for each in examine_account(Deployment(), "", people) if each.name == GROUPS]
    return found.state, found.text


def test_groups_that_the_setup_has_told_are_in_order(aws: FakeAws) -> None:
    choose_roles_by_group(POOL)
    assert look(PEOPLE) == (State.OK, POOL)


@pytest.mark.parametrize("mappings", [{}, {"cognito:of-somebody-else": {"Type": "Token"}}])
def test_groups_that_the_identity_pool_does_not_know_are_a_problem(
    aws: FakeAws, mappings: dict[str, Any]
) -> None:
    aws.mappings = mappings
    text = "is not told of the groups: everybody gets the readers' role, administrators too"
    assert look(PEOPLE) == (State.PROBLEM, f"the identity pool {POOL} {text}; {AGAIN}")


def test_a_pool_without_the_domain_lets_nobody_in(aws: FakeAws) -> None:
    aws.applications = []
    text = f"the domain is not in the identity pool {POOL}: docs/operations.md, People cannot sign in"
    assert look(PEOPLE) == (State.PROBLEM, text)


def test_where_cognito_may_not_be_asked_the_groups_are_not_known(aws: FakeAws) -> None:
    aws.refuses = "DescribeIdentityPool"
    state, text = look(PEOPLE)
    assert (state, text[:22]) == (State.UNKNOWN, "not permitted to you: ")


@pytest.mark.parametrize(
    ("people", "expected"),
    [
        pytest.param(UNNAMED, (State.SKIPPED, "who they are is not known: give --stack"), id="no stack"),
        pytest.param(Unread(State.UNKNOWN, "no"), (State.UNKNOWN, "no"), id="not told"),
        pytest.param(
            People((GROUP,)),
            (State.SKIPPED, "the domain is not of the stack's making: its owner lets people in"),
            id="a cluster of somebody else's",
        ),
    ],
)
@pytest.mark.usefixtures("aws")
def test_where_there_are_no_groups_to_look_at_that_is_said(
    people: People | Unread, expected: tuple[State, str]
) -> None:
    assert look(people) == expected
