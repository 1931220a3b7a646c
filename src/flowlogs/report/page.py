"""The page: what the template shows, from the answers. All text of the data is escaped by the template."""

import base64
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from flowlogs.panels.catalogue import LATER_PANELS, PANELS
from flowlogs.panels.panel import EXACT, Chart, Metric, Panel, Row, Terms
from flowlogs.report.answers import Answers
from flowlogs.report.charts import name_key, render
from flowlogs.report.period import Period
from flowlogs.report.summary import change, share, summarize
from flowlogs.terminal.display import format_bytes, format_count

WIDTHS: Final = {"wide": 560, "narrow": 330}
"""Of charts, in pixels: for desktops and for phones; the page shows the one that fits."""

BYTES_AND_COUNTS: Final = next(panel for panel in PANELS if panel.chart is Chart.NUMBERS)

SEEN_AT_ONCE: Final = 10
"""Rows of a table that are seen without scrolling, on a phone too; of more their number is told."""

_MILLION: Final = 1_000_000
_ROUNDED_UP: Final = 999.5
"""From here on three digits would be 1000."""
_NARROW: Final = 4
"""Columns that a table may have beside another."""
_FOLDER: Final = Path(__file__).parent
_DRAWN: Final = (Chart.OVER_TIME, Chart.BARS, Chart.SANKEY)


@dataclass(frozen=True, slots=True)
class Number:
    """A large number with what it is, and how it was in the period before.

    Attributes:
        label: what it is.
        shown: the number, in a few characters.
        change: against the period before; empty where there is nothing to compare with.
        exact: the number in full, where `shown` is shorter; `about` it where the sum is not exact.
    """

    label: str
    shown: str
    change: str
    exact: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table: what is shown, and what it is sorted by."""

    shown: str
    sort: str | float
    number: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """One panel as the page shows it.

    Attributes:
        name, title: the panel's.
        charts: SVG by the class of its width; empty for a table.
        columns: heads of the table.
        rows: its cells; empty where there is no record.
        count: how many rows there are, in words; empty where all are seen at once.
        wide: whether it takes the whole width.
    """

    name: str
    title: str
    charts: dict[str, Markup]
    columns: list[str]
    rows: list[list[Cell]]
    count: str
    wide: bool


def build_page(
    answers: Answers, *, cluster: str, index: str, now: datetime, step: Callable[[], None] = lambda: None
) -> str:
    """Return the report as one HTML document that needs nothing else.

    Args:
        answers: what the cluster says.
        cluster: the cluster's address, to be shown.
        index: the index pattern, to be shown.
        now: the time of the report.
        step: called after each chart is drawn.
    """
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script, style = ((_FOLDER / name).read_text(encoding="utf-8") for name in ("report.js", "report.css"))
    sections, later = (list(_sections(panels, answers, step)) for panels in (PANELS, LATER_PANELS))
    return environment.get_template("report.html").render(
        period=str(answers.period),
        cluster=cluster,
        index=index,
        made=f"{now:%Y-%m-%d %H:%M} UTC",
        summary=summarize(answers, now),
        numbers=list(_numbers(answers)),
        sections=sections,
        later=later if any(section.rows for section in later) else [],
        script=Markup(script),  # noqa: S704  # our own file
        style=Markup(style),  # noqa: S704  # our own file
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def _numbers(answers: Answers) -> Iterator[Number]:
    (traffic,), before = answers.panels["traffic"], answers.before["traffic"][0]
    for metric, now, then in zip(BYTES_AND_COUNTS.metrics, traffic.values, before.values, strict=True):
        yield _number(metric, now, _against(change(now, then)), flows=traffic.values[-1])
    part, earlier = (share(each["rejected-share"]) for each in (answers.panels, answers.before))
    yield Number(
        "of flows rejected",
        "none" if part is None else f"{part:.1%}",
        "" if earlier is None else f"{earlier:.1%} before",
    )


def _number(metric: Metric, value: float, changed: str, *, flows: float) -> Number:
    if flows and not value:
        return Number(metric.label, "not logged", changed)  # every flow has bytes and packets
    if metric.field == "bytes":
        return Number(metric.label, format_bytes(value), changed, f"{_in_full(value)} B")
    label = metric.label.removesuffix("s") if value == 1 else metric.label
    if value < _MILLION:
        return Number(label, format_count(int(value)), changed)
    return Number(label, shorten(value), changed, _in_full(value))


def _in_full(value: float) -> str:
    return format_count(int(value)) if value <= EXACT else f"about {format_count(int(value))}"


def shorten(count: float) -> str:
    """Return a count of a million or more in three digits: `1.23 G`."""
    size, units = count / _MILLION, iter("MGTPEZ")
    unit = next(units)
    while size >= _ROUNDED_UP:
        size, unit = size / 1000, next(units)
    return f"{size:.3g} {unit}"


def _against(words: str) -> str:
    return f"{words} than before" if words.endswith(("more", "less")) else words and f"{words} as before"


def _sections(panels: Sequence[Panel], answers: Answers, step: Callable[[], None]) -> Iterator[Section]:
    for panel in panels:
        if panel.chart in (Chart.NUMBERS, Chart.SHARE):
            continue
        rows = answers.panels[panel.name]
        yield Section(
            name=panel.name,
            title=panel.title,
            charts=dict(_draw(panel, rows, answers.period)) if panel.chart in _DRAWN and rows else {},
            columns=[
                *(bucket.label for bucket in panel.buckets),
                *(metric.label for metric in panel.metrics),
            ],
            rows=[_cells(panel, row) for row in rows],
            count=_count_rows(panel, len(rows)),
            wide=panel.chart is Chart.TABLE and len(panel.buckets) + len(panel.metrics) > _NARROW,
        )
        step()


def _count_rows(panel: Panel, number: int) -> str:
    if number <= SEEN_AT_ONCE:
        return ""
    first = panel.buckets[0]
    single = first.size if isinstance(first, Terms) and len(panel.buckets) == 1 else 0
    return f"the {number} largest" if number == (panel.most or single) else f"{number} rows"


def _draw(panel: Panel, rows: list[Row], period: Period) -> Iterator[tuple[str, Markup]]:
    for name, width in WIDTHS.items():
        yield name, Markup(render(panel, rows, period, width))  # noqa: S704  # Vega escapes its text


def _cells(panel: Panel, row: Row) -> list[Cell]:
    keys = [_key_cell(panel, position, key) for position, key in enumerate(row.keys)]
    return [*keys, *map(_value_cell, panel.metrics, row.values)]


def _key_cell(panel: Panel, position: int, key: str | int) -> Cell:
    if panel.chart is Chart.OVER_TIME and position == len(panel.buckets) - 1:
        return Cell(_format_time(int(key)), int(key))
    return Cell(name_key(panel, position, key), key)


def _value_cell(metric: Metric, value: float) -> Cell:
    if metric.field == "@timestamp":
        return Cell(_format_time(value) if value else "", value, number=True)
    amount = format_bytes(value) if metric.field == "bytes" else format_count(int(value))
    return Cell(amount, value, number=True)


def _format_time(milliseconds: float) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d %H:%M}"
