"""The flow picture as people see it: its labels."""

import json
import re
from typing import Any

import vl_convert

from flowlogs.panels.panel import Panel
from flowlogs.panels.vega import draw


def labels(panel: Panel, found: Any) -> list[str]:
    """Return the labels of the flow picture with exact numbers: networks, then ports."""
    spec = {**draw(panel, {"values": [found]}, text="black"), "width": 560, "height": 800}
    exact = json.dumps(spec).replace("'.2s'", "'d'")
    return re.findall(r"<text[^>]*>([^<]*)</text>", str(vl_convert.vega_to_svg(exact)))
