"""The forward function: what CloudWatch Logs sends goes into OpenSearch, or into the failure store."""

import time
from typing import TYPE_CHECKING, Any

from handler.batch import Safe, deliver
from handler.environment import Environment, measure_time, prepare
from handler.observe import count, emit_metrics, find_reasons, log_failures, logger, measure_lag, tell
from handler.report import BatchReport
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
        if environment.config.is_own_log(subscription.owner, subscription.log_group):
            return _pass_over(environment, subscription, context)
        (report,) = deliver(environment, [subscription], measure_time(context))
        log_failures(report)
        safe = Safe(environment, context.aws_request_id)
        safe.keep([(subscription, report.payloads[0])])
        safe.reject(subscription, report.payloads[0])
    except Exception as error:
        logger.exception("forward.failed", extra={"request_id": context.aws_request_id})
        if isinstance(error, EnvelopeError):
            emit_metrics(context.function_name, {"unreadable": 1})
        raise
    counts = count(report)
    said = {
        "log_group": subscription.log_group,
        "log_stream": subscription.log_stream,
        **counts,
        "milliseconds": int((time.perf_counter() - started) * 1000),
        "reasons": find_reasons(report),
    }
    tell("forward.done", context.function_name, said, measure_lag(subscription))
    return counts


def _pass_over(
    environment: Environment, subscription: Subscription, context: "LambdaContext"
) -> dict[str, int]:
    """End quietly: a line about a payload of the functions' own log would call for the next payload."""
    events = len(subscription.events) + len(subscription.unusable)
    if untold := environment.own_log.pass_over(events):
        logger.warning("forward.own_log", extra={"log_group": subscription.log_group, "own_log": untold})
        emit_metrics(context.function_name, {"own_log": untold})
    return {**count(BatchReport()), "own_log": events}
