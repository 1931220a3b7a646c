"""A batch of payloads: what is sent of it, what is said of each payload, and what its sources rely on."""

import gzip
import io
import itertools
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import pytest

from handler import observe
from handler.batch import deliver
from handler.config import Config
from handler.environment import Environment
from handler.opensearch import ConnectionFailedError
from handler.outage import Outage
from handler.report import BatchReport, Report, Unsettled
from parser.bulk import Body
from parser.compiled import Rows
from parser.subscription import Event, Subscription, Unusable

NOON: Final = 1_768_478_400_000
DAY: Final = 86_400_000
INDEX: Final = "cwl-2026.01.15"

Item = tuple[int, str, str]
BLOCKED: Final = (
    403,
    "cluster_block_exception",
    "index [cwl-2026.01.15] blocked by: [FORBIDDEN/8/index write]",
)
BAD: Final = (400, "mapper_parsing_exception", "failed to parse field [x] in document with id '{}'")


def event(number: int, *, day: int = 0, text: str = "no flow log") -> Event:
    return Event(f"id-{number}", NOON + day * DAY, text)


def payload(name: str, *events: Event) -> Subscription:
    return Subscription(owner=name, log_group=f"/vpc/{name}", log_stream=f"eni-{name}", events=events)


@dataclass
class Cluster:
    """A cluster that keeps what it is sent.

    Attributes:
        say: what is said of a document that is not there, by its id; None for one that is created.
        refuse: what is said of a whole request with these ids, if anything.
        documents: index and id -> document.
        requests: for each request its index and ids.
    """

    say: Callable[[str], Item | None] = lambda _: None
    refuse: Callable[[list[str]], tuple[int, bytes] | None] = lambda _: None
    documents: dict[tuple[str, str], Any] = field(default_factory=dict)
    requests: list[tuple[str, list[str]]] = field(default_factory=list)

    def send(self, body: Body, _: float) -> tuple[int, bytes]:
        rows = [json.loads(row) for row in gzip.decompress(body.data).splitlines()]
        ids = [row["create"]["_id"] for row in rows[::2]]
        self.requests.append((body.index, ids))
        if refusal := self.refuse(ids):
            return refusal
        items = [self._create((body.index, each), row) for each, row in zip(ids, rows[1::2], strict=True)]
        return 200, json.dumps({"errors": True, "items": [{"create": each} for each in items]}).encode()

    def _create(self, key: tuple[str, str], document: Any) -> dict[str, Any]:  # any JSON
        said = self.say(key[1])
        if key in self.documents:
            said = (409, "version_conflict_engine_exception", "document already exists")
        if said is None:
            self.documents[key] = document
            return {"status": 201}
        status, kind, reason = said
        return {"status": status, "error": {"type": kind, "reason": reason.format(key[1])}}


def make_environment(cluster: Cluster, **environ: str) -> Environment:
    config = Config.from_environ(
        {"OPENSEARCH_URL": "http://127.0.0.1:9", "OPENSEARCH_AUTH": "none", **environ}
    )
    return Environment(config, cluster.send, Outage(lambda: 1_000.0))


def run(
    payloads: Sequence[Subscription], cluster: Cluster, environment: Environment | None = None, **environ: str
) -> list[BatchReport]:
    environment = environment or make_environment(cluster, **environ)
    reports = list(deliver(environment, iter(payloads), lambda: 60.0))
    assert sum(report.unaccounted for report in reports) == 0
    assert sum(len(report.payloads) for report in reports) == len(payloads)
    return reports


def groups(report: Report) -> tuple[int, int, int, int]:
    return report.indexed, report.duplicate, len(report.pending), len(report.rejected)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handler.delivery.FIRST_DELAY", 0.0)


@pytest.fixture(autouse=True)
def log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    stream = io.StringIO()
    monkeypatch.setattr(observe.logger.registered_handler, "stream", stream)
    return stream


