"""Whose fault a refusal is: the event's, the index's, or that of what stands in between."""

import gc
import gzip
import itertools
import json
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any, Final

import pytest

from handler.delivery import LARGE_EVENT, Delivery
from handler.opensearch import ConnectionFailedError
from handler.report import BatchReport, Unsettled, count_conflicts
from parser.bulk import Body, Encoder
from parser.format import DEFAULT, Formats
from parser.reply import MOST_REASONS, MOST_SPOILERS
from parser.subscription import Event, Subscription

NOON: Final = 1_768_478_400_000
DAY: Final = 86_400_000
FORMATS: Final = Formats.from_text(DEFAULT)
INDEX: Final = "cwl-2026.01.15"

Answer = Callable[[list[str]], tuple[int, bytes]]
"""What a cluster answers to a request with these ids."""

Item = tuple[int, str, str]


def events(*ids: object, at: int = NOON, text: str = "no flow log") -> tuple[Event, ...]:
    return tuple(Event(f"id-{each}", at, text) for each in ids)


def deliver(these: Sequence[Event], answer: Answer, **options: Any) -> BatchReport:  # of Delivery
    subscription = Subscription(owner="1", log_group="flows", log_stream="eni", events=tuple(these))

    def make() -> Encoder:
        return Encoder(FORMATS, prefix="cwl", max_bytes=5_000_000, keep_message=True)

    def send(body: Body, seconds: float) -> tuple[int, bytes]:
        assert seconds > 0
        rows = gzip.decompress(body.data).splitlines()[::2]
        return answer([json.loads(row)["create"]["_id"] for row in rows])

    usual: dict[str, Any] = {"time_left": lambda: 60.0, "sleep": lambda _: None}
    report = Delivery(make, send, **usual | options).run([subscription])
    assert report.unaccounted == 0
    return report


def items(said: Callable[[str], Item | None]) -> Answer:
    """Answer item by item: None for a document that is created."""

    def answer(ids: list[str]) -> tuple[int, bytes]:
        told = []
        for status, kind, reason in (said(each) or (201, "", "") for each in ids):
            error = {"error": {"type": kind, "reason": reason}} if kind else {}
            told.append({"create": {"status": status, **error}})
        return 200, json.dumps({"errors": True, "items": told}).encode()

    return answer


def refuse(status: int, kind: str = "") -> Answer:
    body = json.dumps({"error": {"type": kind, "reason": "no"}}).encode() if kind else b"no"
    return lambda _: (status, body)


def groups(report: BatchReport) -> tuple[int, int, int]:
    return report.indexed + report.duplicate, len(report.pending), len(report.rejected)


ODD: Final = (400, "illegal_argument_exception", "something new about the index")
NAMED: Final = (
    "failed to parse field [srcaddr] of type [long] in document with id '{}'. Preview of field's value: 'x'"
)


@pytest.mark.parametrize(
    ("number", "taken", "expected"),
    [
        (1, (), (0, 1, 0)),
        (2, (), (0, 2, 0)),
        (3, (), (0, 3, 0)),
        (1, (INDEX,), (0, 0, 1)),
        (2, (INDEX,), (0, 0, 2)),
        (3, (INDEX,), (0, 3, 0)),
        (500, (INDEX,), (0, 500, 0)),
        (3, ("cwl-2026.01.14",), (0, 3, 0)),
    ],
)
def test_what_all_events_of_an_index_are_refused_with_alike_is_the_fault_of_the_index(
    number: int, taken: tuple[str, ...], expected: tuple[int, int, int]
) -> None:
    report = deliver(events(*range(number)), items(lambda _: ODD), taken=taken)

    assert groups(report) == expected
    assert {each.verdict.kind for each in (*report.pending, *report.rejected)} == {
        "400 illegal_argument_exception"
    }
    assert report.bulk_requests == 1


@pytest.mark.parametrize("number", [1, 2, 3, 500])
def test_what_names_the_document_is_the_fault_of_the_document(number: int) -> None:
    """A mapping that somebody else has made refuses each, with a reason of its own: for people, at once."""
    refusal = items(lambda each: (400, "mapper_parsing_exception", NAMED.format(each)))

    assert groups(deliver(events(*range(number)), refusal)) == (0, 0, number)


def test_a_document_that_is_refused_among_others_is_at_fault() -> None:
    report = deliver(
        events(*range(50)), items(lambda each: ODD if each in {"id-7", "id-8", "id-9"} else None)
    )

    assert groups(report) == (47, 0, 3)


