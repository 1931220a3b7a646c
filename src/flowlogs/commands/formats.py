"""`flowlogs formats`: which flow logs write to a log group, and the LOG_FORMATS that reads them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console
from rich.text import Text

from flowlogs.cluster.account import explain_class, read_class
from flowlogs.terminal.display import count_of, foreign, make_console, plain_table
from flowlogs.terminal.exits import INCOMPLETE, explained
from flowlogs.terminal.foreign import dump_json
from flowlogs.terminal.options import Json
from handler.installing.flow_logs import describe_flow_logs
from parser.errors import FormatError
from parser.fields import Kind
from parser.format import DEFAULT, SEPARATOR, Format, parse_format

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import FlowLogTypeDef

_RESOURCES: Final = {"instance": "instance", "network-interface": "interface", "auto-scaling-group": "asg"}
"""What EC2 calls the resources whose tags can be in a record -> how the fields' names begin."""


@dataclass(frozen=True, slots=True)
class FlowLog:
    """One flow log.

    Attributes:
        id: such as `fl-0123`.
        resource: what it watches: a VPC, a subnet, an interface, a transit gateway.
        traffic: ACCEPT, REJECT or ALL; empty for a transit gateway.
        seconds: the longest time that a record sums up.
        status: whether EC2 can deliver, and its reason where it cannot.
        text: its format, as EC2 writes it.
        format: its format; None where it cannot be read, which `problem` explains.
        tags: field of a tag -> the tag's key, where EC2 says it.
    """

    id: str
    resource: str
    traffic: str
    seconds: int
    status: str
    text: str
    format: Format | None
    problem: str
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of a log group.

    Attributes:
        flow_logs: that write to it.
        value: what LOG_FORMATS must be; None where there is no flow log, or where it cannot be said.
        warnings: what a person should know.
    """

    flow_logs: list[FlowLog]
    value: str | None
    warnings: list[str]


def formats_command(
    *,
    log_group: Annotated[str, typer.Option(help="The log group that the flow logs write to.")],
    as_json: Json = False,
) -> None:
    """Ask EC2 which formats write to a log group, and print LOG_FORMATS for it.

    Ask with the account and in the Region of the flow logs. A change of a
    flow log's format is a new flow log: records of the old one may still
    come for some minutes, so keep both formats for an hour.

    Exit status 1 says that there are warnings.

    [bold]Examples[/bold]

    flowlogs formats --log-group /vpc/flow-logs

    flowlogs formats --log-group /vpc/flow-logs --json | jq -r .log_formats
    """
    with explained():
        answer = ask(log_group)
        answer.warnings.extend(_warn_of_class(log_group))
    if as_json:
        print(dump_json(_to_json(log_group, answer)))
    else:
        _print(make_console(), answer)
    if answer.warnings:
        raise typer.Exit(INCOMPLETE)


def ask(log_group: str) -> Answer:
    """Ask EC2 about a log group."""
    flow_logs = [_read(each) for each in describe_flow_logs(log_group)]
    if not flow_logs:
        where = "is this the account and the Region of the VPC? (--profile, --region)"
        return Answer([], None, [f"no flow log writes to {log_group}: {where}"])
    formats = _unique(each.format for each in flow_logs if each.format is not None)
    warnings = [*_warn_of_lengths(flow_logs), *_warn_of_fields(flow_logs), *_warn_of_delivery(flow_logs)]
    usable = len(formats) == len({len(each) for each in formats}) and all(each.format for each in flow_logs)
    return Answer(flow_logs, SEPARATOR.join(map(str, formats)) if usable else None, warnings)


def _read(said: "FlowLogTypeDef") -> FlowLog:
    text = said.get("LogFormat") or DEFAULT
    problem, format_ = "", None
    try:
        format_ = parse_format(text)
    except FormatError as error:
        problem = str(error)
    status = said.get("DeliverLogsStatus", "") or said.get("FlowLogStatus", "")
    reason = said.get("DeliverLogsErrorMessage")
    return FlowLog(
        id=said.get("FlowLogId", ""),
        resource=said.get("ResourceId", ""),
        traffic=said.get("TrafficType", ""),
        seconds=said.get("MaxAggregationInterval", 0),
        status=f"{status}: {reason}" if reason else status,
        text=text,
        format=format_,
        problem=problem,
        tags=_name_tags(said),
    )


def _name_tags(said: "FlowLogTypeDef") -> dict[str, str]:
    """Return which tag a field shows: `instance-tag` the first key, `instance-tag-2` the second."""
    return {
        f"{_RESOURCES.get(str(each.get('ResourceType')), each.get('ResourceType'))}-tag"
        + (f"-{number}" if number > 1 else ""): key
        for each in said.get("TagFieldSpecifications", ())
        for number, key in enumerate(each.get("TagKeys", ()), start=1)
    }


def _unique(formats: Iterable[Format]) -> list[Format]:
    return sorted(dict.fromkeys(formats), key=len)


def _warn_of_lengths(flow_logs: list[FlowLog]) -> Iterator[str]:
    by_length: dict[int, dict[Format, list[str]]] = {}
    for each in flow_logs:
        if each.format is not None:
            by_length.setdefault(len(each.format), {}).setdefault(each.format, []).append(each.id)
    for length, formats in by_length.items():
        if len(formats) > 1:
            names = " and ".join(ids[0] for ids in formats.values())
            yield (
                f"{names} have different formats of {count_of(length, 'field')} each, so that their lines "
                "cannot be told apart: give one of them a field more, or a log group of its own"
            )


def _warn_of_fields(flow_logs: list[FlowLog]) -> Iterator[str]:
    for each in flow_logs:
        if each.format is None:
            yield f"{each.id}: its format cannot be read: {each.problem}"
            continue
        for field in each.format.fields:
            if field.kind is Kind.TAG:
                key = each.tags.get(field.name)
                shown = f"the tag {key!r}" if key else "a tag that EC2 does not name (TagFieldSpecifications)"
                yield f"{each.id}: {field.name} holds {shown}; the document says {field.document_name} only"
            elif not field.version:
                yield (
                    f"{each.id}: {field.name} is newer than the field table: it is kept as a keyword; "
                    "a newer flowlogs-opensearch may know its type"
                )


def _warn_of_delivery(flow_logs: list[FlowLog]) -> Iterator[str]:
    for each in flow_logs:
        if each.status not in ("SUCCESS", "ACTIVE"):
            yield f"{each.id}: EC2 does not deliver: {each.status or 'no status'}"


def _warn_of_class(log_group: str) -> Iterator[str]:
    """Say it where flow logs write to a log group that gives them to nobody."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        found = read_class(log_group)
    except (BotoCoreError, ClientError):
        return  # the formats are EC2's to tell; that the class could not be asked, doctor says
    if found and (why := explain_class(log_group, found)):
        yield why


def _to_json(log_group: str, answer: Answer) -> dict[str, Any]:
    return {
        "log_group": log_group,
        "log_formats": answer.value,
        "flow_logs": [
            {
                "id": each.id,
                "resource": each.resource,
                "traffic": each.traffic,
                "seconds": each.seconds,
                "status": each.status,
                "format": each.text,
                "tags": dict(each.tags),
            }
            for each in answer.flow_logs
        ],
        "warnings": answer.warnings,
    }


def _print(console: Console, answer: Answer) -> None:
    if answer.flow_logs:
        table = plain_table(
            "flow log", "resource", "traffic", "window", "status", "fields", right=["window", "fields"]
        )
        for each in answer.flow_logs:
            fields = str(len(each.format)) if each.format else "?"
            cells = (each.id, each.resource, each.traffic, f"{each.seconds} s", each.status, fields)
            table.add_row(*map(foreign, cells))
        console.print(table)
    if answer.value is not None:
        console.print("\nLOG_FORMATS:")
        # On one line, whatever its length: it is there to be copied.
        console.print(Text(answer.value), soft_wrap=True)
    for warning in answer.warnings:
        console.print(foreign(f"warning: {warning}", style="yellow"))
