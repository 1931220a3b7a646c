"""Payloads through the real handler into real OpenSearch 3.8, 2.19 and 1.3, and what comes back."""

import json
from pathlib import Path
from typing import Any

import pytest

from opensearch.conftest import START, Cluster, Open
from parser.document import build
from parser.format import DEFAULT, known_formats
from parser.index_names import index_name
from parser.subscription import decode_event

EVENTS = Path(__file__).parents[2] / "events"
SAMPLES = sorted(path for path in EVENTS.glob("*.json") if path.name != "environment.json")
COUNTS = {  # received, unparsed, no data, skipped data
    "control-message": (0, 0, 0, 0),
    "flow-logs-all-fields": (4, 0, 0, 0),
    "flow-logs-broken-lines": (13, 11, 0, 0),
    "flow-logs-extracted-fields": (3, 0, 1, 0),
    "flow-logs-ipv6": (7, 0, 0, 0),
    "flow-logs-midnight": (6, 0, 0, 0),
    "flow-logs-mixed-formats": (6, 0, 0, 0),
    "flow-logs-nodata-skipdata": (6, 0, 2, 2),
    "flow-logs-system-fields": (2, 0, 0, 0),
    "flow-logs-transit-gateway": (3, 0, 0, 0),
    "flow-logs-v2": (10, 0, 0, 0),
    "flow-logs-v5": (7, 0, 1, 0),
}
EVERYTHING: dict[str, Any] = {"match_all": {}}


def read_sample(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))
    return event


def line(**values: object) -> str:
    """Return a line of version 2 with these values; all others have a usual one."""
    usual: dict[str, object] = {
        "version": 2,
        "account_id": "123456789010",
        "interface_id": "eni-0a1b2c3d4e5f67890",
        "srcaddr": "10.0.1.5",
        "dstaddr": "10.0.2.9",
        "srcport": 41230,
        "dstport": 443,
        "protocol": 6,
        "packets": 12,
        "bytes": 1904,
        "start": 1768478400,
        "end": 1768478458,
        "action": "ACCEPT",
        "log_status": "OK",
    }
    assert values.keys() <= usual.keys()
    return " ".join(str(value) for value in (usual | values).values())


def test_every_sample_event_comes_back_as_the_parser_built_it(cluster: Cluster) -> None:
    assert [path.stem for path in SAMPLES] == sorted(COUNTS)
    expected: dict[tuple[str, str], Any] = {}
    for path in SAMPLES:
        event = read_sample(path.stem)
        subscription = decode_event(event)
        for each in subscription.events:
            document = build(each, subscription, known_formats(), keep_message=True)
            expected[index_name("cwl", each.timestamp), each.id] = document

        counts = cluster.invoke(event)

        names = ("received", "unparsed", "no_data", "skip_data")
        assert tuple(counts[name] for name in names) == COUNTS[path.stem], path.stem
        assert counts["indexed"] == counts["received"], path.stem
    found = cluster.search(EVERYTHING)["hits"]["hits"]
    assert len(found) == len(expected) == 67
    assert {(hit["_index"], hit["_id"]): hit["_source"] for hit in found} == expected


def test_the_same_payload_twice_changes_nothing(cluster: Cluster) -> None:
    event = read_sample("flow-logs-v2")

    first = cluster.invoke(event)
    before = cluster.search(EVERYTHING, version=True, seq_no_primary_term=True)["hits"]
    second = cluster.invoke(event)
    after = cluster.search(EVERYTHING, version=True, seq_no_primary_term=True)["hits"]

    assert (first["indexed"], first["duplicate"]) == (10, 0)
    assert (second["indexed"], second["duplicate"]) == (0, 10)
    assert before["total"]["value"] == 10
    assert {hit["_version"] for hit in after["hits"]} == {1}
    assert after == before


