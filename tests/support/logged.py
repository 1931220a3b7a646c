"""A cluster with two days of flow logs, and the lines that were sent to it."""

import datetime as dt
import http.client
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from flowlogs.local import loopback
from flowlogs.local.embedded import Embedded
from flowlogs.traffic import day as traffic
from parser.bulk import Body, encode
from parser.engine import Engine
from parser.format import Formats, parse_format
from parser.index_template import index_template
from parser.subscription import Event, Subscription, decode_event
from support import raw_lines

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
    prepare(node, FORMATS)
    payloads = [each for day in DAYS for each in traffic.generate_day(day, records=records)]
    send(node, payloads)
    assert node.request("POST", "/cwl-*/_refresh")[0] == 200
    return Logged(node, raw_lines.read_lines(payloads), identities(node))


def prepare(node: Embedded, formats: Formats) -> None:
    """Put the index template in place."""
    major, minor, _ = map(int, node.release.version.split("."))
    template = index_template("cwl", formats, engine=Engine((major, minor)))
    assert node.request("PUT", "/_index_template/cwl", template)[0] == 200


def load_lines(
    node: Embedded,
    lines: Iterable[str],
    at: dt.datetime,
    *,
    owner: str = "012345678901",
    log_group: str = "/vpc/flow-logs",
    formats: Formats = FORMATS,
) -> None:
    """Send a few lines, all of one time."""
    prepare(node, formats)
    milliseconds = int(at.timestamp()) * 1000
    events = tuple(
        Event(f"{owner}-{log_group}-{milliseconds}-{number}", milliseconds, line)
        for number, line in enumerate(lines)
    )
    subscription = Subscription(owner=owner, log_group=log_group, log_stream="eni-1", events=events)
    bodies = encode(subscription, formats, prefix="cwl", max_bytes=5 << 20, keep_message=True)
    send_bodies(node, bodies)
    assert node.request("POST", "/cwl-*/_refresh")[0] == 200


def flow(source: str, to: str, port: int, size: int, *, packets: int = 1, action: str = "ACCEPT") -> str:
    """Return a line of the default format."""
    return f"2 012345678901 eni-1 {source} {to} 40000 {port} 6 {packets} {size} 1 2 {action} OK"


def send(node: Embedded, payloads: list[traffic.Payload]) -> None:
    """Send payloads in bulk requests as the forward function makes them; each document must be taken.

    The events of an account's log group go together, whatever their stream: few requests are quicker.
    """
    groups: dict[tuple[str, str], list[Subscription]] = {}
    for subscription in (decode_event(payload.event) for payload in payloads):
        groups.setdefault((subscription.owner, subscription.log_group), []).append(subscription)
    for first, *others in groups.values():
        events = (*first.events, *(event for each in others for event in each.events))
        together = msgspec.structs.replace(first, events=events)
        bodies = encode(together, FORMATS, prefix="cwl", max_bytes=5 << 20, keep_message=True)
        send_bodies(node, bodies)


def send_bodies(node: Embedded, bodies: Iterable[Body]) -> None:
    """Send bulk requests; each document must be taken."""
    connection = http.client.HTTPConnection(loopback.HOST, node.port)
    headers = {"content-type": "application/x-ndjson", "content-encoding": "gzip"}
    for body in bodies:
        connection.request("POST", f"/{body.index}/_bulk", body.data, headers)
        reply = connection.getresponse().read()
        assert b'"errors":false' in reply, reply[:300]
    connection.close()


def identities(node: Embedded) -> str:
    """Return what tells the indices from others of the same names, made later."""
    status, reply = node.request("GET", "/_cat/indices/cwl-*?h=uuid,docs.count&s=uuid&format=json")
    return str(reply) if status == 200 else ""
