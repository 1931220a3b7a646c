# ruff: noqa: INP001  # a script, not a package
"""Make the sample events (`python events/make.py`).

Each file of payloads/ is what a CloudWatch Logs subscription sends, to be read and edited by people. For
each, this writes what Lambda gets: events with their ids, compressed, as base64 text. Every run writes the
same, so that a change shows in version control; a test makes them again and compares.
"""

import base64
import hashlib
import json
import sys
import zlib
from pathlib import Path
from typing import Any, Final

from flowlogs.local.stream import SHARD, STREAM, make_records
from flowlogs.traffic.day import LambdaEvent, encode_payload, event_id

EVENTS: Final = Path(__file__).parent
PAYLOADS: Final = EVENTS / "payloads"

OF_ZLIB: Final = {"flow-logs-system-fields"}
"""Payloads that are compressed with zlib, as in AWS's published sample of an account-level subscription."""

INGESTION_DELAY: Final = 360_000
"""Milliseconds between a record's start and its arrival in the log group."""


STREAM_RECORDS: Final = ("flow-logs-v2", "control-message", "flow-logs-v5")
DISCARDED_RECORDS: Final = ("flow-logs-midnight", None, "flow-logs-transit-gateway")
"""The payloads in the records of a stream; None is a record that is none."""

ARRIVED: Final = 1_768_478_820.5
"""When the stream took the records, in seconds since the epoch: 2026-01-15, 12:07 UTC."""


def make_event(source: Path) -> LambdaEvent:
    """Read a payload and make the Lambda event of it."""
    payload: dict[str, Any] = json.loads(source.read_text(encoding="utf-8"))
    if payload["messageType"] == "DATA_MESSAGE":
        payload["logEvents"] = [
            {"id": _identify(source.stem, event["timestamp"], number)} | event
            for number, event in enumerate(payload["logEvents"])
        ]
    if source.stem in OF_ZLIB:
        text = json.dumps(payload, separators=(",", ":")).encode()
        return {"awslogs": {"data": base64.b64encode(zlib.compress(text, 9)).decode("ascii")}}
    return encode_payload(payload)


def _identify(name: str, timestamp: int, number: int) -> str:
    """Make an id that no event of another file has: in one index, each is a document of its own."""
    salt = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8])
    return event_id(timestamp, timestamp + INGESTION_DELAY, salt, number)


def make_all(target: Path = EVENTS) -> list[Path]:
    """Write every event into the folder; return the files."""
    files = []
    for source in sorted(PAYLOADS.glob("*.json")):
        file = target / source.name
        file.write_text(json.dumps(make_event(source), indent=2) + "\n", encoding="utf-8")
        files.append(file)
    return files


def make_stream(target: Path = EVENTS) -> list[Path]:
    """Write what has to do with a stream into the folder `stream`; return the files."""
    records = make_records(list(map(_encode, STREAM_RECORDS)), arrived=ARRIVED)
    batch = make_records(list(map(_encode, DISCARDED_RECORDS)), arrived=ARRIVED)
    files = {"records": records, "discarded-batch": _discard(batch)}
    folder = target / "stream"
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return [folder / f"{name}.json" for name in files]


def _encode(name: str | None) -> str:
    if name is None:
        return base64.b64encode(b"no payload at all").decode("ascii")
    return make_event(PAYLOADS / f"{name}.json")["awslogs"]["data"]


def _discard(batch: dict[str, Any]) -> dict[str, Any]:
    """Make what Lambda writes to a bucket when it gives a batch up ("Amazon S3 invocation record")."""
    numbers = [each["kinesis"]["sequenceNumber"] for each in batch["Records"]]
    return {
        "requestContext": {
            "requestId": "c9b8fa9f-5a7f-4d3e-af9c-0c604cde93a5",
            "functionArn": "arn:aws:lambda:us-east-1:123456789010:function:flowlogs-StreamFunction",
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 7,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "version": "1.0",
        "timestamp": "2026-01-16T06:07:01.021Z",
        "KinesisBatchInfo": {
            "shardId": SHARD,
            "startSequenceNumber": numbers[0],
            "endSequenceNumber": numbers[-1],
            "approximateArrivalOfFirstRecord": "2026-01-15T12:07:00.500Z",
            "approximateArrivalOfLastRecord": "2026-01-15T12:07:00.500Z",
            "batchSize": len(numbers),
            "streamArn": STREAM,
        },
        "payload": json.dumps(batch),
    }


if __name__ == "__main__":
    for made in (*make_all(), *make_stream()):
        sys.stdout.write(f"{made.relative_to(EVENTS.parent)}\n")
