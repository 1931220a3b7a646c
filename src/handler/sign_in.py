"""The sign-in function: adds the domain to the identity pool of Dashboards when CloudFormation took it out.

The domain adds itself to the user pool as an application, and to the identity pool as a provider. When stack
tags change, CloudFormation writes the identity pool anew from the template, where that application cannot
stand: its id is made with the domain. EventBridge tells of each such change.
"""

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from handler.observe import logger

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

APPLICATION: Final = "AmazonOpenSearchService-"
"""How the name of a domain's application begins."""

Provider = dict[str, Any]


class SignInError(Exception):
    """No domain has added itself to the user pool, so that nobody can sign in; Lambda tries again."""


def lambda_handler(_event: dict[str, Any], context: "LambdaContext") -> dict[str, int]:
    """Handle an event of CloudFormation: a resource was changed.

    Returns:
        How many providers the identity pool has, and how many of them were missing.

    Raises:
        SignInError: there is no application of a domain.
        botocore.exceptions.ClientError: Cognito refused something.
    """
    users, identities = os.environ["USER_POOL_ID"], os.environ["IDENTITY_POOL_ID"]
    import boto3  # slow; here, as in all the handlers, where it is used

    client = boto3.client("cognito-identity")
    applications = boto3.client("cognito-idp").get_paginator("list_user_pool_clients")
    pool = client.describe_identity_pool(IdentityPoolId=identities)
    there = list(pool.get("CognitoIdentityProviders", []))
    wanted = list(_find_providers(applications.paginate(UserPoolId=users), users))
    if not wanted:
        raise SignInError(f"no domain has added itself to the user pool {users}")
    known = {each["ClientId"] for each in there}
    missing = [each for each in wanted if each["ClientId"] not in known]
    if missing:
        # All that is not named is emptied, and what is empty may not be named.
        kept = {name: value for name, value in pool.items() if value not in ("", [], {})}
        kept.pop("ResponseMetadata", None)
        client.update_identity_pool(**kept | {"CognitoIdentityProviders": there + missing})
    found = {"providers": len(there) + len(missing), "missing": len(missing)}
    logger.info("sign_in.done", extra={**found, "request_id": context.aws_request_id})
    return found


def _find_providers(pages: Iterable[dict[str, Any]], user_pool: str) -> Iterator[Provider]:
    """Yield what each domain adds to the identity pool, out of the user pool's applications."""
    for page in pages:
        for each in page["UserPoolClients"]:
            if each["ClientName"].startswith(APPLICATION):
                yield {
                    "ProviderName": _name_provider(user_pool),
                    "ClientId": each["ClientId"],
                    "ServerSideTokenCheck": True,
                }


def _name_provider(user_pool: str) -> str:
    """Return the name by which an identity pool knows a user pool, whose id begins with its Region."""
    region = user_pool.partition("_")[0]
    suffix = ".cn" if region.startswith("cn-") else ""
    return f"cognito-idp.{region}.amazonaws.com{suffix}/{user_pool}"
