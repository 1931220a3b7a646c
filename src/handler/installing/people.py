"""Which IAM role people get who sign in to Dashboards through Cognito: that of their group.

The user pool's groups name the roles, and the identity pool must be told to look at them. It can be told for
an application only, and the application is made by the domain itself (Amazon OpenSearch Service Developer
Guide, "Cognito authentication"), so that no template can name it: the setup does.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from handler.installing.steps import Did, Step

CONNECT_SECONDS: Final = 3.0
READ_SECONDS: Final = 10.0

PAUSE: Final = 5.0
PATIENCE: Final = 60.0
"""Seconds between tries of what may pass, and of all of them: the permission is made seconds before."""

SHORT_PATIENCE: Final = 15.0
"""The same where the domain is not in the pool: after a change of tags it is added again within seconds."""

BY_GROUP: Final = {"Type": "Token", "AmbiguousRoleResolution": "AuthenticatedRole"}
"""The role of the first group; who is in none gets that of all who have signed in: the readers'."""

_DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException", "NotAuthorizedException"})
_PASSING: Final = frozenset(
    {*_DENIED, "ConcurrentModificationException", "InternalErrorException", "TooManyRequestsException"}
)
"""Errors of Cognito that another try may end (Amazon Cognito Identity API Reference)."""

_BOUNDS: Final = "; look at the permissions boundary and the organization's policies"
_ABSENT: Final = "the domain is not in it as a provider: docs/operations.md, People cannot sign in"


def choose_roles_by_group(
    pool: str,
    time_left: Callable[[], float] = lambda: PATIENCE,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> Step:
    """Let an identity pool give people the role of their group.

    It raises nothing: Dashboards work without, and a new domain has taken half an hour by then.

    Args:
        pool: id of the identity pool.
        time_left: seconds in which requests may be repeated.
        sleep: waits that many seconds.

    Returns:
        What was done; where that was not possible, why, and what helps.
    """
    waited = 0.0
    while True:
        step, patience = _try(pool)
        if waited >= patience or time_left() <= PAUSE:
            return step
        sleep(PAUSE)
        waited += PAUSE


def find_applications(described: Mapping[str, Any]) -> list[str]:
    """Return the names of an identity pool's applications, as its role mappings have them.

    Args:
        described: as `DescribeIdentityPool` answers.
    """
    applications = described.get("CognitoIdentityProviders", ())
    return [f"{each['ProviderName']}:{each['ClientId']}" for each in applications]


def _try(pool: str) -> tuple[Step, float]:
    """Return what was done, and for how many seconds another try may do what was not."""
    import boto3  # slow, and needed with a domain of the stack's own only
    from botocore.config import Config as ClientConfig
    from botocore.exceptions import BotoCoreError, ClientError

    patience = ClientConfig(
        connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS, retries={"total_max_attempts": 2}
    )
    try:
        return _choose(boto3.client("cognito-identity", config=patience), pool)
    except ClientError as error:
        code, message = (error.response.get("Error", {}).get(each, "") for each in ("Code", "Message"))
        note = f"Cognito answers {code}: {message}{_BOUNDS if code in _DENIED else ''}"
        return Step(Did.FAILED, note), PATIENCE if code in _PASSING else 0.0
    except BotoCoreError as error:
        way = "in a VPC it needs a NAT gateway, or an endpoint of cognito-identity"
        return Step(Did.FAILED, f"Cognito does not answer: {error}; {way}"), 0.0


def _choose(client: Any, pool: str) -> tuple[Step, float]:  # noqa: ANN401  # boto3's client
    described: Mapping[str, Any] = client.describe_identity_pool(IdentityPoolId=pool)
    wanted = dict.fromkeys(find_applications(described), BY_GROUP)
    if not wanted:
        return Step(Did.FAILED, _ABSENT), SHORT_PATIENCE
    stored: Mapping[str, Any] = client.get_identity_pool_roles(IdentityPoolId=pool)
    if stored.get("RoleMappings", {}) == wanted:
        return Step(Did.UNCHANGED), 0.0
    client.set_identity_pool_roles(IdentityPoolId=pool, Roles=stored["Roles"], RoleMappings=wanted)
    return Step(Did.UPDATED), 0.0
