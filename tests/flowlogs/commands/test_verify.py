"""`flowlogs verify`: what adds up, what does not and what that means; and an outage from end to end."""

import base64
import gzip
import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

import boto3
import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from flowlogs.accounting import sources
from flowlogs.accounting.balance import (
    Check,
    Range,
    Sources,
    State,
    check,
)
from flowlogs.accounting.conclusion import Conclusion, conclude, summarize
from flowlogs.accounting.edges import Edges, measure_edges
from flowlogs.accounting.sources import Stored, Window
from flowlogs.cluster.connection import open_client
from flowlogs.cluster.listing import read_indices
from flowlogs.local.embedded import Embedded
from handler import delivery, forward
from handler.environment import prepare
from handler.failures import Content, FailureStore
from handler.report import Unsettled
from parser.document import index_name
from parser.format import DEFAULT, Formats
from parser.index_template import index_template
from parser.reply import Outcome, Verdict
from parser.subscription import Event, Subscription, encode
from support.commands import BUCKET, run
from support.invocation import Context
from support.troubles import close, lose

GROUP: Final = "/vpc/flow-logs"
FILTER: Final = "to-forward"
# Hours ago, so that metrics and events of the test lie in whole hours that are over.
HOUR: Final = (datetime.now(UTC) - timedelta(hours=3)).replace(minute=0, second=0, microsecond=0)
WINDOW: Final = (
    "--since",
    f"{HOUR:%Y-%m-%dT%H:%M}",
    "--until",
    f"{HOUR + timedelta(hours=1):%Y-%m-%dT%H:%M}",
)
NAMES: Final = ("--log-group", GROUP, "--filter", FILTER, "--forward", "forward", "--bucket", BUCKET)
MINUTE: Final = 60_000


def at(minute: float) -> int:
    """Return that minute of the window, in milliseconds."""
    return int(HOUR.timestamp() * 1000 + minute * MINUTE)


def make_payload(first: int, count: int, minute: float = 30) -> Subscription:
    line = "2 123456789010 eni-0a 10.0.0.1 10.0.0.2 443 50000 6 1 40 1768478400 1768478460 ACCEPT OK"
    events = tuple(Event(f"{first + n:056d}", at(minute) + n, line) for n in range(count))
    return Subscription(owner="123456789010", log_group=GROUP, log_stream="eni-0a-all", events=events)


def put_metric(namespace: str, name: str, value: float, minute: float = 31, **dimensions: str) -> None:
    boto3.client("cloudwatch").put_metric_data(
        Namespace=namespace,
        MetricData=[
            {
                "MetricName": name,
                "Value": value,
                "Timestamp": HOUR + timedelta(minutes=minute),
                "Dimensions": [{"Name": key, "Value": text} for key, text in dimensions.items()],
            }
        ],
    )


def put_forwarded(count: int, minute: float = 31) -> None:
    dimensions = {"LogGroupName": GROUP, "DestinationType": "Lambda", "FilterName": FILTER}
    put_metric("AWS/Logs", "ForwardedLogEvents", count, minute, **dimensions)


def put_taken_in(count: int) -> None:
    put_metric("AWS/Logs", "IncomingLogEvents", count, LogGroupName=GROUP)


def put_function(name: str = "forward", *, lag: int = 120_000, zeros: bool = False, **counts: int) -> None:
    """Put what a function counts: it leaves out what is 0, but for what was received."""
    for key in ("Received", "Indexed", "Duplicate", "Pending", "Rejected"):
        if zeros or key == "Received" or counts.get(key.lower()):
            put_metric("FlowLogs", f"Events{key}", counts.get(key.lower(), 0), FunctionName=name)
    put_metric("FlowLogs", "DeliveryLag", lag, FunctionName=name)


def index(node: Embedded, *payloads: Subscription, prefix: str = "cwl") -> None:
    """Write documents as far as they matter here, into the indices of their days."""
    for payload in payloads:
        rows: list[dict[str, Any]] = []
        for event in payload.events:
            rows += [
                {"index": {"_index": index_name(prefix, event.timestamp), "_id": event.id}},
                {"@timestamp": event.timestamp, "@log_group": payload.log_group},
            ]
        body = "".join(json.dumps(row) + "\n" for row in rows).encode()
        status, reply = node.request("POST", "/_bulk?refresh=true", body)
        assert (status, reply["errors"]) == (200, False)


@pytest.fixture
def node(opensearch: Embedded, account: None, monkeypatch: pytest.MonkeyPatch) -> Embedded:
    """Return a cluster with the template, which the command asks."""
    opensearch.request("PUT", "/_index_template/cwl", index_template("cwl", Formats.from_text(DEFAULT)))
    monkeypatch.setenv("OPENSEARCH_URL", opensearch.url)
    return opensearch


def states(checks: Iterable[dict[str, Any]]) -> list[str]:
    return [each["state"] for each in checks]


