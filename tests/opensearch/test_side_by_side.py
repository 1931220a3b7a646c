"""The console's function and ours on one cluster, while one takes the other's place (docs/migrating.md)."""

import json
from collections import Counter
from typing import Any, Final

import pytest

from benchmarks.contest import expect_of_console
from benchmarks.payloads import KINDS, Kind, Payload, make_payloads
from flowlogs.local.embedded import Embedded
from opensearch.conftest import Cluster, Open
from parser.format import DEFAULT
from support.invocation import Invocation

WITH_FIELDS: Final[Kind] = next(kind for kind in KINDS if kind.extracted)
INDEX: Final = "cwl-2026.10.01"


@pytest.fixture
def payload() -> Payload:
    """Return a thousand events, as both functions get them; some are NODATA or SKIPDATA."""
    return make_payloads(WITH_FIELDS, "1000", 1)[0]


@pytest.fixture
def untouched(any_opensearch: Embedded, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """Return a cluster without our template, and our function."""
    environ = {"OPENSEARCH_URL": any_opensearch.url, "OPENSEARCH_AUTH": "none", "LOG_FORMATS": DEFAULT}
    return Cluster(any_opensearch, Invocation(monkeypatch, environ))


def write_as_console(node: Embedded, payload: Payload, **more: str) -> tuple[int, Any]:
    """Send what the console's function sends, for OpenSearch 2 without the `_type` that it would refuse."""
    rows: list[dict[str, Any]] = []
    for index, identity, document in expect_of_console(payload, WITH_FIELDS):
        rows += [{"index": {"_index": index, "_id": identity, **more}}, document]
    body = "".join(json.dumps(row) + "\n" for row in rows).encode()
    return node.request("POST", "/_bulk", body)


def statuses(reply: Any) -> Counter[int]:  # JSON
    return Counter(item["index"]["status"] for item in reply["items"])


def without_addresses(payload: Payload) -> int:
    """Return how many of the events are NODATA or SKIPDATA: a `-` where others have an address."""
    documents = (document for _, _, document in expect_of_console(payload, WITH_FIELDS))
    return sum(document["srcaddr"] == "-" for document in documents)


def test_what_the_consoles_function_sends_is_refused_from_opensearch_2_on(
    any_opensearch: Embedded, payload: Payload
) -> None:
    status, reply = write_as_console(any_opensearch, payload, _type="/vpc/flow-logs")
    if any_opensearch.release.version.startswith("1."):
        assert status == 200
    else:
        assert status == 400
        assert reply["error"]["reason"] == "Action/metadata line [1] contains an unknown parameter [_type]"


def test_in_an_index_that_the_console_began_ours_fills_its_gaps(untouched: Cluster, payload: Payload) -> None:
    gaps = without_addresses(payload)
    assert gaps > 0
    _, reply = write_as_console(untouched.node, payload)
    assert statuses(reply) == {201: 1000 - gaps, 400: gaps}

    counts = untouched.invoke(payload.event)
    assert (counts["indexed"], counts["duplicate"], counts["rejected"]) == (gaps, 1000 - gaps, 0)
    assert untouched.search({"match_all": {}})["hits"]["total"]["value"] == 1000
    # The types are those that the console's first document made.
    mapping = untouched.ask("GET", f"/{INDEX}/_mapping")[INDEX]["mappings"]["properties"]
    assert (mapping["srcaddr"]["type"], mapping["account_id"]["type"]) == ("text", "long")


def test_in_an_index_of_our_template_the_console_replaces_but_for_its_dashes(
    open_cluster: Open, payload: Payload
) -> None:
    cluster = open_cluster(LOG_FORMATS=DEFAULT)
    gaps = without_addresses(payload)
    assert cluster.invoke(payload.event)["indexed"] == 1000

    _, reply = write_as_console(cluster.node, payload)
    assert statuses(reply) == {200: 1000 - gaps, 400: gaps}
    assert cluster.search({"match_all": {}})["hits"]["total"]["value"] == 1000
    assert cluster.invoke(payload.event)["duplicate"] == 1000


def test_searches_for_the_consoles_fields_find_ours(open_cluster: Open, payload: Payload) -> None:
    cluster = open_cluster(LOG_FORMATS=DEFAULT)
    cluster.invoke(payload.event)
    found = cluster.search({"match_all": {}}, size=1000)["hits"]["hits"]
    ours = {hit["_id"]: (hit["_index"], hit["_source"]) for hit in found}
    for index, identity, theirs in expect_of_console(payload, WITH_FIELDS):
        assert ours[identity][0] == index
        document = ours[identity][1]
        expected = {name: value for name, value in theirs.items() if value != "-" and name != "@id"}
        expected["account_id"] = f"{theirs['account_id']:0>12}"
        assert document == expected
