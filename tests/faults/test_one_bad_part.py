"""One index, object or event that cannot be served does not stand in the way of the others, or for ever."""

import base64
import time
from collections.abc import Sequence
from contextlib import suppress

import pytest

from faults.conftest import Stack
from faults.harness.bucket import NAME
from faults.harness.faults import JSON, answering, error, hurrying, item, read_ids, refusing_items
from faults.harness.ledger import DAY, FIRST_DAY, LOG_GROUP, OWNER, Payload
from faults.harness.proxy import Exchange, Fault, Reply, passing
from flowlogs.traffic.day import encode_event
from handler import failures, replay
from handler.failures import FAILED, FailureStore, Pending
from parser.index_names import index_name

NOBODY = {"index.routing.allocation.require._name": "nobody"}
ALWAYS_500 = item(500, "node_not_connected_exception", "not connected")


def on_day(stack: Stack, day: int, events: int = 4) -> Payload:
    return stack.ledger.payload(events=events, days=1, first=FIRST_DAY + day * DAY)


@pytest.fixture
def red(stack: Stack) -> str:
    """Return an index without a primary shard; OpenSearch waits for it only briefly."""
    index = index_name("cwl", FIRST_DAY)
    assert stack.node.request("PUT", f"/{index}?wait_for_active_shards=0", {"settings": NOBODY})[0] == 200
    stack.proxy.always(hurrying)
    return index


def heal(stack: Stack, index: str) -> None:
    setting = {"index.routing.allocation.require._name": None}
    assert stack.node.request("PUT", f"/{index}/_settings", setting)[0] == 200
    stack.node.request("GET", f"/_cluster/health/{index}?wait_for_status=yellow")


def test_other_days_are_replayed_while_one_index_is_red(stack: Stack, red: str) -> None:
    for number in range(5):
        stack.store(on_day(stack, 0), f"{number}-red")
        stack.store(on_day(stack, 1), f"{number}-green")

    answer = stack.functions.replay()

    assert (answer["dropped"], answer["left"], answer["indexed"]) == (5, 5, 20)
    # At the most: five tries of the first batch, one each of two more, and one of each other object.
    assert answer["bulk_requests"] <= 5 + 2 + 5
    heal(stack, red)
    stack.functions.replay_until_quiet()
    stack.settle()


def test_a_payload_of_a_red_and_a_green_day_brings_the_green_one(stack: Stack, red: str) -> None:
    payload = stack.ledger.payload(events=8)

    answer = stack.functions.deliver(payload.event)

    assert answer is not None
    assert (answer["indexed"], answer["pending"]) == (4, 4)
    (key,) = stack.bucket.pending()
    assert stack.bucket.metadata(key)["reason"] == "503 unavailable_shards_exception"
    # The next payload is sent: the cluster is there.
    assert stack.functions.invoke(on_day(stack, 1).event)["indexed"] == 4
    heal(stack, red)
    stack.functions.replay_until_quiet()
    stack.settle()


def test_an_event_that_never_succeeds_is_no_outage(stack: Stack) -> None:
    payload = on_day(stack, 0, events=10)
    bad = payload.ids[3]
    stack.proxy.always(refusing_items(lambda identity: identity == bad, ALWAYS_500))

    answer = stack.functions.deliver(payload.event)
    assert answer is not None
    assert (answer["indexed"], answer["pending"]) == (9, 1)
    assert stack.functions.invoke(on_day(stack, 0).event)["indexed"] == 4
    stack.settle(waiting=frozenset({bad}))
    stack.proxy.lift()
    stack.functions.replay_until_quiet()
    stack.settle()


