"""`flowlogs rejected`: what OpenSearch would not take, why, and what helps."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from flowlogs.cluster.deployment import Deployment
from flowlogs.commands.replay import REQUEST_ID, Choice
from flowlogs.terminal.display import count_of, format_count, make_console
from flowlogs.terminal.exits import INCOMPLETE, explained
from flowlogs.terminal.options import Bucket, Json, Stack, StoredSince, StoredUntil, in_utc
from flowlogs.terminal.progress import shown_progress
from flowlogs.terminal.redaction import redact_all
from handler.failures import REJECTED, Content, FailureStore, Pending
from parser.compression import decompress
from parser.errors import EnvelopeError
from parser.subscription import MAX_CONTENT

SAMPLES: Final = 2

_IDS: Final = re.compile(r" in document with id '.*|Preview of field's value.*", re.DOTALL)
_NUMBERS: Final = re.compile(r"[0-9]+")

_OPTIONS: Final = "{options}"
_AGAIN: Final = f"then: flowlogs replay --rejected{_OPTIONS}"
_SHOWN: Final = f"flowlogs doctor{_OPTIONS} shows it"
_ADVICE: Final[dict[str, str]] = {
    "expired": "They came back later than their indices are kept. To index them all the same, replay them "
    "with a larger RETENTION_DAYS.",
    "mapper_parsing_exception": "The index maps a field otherwise than its value asks for: made without the "
    f"index template, or by something else. {_SHOWN}. Correct the mapping, {_AGAIN}",
    "strict_dynamic_mapping_exception": "The index takes no field that its mapping lacks: it was not made by "
    f"our index template. {_SHOWN}. Correct the mapping, {_AGAIN}",
    "illegal_argument_exception": "The document breaks a limit of the index, such as the length of a term. "
    f"Correct the mapping, {_AGAIN}",
}
_TOO_LARGE: Final = "One event is larger than OpenSearch takes in a request; it cannot be indexed as it is."
_OTHERS: Final = f"Correct what the reason names, {_AGAIN}"
_PAYLOAD_TOO_LARGE: Final = 413


@dataclass(slots=True)
class Group:
    """Rejected events that have one reason in common.

    Attributes:
        status, error_type, index: what OpenSearch said, and where.
        reason: the first of them in full; the others differ in ids and values.
        count: how many events.
        first, last: when they were rejected.
        log_groups: where they come from, with how many of each.
        samples: the first events' lines.
        advice: what helps.
    """

    status: int
    error_type: str
    index: str
    reason: str
    advice: str
    first: str
    last: str
    count: int = 0
    log_groups: dict[str, int] = field(default_factory=dict)
    samples: list[str] = field(default_factory=list)

    def add(self, line: dict[str, Any], samples: int) -> None:
        """Count one event."""
        self.count += 1
        self.first = min(self.first, line["rejected_at"])
        self.last = max(self.last, line["rejected_at"])
        name = line["log_group"]
        self.log_groups[name] = self.log_groups.get(name, 0) + 1
        if len(self.samples) < samples:
            self.samples.append(line["event"]["message"])


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An object that was set aside because it is no payload.

    Attributes:
        key: where it is.
        size: bytes.
        stored: when it was set aside.
        reason: why it could not be read.
    """

    key: str
    size: int
    stored: str
    reason: str


@dataclass(slots=True)
class Findings:
    """All that is rejected, the most frequent first."""

    groups: list[Group]
    unreadable: list[Unreadable]

    @property
    def events(self) -> int:
        """How many events are rejected."""
        return sum(each.count for each in self.groups)


def rejected_command(
    *,
    stack: Stack = None,
    bucket: Bucket = None,
    since: StoredSince = None,
    until: StoredUntil = None,
    log_group: Annotated[str | None, typer.Option(help="Only events of this log group.")] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Look at so many objects at most, the oldest first.")
    ] = None,
    samples: Annotated[int, typer.Option(min=0, help="Lines to show of each reason.")] = SAMPLES,
    redact: Annotated[bool, typer.Option("--redact", help="Hide addresses and account ids.")] = False,
    as_json: Json = False,
) -> None:
    """Show which events were rejected, why, and what helps.

    They are in the failure bucket under rejected/ and are never tried
    again by themselves. Exit status 1 says that there are some.

    [bold]Examples[/bold]

    flowlogs rejected --stack flowlogs

    flowlogs rejected --since 2026-11-23 --redact

    flowlogs rejected --json | jq '.groups[].reason'
    """
    choice = Choice(in_utc(since), in_utc(until), log_group, None, limit)
    with explained():
        given = Deployment(bucket=bucket)
        store = FailureStore(given.complete(stack).require_bucket(), REQUEST_ID)
        objects = choice.select(store.list_pending([REJECTED]), store)
        findings = collect(_with_progress(objects), store, samples, given.repeat(stack))
    shown = _to_json(findings)
    if redact:
        shown = redact_all(shown)
    if as_json:
        print(json.dumps(shown, indent=2, ensure_ascii=False))
    else:
        _print(make_console(), shown)
    if findings.groups or findings.unreadable:
        raise typer.Exit(INCOMPLETE)


