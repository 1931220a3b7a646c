"""Send a payload's bodies, and settle each of its events."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from handler.opensearch import ConnectionFailedError, Send
from parser.bulk import Body
from parser.reply import Outcome, Verdict, judge
from parser.subscription import Event


@dataclass(frozen=True, slots=True)
class Unsettled:
    """An event that is not in the index, and why.

    Attributes:
        index: where it belongs.
        event: the event itself.
        verdict: what OpenSearch said of it.
    """

    index: str
    event: Event
    verdict: Verdict


@dataclass(slots=True)
class Report:
    """What became of a payload. Each event is in exactly one of the first four counts.

    Attributes:
        indexed, duplicate: events that are in the index: newly, or since before.
        pending: events that OpenSearch may take later.
        rejected: events that OpenSearch will not take as they are.
        unparsed: events whose line could not be parsed; whatever became of them.
        no_data, skip_data: NODATA and SKIPDATA records.
        bulk_requests, bulk_retries: requests sent, and those among them that repeated an event.
        bulk_bytes: bytes of all bodies, before compression.
    """

    indexed: int = 0
    duplicate: int = 0
    pending: list[Unsettled] = field(default_factory=list)
    rejected: list[Unsettled] = field(default_factory=list)
    unparsed: int = 0
    no_data: int = 0
    skip_data: int = 0
    bulk_requests: int = 0
    bulk_retries: int = 0
    bulk_bytes: int = 0

    @property
    def received(self) -> int:
        """The number of events that came."""
        return self.indexed + self.duplicate + len(self.pending) + len(self.rejected)


class DeliveryError(Exception):
    """Events of a payload are not settled; Lambda shall try the whole payload again.

    Attributes:
        report: what became of each event.
    """

    def __init__(self, report: Report) -> None:
        self.report = report
        unsettled = [*report.pending, *report.rejected]
        kinds = Counter(f"{each.verdict.status} {each.verdict.error_type}" for each in unsettled)
        counts = ", ".join(f"{count} x {kind}" for kind, count in kinds.most_common())
        super().__init__(f"{len(unsettled)} of {report.received} events are not settled: {counts}")


def deliver(bodies: Iterable[Body], send: Send) -> Report:
    """Send each body once and report what became of each event."""
    report = Report()
    for body in bodies:
        report.unparsed += body.unparsed
        report.no_data += body.no_data
        report.skip_data += body.skip_data
        report.bulk_requests += 1
        report.bulk_bytes += body.size
        _settle(body, _send(body, send), report)
    return report


def _send(body: Body, send: Send) -> list[Verdict]:
    try:
        status, reply = send(body)
    except ConnectionFailedError as error:
        return [Verdict(Outcome.RETRY, 0, "connection_failed", str(error))] * len(body.events)
    return judge(status, reply, len(body.events))


def _settle(body: Body, verdicts: list[Verdict], report: Report) -> None:
    for event, verdict in zip(body.events, verdicts, strict=True):
        match verdict.outcome:
            case Outcome.INDEXED:
                report.indexed += 1
            case Outcome.DUPLICATE:
                report.duplicate += 1
            case Outcome.REJECTED:
                report.rejected.append(Unsettled(body.index, event, verdict))
            case _:
                report.pending.append(Unsettled(body.index, event, verdict))
