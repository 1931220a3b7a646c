"""Every panel on each version of OpenSearch that is supported."""

from flowlogs.local.embedded import Embedded
from flowlogs.panels.catalogue import EVERY_PANEL
from flowlogs.panels.panel import largest, read, search
from support import raw_lines
from support.logged import load


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
