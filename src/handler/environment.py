"""What an execution environment keeps between invocations, the same for all functions."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Final

from handler.config import Config
from handler.observe import logger
from handler.opensearch import Send, connect, sender
from handler.outage import Outage
from handler.own_log import OwnLog
from parser.bulk import Encoder

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

RESERVE: Final = 15.0
"""Seconds kept for storing what is not settled: two objects, each tried twice with all the patience that the
failure store has, and importing boto3 with a small part of a processor."""

LARGEST_RESERVE: Final = 0.4
"""Of an invocation's time: a function with a short timeout still has time to send."""


@dataclass(frozen=True, slots=True)
class Environment:
    """Made once.

    Attributes:
        config: what the environment says.
        send: posts a bulk body, over a connection that stays open.
        outage: what is remembered of deliveries that gave up.
        own_log: what has been passed over of the functions' own log.
    """

    config: Config
    send: Send
    outage: Outage = field(default_factory=Outage)
    own_log: OwnLog = field(default_factory=OwnLog)

    def make_encoder(self) -> Encoder:
        """Return what makes the bodies of a batch, as the configuration says."""
        return Encoder(
            self.config.formats,
            prefix=self.config.index_prefix,
            max_bytes=self.config.max_bulk_bytes,
            keep_message=self.config.keep_message,
        )


@cache
def prepare() -> Environment:
    """Read the configuration and make the client, once; `prepare.cache_clear()` forgets both."""
    config = Config.from_environ(os.environ)
    logger.setLevel(config.log_level)
    return Environment(
        config,
        sender(connect(config), lambda reason: logger.warning("answers.unmarked", extra={"reason": reason})),
    )


def measure_time(context: "LambdaContext") -> Callable[[], float]:
    """Return the clock of an invocation: seconds until sending must stop.

    Lambda gives no sign before it stops a function. What must be done before the end is done in the
    time that this clock keeps back.
    """
    reserve = min(RESERVE, context.get_remaining_time_in_millis() / 1000 * LARGEST_RESERVE)
    return lambda: context.get_remaining_time_in_millis() / 1000 - reserve
