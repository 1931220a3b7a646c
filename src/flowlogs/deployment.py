"""What belongs together in an account: a log group, its filter, the functions, their bucket."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from flowlogs.exits import describe

_OUTPUTS: Final = {
    "log_group": "LogGroup",
    "filter": "SubscriptionFilter",
    "forward": "ForwardFunction",
    "replay": "ReplayFunction",
    "bucket": "FailureBucket",
    "function_logs": "FunctionLogs",
}
"""Attribute of a deployment -> the output of the stack that says it."""

_VARIABLES: Final = (
    "OPENSEARCH_",
    "INDEX_",
    "LOG_FORMATS",
    "KEEP_MESSAGE",
    "MAX_BULK_BYTES",
    "RETENTION_DAYS",
)
"""How the variables begin that a command takes from a function: all but those of AWS and of its log."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """Names, as far as they are known.

    Attributes:
        log_group: that receives the flow logs.
        filter: the subscription filter on it.
        forward, replay: the functions.
        bucket: the failure bucket.
        function_logs: the functions' own log group.
    """

    log_group: str | None = None
    filter: str | None = None
    forward: str | None = None
    replay: str | None = None
    bucket: str | None = None
    function_logs: str | None = None

    def complete(self, stack: str | None) -> "Deployment":
        """Return it with what is not known taken from the outputs of a stack, where one is named.

        Raises:
            botocore.exceptions.ClientError, BotoCoreError: the stack cannot be read.
        """
        if stack is None:
            return self
        outputs = _read_outputs(stack)
        found = {each.name: outputs.get(_OUTPUTS[each.name]) for each in fields(self)}
        missing = {name: value for name, value in found.items() if getattr(self, name) is None and value}
        return replace(self, **missing)


def read_environ(deployment: Deployment, stack: str | None) -> tuple[dict[str, str], str]:
    """Return the variables by which OpenSearch is reached: one's own, completed by those of the function.

    The function is asked only for a stack. The second value says why that was not possible, or is empty.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    own = dict(os.environ)
    if stack is None or deployment.forward is None:
        return own, ""
    try:
        theirs = dict(_read_variables(deployment.forward))
    except (BotoCoreError, ClientError) as error:
        return own, describe(error)
    return {**theirs, **own}, ""


def _read_outputs(stack: str) -> Mapping[str, str]:
    import boto3

    client: Any = boto3.client("cloudformation")
    (found,) = client.describe_stacks(StackName=stack)["Stacks"]
    return {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", ())}


def _read_variables(function: str) -> Iterator[tuple[str, str]]:
    import boto3

    client: Any = boto3.client("lambda")
    found = client.get_function_configuration(FunctionName=function)
    for name, value in found.get("Environment", {}).get("Variables", {}).items():
        if name.startswith(_VARIABLES):
            yield name, value
