"""The panels: what one asks of flow logs. Fields of version 2 first; later ones where they are logged.

Bytes come before counts: a thousand refused packets weigh less than one copied database.
"""

from typing import Final

from flowlogs.panels.panel import Chart, Filters, Metric, Panel, Terms, Time

BYTES: Final = Metric("bytes", "sum", "bytes")
PACKETS: Final = Metric("packets", "sum", "packets")
FLOWS: Final = Metric("flows", "count")

CAPTURED: Final = "log_status:OK"
"""Records of flows, without NODATA, SKIPDATA and lines that could not be parsed."""
REFUSED: Final = "action:REJECT AND dstport:>0"

FIRST_EPHEMERAL: Final = 32_768
"""Linux hands out ports from here on to clients: as destinations they are replies, not services."""
SERVICES: Final = f"{CAPTURED} AND dstport:[1 TO {FIRST_EPHEMERAL - 1}]"

INSIDE: Final = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
"""Private addresses (RFC 1918, RFC 6598, RFC 4193). The IPv6 addresses of a VPC may be public ones."""


def _inside(field: str) -> str:
    return field + ":(" + " OR ".join(f'"{network}"' for network in INSIDE) + ")"


FROM_INTERNET: Final = f"{CAPTURED} AND {_inside('dstaddr')} AND NOT {_inside('srcaddr')}"
TO_INTERNET: Final = f"{CAPTURED} AND {_inside('srcaddr')} AND NOT {_inside('dstaddr')}"

DIRECTIONS: Final = Filters(
    "between",
    {
        "inside to inside": f"{CAPTURED} AND {_inside('srcaddr')} AND {_inside('dstaddr')}",
        "internet to inside": FROM_INTERNET,
        "inside to internet": TO_INTERNET,
        "public to public": f"{CAPTURED} AND NOT {_inside('srcaddr')} AND NOT {_inside('dstaddr')}",
    },
)
DECISIONS: Final = {"rejected": "action:REJECT", "accepted": "action:ACCEPT"}

PANELS: Final = (
    Panel(
        "traffic",
        "How much traffic is there?",
        Chart.NUMBERS,
        (BYTES, PACKETS, FLOWS),
        only=CAPTURED,
        width=36,
        height=8,
    ),
    Panel(
        "rejected-share",
        "How much of it is rejected?",
        Chart.SHARE,
        (FLOWS,),
        (Filters("decision", DECISIONS),),
        width=12,
        height=8,
    ),
    Panel(
        "bytes-over-time",
        "When do how many bytes flow, and are they let in?",
        Chart.OVER_TIME,
        (BYTES,),
        (Terms("action", "action", 2), Time()),
        only=CAPTURED,
    ),
    Panel(
        "rejects-over-time",
        "When is what refused? (the 6 ports most refused)",
        Chart.OVER_TIME,
        (FLOWS,),
        (Terms("dstport", "port", 6), Time()),
        only=REFUSED,
    ),
    Panel(
        "rejected-sources",
        "Who is refused most, and on how many ports and hosts? (many: a scan)",
        Chart.TABLE,
        (
            Metric("rejected", "count"),
            Metric("ports", "cardinality", "dstport"),
            Metric("hosts", "cardinality", "dstaddr"),
        ),
        (Terms("srcaddr", "source", 20),),
        only="action:REJECT",
        height=18,
    ),
    Panel(
        "talkers",
        "Who sends most to whom, and to which port?",
        Chart.TABLE,
        (BYTES, PACKETS, FLOWS),
        (
            Terms("srcaddr", "source", 50, candidates=100),
            Terms("dstaddr", "destination", 20, candidates=40),
            Terms("dstport", "port", 5, candidates=20),
        ),
        only=CAPTURED,
        most=20,
        height=18,
    ),
    Panel(
        "ports",
        "Which services receive most bytes? (destination ports below 32768)",
        Chart.BARS,
        (BYTES,),
        (Terms("dstport", "port", 10),),
        only=SERVICES,
        width=16,
    ),
    Panel(
        "protocols",
        "Which protocols carry the bytes?",
        Chart.BARS,
        (BYTES,),
        (Terms("protocol", "protocol", 8),),
        only=CAPTURED,
        width=16,
    ),
    Panel(
        "internet",
        "Inside or internet: between which do bytes flow?",
        Chart.BARS,
        (BYTES,),
        (DIRECTIONS,),
        width=16,
    ),
    Panel(
        "accounts",
        "Which accounts carry most, and what of it crosses the border?",
        Chart.TABLE,
        (
            BYTES,
            Metric("from internet", "sum", "bytes", FROM_INTERNET),
            Metric("to internet", "sum", "bytes", TO_INTERNET),
            FLOWS,
            Metric("rejected", "count", only="action:REJECT"),
        ),
        (Terms("@owner", "account", 20),),
        only=CAPTURED,
        width=48,
        height=8,
    ),
    Panel(
        "networks-to-ports",
        "Which networks send to which services?",
        Chart.SANKEY,
        (BYTES,),
        (Terms("dstport", "port", 8), Terms("srcaddr", "source", 50, rest="other sources")),
        only=SERVICES,
        height=20,
    ),
    Panel(
        "interfaces",
        "Which interfaces carry most, and what of it crosses the border?",
        Chart.TABLE,
        (
            BYTES,
            Metric("from internet", "sum", "bytes", FROM_INTERNET),
            Metric("to internet", "sum", "bytes", TO_INTERNET),
            FLOWS,
            Metric("rejected", "count", only="action:REJECT"),
        ),
        (Terms("interface_id", "interface", 20),),
        only=CAPTURED,
        height=20,
    ),
    Panel(
        "health",
        "What is missing? (not captured by AWS, or not understood here)",
        Chart.TABLE,
        (
            Metric("records", "count"),
            Metric("interfaces", "cardinality", "interface_id"),
            Metric("newest", "max", "@timestamp"),
        ),
        (
            Filters(
                "what",
                {
                    "captured (OK)": CAPTURED,
                    "no traffic (NODATA)": "log_status:NODATA",
                    "capture skipped (SKIPDATA)": "log_status:SKIPDATA",
                    "parse error": "_exists_:parse_error",
                },
            ),
        ),
        width=16,
        height=12,
    ),
    Panel(
        "freshness",
        "Does every log group of every account arrive? (its newest record)",
        Chart.TABLE,
        (Metric("records", "count"), Metric("newest", "max", "@timestamp")),
        (Terms("@owner", "account", 20), Terms("@log_group", "log group", 20)),
        width=16,
        height=12,
    ),
    Panel(
        "parse-errors",
        "Which lines are not understood, and why?",
        Chart.TABLE,
        (Metric("lines", "count"),),
        (
            Terms("@owner", "account", 20, candidates=25),
            Terms("@log_group", "log group", 20, candidates=40),
            Terms("parse_error", "reason", 10, candidates=80),
        ),
        only="_exists_:parse_error",
        width=16,
        height=12,
    ),
)
"""The panels that need no more than the default format, row by row."""

