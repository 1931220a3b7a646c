"""Replays on a bucket that is full, damaged, or worked on by another replay."""

import base64
import gzip
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends

from faults.conftest import Stack
from faults.harness.bucket import NAME
from faults.harness.faults import answering, item, refusing_items
from faults.harness.ledger import DAY, FIRST_DAY, every
from faults.harness.proxy import Exchange
from faults.harness.victim import Victims
from flowlogs.traffic.day import encode_payload
from handler.failures import FAILED, ON_FAILURE, Content, FailureStore

CONTROL = {"messageType": "CONTROL_MESSAGE", "owner": "CloudwatchLogs", "logEvents": []}


UNREADABLE = {
    "0-empty": b"",
    "0-text": b"not a payload",
    "0-cut.json.gz": gzip.compress(json.dumps({"messageType": "DATA_MESSAGE"}).encode() * 50)[:-20],
    "0-other.json.gz": gzip.compress(b'{"hello": "world"}'),
    "0-bomb.json.gz": gzip.compress(b" " * (65 * 1024 * 1024), 1),
    "0-record": b'{"version": "1.0", "responsePayload": {}}',
    "0-event": json.dumps({"requestPayload": {"awslogs": {"data": "not base64!"}}}).encode(),
}


def test_unreadable_objects_are_set_aside_and_block_nothing(stack: Stack) -> None:
    for name, data in UNREADABLE.items():
        stack.bucket.put(f"{ON_FAILURE}forward/2026/01/01/{name}", data)
    for number in range(3):
        stack.store(stack.ledger.payload(events=4), f"good-{number}")

    answer = stack.functions.replay()

    assert (answer["set_aside"], answer["dropped"], answer["indexed"]) == (len(UNREADABLE), 3, 12)
    aside = stack.bucket.keys("rejected/")
    assert sorted(stack.bucket.read(key) for key in aside) == sorted(UNREADABLE.values())
    reasons = {
        stack.bucket.metadata(key)["was"].split("/")[-1]: stack.bucket.metadata(key)["reason"]
        for key in aside
    }
    assert reasons["0-text"] == "payload is not gzip: it starts with 6e6f742061207061"
    assert reasons["0-bomb.json.gz"] == "gzip holds more than 25165824 bytes"
    assert reasons["0-record"].endswith("it has no requestPayload")
    stack.settle()


def test_a_kept_control_message_is_dropped(stack: Stack) -> None:
    stack.bucket.put_on_failure(encode_payload(CONTROL), "control", RuntimeError("Task timed out"))

    assert stack.functions.replay()["dropped"] == 1
    assert stack.bucket.keys() == []


