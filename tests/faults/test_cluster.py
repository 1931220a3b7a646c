"""Faults of the cluster itself, on each version: what waits for a person waits, and loses nothing."""

import gzip
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from faults.conftest import Stack, install_template
from faults.harness.faults import (
    JSON,
    answering,
    error,
    hurrying,
    item,
    killing_in_body,
    killing_while_applying,
    refusing_items,
)
from faults.harness.functions import set_attempts
from faults.harness.ledger import DAY, FIRST_DAY
from faults.harness.proxy import Exchange, Fault, Reply, passing
from flowlogs.local.embedded import Embedded
from flowlogs.local.releases import DEFAULT_VERSION, RELEASES
from handler import delivery
from handler.failures import REJECTED, FailureStore
from handler.replay import Replay
from parser.index_names import index_name

FIRST = index_name("cwl", FIRST_DAY)
SECOND = index_name("cwl", FIRST_DAY + DAY)


def ask(node: Embedded, method: str, path: str, body: object = None) -> None:
    status, reply = node.request(method, path, body)
    assert status == 200, reply


def set_index(node: Embedded, **settings: object) -> None:
    ask(node, "PUT", f"/{SECOND}/_settings", settings)


def set_cluster(node: Embedded, **settings: object) -> None:
    ask(node, "PUT", "/_cluster/settings", {"persistent": settings})


@dataclass(frozen=True)
class Row:
    """A fault that lasts until a person acts.

    Attributes:
        fault: brings it about. The index of the second day exists only where it makes it.
        lift: ends it.
        said: how the function names it: status and error type.
        first_day_too: whether it meets the first day's index as well.
        hurrying: whether OpenSearch would wait for seconds before it says so.
    """

    fault: Callable[[Embedded], None]
    lift: Callable[[Embedded], None]
    said: str
    first_day_too: bool = False
    hurrying: bool = False


def block_index(name: str) -> Callable[[Embedded], None]:
    def block(node: Embedded) -> None:
        ask(node, "PUT", f"/{SECOND}")
        set_index(node, **{name: True})

    return block


def unblock_index(name: str) -> Callable[[Embedded], None]:
    return lambda node: set_index(node, **{name: None})


def forbid_more_shards(node: Embedded) -> None:
    ask(node, "PUT", f"/{FIRST}")
    set_cluster(node, **{"cluster.max_shards_per_node": 1})


def close_index(node: Embedded) -> None:
    ask(node, "PUT", f"/{SECOND}")
    ask(node, "POST", f"/{SECOND}/_close")


def make_alias_that_takes_no_writes(node: Embedded) -> None:
    for name in ("one", "two"):
        ask(node, "PUT", f"/{name}")
        ask(node, "PUT", f"/{name}/_alias/{SECOND}")


def remove_alias(node: Embedded) -> None:
    ask(node, "DELETE", "/one,two")


def make_strict(node: Embedded) -> None:
    ask(node, "DELETE", "/_index_template/cwl")
    ask(node, "PUT", f"/{SECOND}", {"mappings": STRICT})
    install_template(node)


def demand_copies(node: Embedded) -> None:
    ask(node, "PUT", f"/{FIRST}")  # to make it takes longer than a request waits that is hurried
    settings = {"index.write.wait_for_active_shards": "2", "index.auto_expand_replicas": False}
    # This request shall not wait for the copies itself.
    ask(
        node,
        "PUT",
        f"/{SECOND}?wait_for_active_shards=0",
        {"settings": {**settings, "index.number_of_replicas": 1}},
    )


ROWS = {
    "index write block": Row(
        block_index("index.blocks.write"),
        unblock_index("index.blocks.write"),
        "403 cluster_block_exception",
    ),
    "index read-only": Row(
        block_index("index.blocks.read_only"),
        unblock_index("index.blocks.read_only"),
        "403 cluster_block_exception",
    ),
    "flood stage (read-only-allow-delete)": Row(
        block_index("index.blocks.read_only_allow_delete"),
        unblock_index("index.blocks.read_only_allow_delete"),
        "429 cluster_block_exception",
    ),
    "cluster read-only": Row(
        lambda node: set_cluster(node, **{"cluster.blocks.read_only": True}),
        lambda node: set_cluster(node, **{"cluster.blocks.read_only": None}),
        "403 cluster_block_exception",
        first_day_too=True,
    ),
    "shard limit": Row(
        forbid_more_shards,
        lambda node: set_cluster(node, **{"cluster.max_shards_per_node": None}),
        "400 validation_exception",
    ),
    "closed index": Row(
        close_index, lambda node: ask(node, "POST", f"/{SECOND}/_open"), "400 index_closed_exception"
    ),
    "auto-create off": Row(
        lambda node: set_cluster(node, **{"action.auto_create_index": "false"}),
        lambda node: set_cluster(node, **{"action.auto_create_index": None}),
        "404 index_not_found_exception",
        first_day_too=True,
    ),
    "alias without a write index": Row(
        make_alias_that_takes_no_writes, remove_alias, "400 illegal_argument_exception"
    ),
    "mapping that takes no further field": Row(
        make_strict,
        lambda node: ask(node, "PUT", f"/{SECOND}/_mapping", {"dynamic": False}),
        "400 strict_dynamic_mapping_exception",
    ),
    "too few copies of a shard": Row(
        demand_copies,
        lambda node: set_index(node, **{"index.write.wait_for_active_shards": "1"}),
        "503 unavailable_shards_exception",
        hurrying=True,
    ),
    "circuit breaker": Row(
        lambda node: set_cluster(node, **{"network.breaker.inflight_requests.limit": "1b"}),
        lambda node: set_cluster(node, **{"network.breaker.inflight_requests.limit": None}),
        "429 circuit_breaking_exception",
        first_day_too=True,
    ),
}


