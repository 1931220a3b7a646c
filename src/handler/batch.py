"""What the functions do alike with payloads, whatever their source: deliver them, keep what is left.

The sources differ in where payloads come from and where an unsettled rest waits, in nothing else.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain, islice

from handler.delivery import ATTEMPTS, Delivery
from handler.environment import Environment
from handler.failures import FailureStore, Pending
from handler.observe import logger
from handler.outage import PROBE_SECONDS, Mode
from handler.report import INTERRUPTED, NOT_TRIED, BatchReport, DeliveryError, Report, leave
from parser.index_names import index_name
from parser.reply import Outcome
from parser.subscription import Subscription

Judge = Callable[[BatchReport], bool | None]
"""Whether a report means that OpenSearch takes nothing for now; None where others must be tried to know."""


def took_nothing(environment: Environment, report: BatchReport) -> bool:
    """Whether a delivery shows that OpenSearch takes nothing now, so that others need not wait for it.

    What is said of single payloads, or by the index of another day, shows nothing about others.
    """
    if report.gave_up or report.settled or not report.refused:
        return report.is_silent
    if find_index(environment, time.time()) in report.refused - report.blamed:
        return True
    return any(each.verdict.outcome is Outcome.RETRY and each.verdict.status for each in report.pending)


def find_index(environment: Environment, now: float) -> str:
    """Return the index of what is of now, in epoch seconds."""
    return index_name(environment.config.index_prefix, int(now * 1000))


def deliver(
    environment: Environment,
    payloads: Iterable[Subscription],
    time_left: Callable[[], float],
    is_away: Judge | None = None,
) -> Iterator[BatchReport]:
    """Deliver payloads in their order, as many at once as fill a request; yield a report for each batch.

    Whoever asks for no further report leaves the payloads behind it unread. While an outage is remembered,
    each payload is a batch of its own, which is left pending.

    Args:
        environment: configuration, connection, and what is remembered of an outage.
        payloads: read one by one, so that no more than a batch need be in memory. What reading them raises is
            raised here, behind the report of what had been read.
        time_left: seconds until sending must stop.
        is_away: whether a report means that OpenSearch takes nothing for now: then the payloads that follow
            are not sent for a while. None for what one report alone says of it.
    """
    judge = is_away or partial(took_nothing, environment)
    raised: list[Exception] = []
    unread = _read(payloads, raised)
    for first in unread:
        yield from _deliver_batch(environment, chain([first], unread), time_left, judge)
        del first  # it would be held while the next batch is
    if raised:
        raise raised[0]


def _deliver_batch(
    environment: Environment,
    payloads: Iterator[Subscription],
    time_left: Callable[[], float],
    is_away: Judge,
) -> Iterator[BatchReport]:
    """Deliver as many payloads as fill a request, or leave one; yield mostly one report."""
    mode = environment.outage.mode()
    if mode is Mode.STORE:
        yield leave(islice(payloads, 1), NOT_TRIED)
        return
    if mode is Mode.PROBE and not environment.outage.was_answered:  # a full body would need more time
        payloads = islice(payloads, 1)
    delivery = _prepare(environment, mode, time_left)
    try:
        report = delivery.run(payloads)
    except Exception:  # noqa: BLE001  # whatever it was: first the events are brought to safety
        logger.exception("delivery.interrupted")
        yield from _isolate(environment, delivery.payloads, time_left, is_away)
        return
    away = is_away(report)
    if report.bulk_requests and not report.is_silent and away is not False:
        environment.outage.doubt()
    if away:
        environment.outage.begin()
    elif report.bulk_requests and away is False:
        environment.outage.end()
    yield report


def _read(payloads: Iterable[Subscription], raised: list[Exception]) -> Iterator[Subscription]:
    """Yield the payloads. What reading them raises ends them, and is noted: what is in hand comes first."""
    try:
        yield from payloads
    except Exception as error:  # noqa: BLE001  # raised again when its turn has come
        raised.append(error)


def _prepare(environment: Environment, mode: Mode, time_left: Callable[[], float]) -> Delivery:
    outage = environment.outage
    probing = mode is Mode.PROBE
    short = probing and not (outage.is_long or outage.was_answered)
    return Delivery(
        environment.make_encoder,
        environment.send,
        time_left=time_left,
        attempts=1 if probing or outage.is_doubted else ATTEMPTS,
        patience=PROBE_SECONDS if short else None,
    )


def _isolate(
    environment: Environment,
    payloads: list[Subscription],
    time_left: Callable[[], float],
    is_away: Judge,
) -> Iterator[BatchReport]:
    """Deliver each payload of an interrupted batch alone: one that cannot be handled harms no other."""
    if len(payloads) == 1:
        yield leave(payloads, INTERRUPTED)
        return
    for each in payloads:
        yield from deliver(environment, [each], time_left, is_away)


class UnkeptError(Exception):
    """What cannot be read has no place to be kept; the text says why it cannot be read."""


class Safe:
    """The failure store, as one invocation uses it: made when there is something to be kept."""

    def __init__(self, environment: Environment, request_id: str) -> None:
        self._config = environment.config
        self._request_id = request_id
        self._store: FailureStore | None = None

    @property
    def store(self) -> FailureStore | None:
        """The store; None where the configuration names no bucket."""
        bucket = self._config.failure_bucket
        if self._store is None and bucket is not None:
            self._store = FailureStore(bucket, self._request_id, kms_key=self._config.failure_kms_key)
        return self._store

    def keep(self, payloads: Iterable[tuple[Subscription, Report]]) -> None:
        """Store what is pending of payloads for a replay, together.

        Raises:
            DeliveryError: there is no bucket. Errors of S3: it took them not.
        """
        left = [(subscription, report) for subscription, report in payloads if report.pending]
        if not left:
            return
        if self.store is None:
            raise DeliveryError(BatchReport([report for _, report in left]))
        self.store.keep([(subscription, report.pending) for subscription, report in left])

    def reject(self, subscription: Subscription, report: Report, *, source: Pending | None = None) -> None:
        """Store what is rejected of a payload for people; it is settled only with its reason stored.

        Args:
            subscription: the payload.
            report: what became of it.
            source: what names the payload wherever it is delivered again: then its rejected events
                replace those of before.

        Raises:
            DeliveryError: there is no bucket. Errors of S3: it took them not.
        """
        if not report.rejected:
            return
        if self.store is None:
            raise DeliveryError(BatchReport([report]))
        self.store.reject([(subscription, report.rejected)], str(self._config.formats), source=source)

    def set_aside(self, source: Pending, data: bytes, reason: str) -> None:
        """Store for people what is no payload, as it came.

        Raises:
            UnkeptError: there is no bucket. Errors of S3: it took it not.
        """
        if self.store is None:
            raise UnkeptError(reason)
        self.store.put_aside(source, data, reason)
