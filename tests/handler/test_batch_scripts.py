"""Whatever a cluster says: each event of a batch is settled once, and each payload's numbers add up."""

from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handler.batch import deliver
from handler.config import Config
from handler.environment import Environment
from handler.observe import logger
from handler.outage import Outage
from handler.report import Report
from parser.index_names import index_name
from parser.subscription import Event, Subscription
from support.scripted import SCRIPTS, Scripted

NOON, DAY = 1_768_478_400_000, 86_400_000

EVENTS = st.builds(
    lambda letter, number, day, text: Event(f"{letter}{number}", NOON + day * DAY, text),
    st.sampled_from("tttbqrs"),
    st.integers(0, 5),
    st.integers(0, 2),
    st.sampled_from(["no flow log", "another text"]),
)
PAYLOADS = st.lists(st.lists(EVENTS, max_size=6).map(tuple), max_size=6)


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("handler.delivery.FIRST_DELAY", 0.0)
    level = logger.log_level
    logger.setLevel("CRITICAL")
    yield
    logger.setLevel(level)


@given(held=PAYLOADS, script=SCRIPTS, hour=st.booleans(), max_bytes=st.sampled_from([1, 600, 5_000_000]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_each_event_is_settled_once_and_each_payloads_numbers_add_up(
    held: list[tuple[Event, ...]], script: list[str], max_bytes: int, *, hour: bool
) -> None:
    cluster = Scripted(iter(script))
    config = Config.from_environ({"OPENSEARCH_URL": "http://127.0.0.1:9", "OPENSEARCH_AUTH": "none"})
    object.__setattr__(config, "max_bulk_bytes", max_bytes)
    clock = iter(range(0, 10**9, 1_000 if hour else 1))
    environment = Environment(config, cluster.send, Outage(lambda: next(clock)))
    payloads = [
        Subscription(owner=f"{number}", log_group="/vpc", log_stream="eni", events=events)
        for number, events in enumerate(held)
    ]

    batches = list(deliver(environment, iter(payloads), lambda: 60.0))

    reports = [each for batch in batches for each in batch.payloads]

    assert len(reports) == len(payloads)
    for payload, report in zip(payloads, reports, strict=True):
        check(payload, report, cluster)
    assert set(cluster.documents.values()) <= {1}


def check(payload: Subscription, report: Report, cluster: Scripted) -> None:
    """Assert that a report is of just the events of its payload, and that those it calls indexed are so."""
    kept = Counter((each.event.id, each.event.timestamp) for each in (*report.pending, *report.rejected))
    events = Counter((event.id, event.timestamp) for event in payload.events)
    assert kept <= events
    assert report.received == len(payload.events)
    settled = report.indexed + report.duplicate
    assert report.received == settled + len(report.pending) + len(report.rejected)
    assert settled == (events - kept).total()
    for identity, timestamp in events - kept:
        assert (index_name("cwl", timestamp), identity) in cluster.documents
    assert {each.event.id[0] for each in report.rejected} <= {"r", "s"}
