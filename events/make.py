# ruff: noqa: INP001  (a script, not a package)
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

from flowlogs.traffic.day import LambdaEvent, encode_payload, event_id

EVENTS: Final = Path(__file__).parent
PAYLOADS: Final = EVENTS / "payloads"

OF_ZLIB: Final = {"flow-logs-system-fields"}
"""Payloads that are compressed with zlib, as in AWS's published sample of an account-level subscription."""

INGESTION_DELAY: Final = 360_000
"""Milliseconds between a record's start and its arrival in the log group."""


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


if __name__ == "__main__":
    for made in make_all():
        sys.stdout.write(f"{made.relative_to(EVENTS.parent)}\n")
