"""Every panel on each version of OpenSearch that is supported."""

import raw_lines
from flowlogs.dashboards.panel import largest, read, search
from flowlogs.dashboards.panels import EVERY_PANEL
from flowlogs.embedded import Embedded
from logged import load


def test_every_version_of_opensearch_gives_the_same_answers(any_opensearch: Embedded) -> None:
    logged = load(any_opensearch, records=400)

    for panel in EVERY_PANEL:
        if panel.name != "parse-errors":
            status, reply = logged.node.request(
                "POST", "/cwl-*/_search", search(panel, "1h", {"match_all": {}})
            )
            assert status == 200, reply
            rows = read(panel, reply)
            shown = largest(panel, rows) if panel.most else rows
            assert shown == raw_lines.answer(panel, logged.lines), panel.name