@pytest.mark.parametrize("row", [pytest.param(row, id=name) for name, row in ROWS.items()])
def test_what_a_person_must_lift_waits_until_then(
    any_stack: Stack, row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = any_stack
    if row.hurrying:
        stack.proxy.always(hurrying)
    set_attempts(monkeypatch, 2)
    row.fault(stack.node)
    payload = stack.ledger.payload(events=8)
    waiting = frozenset(each.id for each in payload.events if row.first_day_too or each.index == SECOND)

    answer = stack.functions.deliver(payload.event)
    assert answer is not None
    assert (answer["pending"], answer["indexed"]) == (len(waiting), 8 - len(waiting))
    (key,) = stack.bucket.pending()
    assert stack.bucket.metadata(key)["reason"].startswith(row.said)

    stack.functions.replay()
    assert set(stack.bucket.pending_ids()) == waiting

    row.lift(stack.node)
    stack.proxy.lift()
    stack.functions.replay_until_quiet()
    stack.settle()


CREATE_BLOCK = (
    "index_create_block_exception",
    "blocked by: [FORBIDDEN/10/cluster create-index blocked (api)];",
)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(refusing_items(lambda _: True, item(403, *CREATE_BLOCK)), id="for each event"),
        pytest.param(answering(403, error(403, *CREATE_BLOCK)), id="for the request"),
    ],
)
def test_amazons_create_index_block_waits_until_it_is_lifted(stack: Stack, fault: Fault) -> None:
    stack.proxy.always(fault)
    payload = stack.ledger.payload(events=6)

    answer = stack.functions.deliver(payload.event)
    assert answer is not None
    assert (answer["pending"], answer["bulk_requests"]) == (6, 2)  # each day once: it is no use to insist
    (key,) = stack.bucket.pending()
    assert stack.bucket.metadata(key)["reason"] == "403 index_create_block_exception"
    stack.functions.replay()
    assert stack.bucket.pending() == [key]

    stack.proxy.lift()
    stack.functions.replay_until_quiet()
    stack.settle()


@pytest.mark.parametrize(
    "reason",
    [
        pytest.param("pipeline with id [p] does not exist", id="ingest pipeline that is gone"),
        pytest.param("Number of documents in the index can't exceed [2147483519]", id="full shard"),
        pytest.param("what nobody has seen yet", id="something new"),
    ],
)
def test_what_an_index_says_of_all_its_events_is_no_fault_of_theirs(stack: Stack, reason: str) -> None:
    payload = stack.ledger.payload(events=8)
    refused = {each.id for each in payload.events if each.index == SECOND}
    refusal = item(400, "illegal_argument_exception", reason)
    stack.proxy.always(refusing_items(refused.__contains__, refusal))

    answer = stack.functions.deliver(payload.event)
    assert answer is not None
    assert (answer["indexed"], answer["pending"], answer["rejected"]) == (4, 4, 0)
    stack.functions.replay()
    assert set(stack.bucket.pending_ids()) == refused

    stack.proxy.lift()
    stack.functions.replay_until_quiet()
    stack.settle()


FOREIGN = {"dynamic": True, "properties": {"srcaddr": {"type": "long"}}}
STRICT = {"dynamic": "strict", "properties": {"@timestamp": {"type": "date"}, "@message": {"type": "text"}}}


def test_what_a_mapping_refuses_is_rejected_with_its_reason_and_can_be_tried_again(any_stack: Stack) -> None:
    stack, mapping = any_stack, FOREIGN
    said = "400 mapper_parsing_exception: failed to parse field [srcaddr]"
    ask(stack.node, "DELETE", "/_index_template/cwl")
    ask(stack.node, "PUT", f"/{SECOND}", {"mappings": mapping})
    payload = stack.ledger.payload(events=8)

    answer = stack.functions.deliver(payload.event)
    assert answer is not None
    assert (answer["indexed"], answer["rejected"], answer["pending"]) == (4, 4, 0)
    stack.settle(rejected={each.id: said for each in payload.events if each.index == SECOND})

    ask(stack.node, "DELETE", f"/{SECOND}")  # somebody mends it
    install_template(stack.node)
    retry_rejected(stack)
    stack.settle()


