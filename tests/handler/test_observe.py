"""What is said about failures: each kind once, its first reason, and nothing of a document."""

import io
import json
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from aws_lambda_powertools import Metrics

from handler import observe
from handler.observe import METRICS, ZERO_SAYS, count, find_reasons, log_failures, measure_lag, tell
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


def test_a_report_names_the_first_reason_of_each_type_without_the_value() -> None:
    assert find_reasons(REPORT) == {
        MAPPER: "failed to parse field [srcaddr] of type [ip] in document with id '3'.",
        "illegal_argument_exception": "x" * 300,
        "cluster_block_exception": "index [cwl-2026.01.15] blocked",
        "timeout": "Read timed out.",
    }


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


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    line: dict[str, Any] = json.loads(capsys.readouterr().out)
    return line


@pytest.fixture
def info() -> None:
    """Let the line of an invocation be told whole."""
    observe.logger.setLevel("INFO")


def test_a_metric_is_made_only_of_a_count_that_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    observe.emit_metrics("forward", {"received": 3, "nobody's": 1})

    metrics = told(capsys)
    (described,) = metrics["_aws"]["CloudWatchMetrics"]
    assert [each["Name"] for each in described["Metrics"]] == ["EventsReceived"]
    assert metrics["EventsReceived"] == 3


def test_metrics_of_nothing_are_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    observe.emit_metrics("forward", {"own_log": 0})

    assert capsys.readouterr().out == ""


@pytest.mark.usefixtures("info")
@pytest.mark.parametrize(("metric", "key"), [(metric, key) for metric, (key, _) in METRICS.items()])
def test_a_count_of_nothing_is_left_out_unless_that_says_something(
    capsys: pytest.CaptureFixture[str], metric: str, key: str
) -> None:
    for value in (0, 7):
        tell("x.done", "x", {"received": 0, key: value})

        line = told(capsys)
        named = [each["Name"] for each in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]]
        there = bool(value) or key in ZERO_SAYS
        assert (key in line, metric in line, metric in named) == (there, there, there)
        assert (line.get(key, 0), line.get(metric, 0)) == (value, value)


@pytest.mark.usefixtures("info")
def test_the_line_is_that_of_powertools_with_metadata(capsys: pytest.CaptureFixture[str]) -> None:
    said = {
        "log_group": "flows",
        "received": 3,
        "pending": 2,
        "milliseconds": 17,
        "reasons": {"timeout": "t"},
    }
    tell("forward.done", "forward", said, {"delivery_lag": 5})

    metrics = Metrics(namespace="FlowLogs")
    metrics.add_dimension(name="FunctionName", value="forward")
    for name, unit, value in (
        ("EventsReceived", "Count", 3),
        ("EventsPending", "Count", 2),
        ("DeliveryLag", "Milliseconds", 5),
    ):
        metrics.add_metric(name=name, unit=unit, value=value)
    metrics.add_metadata(key="message", value="forward.done")
    for field, shown in said.items():
        metrics.add_metadata(key=field, value=shown)
    expected: dict[str, Any] = {**metrics.serialize_metric_set()}
    metrics.clear_metrics()
    flat = {key: value[0] if isinstance(value, list) else value for key, value in expected.items()}
    line = told(capsys)
    line["_aws"]["Timestamp"] = flat["_aws"]["Timestamp"]
    assert line == flat


@pytest.mark.usefixtures("info")
def test_a_line_with_reasons_bears_the_id_that_lines_of_failures_have(
    capsys: pytest.CaptureFixture[str], log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=1;Sampled=0")
    log_failures(REPORT)
    ids = {line["xray_trace_id"] for line in read(log)}

    for reasons, expected in (({}, set()), ({"timeout": "Read timed out."}, ids)):
        tell("forward.done", "forward", {"received": 1, "reasons": reasons})
        assert {value for key, value in told(capsys).items() if key == "xray_trace_id"} == expected


def test_each_line_is_written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What other threads log may stand before it or behind it, and never within it."""
    written: list[str] = []
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(write=written.append))

    tell("forward.done", "forward", {"received": 1})

    (text,) = written
    assert (json.loads(text)["received"], text[-1]) == (1, "\n")


def test_every_count_of_a_report_has_a_metric() -> None:
    assert set(count(REPORT)) <= {key for key, _ in METRICS.values()}
