"""What the functions do alike with payloads, whatever their source: deliver them, keep what is left.

The sources differ in where payloads come from and where an unsettled rest waits, in nothing else.
"""

from collections.abc import Callable, Iterable, Iterator

from handler.delivery import ATTEMPTS, INTERRUPTED, NOT_TRIED, Delivery
from handler.environment import Environment
from handler.failures import FailureStore, Pending
from handler.observe import logger
from handler.outage import PROBE_SECONDS, Mode
from handler.report import DeliveryError, Report
from parser.subscription import Subscription


def took_nothing(report: Report) -> bool:
    """Whether a delivery shows that OpenSearch takes nothing now, so that others need not wait for it."""
    return report.gave_up or (bool(report.refused) and not report.settled)


def deliver(
    environment: Environment,
    payloads: Iterable[Subscription],
    time_left: Callable[[], float],
    is_away: Callable[[Report], bool] = took_nothing,
) -> Iterator[Report]:
    """Deliver payloads in their order; yield a report for each, before the next is read.

    Whoever asks for no further report leaves the payloads behind it unread.

    Args:
        environment: configuration, connection, and what is remembered of an outage.
        payloads: read one by one, so that no more than one need be in memory.
        time_left: seconds until sending must stop.
        is_away: whether a report means that OpenSearch takes nothing for now: then the payloads that follow
            are not sent for a while.
    """
    for each in payloads:
        yield _deliver(environment, each, time_left, is_away)


def _deliver(
    environment: Environment,
    subscription: Subscription,
    time_left: Callable[[], float],
    is_away: Callable[[Report], bool],
) -> Report:
    mode = environment.outage.mode()
    delivery = Delivery(
        subscription,
        environment.encode,
        environment.send,
        time_left=time_left,
        attempts=1 if mode is Mode.PROBE else ATTEMPTS,
        patience=PROBE_SECONDS if mode is Mode.PROBE and not environment.outage.is_long else None,
    )
    if mode is Mode.STORE:
        return delivery.leave(NOT_TRIED)
    try:
        report = delivery.run()
    except Exception:  # noqa: BLE001  # whatever it was: first the events are brought to safety
        logger.exception("delivery.interrupted", extra={"log_group": subscription.log_group})
        return delivery.leave(INTERRUPTED)
    if is_away(report):
        environment.outage.begin()
    elif report.bulk_requests:
        environment.outage.end()
    return report


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

    def keep(self, subscription: Subscription, report: Report, *, source: Pending | None = None) -> None:
        """Store what is not settled; what is rejected counts as settled only with its reason stored.

        Args:
            subscription: the payload.
            report: what became of it.
            source: what names the payload wherever it is delivered again: then its rejected events
                replace those of before.

        Raises:
            DeliveryError: there is no bucket. Errors of S3: it took them not.
        """
        if not report.pending and not report.rejected:
            return
        if self.store is None:
            raise DeliveryError(report)
        if report.pending:
            self.store.keep(subscription, report.pending)
        if report.rejected:
            self.store.reject(subscription, report.rejected, str(self._config.formats), source=source)

    def set_aside(self, source: Pending, data: bytes, reason: str) -> None:
        """Store for people what is no payload, as it came.

        Raises:
            UnkeptError: there is no bucket. Errors of S3: it took it not.
        """
        if self.store is None:
            raise UnkeptError(reason)
        self.store.put_aside(source, data, reason)
