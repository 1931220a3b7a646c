"""One stack for each test: functions, a proxy, a real OpenSearch with the index template, a bucket."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from faults.harness import bucket as buckets
from faults.harness.bucket import Bucket
from faults.harness.functions import Functions
from faults.harness.ledger import PREFIX, Ledger, Payload
from faults.harness.proxy import Proxy
from flowlogs.local.embedded import Embedded
from handler import batch, delivery
from handler.failures import FAILED, connect_s3
from handler.observe import logger
from handler.replaying import dispatch
from parser.engine import Engine
from parser.format import DEFAULT, Formats
from parser.index_template import index_template


@dataclass(frozen=True)
class Stack:
    """All that a test works with."""

    functions: Functions
    proxy: Proxy
    node: Embedded
    bucket: Bucket
    ledger: Ledger

    def settle(self, rejected: dict[str, str] | None = None, waiting: frozenset[str] = frozenset()) -> None:
        """Assert that every event is where it must be: see Ledger.settle."""
        self.ledger.settle(self.node, self.bucket, rejected=rejected, waiting=waiting)

    def store(self, payload: Payload, name: str) -> str:
        """Put a payload into the bucket as forward would; return the key."""
        key = f"{FAILED}2026/01/01/00/{name}.json.gz"
        self.bucket.put(key, base64.b64decode(payload.event["awslogs"]["data"]))
        return key


def install_template(node: Embedded) -> None:
    """Put the index template in place, as the setup does."""
    major, minor, _ = (int(part) for part in node.release.version.split("."))
    template = index_template(PREFIX, Formats.from_text(DEFAULT), engine=Engine((major, minor)))
    status, reply = node.request("PUT", f"/_index_template/{PREFIX}", template)
    assert status == 200, reply


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait milliseconds where a function would wait seconds."""
    monkeypatch.setattr(delivery, "FIRST_DELAY", 0.01)
    monkeypatch.setattr(delivery, "LONGEST_DELAY", 0.05)


@pytest.fixture(autouse=True)
def silent_log() -> Iterator[None]:
    """Keep thousands of lines about failures that are meant from the report of a test that fails."""
    level = logger.log_level
    logger.setLevel("CRITICAL")
    yield
    logger.setLevel(level)


@pytest.fixture(autouse=True)
def own_s3_client() -> Iterator[None]:
    """Keep the S3 client of one test from the next, which has another address for it."""
    connect_s3.cache_clear()
    yield
    connect_s3.cache_clear()


@pytest.fixture(scope="session")
def s3_port() -> Iterator[int]:
    """Give the port of the session's S3 server."""
    with buckets.serve() as port:
        yield port


@pytest.fixture(scope="session")
def session_bucket(s3_port: int) -> Bucket:
    """Return the failure bucket, whose client is made once."""
    return Bucket(s3_port)


@pytest.fixture
def bucket(session_bucket: Bucket) -> Bucket:
    """Return the empty failure bucket."""
    session_bucket.make()
    return session_bucket


@contextmanager
def stack_on(node: Embedded, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """Give a stack on an empty node."""
    install_template(node)
    # A busy machine is no outage: wait for answers for long, and let the tests of silence say otherwise.
    monkeypatch.setattr(delivery, "QUICK_SECONDS", 30.0)
    monkeypatch.setattr(delivery, "READ_SECONDS", 30.0)
    monkeypatch.setattr(batch, "PROBE_SECONDS", 30.0)
    monkeypatch.setattr(dispatch, "READ_SECONDS", 30.0)
    with Proxy(node.port) as proxy:
        functions = Functions.install(monkeypatch, bucket, proxy.url)
        yield Stack(functions, proxy, node, bucket, Ledger())


@pytest.fixture
def stack(opensearch: Embedded, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """Give a stack on OpenSearch 3.8."""
    with stack_on(opensearch, bucket, monkeypatch) as made:
        yield made


@pytest.fixture
def any_stack(any_opensearch: Embedded, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """Give a stack on each OpenSearch version in turn."""
    with stack_on(any_opensearch, bucket, monkeypatch) as made:
        yield made
