"""The failure bucket: moto's S3 on a port of this machine, which other processes can use as well.

Moto does not compare the ETag that DeleteObjects is given, as S3 does: what depends on that is tested on
`support.memory_s3`, which does.
"""

import gzip
import json
import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import boto3
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

from faults.harness.context import FUNCTION
from handler.failures import FAILED, ON_FAILURE, REJECTED
from support.stored import decode_all

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NAME: Final = "flowlogs-failures"
REGION: Final = "eu-central-1"
MAPPING: Final = "0f5e2c1a-6a1d-4c8b-9d55-0c604cde93a5"
"""The id of the mapping between stream and function, which stands in what Lambda names itself."""

# What a function's environment holds; moto takes any.
CREDENTIALS: Final = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
}


@contextmanager
def serve() -> Iterator[int]:
    """Run an S3 server and give its port."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        yield server.get_host_and_port()[1]
    finally:
        server.stop()


class Bucket:
    """The bucket, seen by one who may do everything."""

    def __init__(self, port: int) -> None:
        """Connect to the server on that port."""
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._s3: S3Client = boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        )

    def make(self) -> None:
        """Make the bucket where it is missing, and empty it where it is not."""
        if NAME not in {each["Name"] for each in self._s3.list_buckets()["Buckets"]}:
            self._s3.create_bucket(Bucket=NAME, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.drop(*self.keys())

    def keys(self, *prefixes: str) -> list[str]:
        """Return the keys under the prefixes (none: all), sorted within each."""
        pages = self._s3.get_paginator("list_objects_v2")
        return [
            each["Key"]
            for prefix in prefixes or ("",)
            for page in pages.paginate(Bucket=NAME, Prefix=prefix)
            for each in page.get("Contents", ())
        ]

    def pending(self) -> list[str]:
        """Return the keys of all that a replay would take."""
        return self.keys(FAILED, ON_FAILURE)

    def read(self, key: str) -> bytes:
        return self._s3.get_object(Bucket=NAME, Key=key)["Body"].read()

    def metadata(self, key: str) -> dict[str, str]:
        return self._s3.head_object(Bucket=NAME, Key=key)["Metadata"]

    def put(self, key: str, data: bytes) -> None:
        self._s3.put_object(Bucket=NAME, Key=key, Body=data)

    def drop(self, *keys: str) -> None:
        for key in keys:
            self._s3.delete_object(Bucket=NAME, Key=key)

    def pending_ids(self) -> list[str]:
        """Return the ids of the events under failed/, with repetitions."""
        return [
            event.id
            for key in self.keys(FAILED)
            for payload in decode_all(self.read(key))
            for event in payload.events
        ]

    def rejected(self) -> list[dict[str, Any]]:
        """Return the lines of all rejected events."""
        objects = [self.read(key) for key in self.keys(REJECTED) if key.endswith(".ndjson.gz")]
        return [json.loads(line) for each in objects for line in gzip.decompress(each).splitlines()]

    def put_on_failure(self, event: object, request_id: str, reason: BaseException) -> str:
        """Write the record that Lambda writes when its retries are exhausted."""
        now = datetime.now(UTC)
        record = {
            "version": "1.0",
            "timestamp": f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z",
            "requestContext": {
                "requestId": request_id,
                "functionArn": f"arn:aws:lambda:{REGION}:123456789012:function:{FUNCTION}:$LATEST",
                "condition": "RetriesExhausted",
                "approximateInvokeCount": 3,
            },
            "requestPayload": event,
            "responseContext": {
                "statusCode": 200,
                "executedVersion": "$LATEST",
                "functionError": "Unhandled",
            },
            "responsePayload": {
                "errorMessage": str(reason),
                "errorType": type(reason).__name__,
                "requestId": request_id,
                "stackTrace": [],
            },
        }
        key = f"{ON_FAILURE}async/{FUNCTION}/{now:%Y/%m/%d/%Y-%m-%dT%H.%M.%S}-{uuid.uuid4()}"
        self.put(key, json.dumps(record).encode())
        return key

    def put_discarded(self, records: list[dict[str, Any]]) -> str:
        """Write the record that Lambda writes of a batch of a stream that it gives up."""
        now = datetime.now(UTC)
        shard = records[0]["eventID"].partition(":")[0]
        numbers = [each["kinesis"]["sequenceNumber"] for each in records]
        document = {
            "requestContext": {
                "requestId": str(uuid.uuid4()),
                "functionArn": f"arn:aws:lambda:{REGION}:123456789012:function:stream",
                "condition": "RecordAgeExceeded",
                "approximateInvokeCount": 7,
            },
            "responseContext": {
                "statusCode": 200,
                "executedVersion": "$LATEST",
                "functionError": "Unhandled",
            },
            "version": "1.0",
            "timestamp": f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z",
            "KinesisBatchInfo": {
                "shardId": shard,
                "startSequenceNumber": numbers[0],
                "endSequenceNumber": numbers[-1],
                "batchSize": len(records),
                "streamArn": records[0]["eventSourceARN"],
            },
            "payload": json.dumps({"Records": records}),
        }
        key = f"{ON_FAILURE}{MAPPING}/{shard}/{now:%Y/%m/%d/%Y-%m-%dT%H.%M.%S}-{uuid.uuid4()}"
        self.put(key, json.dumps(document).encode())
        return key
