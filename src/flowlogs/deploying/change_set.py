"""A change set that is looked at, and never executed: with those of the nested stacks."""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from flowlogs.deploying.stages import NOT_YET
from flowlogs.deploying.template import Data, parse_template
from flowlogs.terminal.exits import read_code

LARGEST_BODY: Final = 51_200
"""Bytes of a template that a request may hold; a larger one is read from a bucket (CloudFormation quotas)."""

_CAPABILITIES: Final = ["CAPABILITY_IAM"]
_SECONDS: Final = 300
_PAUSE: Final = 2.0
_NOTHING: Final = ("didn't contain changes", "No updates are to be performed")
"""What CloudFormation says of a change set without a change."""


class PlanError(Exception):
    """CloudFormation refuses the change set; the text is its reason."""


@dataclass(frozen=True, slots=True)
class Change:
    """What would become of one resource.

    Attributes:
        path: its logical name, behind those of the nested stacks around it.
        kind: its type.
        action: created, changed, replaced, perhaps replaced, deleted, ...
        policy: what becomes of the old one where its policy keeps it; else empty.
        nested: it is a nested stack whose own changes follow.
    """

    path: str
    kind: str
    action: str
    policy: str = ""
    nested: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What CloudFormation says that it would do.

    Attributes:
        changes: in its order, those of a nested stack behind it.
        template: as it has expanded it.
    """

    changes: tuple[Change, ...]
    template: Data


def plan(
    stack: str,
    *,
    is_there: bool,
    packaged: Path,
    values: Mapping[str, str],
    is_begun: bool = False,
    pause: float = _PAUSE,
) -> Plan:
    """Let CloudFormation say what it would do, and leave nothing of that behind.

    Args:
        stack: its name.
        is_there: it exists.
        is_begun: it is empty, and somebody else's change set has made it. Where it is neither, the change set
            makes an empty one, which is taken away again.
        packaged: the template, with the places of what was uploaded.
        values: of all parameters.
        pause: seconds between two looks at whether it has an answer.

    Raises:
        PlanError: CloudFormation refuses.
        botocore.exceptions.ClientError, BotoCoreError: it may not be asked, or there is no answer.
    """
    import boto3

    make: Any = boto3.client
    client, name = make("cloudformation"), f"plan-{uuid.uuid4().hex[:8]}"
    text = packaged.read_text(encoding="utf-8")
    source, forget = _offer(text, name, make)
    try:
        made = client.create_change_set(
            StackName=stack,
            ChangeSetName=name,
            ChangeSetType="UPDATE" if is_there else "CREATE",
            IncludeNestedStacks=True,
            Capabilities=_CAPABILITIES,
            Parameters=[{"ParameterKey": each, "ParameterValue": value} for each, value in values.items()],
            **source,
        )
        try:
            changes = tuple(_read(client, made["Id"])) if _wait(client, made["Id"], pause) else ()
            template = _read_template(client, stack, name) or parse_template(text)
        finally:
            client.delete_change_set(ChangeSetName=made["Id"])
            if not (is_there or is_begun):
                _forget_stack(client, made["StackId"])
    finally:
        forget()
    return Plan(changes, template)


def _offer(text: str, name: str, make: Any) -> tuple[dict[str, str], Callable[[], None]]:  # noqa: ANN401  # boto3.client
    """Return how the template is named to CloudFormation, and what takes it away again."""
    if len(text.encode()) <= LARGEST_BODY:
        return {"TemplateBody": text}, lambda: None
    resources = parse_template(text)["Resources"].values()
    code = next(
        each["Properties"]["CodeUri"] for each in resources if "CodeUri" in each.get("Properties", {})
    )
    near = next(
        each["Properties"]["TemplateURL"] for each in resources if "TemplateURL" in each.get("Properties", {})
    )
    bucket, _, key = code.removeprefix("s3://").partition("/")
    place = {"Bucket": bucket, "Key": f"{key.rpartition('/')[0]}/{name}.template"}
    s3 = make("s3")
    s3.put_object(**place, Body=text.encode())
    return {"TemplateURL": f"{near.rpartition('/')[0]}/{name}.template"}, lambda: s3.delete_object(**place)


def _wait(client: Any, id_: str, pause: float) -> bool:  # noqa: ANN401  # boto3's clients are made when it runs
    """Wait for an answer; tell whether there are changes."""
    until = time.monotonic() + _SECONDS
    while True:
        said = client.describe_change_set(ChangeSetName=id_)
        if said["Status"] == "CREATE_COMPLETE":
            return True
        if said["Status"] == "FAILED":
            reason = said.get("StatusReason", "")
            if any(each in reason for each in _NOTHING):
                return False
            raise PlanError(reason or "CloudFormation refuses the change set, and does not say why")
        if time.monotonic() > until:
            raise PlanError(f"CloudFormation has made no change set within {_SECONDS} seconds")
        time.sleep(pause)


def _read(client: Any, id_: str, path: str = "") -> Iterator[Change]:  # noqa: ANN401  # as above
    asked: dict[str, str] = {"ChangeSetName": id_}
    while True:
        said = client.describe_change_set(**asked)
        for each in said["Changes"]:
            resource = each["ResourceChange"]
            nested = resource.get("ChangeSetId")
            where = f"{path}{resource['LogicalResourceId']}"
            yield Change(
                where,
                resource["ResourceType"],
                _name(resource),
                resource.get("PolicyAction", ""),
                bool(nested),
            )
            if nested:
                yield from _read(client, nested, f"{where}/")
        if not said.get("NextToken"):
            return
        asked["NextToken"] = said["NextToken"]


def _name(resource: Mapping[str, Any]) -> str:
    match resource["Action"], resource.get("Replacement"):
        case "Modify", "True":
            return "replaced"
        case "Modify", "Conditional":
            return "perhaps replaced"
    named = {"Add": "created", "Modify": "changed", "Remove": "deleted"}
    return named.get(resource["Action"], str(resource["Action"]).lower())


def _read_template(client: Any, stack: str, name: str) -> Data | None:  # noqa: ANN401  # as above
    """Return the template as CloudFormation has expanded it; None where it does not tell."""
    from botocore.exceptions import ClientError

    try:
        said = client.get_template(StackName=stack, ChangeSetName=name, TemplateStage="Processed")
    except ClientError:
        return None
    body = said["TemplateBody"]
    return parse_template(body) if isinstance(body, str) else dict(body)


def _forget_stack(client: Any, id_: str) -> None:  # noqa: ANN401  # as above
    """Delete the empty stack that the change set has made; one with anything in it is left alone."""
    from botocore.exceptions import ClientError

    try:
        (found,) = client.describe_stacks(StackName=id_)["Stacks"]
    except ClientError as error:
        if read_code(error) == "ValidationError":
            return
        raise
    if found["StackStatus"] == NOT_YET:
        client.delete_stack(StackName=id_)