def test_payloads_share_a_request_and_each_has_its_own_numbers_and_names() -> None:
    cluster = Cluster(say={"id-3": BAD, "id-5": BLOCKED}.get)
    cluster.documents[INDEX, "id-1"] = {}

    (report,) = run(
        [payload("a", event(1), event(2)), payload("b", event(3)), payload("c", event(4), event(5))], cluster
    )

    assert cluster.requests == [(INDEX, ["id-1", "id-2", "id-3", "id-4", "id-5"])]
    assert [groups(each) for each in report.payloads] == [(1, 1, 0, 0), (0, 0, 0, 1), (1, 0, 1, 0)]
    assert [each.received for each in report.payloads] == [2, 1, 2]
    assert (report.received, report.indexed, report.duplicate, report.settled) == (5, 2, 1, 4)
    assert [(each.payload, each.event) for each in report.pending] == [(2, event(5))]
    assert [(each.payload, each.event) for each in report.rejected] == [(1, event(3))]
    named = [cluster.documents[INDEX, each] for each in ("id-2", "id-4")]
    assert [(each["@owner"], each["@log_group"], each["@log_stream"]) for each in named] == [
        ("a", "/vpc/a", "eni-a"),
        ("c", "/vpc/c", "eni-c"),
    ]


def test_only_the_failed_events_of_all_payloads_are_sent_again() -> None:
    tries = itertools.count()
    busy = (429, "rejected_execution_exception", "queue is full")
    cluster = Cluster(say=lambda each: busy if each in {"id-1", "id-4"} and next(tries) < 2 else None)

    (report,) = run(
        [payload("a", event(1), event(2)), payload("b", event(3)), payload("c", event(4))], cluster
    )

    assert [ids for _, ids in cluster.requests] == [["id-1", "id-2", "id-3", "id-4"], ["id-1", "id-4"]]
    assert [groups(each) for each in report.payloads] == [(2, 0, 0, 0), (1, 0, 0, 0), (1, 0, 0, 0)]
    assert cluster.documents[INDEX, "id-4"]["@owner"] == "c"


def test_an_event_that_spoils_the_request_of_many_payloads_is_found_and_harms_none() -> None:
    spoiled = json.dumps({"error": {"type": "action_request_validation_exception", "reason": "no"}}).encode()
    cluster = Cluster(refuse=lambda ids: (400, spoiled) if "id-33" in ids else None)
    payloads = [payload(f"{n}", *map(event, range(10 * n, 10 * n + 10))) for n in range(6)]

    (report,) = run(payloads, cluster)

    assert [groups(each) for each in report.payloads] == [
        (9, 0, 0, 1) if number == 3 else (10, 0, 0, 0) for number in range(6)
    ]


def test_a_request_that_is_too_large_is_halved_across_payloads() -> None:
    cluster = Cluster(refuse=lambda ids: (413, b"too large") if len(ids) > 7 else None)
    payloads = [payload(f"{n}", *map(event, range(5 * n, 5 * n + 5))) for n in range(6)]

    (report,) = run(payloads, cluster)

    assert [groups(each) for each in report.payloads] == [(5, 0, 0, 0)] * 6
    assert all(cluster.documents[INDEX, f"id-{n}"]["@owner"] == f"{n // 5}" for n in range(30))


FATES: Final[dict[str, tuple[Item | None, Event, list[tuple[int, int, int, int]]]]] = {
    "the first is indexed": (None, event(1), [(1, 0, 0, 0), (0, 1, 0, 0)]),
    "the first is indexed, and the second differs": (
        None,
        event(1, text="other"),
        [(1, 0, 0, 0), (0, 1, 0, 0)],
    ),
    "the first is pending": (BLOCKED, event(1), [(0, 0, 1, 0), (0, 0, 1, 0)]),
    "the first is pending, and the second differs": (
        BLOCKED,
        event(1, text="other"),
        [(0, 0, 1, 0), (0, 0, 1, 0)],
    ),
    "the first is rejected": (BAD, event(1), [(0, 0, 0, 1), (0, 0, 0, 1)]),
    "the first is rejected, and the second differs": (
        BAD,
        event(1, text="other"),
        [(0, 0, 0, 1), (0, 0, 1, 0)],
    ),
}


