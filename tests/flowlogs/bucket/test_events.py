"""An object of the failure bucket is as many events of the forward function as it holds payloads."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from flowlogs.bucket.events import Opened, open_events
from handler.failures.rejected_lines import write_lines
from handler.report import Unsettled
from parser.errors import EnvelopeError
from parser.reply import Outcome, Verdict
from parser.subscription import Event, Subscription, decode_event, encode

BAD = Verdict(Outcome.REJECTED, 400, "mapper_parsing_exception", "failed to parse")


def payload(*ids: str, stream: str = "eni-a") -> Subscription:
    events = tuple(Event(each, 1768478400000, "a line") for each in ids)
    return Subscription(owner="123456789010", log_group="/vpc/a", log_stream=stream, events=events)


def reject(payload: Subscription) -> tuple[Subscription, list[Unsettled]]:
    return payload, [Unsettled("cwl-2026.01.15", each, BAD) for each in payload.events]


FIRST, SECOND = payload("1", "2"), payload("3", stream="eni-b")
MEMBERS = encode(FIRST) + encode(SECOND)
EVENT: dict[str, Any] = {"awslogs": {"data": "not looked at"}}

OBJECTS = {
    "one payload": (encode(FIRST), [FIRST]),
    "several payloads": (MEMBERS, [FIRST, SECOND]),
    "what zcat makes of them": (gzip.decompress(MEMBERS), [FIRST, SECOND]),
    "rejected events": (write_lines([reject(FIRST), reject(SECOND)], "f", "now"), [FIRST, SECOND]),
}


@pytest.mark.parametrize(("data", "payloads"), OBJECTS.values(), ids=OBJECTS)
def test_each_payload_is_an_event(data: bytes, payloads: list[Subscription]) -> None:
    opened = open_events(data)
    assert [decode_event(each) for each in opened.events] == payloads
    assert (opened.stored, opened.lacking) == (True, ())


def test_what_lambda_wrote_of_a_failed_invocation_is_its_event(project: Path) -> None:
    event = json.loads((project / "events/flow-logs-v2.json").read_bytes())
    opened = open_events(json.dumps({"version": "1.0", "requestPayload": event}).encode())
    assert [decode_event(each) for each in opened.events] == [decode_event(event)]


def test_a_batch_that_lambda_gave_up_is_its_payloads_and_names_the_record_that_is_none(project: Path) -> None:
    opened = open_events((project / "events/stream/discarded-batch.json").read_bytes())
    assert [len(decode_event(each).events) for each in opened.events] == [6, 3]
    assert [reason.partition(": ")[0].partition(" ")[0] for reason in opened.lacking] == ["record"]


def test_a_damaged_part_and_an_event_that_no_index_takes_are_named() -> None:
    odd = Unsettled("", Event("", 1768478400000, "a line"), BAD)
    lines = write_lines([(FIRST, [*reject(FIRST)[1], odd])], "f", "now")
    assert open_events(lines).lacking == ("an event that no index takes: its id is empty",)
    opened = open_events(MEMBERS[:-20])
    assert [decode_event(each) for each in opened.events] == [FIRST]
    assert len(opened.lacking) == 1
    assert opened.lacking[0].startswith(f"byte {len(encode(FIRST))}: ")


def test_an_event_is_left_as_it_is() -> None:
    assert open_events(json.dumps(EVENT).encode()) == Opened([EVENT])


@pytest.mark.parametrize(
    ("data", "error"),
    [
        pytest.param(b"\x1f\x8b\x08", EnvelopeError, id="no payload can be read"),
        pytest.param(b"{", ValueError, id="neither an object nor JSON"),
    ],
)
def test_what_is_no_event_raises(data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        open_events(data)