@pytest.mark.parametrize("zeros", [True, False], ids=["of an earlier version", "without what is 0"])
def test_all_sources_agree(node: Embedded, zeros: bool) -> None:
    index(node, make_payload(0, 100))
    put_forwarded(60)
    put_forwarded(40, minute=59)
    put_forwarded(7, minute=60)  # not of this hour any more
    put_function(zeros=zeros, received=100, indexed=100)
    put_function("replay", zeros=zeros)
    told = run("verify", *WINDOW, *NAMES, "--replay", "replay", "--json")
    assert (told.status, told.errors) == (0, "")
    counts = {"received": 100, "indexed": 100, "duplicate": 0, "pending": 0, "rejected": 0}
    assert told.json["sources"] == {
        "CloudWatch Logs": 100,
        "forward function": counts,
        "replay function": dict.fromkeys(counts, 0),
        "index": 100,
        "bucket": {"pending": 0, "rejected": 0},
    }
    assert (told.json["missing"], told.json["adds_up"], told.json["conclusion"]) == ({}, True, "adds up")
    assert set(states(told.json["checks"])) == {"ok"}
    shown = run("verify", *WINDOW, *NAMES, "--replay", "replay")
    assert shown.status == 0
    assert shown.output.endswith("\nIt adds up.\n")


def test_events_that_are_nowhere_are_missed(node: Embedded) -> None:
    index(node, make_payload(0, 97))
    put_forwarded(100)
    put_function(received=100, indexed=100)
    told = run("verify", *WINDOW, *NAMES, "--json")
    assert told.status == 1
    differing = {each["name"]: each for each in told.json["checks"] if each["state"] == "differs"}
    assert list(differing) == [
        "every event that was forwarded is in the index, waits or is rejected",
        "what the function indexed is in the index",
    ]
    assert {each["difference"] for each in differing.values()} == {3}
    text = differing["every event that was forwarded is in the index, waits or is rejected"]["text"]
    assert "at least 3 events are nowhere" in text


def test_rejected_events_are_accounted_for_and_pending_ones_are_not(node: Embedded) -> None:
    index(node, make_payload(0, 90))
    put_forwarded(100)
    put_function(received=100, indexed=90, pending=6, rejected=4)
    store = FailureStore(BUCKET, "request")
    rejected, pending = make_payload(90, 4), make_payload(94, 6)
    verdict = Verdict(Outcome.REJECTED, 400, "mapper_parsing_exception", "no")
    store.reject([(rejected, [Unsettled("cwl", event, verdict) for event in rejected.events])], "")
    assert run("verify", *WINDOW, *NAMES, "--json").json["checks"][3]["difference"] == 6
    (key,) = store.keep([(pending, [Unsettled("cwl", event, verdict) for event in pending.events])])
    told = run("verify", *WINDOW, *NAMES, "--json")
    assert told.status == 1
    assert told.json["sources"]["bucket"] == {"pending": 6, "rejected": 4}
    differing = [each for each in told.json["checks"] if each["state"] == "differs"]
    assert [(each["name"], each["difference"]) for each in differing] == [("nothing waits", 6)]
    index(node, pending)
    store.drop(key)
    told = run("verify", *WINDOW, *NAMES, "--json")
    assert told.status == 0
    assert f"4 events are rejected, and accounted for: flowlogs rejected --bucket {BUCKET}" in [
        each["text"] for each in told.json["checks"]
    ]


def test_an_event_that_waits_and_is_in_the_index_counts_once(node: Embedded) -> None:
    payload = make_payload(0, 10)
    index(node, payload)
    put_forwarded(10)
    verdict = Verdict(Outcome.RETRY, 0, "timeout", "applied, but not answered")
    FailureStore(BUCKET, "request").keep(
        [(payload, [Unsettled("cwl", each, verdict) for each in payload.events])]
    )
    told = run("verify", *WINDOW, *NAMES, "--json")
    arrival = next(each for each in told.json["checks"] if each["name"].endswith("waits or is rejected"))
    assert (arrival["state"], arrival["text"]) == ("ok", "10 forwarded, 10 in the index + 0 in the bucket")


def put_raw(key: str, events: list[dict[str, Any]]) -> None:
    """Store a payload as something else than CloudWatch Logs may have made it."""
    payload = json.loads(gzip.decompress(encode(make_payload(0, 0)))) | {"logEvents": events}
    boto3.client("s3").put_object(Bucket=BUCKET, Key=key, Body=gzip.compress(json.dumps(payload).encode()))


NO_TIME: Final = {"id": "a", "timestamp": str(at(30)), "message": "x"}
NO_ID: Final = {"id": "", "timestamp": at(30), "message": "x"}


