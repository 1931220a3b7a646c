"""`flowlogs reparse`, on a real OpenSearch: what can be parsed now is as if it had been from the start."""

from collections.abc import Callable
from typing import Any, Final

import pytest
from opensearchpy import OpenSearch
from opensearchpy.exceptions import NotFoundError

from flowlogs.cluster import reparsing
from flowlogs.cluster.connection import open_client
from flowlogs.cluster.reparsing import Reparse
from flowlogs.local.embedded import Embedded
from parser.bulk import encode
from parser.document import build
from parser.format import Formats
from parser.index_template import index_template
from parser.subscription import Event, Subscription
from support.commands import run
from support.troubles import close, lose

SHORT: Final = "${srcaddr} ${dstaddr} ${bytes}"
WRONG: Final = Formats.from_text("${srcaddr} ${dstaddr} ${bytes} ${action}")
RIGHT: Final = Formats.from_text(SHORT)
NOON: Final = 1768478400123  # 2026-01-15T12:00:00.123Z
DAY: Final = 86_400_000


def make_events(count: int, *, text: str = "10.0.0.1 10.0.0.2 {number}") -> tuple[Event, ...]:
    """Return events of 15 and 16 January 2026 in turn."""
    return tuple(
        Event(f"id-{number}", NOON + number % 2 * DAY + number, text.format(number=number))
        for number in range(count)
    )


def send(node: Embedded, events: tuple[Event, ...], formats: Formats, prefix: str = "cwl") -> Subscription:
    """Index events as the forward function does."""
    subscription = Subscription(owner="123456789010", log_group="/vpc", log_stream="eni-all", events=events)
    for body in encode(subscription, formats, prefix=prefix, max_bytes=5 << 20, keep_message=True):
        _, client = open_client({"OPENSEARCH_URL": node.url})
        client.transport.perform_request(
            "POST",
            f"/{body.index}/_bulk",
            body=body.data,
            headers={"content-type": "application/x-ndjson", "content-encoding": "gzip"},
        )
    node.request("POST", "/cwl-*/_refresh")
    return subscription


def read_all(node: Embedded) -> dict[str, tuple[str, Any]]:
    """Return index and document of each id."""
    node.request("POST", "/cwl-*/_refresh")
    _, reply = node.request("POST", "/cwl-*/_search", {"size": 1000})
    return {hit["_id"]: (hit["_index"], hit["_source"]) for hit in reply["hits"]["hits"]}


@pytest.fixture
def node(opensearch: Embedded, monkeypatch: pytest.MonkeyPatch) -> Embedded:
    """Return a cluster with the template, which the commands use; the formats are right now."""
    opensearch.request("PUT", "/_index_template/cwl", index_template("cwl", RIGHT))
    monkeypatch.setenv("OPENSEARCH_URL", opensearch.url)
    monkeypatch.setenv("LOG_FORMATS", SHORT)
    return opensearch


def expected(subscription: Subscription) -> dict[str, tuple[str, Any]]:
    return {
        event.id: (
            f"cwl-2026.01.{15 + number % 2}",
            build(event, subscription, RIGHT, keep_message=True),
        )
        for number, event in enumerate(subscription.events)
    }


def test_all_pages_are_parsed_again_in_place(node: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reparsing, "PAGE", 7)
    subscription = send(node, make_events(50), WRONG)
    assert all("parse_error" in document for _, document in read_all(node).values())
    told = run("reparse", "--json")
    assert (told.status, told.errors) == (0, "")
    assert len(told.json["samples"]) == 3
    assert all(each["after"] == expected(subscription)[each["_id"]][1] for each in told.json["samples"])
    assert {name: value for name, value in told.json.items() if name != "samples"} == {
        "dry_run": False,
        "shards": 2,
        "before": 50,
        "parsed": 50,
        "failing": 0,
        "changed": 0,
        "refused": 0,
        "after": 0,
        "reasons": {},
        "refusals": {},
        "unlikely": "",
        "unrefreshed": "",
    }
    assert read_all(node) == expected(subscription)


def test_what_still_cannot_be_parsed_and_what_could_before_are_not_touched(node: Embedded) -> None:
    send(node, (*make_events(3), Event("bad", NOON, "one two"), Event("worse", NOON, "x y 1")), WRONG)
    send(
        node, tuple(Event(f"good-{each.id}", each.timestamp, each.message) for each in make_events(2)), RIGHT
    )
    before = versions(node)
    told = run("reparse")
    assert told.status == 1
    assert told.output.splitlines()[:3] == [
        "5 documents had a parse error",
        "3 parsed and overwritten",
        "2 still cannot be parsed, left as before",
    ]
    assert told.output.splitlines()[-1] == "2 documents have a parse error now"
    assert "srcaddr: 'x' is not an IPv4 or IPv6 address" in told.output
    changed = {each for each, version in versions(node).items() if version != before[each]}
    assert changed == {"id-0", "id-1", "id-2"}
    assert len(read_all(node)) == 7


