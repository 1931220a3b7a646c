"""Payloads that are hard to settle: bad lines, huge lines, too little time."""

import base64
import gzip
import json
import time

import pytest

from faults.conftest import Stack
from faults.harness.faults import answering, error, read_ids
from faults.harness.ledger import DAY, FIRST_DAY, OWNER, every
from faults.harness.proxy import Exchange, passing
from flowlogs.traffic.day import encode_payload
from parser.index_names import index_name

POISON = {
    10: "",
    500: 'agent "flow\\log" stopped: \x00 \x1b[31m \u2028 \U0001f600',
    501: '{"create":{"_id":"1"}}\n{"index":{"_index":".security"}}',
    999: f"2 {OWNER} eni-1 10.0.0.300 10.0.0.1 1 2 6 1 40 1 2 ACCEPT OK",
    1500: f"2 {OWNER} eni-1 10.0.0.1 10.0.0.1 1 2 6 1 {2**63} 1 2 ACCEPT OK",
    2000: "a lone surrogate: \ud800",
    2999: "word " * 2000,
}


def test_poison_lines_among_thousands_are_indexed_and_told(any_stack: Stack) -> None:
    answer = any_stack.functions.deliver(any_stack.ledger.payload(events=3000, messages=POISON).event)

    assert answer is not None
    assert (answer["indexed"], answer["unparsed"], answer["rejected"]) == (3000, len(POISON), 0)
    any_stack.settle()


def test_odd_events_among_a_thousand_cost_only_themselves(stack: Stack) -> None:
    payload = stack.ledger.payload(events=1000)
    content = json.loads(gzip.decompress(base64.b64decode(payload.event["awslogs"]["data"])))
    rows = content["logEvents"]
    rows[3]["id"] = int(rows[3]["id"])
    rows[5]["timestamp"] = float(rows[5]["timestamp"])
    content["owner"] = int(content["owner"])
    rows[7]["timestamp"] = "now"
    del rows[9]["message"]
    rows[11]["message"] = {"a": 1}

    answer = stack.functions.deliver(encode_payload(content))

    assert answer is not None
    assert (answer["received"], answer["indexed"], answer["rejected"]) == (1000, 997, 3)
    assert {line["event"]["id"]: line["reason"] for line in stack.bucket.rejected()} == {
        payload.ids[7]: "its timestamp is a text",
        payload.ids[9]: "it has no message",
        payload.ids[11]: "its message is an object",
    }


def test_a_line_that_the_mapping_refuses_among_thousands_costs_only_itself(any_stack: Stack) -> None:
    stack = any_stack
    second = index_name("cwl", FIRST_DAY + DAY)
    mapping = {"dynamic": False, "properties": {"bytes": {"type": "integer"}}}
    assert stack.node.request("DELETE", "/_index_template/cwl")[0] == 200
    assert stack.node.request("PUT", f"/{second}", {"mappings": mapping})[0] == 200
    large = f"2 {OWNER} eni-1 10.0.0.1 10.0.0.2 1 2 6 9 5000000000 1767312000 1767312060 ACCEPT OK"
    payload = stack.ledger.payload(events=3000, messages={1501: large})

    answer = stack.functions.deliver(payload.event)
    assert answer is not None
    assert (answer["indexed"], answer["rejected"], answer["bulk_requests"]) == (2999, 1, 2)
    stack.settle(rejected={payload.ids[1501]: "400 mapper_parsing_exception: failed to parse field [bytes]"})


def test_an_event_that_spoils_its_whole_request_is_found_and_costs_only_itself(stack: Stack) -> None:
    payload = stack.ledger.payload(events=1000)
    spoiler = payload.ids[700]

    def refuse(exchange: Exchange) -> None:
        if spoiler in read_ids(exchange.read_body()):
            answering(400, error(400, "action_request_validation_exception", "id is too long"))(exchange)
        else:
            passing(exchange)

    stack.proxy.always(refuse)
    answer = stack.functions.deliver(payload.event)
    assert answer is not None
    assert (answer["indexed"], answer["rejected"]) == (999, 1)
    assert answer["bulk_requests"] < 40  # such an answer bears no mark: it is asked for twice
    stack.settle(rejected={spoiler: "400 action_request_validation_exception: id is too long"})


