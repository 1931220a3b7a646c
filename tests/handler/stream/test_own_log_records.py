"""Payloads of the function's own log end quietly; those of another account are flow logs."""

import time

import pytest

from flowlogs.local.stream import make_records
from flowlogs.traffic.day import encode_event
from support.stream_function import ROW, make_function, payload, some, taken


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
