"""A Kinesis stream on this machine, as far as its function sees one: events with records."""

import time
from collections.abc import Sequence
from typing import Any, Final

STREAM: Final = "arn:aws:kinesis:us-east-1:123456789010:stream/flowlogs"
SHARD: Final = "shardId-000000000000"
FIRST_NUMBER: Final = 49_660_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000
"""Sequence numbers of the stream have 56 digits."""


def make_records(data: Sequence[str], *, first: int = 0, arrived: float | None = None) -> dict[str, Any]:
    """Make the event with which Lambda hands records over.

    Args:
        data: the content of each record, as base64 text.
        first: how many records came before in this shard: sequence numbers rise.
        arrived: when the stream took them, in seconds since the epoch; None for now.
    """
    moment = time.time() if arrived is None else arrived
    return {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": f"{number:032x}",
                    "sequenceNumber": str(FIRST_NUMBER + number),
                    "data": each,
                    "approximateArrivalTimestamp": moment,
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": f"{SHARD}:{FIRST_NUMBER + number}",
                "eventName": "aws:kinesis:record",
                "invokeIdentityArn": "arn:aws:iam::123456789010:role/flowlogs-StreamRole",
                "awsRegion": "us-east-1",
                "eventSourceARN": STREAM,
            }
            for number, each in enumerate(data, first)
        ]
    }