def retry_rejected(stack: Stack) -> None:
    """Do what `flowlogs replay --rejected` does."""
    store = FailureStore(stack.functions.environ["FAILURE_BUCKET"], "by-hand")
    container = stack.functions.make_container()
    Replay(container.environment, store, time_left=lambda: 60.0).run(store.list_pending((REJECTED,)))


def test_a_request_too_large_is_halved(any_stack: Stack) -> None:
    stack = any_stack  # its nodes take no request above 10 MB, as small domains of Amazon's
    functions = stack.functions
    functions.containers = [functions.make_container(max_bulk_bytes=64 * 1024 * 1024)]
    large = dict.fromkeys(range(10), "x" * 1_000_000)
    payload = stack.ledger.payload(events=40, days=1, messages={**large, 7: "x" * 7_500_000})

    answer = functions.deliver(payload.event)
    assert answer is not None
    assert (answer["indexed"], answer["rejected"], answer["pending"]) == (40, 0, 0)
    stack.settle()


def test_an_event_too_large_for_the_front_end_is_rejected(stack: Stack) -> None:
    """OpenSearch takes any that CloudWatch Logs can send; a proxy before it may be set to less."""

    def refuse_large(exchange: Exchange) -> None:
        if len(gzip.decompress(exchange.read_body())) > 1_000_000:
            exchange.answer(Reply(413, b"<html>413 Request Entity Too Large</html>", JSON))
        else:
            passing(exchange)

    stack.proxy.always(refuse_large)
    payload = stack.ledger.payload(events=40, days=1, messages={7: "x" * 1_000_000})

    answer = stack.functions.deliver(payload.event)
    assert answer is not None
    assert (answer["indexed"], answer["rejected"], answer["pending"]) == (39, 1, 0)
    stack.settle(rejected={payload.ids[7]: "413 http_413"})


def test_a_request_too_large_for_the_front_end_is_halved(stack: Stack) -> None:
    def refuse_large(exchange: Exchange) -> None:
        if len(gzip.decompress(exchange.read_body())) > 10_000:
            exchange.answer(Reply(413, b'{"Message":"Request size exceeded 10485760 bytes"}', JSON))
        else:
            passing(exchange)

    stack.proxy.always(refuse_large)
    answer = stack.functions.deliver(stack.ledger.payload(events=100).event)

    assert answer is not None
    assert (answer["indexed"], answer["rejected"], answer["pending"]) == (100, 0, 0)
    stack.settle()


@pytest.mark.dear(10)
@pytest.mark.parametrize(
    "any_opensearch",
    # What a node keeps of a request is its own matter; what is done about it is asked once.
    [each if each == DEFAULT_VERSION else pytest.param(each, marks=pytest.mark.long) for each in RELEASES],
    indirect=True,
)
@pytest.mark.parametrize(
    "kill",
    [
        pytest.param(killing_in_body, id="in the middle of the body", marks=pytest.mark.long),
        pytest.param(killing_while_applying, id="while it applies the request"),
    ],
)
def test_a_cluster_killed_in_the_middle_of_a_bulk_loses_nothing(
    any_stack: Stack, kill: Callable[[Embedded], Fault]
) -> None:
    stack = any_stack
    stack.functions.deliver(stack.ledger.payload(events=50).event)
    stack.proxy.script(kill(stack.node))
    answer = stack.functions.deliver(stack.ledger.payload(events=3000).event)

    assert answer is not None
    assert answer["pending"] == 3000  # sent or not, applied or not: nobody said so
    stack.functions.replay()
    stack.node.start()
    stack.functions.replay_until_quiet()
    stack.settle()


def test_a_cluster_that_is_down_for_many_invocations_is_asked_seldom(any_stack: Stack) -> None:
    stack = any_stack
    now = [0.0]  # seconds
    functions = stack.functions
    functions.containers = [functions.make_container(clock=lambda: now[0]) for _ in range(3)]
    with stack.proxy.closed():
        for number in range(24):
            answer = functions.deliver(stack.ledger.payload(events=2).event, container=number % 3)
            assert answer is not None
            assert answer["pending"] == 2
        asked = [container.requests for container in functions.containers]
        assert (
            asked == [delivery.ATTEMPTS + 1] * 3
        )  # the first invocation of each; one try on a new connection

        now[0] += 31.0  # the pause is over: each environment asks once, and once more on a new connection
        for number in range(12):
            functions.deliver(stack.ledger.payload(events=2).event, container=number % 3)
        assert [container.requests - asked[0] for container in functions.containers] == [2] * 3

    now[0] += 121.0
    for number in range(3):
        answer = functions.deliver(stack.ledger.payload(events=2).event, container=number)
        assert answer is not None
        assert answer["indexed"] == 2
    functions.replay_until_quiet()
    stack.settle()