def collect(
    objects: Iterable[Pending], store: FailureStore, samples: int = SAMPLES, options: str = ""
) -> Findings:
    """Read rejected objects and group their events by reason; `options` are for the commands that help."""
    groups: dict[tuple[object, ...], Group] = {}
    unreadable: list[Unreadable] = []
    for each in objects:
        content = store.read(each.key)
        if content is None:
            continue
        try:
            for line in _read_lines(content):
                _find_group(groups, line, options).add(line, samples)
        except EnvelopeError as error:
            unreadable.append(_set_aside(each, str(error)))
    return Findings(sorted(groups.values(), key=lambda group: -group.count), unreadable)


def _read_lines(content: Content) -> list[dict[str, Any]]:
    """Return an object's lines, all of them whole."""
    if not content.rejected:
        raise EnvelopeError(content.reason)
    content.decode()  # raises where a line lacks what is needed here
    lines: list[dict[str, Any]] = [
        json.loads(line) for line in decompress(content.data, MAX_CONTENT).splitlines()
    ]
    wanted = {"status", "error_type", "index", "reason", "rejected_at", "log_group"}
    if any(wanted - line.keys() for line in lines):
        raise EnvelopeError("object does not say why its events were rejected")
    return lines


def _find_group(groups: dict[tuple[object, ...], Group], line: dict[str, Any], options: str) -> Group:
    what = (line["status"], line["error_type"], line["index"])
    # Ids and values in a reason differ from event to event.
    kind = _NUMBERS.sub("#", _IDS.sub("", line["reason"]))
    return groups.setdefault(
        (*what, kind),
        Group(*what, line["reason"], _advise(*what[:2], options), line["rejected_at"], line["rejected_at"]),
    )


def _advise(status: int, error_type: str, options: str) -> str:
    advice = _TOO_LARGE if status == _PAYLOAD_TOO_LARGE else _ADVICE.get(error_type, _OTHERS)
    return advice.replace(_OPTIONS, options)


def _set_aside(pending: Pending, reason: str) -> Unreadable:
    return Unreadable(pending.key, pending.size, pending.modified.isoformat(timespec="seconds"), reason)


def _with_progress(objects: Iterator[Pending]) -> Iterator[Pending]:
    """Say how far the work is."""
    with shown_progress("reading rejected objects") as advance:
        for each in objects:
            yield each
            advance(1)


def _to_json(findings: Findings) -> dict[str, Any]:
    return {
        "events": findings.events,
        "groups": [asdict(each) for each in findings.groups],
        "unreadable": [asdict(each) for each in findings.unreadable],
    }


def _print(console: Console, shown: dict[str, Any]) -> None:
    for group in shown["groups"]:
        name = f"{group['status']} {group['error_type']}" if group["status"] else group["error_type"]
        console.print(Text(f"{count_of(group['count'], 'event')}: {name}", style="bold"))
        details = {
            "index": group["index"] or "(none)",
            "reason": group["reason"],
            "from": ", ".join(f"{name} ({format_count(n)})" for name, n in group["log_groups"].items()),
            "when": group["first"]
            if group["first"] == group["last"]
            else f"{group['first']} to {group['last']}",
            "what helps": group["advice"],
        }
        for label, text in details.items():
            console.print(Padding(Text(f"{label}: {text}", overflow="fold"), (0, 0, 0, 2), expand=False))
        for line in group["samples"]:
            console.print(
                Padding(Text(f"line: {line}", style="dim", overflow="fold"), (0, 0, 0, 2), expand=False)
            )
        console.print()
    for each in shown["unreadable"]:
        console.print(Text(f"an object that cannot be read: {each['key']}", style="bold"))
        text = f"{count_of(each['size'], 'byte')}, set aside at {each['stored']}\nreason: {each['reason']}"
        console.print(Padding(Text(text, overflow="fold"), (0, 0, 0, 2), expand=False))
        console.print()
    unreadable = len(shown["unreadable"])
    objects = f", {count_of(unreadable, 'object')} that cannot be read" if unreadable else ""
    console.print(f"{count_of(shown['events'], 'event', 'is', 'are')} rejected{objects}")
