"""The stream function settles records in their order, and says from which on Lambda shall go on."""

import base64
import gzip
import io
import json
import time
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from typing import Any, cast

import boto3
import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowlogs.local.stream import FIRST_NUMBER, SHARD, make_records
from flowlogs.traffic.day import encode_event
from handler import batch, observe, stream
from handler.config import Config
from handler.delivery import Delivery
from handler.environment import Environment
from handler.failures import FailureStore
from handler.failures.remainder import Rest
from handler.opensearch import ConnectionFailedError
from handler.outage import Outage
from handler.report import BatchReport
from parser.bulk import Body, Encoder
from parser.errors import EnvelopeError
from parser.subscription import Subscription, decode_all
from support.commands import BUCKET

LINE = "2 123456789010 eni-0a1b 10.0.1.5 10.0.2.9 41230 3306 6 12 1904 1768478400 1768478458 ACCEPT OK"
DAY = 86_400_000
CONTROL = base64.b64encode(gzip.compress(b'{"messageType":"CONTROL_MESSAGE","logEvents":[]}')).decode()
JUNK = base64.b64encode(b"no payload at all").decode()
ROW: dict[str, object] = {"id": "own", "timestamp": 1_768_478_400_000, "message": "a line of its own"}
TAKEN, THERE, REFUSED, BLOCKED = 201, 409, 400, 403


@dataclass
class Cluster:
    """What stands in for OpenSearch: keeps the ids that it took, and answers as it is told.

    Attributes:
        rule: index and event id -> the status of that event.
        away: whether it is not there at all.
        documents: index and id of what it took.
        requests: how many it got.
    """

    rule: Callable[[str, str], int] = lambda _index, _id: TAKEN
    away: bool = False
    documents: list[tuple[str, str]] = field(default_factory=list)
    requests: int = 0

    def send(self, body: Body, _seconds: float) -> tuple[int, bytes]:
        self.requests += 1
        if self.away:
            raise ConnectionFailedError("connection", "refused")
        items = [self._answer(body.index, event.id) for event in body.events]
        errors = any("error" in each["create"] for each in items)
        return 200, json.dumps({"took": 1, "errors": errors, "items": items}).encode()

    def _answer(self, index: str, identity: str) -> dict[str, dict[str, Any]]:
        there = (index, identity) in self.documents
        status = THERE if there else self.rule(index, identity)
        named = {"_index": index, "_id": identity, "status": status}
        if status == TAKEN:
            self.documents.append((index, identity))
            return {"create": named | {"result": "created"}}
        kinds = {
            THERE: "version_conflict_engine_exception",
            REFUSED: "mapper_parsing_exception",
            BLOCKED: "cluster_block_exception",
        }
        return {"create": named | {"error": {"type": kinds[status], "reason": "because"}}}


@dataclass
class Context:
    """What Lambda tells an invocation."""

    function_name: str = "stream"
    aws_request_id: str = "6f7d5c1e-0a64-4d1c-a2a5-5f2e8a3d9b10"
    seconds: Callable[[], float] = lambda: 60.0

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds that are left."""
        return int(1000 * self.seconds())


@dataclass
class Function:
    """The function in one execution environment.

    Attributes:
        cluster: what it sends to.
        environment: what it keeps between invocations.
        log: what its logger wrote, and what it printed.
        metrics: what each invocation counted.
        now: the clock of what it remembers of an outage.
    """

    cluster: Cluster
    environment: Environment
    log: io.StringIO
    metrics: list[dict[str, int]]
    now: list[float]

    def __call__(self, event: object, context: Context | None = None) -> str | None:
        """Invoke it; return which record it answers with, counted from the first; None where all is done."""
        with redirect_stdout(self.log):
            answer = stream.lambda_handler(
                cast("dict[str, Any]", event), cast("LambdaContext", context or Context())
            )
        assert list(answer) == ["batchItemFailures"]
        for each in answer["batchItemFailures"]:
            assert list(each) == ["itemIdentifier"]
            return str(int(each["itemIdentifier"]) - FIRST_NUMBER)
        return None

    def read_log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.getvalue().splitlines()]


@pytest.fixture
def function(monkeypatch: pytest.MonkeyPatch, account: None) -> Function:
    """Give the function, in an account with an empty failure bucket, with an OpenSearch that takes all."""
    return make_function(monkeypatch)


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each payload fill a batch."""
    monkeypatch.setattr(Encoder, "is_full", property(lambda _: True))


