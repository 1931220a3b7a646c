"""Whatever a cluster does, each event of a batch is settled once, and each payload's numbers add up."""

import gzip
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handler.batch import deliver
from handler.config import Config
from handler.environment import Environment
from handler.observe import logger
from handler.opensearch import ConnectionFailedError
from handler.outage import Outage
from handler.report import BatchReport
from parser.bulk import Body
from parser.index_names import index_name
from parser.subscription import Event, Subscription, Unusable

DAY: Final = 86_400_000
NOON: Final = 1_768_478_400_000
ITEMS: Final = (
    (201, ""),
    (409, "version_conflict_engine_exception"),
    (400, "mapper_parsing_exception"),
    (400, "illegal_argument_exception"),
    (403, "cluster_block_exception"),
    (429, "rejected_execution_exception"),
    (503, "unavailable_shards_exception"),
    (401, "security_exception"),
    (200, ""),
)
Key = tuple[str, str]


@dataclass(frozen=True)
class Step:
    """What becomes of a request.

    Attributes:
        status: of the answer; 0 where there is none.
        items: what is said of the documents, in turn.
        kind: of the error of a refused request, or of the silence.
        applied: whether documents are created though the answer does not arrive.
        cut: how many items or bytes the answer lacks.
    """

    status: int = 200
    items: tuple[int, ...] = (0,)
    kind: str = ""
    applied: bool = False
    cut: int = 0


STEPS: Final = st.one_of(
    st.builds(Step, items=st.lists(st.integers(0, len(ITEMS) - 1), min_size=1, max_size=7).map(tuple)),
    st.builds(
        Step,
        status=st.sampled_from([400, 401, 403, 404, 413, 429, 500, 503]),
        kind=st.sampled_from(["", "parse_exception", "index_closed_exception", "security_exception"]),
    ),
    st.builds(
        Step, status=st.just(0), kind=st.sampled_from(["timeout", "connection"]), applied=st.booleans()
    ),
    st.builds(Step, cut=st.integers(1, 30), applied=st.booleans()),
)


@dataclass
class Cluster:
    """A cluster that does what a script says, and then takes all.

    Attributes:
        script: what becomes of the requests, in turn.
        too_large: bodies with more bytes than this are refused.
        documents: what is there.
        unseen: how many of them were created by requests whose answer did not arrive.
    """

    script: list[Step]
    too_large: int
    documents: dict[Key, Any] = field(default_factory=dict)
    requests: int = 0
    unseen: int = 0

    def send(self, body: Body, _: float) -> tuple[int, bytes]:
        step = self.script[self.requests] if self.requests < len(self.script) else Step()
        self.requests += 1
        content = gzip.decompress(body.data)
        assert len(content) == body.size
        rows = [json.loads(row) for row in content.splitlines()]
        keys = [(body.index, row["create"]["_id"]) for row in rows[::2]]
        assert len(keys) == body.count > 0
        if body.size > self.too_large:
            return 413, b"too large"
        taken = step.status == 200 and not step.cut
        documents = rows[1::2] if taken or step.applied else []
        before = len(self.documents)
        said = [
            self._create(key, document, step.items[number % len(step.items)])
            for number, (key, document) in enumerate(zip(keys, documents, strict=False))
        ]
        self.unseen += 0 if taken else len(self.documents) - before
        if not step.status:
            raise ConnectionFailedError("timeout" if step.kind == "timeout" else "connection", "gone")
        if step.status != 200:
            error = {"error": {"type": step.kind, "reason": "no"}} if step.kind else {}
            return step.status, json.dumps(error).encode()
        answer = json.dumps({"errors": True, "items": [{"create": each} for each in said]}).encode()
        return 200, answer[: -step.cut] if step.cut else answer

    def _create(self, key: Key, document: Any, said: int) -> dict[str, Any]:  # any JSON
        status, kind = ITEMS[said]
        if key in self.documents:
            status, kind = ITEMS[1]
        elif status in {201, 409}:
            status, kind = ITEMS[0]
            self.documents[key] = document
        error = {"error": {"type": kind, "reason": f"{kind} of {key[1]}"}} if kind else {}
        return {"status": status, **error}


