"""Numbers of flow logs that have names."""

from typing import Final

from flowlogs.terminal.display import PROTOCOLS

PATHS: Final = {
    1: "same VPC",
    2: "internet gateway or gateway endpoint",
    3: "virtual private gateway",
    4: "peering, same Region",
    5: "peering, other Region",
    6: "local gateway",
    7: "gateway endpoint (Nitro)",
    8: "internet gateway (Nitro)",
}
"""The values of `traffic-path`."""

ENCRYPTION: Final = {0: "clear", 1: "Nitro", 2: "application layer", 3: "both"}
"""The values of `encryption-status`."""

FIELD_NAMES: Final = {"protocol": PROTOCOLS, "traffic_path": PATHS, "encryption_status": ENCRYPTION}
"""The names of a field's numbers, by the field's name in a document."""
