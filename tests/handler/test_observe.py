"""What is said about failures: each kind once, its first reason, and nothing of a document."""

import io
import json
from types import SimpleNamespace
from typing import Any

import pytest

from handler import observe
from handler.observe import METRICS, count, log_failures, log_report, measure_lag
from handler.report import BatchReport, Report, Unsettled
from parser.reply import Outcome, Verdict
from parser.subscription import Event, Subscription

PREVIEW = (
    "failed to parse field [srcaddr] of type [ip] in document with id '3'. "
    "Preview of field's value: '10.9.8.7 of a secret place'"
)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Return what the logger writes."""
    stream = io.StringIO()
    monkeypatch.setattr(observe.logger.registered_handler, "stream", stream)
    observe.logger.setLevel("INFO")
    return stream


def read(log: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def make_subscription(*events: Event) -> Subscription:
    return Subscription(owner="123456789010", log_group="flows", log_stream="eni-all", events=events)


def unsettled(
    number: int, outcome: Outcome, status: int, error_type: str, reason: str, index: str = "cwl-2026.01.15"
) -> Unsettled:
    verdict = Verdict(outcome, status, error_type, reason)
    return Unsettled(index, Event(str(number), 0, f"text {number}"), verdict)


MAPPER = "mapper_parsing_exception"
OUTCOME = Report(
    received=9,
    indexed=2,
    duplicate=1,
    pending=[
        unsettled(4, Outcome.WAIT, 403, "cluster_block_exception", "index [cwl-2026.01.15] blocked"),
        unsettled(5, Outcome.RETRY, 0, "timeout", "Read timed out."),
    ],
    rejected=[
        unsettled(6, Outcome.REJECTED, 400, MAPPER, PREVIEW),
        unsettled(7, Outcome.REJECTED, 400, MAPPER, "another reason"),
        unsettled(8, Outcome.REJECTED, 400, MAPPER, PREVIEW, index="cwl-2026.01.16"),
        unsettled(9, Outcome.REJECTED, 400, "illegal_argument_exception", "x" * 1000),
    ],
    conflicting=1,
)
REPORT = BatchReport(
    [OUTCOME], unparsed=3, no_data=4, skip_data=5, bulk_requests=6, bulk_retries=2, bulk_bytes=1234
)


def test_a_report_is_counted_by_the_names_of_the_log() -> None:
    expected = {
        "received": 9,
        "indexed": 2,
        "duplicate": 1,
        "conflicting": 1,
        "pending": 2,
        "rejected": 4,
        "unaccounted": 0,
        "unparsed": 3,
        "no_data": 4,
        "skip_data": 5,
        "bulk_requests": 6,
        "bulk_retries": 2,
        "bulk_bytes": 1234,
    }
    counted = count(REPORT)
    assert {name: counted[name] for name in expected} == expected


def test_events_that_are_in_no_group_are_unaccounted() -> None:
    assert count(BatchReport([Report(received=7, indexed=3, duplicate=1)]))["unaccounted"] == 3


def test_what_one_payload_lacks_is_not_made_up_by_another() -> None:
    surplus, loss = Report(received=1, indexed=2), Report(received=3, indexed=2)

    assert count(BatchReport([surplus, loss]))["unaccounted"] == 2


def test_the_counts_of_a_batch_are_the_sums_of_its_payloads() -> None:
    counted = count(BatchReport([OUTCOME, Report(received=3, indexed=2, duplicate=1), OUTCOME]))

    names = ("received", "indexed", "duplicate", "conflicting", "pending", "rejected", "unaccounted")
    assert [counted[name] for name in names] == [21, 6, 3, 2, 4, 8, 0]


def test_events_of_one_id_that_differ_are_logged_as_a_number(log: io.StringIO) -> None:
    log_failures(BatchReport([Report(received=5, indexed=3, duplicate=2, conflicting=2)]))

    (line,) = read(log)
    assert (line["level"], line["message"], line["count"]) == ("WARNING", "delivery.conflicting", 2)


def test_each_kind_of_failure_is_logged_once_with_its_first_reason(log: io.StringIO) -> None:
    log_failures(REPORT)

    names = ("level", "message", "outcome", "status", "error_type", "index", "reason", "count")
    first, second = "cwl-2026.01.15", "cwl-2026.01.16"
    blocked, cut = "cluster_block_exception", PREVIEW.partition(" Preview")[0]
    assert [tuple(line[name] for name in names) for line in read(log)[1:]] == [
        ("WARNING", "delivery.failed", "pending", 403, blocked, first, f"index [{first}] blocked", 1),
        ("WARNING", "delivery.failed", "pending", 0, "timeout", first, "Read timed out.", 1),
        ("WARNING", "delivery.failed", "rejected", 400, MAPPER, first, cut, 2),
        ("WARNING", "delivery.failed", "rejected", 400, MAPPER, second, cut, 1),
        ("WARNING", "delivery.failed", "rejected", 400, "illegal_argument_exception", first, "x" * 300, 1),
    ]


def test_a_report_names_the_first_reason_of_each_type_without_the_value(log: io.StringIO) -> None:
    log_report("forward.done", make_subscription(), REPORT, count(REPORT), milliseconds=17)

    (line,) = read(log)
    assert line["milliseconds"] == 17
    assert line["reasons"] == {
        MAPPER: "failed to parse field [srcaddr] of type [ip] in document with id '3'.",
        "illegal_argument_exception": "x" * 300,
        "cluster_block_exception": "index [cwl-2026.01.15] blocked",
        "timeout": "Read timed out.",
    }
    assert "secret place" not in log.getvalue()


def test_a_payload_that_went_well_logs_no_failure(log: io.StringIO) -> None:
    log_failures(BatchReport([Report(received=2, indexed=2)]))

    assert log.getvalue() == ""


def test_the_lag_is_the_age_of_the_oldest_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observe, "time", SimpleNamespace(time=lambda: 1000.25))

    events = [
        Event(str(number), timestamp, "") for number, timestamp in enumerate((900_000, 800_250, 950_000))
    ]
    assert measure_lag(make_subscription(*events)) == {"delivery_lag": 200_000}


def test_an_event_of_the_future_has_no_negative_lag(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observe, "time", SimpleNamespace(time=lambda: 1000.0))

    assert measure_lag(make_subscription(Event("1", 1_500_000, ""))) == {"delivery_lag": 0}


def test_a_payload_without_events_has_no_lag() -> None:
    assert measure_lag(make_subscription()) == {}


def test_a_metric_is_made_only_of_a_count_that_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    observe.emit_metrics("forward", {"received": 3, "nobody's": 1})

    metrics = json.loads(capsys.readouterr().out)
    (described,) = metrics["_aws"]["CloudWatchMetrics"]
    assert [each["Name"] for each in described["Metrics"]] == ["EventsReceived"]
    assert metrics["EventsReceived"] == [3]


def test_every_count_of_a_report_has_a_metric() -> None:
    assert set(count(REPORT)) <= {key for key, _ in METRICS.values()}
