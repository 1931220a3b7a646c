"""Defects found in the code of systems that do the same job: none of them is to be found here."""

from typing import Any

import pytest

from faults.conftest import Stack
from faults.harness.bucket import NAME
from faults.harness.faults import answering, item, refusing_items
from faults.harness.functions import TRIES
from faults.harness.ledger import FIRST_DAY
from faults.harness.proxy import Proxy
from flowlogs.traffic.day import encode_payload
from handler.config import Config
from handler.failures import FAILED, connect_s3
from handler.failures import store as failure_store
from parser.index_names import index_name

CONTROL: dict[str, Any] = {
    "messageType": "CONTROL_MESSAGE",
    "owner": "CloudwatchLogs",
    "logGroup": "",
    "logStream": "",
    "subscriptionFilters": [],
    "logEvents": [
        {
            "id": "",
            "timestamp": 1767225600000,
            "message": "CWL CONTROL MESSAGE: Checking health of destination",
        }
    ],
}


def test_a_total_outage_is_no_success_with_the_batch_gone(stack: Stack) -> None:
    """Centralized Logging returned "Ok" from a total outage, and its source moved on."""
    payload = stack.ledger.payload(events=20)
    with stack.proxy.closed():
        answer = stack.functions.deliver(payload.event)

        assert answer is not None
        assert answer["pending"] == 20
        assert sorted(stack.bucket.pending_ids()) == sorted(payload.ids)
    stack.functions.replay_until_quiet()
    stack.settle()


def test_a_third_try_that_fails_is_no_success(stack: Stack) -> None:
    """The same: the third receive returned "Ok", so the message never reached its dead-letter queue."""
    stack.functions.environ.pop("FAILURE_BUCKET")
    stack.functions.restart()
    stack.proxy.always(answering(503))

    assert stack.functions.deliver(stack.ledger.payload(events=20).event) is None
    assert len(stack.functions.failures) == TRIES
    assert len(stack.bucket.keys("aws/")) == 1
    stack.functions.environ["FAILURE_BUCKET"] = NAME
    stack.proxy.lift()
    stack.functions.replay_until_quiet()
    stack.settle()


def test_two_functions_that_store_in_the_same_second_do_not_overwrite_each_other(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its exported failures were named after the second, or the day: one replaced the other."""
    now = failure_store._now()
    monkeypatch.setattr(failure_store, "_now", lambda: now)
    functions = stack.functions
    functions.containers.append(functions.make_container())
    with stack.proxy.closed():
        for container in (0, 1):
            functions.deliver(stack.ledger.payload(events=20).event, container=container)

    assert len(stack.bucket.keys(FAILED)) == 2
    functions.replay_until_quiet()
    stack.settle()


def test_a_stored_object_is_not_dropped_after_its_first_batch(stack: Stack) -> None:
    """Datadog's replay deleted an object when the first of its batches was accepted."""
    second, third = (index_name("cwl", FIRST_DAY + day * 86_400_000) for day in (1, 2))
    payload = stack.ledger.payload(events=30, days=3)
    stack.bucket.put_on_failure(payload.event, "lost", RuntimeError("Task timed out"))
    late = {each.id for each in payload.events if each.index in (second, third)}
    blocked = item(403, "cluster_block_exception", "blocked by: [FORBIDDEN/8/index write (api)];")
    stack.proxy.always(refusing_items(late.__contains__, blocked))

    assert stack.functions.replay()["indexed"] == 10
    stack.settle(waiting=frozenset(late))
    stack.proxy.lift()
    stack.functions.replay_until_quiet()
    stack.settle()


def test_a_control_message_is_no_event(stack: Stack) -> None:
    """Elastic's forwarder had no check for CloudWatch's control messages: it indexed them."""
    answer = stack.functions.deliver(encode_payload(CONTROL))

    assert answer is not None
    assert (answer["received"], answer["bulk_requests"]) == (0, 0)
    assert stack.proxy.heads == []
    assert stack.bucket.keys() == []


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_cluster_that_is_away_is_no_reason_to_reject(stack: Stack, status: int) -> None:
    """It took only 429 for worth another try: other answers went to what is given up, not to the replay."""
    stack.proxy.always(answering(status))
    answer = stack.functions.deliver(stack.ledger.payload(events=20).event)

    assert answer is not None
    assert (answer["pending"], answer["rejected"]) == (20, 0)
    assert stack.bucket.keys("rejected/") == []
    stack.proxy.lift()
    stack.functions.replay_until_quiet()
    stack.settle()


def test_the_time_of_a_document_is_that_of_its_event(stack: Stack) -> None:
    """Its `@timestamp` was the time of ingestion until a pipeline mended it."""
    payload = stack.ledger.payload(events=1, days=1)
    with stack.proxy.closed():
        stack.functions.deliver(payload.event)
    stack.functions.replay_until_quiet()

    (sent,) = payload.events
    status, document = stack.node.request("GET", f"/{sent.index}/_doc/{sent.id}")
    assert (status, document["_source"]["@timestamp"]) == (200, "2026-01-01T00:00:00.000Z")
    assert sent.timestamp == FIRST_DAY
    stack.settle()


def test_in_fair_weather_the_bucket_is_not_touched(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """It read its configuration from S3 in each invocation, and hung where S3 could not be reached."""
    with Proxy(stack.bucket.port) as s3:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3.url)
        connect_s3.cache_clear()
        for _ in range(3):
            stack.functions.deliver(stack.ledger.payload(events=20).event)
        assert s3.heads == []
    stack.settle()


def test_tries_that_are_used_up_are_no_success(stack: Stack) -> None:
    """New Relic's function logged "Failed to send log entry" after three tries and returned success."""
    payload = stack.ledger.payload(events=20)
    stack.proxy.always(answering(503))
    answer = stack.functions.deliver(payload.event)

    assert answer is not None
    assert answer["bulk_retries"] > 0
    assert sorted(stack.bucket.pending_ids()) == sorted(payload.ids)
    stack.proxy.lift()
    stack.functions.replay_until_quiet()
    stack.settle()


def test_what_lambda_gave_up_is_brought_back(stack: Stack) -> None:
    """Rotel relied on CloudWatch's 24 hours of retries, which do not cover a function that fails."""
    payload = stack.ledger.payload(events=20)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("handler.forward.prepare", lambda: Config.from_environ({}))
        assert stack.functions.deliver(payload.event) is None  # it fails before it can read anything

    (record,) = stack.bucket.pending()
    assert record.startswith("aws/lambda/async/forward/")
    stack.functions.replay_until_quiet()
    stack.settle()
