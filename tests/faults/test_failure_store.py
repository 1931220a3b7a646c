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
from faults.harness.faults import answering, item, refusing_items, refusing_keys
from faults.harness.ledger import every
from faults.harness.proxy import Exchange, Fault, Proxy, passing
from faults.harness.shard import Shard
from handler import stream
from handler.environment import RESERVE
from handler.failures import connect_s3
from handler.failures import store as failure_store
from handler.replay import ReplayError

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
    patience = Config(connect_timeout=2, read_timeout=1.5, retries={"total_max_attempts": 1})
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


@pytest.mark.dear(3)
def test_a_stream_keeps_what_the_store_refuses(stack: Stack, s3: Proxy) -> None:
    """Whatever it is that was to be stored: a rest, what was rejected, or what is no payload."""
    bad: set[str] = set()
    shard = Shard(stack.functions)
    for name, fault in REFUSALS.items():
        good, mixed = (stack.ledger.payload(events=events, days=1) for events in (4, 12))
        busy, refused = every(4, mixed.events), every(4, mixed.events[1:])
        bad |= refused
        shard.put(good, mixed)
        shard.put_data("bm8gcGF5bG9hZA==")
        stack.functions.restart()
        stack.proxy.always(refusing_items((busy | refused).__contains__, BUSY))
        s3.always(fault)

        answer = shard.invoke()
        assert (name, answer["records"], answer["received"], answer["indexed"]) == (name, 1, 4, 4)
        s3.lift()
        stack.proxy.always(refusing_items(refused.__contains__, BAD))
        s3.script(passing, *[fault] * 3)  # what is no payload comes behind the rejected
        answer = shard.invoke()
        assert (name, answer["records"], answer["rejected"], answer["duplicate"]) == (name, 1, 3, 6)
        s3.lift()
        shard.drain()
    assert (shard.counts["received"], shard.counts["unreadable"]) == (16 * len(REFUSALS), len(REFUSALS))
    stack.proxy.always(refusing_items(bad.__contains__, BAD))  # what was written, though nobody knew
    stack.functions.replay_until_quiet()
    stack.settle(rejected=dict.fromkeys(bad, "400 mapper_parsing_exception"))


def test_a_record_that_would_expire_stays_in_the_stream_while_the_store_refuses(
    stack: Stack, s3: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "MOST_EVENTS", 4)  # an object for each
    shard = Shard(stack.functions)
    shard.put(*(stack.ledger.payload(events=4) for _ in range(3)), arrived=0.0)
    s3.always(REFUSALS["503 SlowDown"])
    with stack.proxy.closed():
        for _ in range(2):
            answer = shard.invoke()
            assert (answer["received"], answer["records_left"]) == (0, 3)
        s3.lift()
        s3.script(passing, REFUSALS["403 AccessDenied"])
        answer = shard.invoke()
        assert (answer["records"], answer["pending"], answer["records_left"]) == (1, 4, 2)
        shard.drain()
    assert (shard.counts["received"], shard.counts["pending"]) == (12, 12)
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


@pytest.mark.parametrize("code", ["AccessDenied", "InternalError", "PreconditionFailed"])
def test_an_object_that_deleteobjects_leaves_is_named_and_its_events_stay_settled(
    stack: Stack, s3: Proxy, code: str
) -> None:
    for number in range(4):
        stack.store(stack.ledger.payload(events=6), f"object-{number}")
    s3.always(refusing_keys(lambda key: "object-2" in key, code))

    if code == "PreconditionFailed":  # another object has taken its place: that one is to be replayed
        assert stack.functions.replay()["left"] == 1
    else:
        with pytest.raises(ReplayError, match="1 objects could not be handled"):
            stack.functions.replay()

    assert [key.rpartition("/")[2] for key in stack.bucket.pending()] == ["object-2.json.gz"]
    stack.ledger.settle_index(stack.node)
    s3.lift()
    answers = stack.functions.replay_until_quiet()
    received = 6 if code == "PreconditionFailed" else 0
    assert sum(each["received"] for each in answers if each) == received
    assert stack.bucket.keys() == []
    stack.settle()


def test_an_answer_of_deleteobjects_that_is_lost_loses_nothing(stack: Stack, s3: Proxy) -> None:
    for number in range(4):
        stack.store(stack.ledger.payload(events=6), f"object-{number}")

    def lose(exchange: Exchange) -> None:
        if exchange.read_head().method == "POST":
            faults.apply_and_never_answer(exchange)
        else:
            passing(exchange)

    s3.always(lose)
    with pytest.raises(ReplayError):
        stack.functions.replay()
    s3.lift()
    answers = [*stack.functions.replay_until_quiet(), stack.functions.replay()]

    assert all(each is not None and each["unaccounted"] == 0 for each in answers)
    assert stack.bucket.keys() == []
    stack.settle()


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
