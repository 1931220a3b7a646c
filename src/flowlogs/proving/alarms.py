"""The alarms of a stack and their states. By name alone those of a stack `<stack>-test` were its as well."""

from collections.abc import Iterator
from typing import Any, Final

_ALARM: Final = "AWS::CloudWatch::Alarm"
_NESTED: Final = "AWS::CloudFormation::Stack"

_AT_ONCE: Final = 100
"""Names that DescribeAlarms takes."""


def read_alarms(stack: str) -> dict[str, str]:
    """Return the states (OK, ALARM, INSUFFICIENT_DATA) of the alarms of a stack and of those in it, by name.

    Raises:
        botocore.exceptions.ClientError, BotoCoreError: they may not be asked for, or there is no answer.
    """
    names, client = sorted(_list_alarms(stack)), _client("cloudwatch")
    found: dict[str, str] = {}
    for first in range(0, len(names), _AT_ONCE):
        said = client.describe_alarms(AlarmNames=names[first : first + _AT_ONCE], MaxRecords=_AT_ONCE)
        found |= {each["AlarmName"]: each["StateValue"] for each in said["MetricAlarms"]}
    return found


def _list_alarms(stack: str) -> Iterator[str]:
    client = _client("cloudformation")
    for page in client.get_paginator("list_stack_resources").paginate(StackName=stack):
        for each in page["StackResourceSummaries"]:
            name = each.get("PhysicalResourceId")
            if not name or each["ResourceStatus"] == "DELETE_COMPLETE":
                continue
            if each["ResourceType"] == _ALARM:
                yield name
            elif each["ResourceType"] == _NESTED:
                yield from _list_alarms(name)


def _client(service: str) -> Any:  # noqa: ANN401  # boto3's clients are made when it runs
    import boto3

    make: Any = boto3.client
    return make(service)