def test_events_that_never_succeed_hold_nobody_up_for_ever(stack: Stack) -> None:
    bad = [on_day(stack, 0, events=1) for _ in range(4)]
    for number, payload in enumerate(bad):
        stack.store(payload, f"0-bad-{number}")
    for number in range(3):
        stack.store(on_day(stack, 0), f"1-good-{number}")
    waiting = frozenset(payload.ids[0] for payload in bad)
    stack.proxy.always(refusing_items(waiting.__contains__, ALWAYS_500))
    container = stack.functions.make_container()

    first = stack.functions.replay(container=container)
    second = stack.functions.replay(container=container)

    assert first["indexed"] == 0  # three in vain: nothing more is sent to that index in this run
    assert second["indexed"] == 12  # which begins behind them
    stack.settle(waiting=waiting)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(answering(400, error(400, "parse_exception", "request body is required")), id="body"),
        pytest.param(
            answering(400, error(400, "json_parse_exception", "Unexpected character")), id="encoding"
        ),
    ],
)
def test_where_no_request_arrives_as_it_was_sent_events_wait(stack: Stack, fault: Fault) -> None:
    payload = stack.ledger.payload(events=100, days=1)
    stack.proxy.always(fault)

    answer = stack.functions.deliver(payload.event)

    assert answer is not None
    assert (answer["pending"], answer["rejected"]) == (100, 0)
    assert answer["bulk_requests"] <= 12  # halved down to three events, and no further
    stack.proxy.lift()
    stack.functions.replay_until_quiet()
    stack.settle()


PAYLOADS = {"of one event": 1, "of two events": 2, "of many": 40}


@pytest.mark.parametrize("events", PAYLOADS.values(), ids=PAYLOADS)
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(answering(413, "<html>413 Request Entity Too Large</html>"), id="413"),
        pytest.param(answering(400, error(400, "parse_exception", "request body is required")), id="400"),
    ],
)
def test_a_front_that_lets_nothing_pass_moves_no_backlog_to_the_rejected(
    stack: Stack, fault: Fault, events: int
) -> None:
    for number in range(6):
        stack.store(on_day(stack, number % 2, events=events), f"object-{number}")
    before = stack.bucket.pending()
    stack.proxy.always(fault)

    for _ in range(3):
        container = stack.functions.make_container()
        with pytest.raises(replay.ReplayError, match="requests are refused whatever is in them"):
            stack.functions.replay(container=container)
        assert container.requests <= 12
    answer = stack.functions.deliver(on_day(stack, 0, events=events).event)

    assert answer is not None
    assert (answer["pending"], answer["rejected"]) == (events, 0)
    again = stack.functions.invoke(on_day(stack, 0).event)["bulk_requests"]
    assert 0 < again <= 12  # for all that a function knows it is the payload that is refused
    assert (stack.bucket.pending()[: len(before)], stack.bucket.rejected()) == (before, [])
    stack.proxy.lift()
    stack.functions.replay_until_quiet()
    stack.settle()


def test_an_event_that_spoils_its_request_is_rejected_though_it_is_alone_in_its_payload(stack: Stack) -> None:
    good, bad = on_day(stack, 0), on_day(stack, 0, events=1)

    def refuse(exchange: Exchange) -> None:
        if bad.ids[0] in read_ids(exchange.read_body()):
            answering(400, error(400, "action_request_validation_exception", "id is too long"))(exchange)
        else:
            passing(exchange)

    stack.proxy.always(refuse)
    answer = stack.functions.deliver(bad.event)
    assert answer is not None
    assert (answer["pending"], answer["rejected"]) == (1, 0)  # nothing shows yet that others pass
    stack.store(good, "0-before-it")

    answer = stack.functions.replay()

    assert (answer["indexed"], answer["rejected"], answer["dropped"]) == (4, 1, 2)
    stack.settle(rejected={bad.ids[0]: "400 action_request_validation_exception"})


