"""Answers made up, for what the report makes of them."""

import datetime as dt
from typing import Any

from flowlogs.panels.catalogue import EVERY_PANEL
from flowlogs.panels.panel import Chart, Row
from flowlogs.report.answers import Answers, LogGroup
from flowlogs.report.period import Period

SINCE = dt.datetime(2026, 1, 16, tzinfo=dt.UTC)
UNTIL = dt.datetime(2026, 1, 17, tzinfo=dt.UTC)
PERIOD = Period(SINCE, UNTIL)


def make_answers(text: str = "quiet", **rows: list[Row]) -> Answers:
    """Return answers in which every key is this text, or a number where numbers are needed."""
    panels: dict[str, list[Row]] = {}
    for panel in EVERY_PANEL:
        keys: tuple[Any, ...] = tuple(
            443 if getattr(bucket, "field", "") in {"dstport", "protocol", "traffic_path"} else text
            for bucket in panel.buckets
        )
        if panel.chart is Chart.OVER_TIME:
            keys = (*keys[:-1], int(SINCE.timestamp()) * 1000)
        panels[panel.name] = [Row(keys, tuple(1 for _ in panel.metrics))]
    panels |= {
        "rejected-share": [Row(("rejected",), (1,)), Row(("accepted",), (3,))],
        "health": [Row((what,), (1, 1, 1)) for what in ("ok", "no data", "skip data", "parse error")],
        "freshness": [Row((text, text), (1, UNTIL.timestamp() * 1000))],
        **{name.replace("_", "-"): value for name, value in rows.items()},
    }
    before = {name: panels[name] for name in ("traffic", "rejected-share")}
    return Answers(PERIOD, panels, before, [Row((text,), (1,))], {LogGroup("012345678901", text): UNTIL}, {})
