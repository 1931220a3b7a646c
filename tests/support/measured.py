"""What was measured, in numbers that are easy to reckon with."""

from typing import Final

from flowlogs.pricing.events import Measured

MEASURED: Final = Measured(
    forward_cpu={"50": 20.0, "1000": 7.0},
    stream_cpu=9.0,
    forward_log=1_400,
    stream_log=1_500,
    record_bytes=4_300,
    replay_cpu={"50": 60.0, "1000": 12.0},
    node_cpu={"50": 50.0, "1000": 35.0, "batch": 36.0},
    line_bytes={"v2": 110.0, "v5": 250.0},
    disk_bytes={"v2": 145.0, "v5": 193.0},
    console_cpu={"50": 40.0, "1000": 27.0},
    console_node_cpu={"50": 90.0, "1000": 60.0},
    document_bytes={"50": 210.0, "1000": 170.0},
    console_document_bytes={"50": 800.0, "1000": 800.0},
)