LATER_PANELS: Final = (
    Panel(
        "directions",
        "Which interfaces receive and send most?",
        Chart.TABLE,
        (
            BYTES,
            Metric("in", "sum", "bytes", "flow_direction:ingress"),
            Metric("out", "sum", "bytes", "flow_direction:egress"),
            Metric("rejected", "count", only="action:REJECT"),
        ),
        (Terms("interface_id", "interface", 20),),
        only="_exists_:flow_direction",
    ),
    Panel(
        "zones",
        "Between which VPCs and zones is it busy?",
        Chart.TABLE,
        (BYTES, FLOWS, Metric("interfaces", "cardinality", "interface_id")),
        (Terms("vpc_id", "VPC", 10), Terms("az_id", "zone", 8)),
        only="_exists_:vpc_id",
    ),
    Panel(
        "paths",
        "Which way does egress traffic take?",
        Chart.BARS,
        (BYTES,),
        (Terms("traffic_path", "path", 8),),
        only="_exists_:traffic_path",
        width=16,
    ),
    Panel(
        "services-to",
        "Which AWS services are sent to?",
        Chart.BARS,
        (BYTES,),
        (Terms("pkt_dst_aws_service", "service", 10),),
        only="_exists_:pkt_dst_aws_service",
        width=16,
    ),
    Panel(
        "services-from",
        "Which AWS services send?",
        Chart.BARS,
        (BYTES,),
        (Terms("pkt_src_aws_service", "service", 10),),
        only="_exists_:pkt_src_aws_service",
        width=16,
    ),
)
"""The panels that need fields of versions 3 to 5; without them they stay empty."""

EVERY_PANEL: Final = (*PANELS, *LATER_PANELS)

CONTROLS: Final = {
    "account_id": "Account",
    "interface_id": "Interface",
    "action": "Action",
    "protocol": "Protocol",
}
"""The fields that the dashboard lets one choose from, with their labels."""

SEARCH_COLUMNS: Final = (
    "interface_id",
    "srcaddr",
    "srcport",
    "dstaddr",
    "dstport",
    "protocol",
    "packets",
    "bytes",
    "action",
    "log_status",
)
"""The columns of the saved search."""
