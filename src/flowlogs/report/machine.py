"""What a report says, for machines: the answers as JSON."""

from datetime import UTC, datetime

from flowlogs.panels.catalogue import EVERY_PANEL
from flowlogs.panels.panel import EXACT, TIME_FIELD, Json, Panel, Row, Time
from flowlogs.report.answers import COMPARED, SOURCES, Answers
from flowlogs.report.summary import summarize


def to_json(answers: Answers, *, index: str, now: datetime) -> Json:
    """Return the numbers behind the panels and the summary; times as ISO 8601, in UTC.

    Args:
        answers: what the cluster says.
        index: the index pattern that was asked.
        now: the time of the report.
    """
    period = answers.period
    return {
        "index": index,
        "since": period.since.isoformat(),
        "until": period.until.isoformat(),
        "lacking": dict(answers.lacking),
        "summary": summarize(answers, now),
        "panels": {panel.name: _rows(panel, answers.panels[panel.name]) for panel in EVERY_PANEL},
        "before": {
            panel.name: _rows(panel, answers.before[panel.name])
            for panel in EVERY_PANEL
            if panel.name in COMPARED
        },
        "new_sources": _rows(SOURCES, answers.new_sources),
        "log_groups": [
            {"account": group.account, "log_group": group.name, "newest": newest.isoformat()}
            for group, newest in answers.newest.items()
        ],
    }


def _rows(panel: Panel, rows: list[Row]) -> list[Json]:
    return [_row(panel, row) for row in rows]


def _row(panel: Panel, row: Row) -> Json:
    """Name each key and each value as the panel labels it: `log_group` for `log group`.

    Sums that OpenSearch has rounded are named in `rounded`.
    """
    found: Json = {}
    rounded = []
    for bucket, key in zip(panel.buckets, row.keys, strict=True):
        if isinstance(bucket, Time):
            found["time"] = _moment(int(key))
        else:
            found[_name(bucket.label)] = key
    for metric, value in zip(panel.metrics, row.values, strict=True):
        is_time = metric.field == TIME_FIELD
        found[_name(metric.label)] = (_moment(value) if value else None) if is_time else _count(value)
        if value > EXACT and not is_time:
            rounded.append(_name(metric.label))
    return found | ({"rounded": rounded} if rounded else {})


def _count(value: float) -> float:
    """Return a sum as a whole number where it is exact, else as the floating point number that it is."""
    return int(value) if value <= EXACT else value


def _name(label: str) -> str:
    return label.lower().replace(" ", "_")


def _moment(milliseconds: float) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat()
