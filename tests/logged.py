"""A cluster with two days of flow logs, and the lines that were sent to it."""

import datetime as dt
import http.client
from dataclasses import dataclass

import msgspec

import raw_lines
from flowlogs import loopback, traffic
from flowlogs.embedded import Embedded
from parser.bulk import encode
from parser.format import Formats, parse_format
from parser.index_template import index_template
from parser.subscription import Subscription, decode_event

DAYS = (dt.date(2026, 1, 15), dt.date(2026, 1, 16))
RECORDS = 4_000
FORMATS = Formats.of([parse_format(text) for text in traffic.FORMATS.values()])


@dataclass(frozen=True)
class Logged:
    """A cluster, and the lines that were sent to it."""

    node: Embedded
    lines: list[raw_lines.Line]
    identities: str


def load(node: Embedded, records: int = RECORDS) -> Logged:
    """Send two days of generated traffic, of so many records each, to an empty cluster."""
    major, minor, _ = map(int, node.release.version.split("."))
    template = index_template("cwl", FORMATS, engine=(major, minor))
    assert node.request("PUT", "/_index_template/cwl", template)[0] == 200
    payloads = [each for day in DAYS for each in traffic.generate_day(day, records=records)]
    send(node, payloads)
    assert node.request("POST", "/cwl-*/_refresh")[0] == 200
    return Logged(node, raw_lines.read_lines(payloads), identities(node))


def send(node: Embedded, payloads: list[traffic.Payload]) -> None:
    """Send payloads in bulk requests as the forward function makes them; each document must be taken.

    The events of a log group go together, whatever their stream: few requests are quicker.
    """
    groups: dict[str, list[Subscription]] = {}
    for payload in payloads:
        groups.setdefault(payload.log_group, []).append(decode_event(payload.event))
    connection = http.client.HTTPConnection(loopback.HOST, node.port)
    headers = {"content-type": "application/x-ndjson", "content-encoding": "gzip"}
    for first, *others in groups.values():
        events = (*first.events, *(event for each in others for event in each.events))
        together = msgspec.structs.replace(first, events=events)
        for body in encode(together, FORMATS, prefix="cwl", max_bytes=5 << 20, keep_message=True):
            connection.request("POST", f"/{body.index}/_bulk", body.data, headers)
            reply = connection.getresponse().read()
            assert b'"errors":false' in reply, reply[:300]
    connection.close()


def identities(node: Embedded) -> str:
    """Return what tells the indices from others of the same names, made later."""
    status, reply = node.request("GET", "/_cat/indices/cwl-*?h=uuid,docs.count&s=uuid&format=json")
    return str(reply) if status == 200 else ""