@pytest.mark.parametrize(
    "reason",
    [
        "pipeline with id [p] does not exist",
        "Number of documents in the index can't exceed [2147483519]",
        "this action would add [2] total shards, but this cluster currently has [1]/[1] maximum",
    ],
)
def test_a_full_shard_or_a_lost_pipeline_is_nobodys_fault_even_for_some(reason: str) -> None:
    """An index of two shards may be full by half."""
    full = items(lambda each: (400, "illegal_argument_exception", reason) if each < "id-5" else None)

    assert groups(deliver(events(*range(9)), full, taken=(INDEX,))) == (4, 5, 0)


def test_events_of_another_day_are_judged_by_their_own_index() -> None:
    these = (*events(*range(4)), *events(*range(10, 14), at=NOON + DAY))
    report = deliver(these, items(lambda each: ODD if len(each) == len("id-10") else None))

    assert groups(report) == (4, 4, 0)
    assert (report.taken, report.refused, report.gave_up) == ({INDEX}, {"cwl-2026.01.16"}, False)


@pytest.mark.parametrize("number", [1, 2, 3, 50])
@pytest.mark.parametrize(
    "refusal",
    [refuse(413), refuse(400, "parse_exception"), refuse(400)],
    ids=["413 to everything", "400 to everything", "400 of no OpenSearch"],
)
def test_where_nothing_passes_nothing_is_rejected(refusal: Answer, number: int) -> None:
    report = deliver(events(*range(number)), refusal)

    assert groups(report) == (0, number, 0)
    assert report.gave_up == report.damaged or refusal([]) == (400, b"no")
    assert report.bulk_requests <= 12
    if number < 3 and refusal([]) != (400, b"no"):
        assert (report.damaged, report.doubted, report.refused) == (False, number, {INDEX})


def spoiling(status: int, *bad: str) -> Answer:
    def answer(ids: list[str]) -> tuple[int, bytes]:
        if set(bad) & set(ids):
            return refuse(status, "action_request_validation_exception")(ids)
        return items(lambda _: None)(ids)

    return answer


@pytest.mark.parametrize(
    ("status", "large", "expected"),
    [(400, False, (19, 0, 1)), (400, True, (19, 0, 1)), (413, True, (19, 0, 1)), (413, False, (19, 1, 0))],
    ids=["400", "400, large", "413, large", "413, small"],
)
def test_an_event_that_is_refused_alone_is_at_fault_where_others_pass(
    status: int, expected: tuple[int, int, int], *, large: bool
) -> None:
    """But one that is refused as too large, and is not, is not at fault."""
    these = (*events(*range(19)), *events("bad", text="x" * (LARGE_EVENT if large else 100)))

    report = deliver(these, spoiling(status, "id-bad"))

    assert groups(report) == expected
    assert (report.damaged, report.gave_up, report.doubted) == (False, False, 0)


@pytest.mark.parametrize("number", [MOST_SPOILERS, MOST_SPOILERS + 1])
def test_of_more_than_a_few_that_are_refused_alone_something_in_between_is_at_fault(number: int) -> None:
    bad = [f"bad{each}" for each in range(number)]
    these = [event for pair in zip(events(*bad), events(*range(number)), strict=True) for event in pair]

    report = deliver(tuple(these), spoiling(400, *(each.id for each in events(*bad))))

    few = number <= MOST_SPOILERS
    assert groups(report) == (number, 0 if few else number, number if few else 0)
    assert (report.spoilers, report.doubted) == ((number, 0) if few else (0, number))


def test_a_large_event_before_all_others_holds_up_none() -> None:
    these = (*events("bad", text="x" * 6_000_000), *events(*range(19)))

    report = deliver(these, spoiling(413, "id-bad"))

    assert groups(report) == (19, 0, 1)


@pytest.mark.parametrize("taken", [(), (INDEX,)], ids=["nothing taken before", "taken a moment ago"])
def test_an_event_that_is_alone_in_its_payload_is_at_fault_where_requests_were_taken_a_moment_ago(
    taken: tuple[str, ...],
) -> None:
    report = deliver(events("bad"), spoiling(400, "id-bad"), taken=taken)

    assert groups(report) == ((0, 0, 1) if taken else (0, 1, 0))


def test_time_that_ends_between_two_looks_at_the_clock_is_no_time_left() -> None:
    looks = itertools.chain([1.2], itertools.repeat(-0.5))

    report = deliver(events(1, 2), items(lambda _: None), time_left=lambda: next(looks))

    assert groups(report) == (2, 0, 0)