def versions(node: Embedded) -> dict[str, int]:
    _, reply = node.request("POST", "/cwl-*/_search", {"size": 1000, "version": True})
    return {hit["_id"]: hit["_version"] for hit in reply["hits"]["hits"]}


def test_a_dry_run_changes_nothing(node: Embedded) -> None:
    send(node, (*make_events(3), Event("bad", NOON, "one two")), WRONG)
    before = versions(node)
    told = run("reparse", "--dry-run", "--json")
    assert told.status == 1
    result = {name: told.json[name] for name in ("before", "parsed", "failing", "after")}
    assert result == {"before": 4, "parsed": 3, "failing": 1, "after": 4}
    assert versions(node) == before


def test_the_time_chooses_by_that_of_the_event(node: Embedded) -> None:
    send(node, make_events(10), WRONG)
    told = run("reparse", "--since", "2026-01-16", "--until", "2026-01-17", "--json")
    assert (told.json["before"], told.json["parsed"]) == (5, 5)
    left = {index for index, document in read_all(node).values() if "parse_error" in document}
    assert left == {"cwl-2026.01.15"}
    assert run("reparse", "--until", "2026-01-15T12:00", "--json").json["before"] == 0


def test_a_document_that_somebody_changes_meanwhile_is_left_to_them(
    node: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(node, make_events(4), WRONG)
    write = Reparse._write

    def change_first(self: Reparse, part: list[reparsing.Replacement]) -> None:
        node.request("PUT", "/cwl-2026.01.15/_doc/id-0", {"changed": "by somebody"})
        node.request("DELETE", "/cwl-2026.01.16/_doc/id-1")
        write(self, part)

    monkeypatch.setattr(Reparse, "_write", change_first)
    told = run("reparse", "--json")
    assert (told.json["parsed"], told.json["changed"], told.json["refused"]) == (2, 2, 0)
    found = read_all(node)
    assert found["id-0"] == ("cwl-2026.01.15", {"changed": "by somebody"})
    assert found.keys() == {"id-0", "id-2", "id-3"}


def test_an_index_that_takes_no_writes_is_told_and_stays(node: Embedded) -> None:
    send(node, make_events(4), WRONG)
    node.request("PUT", "/cwl-2026.01.15/_settings", {"index.blocks.write": True})
    told = run("reparse")
    assert told.status == 1
    assert "2 documents were refused by OpenSearch, left as before:" in told.output
    assert "403 cluster_block_exception: index [cwl-2026.01.15] blocked by" in told.output
    assert told.output.endswith("2 documents have a parse error now\n")


def test_a_document_that_is_none_of_ours_is_left_as_it_is(node: Embedded) -> None:
    node.request("PUT", "/cwl-2026.01.15/_doc/1?refresh=true", {"parse_error": "x", "@message": "a b 1"})
    told = run("reparse", "--json")
    assert (told.status, told.json["failing"]) == (1, 1)
    assert told.json["reasons"] == {"the document is none of ours: KeyError('@timestamp')": 1}


def test_large_documents_go_in_several_requests(node: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_BULK_BYTES", "65536")
    padding = " " * 30_000
    send(node, make_events(9, text="10.0.0.1 10.0.0.2" + padding + "{number}"), WRONG)
    sizes: list[int] = []
    write = Reparse._write

    def measure(self: Reparse, part: list[reparsing.Replacement]) -> None:
        sizes.append(len(part))
        write(self, part)

    monkeypatch.setattr(Reparse, "_write", measure)
    assert run("reparse", "--json").json["parsed"] == 9
    assert sizes == [2, 2, 2, 2, 1]


def test_a_prefix_without_an_index_is_told_and_nothing_is_wrong(
    node: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(node, make_events(2), WRONG)
    monkeypatch.setenv("INDEX_PREFIX", "another")
    for options in ((), ("--dry-run",)):
        told = run("reparse", *options)
        assert (told.status, told.errors) == (0, "")
        assert told.output == (
            "there is no index another-YYYY.MM.DD of this time: nothing to parse again (INDEX_PREFIX names "
            "others)\n"
        )
    told = run("reparse", "--json")
    assert (told.status, told.json["shards"], told.json["before"], told.json["after"]) == (0, 0, 0, 0)


def test_the_line_stays_and_so_does_what_others_added(
    node: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A format may be wrong though it fits: without the line nobody could ever tell."""
    monkeypatch.setenv("KEEP_MESSAGE", "unparsed")
    send(node, make_events(1), WRONG)
    added = {"doc": {"ticket": "NET-1", "tags": ["seen"]}}
    assert node.request("POST", "/cwl-2026.01.15/_update/id-0?refresh=true", added)[0] == 200
    assert run("reparse").status == 0
    _, document = read_all(node)["id-0"]
    assert document == {
        "srcaddr": "10.0.0.1",
        "dstaddr": "10.0.0.2",
        "bytes": 0,
        "@timestamp": "2026-01-15T12:00:00.123Z",
        "@message": "10.0.0.1 10.0.0.2 0",
        "@owner": "123456789010",
        "@log_group": "/vpc",
        "@log_stream": "eni-all",
        "ticket": "NET-1",
        "tags": ["seen"],
    }


def test_some_lines_are_shown_before_and_after(node: Embedded) -> None:
    send(node, make_events(5), WRONG)
    told = run("reparse", "--dry-run")
    lines = told.output.splitlines()
    shown = [number for number, line in enumerate(lines) if line.startswith("cwl-2026.01.1")]
    assert len(shown) == 3
    assert lines[shown[0]] == "cwl-2026.01.15 id-0: 10.0.0.1 10.0.0.2 0"
    assert lines[shown[0] + 1] == '  would be {"srcaddr": "10.0.0.1", "dstaddr": "10.0.0.2", "bytes": 0}'
    assert '  is now {"srcaddr": "10.0.0.1", "dstaddr": "10.0.0.2", "bytes": 0}' in run("reparse").output


@pytest.mark.parametrize(
    ("wanted", "text", "reason"),
    [
        pytest.param(
            "${srcaddr} ${dstaddr} ${interface-id}",
            "10.0.0.1 10.0.0.2 {number}",
            "4 of 4 lines that fit would have values that no flow log has, such as interface_id '0'",
            id="a value that its field never has",
        ),
        pytest.param(
            "${account-id} ${dstaddr} ${bytes}",
            "eni-0a 10.0.0.2 {number}",
            "4 of 4 lines that fit would have values that no flow log has, such as account_id 'eni-0a'",
            id="an account that is none",
        ),
    ],
)
def test_a_format_that_cannot_be_right_changes_nothing(
    node: Embedded, monkeypatch: pytest.MonkeyPatch, wanted: str, text: str, reason: str
) -> None:
    send(node, make_events(4, text=text), WRONG)
    before = versions(node)
    monkeypatch.setenv("LOG_FORMATS", wanted)
    for options in (("--dry-run",), ()):
        told = run("reparse", *options)
        assert told.status == 1
        assert told.errors == (f"flowlogs: the formats cannot be right, nothing more is written: {reason}\n")
    assert versions(node) == before


def test_a_few_lines_that_fit_by_luck_are_no_proof_of_a_format(node: Embedded) -> None:
    """Counters in the place of addresses: of twenty-one lines one has text that could be some."""
    lines = [Event(f"wrong-{number}", NOON, f"{number} 443 {number}") for number in range(20)]
    send(node, (*lines, Event("lucky", NOON, "10.0.0.1 10.0.0.2 5")), WRONG)
    told = run("reparse")
    assert told.status == 1
    assert "only 1 of 21 lines of that length have values of its types" in told.errors
    assert "parse_error" in read_all(node)["lucky"][1]


def test_another_stack_whose_prefix_begins_alike_is_not_touched(node: Embedded) -> None:
    send(node, make_events(3), WRONG)
    send(node, make_events(3), WRONG, prefix="cwl-dev")
    assert run("reparse", "--json").json["before"] == 3
    _, reply = node.request("POST", "/cwl-dev-*/_search", {"size": 1000})
    assert ["parse_error" in hit["_source"] for hit in reply["hits"]["hits"]] == [True] * 3


@pytest.mark.parametrize("spoil", [close, lose], ids=["closed", "red"])
def test_an_index_that_cannot_be_asked_is_named_and_nothing_is_called_none(
    node: Embedded, spoil: Callable[[Embedded, str], None]
) -> None:
    send(node, make_events(4), WRONG)
    spoil(node, "cwl-2026.01.15")
    told = run("reparse")
    assert (told.status, told.output) == (1, "")
    assert told.errors.startswith("flowlogs: OpenSearch does not answer whole: cwl-2026.01.15 is ")
    told = run("reparse", "--since", "2026-01-16", "--json")
    assert (told.status, told.json["before"], told.json["parsed"]) == (0, 2, 2)


def test_a_search_that_is_lost_on_the_way_says_so_itself(
    node: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clearing it fails as well, which is not what people are told."""
    monkeypatch.setattr(reparsing, "PAGE", 2)
    send(node, make_events(6), WRONG)
    write = Reparse._write

    def lose_search(self: Reparse, part: list[reparsing.Replacement]) -> None:
        write(self, part)
        node.request("DELETE", "/_search/scroll/_all")

    monkeypatch.setattr(Reparse, "_write", lose_search)
    clear: list[object] = []

    def refuse(*_: object, **__: object) -> None:
        clear.append(None)
        raise NotFoundError(404, "clearing", {"error": "clearing"})

    monkeypatch.setattr(OpenSearch, "clear_scroll", refuse)
    told = run("reparse")
    assert (told.status, len(clear)) == (1, 1)
    assert "No search context found" in told.errors or "all shards failed" in told.errors
    assert "clearing" not in told.errors


def test_a_cluster_that_does_not_answer_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENSEARCH_URL", "http://127.0.0.1:9")
    told = run("reparse")
    assert told.status == 1
    assert told.errors.startswith("flowlogs: OpenSearch does not answer: ")
    assert "Connection refused" in told.errors