@pytest.mark.parametrize(("said", "again", "expected"), FATES.values(), ids=FATES)
def test_an_event_that_an_earlier_payload_has_brought_is_sent_once_and_shares_its_fate(
    said: Item | None, again: Event, expected: list[tuple[int, int, int, int]]
) -> None:
    cluster = Cluster(say=lambda each: said if each == "id-1" else None)

    (report,) = run([payload("a", event(1), event(2)), payload("b", event(3), again)], cluster)

    assert cluster.requests == [(INDEX, ["id-1", "id-2", "id-3"])]
    others = [(1, 0, 0, 0), (1, 0, 0, 0)]
    assert [groups(each) for each in report.payloads] == [
        tuple(map(sum, zip(*pair, strict=True))) for pair in zip(expected, others, strict=True)
    ]
    assert report.conflicting == 0
    unsettled = [each for each in (*report.pending, *report.rejected) if each.payload == 1]
    assert [(each.index, each.event) for each in unsettled] == [(INDEX, again)] * len(unsettled)


def test_what_repeats_an_event_that_is_only_doubted_is_kept_with_it() -> None:
    """It was refused alone, but nothing else passes either."""
    spoiled = json.dumps({"error": {"type": "action_request_validation_exception", "reason": "no"}}).encode()
    cluster = Cluster(refuse=lambda _: (400, spoiled))

    (report,) = run([payload("a", event(1)), payload("b", event(1))], cluster)

    assert [groups(each) for each in report.payloads] == [(0, 0, 1, 0), (0, 0, 1, 0)]


def test_a_payload_that_was_delivered_twice_is_indexed_once_and_a_duplicate_once() -> None:
    cluster = Cluster()
    one = payload("a", event(1), event(2, day=1))

    (report,) = run([one, payload("b", event(3)), one], cluster)

    assert [groups(each) for each in report.payloads] == [(2, 0, 0, 0), (1, 0, 0, 0), (0, 2, 0, 0)]
    assert sorted(id_ for _, ids in cluster.requests for id_ in ids) == ["id-1", "id-2", "id-3"]


def test_two_events_of_one_payload_with_one_id_are_counted_as_before() -> None:
    (report,) = run(
        [payload("a", event(1), event(1, text="other"), event(1)), payload("b", event(2))], Cluster()
    )

    assert [groups(each) for each in report.payloads] == [(1, 2, 0, 0), (1, 0, 0, 0)]
    assert [each.conflicting for each in report.payloads] == [1, 0]


def test_a_batch_ends_when_its_rows_fill_a_body() -> None:
    cluster = Cluster()
    read: list[int] = []

    def source() -> Iterator[Subscription]:
        for number in range(40):
            read.append(number)
            yield payload(f"{number}", event(number, text="x" * 10_000))

    reports = deliver(make_environment(cluster, MAX_BULK_BYTES="65536"), source(), lambda: 60.0)

    first = next(reports)
    assert 2 < len(first.payloads) == len(read) < 10
    assert first.indexed == len(read)
    rest = list(reports)
    assert sum(len(report.payloads) for report in rest) == 40 - len(first.payloads)
    assert len(cluster.documents) == 40


def test_while_the_cluster_is_away_each_payload_is_left_alone_and_nothing_more_is_read() -> None:
    def be_silent(_: list[str]) -> tuple[int, bytes]:
        raise ConnectionFailedError("timeout", "read timed out")

    cluster = Cluster(refuse=be_silent)
    environment = make_environment(cluster, MAX_BULK_BYTES="65536")
    payloads = [payload(f"{n}", event(n, text="x" * 10_000)) for n in range(20)]

    reports = run(payloads, cluster, environment)

    assert len(cluster.requests) == 1
    assert [len(report.payloads) for report in reports[1:]] == [1] * (len(reports) - 1)
    assert {each.verdict.error_type for report in reports[1:] for each in report.pending} == {"outage"}
    assert [len(each.pending) for report in reports for each in report.payloads] == [1] * 20