@pytest.mark.parametrize(
    ("events", "minute", "counted", "notes"),
    [
        pytest.param(
            [NO_TIME],
            35,
            1,
            ["bucket: 1 event has no time that can be used, and belongs here by when it was stored"],
            id="no time, stored in the window",
        ),
        pytest.param([NO_TIME], 65, 0, [], id="no time, stored after it"),
        pytest.param([NO_ID, NO_ID], 65, 2, [], id="no id, and a time of the window"),
        pytest.param([NO_ID | {"timestamp": at(61)}], 35, 0, [], id="no id, and a time after it"),
        pytest.param(
            [NO_TIME, NO_TIME | {"id": "b"}, NO_ID],
            35,
            3,
            ["bucket: 2 events have no time that can be used, and belong here by when they were stored"],
            id="several",
        ),
    ],
)
def test_events_that_no_index_takes_are_accounted_for(
    events: list[dict[str, Any]], minute: float, counted: int, notes: list[str], node: Embedded
) -> None:
    index(node, make_payload(0, 97))
    put_forwarded(97 + counted)
    stored = HOUR + timedelta(minutes=minute)
    put_raw(f"rejected/{stored:%Y/%m/%d/%H/%Y%m%dT%H%M%S}.000000Z-x.unreadable", events)
    told = run("verify", *WINDOW, *NAMES, "--json")
    assert told.json["sources"]["bucket"] == {"pending": 0, "rejected": counted}
    assert (told.status, told.json["conclusion"], told.json["notes"]) == (0, "adds up", notes)


def test_an_event_without_an_id_that_is_stored_twice_counts_once(node: Embedded) -> None:
    index(node, make_payload(0, 98))
    put_forwarded(100)
    put_raw("rejected/1.unreadable", [NO_ID, NO_ID])
    put_raw("rejected/2.unreadable", [NO_ID])
    told = run("verify", *WINDOW, *NAMES, "--json")
    assert (told.status, told.json["sources"]["bucket"]["rejected"]) == (0, 2)


def test_what_the_function_rejects_as_unusable_is_accounted_for(node: Embedded) -> None:
    index(node, make_payload(0, 9))
    put_forwarded(10)
    odd = Event("", at(30), "x")
    verdict = Verdict(Outcome.REJECTED, 0, "unusable_event", "its id is empty")
    FailureStore(BUCKET, "x").reject([(make_payload(0, 0), [Unsettled("", odd, verdict)])], "")
    told = run("verify", *WINDOW, *NAMES, "--json")
    assert (told.status, told.json["sources"]["bucket"]) == (0, {"pending": 0, "rejected": 1})


def test_events_of_other_times_and_log_groups_are_not_counted(node: Embedded) -> None:
    other = Subscription(owner="1", log_group="/other", log_stream="x", events=make_payload(900, 5).events)
    index(node, make_payload(0, 10), make_payload(500, 3, minute=-61), make_payload(600, 3, minute=60), other)
    boto3.client("s3").put_object(Bucket=BUCKET, Key="failed/other", Body=encode(other))
    late = make_payload(700, 2, minute=61)
    boto3.client("s3").put_object(Bucket=BUCKET, Key="failed/late", Body=encode(late))
    put_forwarded(10)
    told = run("verify", *WINDOW, *NAMES, "--json")
    assert told.status == 0
    assert told.json["sources"]["index"] == 10


def test_at_the_edges_delivery_and_event_may_differ_and_that_is_said(node: Embedded) -> None:
    # Of the time before, but delivered in the window; and the other way round at its end.
    index(node, make_payload(0, 994), make_payload(2000, 8, minute=-1), make_payload(3000, 3, minute=59))
    put_forwarded(1002)
    put_function(received=1002, indexed=1002, lag=120_000)
    told = run("verify", *WINDOW, *NAMES, "--json")
    assert told.status == 0
    arrival = told.json["checks"][3]
    assert (arrival["state"], "5 more by delivery" in arrival["text"]) == ("ok", True)
    assert "up to 2 min 0 s earlier" in arrival["text"]
    assert (told.json["adds_up"], told.json["conclusion"]) == (True, "adds up as far as the edges allow")
    assert told.json["summary"] == (
        "It adds up, as far as the edges allow: 5 events not shown by the index may lie beyond them."
    )
    shown = run("verify", *WINDOW, *NAMES)
    assert (shown.status, shown.output.splitlines()[-1]) == (0, told.json["summary"])


def test_a_loss_greater_than_the_edges_is_found(node: Embedded) -> None:
    index(node, make_payload(0, 50), make_payload(100, 8, minute=-1))
    put_forwarded(59)
    put_function(received=59, indexed=59, lag=120_000)
    told = run("verify", *WINDOW, *NAMES, "--json")
    assert (told.status, "at least 1 event is nowhere" in told.json["checks"][3]["text"]) == (1, True)


def test_an_excuse_of_more_than_one_in_a_hundred_is_not_known(node: Embedded) -> None:
    """One hour, each event a quarter of an hour late: as many as lie before it may lack in it."""
    index(node, make_payload(0, 80), make_payload(100, 20, minute=-10))
    put_forwarded(100)
    put_function(received=100, indexed=100, lag=15 * MINUTE)
    told = run("verify", *WINDOW, *NAMES, "--json")
    assert (told.status, told.json["conclusion"]) == (1, "not known")
    assert told.json["checks"][3]["text"].endswith(
        "up to 15 min 0 s earlier. But more than 1% of all cannot be told from a loss: check a longer time, "
        "whose edges are less of it"
    )
    assert run("verify", *WINDOW, *NAMES).output.endswith(f"\n{NOT_KNOWN}\n")


