"""Which IAM role people get who sign in to Dashboards through Cognito: that of their group.

The user pool's groups name the roles, and the identity pool must be told to look at them. It can be told for
an application only, and the application is made by the domain itself (Amazon OpenSearch Service Developer
Guide, "Cognito authentication"), so that no template can name it: the setup does.
"""

from collections.abc import Mapping
from typing import Any, Final

from handler.installing.steps import Did, Step

CONNECT_SECONDS: Final = 3.0
READ_SECONDS: Final = 10.0

_BY_GROUP: Final = {"Type": "Token", "AmbiguousRoleResolution": "AuthenticatedRole"}
"""The role of the first group; who is in none gets that of all who have signed in: the readers'."""

_WITHOUT: Final = "until it is, everybody who signs in gets the readers' role; update the stack again"


def choose_roles_by_group(pool: str) -> Step:
    """Let an identity pool give people the role of their group.

    It does not fail: Dashboards work without, and a new domain has taken half an hour by then.

    Args:
        pool: id of the identity pool.

    Returns:
        What was done; where that was not possible, why.
    """
    import boto3  # slow, and needed with a domain of the stack's own only
    from botocore.config import Config as ClientConfig
    from botocore.exceptions import BotoCoreError, ClientError

    patience = ClientConfig(
        connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS, retries={"total_max_attempts": 2}
    )
    try:
        client: Any = boto3.client("cognito-identity", config=patience)
        return _choose(client, pool)
    except (BotoCoreError, ClientError) as error:
        return Step(Did.SKIPPED, f"the identity pool cannot be told of the groups: {error}; {_WITHOUT}")


def _choose(client: Any, pool: str) -> Step:  # noqa: ANN401  # boto3's client
    described: Mapping[str, Any] = client.describe_identity_pool(IdentityPoolId=pool)
    applications = described.get("CognitoIdentityProviders", ())
    wanted = {f"{each['ProviderName']}:{each['ClientId']}": _BY_GROUP for each in applications}
    if not wanted:
        return Step(Did.SKIPPED, f"the domain has not added itself to the identity pool; {_WITHOUT}")
    stored: Mapping[str, Any] = client.get_identity_pool_roles(IdentityPoolId=pool)
    if stored.get("RoleMappings", {}) == wanted:
        return Step(Did.UNCHANGED)
    client.set_identity_pool_roles(IdentityPoolId=pool, Roles=stored["Roles"], RoleMappings=wanted)
    return Step(Did.UPDATED)
