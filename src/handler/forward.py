"""The forward function: what CloudWatch Logs sends goes into OpenSearch."""

import os
import time
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from handler.config import Config
from handler.delivery import DeliveryError, deliver
from handler.observe import count, emit_metrics, log_report, logger
from handler.opensearch import Send, connect, sender
from parser.bulk import encode
from parser.subscription import Subscription, decode_event

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@dataclass(frozen=True, slots=True)
class _Environment:
    """What an execution environment keeps between invocations."""

    config: Config
    send: Send


@cache
def prepare() -> _Environment:
    """Read the configuration and make the client, once; `prepare.cache_clear()` forgets both."""
    config = Config.from_environ(os.environ)
    logger.setLevel(config.log_level)
    return _Environment(config, sender(connect(config)))


def lambda_handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, int]:
    """Deliver one payload.

    Returns:
        How many events came and what became of them. CloudWatch Logs ignores it; a person who
        invokes the function reads it.

    Raises:
        DeliveryError: an event is not settled. Lambda hands the payload over again, which does no
            harm: what is in the index already counts as duplicate.
    """
    started = time.perf_counter()
    try:
        environment = prepare()
        subscription = decode_event(event)
        return _forward(environment, subscription, context, started)
    except Exception:
        logger.exception("forward.failed", extra={"request_id": context.aws_request_id})
        raise


def _forward(
    environment: _Environment, subscription: Subscription, context: "LambdaContext", started: float
) -> dict[str, int]:
    config = environment.config
    bodies = encode(
        subscription,
        config.formats,
        prefix=config.index_prefix,
        max_bytes=config.max_bulk_bytes,
        keep_message=config.keep_message,
    )
    report = deliver(bodies, environment.send)
    log_report(subscription, report, int((time.perf_counter() - started) * 1000))
    counts = count(report)
    emit_metrics(context.function_name, counts | _measure_lag(subscription))
    if report.pending or report.rejected:
        raise DeliveryError(report)
    return counts


def _measure_lag(subscription: Subscription) -> dict[str, int]:
    """Return the age of the oldest event, in milliseconds; nothing for a payload without events."""
    oldest = min((event.timestamp for event in subscription.events), default=None)
    return {} if oldest is None else {"delivery_lag": max(0, int(time.time() * 1000) - oldest)}
