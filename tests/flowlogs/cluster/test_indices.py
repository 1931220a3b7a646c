"""The indices of a prefix, on a real OpenSearch: an answer is of all that was asked, or says what lacks."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any, Final

import pytest

from flowlogs.cluster.completeness import IncompleteError, judge
from flowlogs.cluster.connection import open_client
from flowlogs.cluster.indices import DayIndex, Indices
from flowlogs.cluster.listing import read_indices
from flowlogs.local.embedded import Embedded
from support.troubles import close, lose, write

ALL: Final[dict[str, Any]] = {"match_all": {}}
RED: Final = "red: 1 of its 1 primary shards are on no node"


def read(node: Embedded, prefix: str = "cwl") -> Indices:
    _, client = open_client({"OPENSEARCH_URL": node.url})
    return read_indices(client, prefix)


def blind(indices: Indices) -> Indices:
    """Return them as somebody sees them who may read, and not ask for their health."""
    return replace(indices, days=tuple(DayIndex(each.name, each.day, each.closed) for each in indices.days))


def test_only_the_days_of_the_prefix_are_asked(any_opensearch: Embedded) -> None:
    write(any_opensearch, "cwl-2026.01.14", 1)
    write(any_opensearch, "cwl-2026.01.15", 2)
    for other in ("cwl-dev-2026.01.15", "cwl-2026.01.15-copy", "cwl-2026.02.30", "cwl", "other"):
        write(any_opensearch, other, 100)
    indices = read(any_opensearch)

    assert indices.names == ["cwl-2026.01.14", "cwl-2026.01.15"]
    assert indices.strangers == ("cwl-2026.01.15-copy", "cwl-2026.02.30", "cwl-dev-2026.01.15")
    assert (indices.troubles, indices.health_unknown, indices.refresh()) == ({}, "", "")
    assert indices.count(ALL) == 3
    assert read(any_opensearch, "cwl-dev").count(ALL) == 100


def alias(node: Embedded, index: str, name: str) -> None:
    """Let an index be reached by the name of a day, which no index has any more."""
    node.request("DELETE", f"/{name}")
    actions = {"actions": [{"add": {"index": index, "alias": name}}]}
    assert node.request("POST", "/_aliases", actions)[0] == 200


def test_a_day_that_is_reached_by_an_alias_is_that_day(any_opensearch: Embedded) -> None:
    """As it is after a full shard: the day is in an index of another name, and its own is an alias."""
    write(any_opensearch, "cwl-2026.01.14", 1)
    for index, documents in (("cwl-2026.01.15-v2", 20), ("restored", 300)):
        write(any_opensearch, index, documents)
    alias(any_opensearch, "cwl-2026.01.15-v2", "cwl-2026.01.15")
    alias(any_opensearch, "restored", "cwl-2026.01.16")
    alias(any_opensearch, "restored", "cwl-dev-2026.01.16")
    indices = read(any_opensearch)

    assert indices.names == ["cwl-2026.01.14", "cwl-2026.01.15", "cwl-2026.01.16"]
    assert (indices.strangers, indices.troubles, indices.refresh()) == ((), {}, "")
    assert indices.count(ALL) == 321
    sixteenth = indices.between(datetime(2026, 1, 16, tzinfo=UTC), None)
    assert (sixteenth.count(ALL), sixteenth.days[0].shards) == (300, 1)


def test_an_alias_is_as_whole_as_what_it_stands_for(any_opensearch: Embedded) -> None:
    write(any_opensearch, "restored", 1)
    lose(any_opensearch, "cwl-2026.01.15-v2")
    for index, name in (("restored", "cwl-2026.01.14"), ("cwl-2026.01.15-v2", "cwl-2026.01.15")):
        alias(any_opensearch, index, name)
    close(any_opensearch, "restored")

    assert read(any_opensearch).troubles == {"cwl-2026.01.14": "closed", "cwl-2026.01.15": RED}


def test_an_alias_of_several_indices_is_all_of_them(opensearch: Embedded) -> None:
    for index, documents in (("cwl-2026.01.15-000001", 2), ("cwl-2026.01.15-000002", 3)):
        write(opensearch, index, documents)
        alias(opensearch, index, "cwl-2026.01.15")
    indices = read(opensearch)

    assert (indices.names, indices.count(ALL), indices.days[0].shards) == (["cwl-2026.01.15"], 5, 2)


def test_a_data_stream_of_a_day_is_that_day(opensearch: Embedded) -> None:
    template = {"index_patterns": ["cwl-2026.01.17"], "data_stream": {}, "priority": 500}
    opensearch.request("PUT", "/_index_template/streaming", template)
    try:
        body = b'{"create": {}}\n{"@timestamp": 1}\n'
        opensearch.request("POST", "/cwl-2026.01.17/_bulk?refresh=true", body)
        assert read(opensearch).count(ALL) == 1
    finally:
        opensearch.request("DELETE", "/_data_stream/cwl-2026.01.17")
        opensearch.request("DELETE", "/_index_template/streaming")


def test_a_day_behind_an_alias_is_found_where_months_are_asked(opensearch: Embedded) -> None:
    write(opensearch, "cwl-2026.01.15-v2", 7)
    alias(opensearch, "cwl-2026.01.15-v2", "cwl-2026.01.15")
    indices = read(opensearch)
    first = date(2025, 1, 1).toordinal()
    many = [date.fromordinal(first + number) for number in range(1_000)]

    assert replace(indices, days=tuple(DayIndex(f"cwl-{day:%Y.%m.%d}", day) for day in many)).count(ALL) == 7


def test_an_index_that_is_red_or_closed_is_named_and_no_number_is_given(any_opensearch: Embedded) -> None:
    for day in (12, 13, 14):
        write(any_opensearch, f"cwl-2026.01.{day}", 1)
    lose(any_opensearch, "cwl-2026.01.13")
    close(any_opensearch, "cwl-2026.01.14")
    indices = read(any_opensearch)

    assert indices.troubles == {"cwl-2026.01.13": RED, "cwl-2026.01.14": "closed"}
    with pytest.raises(IncompleteError) as raised:
        indices.count(ALL)
    assert str(raised.value) == (
        f"OpenSearch does not answer whole: cwl-2026.01.13 is {RED}, cwl-2026.01.14 is closed"
    )
    reply, lacking = indices.search_partly({"size": 0, "track_total_hits": True})
    assert (reply["hits"]["total"]["value"], lacking) == (1, indices.troubles)
    # Whoever may not ask for the health learns it from the answers.
    reply, lacking = blind(indices).search_partly({"size": 0})
    assert lacking == {
        "cwl-2026.01.13": "not whole: 1 of 2 shards do not answer",
        "cwl-2026.01.14": "closed",
    }
    with pytest.raises(IncompleteError) as raised:
        blind(indices).between(datetime(2026, 1, 13, tzinfo=UTC), datetime(2026, 1, 14, tzinfo=UTC)).count(
            ALL
        )
    assert raised.value.troubles == {"cwl-2026.01.13": "red: a shard of it does not answer"}


def test_days_that_are_not_asked_for_do_no_harm(opensearch: Embedded) -> None:
    for day in (12, 13, 14):
        write(opensearch, f"cwl-2026.01.{day}", 1)
    lose(opensearch, "cwl-2026.01.12")
    close(opensearch, "cwl-2026.01.14")
    indices = read(opensearch)
    noon, midnight = datetime(2026, 1, 13, 12, tzinfo=UTC), datetime(2026, 1, 14, tzinfo=UTC)

    assert indices.between(noon, midnight).names == ["cwl-2026.01.13"]
    assert indices.between(noon, midnight).count(ALL) == 1
    assert indices.between(None, noon).names == ["cwl-2026.01.12", "cwl-2026.01.13"]
    assert indices.between(noon, None).names == ["cwl-2026.01.13", "cwl-2026.01.14"]
    assert indices.find_missing(noon, datetime(2026, 1, 16, tzinfo=UTC)) == ["cwl-2026.01.15"]


def test_a_refresh_waits_for_nothing_that_is_red(opensearch: Embedded) -> None:
    write(opensearch, "cwl-2026.01.12", 1)
    opensearch.request("PUT", "/cwl-2026.01.13/_doc/2", {"a": 1})  # not visible yet
    lose(opensearch, "cwl-2026.01.12")
    indices = read(opensearch)

    assert indices.refresh() == ""
    assert indices.between(datetime(2026, 1, 13, tzinfo=UTC), None).count(ALL) == 1


def test_a_refresh_that_is_refused_is_told(opensearch: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    write(opensearch, "cwl-2026.01.13", 1)
    indices = read(opensearch)
    opensearch.request("DELETE", "/cwl-2026.01.13")

    assert indices.refresh() == (
        "what was written last may not be visible yet: 404 no such index [cwl-2026.01.13]"
    )
    failure = {"index": "cwl-2026.01.13", "reason": {"reason": "disk full"}}
    reply = {"_shards": {"total": 2, "successful": 1, "failed": 1, "failures": [failure]}}
    monkeypatch.setattr(indices.client.indices, "refresh", lambda **_: reply)
    assert indices.refresh() == (
        "what was written last may not be visible yet: cwl-2026.01.13 is not whole: disk full"
    )


def test_a_cluster_without_an_index_of_the_prefix_answers_of_nothing(any_opensearch: Embedded) -> None:
    write(any_opensearch, "other", 5)
    write(any_opensearch, "cwl-dev-2026.01.15", 5)
    indices = read(any_opensearch)

    assert (len(indices), indices.names, indices.count(ALL), indices.refresh()) == (0, [], 0, "")
    reply = indices.search({"size": 10})
    assert (reply["hits"]["hits"], reply["_shards"]["total"]) == ([], 0)


def test_a_thousand_days_have_room_in_a_request(opensearch: Embedded) -> None:
    write(opensearch, "cwl-2026.01.31", 1)
    write(opensearch, "cwl-2026.01.31-copy", 100)
    indices = read(opensearch)
    first = date(2025, 1, 1).toordinal()
    many = [date.fromordinal(first + number) for number in range(1_000)]
    named = tuple(DayIndex(f"cwl-{day:%Y.%m.%d}", day) for day in many)
    years = replace(indices, days=named)

    assert years.count(ALL) == 1
    parts = list(years.parts())
    assert [each for part in parts for each in part.days] == list(named)
    assert all(len(",".join(part.names)) <= 3_000 for part in parts)


@pytest.mark.parametrize(
    ("reply", "troubles"),
    [
        pytest.param({"timed_out": False, "_shards": {"total": 2, "successful": 2}}, {}, id="whole"),
        pytest.param(
            {"timed_out": True, "_shards": {"total": 2, "successful": 2}},
            {"": "too slow: no whole answer within 50 seconds"},
            id="its time was over",
        ),
        pytest.param(
            {"timed_out": False, "_shards": {"total": 2, "successful": 1, "failed": 0}},
            {"": "not whole: 1 of 2 shards do not answer"},
            id="a shard without a node",
        ),
        pytest.param(
            {
                "timed_out": False,
                "_shards": {
                    "total": 2,
                    "successful": 1,
                    "failed": 1,
                    "failures": [{"index": "cwl-2026.01.12", "reason": {"reason": "too many buckets"}}],
                },
            },
            {"cwl-2026.01.12": "not whole: too many buckets"},
            id="a shard that failed",
        ),
    ],
)
def test_an_answer_is_judged_by_all_that_it_says(reply: dict[str, Any], troubles: dict[str, str]) -> None:
    assert judge(reply) == troubles


def test_an_answer_that_came_too_late_names_all_that_were_asked(
    opensearch: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(opensearch, "cwl-2026.01.12", 1)
    indices = read(opensearch)
    reply = {
        "timed_out": True,
        "_shards": {"total": 1, "successful": 1},
        "hits": {"total": {"value": 0}, "hits": []},
    }
    monkeypatch.setattr(indices.client, "search", lambda **_: reply)

    with pytest.raises(IncompleteError, match=r"cwl-2026\.01\.12 is too slow: no whole answer within 50 sec"):
        indices.count(ALL)