def test_what_could_not_be_dropped_is_not_rejected_twice(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    payload = on_day(stack, 0)
    stack.store(payload, "object")
    spoilt = item(400, "mapper_parsing_exception", "failed to parse field [srcaddr]")
    stack.proxy.always(refusing_items(payload.ids[:2].__contains__, spoilt))
    drop, refusals = FailureStore.drop_all, iter([True, True])

    def drop_later(self: FailureStore, objects: Sequence[Pending]) -> dict[str, str]:
        if next(refusals, False):
            raise OSError("S3 is away")
        return drop(self, objects)

    monkeypatch.setattr(FailureStore, "drop_all", drop_later)
    for _ in range(2):
        with pytest.raises(replay.ReplayError):
            stack.functions.replay()
    stack.functions.replay_until_quiet()

    assert len(stack.bucket.rejected()) == 2
    stack.settle(rejected=dict.fromkeys(payload.ids[:2], "400 mapper_parsing_exception"))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param({"id": ""}, "its id is empty", id="no id"),
        pytest.param({"id": "9" * 600}, "its id has 600 bytes, and 512 are the most", id="a long id"),
        pytest.param({"timestamp": -1}, "its timestamp -1 is not between 0 and", id="a time before all"),
    ],
)
@pytest.mark.parametrize("away", [False, True], ids=["delivered", "stored unsent"])
def test_an_event_that_no_index_would_take_is_rejected_alone(
    stack: Stack, change: dict[str, object], reason: str, *, away: bool
) -> None:
    good = [
        {"id": each.id, "timestamp": each.timestamp, "message": each.message}
        for each in on_day(stack, 0, events=9).events
    ]
    odd: dict[str, object] = {"id": "1", "timestamp": FIRST_DAY, "message": "odd"} | change
    if away:
        stack.functions.containers[0].environment.outage.begin()

    answer = stack.functions.deliver(
        encode_event(OWNER, LOG_GROUP, "eni-0a1b2c3d4e5f60718-all", [*good[:5], odd, *good[5:]])
    )

    assert answer is not None
    settled = ("received", "indexed", "pending", "rejected")
    assert [answer[name] for name in settled] == ([10, 0, 9, 1] if away else [10, 9, 0, 1])
    (line,) = stack.bucket.rejected()
    assert line["reason"].startswith(reason)
    assert (line["error_type"], line["index"], line["event"]) == ("unusable_event", "", odd)
    stack.bucket.drop(*stack.bucket.keys("rejected/"))
    stack.functions.replay_until_quiet()
    stack.settle()


def test_foreign_metadata_stops_nobody(stack: Stack) -> None:
    payload = on_day(stack, 0)
    data = base64.b64decode(payload.event["awslogs"]["data"])
    stack.bucket._s3.put_object(
        Bucket=NAME, Key=f"{FAILED}2026/01/01/00/x", Body=data, Metadata={"attempts": "three"}
    )

    assert stack.functions.replay()["dropped"] == 1
    stack.settle()


def test_a_reason_with_control_characters_can_be_stored(stack: Stack) -> None:
    payload = on_day(stack, 0)
    stack.proxy.always(answering(503, error(503, "odd\r\n\x00type", "x")))

    answer = stack.functions.deliver(payload.event)

    assert answer is not None
    assert answer["pending"] == 4
    (key,) = stack.bucket.pending()
    assert stack.bucket.metadata(key)["reason"] == "503 odd   type"


def test_the_age_of_what_waits_counts_from_the_first_time(stack: Stack) -> None:
    payload = on_day(stack, 0, events=8)
    stack.store(payload, "20260101T003000.000000Z-request-1")
    waiting = frozenset(payload.ids[:4])
    stack.proxy.always(refusing_items(waiting.__contains__, ALWAYS_500))

    answer = stack.functions.replay()

    assert answer["shortened"] == 1
    (key,) = stack.bucket.pending()
    assert key.startswith(f"{FAILED}2026/01/01/00/20260101T003000.000000Z-")
    assert answer["oldest_pending_age"] > 3600
    stack.settle(waiting=waiting)