def test_a_payload_over_midnight_fills_two_indices(cluster: Cluster) -> None:
    counts = cluster.invoke(read_sample("flow-logs-midnight"))

    assert (counts["indexed"], counts["bulk_requests"]) == (6, 2)
    found = cluster.search(EVERYTHING)["hits"]["hits"]
    assert [(hit["_index"], hit["_source"]["@timestamp"][:10]) for hit in found] == [
        *[("cwl-2026.01.15", "2026-01-15")] * 3,
        *[("cwl-2026.01.16", "2026-01-16")] * 3,
    ]


ADDRESSES = ["9.255.255.255", "10.0.1.5", "10.255.255.255", "11.0.0.0"]
ADDRESSES_6 = ["2001:db8::1", "2001:DB8:0:0:0:0:0:2", "2001:db9::1", "fe80::1"]
NETWORKS = {
    "10.0.0.0/8": ["10.0.1.5", "10.255.255.255"],
    "10.0.1.0/24": ["10.0.1.5"],
    "10.0.1.5": ["10.0.1.5"],
    "0.0.0.0/0": ADDRESSES,
    "2001:db8::/32": ["2001:db8::1", "2001:DB8:0:0:0:0:0:2"],
    "2001:db8::2": ["2001:DB8:0:0:0:0:0:2"],
    "fe80::/10": ["fe80::1"],
    "192.0.2.0/24": [],
}


def test_a_network_finds_exactly_its_addresses(cluster: Cluster) -> None:
    cluster.send(*(line(srcaddr=address) for address in (*ADDRESSES, *ADDRESSES_6, "-")))

    found = {network: cluster.find({"term": {"srcaddr": network}}, "srcaddr") for network in NETWORKS}

    assert found == NETWORKS


def test_counters_beyond_2_to_the_53_stay_exact(cluster: Cluster) -> None:
    numbers = [2**53 - 1, 2**53, 2**53 + 1, 2**53 + 2, 2**63 - 2, 2**63 - 1, 0]
    cluster.send(*(line(bytes=number, packets=number) for number in numbers))

    assert cluster.find(EVERYTHING, "bytes") == numbers
    assert cluster.find({"term": {"bytes": 2**53 + 1}}, "packets") == [2**53 + 1]
    assert cluster.find({"range": {"bytes": {"gt": 2**53, "lt": 2**53 + 2}}}, "bytes") == [2**53 + 1]
    assert cluster.find({"range": {"packets": {"gte": 2**63 - 1}}}, "bytes") == [2**63 - 1]
    assert cluster.find({"range": {"bytes": {"lte": 0}}}, "bytes") == [0]
    hits = cluster.search(EVERYTHING, sort=[{"bytes": "desc"}])["hits"]["hits"]
    assert [hit["sort"] for hit in hits] == [[number] for number in sorted(numbers, reverse=True)]


