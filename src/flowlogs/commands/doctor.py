"""`flowlogs doctor`: is everything in place? One line for each thing, ok or what to do."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from flowlogs.bucket.choice import REQUEST_ID
from flowlogs.cluster.deployment import Deployment, open_cluster, read_function
from flowlogs.cluster.finding import Finding, State, ok, problem, skipped
from flowlogs.cluster.health import REACH, examine
from flowlogs.terminal.display import count_of, make_console
from flowlogs.terminal.exits import (
    INCOMPLETE,
    NO_CREDENTIALS,
    describe,
    explained,
    is_denied,
    is_unusable,
    read_code,
)
from flowlogs.terminal.options import Bucket, Json, Stack
from handler.config import ConfigError
from handler.failures import FailureStore

if TYPE_CHECKING:
    from mypy_boto3_logs.type_defs import SubscriptionFilterTypeDef

FUNCTIONS: Final = "the functions are there"
SUBSCRIBED: Final = "the log group is subscribed"
NO_LOOP: Final = "the function is not subscribed to its own log"
WAITING: Final = "nothing waits for a replay"

_ELSEWHERE: Final = (
    "in this account and Region: check its name, --profile and --region, or deploy the stack again"
)

STYLES: Final = {State.OK: "green", State.PROBLEM: "bold red", State.SKIPPED: "yellow"}
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


def doctor_command(
    *,
    stack: Stack = None,
    log_group: Annotated[str | None, typer.Option(help="The log group of the flow logs.")] = None,
    forward: Annotated[str | None, typer.Option(help="The forward function.")] = None,
    bucket: Bucket = None,
    as_json: Json = False,
) -> None:
    """Look whether everything is in place; say of each thing what to do.

    Nothing is changed anywhere. What is asked is asked with your own
    credentials: the functions may do less, or more. What is not named is
    skipped, what you are not permitted to ask, and without AWS credentials
    all that needs them. What is named and cannot be found or reached is a
    problem.

    Exit status 1 says that there is a problem.

    [bold]Examples[/bold]

    flowlogs doctor --stack flowlogs

    flowlogs doctor --log-group /vpc/flow-logs --forward flowlogs-forward

    flowlogs doctor --json | jq '.[] | select(.state == "problem")'
    """
    given = Deployment(log_group=log_group, forward=forward, bucket=bucket)
    with explained():
        deployment = given.complete(stack)
        account = _examine_account(deployment, given.repeat(stack))
        findings = [*_examine_cluster(deployment, stack), *account]
    if as_json:
        shown = [{"name": each.name, "state": each.state.value, "text": each.text} for each in findings]
        print(json.dumps(shown, indent=2))
    else:
        _print(make_console(), findings)
    if any(each.state is State.PROBLEM for each in findings):
        raise typer.Exit(INCOMPLETE)


def _examine_cluster(deployment: Deployment, stack: str | None) -> Iterator[Finding]:
    from botocore.exceptions import BotoCoreError
    from opensearchpy.exceptions import OpenSearchException

    try:
        yield from examine(*open_cluster(deployment, stack))
    except (OpenSearchException, ConfigError, BotoCoreError) as error:  # the last: no valid credentials
        yield problem(REACH, describe(error))


def _examine_account(deployment: Deployment, options: str) -> Iterator[Finding]:
    from botocore.exceptions import BotoCoreError, ClientError

    looks: dict[str, Callable[[Deployment], Finding]] = {
        FUNCTIONS: _find_functions,
        SUBSCRIBED: _find_filter,
        NO_LOOP: _find_loop,
        WAITING: lambda deployment: _find_waiting(deployment, options),
    }
    signed_in = _is_signed_in()
    for name, look in looks.items():
        try:
            yield look(deployment) if signed_in else skipped(name, NO_CREDENTIALS)
        except (BotoCoreError, ClientError) as error:
            yield _judge(name, error)


def _is_signed_in() -> bool:
    """Tell whether there may be credentials; where they cannot be read, each question will say why."""
    import boto3
    from botocore.exceptions import BotoCoreError

    try:
        return boto3.Session().get_credentials() is not None
    except BotoCoreError:
        return True


def _judge(name: str, error: Exception) -> Finding:
    """Return what it means that AWS did not tell."""
    said = describe(error)
    if is_denied(error):
        # The thing itself may be in order: that the functions may not either, is not said with this.
        return skipped(name, f"not permitted to you: {said}")
    return problem(name, said if is_unusable(error) else f"{said}. Check --profile, --region and the network")


def _find_functions(deployment: Deployment) -> Finding:
    names = [each for each in (deployment.forward, deployment.replay) if each is not None]
    if not names:
        return skipped(FUNCTIONS, "their names are not known: give --forward, or --stack")
    for each in names:
        if _read_function(each) is None:
            return problem(FUNCTIONS, f"there is no function {each} {_ELSEWHERE}")
    return ok(FUNCTIONS, " and ".join(names))


def _read_function(name: str) -> Mapping[str, Any] | None:
    """Return a function's configuration; None where there is no such function."""
    from botocore.exceptions import ClientError

    try:
        return read_function(name)
    except ClientError as error:
        if read_code(error) == "ResourceNotFoundException":
            return None
        raise


