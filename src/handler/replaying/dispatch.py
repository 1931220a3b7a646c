"""Batches of stored objects on their way to OpenSearch, several at once where it takes them quickly."""

import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Final, Self

from handler.delivery import ATTEMPTS, Delivery
from handler.environment import Environment
from handler.observe import log_failures, logger
from handler.opensearch import READ_SECONDS, Send
from handler.replaying.held import UNTRIED, Held
from handler.replaying.pace import MOST_REQUESTS, Pace
from handler.report import BatchReport
from parser.bulk import Body
from parser.reply import MOST_SPOILERS, Outcome
from parser.subscription import Subscription

STRIKES: Final = 3
"""Batches of which an index took nothing, after which no more is sent to it in this run. Also: those of which
events were refused alone while none was taken, after which a run ends."""


class Meter:
    """Sends, and measures what is sent.

    Attributes:
        longest: how long the slowest answer took, in seconds.
        events: how many were in the bodies.
        size: bytes of the bodies.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self.longest = 0.0
        self.events = 0
        self.size = 0

    def send(self, body: Body, seconds: float) -> tuple[int, bytes]:
        """Post one body, as `handler.opensearch.sender` does."""
        self.events += body.count
        self.size += body.size
        started = time.perf_counter()
        try:
            return self._send(body, seconds)
        finally:
            self.longest = max(self.longest, time.perf_counter() - started)


Answer = tuple[BatchReport, Meter]
"""What became of a batch, and what was sent for it."""


class Dispatch:
    """The batches of one run, and what they say of the cluster; a context manager.

    Attributes:
        pace: how much may be on its way.
        refused: the cluster takes nothing more.
        damaged: requests are refused whatever is in them.
        sent: how many events were sent.
    """

    def __init__(self, environment: Environment, pace: Pace, time_left: Callable[[], float]) -> None:
        """Prepare.

        Args:
            environment: configuration and connection.
            pace: how much may be on its way.
            time_left: seconds until sending must stop.
        """
        self._environment = environment
        self._time_left = time_left
        self._senders = ThreadPoolExecutor(MOST_REQUESTS)
        self._out: deque[tuple[list[Held], Future[Answer]]] = deque()
        self._vain: Counter[str] = Counter()
        self._taken: set[str] = set()
        self._doubts = 0
        self._spoilers = 0
        self.pace = pace
        self.refused = False
        self.damaged = False
        self.sent = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._senders.shutdown()

    def __len__(self) -> int:
        """Return how many batches are on their way."""
        return len(self._out)

    def send(self, batch: list[Held]) -> None:
        """Let a batch go."""
        self.sent += sum([each.count for each in batch])
        avoid = {index for index, batches in self._vain.items() if batches >= STRIKES}
        payloads = [subscription for each in batch for subscription, _ in each.waiting]
        attempts = 1 if self._vain else ATTEMPTS
        future = self._senders.submit(self._deliver, payloads, attempts, avoid, set(self._taken))
        self._out.append((batch, future))

    def land(self) -> tuple[list[Held], BatchReport | None]:
        """Wait for the batch that has been on its way for longest.

        Returns:
            Its objects, which know what became of their payloads as far as these were sent, and the report;
            None where there was an error in the function.
        """
        batch, future = self._out.popleft()
        try:
            report, meter = future.result()
        except Exception:  # noqa: BLE001  # one object must not stand in the way of those beside it
            logger.exception(
                "replay.batch_failed", extra={"key": batch[0].pending.key, "objects": len(batch)}
            )
            return batch, None
        self._learn(report, meter)
        parts = [each for each in batch for _ in each.waiting]
        for held, of_payload in zip(parts, report.payloads, strict=False):
            held.end(of_payload)
        return batch, report

    def _deliver(
        self, payloads: Sequence[Subscription], attempts: int, avoid: set[str], taken: set[str]
    ) -> Answer:
        """Deliver payloads, as many as fill a request."""
        meter = Meter(self._environment.send)
        delivery = Delivery(
            self._environment.make_encoder,
            meter.send,
            time_left=self._time_left,
            attempts=attempts,
            patience=READ_SECONDS,
            avoid=avoid,
            taken=taken,
        )
        return delivery.run(payloads), meter

    def _learn(self, report: BatchReport, meter: Meter) -> None:
        """Take from a report what it says of the cluster."""
        log_failures(report)
        self._doubts = self._doubts + 1 if report.doubted else 0
        self._spoilers += report.spoilers
        few = self._doubts < STRIKES and self._spoilers <= MOST_SPOILERS
        self.damaged |= report.damaged or not few
        self.refused |= report.gave_up or self.damaged
        self._taken = report.taken if report.settled else set()
        self._vain.update(report.refused)
        self.pace.note(
            events=meter.events,
            size=meter.size,
            seconds=meter.longest,
            strained=_is_strained(report),
        )


def _is_strained(report: BatchReport) -> bool:
    """Whether the cluster asked for patience, or gave no answer."""
    return bool(report.bulk_retries) or any(
        each.verdict.outcome is Outcome.RETRY and each.verdict not in UNTRIED for each in report.pending
    )