def make_function(monkeypatch: pytest.MonkeyPatch, **environ: str) -> Function:
    given = {"OPENSEARCH_URL": "http://localhost", "OPENSEARCH_AUTH": "none", "FAILURE_BUCKET": BUCKET}
    cluster, now = Cluster(), [1000.0]
    environment = Environment(Config.from_environ(given | environ), cluster.send, Outage(lambda: now[0]))
    made = Function(cluster, environment, io.StringIO(), [], now)
    monkeypatch.setattr(stream, "prepare", lambda: environment)

    def tell(message: str, function_name: str, said: dict[str, Any]) -> None:
        made.metrics.append(said)
        observe.tell(message, function_name, said)

    monkeypatch.setattr(stream, "tell", tell)
    monkeypatch.setattr(batch, "ATTEMPTS", 1)
    monkeypatch.setattr(observe.logger.registered_handler, "stream", made.log)
    return made


def payload(*ids: str, stream_name: str = "eni-1", days_ago: int = 0) -> str:
    """Return the data of a record with events of these ids, of today or another day."""
    rows = [
        {"id": each, "timestamp": int(time.time() * 1000) - days_ago * DAY, "message": LINE} for each in ids
    ]
    return encode_event("123456789010", "/vpc/flow-logs", stream_name, rows)["awslogs"]["data"]


def taken(function: Function) -> list[str]:
    return [identity for _, identity in function.cluster.documents]


def stored(prefix: str) -> dict[str, bytes]:
    """Return what the bucket holds: key -> content."""
    s3 = boto3.client("s3")
    found = s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
    return {each["Key"]: s3.get_object(Bucket=BUCKET, Key=each["Key"])["Body"].read() for each in found}


def waiting() -> list[str]:
    """Return the ids of the events that wait in the bucket."""
    payloads = [each for data in stored("failed/").values() for each in decode_all(data)]
    return [event.id for each in payloads for event in each.events]


def some(found: dict[str, int], *names: str) -> dict[str, int]:
    return {name: found[name] for name in names}


ACCOUNTS = ("received", "indexed", "duplicate", "pending", "rejected", "unaccounted")


def test_all_records_are_settled_in_one_invocation(function: Function) -> None:
    event = make_records([payload("1", "2"), payload("3")])

    assert function(event) is None

    assert taken(function) == ["1", "2", "3"]
    (metrics,) = function.metrics
    assert some(metrics, *ACCOUNTS) == dict(zip(ACCOUNTS, (3, 3, 0, 0, 0, 0), strict=True))
    assert some(metrics, "records", "records_left", "unreadable") == {
        "records": 2,
        "records_left": 0,
        "unreadable": 0,
    }
    assert metrics["delivery_lag"] >= 0
    (line,) = function.read_log()
    assert (line["message"], line["received"], line["records"]) == ("stream.done", 3, 2)
    assert (line["EventsReceived"], line["StreamRecords"]) == (3, 2)
    assert stored("") == {}


def test_records_share_a_request(function: Function) -> None:
    assert function(make_records([payload("1"), JUNK, payload("2"), CONTROL, payload("3")])) is None

    assert taken(function) == ["1", "2", "3"]
    assert (function.cluster.requests, function.metrics[0]["bulk_requests"]) == (1, 1)


@pytest.mark.parametrize("data", [[CONTROL], [CONTROL, payload("1"), CONTROL], [payload("1"), CONTROL]])
def test_control_messages_are_skipped_wherever_they_stand(function: Function, data: list[str]) -> None:
    assert function(make_records(data)) is None

    assert taken(function) == ["1"] * (len(data) > 1)
    assert function.metrics[0]["records"] == len(data)


