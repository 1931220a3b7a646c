"""Whether the function reads the formats that the flow logs of its log group write."""

from collections.abc import Iterable
from typing import Final

from flowlogs.cluster.deployment import read_function
from flowlogs.cluster.finding import Finding, ok, problem, skipped
from flowlogs.terminal.display import count_of
from flowlogs.terminal.exits import read_code
from handler.installing.flow_logs import describe_flow_logs
from parser.errors import FormatError
from parser.format import DEFAULT, Format, Formats, parse_format

FORMATS: Final = "the function reads the formats of the flow logs"

_MEND: Final = (
    "deploy again with it in FurtherLogFormats (flowlogs formats prints it); flowlogs reparse mends what was "
    "indexed meanwhile"
)


def examine_formats(log_group: str, forward: str) -> Finding:
    """Ask EC2 what is written into the log group, and Lambda what the function reads.

    Raises:
        botocore.exceptions.ClientError, BotoCoreError: one of them may not be asked, or does not answer.
    """
    from botocore.exceptions import ClientError

    try:
        variables = read_function(forward).get("Environment", {}).get("Variables", {})
    except ClientError as error:
        if read_code(error) == "ResourceNotFoundException":
            return skipped(FORMATS, f"there is no function {forward}")
        raise
    read = variables.get("LOG_FORMATS") or DEFAULT
    try:
        known = Formats.from_text(read)
    except FormatError as error:
        return problem(FORMATS, f"the function's LOG_FORMATS cannot be read: {error}")
    written = {
        each.get("FlowLogId", ""): each.get("LogFormat") or DEFAULT for each in describe_flow_logs(log_group)
    }
    if not written:
        return skipped(FORMATS, f"no flow log of this account and Region writes to {log_group}")
    unread = [name for name, text in written.items() if not _is_known(text, known.by_length.values())]
    if unread:
        verb = "writes" if len(unread) == 1 else "write"
        return problem(
            FORMATS, f"{', '.join(unread)} {verb} a format that the function does not read: {_MEND}"
        )
    return ok(FORMATS, f"{count_of(len(written), 'flow log')}, {count_of(len(known.by_length), 'format')}")


def _is_known(text: str, known: Iterable[Format]) -> bool:
    try:
        return parse_format(text) in known
    except FormatError:
        return False
