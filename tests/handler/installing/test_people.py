"""Setup lets the groups of the user pool decide who signs in with which role."""

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from handler.installing.people import choose_roles_by_group
from handler.installing.steps import Did

POOL = "eu-central-1:0a1b2c3d-0000-4000-8000-000000000000"
PROVIDER = "cognito-idp.eu-central-1.amazonaws.com/eu-central-1_a1B2c3"
ROLES = {"authenticated": "arn:aws:iam::123456789012:role/flowlogs-PeopleRole"}
WANTED = {
    f"{PROVIDER}:1example23": {"Type": "Token", "AmbiguousRoleResolution": "AuthenticatedRole"},
}


class Cognito:
    """The identity pool, as boto3 shows it."""

    def __init__(self, *applications: str, error: Exception | None = None) -> None:
        self._providers = [{"ProviderName": PROVIDER, "ClientId": each} for each in applications]
        self._error = error
        self.mappings: dict[str, Any] = {}
        self.writes = 0

    def describe_identity_pool(self, *, IdentityPoolId: str) -> dict[str, Any]:  # noqa: N803  # as boto3
        assert IdentityPoolId == POOL
        if self._error:
            raise self._error
        return {"CognitoIdentityProviders": self._providers} if self._providers else {}

    def get_identity_pool_roles(self, *, IdentityPoolId: str) -> dict[str, Any]:  # noqa: N803  # as boto3
        return {"IdentityPoolId": IdentityPoolId, "Roles": ROLES, "RoleMappings": self.mappings}

    def set_identity_pool_roles(
        self,
        *,
        IdentityPoolId: str,  # noqa: N803  # as boto3
        Roles: dict[str, str],  # noqa: N803  # as boto3
        RoleMappings: dict[str, Any],  # noqa: N803  # as boto3
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


@pytest.mark.parametrize(
    ("cognito", "text"),
    [
        pytest.param(Cognito(), "the domain has not added itself to the identity pool", id="no application"),
        pytest.param(
            Cognito(error=ClientError({"Error": {"Code": "NotAuthorizedException"}}, "DescribeIdentityPool")),
            "NotAuthorizedException",
            id="not allowed",
        ),
        pytest.param(
            Cognito(error=EndpointConnectionError(endpoint_url="https://cognito")),
            "Could not connect",
            id="no way",
        ),
    ],
)
def test_where_it_cannot_be_told_the_stack_goes_on_and_says_what_that_means(
    monkeypatch: pytest.MonkeyPatch, cognito: Cognito, text: str
) -> None:
    use(monkeypatch, cognito)
    step = choose_roles_by_group(POOL)

    assert step.did is Did.SKIPPED
    assert text in step.note
    assert "everybody who signs in gets the readers' role" in step.note
