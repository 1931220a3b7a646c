"""What the cluster says: the answer to each panel for a period, and what the summary needs beside."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple

from flowlogs.cluster.indices import Indices
from flowlogs.panels.catalogue import BYTES, CAPTURED, EVERY_PANEL
from flowlogs.panels.panel import (
    TIME_FIELD,
    Chart,
    Json,
    Metric,
    Panel,
    Row,
    Terms,
    largest,
    read,
    search,
)
from flowlogs.report.period import Period

SOURCES: Final = Panel(
    "sources", "Who sends?", Chart.TABLE, (BYTES,), (Terms("srcaddr", "source", 50),), only=CAPTURED
)
"""Those that are looked up in the period before; who is not found there is new."""

LOG_GROUPS: Final = Panel(
    "log-groups",
    "Which log groups were there?",
    Chart.TABLE,
    (Metric("newest", "max", TIME_FIELD),),
    (Terms("@owner", "account", 500), Terms("@log_group", "log group", 500)),
)
"""All of them, unlike those that a panel shows: the silent one may be the smallest. In many accounts the
log groups have one name."""


class LogGroup(NamedTuple):
    """A log group of an account."""

    account: str
    name: str


@dataclass(frozen=True, slots=True)
class Answers:
    """All that a report tells.

    Attributes:
        period: what it is about.
        panels: the answer to each panel, by its name.
        before: the same for the period before, of the few panels that are compared.
        new_sources: the sources with most bytes that have no record in the period before.
        newest: the newest record of each account's log group that has one in the period or in the one before.
        lacking: the indices that did not answer, or not whole -> why; the numbers lack them.
    """

    period: Period
    panels: Mapping[str, list[Row]]
    before: Mapping[str, list[Row]]
    new_sources: list[Row]
    newest: Mapping[LogGroup, datetime]
    lacking: Mapping[str, str]

    @property
    def is_empty(self) -> bool:
        """Whether the period has no record of any kind, in any index that answered."""
        return not any(value for rows in self.panels.values() for row in rows for value in row.values)


COMPARED: Final = ("traffic", "rejected-share")


def ask(indices: Indices, period: Period, step: Callable[[], None] = lambda: None) -> Answers:
    """Ask the cluster everything.

    Args:
        indices: all of the prefix; those of the days of the period, and of the period before, are asked.
        period: what the report is about.
        step: called after each search, `steps()` times.

    Raises:
        opensearchpy.exceptions.OpenSearchException: a search was not answered, not even in part.
    """
    asker = _Asker(indices.between(period.before.since, period.until), step)
    panels = {panel.name: asker.ask(panel, period) for panel in EVERY_PANEL}
    before = {panel.name: asker.ask(panel, period.before) for panel in EVERY_PANEL if panel.name in COMPARED}
    sources = asker.ask(SOURCES, period)
    known = asker.find_known(sources, period.before)
    new = [row for row in sources if row.keys[0] not in known]
    newest = {
        LogGroup(*map(str, row.keys)): datetime.fromtimestamp(row.values[0] / 1000, UTC)
        for each in (period.before, period)
        for row in asker.ask(LOG_GROUPS, each)
    }
    return Answers(period, panels, before, new, newest, asker.lacking)


def steps() -> int:
    """Return how many searches a report takes."""
    return len(EVERY_PANEL) + len(COMPARED) + 4


class _Asker:
    def __init__(self, indices: Indices, step: Callable[[], None]) -> None:
        self._indices = indices
        self._step = step
        self.lacking: dict[str, str] = {}

    def ask(self, panel: Panel, period: Period, also: Json | None = None) -> list[Row]:
        body = search(panel, period.interval, period.query)
        if also:
            body["query"]["bool"]["filter"].append(also)
        reply, lacking = self._indices.search_partly(body)
        self.lacking |= lacking
        self._step()
        return largest(panel, read(panel, reply))

    def find_known(self, sources: list[Row], period: Period) -> set[str | int]:
        """Return those of the sources that have a record in the period."""
        addresses = [row.keys[0] for row in sources]
        return {row.keys[0] for row in self.ask(SOURCES, period, {"terms": {"srcaddr": addresses}})}
