"""The generated day: the same each time, realistic, and what it says of itself is true.

The lines are read here by position, without the parser: every format begins with the fields of version 2.
"""

import base64
import datetime as dt
import gzip
import json
import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import pytest

from flowlogs.traffic.day import (
    FORMATS,
    Payload,
    Summary,
    encode_event,
    event_id,
    generate_day,
    render,
    summarize,
)

DAY = dt.date(2026, 1, 15)
MIDNIGHT = 1_768_435_200
RECORDS = 120_000
LENGTHS = {"v2": 14, "nat": 18, "v5": 29, "all": 54}


def decode(event: dict[str, dict[str, str]]) -> Any:
    return json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"])))


@dataclass(frozen=True)
class Sent:
    """A generated day, each payload with its content."""

    payloads: list[Payload]
    contents: list[Any]

    @cached_property
    def events(self) -> list[Any]:
        return [event for content in self.contents for event in content["logEvents"]]

    @cached_property
    def records(self) -> list[list[str]]:
        return [line.split() for line in (event["message"] for event in self.events) if not is_broken(line)]

    @cached_property
    def flows(self) -> list[list[str]]:
        return [record for record in self.records if record[13] == "OK"]


@pytest.fixture(scope="module")
def sent() -> Sent:
    payloads = list(generate_day(DAY))
    return Sent(payloads, [decode(payload.event) for payload in payloads])


def is_broken(line: str) -> bool:
    tokens = line.split()
    if len(tokens) not in LENGTHS.values() or not tokens[0].isdigit():
        return True
    if tokens[13] != "OK":
        return False
    port_is_wrong = any(str(int(port)) != port or int(port) > 65535 for port in tokens[5:7])
    return port_is_wrong or tokens[3] == "10.0.0.300"


def count(lines: list[str]) -> Summary:
    """Count raw lines anew, for comparison with what the generator says."""
    found: Counter[str] = Counter()
    for line in lines:
        tokens = line.split()
        if is_broken(line):
            found["unparsed"] += 1
        elif tokens[13] == "OK":
            found[tokens[12]] += 1
            found[f"{tokens[12]} bytes"] += int(tokens[9])
        else:
            found[tokens[13]] += 1
    return Summary(
        received=len(lines),
        unparsed=found["unparsed"],
        no_data=found["NODATA"],
        skip_data=found["SKIPDATA"],
        accepted=found["ACCEPT"],
        rejected=found["REJECT"],
        accepted_bytes=found["ACCEPT bytes"],
        rejected_bytes=found["REJECT bytes"],
    )


def test_the_same_arguments_give_the_same_payloads() -> None:
    first, again = (list(generate_day(DAY, records=2_000, seed=7)) for _ in range(2))

    assert first == again


@pytest.mark.parametrize(
    ("day", "records", "seed"),
    [(dt.date(2026, 1, 16), 2_000, 7), (DAY, 2_001, 7), (DAY, 2_000, 8)],
    ids=["another day", "another size", "another seed"],
)
def test_other_arguments_give_other_ids(day: dt.date, records: int, seed: int) -> None:
    ids = [
        {event["id"] for payload in payloads for event in decode(payload.event)["logEvents"]}
        for payloads in (
            generate_day(DAY, records=2_000, seed=7),
            generate_day(day, records=records, seed=seed),
        )
    ]

    assert not ids[0] & ids[1]


def test_another_day_has_the_same_interfaces() -> None:
    streams = [
        {payload.log_stream for payload in generate_day(day, records=8_000, seed=7)}
        for day in (DAY, dt.date(2026, 1, 16))
    ]

    assert len(streams[0] & streams[1]) > 20


@pytest.mark.parametrize("records", [0, 1, 999, 12_345])
def test_a_day_has_exactly_as_many_records_as_asked_for(records: int) -> None:
    summary = summarize(generate_day(DAY, records=records))

    assert summary.received == records
    assert summary.received == (
        summary.unparsed + summary.no_data + summary.skip_data + summary.accepted + summary.rejected
    )


def test_each_payload_says_what_is_in_it(sent: Sent) -> None:
    for payload, content in zip(sent.payloads, sent.contents, strict=True):
        lines = [event["message"] for event in content["logEvents"]]
        assert payload.summary == count(lines)
        assert payload.lines == len(lines)


def test_the_summary_of_a_day_is_the_count_of_its_lines(sent: Sent) -> None:
    assert summarize(sent.payloads) == count([event["message"] for event in sent.events])


def test_summaries_add_up() -> None:
    assert Summary(4, 1, 1, 0, 1, 1, 10, 20) + Summary(5, 0, 0, 2, 3, 0, 7, 0) == Summary(
        received=9,
        unparsed=1,
        no_data=1,
        skip_data=2,
        accepted=4,
        rejected=1,
        accepted_bytes=17,
        rejected_bytes=20,
    )


def test_event_ids_are_unique_over_the_day_and_rise_within_a_payload(sent: Sent) -> None:
    ids = [event["id"] for event in sent.events]

    assert len(set(ids)) == RECORDS
    assert all(re.fullmatch(r"\d{56}", identity) for identity in ids)
    for content in sent.contents:
        assert all(one["id"] < next_one["id"] for one, next_one in pairwise(content["logEvents"]))


def test_an_id_begins_with_the_events_time(sent: Sent) -> None:
    assert all(int(event["id"]) >> 144 == event["timestamp"] for event in sent.events)


def test_payloads_come_in_the_order_of_time(sent: Sent) -> None:
    # A payload covers ten minutes, so its first record may be that much later than its beginning.
    firsts = [content["logEvents"][0]["timestamp"] for content in sent.contents]

    assert all(later - earlier > -600_000 for earlier, later in pairwise(firsts))


