"""What belongs together in an account: a log group, its filter, the functions, their bucket."""

import os
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from opensearchpy import OpenSearch

from flowlogs.cluster.connection import open_client
from flowlogs.terminal.exits import describe
from handler.config import Config, ConfigError

_OUTPUTS: Final = {
    "log_group": "LogGroup",
    "filter": "SubscriptionFilter",
    "forward": "ForwardFunction",
    "replay": "ReplayFunction",
    "bucket": "FailureBucket",
    "function_logs": "FunctionLogs",
    "stream": "StreamName",
}
"""Attribute of a deployment -> the output of the stack that says it."""

_RECEIVER: Final = "ReceivingFunction"
"""The output of newer stacks that says which function gets the lines: the forward or the stream function."""

_VARIABLES: Final = (
    "OPENSEARCH_",
    "INDEX_",
    "LOG_FORMATS",
    "KEEP_MESSAGE",
    "MAX_BULK_BYTES",
    "RETENTION_DAYS",
    "FAILURE_KMS_KEY",
)
"""How the variables begin that a command takes from a function: all but those of AWS and of its log."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """Names, as far as they are known.

    Attributes:
        log_group: that receives the flow logs.
        filter: the subscription filter on it.
        forward, replay: the functions; the first is that of the stream where it is the source.
        bucket: the failure bucket.
        function_logs: the functions' own log group.
        stream: where one is the source, or is being drained.
    """

    log_group: str | None = None
    filter: str | None = None
    forward: str | None = None
    replay: str | None = None
    bucket: str | None = None
    function_logs: str | None = None
    stream: str | None = None

    def complete(self, stack: str | None) -> "Deployment":
        """Return it with what is not known taken from the outputs of a stack, where one is named.

        Raises:
            botocore.exceptions.ClientError, BotoCoreError: the stack cannot be read.
        """
        if stack is None:
            return self
        outputs = dict(_read_outputs(stack))
        # With a stream it is another function that gets the lines.
        outputs.update({"ForwardFunction": outputs[_RECEIVER]} if _RECEIVER in outputs else {})
        found = {each.name: outputs.get(_OUTPUTS[each.name]) for each in fields(self)}
        missing = {name: value for name, value in found.items() if getattr(self, name) is None and value}
        return replace(self, **missing)

    def require_bucket(self) -> str:
        """Return the bucket's name.

        Raises:
            ConfigError: it is not known.
        """
        if self.bucket is None:
            raise ConfigError(
                ["the failure bucket is not known: give --bucket or FAILURE_BUCKET, or --stack"]
            )
        return self.bucket

    def repeat(self, stack: str | None) -> str:
        """Return the options, each behind a blank, with which another command means the same as this one.

        What the environment says need not be repeated.
        """
        said = (("--stack", stack, "FLOWLOGS_STACK"), ("--bucket", self.bucket, "FAILURE_BUCKET"))
        return "".join(
            f" {option} {shlex.quote(value)}"
            for option, value, variable in said
            if value is not None and value != os.environ.get(variable)
        )


def read_environ(deployment: Deployment, stack: str | None) -> tuple[dict[str, str], str]:
    """Return the variables by which OpenSearch is reached: one's own, completed by those of the function.

    The function is asked only for a stack. The second value says why that was not possible, or is empty.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    own = dict(os.environ)
    if stack is None:
        return own, ""
    if deployment.forward is None:
        return own, f"the stack {stack} has no output {_OUTPUTS['forward']}"
    try:
        theirs = dict(_read_variables(deployment.forward))
    except (BotoCoreError, ClientError) as error:
        return own, describe(error)
    return {**theirs, **own}, ""


def open_cluster(
    deployment: Deployment,
    stack: str | None,
    *,
    exact: bool = False,
    any_server: bool = False,
    silent: bool = False,
) -> tuple[Config, OpenSearch]:
    """Return the configuration and a client, by one's own variables, completed by those of the function.

    Where it must be `exact`, because lines are read or written as the function does, the function of a stack
    must answer. With `any_server` it may be something else than OpenSearch, and with `silent` nothing that
    answers now.

    Raises:
        ConfigError: names what is wrong or missing, and why the function cannot be asked for it.
        handler.installing.cluster.ClusterError: something else than OpenSearch answers there.
    """
    environ, refused = read_environ(deployment, stack)
    asked = [f"the function cannot be asked: {refused}"] if refused else []
    if asked and exact:
        raise ConfigError(asked)
    try:
        return open_client(environ, any_server=any_server, silent=silent)
    except ConfigError as error:
        raise ConfigError([*error.problems, *asked]) from error


def require_formats(stack: str | None) -> None:
    """Make sure that somebody says how lines are read: a stack's function, or the environment.

    Raises:
        ConfigError: nobody does. By the default format, lines of another are unparsed, or parsed wrongly.
    """
    if stack is None and not os.environ.get("LOG_FORMATS"):
        unknown = (
            "how lines are read is not known: give --stack, or LOG_FORMATS, which flowlogs formats prints"
        )
        raise ConfigError([unknown])


def _read_outputs(stack: str) -> Mapping[str, str]:
    import boto3

    client: Any = boto3.client("cloudformation")
    (found,) = client.describe_stacks(StackName=stack)["Stacks"]
    return {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", ())}


def _read_variables(function: str) -> Iterator[tuple[str, str]]:
    for name, value in read_function(function).get("Environment", {}).get("Variables", {}).items():
        if name.startswith(_VARIABLES):
            yield name, value


def read_function(name: str) -> Mapping[str, Any]:
    """Return a function's configuration, as Lambda tells it.

    Raises:
        botocore.exceptions.ClientError, BotoCoreError: there is no such function, or it may not be read.
    """
    import boto3

    client: Any = boto3.client("lambda")
    found: Mapping[str, Any] = client.get_function_configuration(FunctionName=name)
    return found
