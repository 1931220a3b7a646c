"""A function killed with SIGKILL at any of its steps loses nothing: the retry or the next replay ends it."""

import base64
from collections.abc import Iterator

import pytest

from faults.conftest import Stack
from faults.harness.faults import item, refusing_items
from faults.harness.ledger import FIRST_DAY, Payload, every
from faults.harness.shard import Shard
from faults.harness.victim import BATCH, DAMAGED, FORWARD, REPLAY, STREAM, Victims
from handler.failures import FAILED
from parser.index_names import index_name

SPOILT = "mapper_parsing_exception"
MAPPING = {"dynamic": False, "properties": {"srcaddr": {"type": "long"}}}


@pytest.fixture(scope="module")
def victims() -> Iterator[Victims]:
    """Give what kills functions."""
    with Victims() as made:
        yield made


def spoil(stack: Stack, payloads: int = 1) -> tuple[list[Payload], dict[str, str]]:
    """Make payloads of which a day is rejected, and let a block keep some of the other day waiting.

    Returns the payloads, and what must be among the rejected ones in the end.
    """
    made = [stack.ledger.payload(events=16) for _ in range(payloads)]
    events = [event for payload in made for event in payload.events]
    blocked = every(8, events)
    refusal = item(403, "cluster_block_exception", "index blocked by: [FORBIDDEN/8/index write (api)];")
    stack.proxy.always(refusing_items(blocked.__contains__, refusal))
    first_day = index_name("cwl", FIRST_DAY)
    bad = f"/{index_name('cwl', FIRST_DAY + 86_400_000)}"
    assert stack.node.request("DELETE", "/_index_template/cwl")[0] == 200
    assert stack.node.request("PUT", bad, {"mappings": MAPPING})[0] == 200
    return made, {each.id: SPOILT for each in events if each.index != first_day}


@pytest.mark.parametrize("step", FORWARD)
def test_forward_killed_at_a_step_is_ended_by_lambdas_retry(
    stack: Stack, victims: Victims, step: str
) -> None:
    (payload,), rejected = spoil(stack)

    victims.kill("forward", step, payload.event, stack.functions.environ, "one-request")
    answer = stack.functions.invoke(payload.event, request_id="one-request")
    assert (answer["pending"], answer["rejected"]) == (2, 8)

    stack.proxy.lift()
    stack.functions.replay_until_quiet()
    stack.settle(rejected=rejected)


LIKE_OTHERS = {
    "before the records are read",
    "before the first request",
    "before anything is stored",
    "after the rejected of another are stored",
}
"""Steps of the stream function at which as much is done as at the one behind or before."""


@pytest.mark.parametrize(
    "step", [pytest.param(step, marks=[pytest.mark.long] if step in LIKE_OTHERS else []) for step in STREAM]
)
def test_stream_killed_at_a_step_is_ended_when_its_records_come_again_in_halves(
    stack: Stack, victims: Victims, step: str
) -> None:
    payloads, rejected = spoil(stack, 4)
    shard = Shard(stack.functions)
    shard.put(*payloads[:2])
    shard.put_data("bm8gcGF5bG9hZA==")
    shard.put(*payloads[2:])

    victims.kill("stream", step, shard.event, stack.functions.environ, "killed")
    shard.halve()
    shard.drain()

    counts = shard.counts
    assert (counts["received"], counts["pending"], counts["rejected"]) == (64, 8, 32)
    assert (counts["records"], counts["unreadable"]) == (5, 1)
    stack.proxy.lift()
    stack.functions.replay_until_quiet()
    stack.settle(rejected=rejected)
    assert len([key for key in stack.bucket.keys("rejected/") if key.endswith(".unreadable")]) == 1


@pytest.mark.parametrize("step", REPLAY)
def test_replay_killed_at_a_step_is_ended_by_the_next(stack: Stack, victims: Victims, step: str) -> None:
    (payload,), rejected = spoil(stack)
    # What Lambda wrote when forward never came through, and an unreadable object behind it.
    stack.bucket.put_on_failure(payload.event, "lost", RuntimeError("Task timed out"))
    stack.bucket.put(f"{FAILED}2026/01/01/00/unreadable", b"neither gzip nor JSON")

    victims.kill("replay", step, {}, stack.functions.environ, "killed")

    stack.proxy.lift()
    stack.functions.replay_until_quiet()
    stack.settle(rejected=rejected)
    assert [key for key in stack.bucket.keys("rejected/") if key.endswith(".unreadable")]


@pytest.mark.parametrize("step", BATCH)
def test_replay_killed_within_a_batch_is_ended_by_the_next(stack: Stack, victims: Victims, step: str) -> None:
    payloads, rejected = spoil(stack, 4)
    for number, each in enumerate(payloads):
        stack.store(each, f"object-{number}")

    victims.kill("replay", f"of a batch, {step}", {}, stack.functions.environ, "killed")

    stack.proxy.lift()
    stack.functions.replay_until_quiet()
    stack.settle(rejected=rejected)


@pytest.mark.parametrize("step", DAMAGED)
def test_replay_killed_over_a_partly_damaged_object_is_ended_by_the_next(
    stack: Stack, victims: Victims, step: str
) -> None:
    payloads, rejected = spoil(stack, 3)
    first, second, third = [base64.b64decode(each.event["awslogs"]["data"]) for each in payloads]
    cut = first[:-20]
    stack.bucket.put(f"{FAILED}2026/01/01/00/damaged.json.gz", first + cut + second + third + b"junk")

    victims.kill("replay", f"of a damaged object, {step}", {}, stack.functions.environ, "killed")

    stack.proxy.lift()
    stack.functions.replay_until_quiet()
    stack.settle(rejected=rejected)
    aside = [key for key in stack.bucket.keys("rejected/") if key.endswith(".unreadable")]
    assert [stack.bucket.read(key) for key in aside] == [cut + b"junk"]
