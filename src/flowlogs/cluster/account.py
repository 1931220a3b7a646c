"""Whether the account around a cluster is in order: functions, log group, filter, bucket."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from flowlogs.cluster.deployment import Deployment, read_function
from flowlogs.cluster.finding import Finding, ok, problem, skipped, unknown
from flowlogs.cluster.formats import FORMATS, examine_formats
from flowlogs.cluster.people import GROUPS, UNNAMED, People, Unread, examine_groups
from flowlogs.cluster.source import leads_to
from flowlogs.terminal.display import count_of
from flowlogs.terminal.exits import ELSEWHERE, NO_CREDENTIALS, describe, is_denied, is_unusable, read_code
from handler.failures import FailureStore

if TYPE_CHECKING:
    from mypy_boto3_logs.type_defs import SubscriptionFilterTypeDef

FUNCTIONS: Final = "the functions are there"
GROUP: Final = "the log group can be subscribed"
SUBSCRIBED: Final = "the log group is subscribed"
NO_LOOP: Final = "the function is not subscribed to its own log"
WAITING: Final = "nothing waits for a replay"

_STANDARD: Final = "STANDARD"
"""The class of log groups that take subscription filters."""

_WITHOUT_FILTERS: Final = frozenset({"INFREQUENT_ACCESS", "DELIVERY"})
"""Classes that take none. A group's class cannot be changed (CloudWatch Logs User Guide, "Log classes")."""

_NOT_NAMED: Final = {
    FUNCTIONS: "their names are not known: give --forward, or --stack",
    GROUP: "its name is not known: give --log-group, or --stack",
    SUBSCRIBED: "names are not known: give --log-group and --forward, or --stack",
    FORMATS: "names are not known: give --log-group and --forward, or --stack",
    NO_LOOP: "its name is not known: give --forward, or --stack",
    WAITING: "the bucket's name is not known: give --bucket, or --stack",
    GROUPS: "the domain is not of the stack's making: its owner lets people in",
}

_REQUEST_ID: Final = "flowlogs-doctor"
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


def examine_account(
    deployment: Deployment, options: str, people: People | Unread = UNNAMED
) -> Iterator[Finding]:
    """Look at one thing after the other, with the credentials of whoever asks.

    Args:
        deployment: what is named; the rest is skipped.
        options: with which another command means the same (`Deployment.repeat`).
        people: whom the stack names.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    forward, log_group, bucket = deployment.forward, deployment.log_group, deployment.bucket
    pool = None if isinstance(people, Unread) else people.identity_pool
    looks: dict[str, Callable[[], Finding] | None] = {
        FUNCTIONS: partial(_find_functions, deployment) if forward or deployment.replay else None,
        GROUP: partial(_find_class, log_group) if log_group else None,
        SUBSCRIBED: partial(_find_filter, log_group, forward) if log_group and forward else None,
        FORMATS: partial(examine_formats, log_group, forward) if log_group and forward else None,
        NO_LOOP: partial(_find_loop, deployment, forward) if forward else None,
        WAITING: partial(_find_waiting, bucket, options) if bucket else None,
        GROUPS: partial(examine_groups, pool) if pool else None,
    }
    signed_in = _is_signed_in()
    for name, look in looks.items():
        if look is None and name == GROUPS and isinstance(people, Unread):
            yield people.find(GROUPS)
        elif look is None:
            yield skipped(name, _NOT_NAMED[name])
        elif not signed_in:
            yield unknown(name, NO_CREDENTIALS)
        else:
            try:
                yield look()
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
        return unknown(name, f"not permitted to you: {said}")
    return problem(name, said if is_unusable(error) else f"{said}. Check --profile, --region and the network")


def _find_functions(deployment: Deployment) -> Finding:
    names = [each for each in (deployment.forward, deployment.replay) if each is not None]
    for each in names:
        if _read_function(each) is None:
            return problem(FUNCTIONS, f"there is no function {each} {ELSEWHERE}")
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


def _find_class(log_group: str) -> Finding:
    found = read_class(log_group)
    if found is None:
        return problem(GROUP, f"there is no log group {log_group} {ELSEWHERE}")
    if why := explain_class(log_group, found):
        return problem(GROUP, why)
    if found not in ("", _STANDARD):
        return unknown(GROUP, f"{log_group} is of the class {found}: does that take a subscription filter?")
    return ok(GROUP, f"{log_group}, class {found}" if found else log_group)


def read_class(log_group: str) -> str | None:
    """Return the class of a log group, empty where AWS does not tell it; None where there is no such group.

    Raises:
        botocore.exceptions.ClientError, BotoCoreError: it may not be asked, or there is no answer.
    """
    import boto3

    client: Any = boto3.client("logs")
    for page in client.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=log_group):
        for each in page["logGroups"]:
            if each["logGroupName"] == log_group:
                return str(each.get("logGroupClass", ""))
    return None


def explain_class(log_group: str, found: str) -> str:
    """Return why a log group's class takes no subscription filter; empty where it does, or may do."""
    if found not in _WITHOUT_FILTERS:
        return ""
    return (
        f"{log_group} is of the class {found}, which takes no subscription filter and cannot be changed: "
        f"let the flow logs write to a log group of the class {_STANDARD}"
    )


def _find_filter(log_group: str, forward: str) -> Finding:
    filters = _list_filters(log_group)
    if filters is None:
        return problem(SUBSCRIBED, f"there is no log group {log_group} {ELSEWHERE}")
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


def _find_loop(deployment: Deployment, forward: str) -> Finding:
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
    """Tell whether a filter's destination is the function, or a stream that it reads."""
    return leads_to(each["destinationArn"], function)


def _find_waiting(bucket: str, options: str) -> Finding:
    from botocore.exceptions import ClientError

    try:
        objects = FailureStore(bucket, _REQUEST_ID).list_pending()
    except ClientError as error:
        if read_code(error) == "NoSuchBucket":
            return problem(WAITING, f"there is no bucket {bucket} {ELSEWHERE}")
        raise
    if not objects:
        return ok(WAITING, bucket)
    age = _show_age((datetime.now(UTC) - objects[0].modified).total_seconds())
    waiting = count_of(len(objects), "object", "waits", "wait")
    return problem(WAITING, f"{waiting}, the oldest for {age}: flowlogs replay --dry-run{options} tells why")


def _show_age(seconds: float) -> str:
    for size, name in ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute")):
        if seconds >= 2 * size:
            return count_of(round(seconds / size), name)
    return count_of(max(0, round(seconds)), "second")