def test_times_are_dates(cluster: Cluster) -> None:
    cluster.send(*(line(start=1768478400 + minute * 60, end=1768478458 + minute * 60) for minute in range(5)))

    def starts(field: str, **bounds: object) -> list[int]:
        return [start - 1768478400 for start in cluster.find({"range": {field: bounds}}, "start")]

    assert starts("start", gte=1768478460, lt=1768478580) == [60, 120]
    assert starts("end", gt=1768478518, lte=1768478638) == [120, 180]
    assert starts("start", gte="2026-01-15T12:03:00Z", format="strict_date_time_no_millis") == [180, 240]
    assert starts("@timestamp", gte="2026-01-15T12:00:03.000Z") == [180, 240]
    assert starts("@timestamp", lt="2026-01-15T12:00:01Z") == [0]
    histogram = {"minutes": {"date_histogram": {"field": "start", "fixed_interval": "2m"}}}
    buckets = cluster.search(EVERYTHING, aggs=histogram)["aggregations"]["minutes"]["buckets"]
    assert [(bucket["key"] // 1000 - 1768478400, bucket["doc_count"]) for bucket in buckets] == [
        (0, 2),
        (120, 2),
        (240, 1),
    ]


def test_an_account_keeps_its_leading_zeros(cluster: Cluster) -> None:
    accounts = ["012345678901", "000000000012", "123456789010", "unknown", "012345678901"]
    cluster.send(*(line(account_id=account) for account in accounts))

    terms = {"accounts": {"terms": {"field": "account_id"}}}
    buckets = cluster.search(EVERYTHING, aggs=terms)["aggregations"]["accounts"]["buckets"]

    assert {bucket["key"]: bucket["doc_count"] for bucket in buckets} == {
        "012345678901": 2,
        "000000000012": 1,
        "123456789010": 1,
        "unknown": 1,
    }
    assert cluster.find({"term": {"account_id": "12345678901"}}, "account_id") == []
    assert cluster.find({"term": {"@owner": "012345678901"}}, "account_id") == accounts


def test_numbers_are_sorted_and_added_as_numbers(cluster: Cluster) -> None:
    ports = [443, 65535, 22, 0, 8080]
    cluster.send(*(line(dstport=port, protocol=port % 256, bytes=port) for port in ports))

    hits = cluster.search(EVERYTHING, sort=[{"dstport": "asc"}])["hits"]["hits"]
    sums = {name: {"sum": {"field": name}} for name in ("dstport", "protocol", "bytes", "version")}
    added = cluster.search(EVERYTHING, aggs=sums)["aggregations"]

    assert [hit["_source"]["dstport"] for hit in hits] == sorted(ports)
    assert {name: each["value"] for name, each in added.items()} == {
        "dstport": sum(ports),
        "protocol": sum(port % 256 for port in ports),
        "bytes": sum(ports),
        "version": 10,
    }


def test_what_a_record_does_not_have_is_absent(cluster: Cluster) -> None:
    nothing = dict.fromkeys(["srcaddr", "dstaddr", "srcport", "dstport", "protocol", "packets", "bytes"], "-")
    cluster.send(line(), line(**nothing, action="-", log_status="NODATA"), line(srcport=0, bytes=0))

    for field in (*nothing, "action"):
        assert cluster.find({"exists": {"field": field}}, "log_status") == ["OK", "OK"], field
        missing = {"bool": {"must_not": {"exists": {"field": field}}}}
        assert cluster.find(missing, "log_status") == ["NODATA"], field
    (found,) = cluster.search({"term": {"log_status": "NODATA"}})["hits"]["hits"]
    assert not found["_source"].keys() & nothing.keys()


def test_a_field_that_nobody_knew_is_a_keyword(open_cluster: Open) -> None:
    cluster = open_cluster(LOG_FORMATS="${srcaddr} ${bytes} ${next-new-field}")
    cluster.send("10.0.0.1 1 Green", "10.0.0.2 2 green", "10.0.0.3 3 Green", "10.0.0.4 4 -")

    assert cluster.find({"term": {"next_new_field": "Green"}}, "bytes") == [1, 3]
    terms = {"values": {"terms": {"field": "next_new_field"}}}
    buckets = cluster.search(EVERYTHING, aggs=terms)["aggregations"]["values"]["buckets"]
    assert {bucket["key"]: bucket["doc_count"] for bucket in buckets} == {"Green": 2, "green": 1}


def test_a_field_that_is_in_no_mapping_is_kept_and_breaks_nothing(open_cluster: Open) -> None:
    """The format was changed and the template was not: the field is stored, and the mapping stays."""
    cluster = open_cluster(LOG_FORMATS=f"{DEFAULT} ${{next-new-field}}", template=DEFAULT)

    cluster.send(f"{line()} 7", f"{line()} seven", f"{line()} -")

    assert cluster.find(EVERYTHING, "next_new_field") == ["7", "seven", None]
    assert cluster.find({"term": {"next_new_field": "7"}}, "next_new_field") == []
    assert cluster.find({"term": {"srcaddr": "10.0.1.5"}}, "bytes") == [1904] * 3
    ((_, index),) = cluster.ask("GET", "/cwl-*/_mapping").items()
    assert "next_new_field" not in index["mappings"]["properties"]


def test_lines_that_could_not_be_parsed_are_found(cluster: Cluster) -> None:
    cluster.invoke(read_sample("flow-logs-broken-lines"))

    broken: dict[str, Any] = {"exists": {"field": "parse_error"}}
    assert len(cluster.find(broken, "parse_error")) == 11
    assert len(cluster.find({"bool": {"must_not": broken}}, "parse_error")) == 2
    assert cluster.find({"prefix": {"parse_error": "srcaddr: "}}, "parse_error") == [
        "srcaddr: '10.0.1.300' is not an IPv4 or IPv6 address"
    ]
    (text,) = cluster.find({"match": {"@unparsed": "stopped"}}, "@message")
    assert text == 'agent said "stopped" in C:\\flow\tlogs'
    both = {"bool": {"filter": [broken, {"match": {"@unparsed": "10.0.1.300"}}]}}
    assert len(cluster.find(both, "@message")) == 1


TALK = (line(), line(action="REJECT"), "The Agent said: no data today", "the agent is silent")


@pytest.mark.parametrize("keep", ["stored", "indexed", "unparsed", "always"])
def test_a_line_that_could_not_be_parsed_is_searched_as_text_however_messages_are_kept(
    open_cluster: Open, keep: str
) -> None:
    cluster = open_cluster(KEEP_MESSAGE=keep)
    cluster.send(*TALK)

    for query in (
        {"match": {"@unparsed": "AGENT"}},
        {"query_string": {"query": "agent"}},  # what is typed into Discover, in either language
        {"multi_match": {"type": "best_fields", "query": "agent", "lenient": True}},
    ):
        found = cluster.search(query)
        assert found["_shards"]["failed"] == 0
        assert [hit["_source"]["@message"] for hit in found["hits"]["hits"]] == list(TALK[2:]), query
    assert cluster.find(
        {"match": {"@unparsed": {"query": "agent today", "operator": "and"}}}, "@message"
    ) == [TALK[2]]
    assert cluster.find({"exists": {"field": "@unparsed"}}, "@unparsed") == list(TALK[2:])


def test_a_stored_message_is_shown_and_not_searched(cluster: Cluster) -> None:
    cluster.send(*TALK)

    assert cluster.find(EVERYTHING, "@message") == list(TALK)
    for field in ("_source", "fields"):
        (hit,) = cluster.search({"term": {"action": "REJECT"}}, fields=["@message"])["hits"]["hits"]
        assert TALK[1] in (hit[field]["@message"], *hit[field]["@message"])
    assert cluster.find({"query_string": {"query": "@message:agent"}}, "@message") == []
    status, reply = cluster.node.request(
        "POST", "/cwl-*/_search", {"query": {"match": {"@message": "agent"}}}
    )
    assert status == 400
    assert reply["error"]["root_cause"][0]["reason"] == (
        "failed to create query: Cannot search on field [@message] since it is not indexed."
    )


def test_days_with_and_without_a_message_that_can_be_searched_stand_side_by_side(open_cluster: Open) -> None:
    """A stack whose KeepMessage is changed: today's index stays as it is, and tomorrow's is otherwise."""
    open_cluster(KEEP_MESSAGE="always").send(*TALK)
    cluster = open_cluster(KEEP_MESSAGE="stored")
    cluster.send(*TALK[::-1], timestamp=START + 60_000)  # into the index of the day that has begun
    cluster.send(*TALK, timestamp=START + 86_400_000)

    both = [*TALK, *TALK[::-1], *TALK]
    assert cluster.find(EVERYTHING, "@message") == both
    fields = cluster.ask("GET", "/cwl-*/_field_caps?fields=@*")["fields"]
    caps = {name: list(fields[name]) for name in ("@message", "@unparsed")}
    assert caps["@message"] == caps["@unparsed"], "the pattern of Dashboards has a conflict"
    assert len(caps["@message"]) == 1
    ((_, message),) = fields["@message"].items()
    assert message["non_searchable_indices"] == ["cwl-2026.01.16"]

    anywhere = cluster.search({"query_string": {"query": "agent"}})
    assert (anywhere["_shards"]["failed"], anywhere["hits"]["total"]["value"]) == (0, 6)
    found = cluster.search({"match": {"@message": "agent"}})
    assert found["_shards"]["failed"] == 1
    assert [hit["_index"] for hit in found["hits"]["hits"]] == ["cwl-2026.01.15"] * 4


def test_an_indexed_message_is_searched_as_text(open_cluster: Open) -> None:
    cluster = open_cluster(KEEP_MESSAGE="indexed")
    cluster.send(*TALK)

    def search(**query: object) -> int:
        total: int = cluster.search(query)["hits"]["total"]["value"]
        return total

    assert search(match={"@message": "agent"}) == 2
    assert search(match={"@message": "reject"}) == 1
    assert search(match={"@message": {"query": "AGENT today", "operator": "and"}}) == 1
    assert search(query_string={"query": "@message:(agent AND silent)"}) == 1


TEXTS = {
    "quotes and backslashes": 'say "no" in C:\\flow\\logs \'',
    "control characters": "".join(map(chr, range(32))) + "\x7f",
    "beyond the basic plane": "\U0001f6d2 \U00010348 \u00e9 e\u0301 \u2028\u2029 \ufeff",
    "lone surrogates": "\ud83d then \udc00 and \udfff\ud800",
    "what looks like an escape": "\\u0041 \\ud83d \\n",
    "markup and a line of its own": '</script>\r\n{"create":{"_id":"x"}}\n',
    "blanks": "  two  and two  ",
}


def test_texts_come_back_character_by_character(cluster: Cluster) -> None:
    cluster.send(*TEXTS.values(), log_group='/odd/"group"\\\U0001f6d2')

    for name, found, sent in zip(TEXTS, cluster.find(EVERYTHING, "@message"), TEXTS.values(), strict=True):
        assert found == sent, name
    assert cluster.find({"term": {"@log_group": '/odd/"group"\\\U0001f6d2'}}, "@message") == list(
        TEXTS.values()
    )


def test_a_long_word_is_stored_and_refuses_nothing(cluster: Cluster) -> None:
    """Lucene would refuse a document for a term of more than 32,766 bytes."""
    words = ["x" * length for length in (2_048, 2_049, 10_000, 40_000)]

    cluster.send(*(line(interface_id=word) for word in words))

    assert cluster.find(EVERYTHING, "interface_id") == words
    found = [cluster.find({"term": {"interface_id": word}}, "interface_id") for word in words]
    assert found == [words[:1], [], [], []]


def test_a_long_text_without_a_record_is_stored(cluster: Cluster) -> None:
    text = "é" * 200_000

    cluster.send(text)

    assert cluster.find({"exists": {"field": "parse_error"}}, "@message") == [text]


def test_messages_are_kept_only_where_they_could_not_be_parsed(open_cluster: Open) -> None:
    cluster = open_cluster(KEEP_MESSAGE="unparsed")
    cluster.send(line(), "no record", line(bytes=7))

    assert cluster.find(EVERYTHING, "@message") == [None, "no record", None]
    assert cluster.find(EVERYTHING, "@unparsed") == [None, "no record", None]
    assert cluster.find({"exists": {"field": "@message"}}, "@message") == ["no record"]
    assert cluster.find({"term": {"bytes": 7}}, "@log_group") == ["/vpc/flow-logs"]


def test_a_payload_of_several_bodies_is_whole(open_cluster: Open) -> None:
    cluster = open_cluster(MAX_BULK_BYTES="65536")

    counts = cluster.send(*(line(bytes=number) for number in range(500)))

    assert counts["bulk_requests"] > 1
    assert cluster.find(EVERYTHING, "bytes") == list(range(500))
    assert cluster.find({"range": {"@timestamp": {"gte": START + 499_000}}}, "bytes") == [499]