def test_time_that_ends_while_a_connection_breaks_is_no_time_left() -> None:
    looks = itertools.chain([1.2], itertools.repeat(-0.5))

    def break_off(_: list[str]) -> tuple[int, bytes]:
        raise ConnectionFailedError("connection", "closed")

    report = deliver(events(1, 2), break_off, time_left=lambda: next(looks))

    assert groups(report) == (0, 2, 0)
    assert report.bulk_requests == 1


def test_reasons_of_many_refusals_are_kept_a_bounded_number_of_times() -> None:
    number = 3 * MOST_REASONS
    report = deliver(
        events(*range(number)), items(lambda each: (400, "mapper_parsing_exception", NAMED.format(each)))
    )

    reasons = [each.verdict.reason for each in report.rejected]
    assert reasons[7] == NAMED.format("id-7")
    assert reasons[-1] == "failed to parse field [srcaddr] of type [long]"
    assert len({id(each.verdict) for each in report.rejected}) == MOST_REASONS + 1
    assert {each.verdict.error_type for each in report.rejected} == {"mapper_parsing_exception"}


def test_a_refused_event_costs_little_memory_besides_itself() -> None:
    number = 6_000
    these = events(*range(number))
    refusal = items(lambda each: (400, "mapper_parsing_exception", NAMED.format(each)))
    deliver(these[:10], refusal)  # what is made once
    gc.collect()
    tracemalloc.start()

    report = deliver(these, refusal)

    gc.collect()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(report.rejected) == number
    assert kept < number * 60 + MOST_REASONS * 1_000


def test_reasons_without_likeness_are_bounded_too() -> None:
    number = 3 * MOST_REASONS
    report = deliver(events(*range(number)), items(lambda each: (400, f"type {each}", each * 5_000)))

    assert len({each.verdict.reason for each in report.rejected}) == 2 * MOST_REASONS + 1
    assert report.rejected[-1].verdict.reason == "more different reasons than are kept"
    assert max(len(each.verdict.reason) for each in report.rejected) == 2000


FIRST, SAME, OTHER = Event("1", NOON, "a"), Event("1", NOON, "a"), Event("1", NOON, "b")
NEXT_DAY = Event("1", NOON + DAY, "b")


@pytest.mark.parametrize(
    ("these", "duplicates", "expected"),
    [
        pytest.param((FIRST, OTHER), (OTHER,), 1, id="another text"),
        pytest.param((FIRST, SAME), (SAME,), 0, id="the same twice"),
        pytest.param((FIRST, SAME, OTHER), (SAME, OTHER), 1, id="both"),
        pytest.param((FIRST, OTHER), (FIRST, OTHER), 1, id="delivered before"),
        pytest.param((FIRST, OTHER), (FIRST,), 1, id="the second came first"),
        pytest.param((FIRST, NEXT_DAY), (NEXT_DAY,), 0, id="another day, hence another index"),
        pytest.param((FIRST, OTHER), (), 0, id="none settled"),
        pytest.param((FIRST, Event("1", NOON + 1, "a")), (Event("1", NOON + 1, "a"),), 1, id="another time"),
    ],
)
def test_events_of_one_id_that_differ_are_counted(
    these: tuple[Event, ...], duplicates: tuple[Event, ...], expected: int
) -> None:
    assert count_conflicts(these, duplicates) == expected


def test_the_first_event_of_an_id_is_kept_and_the_others_are_counted() -> None:
    seen: set[str] = set()

    def create(each: str) -> Item | None:
        if each in seen:
            return (409, "version_conflict_engine_exception", "document already exists")
        seen.add(each)
        return None

    report = deliver((FIRST, *events(*range(5)), OTHER, SAME), items(create))

    assert (report.indexed, report.duplicate, report.conflicting) == (6, 2, 1)


def test_an_unsettled_event_holds_the_event_itself() -> None:
    these = events(*range(4))

    report = deliver(these, items(lambda _: ODD))

    assert all(isinstance(each, Unsettled) for each in report.pending)
    assert [id(each.event) for each in report.pending] == [id(each) for each in these]


def test_without_the_secret_one_request_is_tried_and_every_event_is_kept_with_the_reason() -> None:
    """To ask Secrets Manager again and again would use up the time in which the events are stored."""
    asked = []

    def answer(ids: list[str]) -> tuple[int, bytes]:
        asked.append(ids)
        raise ConnectionFailedError("secret", "the secret cannot be read")

    report = deliver(events(*range(3)), answer)

    assert (groups(report), report.gave_up, len(asked)) == ((0, 3, 0), True, 1)
    verdicts = {(each.verdict.kind, each.verdict.reason) for each in report.pending}
    assert verdicts == {("secret", "the secret cannot be read")}
