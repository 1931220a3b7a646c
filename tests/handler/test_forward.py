"""The forward function from its event to its answer, its log line and its metrics.

What becomes of events that OpenSearch does not take is tested beside the delivery.
"""

import base64
import gzip
import json
import logging
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flowlogs.traffic.day import encode_event, encode_payload
from handler import observe
from handler.config import ConfigError
from parser.errors import EnvelopeError
from support.invocation import Context, Invocation
from support.recorder import Recorder

Invoke = Callable[..., Invocation]

START = 1_768_478_400_000
GROUP, STREAM = "/vpc/flow-logs", "eni-0a1b2c3d4e5f67890-all"
LINES = [
    "2 123456789010 eni-0a1b 10.0.1.5 10.0.2.9 41230 3306 6 12 1904 1768478400 1768478458 ACCEPT OK",
    "2 123456789010 eni-0a1b 198.51.100.7 10.0.2.9 55123 22 6 1 40 1768478401 1768478459 REJECT OK",
    "2 123456789010 eni-0a1b - - - - - - - 1768478402 1768478460 - NODATA",
    "2 123456789010 eni-0a1b - - - - - - - 1768478403 1768478461 - SKIPDATA",
    "no flow log at all",
]
SECRETS = {"AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI", "AWS_SESSION_TOKEN": "IQoJb3JpZ2lu"}
ZERO = dict.fromkeys(
    [
        "received",
        "indexed",
        "duplicate",
        "pending",
        "rejected",
        "unparsed",
        "no_data",
        "skip_data",
        "bulk_requests",
        "bulk_retries",
        "bulk_bytes",
    ],
    0,
)


def make_event(lines: list[str]) -> dict[str, dict[str, str]]:
    rows: list[dict[str, object]] = [
        {"id": f"{number:056d}", "timestamp": START + number * 1000, "message": line}
        for number, line in enumerate(lines)
    ]
    return encode_event("123456789010", GROUP, STREAM, rows)


def some(found: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: found[name] for name in names}


@pytest.fixture
def invoke(monkeypatch: pytest.MonkeyPatch, recorder: Recorder) -> Invoke:
    """Return a function that makes a new execution environment, whose cluster is the recorder."""
    monkeypatch.delenv("FAILURE_BUCKET", raising=False)

    def make(**environ: str) -> Invocation:
        settings = {"OPENSEARCH_URL": recorder.url, "OPENSEARCH_AUTH": "none"}
        return Invocation(monkeypatch, settings | environ)

    return make


def test_the_answer_counts_what_came_and_what_became_of_it(invoke: Invoke, recorder: Recorder) -> None:
    answer = invoke()(make_event(LINES))

    (request,) = recorder.received
    body = gzip.decompress(request.body)
    assert some(answer, *ZERO) == ZERO | {
        "received": 5,
        "indexed": 5,
        "unparsed": 1,
        "no_data": 1,
        "skip_data": 1,
        "bulk_requests": 1,
        "bulk_bytes": len(body),
    }
    assert request.target.startswith("/cwl-2026.01.15/_bulk?")
    rows = [json.loads(row) for row in body.splitlines()]
    assert rows[::2] == [{"create": {"_id": f"{number:056d}"}} for number in range(5)]
    assert [document["@message"] for document in rows[1::2]] == LINES