def test_one_event_that_came_a_day_late_excuses_nothing(node: Embedded) -> None:
    """The index of the day is gone; the day before is full of documents."""
    index(node, make_payload(0, 500, minute=-90))
    put_forwarded(400)
    put_function(received=400, indexed=400, lag=24 * 60 * MINUTE)
    told = run("verify", *WINDOW, *NAMES, "--json")
    checks = {each["name"]: (each["state"], each["text"]) for each in told.json["checks"]}
    assert (told.status, told.json["conclusion"]) == (1, "not known")
    assert checks[ARRIVED][0] == checks[INDEXED][0] == "not checked"
    assert "But more than 60 min 0 s cannot be told from a loss" in checks[ARRIVED][1]


def test_without_the_function_it_is_not_known_how_late_events_came(node: Embedded) -> None:
    names = ("--log-group", GROUP, "--filter", FILTER, "--bucket", BUCKET)
    index(node, make_payload(0, 1000), make_payload(2000, 5, minute=-5))
    put_forwarded(1005)
    told = run("verify", *WINDOW, *names, "--json")
    assert (told.status, told.json["conclusion"]) == (1, "not known")
    assert "5 more by delivery" in told.json["checks"][3]["text"]
    assert "But no metric says how late events came" in told.json["checks"][3]["text"]
    put_forwarded(995, minute=30)  # all of them, and 995 that are nowhere
    told = run("verify", *WINDOW, *names, "--json")
    assert "at least 995 events are nowhere" in told.json["checks"][3]["text"]


@pytest.mark.parametrize(
    ("lags", "before", "after"),
    [
        pytest.param([], 0, 0, id="nothing was delivered"),
        pytest.param([(0, 2), (60, 2), (120, 2)], 2, 2, id="steady"),
        pytest.param([(60, 24 * 60)], 23 * 60, 0, id="late by a day, an hour after the beginning"),
        pytest.param([(60, 45)], 0, 0, id="late, but of the window itself"),
        pytest.param([(0, 2), (150, 90)], 2, 60, id="after its end by a retry"),
        pytest.param([(0, 2), (180, 30)], 2, 0, id="delivered after its end, and of that time"),
    ],
)
def test_only_what_is_delivered_near_an_edge_lies_beyond_it(
    lags: list[tuple[int, int]], before: int, after: int
) -> None:
    """Two hours; what was delivered when (minutes since its beginning), and how late (minutes)."""
    window = Window(HOUR, HOUR + timedelta(minutes=120))
    series = [(HOUR + timedelta(minutes=minute), float(lag * MINUTE)) for minute, lag in lags]
    minutes = timedelta(minutes=1)
    assert measure_edges(series, window) == Edges(before * minutes, after * minutes, known=True)


def test_an_index_that_is_red_or_closed_is_named_and_nothing_is_called_lost(node: Embedded) -> None:
    index(node, make_payload(0, 100))
    name = index_name("cwl", at(30))
    put_forwarded(100)
    put_function(received=100, indexed=100)
    close(node, name)
    told = run("verify", *WINDOW, *NAMES, "--json")
    assert (told.status, told.json["conclusion"]) == (1, "not known")
    assert told.json["missing"]["index"] == f"OpenSearch does not answer whole: {name} is closed"
    assert told.json["sources"]["index"] is None
    lose(node, name)
    told = run("verify", *WINDOW, *NAMES)
    unfolded = " ".join(told.output.split())
    assert f"index: not known: OpenSearch does not answer whole: {name} is red: 1 of its 1" in unfolded
    assert "nowhere" not in told.output


def test_documents_of_a_stack_whose_prefix_begins_alike_are_not_counted(node: Embedded) -> None:
    index(node, make_payload(0, 20))
    index(node, make_payload(0, 100), prefix="cwl-dev")
    put_forwarded(120)
    put_function(received=120, indexed=120)
    told = run("verify", *WINDOW, *NAMES, "--json")
    assert (told.status, told.json["sources"]["index"]) == (1, 20)
    assert "at least 100 events are nowhere" in told.json["checks"][3]["text"]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        pytest.param(
            {"@timestamp": f"{HOUR:%Y-%m-%dT%H:%M:%S.000Z}", "@log_group": GROUP},
            "@log_group is text there, and not keyword",
            id="log group",
        ),
        pytest.param(
            {"@timestamp": at(30)},
            "@timestamp is long there, and not date",
            id="time",
        ),
    ],
)
def test_an_index_that_was_made_without_the_template_counts_as_not_known(
    document: dict[str, Any], said: str, node: Embedded
) -> None:
    node.request("DELETE", "/_index_template/cwl")
    name = index_name("cwl", at(0))
    assert node.request("PUT", f"/{name}/_doc/1?refresh=true", document)[0] == 201
    put_forwarded(1)
    told = run("verify", *WINDOW, *NAMES, "--json")
    assert (told.status, told.json["conclusion"], told.json["sources"]["index"]) == (1, "not known", None)
    assert told.json["missing"]["index"] == (
        f"OpenSearch does not answer whole: {name} is made without the index template: {said}"
    )