def test_control_messages_do_not_wait_for_the_cluster(function: Function) -> None:
    function.cluster.away = True
    function(make_records([payload("1")]))

    assert function(make_records([CONTROL])) is None


def test_a_record_that_is_no_payload_is_set_aside_as_it_is_and_holds_up_nothing(function: Function) -> None:
    event = make_records([JUNK, payload("1"), "%%%"], arrived=1_768_478_400.0)

    for _ in range(2):  # what comes again replaces what was written
        assert function(event) is None

    (first, content), (last, other) = sorted(stored("").items())
    assert first.startswith(f"rejected/2026/01/15/12/{SHARD}-{FIRST_NUMBER}-")
    assert last.startswith(f"rejected/2026/01/15/12/{SHARD}-{FIRST_NUMBER + 2}-")
    assert (content, other) == (b"no payload at all", b"%%%")
    assert {key.rpartition(".")[2] for key in (first, last)} == {"unreadable"}
    metadata = boto3.client("s3").head_object(Bucket=BUCKET, Key=first)["Metadata"]
    assert metadata["reason"].startswith("payload is not gzip")
    assert taken(function) == ["1"]
    assert [each["unreadable"] for each in function.metrics] == [2, 2]
    assert [each["message"] for each in function.read_log()].count("stream.unreadable") == 4


def test_while_opensearch_is_away_the_stream_keeps_the_records(function: Function) -> None:
    function.cluster.away = True
    event = make_records([payload("1"), JUNK, payload("2")])

    assert function(event) == "0"
    requests = function.cluster.requests
    assert function(event) == "0"

    assert stored("") == {}, "nothing of a record that comes again"
    assert function.cluster.requests == requests, "a moment later nobody asks again"
    zero = dict.fromkeys(ACCOUNTS, 0)
    assert [some(each, *ACCOUNTS) for each in function.metrics] == [zero, zero], (
        "counted when they come again"
    )
    assert [each["records_left"] for each in function.metrics] == [3, 3]
    assert function.read_log()[-1]["reasons"].keys() == {"outage"}
    function.cluster.away = False
    function.now[0] += 31
    assert function(event) is None
    assert taken(function) == ["1", "2"]


@pytest.mark.usefixtures("one_by_one")
def test_records_before_the_first_unsettled_are_not_sent_again(function: Function) -> None:
    def send(body: Body, seconds: float) -> tuple[int, bytes]:
        function.cluster.away = body.events[0].id == "2"
        return cluster_send(body, seconds)

    cluster_send = function.cluster.send
    object.__setattr__(function.environment, "send", send)
    event = make_records([payload("1"), payload("2"), payload("3")])

    assert function(event) == "1"
    assert taken(function) == ["1"]
    assert some(function.metrics[0], "received", "indexed", "records", "records_left") == {
        "received": 1,
        "indexed": 1,
        "records": 1,
        "records_left": 2,
    }


def test_what_comes_again_is_counted_as_duplicate(function: Function) -> None:
    event = make_records([payload("1"), payload("2")])

    assert (function(event), function(event)) == (None, None)

    assert taken(function) == ["1", "2"]
    assert some(function.metrics[1], *ACCOUNTS) == dict(zip(ACCOUNTS, (2, 0, 2, 0, 0, 0), strict=True))


@pytest.mark.parametrize(
    ("hours", "age", "left"),
    [
        pytest.param("24", 11.9, "0", id="a day, young"),
        pytest.param("24", 12.1, None, id="a day, old"),
        pytest.param("168", 83.9, "0", id="a week, young"),
        pytest.param("168", 84.1, None, id="a week, old"),
    ],
)
@pytest.mark.usefixtures("account")
def test_before_they_could_expire_records_go_to_the_bucket(
    monkeypatch: pytest.MonkeyPatch, hours: str, age: float, left: str | None
) -> None:
    """At half of what the stream keeps, whether the cluster is asked or known to be away."""
    function = make_function(monkeypatch, STREAM_HOURS=hours)
    function.cluster.away = True
    arrived = time.time() - age * 3600

    answers = [function(make_records([payload("1"), payload("2")], arrived=arrived)) for _ in range(2)]

    assert answers == [left, left]
    assert sorted(waiting()) == ([] if left else ["1", "1", "2", "2"])
    counts = [some(each, "received", "pending") for each in function.metrics]
    assert counts == [{"received": 0, "pending": 0} if left else {"received": 2, "pending": 2}] * 2


