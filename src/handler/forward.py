"""The forward function: what CloudWatch Logs sends goes into OpenSearch, or into the failure store."""

import time
from typing import TYPE_CHECKING, Any

from handler.delivery import ATTEMPTS, INTERRUPTED, NOT_TRIED, Delivery
from handler.environment import Environment, measure_time, prepare
from handler.failures import FailureStore
from handler.observe import count, emit_metrics, log_failures, log_report, logger, measure_lag
from handler.outage import PROBE_SECONDS, Mode
from handler.report import DeliveryError, Report
from parser.errors import EnvelopeError
from parser.subscription import Subscription, decode_event

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


def lambda_handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, int]:
    """Deliver one payload, and store what OpenSearch does not take now.

    Returns:
        How many events came and what became of them. CloudWatch Logs ignores it; a person who
        invokes the function reads it.

    Raises:
        EnvelopeError, ConfigError: nothing could be read. DeliveryError, or an error of S3: events
            are not settled and could not be stored. In each case Lambda hands the event over again,
            twice, and then writes it to the failure bucket itself.
    """
    started = time.perf_counter()
    try:
        environment = prepare()
        subscription = decode_event(event)
        if environment.config.is_own_log(subscription.log_group):
            return _pass_over(environment, subscription, context)
        report = _deliver(environment, subscription, context)
        log_failures(report)
        _keep(environment, subscription, report, context.aws_request_id)
    except Exception as error:
        logger.exception("forward.failed", extra={"request_id": context.aws_request_id})
        if isinstance(error, EnvelopeError):
            emit_metrics(context.function_name, {"unreadable": 1})
        raise
    log_report("forward.done", subscription, report, milliseconds=int((time.perf_counter() - started) * 1000))
    emit_metrics(context.function_name, {**count(report), **measure_lag(subscription)})
    return count(report)


def _pass_over(
    environment: Environment, subscription: Subscription, context: "LambdaContext"
) -> dict[str, int]:
    """End quietly: a line about a payload of the functions' own log would call for the next payload."""
    events = len(subscription.events) + len(subscription.unusable)
    if untold := environment.own_log.pass_over(events):
        logger.warning("forward.own_log", extra={"log_group": subscription.log_group, "own_log": untold})
        emit_metrics(context.function_name, {"own_log": untold})
    return {**count(Report(received=0)), "own_log": events}


def _deliver(environment: Environment, subscription: Subscription, context: "LambdaContext") -> Report:
    mode = environment.outage.mode()
    delivery = Delivery(
        subscription,
        environment.encode,
        environment.send,
        time_left=measure_time(context),
        attempts=1 if mode is Mode.PROBE else ATTEMPTS,
        patience=PROBE_SECONDS if mode is Mode.PROBE and not environment.outage.is_long else None,
    )
    if mode is Mode.STORE:
        return delivery.leave(NOT_TRIED)
    try:
        report = delivery.run()
    except Exception:  # noqa: BLE001  # whatever it was: first the events are brought to safety
        logger.exception("forward.interrupted", extra={"request_id": context.aws_request_id})
        return delivery.leave(INTERRUPTED)
    if report.gave_up or (report.refused and not report.settled):
        environment.outage.begin()
    elif report.bulk_requests:
        environment.outage.end()
    return report


def _keep(environment: Environment, subscription: Subscription, report: Report, request_id: str) -> None:
    """Store what is not settled; what is rejected counts as settled only with its reason stored."""
    if not report.pending and not report.rejected:
        return
    config = environment.config
    if config.failure_bucket is None:
        raise DeliveryError(report)
    store = FailureStore(config.failure_bucket, request_id, kms_key=config.failure_kms_key)
    if report.pending:
        store.keep(subscription, report.pending)
    if report.rejected:
        store.reject(subscription, report.rejected, str(config.formats))