def test_a_control_message_succeeds_and_sends_nothing(
    invoke: Invoke, recorder: Recorder, project: Path
) -> None:
    invocation = invoke()

    answer = invocation(json.loads((project / "events" / "control-message.json").read_text(encoding="utf-8")))

    assert some(answer, *ZERO) == ZERO
    assert set(answer.values()) == {0}
    assert recorder.connections == 0
    (line,) = invocation.read_log()
    assert (line["message"], line["received"], line["EventsReceived"]) == ("forward.done", 0, 0)
    assert "DeliveryLag" not in line


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({}, "event is not that of a CloudWatch Logs subscription"),
        ([], "event is not that of a CloudWatch Logs subscription"),
        (None, "event is not that of a CloudWatch Logs subscription"),
        ({"awslogs": {"data": None}}, "it has no text at awslogs.data"),
        (
            {"Records": [{"eventSource": "aws:kinesis"}]},
            "event is that of a Kinesis stream: the stream function takes it",
        ),
        ({"Records": [{"eventSource": "aws:sqs"}]}, "event is not that of a CloudWatch Logs subscription"),
        ({"awslogs": {"data": "%%%"}}, "payload is not base64"),
        ({"awslogs": {"data": "bm90IGd6aXA="}}, "payload is not gzip"),
        (encode_payload({"messageType": "DATA_MESSAGE"}), "payload is not a CloudWatch Logs message"),
    ],
    ids=["empty", "list", "nothing", "no data", "of Kinesis", "of SQS", "no base64", "no gzip", "no events"],
)
def test_an_event_that_cannot_be_read_fails_and_is_logged(
    invoke: Invoke, recorder: Recorder, event: object, message: str
) -> None:
    invocation = invoke()

    with pytest.raises(EnvelopeError, match=message):
        invocation(event)

    line, metrics = invocation.read_log()
    assert metrics["PayloadsUnreadable"] == 1
    assert some(line, "level", "message", "request_id", "exception_name") == {
        "level": "ERROR",
        "message": "forward.failed",
        "request_id": "6f7d5c1e-0a64-4d1c-a2a5-5f2e8a3d9b10",
        "exception_name": "EnvelopeError",
    }
    assert message in line["exception"]
    assert recorder.connections == 0


def test_a_wrong_environment_fails_with_all_its_problems(invoke: Invoke) -> None:
    invocation = invoke(OPENSEARCH_URL="http://search.example.com", KEEP_MESSAGE="maybe")

    for _ in range(2):  # a second invocation finds the same
        with pytest.raises(ConfigError, match=r"^OPENSEARCH_URL is .*; KEEP_MESSAGE is 'maybe'"):
            invocation(make_event(LINES))

    assert [line["exception_name"] for line in invocation.read_log()] == ["ConfigError", "ConfigError"]


def test_an_invocation_logs_one_line_that_says_what_became_of_the_payload(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observe, "time", SimpleNamespace(time=lambda: START / 1000 + 300))
    invocation = invoke()

    answer = invocation(make_event(LINES))

    (line,) = invocation.read_log()
    assert line.pop("milliseconds", 0) < 60_000
    assert line == {
        "message": "forward.done",
        "log_group": GROUP,
        "log_stream": STREAM,
        "received": 5,
        "indexed": 5,
        "unparsed": 1,
        "no_data": 1,
        "skip_data": 1,
        "bulk_requests": 1,
        "bulk_bytes": answer["bulk_bytes"],
        "FunctionName": "forward",
        "EventsReceived": 5,
        "EventsIndexed": 5,
        "EventsUnparsed": 1,
        "RecordsNoData": 1,
        "RecordsSkipData": 1,
        "BulkRequests": 1,
        "BulkBytes": answer["bulk_bytes"],
        "DeliveryLag": 300_000,
        "_aws": line["_aws"],
    }
    (described,) = line["_aws"]["CloudWatchMetrics"]
    assert described["Namespace"] == "FlowLogs"
    assert described["Dimensions"] == [["FunctionName"]]
    assert {each["Name"]: each["Unit"] for each in described["Metrics"]} == {
        "EventsReceived": "Count",
        "EventsIndexed": "Count",
        "EventsUnparsed": "Count",
        "RecordsNoData": "Count",
        "RecordsSkipData": "Count",
        "BulkRequests": "Count",
        "BulkBytes": "Bytes",
        "DeliveryLag": "Milliseconds",
    }