def test_every_record_lies_within_the_day(sent: Sent) -> None:
    assert min(int(record[10]) for record in sent.records) >= MIDNIGHT
    assert max(int(record[11]) for record in sent.records) < MIDNIGHT + 86_400
    assert all(event["timestamp"] // 1000 in range(MIDNIGHT, MIDNIGHT + 86_400) for event in sent.events)


def test_an_events_time_is_the_start_of_its_record(sent: Sent) -> None:
    assert all(
        int(event["message"].split()[10]) * 1000 == event["timestamp"]
        for event in sent.events
        if not is_broken(event["message"])
    )


def test_lines_have_as_many_fields_as_the_format_of_their_payload(sent: Sent) -> None:
    for payload, content in zip(sent.payloads, sent.contents, strict=True):
        lines = [event["message"] for event in content["logEvents"]]
        assert {len(line.split()) for line in lines if not is_broken(line)} <= {LENGTHS[payload.format]}


def test_the_formats_have_different_numbers_of_fields() -> None:
    assert {name: len(text.split()) for name, text in FORMATS.items()} == LENGTHS


def test_the_format_of_version_5_has_the_documentations_order() -> None:
    assert FORMATS["v5"].replace("${", "").replace("}", "") == (
        "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end "
        "action log-status vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr pkt-dstaddr region az-id "
        "sublocation-type sublocation-id pkt-src-aws-service pkt-dst-aws-service flow-direction traffic-path"
    )


def test_all_formats_occur(sent: Sent) -> None:
    lines = Counter(dict.fromkeys(FORMATS, 0))
    for payload in sent.payloads:
        lines[payload.format] += payload.lines

    assert lines["v2"] > RECORDS * 0.5
    assert all(amount > RECORDS * 0.005 for amount in lines.values())


@pytest.mark.parametrize(
    ("share", "low", "high"),
    [
        ("rejected", 0.075, 0.085),
        ("no_data", 0.004, 0.006),
        ("skip_data", 0.0007, 0.0013),
        ("unparsed", 20 / RECORDS, 20 / RECORDS),
    ],
)
def test_shares_of_the_lines_are_realistic(sent: Sent, share: str, low: float, high: float) -> None:
    assert low <= getattr(summarize(sent.payloads), share) / RECORDS <= high


def test_the_day_is_busier_than_the_night(sent: Sent) -> None:
    hours = Counter((event["timestamp"] // 1000 - MIDNIGHT) // 3600 for event in sent.events)

    assert sum(hours[hour] for hour in range(9, 17)) > 2 * sum(hours[hour] for hour in range(8))


def test_interfaces_are_unequally_busy(sent: Sent) -> None:
    lines: Counter[str] = Counter()
    for payload in sent.payloads:
        lines[payload.log_stream] += payload.lines

    assert len(lines) > 250
    assert sum(amount for _, amount in lines.most_common(30)) > RECORDS * 0.35


def test_bytes_have_a_heavy_tail(sent: Sent) -> None:
    sizes = sorted(int(flow[9]) for flow in sent.flows)

    assert sizes[len(sizes) // 2] < 20_000
    assert sum(sizes[-len(sizes) // 100 :]) > sum(sizes) / 2


def test_a_few_flows_are_beyond_32_bits(sent: Sent) -> None:
    assert 1 <= sum(int(flow[9]) > 2**32 for flow in sent.flows) <= 20


def test_payloads_are_mostly_small_and_sometimes_large(sent: Sent) -> None:
    sizes = sorted(payload.lines for payload in sent.payloads)

    assert 10 < sizes[len(sizes) // 2] < 50
    assert sizes[-1] > 1_000


def test_a_stream_belongs_to_one_account_group_and_format(sent: Sent) -> None:
    owners = {(p.log_stream, p.owner, p.log_group, p.format) for p in sent.payloads}

    assert len(owners) == len({payload.log_stream for payload in sent.payloads})
    assert {payload.owner for payload in sent.payloads} == {"012345678901", "123456789010", "345678901234"}
    for payload, content in zip(sent.payloads, sent.contents, strict=True):
        assert (payload.owner, payload.log_group, payload.log_stream) == (
            content["owner"],
            content["logGroup"],
            content["logStream"],
        )


def test_an_event_is_base64_of_gzip_of_json() -> None:
    events: list[dict[str, object]] = [{"id": "1", "timestamp": 2, "message": 'ä "\\" \U0001f6d2 \ud83d'}]

    assert decode(encode_event("012345678901", "group", "stream", events)) == {
        "messageType": "DATA_MESSAGE",
        "owner": "012345678901",
        "logGroup": "group",
        "logStream": "stream",
        "subscriptionFilters": ["flowlogs"],
        "logEvents": events,
    }


def test_a_gzip_header_has_no_time() -> None:
    data = base64.b64decode(encode_event("1", "g", "s", [])["awslogs"]["data"])

    assert data[:8] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00"


def test_an_event_id_has_56_digits() -> None:
    assert event_id(1_702_918_083_000, 1_702_918_443_000, 2**64 - 1, 5) == str(
        1_702_918_083_000 * 2**144 + 1_702_918_443_000 * 2**80 + (2**64 - 1) * 2**16 + 5
    )
    assert len(event_id(1_702_918_083_000, 1_702_918_443_000, 2**64 - 1, 5)) == 56


def test_an_absent_field_is_written_as_a_hyphen() -> None:
    assert render(("version", "srcport", "bytes"), {"version": 2, "bytes": 0}) == "2 - 0"
