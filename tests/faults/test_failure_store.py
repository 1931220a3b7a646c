"""The failure store itself fails: then the invocation fails, and Lambda keeps the event."""

import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config

from faults.conftest import Stack
from faults.harness import faults
from faults.harness.bucket import NAME
from faults.harness.faults import answering, item, refusing_items
from faults.harness.ledger import every
from faults.harness.proxy import Exchange, Fault, Proxy, passing
from handler.environment import RESERVE
from handler.failures import connect_s3
from handler.failures import store as failure_store

BUSY = item(429, "rejected_execution_exception", "rejected execution of primary operation")
BAD = item(400, "mapper_parsing_exception", "failed to parse field [srcaddr] of type [ip]")
XML = '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{}</Code><Message>{}</Message></Error>'


def refusal(status: int, code: str) -> Fault:
    return answering(status, XML.format(code, code), **{"content-type": "application/xml"})


REFUSALS = {
    "403 AccessDenied": refusal(403, "AccessDenied"),
    "404 NoSuchBucket": refusal(404, "NoSuchBucket"),
    "400 KMS.DisabledException": refusal(400, "KMS.DisabledException"),
    "503 SlowDown": refusal(503, "SlowDown"),
    "connection reset": faults.reset_in_body,
    "silence": faults.swallow,
    "written, but answered too late": faults.apply_and_never_answer,
}


@pytest.fixture
def s3(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """Put a proxy between the functions and S3, and make them impatient with it."""
    patience = Config(connect_timeout=2, read_timeout=0.5, retries={"total_max_attempts": 1})
    with Proxy(stack.bucket.port) as proxy:
        monkeypatch.setattr(
            failure_store,
            "connect_s3",
            lambda: boto3.client("s3", endpoint_url=proxy.url, config=patience),
        )
        yield proxy


@pytest.mark.parametrize("fault", REFUSALS)
def test_lambda_keeps_what_the_store_refuses(stack: Stack, s3: Proxy, fault: str) -> None:
    payload = stack.ledger.payload(events=12)
    stack.proxy.always(refusing_items(every(4, payload.events).__contains__, BUSY))
    s3.always(REFUSALS[fault])

    assert stack.functions.deliver(payload.event) is None
    assert len(stack.functions.failures) == 3
    (record,) = stack.bucket.keys("aws/")
    assert record.startswith("aws/lambda/async/forward/20")

    s3.lift()
    stack.functions.replay()  # in vain: the cluster is still busy
    stack.proxy.lift()
    stack.functions.replay_until_quiet()
    stack.settle()


def test_a_store_that_recovers_in_time_needs_no_more_than_lambdas_retry(stack: Stack, s3: Proxy) -> None:
    payload = stack.ledger.payload(events=12)
    stack.proxy.always(refusing_items(every(4, payload.events).__contains__, BUSY))
    s3.script(REFUSALS["503 SlowDown"])

    answer = stack.functions.deliver(payload.event)
    assert answer is not None
    assert len(stack.functions.failures) == 1
    assert stack.bucket.keys("aws/") == []
    stack.proxy.lift()
    stack.functions.replay_until_quiet()
    stack.settle()


def test_what_is_rejected_is_not_settled_before_its_reason_is_stored(stack: Stack, s3: Proxy) -> None:
    payload = stack.ledger.payload(events=12)
    bad = every(4, payload.events)
    stack.proxy.always(refusing_items(bad.__contains__, BAD))
    s3.always(REFUSALS["403 AccessDenied"])

    assert stack.functions.deliver(payload.event) is None
    with pytest.raises(Exception, match="AccessDenied"):
        stack.functions.replay()
    s3.lift()
    stack.functions.replay_until_quiet()
    stack.settle(rejected=dict.fromkeys(bad, "400 mapper_parsing_exception: failed to parse field [srcaddr]"))


def test_without_a_store_lambda_keeps_what_is_not_settled(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    payload = stack.ledger.payload(events=12)
    stack.functions.environ.pop("FAILURE_BUCKET")
    stack.functions.restart()
    stack.proxy.always(answering(503))

    assert stack.functions.deliver(payload.event) is None
    assert [type(error).__name__ for error in stack.functions.failures] == ["DeliveryError"] * 3
    monkeypatch.setitem(stack.functions.environ, "FAILURE_BUCKET", NAME)
    stack.proxy.lift()
    stack.functions.replay_until_quiet()
    stack.settle()


def test_a_slow_store_is_waited_for(stack: Stack, s3: Proxy) -> None:
    def hesitate(exchange: Exchange) -> None:
        time.sleep(0.2)
        passing(exchange)

    s3.always(hesitate)
    with stack.proxy.closed():
        answer = stack.functions.deliver(stack.ledger.payload(events=12).event)
    assert answer is not None
    assert (answer["pending"], stack.functions.failures) == (12, [])
    stack.functions.replay_until_quiet()
    stack.settle()


@pytest.mark.parametrize("method", ["PUT", "POST"], ids=["PUT", "DeleteObjects"])
def test_a_replay_that_may_not_write_or_drop_changes_nothing(stack: Stack, s3: Proxy, method: str) -> None:
    def refuse(exchange: Exchange) -> None:
        if exchange.read_head().method == method:
            REFUSALS["403 AccessDenied"](exchange)
        else:
            passing(exchange)

    payload = stack.ledger.payload(events=12)
    bad = every(4, payload.events)
    stack.proxy.always(answering(503))
    stack.functions.deliver(payload.event)
    stack.proxy.always(refusing_items(bad.__contains__, BAD))
    before = stack.bucket.pending()

    s3.always(refuse)
    with pytest.raises(Exception, match="1 objects could not be handled"):
        stack.functions.replay()
    assert stack.bucket.pending() == before

    s3.lift()
    stack.functions.replay_until_quiet()
    stack.settle(rejected=dict.fromkeys(bad, "400 mapper_parsing_exception"))


def test_two_environments_in_the_same_microsecond_write_two_objects(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = failure_store._now()
    monkeypatch.setattr(failure_store, "_now", lambda: now)
    functions = stack.functions
    functions.containers.append(functions.make_container())
    with stack.proxy.closed():
        for number in range(4):
            functions.deliver(stack.ledger.payload(events=4).event, container=number % 2)

    assert len(stack.bucket.pending()) == 4
    functions.replay_until_quiet()
    stack.settle()


@pytest.mark.usefixtures("stack")
def test_the_reserve_of_time_is_enough_for_a_store_that_is_slow_twice() -> None:
    tries, objects = 2, 2
    config: Any = connect_s3().meta.config
    assert config.retries == {"mode": "standard", "total_max_attempts": tries}
    assert (config.connect_timeout + config.read_timeout) * tries * objects < RESERVE


def test_an_object_whose_answer_was_lost_is_written_once(
    stack: Stack, s3: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second try finds what the first has written: its own object, which is no conflict."""
    twice = Config(connect_timeout=2, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2})
    client = boto3.client("s3", endpoint_url=s3.url, config=twice)
    monkeypatch.setattr(failure_store, "connect_s3", lambda: client)
    payload = stack.ledger.payload(events=12)
    s3.script(faults.apply_and_never_answer)

    with stack.proxy.closed():
        answer = stack.functions.invoke(payload.event)

    assert answer["pending"] == 12
    assert [head.method for head in s3.heads] == ["PUT", "PUT"]
    assert len(stack.bucket.pending()) == 1
    stack.functions.replay_until_quiet()
    stack.settle()
