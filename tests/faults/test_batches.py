"""Many payloads in one request to a real OpenSearch: each keeps its names, and a bad one harms no other."""

from typing import Any

import pytest

from faults.conftest import Stack
from faults.harness.faults import answering
from flowlogs.local.embedded import Embedded
from handler.batch import deliver
from handler.report import BatchReport, Report
from parser.subscription import Event, Subscription

NOON = 1_768_478_400_000
DAY = 86_400_000
LINE = "2 {} eni-0a1b2c3d4e5f60718 10.0.1.5 172.31.9.12 49152 443 6 10 840 1768478400 1768478460 ACCEPT OK"


def payload(number: int, *, events: int = 20, days: int = 1) -> Subscription:
    """Make a payload of an account, a log group and a stream of its own."""
    account = f"{number:012}"
    return Subscription(
        owner=account,
        log_group=f"/vpc/{number}",
        log_stream=f"eni-{number}-all",
        events=tuple(
            Event(f"{number:03}-{position:05}", NOON + position % days * DAY, LINE.format(account))
            for position in range(events)
        ),
    )


def run(stack: Stack, payloads: list[Subscription], **changes: Any) -> list[BatchReport]:  # of Config
    environment = stack.functions.make_container(**changes).environment
    reports = list(deliver(environment, iter(payloads), lambda: 60.0))
    assert sum(report.unaccounted for report in reports) == 0
    assert sum(len(report.payloads) for report in reports) == len(payloads)
    return reports


def groups(report: Report) -> tuple[int, int, int, int]:
    return report.indexed, report.duplicate, len(report.pending), len(report.rejected)


def count_by_names(node: Embedded) -> dict[tuple[str, str, str], int]:
    """Count the documents by account, log group and log stream, whose line has the same account."""
    status, _ = node.request("POST", "/cwl-*/_refresh")
    assert status == 200
    status, reply = node.request("POST", "/cwl-*/_search", {"size": 10_000, "query": {"match_all": {}}})
    assert status == 200
    found: dict[tuple[str, str, str], int] = {}
    for hit in reply["hits"]["hits"]:
        document = hit["_source"]
        assert document.get("account_id", document["@owner"]) == document["@owner"]
        names = (document["@owner"], document["@log_group"], document["@log_stream"])
        found[names] = found.get(names, 0) + 1
    return found


def names(*numbers: int) -> list[tuple[str, str, str]]:
    return [(f"{number:012}", f"/vpc/{number}", f"eni-{number}-all") for number in numbers]


def test_each_payload_of_a_batch_keeps_its_own_names(stack: Stack) -> None:
    reports = run(stack, [payload(number, days=2) for number in range(12)])

    (report,) = reports
    assert [groups(each) for each in report.payloads] == [(20, 0, 0, 0)] * 12
    assert report.bulk_requests == 2
    assert count_by_names(stack.node) == dict.fromkeys(names(*range(12)), 20)


def test_bodies_are_cut_within_payloads(stack: Stack) -> None:
    reports = run(stack, [payload(number, events=50) for number in range(12)], max_bulk_bytes=20_000)

    requests = sum(report.bulk_requests for report in reports)
    assert len(reports) > 5
    assert requests > len(reports)
    assert count_by_names(stack.node) == dict.fromkeys(names(*range(12)), 50)


def test_a_batch_that_comes_again_changes_nothing(stack: Stack) -> None:
    payloads = [payload(number) for number in range(5)]

    for expected in ((20, 0, 0, 0), (0, 20, 0, 0)):
        (report,) = run(stack, payloads)
        assert [groups(each) for each in report.payloads] == [expected] * 5
    assert count_by_names(stack.node) == dict.fromkeys(names(*range(5)), 20)


def spoil(how: str) -> Subscription:
    """Make a payload that OpenSearch does not take as it is."""
    good = payload(3)
    if how == "no flow logs":
        texts = ["", "{", "\x00", "\ud800", *("no flow log",) * 16]
        events = tuple(
            Event(each.id, each.timestamp, text) for each, text in zip(good.events, texts, strict=True)
        )
    else:
        huge = Event(good.events[7].id, NOON, "x" * 40_000)
        events = (*good.events[:7], huge, *good.events[8:])
    return Subscription(owner=good.owner, log_group=good.log_group, log_stream=good.log_stream, events=events)


@pytest.mark.parametrize("how", ["no flow logs", "a long line"])
def test_a_payload_of_odd_lines_is_indexed_among_the_others(stack: Stack, how: str) -> None:
    (report,) = run(stack, [payload(1), spoil(how), payload(2)])

    assert [groups(each) for each in report.payloads] == [(20, 0, 0, 0)] * 3
    assert report.unparsed == (20 if how == "no flow logs" else 1)
    assert count_by_names(stack.node) == dict.fromkeys(names(1, 3, 2), 20)


def test_events_that_opensearch_refuses_are_rejected_in_their_payload_alone(stack: Stack) -> None:
    """A mapping of somebody else's: the port is a date."""
    mapping = {"mappings": {"properties": {"srcport": {"type": "date", "format": "yyyy-MM-dd"}}}}
    assert stack.node.request("PUT", "/cwl-2026.01.15", mapping)[0] == 200
    bad = payload(1)
    good = [
        Subscription(
            owner=each.owner,
            log_group=each.log_group,
            log_stream=each.log_stream,
            events=tuple(
                Event(event.id, event.timestamp, event.message.replace("49152", "-")) for event in each.events
            ),
        )
        for each in (payload(2), payload(3))
    ]

    (report,) = run(stack, [good[0], bad, good[1]])

    assert [groups(each) for each in report.payloads] == [(20, 0, 0, 0), (0, 0, 0, 20), (20, 0, 0, 0)]
    assert {each.payload for each in report.rejected} == {1}
    assert count_by_names(stack.node) == dict.fromkeys(names(2, 3), 20)


def test_a_batch_that_was_refused_for_the_moment_is_sent_again_whole(stack: Stack) -> None:
    stack.proxy.script(answering(429))

    (report,) = run(stack, [payload(number) for number in range(4)])

    assert [groups(each) for each in report.payloads] == [(20, 0, 0, 0)] * 4
    assert (report.bulk_requests, report.bulk_retries) == (2, 1)
    assert count_by_names(stack.node) == dict.fromkeys(names(*range(4)), 20)