EVENTS: Final = st.builds(
    Event,
    id=st.integers(0, 30).map(lambda number: f"id-{number}"),
    timestamp=st.sampled_from([NOON, NOON, NOON, NOON + 1, NOON + DAY, NOON + 2 * DAY]),
    message=st.sampled_from(["no flow log", "no flow log", "other", "x" * 400]),
)
UNUSABLE: Final = st.just(Unusable(Event("", NOON, "odd"), "its id is empty"))
PAYLOADS: Final = st.lists(
    st.builds(
        Subscription,
        owner=st.sampled_from("abc"),
        log_group=st.sampled_from(["/vpc/1", "/vpc/2"]),
        log_stream=st.just("eni"),
        events=st.lists(EVENTS, max_size=12).map(tuple),
        unusable=st.lists(UNUSABLE, max_size=2).map(tuple),
    ),
    max_size=7,
)


@pytest.fixture(autouse=True)
def quick_and_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handler.delivery.FIRST_DELAY", 0.0)
    monkeypatch.setattr(logger, "warning", lambda *_, **__: None)


def run(
    payloads: list[Subscription], cluster: Cluster, max_bytes: int, time_left: Callable[[], float]
) -> list[BatchReport]:
    config = Config.from_environ({"OPENSEARCH_URL": "http://127.0.0.1:9", "OPENSEARCH_AUTH": "none"})
    object.__setattr__(config, "max_bulk_bytes", max_bytes)  # smaller than a person may choose it
    environment = Environment(config, cluster.send, Outage(lambda: 1_000.0))
    return list(deliver(environment, payloads, time_left))


@settings(derandomize=True, deadline=None, max_examples=300, database=None)
@given(
    PAYLOADS,
    st.lists(STEPS, max_size=12),
    st.sampled_from([300, 1_500, 5_000_000]),
    st.sampled_from([200, 2_000, 5_000_000]),
    st.integers(0, 60),
)
def test_each_event_is_settled_once_and_each_payload_adds_up(
    payloads: list[Subscription], script: list[Step], max_bytes: int, too_large: int, looks: int
) -> None:
    cluster = Cluster(script, too_large)
    clock = iter([60.0] * looks)

    reports = run(payloads, cluster, max_bytes, lambda: next(clock, 0.5))

    each_report = [(report, each) for report in reports for each in report.payloads]
    for (batch, report), subscription in zip(each_report, payloads, strict=True):
        unsettled = [*report.pending, *report.rejected]
        assert report.received == len(subscription.events) + len(subscription.unusable)
        assert report.received == report.indexed + report.duplicate + len(unsettled)
        assert all(batch.payloads[one.payload] is report for one in unsettled)
        came = Counter([*subscription.events, *(one.event for one in subscription.unusable)])
        left = Counter(one.event for one in unsettled)
        assert left <= came
        for event in came - left:
            key = (index_name("cwl", event.timestamp), event.id)
            assert key in cluster.documents, f"{event} is lost"
    indexed = sum(report.indexed for _, report in each_report)
    assert indexed == len(cluster.documents) - cluster.unseen
    for batch in reports:
        for name in ("received", "indexed", "duplicate", "settled"):
            assert getattr(batch, name) == sum(getattr(report, name) for report in batch.payloads)


@settings(derandomize=True, deadline=None, max_examples=100, database=None)
@given(PAYLOADS, st.sampled_from([300, 1_500, 5_000_000]))
def test_a_cluster_that_takes_all_has_each_event_once_with_the_names_of_the_first_that_brought_it(
    payloads: list[Subscription], max_bytes: int
) -> None:
    cluster = Cluster([], 5_000_000)

    reports = run(payloads, cluster, max_bytes, lambda: 60.0)

    first: dict[Key, tuple[str, str, str]] = {}
    for each in payloads:
        for event in each.events:
            key = (index_name("cwl", event.timestamp), event.id)
            first.setdefault(key, (each.owner, each.log_group, event.message))
    assert {
        key: (found["@owner"], found["@log_group"], found["@message"])
        for key, found in cluster.documents.items()
    } == first
    assert sum(report.indexed for report in reports) == len(first)
    assert sum(report.duplicate for report in reports) == sum(len(each.events) for each in payloads) - len(
        first
    )
    assert sum(len(report.rejected) for report in reports) == sum(len(each.unusable) for each in payloads)