def test_of_a_record_that_is_taken_in_part_the_rest_goes_to_the_bucket(function: Function) -> None:
    function.cluster.rule = lambda _, identity: BLOCKED if identity == "2" else TAKEN

    assert function(make_records([payload("1", "2"), payload("3")])) is None

    assert (taken(function), waiting()) == (["1", "3"], ["2"])
    assert some(function.metrics[0], *ACCOUNTS) == dict(zip(ACCOUNTS, (3, 2, 0, 1, 0, 0), strict=True))


@pytest.mark.usefixtures("one_by_one")
def test_a_record_in_whose_middle_the_cluster_goes_away_is_finished_and_the_next_is_left(
    function: Function,
) -> None:
    """What was taken of it shall not come again; what was not goes to the bucket."""
    now = int(time.time() * 1000)
    rows: list[dict[str, object]] = [
        {"id": each, "timestamp": now - ago * DAY, "message": LINE} for ago, each in enumerate("12")
    ]
    two_days = encode_event("123456789010", "/vpc/flow-logs", "eni-1", rows)["awslogs"]["data"]
    send = function.cluster.send

    def send_once(body: Body, seconds: float) -> tuple[int, bytes]:
        function.cluster.away = function.cluster.requests > 0
        return send(body, seconds)

    object.__setattr__(function.environment, "send", send_once)

    assert function(make_records([two_days, payload("3")])) == "1"

    assert (taken(function), waiting()) == (["1"], ["2"])
    assert some(function.metrics[0], *ACCOUNTS) == dict(zip(ACCOUNTS, (2, 1, 0, 1, 0, 0), strict=True))


def test_what_is_left_of_many_records_is_one_object_where_they_shared_a_batch(function: Function) -> None:
    function.cluster.rule = lambda _, identity: BLOCKED if identity in "246" else TAKEN

    assert function(make_records([payload("1", "2"), payload("3", "4"), JUNK, payload("5", "6")])) is None

    (data,) = stored("failed/").values()
    assert [[event.id for event in each.events] for each in decode_all(data)] == [["2"], ["4"], ["6"]]
    assert some(function.metrics[0], *ACCOUNTS) == dict(zip(ACCOUNTS, (6, 3, 0, 3, 0, 0), strict=True))