@pytest.fixture
def quick_bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the functions reach the same bucket without HTTP: thousands of requests take their time."""
    mock = mock_aws()
    mock.start(reset=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3")
    yield
    mock.stop()


@pytest.mark.usefixtures("stack", "quick_bucket")
def test_more_objects_than_a_page_holds_are_all_replayed_in_several_runs(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "100")  # a page of S3 holds 1000
    s3 = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    for number in range(250):
        payload = stack.ledger.payload(events=1, days=1)
        data = base64.b64decode(payload.event["awslogs"]["data"])
        s3.put_object(NAME, f"{FAILED}2026/01/01/00/{number:05d}.json.gz", data)
    assert len(stack.bucket.pending()) == 250

    first = stack.functions.replay(seconds=6.0)  # ends before it is done, in good order
    answers = [first, *stack.functions.replay_until_quiet(seconds=300.0)]

    assert first["dropped"] + first["remaining_objects"] == 250
    assert first["remaining_objects"] > 0
    assert sum(answer["indexed"] for answer in answers if answer) == 250
    stack.settle()


def test_two_replays_at_once_change_nothing(stack: Stack) -> None:
    payloads = [stack.ledger.payload(events=20) for _ in range(4)]
    bad = every(5, [event for payload in payloads for event in payload.events])
    for number, payload in enumerate(payloads):
        stack.store(payload, f"object-{number}")
    both = threading.Barrier(2)
    refuse = refusing_items(
        bad.__contains__, item(400, "mapper_parsing_exception", "failed to parse field [srcaddr]")
    )

    def meet(exchange: Exchange) -> None:
        both.wait(60)  # both have read the first object, and neither has dropped it
        refuse(exchange)

    stack.proxy.always(refuse)
    stack.proxy.script(meet, meet)
    with ExitStack() as open_ones, ThreadPoolExecutor(2) as threads:
        replays = [open_ones.enter_context(Victims()) for _ in range(2)]
        ends = [
            threads.submit(each.run, "replay", {}, stack.functions.environ, f"replay-{number}")
            for number, each in enumerate(replays)
        ]
        assert [end.result(120) for end in ends] == [0, 0]

    stack.settle(rejected=dict.fromkeys(bad, "400 mapper_parsing_exception"))


@pytest.mark.parametrize("at_once", [False, True], ids=["one behind the other", "at once"])
def test_a_replay_that_is_handed_over_twice_with_one_request_id_changes_nothing(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, *, at_once: bool
) -> None:
    """What they write back keeps the time of what they read, and is not to have one name."""
    payloads = [stack.ledger.payload(events=8) for _ in range(3)]
    bad = [every(4, payload.events) for payload in payloads]
    refusal = item(403, "cluster_block_exception", "index blocked by: [FORBIDDEN/8/index write (api)];")
    stack.proxy.always(refusing_items(frozenset().union(*bad).__contains__, refusal))

    def store(number: int) -> None:
        stack.store(payloads[number], f"20260101T000000.000000Z-one-request-{'abc'[number]}")

    def run() -> dict[str, int]:
        return stack.functions.replay(request_id="one-request")

    store(0)
    store(1)
    if at_once:
        both = threading.Barrier(2)
        read = FailureStore.read

        def meet(self: FailureStore, key: str) -> Content | None:
            if key.endswith("-a.json.gz"):
                both.wait(60)
            return read(self, key)

        monkeypatch.setattr(FailureStore, "read", meet)
        with ThreadPoolExecutor(2) as threads:
            answers = [each.result(60) for each in [threads.submit(run), threads.submit(run)]]
        store(2)
        answers.append(run())
    else:
        answers = [run()]
        store(2)  # its rest is written back by the second run, of the same name but for what is drawn
        answers.append(run())

    assert [each["unaccounted"] for each in answers] == [0] * len(answers)
    assert sum(each["indexed"] for each in answers) == 18
    stack.settle(waiting=frozenset().union(*bad))
    stack.proxy.lift()
    stack.functions.replay_until_quiet()
    stack.settle()


def test_the_same_object_twice_changes_nothing(stack: Stack) -> None:
    payload = stack.ledger.payload(events=20)
    stack.store(payload, "once")
    stack.store(payload, "twice")

    answer = stack.functions.replay()

    assert (answer["dropped"], answer["indexed"], answer["duplicate"]) == (2, 20, 20)
    stack.settle()


def test_what_stays_pending_is_written_back_smaller_and_counts_its_attempts(stack: Stack) -> None:
    payload = stack.ledger.payload(events=12)
    blocked = every(4, payload.events)
    old = stack.store(payload, "old")
    refusal = item(403, "cluster_block_exception", "index blocked by: [FORBIDDEN/8/index write (api)];")
    stack.proxy.always(refusing_items(blocked.__contains__, refusal))

    assert stack.functions.replay()["shortened"] == 1
    (new,) = stack.bucket.pending()
    assert new != old
    assert set(stack.bucket.pending_ids()) == blocked
    metadata = stack.bucket.metadata(new)
    assert (metadata["attempts"], metadata["events"]) == ("1", "3")
    assert metadata["reason"] == "403 cluster_block_exception"

    stack.functions.replay()  # nothing new to tell: the object stays as it is
    assert stack.bucket.pending() == [new]
    stack.settle(waiting=blocked)
    stack.proxy.lift()
    stack.functions.replay_until_quiet()
    stack.settle()


def test_a_replay_stops_after_one_object_while_the_cluster_refuses(stack: Stack) -> None:
    for number in range(5):
        stack.store(stack.ledger.payload(events=4, days=1), f"object-{number}")
    stack.proxy.always(answering(503))

    answer = stack.functions.replay()

    assert (answer["remaining_objects"], answer["received"]) == (5, 4)
    stack.proxy.lift()
    stack.functions.replay_until_quiet()
    stack.settle()


def test_events_older_than_the_retention_are_rejected_as_expired(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    age = 10 * 365 * DAY
    payload = stack.ledger.payload(events=4, first=FIRST_DAY - age)
    stack.store(payload, "old")
    monkeypatch.setenv("RETENTION_DAYS", "1000")
    stack.functions.environ["RETENTION_DAYS"] = "1000"

    stack.functions.replay_until_quiet()
    stack.settle(rejected=dict.fromkeys(payload.ids, "0 expired: older than the 1000 days"))
    assert stack.proxy.heads == []