def test_the_line_of_an_ordinary_invocation_is_short(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is billed by its bytes, and they cost as much as the computing."""
    monkeypatch.setattr(observe, "time", SimpleNamespace(time=lambda: START / 1000 + 300))
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0")
    line = LINES[0].replace("eni-0a1b", "eni-0a1b2c3d4e5f67890")
    rows: list[dict[str, object]] = [
        {"id": f"{number:056d}", "timestamp": START, "message": line} for number in range(50)
    ]
    invocation = invoke()
    invocation.context = Context(function_name="ForwardFunction")

    invocation(encode_event("123456789010", "/vpc/production/flow-logs", "eni-0a1b2c3d4e5f67890-all", rows))

    printed = invocation.log.getvalue().encode()
    assert (printed.count(b"\n"), len(printed) <= 650) == (1, True)


@pytest.mark.parametrize("level", ["DEBUG", "INFO", "ERROR"])
def test_no_text_of_a_payload_and_no_secret_is_logged_or_printed(
    invoke: Invoke, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, level: str
) -> None:
    """Whatever the function's own level is, and with every library's log turned up."""
    caplog.set_level(logging.DEBUG)
    invocation = invoke(
        OPENSEARCH_AUTH="iam",
        AWS_REGION="eu-central-1",
        AWS_ACCESS_KEY_ID="AKIDEXAMPLE",
        LOG_LEVEL=level,
        **SECRETS,
    )

    invocation(make_event(LINES))
    with pytest.raises(EnvelopeError):
        invocation({"awslogs": {"data": base64.b64encode(b"10.0.1.5 secret line").decode()}})

    printed = capfd.readouterr()
    said = invocation.log.getvalue() + printed.out + printed.err + caplog.text
    assert len(invocation.read_log()) == 3
    for text in ("10.0.1.5", "198.51.100.7", "no flow log at all", *SECRETS.values(), "Signature="):
        assert text not in said


def test_the_connection_outlives_an_invocation(invoke: Invoke, recorder: Recorder) -> None:
    invocation = invoke()

    for _ in range(3):
        invocation(make_event(LINES))

    assert len(recorder.received) == 3
    assert recorder.connections == 1


def test_where_answers_have_no_marks_that_is_logged_once(invoke: Invoke, recorder: Recorder) -> None:
    recorder.marks = False
    invocation = invoke(LOG_LEVEL="WARNING")

    for _ in range(3):
        assert invocation(make_event(LINES))["indexed"] == len(LINES)

    (line,) = [each for each in invocation.read_log() if "level" in each]
    assert line["message"] == "answers.unmarked"
    assert line["reason"] == "what stands before OpenSearch does not pass x-opaque-id on"


def test_a_log_level_above_info_leaves_the_metrics_alone(invoke: Invoke) -> None:
    """They have no level, so neither this nor Lambda's own limit, which stays at INFO, may swallow them."""
    invocation = invoke(LOG_LEVEL="WARNING")

    invocation(make_event(LINES))

    (line,) = invocation.read_log()
    assert (line["EventsReceived"], line["FunctionName"], len(line["_aws"])) == (5, "forward", 2)
    assert not {"message", "log_group", "received", "milliseconds"} & line.keys()


def test_each_invocation_has_metrics_of_its_own(invoke: Invoke) -> None:
    invocation = invoke()

    invocation(make_event(LINES))
    invocation(make_event(LINES[:2]))

    assert [line["EventsReceived"] for line in invocation.read_log()] == [5, 2]


def test_unparsed_lines_alone_keep_their_message_when_told_so(invoke: Invoke, recorder: Recorder) -> None:
    invoke(KEEP_MESSAGE="unparsed")(make_event(LINES))

    rows = [json.loads(row) for row in gzip.decompress(recorder.received[0].body).splitlines()]
    assert [document.get("@message") for document in rows[1::2]] == [None] * 4 + ["no flow log at all"]


def test_the_prefix_and_the_formats_are_those_of_the_environment(invoke: Invoke, recorder: Recorder) -> None:
    invoke(INDEX_PREFIX="flows", LOG_FORMATS="${srcaddr} ${team}")(make_event(["10.0.0.1 green"]))

    (request,) = recorder.received
    assert request.target.startswith("/flows-2026.01.15/_bulk?")
    document = json.loads(gzip.decompress(request.body).splitlines()[1])
    assert some(document, "srcaddr", "team") == {"srcaddr": "10.0.0.1", "team": "green"}


def test_bodies_are_bounded_by_the_environment(invoke: Invoke, recorder: Recorder) -> None:
    answer = invoke(MAX_BULK_BYTES="65536")(make_event(LINES[:1] * 400))

    sizes = [len(gzip.decompress(request.body)) for request in recorder.received]
    assert len(sizes) > 1
    assert max(sizes) <= 65_536
    assert some(answer, "indexed", "bulk_requests", "bulk_bytes") == {
        "indexed": 400,
        "bulk_requests": len(sizes),
        "bulk_bytes": sum(sizes),
    }