def test_where_that_object_is_not_taken_the_first_with_a_rest_is_left(
    function: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise OSError("S3 is away")

    monkeypatch.setattr(FailureStore, "_write", refuse)
    function.cluster.rule = lambda _, identity: BLOCKED if identity in "46" else TAKEN

    assert function(make_records([payload("1", "2"), payload("3", "4"), payload("5", "6")])) == "1"
    assert some(function.metrics[0], "received", "records", "records_left") == {
        "received": 2,
        "records": 1,
        "records_left": 2,
    }


def test_rejected_events_are_stored_with_their_reason_once(function: Function) -> None:
    function.cluster.rule = lambda _, identity: REFUSED if identity == "2" else TAKEN
    event = make_records([payload("1", "2")], arrived=1_768_478_400.0)

    for _ in range(2):
        assert function(event) is None

    ((key, content),) = stored("").items()
    assert key.startswith(f"rejected/2026/01/15/12/{SHARD}-{FIRST_NUMBER}-")
    assert key.endswith(".ndjson.gz")
    (line,) = gzip.decompress(content).splitlines()
    assert json.loads(line)["error_type"] == "mapper_parsing_exception"
    assert [each["rejected"] for each in function.metrics] == [1, 1]


def test_an_index_of_another_day_that_takes_nothing_holds_up_nobody(function: Function) -> None:
    today = time.strftime("cwl-%Y.%m.%d", time.gmtime())
    function.cluster.rule = lambda index, _: TAKEN if index == today else BLOCKED

    assert function(make_records([payload("1", days_ago=9), payload("2"), payload("3", days_ago=8)])) is None

    assert taken(function) == ["2"]
    assert sorted(waiting()) == ["1", "3"]


def test_when_the_index_of_today_takes_nothing_the_stream_keeps_the_records(function: Function) -> None:
    function.cluster.rule = lambda *_: BLOCKED

    assert function(make_records([payload("1"), payload("2")])) == "0"
    assert stored("") == {}


@pytest.mark.parametrize("data", [payload("1"), JUNK], ids=["an old payload", "no payload"])
def test_what_the_bucket_does_not_take_stays_in_the_stream(
    function: Function, monkeypatch: pytest.MonkeyPatch, data: str
) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise OSError("S3 is away")

    monkeypatch.setattr(FailureStore, "_write", refuse)
    function.cluster.rule = lambda _, identity: BLOCKED if identity == "1" else TAKEN

    assert function(make_records([payload("0"), data, payload("2")], arrived=0.0)) == "1"

    assert taken(function) == ["0", "2"], "of one batch; the last comes again, as a duplicate"
    assert some(function.metrics[0], "received", "records", "records_left") == {
        "received": 1,
        "records": 1,
        "records_left": 2,
    }
    assert "stream.not_kept" in [each["message"] for each in function.read_log()]


@pytest.mark.usefixtures("account")
def test_without_a_bucket_the_stream_is_the_only_place(monkeypatch: pytest.MonkeyPatch) -> None:
    function = make_function(monkeypatch, FAILURE_BUCKET="")

    assert function(make_records([payload("1"), JUNK, payload("2")])) == "1"
    assert taken(function) == ["1", "2"], "of one batch; the last comes again, as a duplicate"


@pytest.mark.usefixtures("one_by_one")
def test_what_there_is_no_time_for_stays_in_the_stream(function: Function) -> None:
    """Nothing is wrong then: the next invocation begins with it, and sends."""
    event = make_records([payload("1"), payload("2")])
    hasty = Context(seconds=lambda: 17.9 if function.cluster.documents else 60.0)

    assert function(event, hasty) == "1"
    assert taken(function) == ["1"]
    assert function(make_records([payload("2")], first=1)) is None
    assert taken(function) == ["1", "2"]


@pytest.mark.parametrize("data", [payload("r2"), JUNK], ids=["rejected", "no payload"])
def test_where_storing_takes_all_time_the_records_behind_come_again(
    function: Function, monkeypatch: pytest.MonkeyPatch, data: str
) -> None:
    """Lambda would stop the function, and hand over all of them."""
    function.cluster.rule = lambda _, identity: REFUSED if identity[0] == "r" else TAKEN
    write, left = FailureStore._write, [60.0]

    def write_slowly(self: FailureStore, *arguments: Any, **named: Any) -> str:
        left[0] = 8.9
        return write(self, *arguments, **named)

    monkeypatch.setattr(FailureStore, "_write", write_slowly)
    event = make_records([payload("r0", "t0"), payload("1"), data, payload("3")])

    assert function(event, Context(seconds=lambda: left[0])) == "2"

    assert len(stored("rejected/")) == 1
    assert some(function.metrics[0], "received", "records", "records_left") == {
        "received": 3,
        "records": 2,
        "records_left": 2,
    }


def test_a_payload_on_which_the_code_fails_goes_to_the_bucket(
    function: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver = Delivery.run

    def fail(self: Delivery, payloads: Iterable[Subscription]) -> BatchReport:
        these = list(payloads)
        if any(event.id == "1" for each in these for event in each.events):
            self.payloads.extend(these)
            raise RuntimeError("a defect")
        return deliver(self, these)

    monkeypatch.setattr(Delivery, "run", fail)

    assert function(make_records([payload("1"), payload("2")])) is None
    assert (taken(function), waiting()) == (["2"], ["1"])


@pytest.mark.parametrize("event", [{}, None, {"awslogs": {"data": payload("1")}}, {"Records": [{}]}])
def test_another_event_fails_and_is_logged(function: Function, event: object) -> None:
    with pytest.raises(EnvelopeError, match="event is not that of a Kinesis stream"):
        function(event)

    (line,) = function.read_log()
    assert (line["level"], line["message"]) == ("ERROR", "stream.failed")


def test_no_text_of_a_record_is_logged(function: Function) -> None:
    function.cluster.rule = lambda *_: REFUSED
    function(make_records([payload("1"), JUNK, payload("2")]))

    assert not [text for text in ("10.0.1.5", "no payload at all", JUNK) if text in function.log.getvalue()]


@pytest.mark.usefixtures("account")
def test_payloads_of_the_functions_own_log_end_quietly_and_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A line about them would call for the next: they are told with what is said anyway, and now and then."""
    function = make_function(monkeypatch, OWN_LOG_PREFIX="/flowlogs/x/", OWN_ACCOUNT="123456789010")
    own = encode_event("123456789010", "/flowlogs/x/functions", "s", [ROW, ROW | {"timestamp": -1}])[
        "awslogs"
    ]["data"]

    answers = [function(make_records(data)) for data in ([own, own], [own], [own, payload("1")], [own])]

    assert answers == [None] * 4
    assert taken(function) == ["1"]
    assert [each.get("own_log", 0) for each in function.metrics] == [2, 0]
    assert [each["received"] for each in function.metrics] == [0, 1]
    assert [each["message"] for each in function.read_log()] == [
        "stream.own_log",
        "stream.done",
        "stream.done",
    ]


@pytest.mark.usefixtures("account")
def test_a_record_behind_the_functions_own_log_is_left_in_the_stream_while_opensearch_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Silence about the one is no answer for the other."""
    function = make_function(monkeypatch, OWN_LOG_PREFIX="/flowlogs/x/", OWN_ACCOUNT="123456789010")
    own = encode_event("123456789010", "/flowlogs/x/functions", "s", [ROW])["awslogs"]["data"]
    function.cluster.away = True
    event = make_records([own, payload("1"), payload("2")])

    assert [function(event) for _ in range(3)] == ["1"] * 3

    assert [some(each, "records", "records_left") for each in function.metrics] == [
        {"records": 0, "records_left": 2}
    ] * 3
    function.cluster.away = False
    function.now[0] += 31
    assert function(event) is None
    assert taken(function) == ["1", "2"]


@pytest.mark.usefixtures("account")
def test_the_functions_own_log_behind_a_record_that_waits_is_counted_in_its_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It comes again with that record, maybe to an environment that knows nothing of it."""
    own = encode_event("123456789010", "/flowlogs/x/functions", "s", [ROW, ROW])["awslogs"]["data"]
    event = make_records([payload("1"), own])
    told = 0
    for away in (True, True, True, False):
        function = make_function(monkeypatch, OWN_LOG_PREFIX="/flowlogs/x/", OWN_ACCOUNT="123456789010")
        function.cluster.away = away
        assert function(event) == ("0" if away else None)
        told += sum(each.get("own_log", 0) for each in function.metrics)

    assert told == 2


@pytest.mark.usefixtures("account")
def test_flow_logs_of_another_account_are_indexed_whatever_their_log_group_is_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    function = make_function(monkeypatch, OWN_LOG_PREFIX="/flowlogs/x/", OWN_ACCOUNT="123456789010")
    row = ROW | {"timestamp": int(time.time() * 1000)}
    foreign = encode_event("222222222222", "/flowlogs/x/vpc", "s", [row])["awslogs"]["data"]

    assert function(make_records([foreign])) is None

    assert taken(function) == ["own"]
    assert function.metrics[0].get("own_log", 0) == 0


@pytest.mark.parametrize("behind", [[], ["1", "2"]], ids=["alone", "before others"])
def test_a_record_that_the_index_refuses_holds_up_its_shard_for_one_pause_at_most(
    function: Function, behind: list[str]
) -> None:
    """Alone it may be that the index takes nothing at all: so it is tried again, beside what came since."""
    function.cluster.rule = lambda _, identity: REFUSED if identity == "p" else TAKEN

    assert function(make_records([payload("p")])) == "0"
    assert stored("") == {}
    function.now[0] += 31
    assert function(make_records([payload("p"), *map(payload, behind)])) is None

    assert taken(function) == behind
    (key,) = stored("")
    assert key.startswith("rejected/" if behind else "failed/")
    assert [each["unaccounted"] for each in function.metrics] == [0, 0]


@pytest.mark.usefixtures("one_by_one")
@pytest.mark.parametrize("status", [REFUSED, BLOCKED])
def test_what_the_index_refuses_goes_to_the_bucket_where_a_later_request_is_taken(
    function: Function, status: int
) -> None:
    function.cluster.rule = lambda _, identity: status if identity[0] == "p" else TAKEN

    event = make_records([payload("p0"), payload("p1"), payload("2"), payload("p3"), JUNK, payload("4")])

    assert function(event) is None
    assert taken(function) == ["2", "4"]
    assert sorted(waiting()) == ["p0", "p1", "p3"]
    metrics = function.metrics[0]
    assert some(metrics, "records", "unreadable", *ACCOUNTS) == {
        "records": 6,
        "unreadable": 1,
        **dict(zip(ACCOUNTS, (5, 2, 0, 3, 0, 0), strict=True)),
    }


@pytest.mark.usefixtures("one_by_one")
def test_after_three_requests_in_vain_no_more_are_sent_and_the_stream_keeps_all(function: Function) -> None:
    function.cluster.rule = lambda *_: BLOCKED

    event = make_records([payload(str(number)) for number in range(20)])

    assert (function(event), function.cluster.requests) == ("0", 3)
    assert (function(event), function.cluster.requests) == ("0", 3)
    assert stored("") == {}
    function.now[0] += 31
    assert (function(event), function.cluster.requests) == ("3", 6), "those that were refused twice"
    assert waiting() == ["0", "1", "2"]


def test_a_rest_is_not_stored_where_what_is_rejected_beside_it_cannot_be(
    function: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record comes again, and the rest would be there under a new name each time."""
    write = FailureStore._write

    def refuse(self: FailureStore, key: str, *arguments: Any, **named: Any) -> str:
        if key.startswith("rejected/"):
            raise OSError("access denied")
        return write(self, key, *arguments, **named)

    function.cluster.rule = lambda _, identity: {"b": BLOCKED, "r": REFUSED}.get(identity[0], TAKEN)
    event = make_records([payload("t1"), payload("b1"), payload("t2", "b2", "r2"), payload("b3")])
    with monkeypatch.context() as patch:
        patch.setattr(FailureStore, "_write", refuse)
        assert function(event) == "2"
        assert waiting() == ["b1"]
        rest = make_records([payload("t2", "b2", "r2"), payload("b3")], first=2)
        assert [function(rest) for _ in range(3)] == ["2"] * 3
        assert waiting() == ["b1"]

    assert function(rest) is None
    assert sorted(waiting()) == ["b1", "b2", "b3"]


def test_records_that_are_handed_to_the_bucket_unsent_share_objects(
    function: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "MOST_EVENTS", 8)
    function.cluster.away = True
    function(make_records([payload("0")]))
    data = [payload(f"{number}.1", f"{number}.2") for number in range(9)]

    assert function(make_records([*data[:3], JUNK, *data[3:]], arrived=0.0)) is None

    objects = [decode_all(each) for each in stored("failed/").values()]
    assert sorted(len(each) for each in objects) == [1, 4, 4]
    assert sorted(waiting()) == [f"{number}.{place}" for number in range(9) for place in (1, 2)]
    assert some(function.metrics[1], "records", "unreadable", "pending") == {
        "records": 10,
        "unreadable": 1,
        "pending": 18,
    }


def test_behind_old_records_a_young_one_stays_in_the_stream(function: Function) -> None:
    function.cluster.away = True
    function(make_records([payload("0")]))
    old = make_records([payload("1"), payload("2")], arrived=0.0)["Records"]
    young = make_records([payload("3"), payload("4")], first=2)["Records"]

    assert function({"Records": [*old, *young]}) == "2"
    assert waiting() == ["1", "2"]


IS_FULL, ALWAYS = Encoder.__dict__["is_full"], property(lambda _: True)
KINDS = st.sampled_from(["whole", "part", "rejected", "junk", "control", "old day", "away"])


@given(kinds=st.lists(KINDS, max_size=8), old=st.booleans(), alone=st.booleans())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_event_is_in_one_place_and_the_numbers_add_up(
    monkeypatch: pytest.MonkeyPatch, tmp_store: "Store", kinds: list[str], *, old: bool, alone: bool
) -> None:
    """Indexed, in the bucket, or still in the stream: whatever records come in whatever order."""
    function = make_function(monkeypatch)
    tmp_store.clear()
    monkeypatch.setattr(Encoder, "is_full", ALWAYS if alone else IS_FULL)
    statuses = {"r": REFUSED, "b": BLOCKED, "o": BLOCKED, "t": TAKEN}
    function.cluster.rule = lambda _, identity: statuses[identity[0]]
    shapes = {"whole": "tt", "part": "tb", "rejected": "tr", "old day": "o", "away": "t"}
    data, ids = [], []
    for number, kind in enumerate(kinds):
        identities = [f"{letter}{number}.{place}" for place, letter in enumerate(shapes.get(kind, ""))]
        ids.append(identities)
        other = {"junk": JUNK, "control": CONTROL}.get(kind)
        data.append(other or payload(*identities, days_ago=9 if kind == "old day" else 0))
    send, gone = function.cluster.send, kinds.index("away") if "away" in kinds else len(kinds)

    def send_until_gone(body: Body, seconds: float) -> tuple[int, bytes]:
        function.cluster.away |= any(int(event.id[1:].partition(".")[0]) >= gone for event in body.events)
        return send(body, seconds)

    object.__setattr__(function.environment, "send", send_until_gone)

    left = function(make_records(data, arrived=0.0 if old else None))

    first = len(kinds) if left is None else int(left)
    done = [each for identities in ids[:first] for each in identities]
    places = [*taken(function), *tmp_store.pending, *tmp_store.rejected]
    assert len(set(places)) == len(places)
    assert set(done) <= set(places)
    if alone:  # else records behind the first that is left were of its batch, and come again as duplicates
        assert sorted(places) == sorted(done)
        assert first == (len(kinds) if old else gone)
    assert first <= gone or old
    (metrics,) = function.metrics
    assert metrics["received"] == len(done)
    assert metrics["unaccounted"] == 0
    assert metrics["records"] + metrics["records_left"] == len(kinds)
    assert tmp_store.unreadable == kinds[:first].count("junk") == metrics["unreadable"]


@dataclass
class Store:
    """What stands in for the failure store: the ids in it."""

    pending: list[str] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)
    unreadable: int = 0

    def clear(self) -> None:
        self.pending, self.rejected, self.unreadable = [], [], 0


@pytest.fixture
def tmp_store(monkeypatch: pytest.MonkeyPatch) -> Store:
    """Give a store that needs no bucket."""
    store = Store()

    def put_aside(*_: object) -> None:
        store.unreadable += 1

    def keep(_: FailureStore, rest: Iterable[Rest]) -> None:
        store.pending.extend(each.event.id for _, group in rest for each in group)

    def reject(_: FailureStore, rest: Iterable[Rest], *__: object, **___: object) -> None:
        store.rejected.extend(each.event.id for _, group in rest for each in group)

    monkeypatch.setattr(FailureStore, "keep", keep)
    monkeypatch.setattr(FailureStore, "reject", reject)
    monkeypatch.setattr(FailureStore, "put_aside", put_aside)
    return store