def test_a_day_without_an_index_is_named(node: Embedded) -> None:
    index(node, make_payload(0, 1, minute=-3 * 1440))
    put_forwarded(20)
    put_function(received=20, indexed=20)
    told = run("verify", *WINDOW, *NAMES, "--json")
    name = index_name("cwl", at(30))
    assert told.status == 1
    assert told.json["checks"][3]["text"].endswith(f"is meant. There is no index {name}")
    assert told.json["checks"][4]["text"].endswith(f"or by hand. There is no index {name}")


def test_an_event_in_the_bucket_that_stands_in_two_days_is_found(
    node: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There may be more hits than ids, and more than OpenSearch gives at once."""
    first, second = (make_payload(0, 10, minute=minute) for minute in (30, 30 - 1440))
    index(node, first, second)
    monkeypatch.setattr(sources, "_MOST_HITS", 4)
    _, client = open_client({"OPENSEARCH_URL": node.url})
    ids = [each.id for each in first.events]
    assert sources.find_indexed(read_indices(client, "cwl"), [*ids, "nowhere"]) == frozenset(ids)


@pytest.mark.parametrize("code", ["InternalError", "PartialData", "Forbidden"])
def test_an_answer_of_cloudwatch_that_is_not_whole_is_none(
    node: Embedded, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    index(node, make_payload(0, 10))
    client = boto3.client("cloudwatch")
    real = boto3.client
    values = {"Timestamps": [HOUR], "Values": [10.0]}
    with Stubber(client) as stub:
        # More follows: that of the last page holds.
        results: list[Any] = [{"Id": "forwarded", "StatusCode": "PartialData", **values}]
        stub.add_response("get_metric_data", {"MetricDataResults": results, "NextToken": "more"})
        stub.add_response(
            "get_metric_data",
            {"MetricDataResults": [{"Id": "forwarded", "StatusCode": code, "Timestamps": [], "Values": []}]},
        )
        monkeypatch.setattr(
            boto3, "client", lambda name, **k: client if name == "cloudwatch" else real(name, **k)
        )
        told = run("verify", *WINDOW, *NAMES[:4], "--bucket", BUCKET, "--json")
        stub.assert_no_pending_responses()
    assert (told.status, told.json["conclusion"]) == (1, "not known")
    assert told.json["missing"]["CloudWatch Logs"] == (
        f"CloudWatch does not answer whole for ForwardedLogEvents of LogGroupName {GROUP}, DestinationType "
        f"Lambda, FilterName {FILTER}: {code}. Ask again"
    )


@pytest.mark.parametrize("prefix", ["failed/", "aws/lambda/async/forward/", "rejected/"])
def test_an_object_that_cannot_be_read_may_hold_events_whenever_it_was_stored(
    node: Embedded, prefix: str
) -> None:
    """Lambda tries for six hours, and a replay stores what is left again: long after the hour."""
    index(node, make_payload(0, 10))
    put_forwarded(10)
    put_function(received=10, indexed=10)
    boto3.client("s3").put_object(Bucket=BUCKET, Key=f"{prefix}garbage", Body=b"garbage")
    told = run("verify", *WINDOW, *NAMES, "--json")
    checks = {each["name"]: (each["state"], each["text"]) for each in told.json["checks"]}
    assert (told.status, told.json["conclusion"]) == (1, "differs")
    assert checks["nothing waits"][0] == "not checked"
    state, text = checks["every object in the bucket can be read"]
    assert state == "differs"
    assert text == (
        "1 object stored since then cannot be read and may hold events of this time, such as "
        f"{prefix}garbage: flowlogs rejected --bucket {BUCKET}"
    )


def test_an_object_stored_before_the_window_holds_nothing_of_it(
    node: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    index(node, make_payload(0, 10))
    put_forwarded(10)
    put_function(received=10, indexed=10)
    boto3.client("s3").put_object(Bucket=BUCKET, Key="failed/garbage", Body=b"garbage")
    stored = FailureStore(BUCKET, "x").list_pending()
    moved = [replace(each, modified=HOUR - timedelta(minutes=40)) for each in stored]
    monkeypatch.setattr(FailureStore, "list_pending", lambda *_: moved)
    assert run("verify", *WINDOW, *NAMES).status == 0


def test_an_object_that_s3_does_not_give_hides_none_of_the_others(
    node: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    index(node, make_payload(0, 10))
    put_forwarded(14)
    put_function(received=14, indexed=10, pending=4)
    for first, name in ((100, "archived"), (200, "here")):
        body = encode(make_payload(first, 2))
        boto3.client("s3").put_object(Bucket=BUCKET, Key=f"failed/{name}", Body=body)
    read = FailureStore.read

    def refuse(self: FailureStore, key: str) -> Content | None:
        if key.endswith("archived"):
            raise ClientError({"Error": {"Code": "InvalidObjectState", "Message": "archived"}}, "GetObject")
        return read(self, key)

    monkeypatch.setattr(FailureStore, "read", refuse)
    told = run("verify", *WINDOW, *NAMES, "--json")
    assert (told.status, told.json["sources"]["bucket"]) == (1, {"pending": 2, "rejected": 0})
    assert "such as failed/archived: " in told.json["checks"][-1]["text"]


def test_a_source_that_is_missing_is_named_and_the_others_are_checked(
    node: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    index(node, make_payload(0, 10))
    put_function(received=10, indexed=10)
    told = run("verify", *WINDOW, "--forward", "forward", "--bucket", "no-such-bucket", "--json")
    assert (told.status, told.json["adds_up"], told.json["conclusion"]) == (1, False, "not known")
    assert told.json["missing"] == {
        "CloudWatch Logs": "its names are not known: give --log-group and --filter, or --stack",
        "replay function": "its name is not known: give --replay, or --stack",
        "bucket": "AWS refuses ListObjectsV2: NoSuchBucket: The specified bucket does not exist",
    }
    assert states(told.json["checks"]) == [
        "not checked",
        "ok",
        "not checked",
        "not checked",
        "not checked",
        "ok",
        "not checked",
    ]
    monkeypatch.setenv("OPENSEARCH_URL", "http://127.0.0.1:9")
    told = run("verify", *WINDOW, *NAMES)
    assert told.status == 1
    assert told.output.endswith(f"\n{NOT_KNOWN}\n")
    unfolded = " ".join(told.output.split())
    assert "index: not known: OpenSearch does not answer: " in unfolded
    assert "CloudWatch Logs: not known: CloudWatch has no data points for LogGroupName" in unfolded


@pytest.mark.usefixtures("account")
def test_an_empty_bucket_alone_says_nothing_about_arrival(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENSEARCH_URL", "http://127.0.0.1:9")
    told = run("verify", "--day", "2026-01-15", "--bucket", BUCKET)
    assert told.status == 1
    assert told.output.count("\nnot checked") == 5
    assert told.output.count("\nok ") == 1
    assert told.output.endswith(f"\n{NOT_KNOWN}\n")
    assert told.errors == ""


@pytest.mark.usefixtures("node")
def test_without_data_points_it_is_not_known_whether_anything_was_forwarded() -> None:
    told = run("verify", *WINDOW, *NAMES)
    assert (told.status, told.output.splitlines()[-1]) == (1, NOT_KNOWN)
    unfolded = " ".join(told.output.split())
    names = f"LogGroupName {GROUP}, DestinationType Lambda, FilterName {FILTER}"
    assert f"CloudWatch Logs: not known: CloudWatch has no data points for {names} in this time: " in unfolded
    assert "there was nothing to count, or a name, the account or the Region is another" in unfolded


def test_a_log_group_that_takes_events_in_and_forwards_none_has_lost_its_filter(node: Embedded) -> None:
    put_taken_in(5_000)
    told = run("verify", *WINDOW, *NAMES, "--json")
    assert (told.status, told.json["conclusion"]) == (1, "differs")
    assert told.json["sources"]["CloudWatch Logs"] == 0
    (differing,) = [each for each in told.json["checks"] if each["state"] == "differs"]
    assert (differing["name"], differing["difference"]) == ("what the log group takes in is forwarded", 5_000)
    assert differing["text"] == (
        "5,000 events came in, and none was forwarded: the subscription filter is gone, its pattern lets "
        f"nothing pass, or another one is meant. Look with flowlogs doctor --bucket {BUCKET}"
    )
    assert run("verify", *WINDOW, *NAMES).output.endswith("\nIt does not add up.\n")
    index(node, make_payload(0, 10))  # of before: that is another difference
    told = run("verify", *WINDOW, *NAMES, "--json")
    assert [each["difference"] for each in told.json["checks"] if each["state"] == "differs"] == [5_000, -10]


def test_where_the_forwarded_are_not_known_those_received_are_checked(node: Embedded) -> None:
    index(node, make_payload(0, 10))
    put_function(received=10, indexed=10)
    told = run("verify", *WINDOW, "--forward", "forward", "--bucket", BUCKET, "--json")
    assert (told.status, told.json["conclusion"]) == (1, "not known")
    checks = {each["name"]: (each["state"], each["text"]) for each in told.json["checks"]}
    assert checks[ARRIVED] == ("not checked", "CloudWatch Logs: not known, see above")
    assert checks[RECEIVED_ARRIVED] == (
        "ok",
        "10 received for the first time, 10 in the index + 0 in the bucket",
    )


def test_where_nothing_can_be_checked_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/nonexistent")
    told = run("verify", *WINDOW, *NAMES, "--region", "eu-central-1")
    assert told.status == 1
    assert told.output.count("no AWS credentials are found") == 3
    assert told.output.endswith("\nNothing could be checked: whether everything arrived is not known.\n")


def test_what_is_not_permitted_is_named(node: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    index(node, make_payload(0, 10))
    client = boto3.client("cloudwatch")
    real = boto3.client
    with Stubber(client) as stub:
        for _ in range(2):
            stub.add_client_error("get_metric_data", "AccessDenied", "not you")
        monkeypatch.setattr(
            boto3, "client", lambda name, **k: client if name == "cloudwatch" else real(name, **k)
        )
        told = run("verify", *WINDOW, *NAMES, "--json")
    assert told.json["missing"]["CloudWatch Logs"] == "AWS refuses GetMetricData: AccessDenied: not you"
    assert told.json["sources"]["index"] == 10


def test_a_stack_knows_all_names_and_its_function_the_cluster(
    node: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENSEARCH_URL")
    index(node, make_payload(0, 10))
    put_forwarded(10)
    put_function(received=10, indexed=10)
    put_function("replay")
    outputs = {
        "LogGroup": GROUP,
        "SubscriptionFilter": FILTER,
        "ForwardFunction": "forward",
        "ReplayFunction": "replay",
        "FailureBucket": BUCKET,
        "FunctionLogs": "/flowlogs/x/functions",
    }
    clients: dict[str, Any] = {name: boto3.client(name) for name in ("cloudformation", "lambda")}
    real = boto3.client
    with Stubber(clients["cloudformation"]) as stack, Stubber(clients["lambda"]) as function:
        stack.add_response(
            "describe_stacks",
            {
                "Stacks": [
                    {
                        "StackName": "x",
                        "CreationTime": HOUR,
                        "StackStatus": "CREATE_COMPLETE",
                        "Outputs": [{"OutputKey": key, "OutputValue": text} for key, text in outputs.items()],
                    }
                ]
            },
            {"StackName": "x"},
        )
        function.add_response(
            "get_function_configuration",
            {"Environment": {"Variables": {"OPENSEARCH_URL": node.url, "OPENSEARCH_AUTH": "none"}}},
            {"FunctionName": "forward"},
        )
        monkeypatch.setattr(boto3, "client", lambda name, **k: clients.get(name) or real(name, **k))
        told = run("verify", *WINDOW, "--stack", "x", "--json")
    assert (told.status, told.json["missing"]) == (0, {})
    assert told.json["sources"]["index"] == 10


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        pytest.param([], "give either --day, or --since and --until", id="no time"),
        pytest.param(["--since", "2026-01-15"], "give either --day, or --since and --until", id="half"),
        pytest.param(
            ["--day", "2026-01-15", "--since", "2026-01-15", "--until", "2026-01-16"],
            "give either --day, or --since and --until",
            id="both",
        ),
        pytest.param(
            ["--since", "2026-01-16", "--until", "2026-01-15"],
            "--since must be before --until",
            id="backwards",
        ),
        pytest.param(
            ["--since", "2026-01-15T00:00:01", "--until", "2026-01-16"],
            "--since and --until must be whole minutes: CloudWatch has no shorter ones",
            id="seconds",
        ),
    ],
)
def test_a_time_that_cannot_be_meant_is_a_wrong_call(options: list[str], problem: str) -> None:
    told = run("verify", *options)
    assert (told.status, told.errors) == (2, f"flowlogs: {problem}\n")


@pytest.mark.parametrize(
    ("since", "until", "period"),
    [
        ("2026-01-15T00:00", "2026-01-17T00:00", 86_400),
        ("2026-01-15T00:00", "2026-01-15T05:00", 3_600),
        ("2026-01-15T00:05", "2026-01-15T01:00", 300),
        ("2026-01-15T00:01", "2026-01-15T01:00", 60),
    ],
)
def test_the_longest_period_that_fits_is_asked_for(since: str, until: str, period: int) -> None:
    window = Window(*(datetime.fromisoformat(each).replace(tzinfo=UTC) for each in (since, until)))
    assert window.period == period


def counted(**counts: int) -> dict[str, int]:
    return {**dict.fromkeys(("received", "indexed", "duplicate", "pending", "rejected"), 0), **counts}


def full(count: int) -> Range:
    return Range(count, count, count)


def balance(**said: Any) -> tuple[bool, dict[str, Check]]:  # of Sources
    checks = check(Sources(**{"bucket": full(0), "stored": Stored(), **said}))
    return conclude(checks) is Conclusion.ADDS_UP, {each.name: each for each in checks}


RECEIVED: Final = "every event that was forwarded was received"
SETTLED: Final = "forward function: received = indexed + duplicate + pending + rejected"
INDEXED: Final = "what the function indexed is in the index"
RECEIVED_ARRIVED: Final = "every event that was received is in the index, waits or is rejected"
NOT_KNOWN: Final = "What could be checked adds up, but whether everything arrived is not known."
ARRIVED: Final = "every event that was forwarded is in the index, waits or is rejected"


@pytest.mark.parametrize(
    ("inside", "summary"),
    [
        (100_000, "It adds up."),
        (
            99_000,
            "It adds up, as far as the edges allow: 1,000 events not shown by the index may lie beyond them.",
        ),
        (
            100_001,
            "It adds up, as far as the edges allow: 1 event more than were delivered may lie beyond them.",
        ),
        (98_999, NOT_KNOWN),
        (90_000, "It does not add up."),
    ],
)
def test_what_may_lie_beyond_the_edges_is_said_in_the_end(inside: int, summary: str) -> None:
    counts = counted(received=100_000, indexed=100_000)
    edges = Edges(timedelta(minutes=15), timedelta(minutes=15), known=True)
    found = Range(inside, inside - 1042, inside + 1042)
    said = Sources(
        forwarded=100_000,
        forward=counts,
        replay=counted(),
        documents=found,
        bucket=full(0),
        stored=Stored(),
        edges=edges,
    )
    assert summarize(check(said)) == summary


def test_a_delivery_that_came_twice_is_explained_by_the_duplicates() -> None:
    counts = counted(received=15, indexed=10, duplicate=5)
    fine, checks = balance(forwarded=10, forward=counts, documents=full(10))
    assert (fine, checks[RECEIVED].text) == (
        True,
        "10 forwarded, 15 received: 5 came more than once, and counted as duplicate",
    )


def test_invocations_that_failed_are_explained_once_their_events_arrived() -> None:
    counts = counted(received=6, indexed=6)
    fine, checks = balance(forwarded=10, forward=counts, documents=full(10))
    assert fine
    assert checks[RECEIVED].text.endswith("All arrived, by a retry or a replay")
    fine, checks = balance(
        forwarded=10, forward=counts, documents=full(6), bucket=full(4), stored=Stored({"a": 1}, on_failure=4)
    )
    assert not fine
    assert checks[RECEIVED].state is State.OK  # they wait, which another check says
    fine, checks = balance(forwarded=10, forward=counts, documents=full(6))
    assert (fine, checks[RECEIVED].difference, checks[ARRIVED].difference) == (False, 4, 4)
    assert "Look at Errors and Throttles" in checks[RECEIVED].text


@pytest.mark.parametrize(
    ("said", "name", "difference"),
    [
        pytest.param(
            {"forwarded": 10, "forward": counted(received=12, indexed=12), "documents": full(12)},
            RECEIVED,
            -2,
            id="another filter",
        ),
        pytest.param(
            {"forwarded": 10, "forward": counted(received=10, indexed=9), "documents": full(10)},
            SETTLED,
            1,
            id="a defect",
        ),
        pytest.param({"forwarded": 10, "documents": full(12)}, ARRIVED, -2, id="more documents than events"),
        pytest.param(
            {"forward": counted(received=10, indexed=8, duplicate=1), "documents": full(8)},
            RECEIVED_ARRIVED,
            1,
            id="without CloudWatch",
        ),
    ],
)
def test_differences(said: dict[str, Any], name: str, difference: int) -> None:
    fine, checks = balance(**said)
    assert (fine, checks[name].state, checks[name].difference) == (False, State.DIFFERS, difference)


def deliver(payload: Subscription, capsys: pytest.CaptureFixture[str]) -> dict[str, int]:
    """Do what CloudWatch Logs, Lambda and CloudWatch do: forward, invoke, and keep both's metrics."""
    put_forwarded(len(payload.events))
    capsys.readouterr()
    event = {"awslogs": {"data": base64.b64encode(encode(payload)).decode()}}
    answer = forward.lambda_handler(event, cast("LambdaContext", Context()))
    for line in capsys.readouterr().out.splitlines():
        metrics = json.loads(line)
        for each in metrics["_aws"]["CloudWatchMetrics"][0]["Metrics"]:
            value = metrics[each["Name"]]
            # The events of this test are hours old; they would widen the window's edges by that.
            value = 60_000 if each["Name"] == "DeliveryLag" else value
            put_metric("FlowLogs", each["Name"], value, FunctionName=metrics["FunctionName"])
    return answer


def test_an_outage_is_found_and_mended_and_then_all_adds_up(
    node: Embedded, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(delivery, "FIRST_DELAY", 0.01)
    given = {
        "OPENSEARCH_AUTH": "none",
        "FAILURE_BUCKET": BUCKET,
        "LOG_LEVEL": "CRITICAL",
        "LOG_FORMATS": DEFAULT,
    }
    for name, text in given.items():
        monkeypatch.setenv(name, text)
    prepare.cache_clear()
    assert deliver(make_payload(0, 20), capsys)["indexed"] == 20
    # The cluster goes away: the function stores what comes.
    monkeypatch.setenv("OPENSEARCH_URL", "http://127.0.0.1:9")
    prepare.cache_clear()
    for first in (100, 200, 300):
        assert deliver(make_payload(first, 30), capsys)["pending"] == 30
    doctor = run("doctor", "--json")
    found = {each["name"]: (each["state"], each["text"]) for each in doctor.json}
    assert doctor.status == 1
    assert found["the cluster answers"][0] == "problem"
    assert found["nothing waits for a replay"][0] == "problem"
    assert found["nothing waits for a replay"][1].startswith("3 objects wait")
    # It is back: nothing is lost, but something waits.
    monkeypatch.setenv("OPENSEARCH_URL", node.url)
    verify = run("verify", *WINDOW, *NAMES, "--json")
    assert verify.status == 1
    differing = [
        (each["name"], each["difference"]) for each in verify.json["checks"] if each["state"] == "differs"
    ]
    assert differing == [("nothing waits", 90)]
    replay = run("replay")
    assert (replay.status, "90 received = 90 indexed" in replay.output) == (0, True)
    verify = run("verify", *WINDOW, *NAMES, "--json")
    assert (verify.status, verify.json["adds_up"]) == (0, True)
    assert verify.json["sources"]["index"] == 110
    assert run("doctor").status == 0
    prepare.cache_clear()
