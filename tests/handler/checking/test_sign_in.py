"""After a change of the identity pool the domain is its provider again, so that people can sign in."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from handler import sign_in
from support.cloudformation import context

USERS = "eu-central-1_AbCdEfGhI"
IDENTITIES = "eu-central-1:0a1b2c3d"
CHANGED = {"source": "aws.cloudformation", "detail-type": "CloudFormation Resource Status Change"}


@dataclass
class Cognito:
    """A user pool and an identity pool, as the stack makes them.

    Attributes:
        applications: the ids of the user pool's, by their names.
        pool: what is stored of the identity pool; an update replaces all of it, as Cognito does.
    """

    applications: dict[str, str] = field(default_factory=dict)
    pool: dict[str, Any] = field(
        default_factory=lambda: {
            "IdentityPoolId": IDENTITIES,
            "IdentityPoolName": "people",
            "AllowUnauthenticatedIdentities": False,
            "AllowClassicFlow": True,
            "IdentityPoolTags": {"team": "network"},
        }
    )

    def describe_identity_pool(self, *, IdentityPoolId: str) -> dict[str, Any]:
        assert IdentityPoolId == IDENTITIES
        return {"DeveloperProviderName": "", **self.pool, "ResponseMetadata": {"HTTPStatusCode": 200}}

    def update_identity_pool(self, **asked: Any) -> None:
        assert "" not in asked.values(), "parameter validation failed"
        self.pool = asked

    def get_paginator(self, operation: str) -> "Cognito":
        assert operation == "list_user_pool_clients"
        return self

    def paginate(self, *, UserPoolId: str) -> Iterator[dict[str, Any]]:
        assert UserPoolId == USERS
        for name, identity in self.applications.items():
            yield {"UserPoolClients": [{"ClientId": identity, "ClientName": name, "UserPoolId": USERS}]}


@pytest.fixture
def cognito(monkeypatch: pytest.MonkeyPatch) -> Cognito:
    made = Cognito()
    monkeypatch.setattr("boto3.client", lambda _service: made)
    monkeypatch.setenv("USER_POOL_ID", USERS)
    monkeypatch.setenv("IDENTITY_POOL_ID", IDENTITIES)
    return made


def provider(application: str) -> dict[str, Any]:
    name = f"cognito-idp.eu-central-1.amazonaws.com/{USERS}"
    return {"ProviderName": name, "ClientId": application, "ServerSideTokenCheck": True}


def test_the_domain_is_added_again_and_nothing_else_is_changed(cognito: Cognito) -> None:
    before = dict(cognito.pool)
    cognito.applications = {"of somebody else": "1", "AmazonOpenSearchService-flowlogs-abc": "2"}
    assert sign_in.lambda_handler(CHANGED, context(60)) == {"providers": 1, "missing": 1}
    assert cognito.pool == {**before, "CognitoIdentityProviders": [provider("2")]}


def test_what_is_there_stays_as_it_is(cognito: Cognito) -> None:
    other = {**provider("2"), "ServerSideTokenCheck": False}
    cognito.pool["CognitoIdentityProviders"] = [other]
    cognito.applications = {"AmazonOpenSearchService-old": "2", "AmazonOpenSearchService-new": "3"}
    assert sign_in.lambda_handler(CHANGED, context(60)) == {"providers": 2, "missing": 1}
    assert cognito.pool["CognitoIdentityProviders"] == [other, provider("3")]


def test_a_pool_that_lacks_nothing_is_not_written(cognito: Cognito) -> None:
    cognito.pool["CognitoIdentityProviders"] = [provider("2")]
    cognito.applications = {"AmazonOpenSearchService-flowlogs-abc": "2"}
    before = cognito.pool
    assert sign_in.lambda_handler(CHANGED, context(60)) == {"providers": 1, "missing": 0}
    assert cognito.pool is before


def test_without_a_domain_the_function_fails_and_lambda_tries_again(cognito: Cognito) -> None:
    cognito.applications = {"of somebody else": "1"}
    with pytest.raises(sign_in.SignInError, match=f"no domain has added itself to the user pool {USERS}"):
        sign_in.lambda_handler(CHANGED, context(60))
