"""Which formats a log group's lines have, by what EC2 says of the flow logs that write to it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from parser.errors import FormatError
from parser.format import DEFAULT, SEPARATOR, Format, Formats, parse_format

LONGEST: Final = 2000
"""Characters of all names: they travel in an answer of 4 KB, and in 4 KB of a function's environment."""


@dataclass(frozen=True, slots=True)
class FlowLog:
    """What EC2 says of one flow log.

    Attributes:
        id: such as `fl-0123`.
        text: its format, as EC2 writes it; empty where EC2 names none, which is the default format.
    """

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Learnt:
    """What is to be read.

    Attributes:
        formats: one for each number of fields.
        warnings: what a person should know.
    """

    formats: Formats
    warnings: tuple[str, ...] = ()


def learn_formats(log_group: str, flow_logs: Iterable[FlowLog], known: str = "") -> Learnt:
    """Return the formats of the flow logs of a log group, and those that are known besides.

    Args:
        log_group: for the sentences.
        flow_logs: that write to it.
        known: further formats, with `;` between them; may be empty.

    Raises:
        FormatError: two formats of one length cannot be told apart, they are too long together, or a known
            one cannot be read.
    """
    owners: dict[Format, str] = {
        parse_format(each): "LogFormat" for each in known.split(SEPARATOR) if each.strip()
    }
    warnings = []
    seen = False
    for each in flow_logs:
        seen = True
        try:
            owners.setdefault(parse_format(each.text or DEFAULT), each.id)
        except FormatError as error:
            warnings.append(f"{each.id}: its format cannot be read, so its lines are not: {error}")
    if not owners:
        owners = {parse_format(DEFAULT): ""}
        why = "" if seen else f"no flow log of this account and Region writes to {log_group}: "
        warnings.append(f"{why}lines are read by the default format; give LogFormat what they have")
    _demand_different_lengths(log_group, owners)
    formats = Formats.of(owners)
    if len(formats.to_names()) > LONGEST:
        raise FormatError(
            f"the formats of {log_group} have {len(formats.to_names())} characters together, and {LONGEST} "
            "fit: give LogFormat those that are to be read, or let flow logs write to log groups of their own"
        )
    return Learnt(formats, tuple(warnings))


def _demand_different_lengths(log_group: str, owners: dict[Format, str]) -> None:
    by_length: dict[int, str] = {}
    for each, owner in owners.items():
        other = by_length.setdefault(len(each), owner)
        if other != owner:
            raise FormatError(
                f"{other} and {owner} write to {log_group} in different formats of {len(each)} fields each, "
                "whose lines cannot be told apart: let one of them write to a log group of its own, or with "
                "a field more; or give LogFormat the one that is to be read"
            )