def test_whether_it_is_over_is_asked_with_one_payload() -> None:
    """A probe waits for a short time only, and a full body takes a cluster that has just come back longer."""
    cluster = Cluster()
    environment = make_environment(cluster)
    now = [1_000.0]
    object.__setattr__(environment, "outage", Outage(lambda: now[0]))
    environment.outage.begin()
    now[0] += 31

    reports = run([payload(f"{n}", event(n)) for n in range(5)], cluster, environment)

    assert [ids for _, ids in cluster.requests] == [["id-0"], ["id-1", "id-2", "id-3", "id-4"]]
    assert [len(report.payloads) for report in reports] == [1, 4]


STRICT: Final = (400, "strict_dynamic_mapping_exception", "mapping set to strict")
UNREAD: Final = json.dumps(
    {"error": {"type": "action_request_validation_exception", "reason": "no"}}
).encode()


def say_of(item: Item) -> Callable[[Cluster], None]:
    def set_up(cluster: Cluster) -> None:
        cluster.say = lambda each: item if each in {"id-1", "id-2", "id-3"} else None

    return set_up


def refuse_with(status: int, reply: bytes) -> Callable[[Cluster], None]:
    def set_up(cluster: Cluster) -> None:
        cluster.refuse = lambda ids: (status, reply) if {"id-1", "id-2", "id-3"} & set(ids) else None

    return set_up


@pytest.mark.parametrize(
    "set_up",
    [
        pytest.param(say_of(STRICT), id="in words that name no event"),
        pytest.param(say_of(BLOCKED), id="by the index of a day that is over"),
        pytest.param(refuse_with(400, UNREAD), id="with its request"),
        pytest.param(refuse_with(413, b"too large"), id="as too large"),
    ],
)
@pytest.mark.parametrize("events", [1, 3])
def test_a_payload_that_is_refused_alone_is_no_outage_for_the_next(
    set_up: Callable[[Cluster], None], events: int
) -> None:
    cluster = Cluster()
    set_up(cluster)
    environment = make_environment(cluster)
    odd = payload("odd", *map(event, range(1, events + 1)))

    reports = [run([each], cluster, environment) for each in (odd, payload("a", event(8)), odd, odd)]
    reports.append(run([payload("b", event(9))], cluster, environment))

    assert [groups(report.payloads[0]) for (report,) in reports] == [
        (0, 0, events, 0),
        (1, 0, 0, 0),
        (0, 0, events, 0),
        (0, 0, events, 0),
        (1, 0, 0, 0),
    ]


def test_an_index_of_today_that_takes_nothing_is_an_outage_for_the_next() -> None:
    cluster = Cluster(say=lambda _: BLOCKED)
    environment = make_environment(cluster)
    now = Event("id-1", int(time.time() * 1000), "no flow log")

    for _ in range(2):
        (report,) = run([payload("a", now)], cluster, environment)
        assert groups(report.payloads[0]) == (0, 0, 1, 0)

    assert len(cluster.requests) == 1


def test_whether_an_index_that_answers_takes_others_is_asked_with_all_that_is_there() -> None:
    """One payload would be the same each time, where the source begins with it each time."""
    cluster = Cluster(say=lambda each: STRICT if each == "id-0" else None)
    environment = make_environment(cluster)
    now = [1_000.0]
    object.__setattr__(environment, "outage", Outage(lambda: now[0]))
    environment.outage.doubt()
    environment.outage.begin()
    now[0] += 31

    (report,) = run([payload(f"{n}", event(n)) for n in range(5)], cluster, environment)

    assert cluster.requests == [(INDEX, [f"id-{n}" for n in range(5)])]
    assert [groups(each) for each in report.payloads] == [(0, 0, 0, 1), *[(1, 0, 0, 0)] * 4]


