"""The stream function before an OpenSearch that answers as it is told, and what its records hold."""

import base64
import gzip
import io
import json
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from typing import Any, cast

import boto3
import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from flowlogs.local.stream import FIRST_NUMBER
from flowlogs.traffic.day import encode_event
from handler import batch, observe, stream
from handler.config import Config
from handler.environment import Environment
from handler.opensearch import ConnectionFailedError
from handler.outage import Outage
from parser.bulk import Body
from support.commands import BUCKET
from support.stored import decode_all

LINE = "2 123456789010 eni-0a1b 10.0.1.5 10.0.2.9 41230 3306 6 12 1904 1768478400 1768478458 ACCEPT OK"
DAY = 86_400_000
CONTROL = base64.b64encode(gzip.compress(b'{"messageType":"CONTROL_MESSAGE","logEvents":[]}')).decode()
JUNK = base64.b64encode(b"no payload at all").decode()
ROW: dict[str, object] = {"id": "own", "timestamp": 1_768_478_400_000, "message": "a line of its own"}
TAKEN, THERE, REFUSED, BLOCKED = 201, 409, 400, 403
ACCOUNTS = ("received", "indexed", "duplicate", "pending", "rejected", "unaccounted")


@dataclass
class Cluster:
    """What stands in for OpenSearch: keeps the ids that it took, and answers as it is told.

    Attributes:
        rule: index and event id -> the status of that event.
        away: whether it is not there at all.
        documents: index and id of what it took.
        requests: how many it got.
    """

    rule: Callable[[str, str], int] = lambda _index, _id: TAKEN
    away: bool = False
    documents: list[tuple[str, str]] = field(default_factory=list)
    requests: int = 0

    def send(self, body: Body, _seconds: float) -> tuple[int, bytes]:
        self.requests += 1
        if self.away:
            raise ConnectionFailedError("connection", "refused")
        items = [self._answer(body.index, event.id) for event in body.events]
        errors = any("error" in each["create"] for each in items)
        return 200, json.dumps({"took": 1, "errors": errors, "items": items}).encode()

    def _answer(self, index: str, identity: str) -> dict[str, dict[str, Any]]:
        there = (index, identity) in self.documents
        status = THERE if there else self.rule(index, identity)
        named = {"_index": index, "_id": identity, "status": status}
        if status == TAKEN:
            self.documents.append((index, identity))
            return {"create": named | {"result": "created"}}
        kinds = {
            THERE: "version_conflict_engine_exception",
            REFUSED: "mapper_parsing_exception",
            BLOCKED: "cluster_block_exception",
        }
        return {"create": named | {"error": {"type": kinds[status], "reason": "because"}}}


@dataclass
class Context:
    """What Lambda tells an invocation."""

    function_name: str = "stream"
    aws_request_id: str = "6f7d5c1e-0a64-4d1c-a2a5-5f2e8a3d9b10"
    seconds: Callable[[], float] = lambda: 60.0

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds that are left."""
        return int(1000 * self.seconds())


@dataclass
class Function:
    """The function in one execution environment.

    Attributes:
        cluster: what it sends to.
        environment: what it keeps between invocations.
        log: what its logger wrote, and what it printed.
        metrics: what each invocation counted.
        now: the clock of what it remembers of an outage.
    """

    cluster: Cluster
    environment: Environment
    log: io.StringIO
    metrics: list[dict[str, int]]
    now: list[float]

    def __call__(self, event: object, context: Context | None = None) -> str | None:
        """Invoke it; return which record it answers with, counted from the first; None where all is done."""
        with redirect_stdout(self.log):
            answer = stream.lambda_handler(
                cast("dict[str, Any]", event), cast("LambdaContext", context or Context())
            )
        assert list(answer) == ["batchItemFailures"]
        for each in answer["batchItemFailures"]:
            assert list(each) == ["itemIdentifier"]
            return str(int(each["itemIdentifier"]) - FIRST_NUMBER)
        return None

    def read_log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.getvalue().splitlines()]


def make_function(monkeypatch: pytest.MonkeyPatch, **environ: str) -> Function:
    given = {"OPENSEARCH_URL": "http://localhost", "OPENSEARCH_AUTH": "none", "FAILURE_BUCKET": BUCKET}
    cluster, now = Cluster(), [1000.0]
    environment = Environment(Config.from_environ(given | environ), cluster.send, Outage(lambda: now[0]))
    made = Function(cluster, environment, io.StringIO(), [], now)
    monkeypatch.setattr(stream, "prepare", lambda: environment)

    def tell(message: str, function_name: str, said: dict[str, Any]) -> None:
        made.metrics.append(said)
        observe.tell(message, function_name, said)

    monkeypatch.setattr(stream, "tell", tell)
    monkeypatch.setattr(batch, "ATTEMPTS", 1)
    monkeypatch.setattr(observe.logger.registered_handler, "stream", made.log)
    return made


def payload(*ids: str, stream_name: str = "eni-1", days_ago: int = 0) -> str:
    """Return the data of a record with events of these ids, of today or another day."""
    rows = [
        {"id": each, "timestamp": int(time.time() * 1000) - days_ago * DAY, "message": LINE} for each in ids
    ]
    return encode_event("123456789010", "/vpc/flow-logs", stream_name, rows)["awslogs"]["data"]


def taken(function: Function) -> list[str]:
    return [identity for _, identity in function.cluster.documents]


def stored(prefix: str) -> dict[str, bytes]:
    """Return what the bucket holds: key -> content."""
    s3 = boto3.client("s3")
    found = s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
    return {each["Key"]: s3.get_object(Bucket=BUCKET, Key=each["Key"])["Body"].read() for each in found}


def waiting() -> list[str]:
    """Return the ids of the events that wait in the bucket."""
    payloads = [each for data in stored("failed/").values() for each in decode_all(data)]
    return [event.id for each in payloads for event in each.events]


def some(found: dict[str, int], *names: str) -> dict[str, int]:
    return {name: found[name] for name in names}
