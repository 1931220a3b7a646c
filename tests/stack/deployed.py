"""A stack that is deployed into the emulator: lines are put in, and it is looked at from outside."""

import json
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from flowlogs.local.embedded import Embedded
from stack.emulated import ACCOUNT, REGION, Aws

DOMAIN = f"arn:aws:es:{REGION}:{ACCOUNT}:domain/existing"
LINE = "2 012345678901 eni-0a1b2c3d 10.0.0.{} 10.0.1.9 49152 443 6 12 840 {} {} ACCEPT OK"


def find_function(aws: Aws, kind: str) -> str:
    """Return the name of a function of the stack."""
    found = aws.client("lambda").list_functions()["Functions"]
    return next(str(each["FunctionName"]) for each in found if f"-{kind}Function-" in each["FunctionName"])


def is_allowed(call: Callable[[], object]) -> bool:
    """Make a call; tell whether IAM lets it through."""
    try:
        call()
    except ClientError as error:
        if "AccessDenied" not in error.response["Error"]["Code"]:
            raise
        return False
    return True


def put_log_events(aws: Aws, group: str, stream: str, numbers: range) -> None:
    """Put flow log lines into the log group, as a flow log does."""
    logs, now = aws.client("logs"), int(time.time())
    logs.create_log_stream(logGroupName=group, logStreamName=stream)
    events = [
        {"timestamp": now * 1000 + each, "message": LINE.format(each, now, now + 60)} for each in numbers
    ]
    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def find(node: Embedded, stream: str, count: int) -> list[dict[str, Any]]:
    """Return the documents of a log stream when there are as many; else none."""
    node.request("POST", "/_refresh")
    status, found = node.request("GET", f"/cwl-*/_search?size=100&q=%40log_stream:{stream}")
    if status != 200:
        return []  # the index is being made
    documents = [hit["_source"] for hit in found["hits"]["hits"]]
    return documents if len(documents) == count else []


def keys(aws: Aws, outputs: dict[str, str], prefix: str) -> list[str]:
    """Return the keys in the failure bucket."""
    found = aws.client("s3").list_objects_v2(Bucket=outputs["FailureBucket"], Prefix=prefix)
    return [each["Key"] for each in found.get("Contents", [])]


def replay(aws: Aws, outputs: dict[str, str]) -> dict[str, int]:
    """Invoke the replay function; return its answer."""
    done = aws.client("lambda").invoke(FunctionName=outputs["ReplayFunction"], Payload="{}")
    answer: dict[str, int] = json.loads(done["Payload"].read())
    return answer


def status_of(aws: Aws, stack: str) -> str:
    """Return the status of a stack, also of one that is gone."""
    stacks = aws.client("cloudformation").list_stacks()["StackSummaries"]
    return next(str(each["StackStatus"]) for each in stacks if each["StackName"] == stack)