def test_nothing_more_is_read_into_a_batch_once_the_cluster_gave_no_answer() -> None:
    """Of many days some are sent before the batch is full."""

    def be_silent(_: list[str]) -> tuple[int, bytes]:
        raise ConnectionFailedError("timeout", "read timed out")

    payloads = [payload("a", *(event(number, day=number) for number in range(6))), payload("b", event(9))]

    reports = run(payloads, Cluster(refuse=be_silent))

    assert [len(report.payloads) for report in reports] == [1, 1]


def test_a_payload_that_cannot_be_handled_harms_no_other(
    monkeypatch: pytest.MonkeyPatch, log: io.StringIO
) -> None:
    render = Rows.render

    def fail(self: Rows, events: Sequence[Event], subscription: Subscription) -> Any:  # of render
        if subscription.owner == "poison":
            raise ZeroDivisionError
        return render(self, events, subscription)

    monkeypatch.setattr(Rows, "render", fail)
    cluster = Cluster()
    payloads = [payload("a", event(1)), payload("poison", event(2), event(3)), payload("c", event(4))]

    reports = run(payloads, cluster)

    assert [groups(each) for report in reports for each in report.payloads] == [
        (1, 0, 0, 0),
        (0, 0, 2, 0),
        (1, 0, 0, 0),
    ]
    assert {each.verdict.error_type for report in reports for each in report.pending} == {"interrupted"}
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert {(line["message"], line["exception_name"]) for line in lines} == {
        ("delivery.interrupted", "ZeroDivisionError")
    }


def test_what_was_indexed_before_an_interruption_comes_back_as_duplicate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster = Cluster()
    requests = itertools.count()

    def fail_once(ids: list[str]) -> None:
        if next(requests) == 1:
            raise ZeroDivisionError

    monkeypatch.setattr(cluster, "refuse", fail_once)

    reports = run([payload("a", event(1), event(2, day=1)), payload("b", event(3))], cluster)

    assert [groups(each) for report in reports for each in report.payloads] == [(1, 1, 0, 0), (0, 1, 0, 0)]


def test_what_reading_the_payloads_raises_comes_behind_the_report_of_what_was_read() -> None:
    def source() -> Iterator[Subscription]:
        yield payload("a", event(1))
        yield payload("b", event(2))
        raise OSError("the bucket is gone")

    cluster = Cluster()
    reports = deliver(make_environment(cluster), source(), lambda: 60.0)

    assert [groups(each) for each in next(reports).payloads] == [(1, 0, 0, 0)] * 2
    with pytest.raises(OSError, match="the bucket is gone"):
        next(reports)


def test_events_that_no_index_would_take_are_rejected_in_their_payload() -> None:
    odd = Unusable(Event("", NOON, "odd"), "its id is empty")
    payloads = [payload("a", event(1)), msgspec.structs.replace(payload("b", event(2)), unusable=(odd,))]

    (report,) = run(payloads, Cluster())

    assert [groups(each) for each in report.payloads] == [(1, 0, 0, 0), (1, 0, 0, 1)]
    (rejected,) = report.rejected
    assert isinstance(rejected, Unsettled)
    assert (rejected.payload, rejected.event, rejected.verdict.reason) == (1, odd.event, odd.reason)


def test_no_payloads_are_no_batch() -> None:
    assert run([], Cluster()) == []


def test_a_payload_without_events_is_reported_and_not_sent() -> None:
    cluster = Cluster()

    (report,) = run([payload("control")], cluster)

    assert (report.payloads, cluster.requests) == ([Report(received=0)], [])


@pytest.mark.parametrize("error", [429, 503])
def test_a_batch_that_is_not_taken_waits_whole(error: int) -> None:
    cluster = Cluster(refuse=lambda _: (error, b"{}"))

    (report,) = run([payload("a", event(1)), payload("b", event(2), event(3))], cluster)

    assert [groups(each) for each in report.payloads] == [(0, 0, 1, 0), (0, 0, 2, 0)]
    assert report.gave_up
