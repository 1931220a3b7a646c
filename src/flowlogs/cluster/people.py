"""Who administers the cluster of a stack, and who reads it: as the stack says, the cluster, and Cognito."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from flowlogs.cluster.finding import Finding, State, ok, problem, skipped, unknown
from flowlogs.terminal.advice import explain_reply
from flowlogs.terminal.exits import describe
from handler.checking.choices import split_list
from handler.config import Config
from handler.installing.access import API, NO_SECURITY
from handler.installing.administrators import TARGETS, split_names
from handler.installing.cluster import Cluster
from handler.installing.people import BY_GROUP, find_applications
from parser.engine import Engine, Part

MAPPED: Final = "administrators and readers are mapped"
GROUPS: Final = "Dashboards gives people the role of their group"

_AGAIN: Final = "run the setup again (docs/runbook.md)"
_PEOPLE: Final = "PeopleStack"
"""The output of a stack that has made its domain: the stack of those who sign in."""


@dataclass(frozen=True, slots=True)
class People:
    """What a stack says of people.

    Attributes:
        administrators, readers: ARNs of IAM roles, and of users among the first.
        identity_pool: id of that by which they sign in; empty where the domain is not of the stack's making.
    """

    administrators: tuple[str, ...] = ()
    readers: tuple[str, ...] = ()
    identity_pool: str = ""


@dataclass(frozen=True, slots=True)
class Unread:
    """Why it is not known what a stack says of them."""

    state: State
    text: str

    def find(self, name: str) -> Finding:
        """Return that as a finding."""
        return Finding(name, self.state, self.text)


UNNAMED: Final = Unread(State.SKIPPED, "who they are is not known: give --stack")


def find_people(stack: str | None) -> People | Unread:
    """Return what a stack says of people, or why that is not known."""
    from botocore.exceptions import BotoCoreError, ClientError

    if stack is None:
        return UNNAMED
    try:
        return _read(stack)
    except (BotoCoreError, ClientError) as error:
        return Unread(State.UNKNOWN, f"who they are is not known: {describe(error)}")


def _read(stack: str) -> People:
    found = _describe(stack)
    parameters = {each["ParameterKey"]: each["ParameterValue"] for each in found.get("Parameters", ())}
    given = split_list(parameters.get("AdminPrincipalArn", ""))
    nested = _read_outputs(found).get(_PEOPLE)
    if nested is None:
        return People(tuple(given))
    outputs = _read_outputs(_describe(nested))
    administrators = filter(None, [outputs.get("AdministratorsRoleArn"), *given])  # a first version had none
    return People(tuple(administrators), (outputs["PeopleRoleArn"],), outputs["IdentityPoolId"])


def _describe(stack: str) -> Mapping[str, Any]:
    import boto3

    client: Any = boto3.client("cloudformation")
    (found,) = client.describe_stacks(StackName=stack)["Stacks"]
    return dict(found)


def _read_outputs(stack: Mapping[str, Any]) -> dict[str, str]:
    return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", ())}


def examine_mappings(cluster: Cluster, config: Config, engine: Engine, people: People | Unread) -> Finding:
    """Look whether the cluster's security gives people what the stack says.

    Raises:
        handler.installing.cluster.ClusterError: the cluster does not answer.
    """
    if isinstance(people, Unread):
        return people.find(MAPPED)
    if missing := engine.lacks(Part.ROLES):
        return skipped(MAPPED, missing)
    if not (people.administrators or people.readers):
        return skipped(MAPPED, "the stack names none")
    reply = cluster.request("GET", f"{API}/rolesmapping")
    if reply.no_such_api:
        return skipped(MAPPED, NO_SECURITY)
    if not reply.done or not isinstance(reply.data, dict):
        return unknown(MAPPED, explain_reply(reply))
    return _judge_mappings(reply.data, f"{config.index_prefix}-reader", people)


def _judge_mappings(mappings: Mapping[str, Any], reader: str, people: People) -> Finding:
    # Not every cluster has the second of the roles that administrators get.
    targets = [each for each in TARGETS if each == TARGETS[0] or each in mappings]
    lacks = [
        *(text for each in targets for text in _name_missing(mappings, each, people.administrators)),
        *_name_missing(mappings, reader, people.readers),
    ]
    if lacks:
        return problem(MAPPED, f"{'; '.join(lacks)}: {_AGAIN}")
    return ok(MAPPED, ", ".join([*people.administrators, *people.readers]))


def _name_missing(mappings: Mapping[str, Any], role: str, arns: Sequence[str]) -> list[str]:
    """Return who is not mapped to a role, in words."""
    mapped: Mapping[str, Any] = mappings.get(role, {})
    return [
        f"{arn} is not mapped to {role}"
        for arn in arns
        for kind, names in split_names([arn]).items()
        if not {*names} <= {*mapped.get(kind, ())}
    ]


def examine_groups(pool: str) -> Finding:
    """Look whether the identity pool gives people the role of their group.

    Raises:
        botocore.exceptions.ClientError, BotoCoreError: Cognito may not be asked, or does not answer.
    """
    import boto3

    client: Any = boto3.client("cognito-identity")
    applications = find_applications(client.describe_identity_pool(IdentityPoolId=pool))
    if not applications:
        return problem(
            GROUPS,
            f"the domain is not in the identity pool {pool}: docs/operations.md, People cannot sign in",
        )
    mappings: Mapping[str, Any] = client.get_identity_pool_roles(IdentityPoolId=pool).get("RoleMappings", {})
    if any(mappings.get(each) != BY_GROUP for each in applications):
        return problem(
            GROUPS,
            f"the identity pool {pool} is not told of the groups: everybody gets the readers' role, "
            f"administrators too; {_AGAIN}",
        )
    return ok(GROUPS, pool)
