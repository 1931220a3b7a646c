"""How records and numbers are shown to people."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from flowlogs.terminal.foreign import harmless
from parser.record import Value

PROTOCOLS: Final = {
    1: "ICMP",
    2: "IGMP",
    6: "TCP",
    17: "UDP",
    47: "GRE",
    50: "ESP",
    58: "ICMPv6",
    132: "SCTP",
}
"""Names of common IANA protocol numbers; others are shown as numbers."""

_THOUSAND: Final = 1000


WIDTH_OF_A_FILE: Final = 120
"""Columns, where output goes to a file or a pipe, which have no width of their own."""


class _HarmlessConsole(Console):
    """Writes nothing that a terminal obeys but rich's own styles, whoever forgot to make it harmless.

    A table has given its cells their widths by then, so what is known to be foreign is made harmless before.
    """

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render as rich does."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=harmless(segment.text, keep="\n"))


class _ConsoleOfFile(_HarmlessConsole):
    """Writes no blanks at the ends of lines: rich fills them up, which is of use on a screen only."""

    def print(self, *objects: Any, **options: Any) -> None:  # noqa: ANN401  # as rich has it
        """Print as rich does."""
        with self.capture() as captured:
            super().print(*objects, **options)
        self.file.write("\n".join(line.rstrip(" ") for line in captured.get().split("\n")))


def make_console(*, markup: bool = False) -> Console:
    """Return the console for what people read. ":a:" in it is part of an IPv6 address, not an emoji.

    Args:
        markup: whether "[bold]" in a text is read as a style; others' text must be escaped then.
    """
    console = _HarmlessConsole(file=sys.stdout, emoji=False, markup=markup)
    if console.is_terminal:
        return console
    return _ConsoleOfFile(file=sys.stdout, emoji=False, markup=markup, width=WIDTH_OF_A_FILE)


def foreign(text: str, style: str = "") -> Text:
    """Return text that somebody else wrote, to be shown as it is: no markup, nothing that terminals obey."""
    return Text(harmless(text), style=style, overflow="fold")


def plain_table(*columns: str, right: Sequence[str] = ()) -> Table:
    """Return an empty table without vertical lines; the columns named in `right` are aligned right."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for name in columns:
        table.add_column(name, justify="right" if name in right else "left", overflow="fold")
    return table


def record_table(records: Iterable[Mapping[str, Value]]) -> Table:
    """Return the main fields of flow log records as a table."""
    columns = ("start", "source", "destination", "protocol", "packets", "bytes", "action", "status")
    table = plain_table(*columns, right=("packets", "bytes"))
    for record in records:
        table.add_row(
            _format_seconds(record.get("start")),
            _format_endpoint(record.get("srcaddr"), record.get("srcport")),
            _format_endpoint(record.get("dstaddr"), record.get("dstport")),
            format_protocol(record.get("protocol")),
            format_count(record.get("packets")),
            format_bytes(record.get("bytes")),
            foreign(str(record.get("action", "")), style="red" if record.get("action") == "REJECT" else ""),
            foreign(str(record.get("log_status", ""))),
        )
    return table


def format_protocol(number: Value | None) -> str:
    """Return the name of an IANA protocol number."""
    return "" if number is None else PROTOCOLS.get(int(number), str(number))


def format_count(number: Value | None) -> str:
    """Return a whole number with its thousands apart."""
    return "" if number is None else f"{int(number):,}"


def count_of(number: int, noun: str, one: str = "", many: str = "") -> str:
    """Return how many there are of something, and what they do: `1 object waits`, `2 objects wait`."""
    counted, verb = (noun, one) if number == 1 else (f"{noun}s", many)
    return f"{format_count(number)} {counted} {verb}".rstrip()


def format_bytes(number: Value | float | None) -> str:
    """Return a number of bytes in the unit that keeps it short: `1.5 kB`, `23.0 GB`."""
    if number is None:
        return ""
    size, units = float(number), ["B", "kB", "MB", "GB", "TB", "PB", "EB"]
    while size >= _THOUSAND and len(units) > 1:
        size, units = size / _THOUSAND, units[1:]
    return f"{size:.0f} B" if units[0] == "B" else f"{size:.1f} {units[0]}"


def _format_endpoint(address: Value | None, port: Value | None) -> Text:
    """Return address and port; as `Text`, because rich reads "[fe80::1]" in a string as markup."""
    if address is None:
        return Text()
    shown = f"[{address}]" if ":" in str(address) else str(address)
    return foreign(shown if port in (None, 0) else f"{shown}:{port}")


def _format_seconds(seconds: Value | None) -> str:
    return "" if seconds is None else f"{datetime.fromtimestamp(int(seconds), UTC):%Y-%m-%d %H:%M:%S}"