def test_objects_that_cannot_be_handled_end_a_run_and_not_the_next(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        stack.store(on_day(stack, 0), f"object-{number}")
    read = FailureStore.read

    def refuse_some(self: FailureStore, key: str) -> failures.Content | None:
        if "object-5" not in key:
            raise OSError("S3 refuses this object")
        return read(self, key)

    monkeypatch.setattr(FailureStore, "read", refuse_some)
    container = stack.functions.make_container()
    for _ in range(2):
        with pytest.raises(replay.ReplayError):
            stack.functions.replay(container=container)
    assert len(stack.bucket.pending()) == 5  # the sixth was delivered by the second run
    monkeypatch.setattr(FailureStore, "read", read)
    stack.functions.replay_until_quiet()
    stack.settle()


def trickle(exchange: Exchange) -> None:
    """Apply the request, and give the answer in small pieces, each soon, all of it late."""
    wire = exchange.forward().encode()
    with suppress(OSError):  # when the client is gone
        for start in range(0, len(wire), 40):
            exchange.write(wire[start : start + 40])
            time.sleep(0.15)
    exchange.hang_up()


def test_an_answer_in_pieces_has_no_more_time_than_one_in_whole(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handler.delivery.READ_SECONDS", 0.5)
    payload = stack.ledger.payload(events=40, days=1)
    stack.proxy.script(trickle)

    answer = stack.functions.deliver(payload.event)

    assert answer is not None
    assert answer["pending"] == 40
    (key,) = stack.bucket.pending()
    assert stack.bucket.metadata(key)["reason"] == "timeout"
    stack.functions.replay_until_quiet()
    stack.settle()


def hint(exchange: Exchange) -> None:
    """Send an interim answer before the real one."""
    exchange.write(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n")
    passing(exchange)


def hint_and_swallow(exchange: Exchange) -> None:
    """Send an interim answer, and no other."""
    exchange.read_body()
    exchange.write(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n")
    exchange.wait_for_client()


@pytest.mark.parametrize(("fault", "indexed"), [(hint, 4), (hint_and_swallow, 0)])
def test_an_interim_answer_is_none(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, fault: Fault, indexed: int
) -> None:
    if not indexed:
        monkeypatch.setattr("handler.delivery.READ_SECONDS", 1.0)
    payload = on_day(stack, 0)
    stack.proxy.script(fault)

    answer = stack.functions.deliver(payload.event)

    assert answer is not None
    assert (answer["indexed"], answer["bulk_requests"]) == (indexed, 1)
    stack.functions.replay_until_quiet()
    stack.settle()


def answer_late(of: list[str]) -> Fault:
    """Give an answer too many, to the request before, when this one has begun; apply nothing."""

    def answer(exchange: Exchange) -> None:
        count = len(read_ids(exchange.read_body()))
        items = ",".join(['{"create":{"status":201}}'] * count)
        body = f'{{"errors":false,"items":[{items}]}}'.encode()
        exchange.answer(Reply(200, body, JSON | ({"X-Opaque-Id": of[0]} if of else {})))

    return answer


@pytest.mark.parametrize("marked", [True, False], ids=["the mark of another request", "no mark"])
def test_an_answer_to_another_request_settles_nothing(stack: Stack, *, marked: bool) -> None:
    first, second = on_day(stack, 0), on_day(stack, 0)
    marks: list[str] = []

    def remember(exchange: Exchange) -> None:
        marks.append(exchange.read_head().headers["x-opaque-id"])
        passing(exchange)

    stack.proxy.script(remember, answer_late(marks if marked else []))
    stack.functions.deliver(first.event)

    answer = stack.functions.deliver(second.event)

    assert answer is not None
    assert (answer["indexed"], answer["bulk_requests"]) == (4, 2)
    stack.settle()


def test_a_backlog_is_walked_through_page_by_page(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    listed: list[str] = []
    real = FailureStore._list

    def count(self: FailureStore, prefix: str, after: str = "") -> object:
        for each in real(self, prefix, after):
            listed.append(each.key)
            yield each

    for number in range(30):
        stack.store(on_day(stack, 0, events=1), f"object-{number:02d}")
    monkeypatch.setattr(FailureStore, "_list", count)
    monkeypatch.setattr(replay, "MOST_COUNTED", 5)
    monkeypatch.setattr(failures.store, "MOST_AT_ONCE", 1)
    stack.proxy.always(answering(503))

    answer = stack.functions.replay()

    # It was counted no further, and says so.
    assert (answer["remaining_objects"], answer["uncounted_objects"]) == (5, 1)
    assert len(listed) <= 8
    stack.proxy.lift()
    monkeypatch.setattr(replay, "MOST_COUNTED", 10_000)
    stack.functions.replay_until_quiet()
    stack.settle()