def _find_filter(deployment: Deployment) -> Finding:
    log_group, forward = deployment.log_group, deployment.forward
    if log_group is None or forward is None:
        return skipped(SUBSCRIBED, "names are not known: give --log-group and --forward, or --stack")
    filters = _list_filters(log_group)
    if filters is None:
        return problem(SUBSCRIBED, f"there is no log group {log_group} {_ELSEWHERE}")
    ours = [each for each in filters if _names_function(each, forward)]
    if not ours:
        others = ", ".join(each["filterName"] for each in filters) or "none"
        return problem(
            SUBSCRIBED,
            f"no filter sends {log_group} to {forward} (its filters: {others}): deploy the stack again",
        )
    if len(ours) > 1:
        named = ", ".join(each["filterName"] for each in ours)
        return problem(SUBSCRIBED, f"{forward} gets each event {len(ours)} times ({named}): remove a filter")
    pattern = ours[0].get("filterPattern", "")
    note = f"; its pattern {pattern!r} keeps lines back" if pattern else ""
    return ok(SUBSCRIBED, f"{log_group} to {forward} by {ours[0]['filterName']}{note}")


def _find_loop(deployment: Deployment) -> Finding:
    forward = deployment.forward
    if forward is None:
        return skipped(NO_LOOP, "its name is not known: give --forward, or --stack")
    own = deployment.function_logs or _find_log(forward)
    if own is None:
        return skipped(NO_LOOP, f"there is no function {forward}")
    filters = _list_filters(own)
    loops = [each["filterName"] for each in filters or () if _names_function(each, forward)]
    if loops or own == deployment.log_group:
        named = f" ({', '.join(loops)})" if loops else ""
        return problem(
            NO_LOOP, f"{own} is sent to {forward}{named}, which writes it: remove that filter at once"
        )
    return ok(NO_LOOP, own if filters is not None else f"{own}, which is not there yet")


def _find_log(function: str) -> str | None:
    """Return the log group that a function writes to; None where there is no such function."""
    from botocore.exceptions import ClientError

    usual = f"/aws/lambda/{function}"
    try:
        found = _read_function(function)
    except ClientError as error:
        if is_denied(error):
            return usual
        raise
    return None if found is None else str(found.get("LoggingConfig", {}).get("LogGroup") or usual)


def _list_filters(log_group: str) -> "list[SubscriptionFilterTypeDef] | None":
    """Return the filters of a log group; None where there is no such group."""
    import boto3

    logs = boto3.client("logs")
    pages = logs.get_paginator("describe_subscription_filters").paginate(logGroupName=log_group)
    try:
        return [each for page in pages for each in page["subscriptionFilters"]]
    except logs.exceptions.ResourceNotFoundException:
        return None


def _names_function(each: "SubscriptionFilterTypeDef", function: str) -> bool:
    """Tell whether a filter's destination is the function, or a version or alias of it."""
    return each["destinationArn"].rpartition(":function:")[2].split(":")[0] == function


def _find_waiting(deployment: Deployment, options: str) -> Finding:
    from botocore.exceptions import ClientError

    if deployment.bucket is None:
        return skipped(WAITING, "the bucket's name is not known: give --bucket, or --stack")
    try:
        objects = FailureStore(deployment.bucket, REQUEST_ID).list_pending()
    except ClientError as error:
        if read_code(error) == "NoSuchBucket":
            return problem(WAITING, f"there is no bucket {deployment.bucket} {_ELSEWHERE}")
        raise
    if not objects:
        return ok(WAITING, deployment.bucket)
    age = _show_age((datetime.now(UTC) - objects[0].modified).total_seconds())
    waiting = count_of(len(objects), "object", "waits", "wait")
    return problem(WAITING, f"{waiting}, the oldest for {age}: flowlogs replay --dry-run{options} tells why")


def _show_age(seconds: float) -> str:
    for size, name in ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute")):
        if seconds >= 2 * size:
            return count_of(round(seconds / size), name)
    return count_of(max(0, round(seconds)), "second")


def _print(console: Console, findings: list[Finding]) -> None:
    for each in findings:
        console.print(Text.assemble((f"{each.state.value:<9}", STYLES[each.state]), each.name))
        text = Text(each.text, style="dim" if each.state is State.OK else "")
        console.print(Padding(text, (0, 0, 0, 9), expand=False))
    problems = sum(each.state is State.PROBLEM for each in findings)
    skips = sum(each.state is State.SKIPPED for each in findings)
    console.print(f"\n{len(findings)} looked at, {count_of(problems, 'problem')}, {skips} skipped")
