"""A stream as the source, when things break: each record is settled, kept in the bucket, or comes again."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from faults.conftest import Stack
from faults.harness.faults import answering, item, refusing_items
from faults.harness.ledger import DAY, FIRST_DAY, Payload, every
from faults.harness.proxy import Exchange, passing
from faults.harness.replies import ROWS, SILENT
from faults.harness.shard import Shard
from handler import delivery, stream
from handler.discarded import Unpacking
from handler.failures import FAILED, ON_FAILURE
from parser.format import DEFAULT, Formats

JUNK = "bm8gcGF5bG9hZA=="
BUSY = item(429, "rejected_execution_exception", "rejected execution of primary operation")
BAD = item(400, "mapper_parsing_exception", "failed to parse field [srcaddr] of type [ip]")
AWAY = answering(503)
NOW = FIRST_DAY / 1000 + 12 * 3600
LONG_AGO = NOW - 20 * 3600
"""Epoch seconds. The stream keeps a record for a day, and the bucket what has been in it for half of that."""


@pytest.fixture
def shard(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Shard:
    """Give an empty shard, which the stream function reads on the first day of the events."""
    clock = SimpleNamespace(time=lambda: NOW, perf_counter=time.perf_counter)
    monkeypatch.setattr(stream, "time", clock)
    return Shard(stack.functions)


def on_day(stack: Stack, day: int, events: int = 4) -> Payload:
    return stack.ledger.payload(events=events, days=1, first=FIRST_DAY + day * DAY)


def set_aside(stack: Stack) -> list[bytes]:
    """Return what was set aside because it is no payload."""
    return [stack.bucket.read(key) for key in stack.bucket.keys("rejected/") if key.endswith(".unreadable")]


@pytest.mark.dear(3)
def test_a_reply_that_is_wrong_once_loses_nothing_and_stores_nothing(stack: Stack, shard: Shard) -> None:
    for name, row in ROWS.items():
        shard.put(*(stack.ledger.payload(events=4) for _ in range(2)))
        stack.functions.restart()
        stack.proxy.script(row.fault)

        answer = shard.invoke()

        assert (name, answer["records_left"]) == (name, 0 if row.recovers else 2)
        if not row.recovers:
            stack.functions.restart()
            shard.drain()
    assert stack.bucket.keys() == []
    stack.settle()


@pytest.mark.dear(4)
def test_while_replies_are_wrong_the_stream_keeps_what_was_not_taken_at_all(
    stack: Stack, shard: Shard, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, row in (ROWS | SILENT).items():
        monkeypatch.setattr(delivery, "READ_SECONDS", 0.3 if name in SILENT else 30.0)
        shard.put(*(stack.ledger.payload(events=6, days=1) for _ in range(2)))
        stack.functions.restart()
        stack.proxy.always(row.fault)

        answer = shard.invoke()

        (container,) = stack.functions.containers
        requests = container.requests
        assert requests <= delivery.ATTEMPTS + 1
        kept = stack.bucket.keys(FAILED)
        assert (name, answer["records_left"], len(kept) > 0) == (name, 2 if row.away else 0, not row.away)
        if row.away:  # a moment later it is not asked again
            assert (shard.invoke()["records_left"], container.requests) == (2, requests)
        stack.proxy.lift()
        stack.functions.restart()
        shard.drain()
        stack.functions.replay_until_quiet()
    stack.settle()


def test_what_comes_again_after_a_part_was_settled_is_a_duplicate_and_counted(
    stack: Stack, shard: Shard
) -> None:
    """The first and the last record share a day, and so a request; that of the second is not taken."""
    first, second, third = (on_day(stack, day, events=8) for day in (0, 1, 0))
    shard.put(first, second, third)
    stack.proxy.always(AWAY)
    stack.proxy.script(passing)

    answer = shard.invoke()

    assert (answer["records"], answer["records_left"], answer["indexed"]) == (1, 2, 8)
    stack.proxy.lift()
    stack.functions.restart()
    shard.drain()
    assert (shard.counts["received"], shard.counts["indexed"], shard.counts["duplicate"]) == (24, 16, 8)
    assert stack.bucket.keys() == []
    stack.settle()


def test_a_batch_ends_where_the_cluster_goes_away_between_two_requests(stack: Stack, shard: Shard) -> None:
    shard.put(*(stack.ledger.payload(events=50, days=1) for _ in range(6)))
    stack.functions.containers = [stack.functions.make_container(max_bulk_bytes=40_000)]
    stack.proxy.always(AWAY)
    stack.proxy.script(passing)

    answer = shard.invoke()

    assert 0 < answer["records"] < 6
    assert answer["indexed"] + answer["pending"] == 50 * answer["records"]
    assert answer["pending"] < 50  # of the record that both requests had a part of
    stack.proxy.lift()
    stack.functions.restart()
    shard.drain()
    assert shard.counts["received"] == 300
    stack.functions.replay_until_quiet()
    stack.settle()


def test_a_batch_and_half_of_it_at_once_change_nothing(stack: Stack, shard: Shard) -> None:
    """Lambda hands over half of a batch, while the invocation that it takes for dead is still at work."""
    shard.put(*(stack.ledger.payload(events=10) for _ in range(4)))
    whole = shard.event
    shard.halve()
    half = shard.event
    functions = stack.functions
    functions.containers.append(functions.make_container())
    both = threading.Barrier(2)

    def meet(exchange: Exchange) -> None:
        both.wait(60)
        passing(exchange)

    stack.proxy.script(meet, meet)
    with ThreadPoolExecutor(2) as threads:
        reads = [
            threads.submit(functions.read, event, container=number)
            for number, event in enumerate((whole, half))
        ]
        answers = [each.result(60) for each in reads]

    assert [left for left, _ in answers] == [None, None]
    counts = [answer for _, answer in answers]
    assert [each["received"] for each in counts] == [40, 20]
    assert sum(each["indexed"] for each in counts) == 40
    assert sum(each["duplicate"] for each in counts) == 20
    stack.settle()


def test_a_record_that_is_no_payload_waits_for_its_turn_while_opensearch_is_away(
    stack: Stack, shard: Shard
) -> None:
    """What is before it stays in the stream, or goes to the bucket where it would expire."""
    shard.put(stack.ledger.payload(events=4))
    shard.put_data(JUNK)
    shard.put(stack.ledger.payload(events=4))
    stack.proxy.always(AWAY)

    assert shard.invoke()["records_left"] == 3
    assert stack.bucket.keys() == []
    old = Shard(stack.functions)
    old.put(stack.ledger.payload(events=4), arrived=LONG_AGO)
    old.put_data(JUNK)
    old.put(stack.ledger.payload(events=4))
    answer = old.invoke()
    assert (answer["records"], answer["unreadable"], answer["pending"], answer["records_left"]) == (
        2,
        1,
        4,
        1,
    )

    stack.proxy.lift()
    stack.functions.restart()
    shard.drain()
    old.drain()
    stack.functions.replay_until_quiet()
    assert set_aside(stack) == [b"no payload"]  # both have the same place in their stream
    stack.settle()


def test_an_event_that_never_succeeds_holds_no_record_up(stack: Stack, shard: Shard) -> None:
    payloads = [on_day(stack, 0) for _ in range(3)]
    alone = payloads[1].ids[2]
    stack.proxy.always(refusing_items(lambda identity: identity == alone, BUSY))
    shard.put(*payloads)

    answer = shard.invoke()

    assert (answer["indexed"], answer["pending"], answer["records"], answer["records_left"]) == (11, 1, 3, 0)
    stack.settle(waiting=frozenset({alone}))
    stack.proxy.lift()
    stack.functions.replay_until_quiet()
    stack.settle()


def test_a_line_with_a_field_that_a_strict_index_lacks_holds_no_record_up(stack: Stack, shard: Shard) -> None:
    """OpenSearch does not name the event then, and alone it might be any: it waits once."""
    seconds = [0.0]
    formats = Formats.from_text(f"{DEFAULT};{DEFAULT} ${{field-of-tomorrow}}")
    make_container = stack.functions.make_container
    stack.functions.containers = [make_container(clock=lambda: seconds[0], formats=formats)]
    assert stack.node.request("PUT", "/cwl-2026.01.01", {"mappings": {"dynamic": "strict"}})[0] == 200
    usual = [stack.ledger.payload(events=1, days=1) for _ in range(6)]
    line = f"{usual[0].events[0].message} tomorrow"
    odd = stack.ledger.payload(events=1, days=1, messages={0: line})
    shard.put(odd)

    assert shard.invoke()["records_left"] == 1
    seconds[0] += 31
    shard.put(*usual[:3])
    assert (shard.invoke()["indexed"], shard.rows) == (3, [])
    for each in usual[3:]:
        seconds[0] += 1
        shard.put(each)
        assert (shard.invoke()["indexed"], shard.rows) == (1, [])

    refused = "400 strict_dynamic_mapping_exception"
    assert (shard.counts["received"], shard.counts["indexed"], shard.counts["rejected"]) == (7, 6, 1)
    stack.settle(rejected={odd.ids[0]: refused})


@pytest.mark.parametrize("before", ["untouched", "applied, and never answered"])
def test_a_batch_that_lambda_gave_up_is_replayed(stack: Stack, shard: Shard, before: str) -> None:
    payloads = [stack.ledger.payload(events=12) for _ in range(3)]
    bad = every(4, payloads[1].events)
    shard.put(*payloads[:2])
    shard.put_data(JUNK)
    shard.put(payloads[2])
    stack.proxy.always(refusing_items(bad.__contains__, BAD))
    if before != "untouched":
        stack.functions.read(shard.event)  # and Lambda never knows
    shard.give_up()

    first = stack.functions.replay()

    assert (first["received"], first["shortened"], first["unreadable"]) == (0, 1, 1)
    assert stack.bucket.keys(ON_FAILURE) == []
    (key,) = stack.bucket.pending()
    assert stack.bucket.metadata(key)["reason"] == "given_up"
    second = stack.functions.replay()
    known = 0 if before == "untouched" else 36 - len(bad)
    assert (second["received"], second["duplicate"], second["rejected"]) == (36, known, len(bad))
    assert set(set_aside(stack)) == {b"no payload"}
    stack.settle(rejected=dict.fromkeys(bad, "400 mapper_parsing_exception"))


def test_two_replays_at_once_take_one_batch_apart(
    stack: Stack, shard: Shard, monkeypatch: pytest.MonkeyPatch
) -> None:
    shard.put(*(stack.ledger.payload(events=12) for _ in range(3)))
    shard.give_up()
    both = threading.Barrier(2)
    unpack: Callable[..., None] = Unpacking.run

    def meet(*arguments: Any) -> None:
        both.wait(60)
        unpack(*arguments)

    monkeypatch.setattr(Unpacking, "run", meet)
    with ThreadPoolExecutor(2) as threads:
        runs = [threads.submit(stack.functions.replay, request_id="one-request") for _ in range(2)]
        assert [each.result(60)["unaccounted"] for each in runs] == [0, 0]

    assert len(stack.bucket.keys(FAILED)) == 2
    answers = stack.functions.replay_until_quiet()
    assert sum(each["received"] for each in answers if each) == 72
    assert sum(each["duplicate"] for each in answers if each) == 36
    stack.settle()
