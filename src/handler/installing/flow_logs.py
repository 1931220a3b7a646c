"""The flow logs of a log group, as EC2 tells them: `ec2:DescribeFlowLogs`."""

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from handler.observe import logger
from parser.errors import FormatError
from parser.learnt_formats import FlowLog, Learnt, learn_formats

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import FlowLogTypeDef

CONNECT_SECONDS: Final = 3
READ_SECONDS: Final = 10
TRIES: Final = 4
"""Of a request: in a VPC without a way to EC2 each takes the seconds of a connection."""

PAUSE: Final = 5.0
PATIENCE: Final = 60.0
"""Seconds between tries of what is not permitted, and of all of them: a new role is not known at once."""

_DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})


class UnlearntError(Exception):
    """EC2 does not tell the formats, and will not tell them with another try; the text says why."""


class LearningError(Exception):
    """The formats cannot be used, or EC2 cannot tell them now; the text says what helps."""


def describe_flow_logs(log_group: str, client: "EC2Client | None" = None) -> "Iterator[FlowLogTypeDef]":
    """Ask EC2 which flow logs of this account and Region write to a log group.

    Raises:
        botocore.exceptions.ClientError, BotoCoreError: EC2 may not be asked, or does not answer.
    """
    import boto3  # slow, and needed by few

    pages = (client or boto3.client("ec2")).get_paginator("describe_flow_logs")
    for page in pages.paginate(Filters=[{"Name": "log-group-name", "Values": [log_group]}]):
        yield from page.get("FlowLogs", ())


def learn(log_group: str, known: str, *, sleep: Callable[[float], None] = time.sleep) -> Learnt:
    """Return the formats of a log group, as EC2 tells them.

    Where EC2 does not tell, what is known, or the default format, has to do, with a warning: who is not
    permitted to ask, or stands in a VPC without a way to EC2, gives them by parameter.

    Args:
        log_group: of this account and Region.
        known: formats that are read in any case.
        sleep: waits that many seconds.

    Raises:
        LearningError: EC2 is asked too much, or the formats cannot be told apart.
    """
    try:
        flow_logs = _ask(log_group, sleep)
    except UnlearntError as error:
        logger.warning("setup.formats_unlearnt", extra={"log_group": log_group, "reason": str(error)})
        learnt = _choose(log_group, [], known)
        by = "those that are given" if known else "the default format"
        why = f"the formats of {log_group} are not known, as {error}: lines are read by {by}; give LogFormat"
        return Learnt(learnt.formats, (why,))
    return _choose(log_group, flow_logs, known)


def _choose(log_group: str, flow_logs: list[FlowLog], known: str) -> Learnt:
    try:
        return learn_formats(log_group, flow_logs, known)
    except FormatError as error:
        raise LearningError(str(error)) from error


def _ask(log_group: str, sleep: Callable[[float], None]) -> list[FlowLog]:
    import boto3
    from botocore import exceptions
    from botocore.config import Config

    client = boto3.client(
        "ec2",
        config=Config(
            connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS, retries={"total_max_attempts": TRIES}
        ),
    )
    waited = 0.0
    while True:
        try:
            return [
                FlowLog(each.get("FlowLogId", ""), each.get("LogFormat", ""))
                for each in describe_flow_logs(log_group, client)
            ]
        except (exceptions.ConnectionError, exceptions.HTTPClientError) as error:
            raise UnlearntError(
                "EC2 does not answer (in a VPC it needs an endpoint of EC2's, or a NAT gateway)"
            ) from error
        except exceptions.ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code not in _DENIED:
                raise LearningError(f"EC2 does not tell the flow logs of {log_group}: {error}") from error
            if waited >= PATIENCE:
                raise UnlearntError(
                    "the setup is not permitted to ask (ec2:DescribeFlowLogs; a policy of the organization?)"
                ) from error
        except exceptions.BotoCoreError as error:
            raise LearningError(f"EC2 cannot be asked for the flow logs of {log_group}: {error}") from error
        sleep(PAUSE)
        waited += PAUSE
