"""This project's stream function: payloads in batches of a thousand events, one record each."""

import os
from collections.abc import Callable
from typing import Any

from benchmarks.contenders.ours import Context

BATCH = 1_000
"""Events in a batch, of as many payloads as that takes."""


def bundle(events: list[dict[str, Any]], size: str) -> list[dict[str, Any]]:
    """Return events of Kinesis that hold the payloads of Lambda's, which have so many log events each."""
    number = max(1, BATCH // int(size))
    return [{"Records": _make_records(events[at : at + number])} for at in range(0, len(events), number)]


def _make_records(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "eventSource": "aws:kinesis",
            "eventID": f"shardId-000000000000:{position}",
            "eventSourceARN": "arn:aws:kinesis:eu-central-1:123456789012:stream/flowlogs",
            "kinesis": {
                "data": event["awslogs"]["data"],
                "sequenceNumber": str(position),
                "partitionKey": "a",
                "approximateArrivalTimestamp": 1790850000.0,
            },
        }
        for position, event in enumerate(events)
    ]


def prepare(url: str, fields: tuple[str, ...]) -> Callable[[dict[str, Any]], None]:
    """Return what handles such an event."""
    os.environ["OPENSEARCH_URL"] = url
    os.environ["LOG_FORMATS"] = " ".join(f"${{{name}}}" for name in fields)
    from handler.stream import lambda_handler

    context: Any = Context()

    def handle(event: dict[str, Any]) -> None:
        answer = lambda_handler(event, context)
        if answer["batchItemFailures"]:
            raise RuntimeError(f"not all records were settled: {answer}")

    return handle
