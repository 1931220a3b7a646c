"""What stays when a stack is deleted: what its own template says, and that of each stack in it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from flowlogs.deploying.overview import NESTED
from flowlogs.deploying.template import Data, parse_template

RETAINED: Final = frozenset({"Retain", "RetainExceptOnCreate", "Snapshot"})
_GONE: Final = "DELETE_COMPLETE"


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of a stack: logical name behind those of the stacks around it, type, AWS's name for it."""

    path: str
    kind: str
    id: str


def find_staying(stack: str, path: str = "", *, kept: bool = False) -> Iterator[Resource]:
    """Yield what is there still when a stack has been deleted.

    Args:
        stack: its name or its ARN.
        path: logical names of the stacks around it, each with a slash behind.
        kept: the stack itself stays, and with it all that it has made.

    Raises:
        botocore.exceptions.ClientError, BotoCoreError: it may not be asked about, or there is no answer.
    """
    import boto3

    make: Any = boto3.client
    client = make("cloudformation")
    body = client.get_template(StackName=stack)["TemplateBody"]
    template: Data = parse_template(body) if isinstance(body, str) else dict(body)
    for page in client.get_paginator("list_stack_resources").paginate(StackName=stack):
        for each in page["StackResourceSummaries"]:
            name, id_ = each["LogicalResourceId"], each.get("PhysicalResourceId", "")
            if not id_ or each["ResourceStatus"] == _GONE:
                continue
            policy = template["Resources"].get(name, {}).get("DeletionPolicy")
            stays = kept or policy in RETAINED
            if each["ResourceType"] == NESTED:
                yield from find_staying(id_, f"{path}{name}/", kept=stays)
            elif stays:
                yield Resource(f"{path}{name}", each["ResourceType"], id_)
