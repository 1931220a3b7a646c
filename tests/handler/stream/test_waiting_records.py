"""What cannot be settled now stays in the stream: the answer says from which record on Lambda shall go on."""

import time

import pytest

from flowlogs.local.stream import make_records
from flowlogs.traffic.day import encode_event
from parser.bulk import Body
from support.stream_function import (
    ACCOUNTS,
    BLOCKED,
    DAY,
    JUNK,
    LINE,
    TAKEN,
    Context,
    Function,
    make_function,
    payload,
    some,
    stored,
    taken,
    waiting,
)


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


def test_behind_old_records_a_young_one_stays_in_the_stream(function: Function) -> None:
    function.cluster.away = True
    function(make_records([payload("0")]))
    old = make_records([payload("1"), payload("2")], arrived=0.0)["Records"]
    young = make_records([payload("3"), payload("4")], first=2)["Records"]

    assert function({"Records": [*old, *young]}) == "2"
    assert waiting() == ["1", "2"]
