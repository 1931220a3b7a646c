"""The forward or the stream function in this process, with an environment of its own and output in a file."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TextIO

from flowlogs.local.stream import make_records
from handler import forward, observe, stream
from handler.environment import prepare
from handler.failures import connect_s3
from handler.report import DeliveryError

Send = Callable[[dict[str, Any]], dict[str, int]]
"""Invoke the function with an event; returns what became of the events in it."""

SendBatch = Callable[[Sequence[dict[str, Any]]], dict[str, int]]
"""Put the payloads of events into a stream and invoke its function with them; returns what became of them."""

INVOCATION_SECONDS: Final = 60
"""As the function in the template has."""

FUNCTION: Final = "flowlogs-demo"


@dataclass(frozen=True, slots=True)
class _Context:
    """What the forward function reads of Lambda's context."""

    function_name: str = FUNCTION
    aws_request_id: str = "demo"
    deadline: float = field(default_factory=lambda: time.monotonic() + INVOCATION_SECONDS)

    def get_remaining_time_in_millis(self) -> int:
        """Return the time that is left of the invocation, as Lambda's context does."""
        return int((self.deadline - time.monotonic()) * 1000)


@contextmanager
def forward_function(environ: Mapping[str, str], log: Path) -> Iterator[Send]:
    """Give the real handler in a new execution environment.

    Args:
        environ: all that the function finds in its environment.
        log: takes what the function prints, its log lines and metrics.
    """
    with _execution_environment(environ, log):
        yield _send


@contextmanager
def stream_function(environ: Mapping[str, str], log: Path) -> Iterator[SendBatch]:
    """Give the handler of a stream in a new execution environment; arguments as for `forward_function`.

    What it answers are only the records that it left; the counts are those of its line.
    """
    with _execution_environment(environ, log) as output:
        sent = 0

        def send(events: Sequence[dict[str, Any]]) -> dict[str, int]:
            nonlocal sent
            records = make_records([each["awslogs"]["data"] for each in events], first=sent)
            sent += len(events)
            output.flush()
            before = log.stat().st_size
            stream.lambda_handler(records, _Context())  # type: ignore[arg-type]  # it reads no more
            output.flush()
            with log.open("rb") as said:
                said.seek(before)
                (line,) = [line for line in said if b'"_aws"' in line]
            return _read_counts(json.loads(line))

        yield send


@contextmanager
def _execution_environment(environ: Mapping[str, str], log: Path) -> Iterator[TextIO]:
    previous = dict(os.environ)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as output, redirect_stdout(output), _logging_to(output):
        try:
            _become(environ)
            yield output
        finally:
            _become(previous)


def _read_counts(line: Mapping[str, Any]) -> dict[str, int]:
    return {key: line.get(metric, 0) for metric, (key, _) in observe.METRICS.items()}


def _become(environ: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environ)
    prepare.cache_clear()
    connect_s3.cache_clear()


@contextmanager
def _logging_to(log: TextIO) -> Iterator[None]:
    handler = observe.logger.registered_handler
    handler.setStream(log)  # type: ignore[attr-defined]  # it is a StreamHandler
    try:
        yield
    finally:
        handler.setStream(sys.__stdout__)  # type: ignore[attr-defined]  # the same


def _send(event: dict[str, Any]) -> dict[str, int]:
    try:
        return forward.lambda_handler(event, _Context())  # type: ignore[arg-type]  # it reads no more
    except DeliveryError as error:  # Lambda would try again; here the count shows it
        return observe.count(error.report)
