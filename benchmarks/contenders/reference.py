"""With the standard library alone, and nothing of this project: what is right, said a second time.

It validates each value, types it and compresses, as our function does. Its documents are what those of
all contenders are compared with.
"""

import base64
import gzip
import hashlib
import hmac
import http.client
import ipaddress
import json
import os
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

Document = dict[str, Any]

INTEGERS = {
    "version": 32_767, "srcport": 65_535, "dstport": 65_535, "protocol": 255, "packets": 2**63 - 1,
    "bytes": 2**63 - 1, "start": 99_999_999_999, "end": 99_999_999_999, "tcp-flags": 32_767,
    "traffic-path": 127,
}  # fmt: skip
ADDRESSES = {"srcaddr", "dstaddr", "pkt-srcaddr", "pkt-dstaddr"}
CHOICES = {"action": {"ACCEPT", "REJECT"}, "log-status": {"OK", "NODATA", "SKIPDATA"}}
NUMBER = re.compile(r"0|[1-9][0-9]*", re.ASCII)


def read_payload(event: dict[str, Any]) -> dict[str, Any]:
    """Return what CloudWatch Logs sent."""
    payload: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"])))
    return payload


def read_value(name: str, token: str) -> str | int:
    """Return a field's value; ValueError where it is wrong."""
    if name in INTEGERS:
        if not NUMBER.fullmatch(token) or int(token) > INTEGERS[name]:
            raise ValueError(name)
        return int(token)
    if name in ADDRESSES:
        ipaddress.ip_address(token)
    elif name in CHOICES and token not in CHOICES[name]:
        raise ValueError(name)
    return token


def make_documents(event: dict[str, Any], fields: tuple[str, ...]) -> Iterator[tuple[str, str, Document]]:
    """Yield index, id and document of each log event. All lines must be right."""
    payload = read_payload(event)
    for log_event in payload["logEvents"]:
        moment = datetime.fromtimestamp(log_event["timestamp"] / 1000, UTC)
        document: Document = {
            name.replace("-", "_"): read_value(name, token)
            for name, token in zip(fields, log_event["message"].split(), strict=True)
            if token != "-"  # absent
        }
        document["@timestamp"] = f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"
        document["@message"] = log_event["message"]
        document["@owner"] = payload["owner"]
        document["@log_group"] = payload["logGroup"]
        document["@log_stream"] = payload["logStream"]
        yield f"cwl-{moment:%Y.%m.%d}", log_event["id"], document


def prepare(url: str, fields: tuple[str, ...]) -> Callable[[dict[str, Any]], None]:
    """Return what handles an event: one request for each day, as our function makes them."""
    host = urlsplit(url).netloc
    connection = http.client.HTTPConnection(host)

    def handle(event: dict[str, Any]) -> None:
        bodies: dict[str, list[str]] = {}
        for index, identity, document in make_documents(event, fields):
            rows = bodies.setdefault(index, [])
            rows.append(json.dumps({"create": {"_id": identity}}))
            rows.append(json.dumps(document))
        for index, rows in bodies.items():
            body = gzip.compress(("\n".join(rows) + "\n").encode(), compresslevel=1)
            path, query = f"/{index}/_bulk", "filter_path=errors%2Citems.%2A.status%2Citems.%2A.error"
            connection.request("POST", f"{path}?{query}", body, sign(host, path, query, body))
            reply = json.loads(connection.getresponse().read())
            if reply["errors"] or len(reply["items"]) * 2 != len(rows):
                raise RuntimeError("not all documents were taken")

    return handle


def sign(host: str, path: str, query: str, body: bytes) -> dict[str, str]:
    """Return the headers of a request, signed with Signature Version 4."""
    moment = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    scope = f"{moment[:8]}/{os.environ['AWS_REGION']}/es/aws4_request"
    digest = hashlib.sha256(body).hexdigest()
    headers = {
        "host": host,
        "x-amz-content-sha256": digest,
        "x-amz-date": moment,
        "x-amz-security-token": os.environ["AWS_SESSION_TOKEN"],
    }
    names = ";".join(headers)
    canonical = "".join(f"{name}:{value}\n" for name, value in headers.items())
    request = f"POST\n{path}\n{query}\n{canonical}\n{names}\n{digest}"
    key = b"AWS4" + os.environ["AWS_SECRET_ACCESS_KEY"].encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    credential = f"{os.environ['AWS_ACCESS_KEY_ID']}/{scope}"
    return headers | {
        "content-type": "application/x-ndjson",
        "content-encoding": "gzip",
        "authorization": f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, "
        f"Signature={signature}",
    }
