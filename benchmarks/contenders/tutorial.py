"""The handler of many a tutorial: json, requests and requests-aws4auth.

It does not validate, does not compress, and puts everything into one request.
"""

import base64
import gzip
import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import requests
from requests_aws4auth import AWS4Auth

NUMBERS = {
    "version", "srcport", "dstport", "protocol", "packets", "bytes", "start", "end", "tcp-flags",
    "traffic-path",
}  # fmt: skip


def sign_requests() -> AWS4Auth:
    """Return what signs requests with Lambda's credentials."""
    return AWS4Auth(
        os.environ["AWS_ACCESS_KEY_ID"],
        os.environ["AWS_SECRET_ACCESS_KEY"],
        os.environ["AWS_REGION"],
        "es",
        session_token=os.environ["AWS_SESSION_TOKEN"],
    )


def make_documents(
    event: dict[str, Any], fields: tuple[str, ...]
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield index, id and document of each log event."""
    payload = json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"])))
    for log_event in payload["logEvents"]:
        document: dict[str, Any] = {}
        for name, value in zip(fields, log_event["message"].split(" "), strict=False):
            if value != "-":
                document[name.replace("-", "_")] = int(value) if name in NUMBERS else value
        moment = datetime.fromtimestamp(log_event["timestamp"] / 1000, UTC)
        document["@timestamp"] = moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
        document["@message"] = log_event["message"]
        document["@owner"] = payload["owner"]
        document["@log_group"] = payload["logGroup"]
        document["@log_stream"] = payload["logStream"]
        yield moment.strftime("cwl-%Y.%m.%d"), log_event["id"], document


def prepare(url: str, fields: tuple[str, ...]) -> Callable[[dict[str, Any]], None]:
    """Return what handles an event."""
    auth = sign_requests()

    def handle(event: dict[str, Any]) -> None:
        body = ""
        for index, identity, document in make_documents(event, fields):
            body += json.dumps({"index": {"_index": index, "_id": identity}}) + "\n"
            body += json.dumps(document) + "\n"
        headers = {"Content-Type": "application/x-ndjson"}
        reply = requests.post(f"{url}/_bulk", auth=auth, data=body.encode(), headers=headers, timeout=60)
        reply.raise_for_status()
        if reply.json()["errors"]:
            raise RuntimeError("not all documents were taken")

    return handle