def test_a_single_huge_line_is_indexed(any_stack: Stack) -> None:
    stack = any_stack
    answer = stack.functions.deliver(stack.ledger.payload(events=20, messages={7: "x" * 6_000_000}).event)

    assert answer is not None
    assert (answer["indexed"], answer["unparsed"]) == (20, 1)
    stack.settle()


def test_a_single_huge_line_that_the_cluster_refuses_is_rejected_at_once(stack: Stack) -> None:
    payload = stack.ledger.payload(events=20, messages={7: "x" * 6_000_000})

    def refuse(exchange: Exchange) -> None:
        if payload.ids[7] in read_ids(exchange.read_body()):
            answering(413, '{"Message":"Request size exceeded 10485760 bytes"}')(exchange)
        else:
            passing(exchange)

    stack.proxy.always(refuse)
    answer = stack.functions.deliver(payload.event)
    assert answer is not None
    assert (answer["indexed"], answer["rejected"]) == (19, 1)
    assert answer["bulk_retries"] == 1  # an answer without a mark is asked for twice
    stack.settle(rejected={payload.ids[7]: "413 http_413: Request size exceeded"})


def test_time_that_runs_out_in_the_middle_leaves_the_rest_for_the_replay(stack: Stack) -> None:
    def hesitate(exchange: Exchange) -> None:
        time.sleep(0.6)
        passing(exchange)

    stack.proxy.always(hesitate)
    started = time.monotonic()
    answer = stack.functions.deliver(stack.ledger.payload(events=60, days=6).event, seconds=4.0)

    assert answer is not None
    assert answer["pending"] >= 20
    assert time.monotonic() - started < 4.0
    (key,) = stack.bucket.pending()
    assert "out_of_time" in stack.bucket.metadata(key)["reason"]
    stack.proxy.lift()
    stack.functions.replay_until_quiet()
    stack.settle()


def test_time_that_runs_out_while_retrying_leaves_the_rest_for_the_replay(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handler.delivery.FIRST_DELAY", 100.0)
    monkeypatch.setattr("handler.delivery.LONGEST_DELAY", 100.0)
    monkeypatch.setattr("random.uniform", lambda _, longest: longest)
    stack.proxy.always(answering(503))
    started = time.monotonic()
    answer = stack.functions.deliver(stack.ledger.payload(events=10).event)

    assert answer is not None
    assert (answer["pending"], answer["bulk_requests"]) == (10, 1)  # a pause beyond the end is not begun
    assert time.monotonic() - started < 50.0
    stack.proxy.lift()
    stack.functions.replay_until_quiet()
    stack.settle()


def test_an_error_in_the_function_keeps_all_that_is_not_settled(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        # The first day's reply is judged or not, the second's is not.
        def break_down(exchange: Exchange) -> None:
            passing(exchange)
            patch.setattr("handler.delivery.judge", fail)

        stack.proxy.script(break_down)
        answer = stack.functions.deliver(stack.ledger.payload(events=10).event)
        assert answer is not None
        assert answer["pending"] >= 5
    stack.functions.replay_until_quiet()
    stack.settle()


@pytest.mark.parametrize("kept", ["in one request", "over all days"])
def test_the_same_payload_again_and_again_changes_nothing(any_stack: Stack, kept: str) -> None:
    stack = any_stack
    payload = stack.ledger.payload(events=40, days=1 if kept == "in one request" else 4)
    answers = [stack.functions.deliver(payload.event) for _ in range(3)]

    assert [answer and (answer["indexed"], answer["duplicate"]) for answer in answers] == [
        (40, 0),
        (0, 40),
        (0, 40),
    ]
    stack.settle()


def test_the_same_event_in_two_payloads_or_twice_in_one_is_indexed_once(stack: Stack) -> None:
    payload = stack.ledger.payload(events=4, days=1)
    rows = [{"id": each.id, "timestamp": each.timestamp, "message": each.message} for each in payload.events]
    both = encode_payload(
        {
            "messageType": "DATA_MESSAGE",
            "owner": OWNER,
            "logGroup": "/vpc/flow-logs",
            "logStream": "eni-0a1b2c3d4e5f60718-all",
            "subscriptionFilters": ["one", "two"],
            "logEvents": [*rows, *rows],
        }
    )

    answer = stack.functions.deliver(both)
    assert answer is not None
    assert (answer["indexed"], answer["duplicate"]) == (4, 4)
    assert len(every(1, payload.events)) == 4
    stack.settle()
