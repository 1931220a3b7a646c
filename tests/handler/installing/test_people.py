"""Setup lets the groups of the user pool decide who signs in with which role."""

from collections import deque
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError

from handler.installing.people import choose_roles_by_group
from handler.installing.steps import Did, Step

POOL = "eu-central-1:0a1b2c3d-0000-4000-8000-000000000000"
PROVIDER = "cognito-idp.eu-central-1.amazonaws.com/eu-central-1_a1B2c3"
ROLES = {"authenticated": "arn:aws:iam::123456789012:role/flowlogs-PeopleRole"}
WANTED = {
    f"{PROVIDER}:1example23": {"Type": "Token", "AmbiguousRoleResolution": "AuthenticatedRole"},
}


class Cognito:
    """The identity pool, as boto3 shows it.

    Attributes:
        answers: to the next questions for it, before it is shown as it is: errors are raised.
        mappings: as stored.
        asked, writes: how often it was read and written.
    """

    def __init__(self, *applications: str, answers: tuple[Exception | dict[str, Any], ...] = ()) -> None:
        self._providers = [{"ProviderName": PROVIDER, "ClientId": each} for each in applications]
        self.answers = deque(answers)
        self.mappings: dict[str, Any] = {}
        self.asked = 0
        self.writes = 0

    def describe_identity_pool(self, *, IdentityPoolId: str) -> dict[str, Any]:
        assert IdentityPoolId == POOL
        self.asked += 1
        answer = self.answers.popleft() if self.answers else {"CognitoIdentityProviders": self._providers}
        if isinstance(answer, Exception):
            raise answer
        return answer

    def get_identity_pool_roles(self, *, IdentityPoolId: str) -> dict[str, Any]:
        return {"IdentityPoolId": IdentityPoolId, "Roles": ROLES, "RoleMappings": self.mappings}

    def set_identity_pool_roles(
        self,
        *,
        IdentityPoolId: str,
        Roles: dict[str, str],
        RoleMappings: dict[str, Any],
    ) -> None:
        assert (IdentityPoolId, Roles) == (POOL, ROLES)
        self.mappings = RoleMappings
        self.writes += 1


def use(monkeypatch: pytest.MonkeyPatch, cognito: Cognito) -> Cognito:
    monkeypatch.setattr(boto3, "client", lambda *_, **__: cognito)
    return cognito


def test_the_application_of_the_domain_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    cognito = use(monkeypatch, Cognito("1example23"))

    assert [choose_roles_by_group(POOL).did for _ in range(2)] == [Did.UPDATED, Did.UNCHANGED]
    assert (cognito.mappings, cognito.writes) == (WANTED, 1)


def test_an_application_that_is_gone_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    cognito = use(monkeypatch, Cognito("1example23"))
    cognito.mappings = {f"{PROVIDER}:gone": WANTED[f"{PROVIDER}:1example23"]}

    assert choose_roles_by_group(POOL).did is Did.UPDATED
    assert cognito.mappings == WANTED


def refuse(code: str, said: str = "no") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": said}}, "DescribeIdentityPool")


@pytest.mark.parametrize(
    ("answer", "tries"),
    [
        pytest.param(refuse("AccessDeniedException"), 12, id="a permission that was made seconds before"),
        pytest.param(refuse("NotAuthorizedException"), 12, id="the same in Cognito's own word"),
        pytest.param(refuse("ConcurrentModificationException"), 12, id="somebody else changes it"),
        pytest.param({}, 3, id="a pool to which the domain is being added again"),
    ],
)
def test_what_may_pass_is_tried_again_for_its_time(
    monkeypatch: pytest.MonkeyPatch, answer: Exception | dict[str, Any], tries: int
) -> None:
    cognito = use(monkeypatch, Cognito("1example23", answers=(answer,) * tries))
    slept: list[float] = []

    assert choose_roles_by_group(POOL, lambda: 100.0, sleep=slept.append) == Step(Did.UPDATED)
    assert (cognito.mappings, slept) == (WANTED, [5.0] * tries)


BOUNDARY = "look at the permissions boundary and the organization's policies"
VPC = "in a VPC it needs a NAT gateway, or an endpoint of cognito-identity"


@pytest.mark.parametrize(
    ("answer", "tries", "note"),
    [
        pytest.param(
            {},
            4,
            "the domain is not in it as a provider: docs/operations.md, People cannot sign in",
            id="no application",
        ),
        pytest.param(
            refuse("AccessDeniedException", "User: setup is not authorized to perform: iam:PassRole"),
            13,
            "Cognito answers AccessDeniedException: User: setup is not authorized to perform: iam:PassRole; "
            + BOUNDARY,
            id="not permitted",
        ),
        pytest.param(
            refuse("ResourceNotFoundException", "IdentityPool not found."),
            1,
            "Cognito answers ResourceNotFoundException: IdentityPool not found.",
            id="no such pool",
        ),
        pytest.param(
            EndpointConnectionError(endpoint_url="https://cognito"),
            1,
            f'Cognito does not answer: Could not connect to the endpoint URL: "https://cognito"; {VPC}',
            id="no name",
        ),
        pytest.param(
            ConnectTimeoutError(endpoint_url="https://cognito"),
            1,
            f'Cognito does not answer: Connect timeout on endpoint URL: "https://cognito"; {VPC}',
            id="no way",
        ),
    ],
)
def test_where_it_cannot_be_told_the_stack_goes_on_and_says_why_and_what_helps(
    monkeypatch: pytest.MonkeyPatch, answer: Exception | dict[str, Any], tries: int, note: str
) -> None:
    cognito = use(monkeypatch, Cognito("1example23", answers=(answer,) * 20))

    assert choose_roles_by_group(POOL, sleep=lambda _: None) == Step(Did.FAILED, note)
    assert (cognito.asked, cognito.writes) == (tries, 0)


def test_nothing_is_waited_for_when_time_is_nearly_over(monkeypatch: pytest.MonkeyPatch) -> None:
    cognito = use(monkeypatch, Cognito("1example23", answers=(refuse("AccessDeniedException"),) * 20))
    left = iter([6.0, 1.0])

    assert choose_roles_by_group(POOL, lambda: next(left), sleep=lambda _: None).did is Did.FAILED
    assert cognito.asked == 2
