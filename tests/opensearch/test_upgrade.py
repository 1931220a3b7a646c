"""What an earlier version has left goes on: its state is there, and the present setup runs over it.

The state is made by that version itself (`tests/data/upgrade/README.md`). Index State Management and
Dashboards are the stand-ins of `support/front.py`, OpenSearch is real.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import boto3
import pytest

from flowlogs.local.embedded import Embedded
from flowlogs.panels.catalogue import EVERY_PANEL
from flowlogs.panels.panel import search
from flowlogs.traffic.day import encode_event, event_id
from handler.installing import dashboards as dashboards_setup
from parser.format import DEFAULT, known_formats
from support.cloudformation import CloudFormation
from support.commands import BUCKET, run
from support.front import Dashboards, Front, StateManagement
from support.invocation import Invocation

STATE: Final = Path(__file__).parents[1] / "data/upgrade"
DAYS: Final = ("--since", "2026-01-15", "--until", "2026-01-19")
LINE: Final = "2 123456789010 eni-0a 10.0.0.5 10.0.0.{} 443 50000 6 1 {} 1768564800 1768564860 ACCEPT OK"
NOON: Final = 1768564800000
"""2026-01-16T12:00:00Z, a day that the earlier version has indexed."""

DAY: Final = 86_400_000
MISTYPED: Final = "cwl-2026.01.17"
"""An index in which account_id was made an address, so that the earlier version had its events rejected."""

WAITING, UNREADABLE, REJECTED = json.loads((STATE / "bucket.json").read_text(encoding="utf-8"))


def read(name: str) -> Any:
    return json.loads((STATE / name).read_text(encoding="utf-8"))


def read_lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (STATE / name).read_text(encoding="utf-8").splitlines()]


OLD: Final = {each["_id"]: each["_source"] for each in read_lines("documents.ndjson")}


@dataclass
class Stack:
    """A cluster and a bucket with what the earlier version left, and the present functions."""

    node: Embedded
    ism: StateManagement
    dashboards: Dashboards
    front: Front
    formation: CloudFormation
    monkeypatch: pytest.MonkeyPatch

    def upgrade(self, keep_message: str) -> dict[str, Any]:
        """Run the present setup; return what it did."""
        with self.monkeypatch.context() as patch:
            patch.setenv("OPENSEARCH_URL", self.front.url)
            answer = self.formation.send(
                "Update", LogFormats=DEFAULT, KeepMessage=keep_message, RetentionDays="30"
            )
        assert answer["Status"] == "SUCCESS", answer
        data: dict[str, Any] = answer["Data"]
        return data

    def ask(self, method: str, path: str, body: object = None) -> Any:
        status, reply = self.node.request(method, path, body)
        assert status == 200, reply
        return reply

    def read_all(self) -> dict[str, Any]:
        """Return the documents by their ids."""
        self.ask("POST", "/cwl-*/_refresh")
        hits = self.ask("POST", "/cwl-*/_search", {"size": 1000})["hits"]["hits"]
        return {hit["_id"]: hit["_source"] for hit in hits}

    def send(self, keep_message: str, timestamp: int, *lines: str) -> None:
        """Let the present forward function index lines."""
        rows: list[dict[str, object]] = [
            {
                "id": event_id(timestamp + number, timestamp, 9, number),
                "timestamp": timestamp,
                "message": line,
            }
            for number, line in enumerate(lines)
        ]
        forward = Invocation(self.monkeypatch, {"KEEP_MESSAGE": keep_message})
        counts = forward(encode_event("123456789010", "/vpc/flow-logs", "eni-0a-all", rows))
        assert counts["indexed"] == len(lines), counts


@pytest.fixture
def stack(opensearch: Embedded, account: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """Give the state of the earlier version, as it lies in tests/data/upgrade."""
    node, ism, dashboards = opensearch, StateManagement(opensearch), Dashboards()
    node.request("PUT", "/_index_template/cwl", read("index-template.json"))
    # Its other indices are made by its template, when its documents come.
    node.request("PUT", f"/{MISTYPED}", {"mappings": {"properties": {"account_id": {"type": "ip"}}}})
    rows = [
        row
        for each in read_lines("documents.ndjson")
        for row in ({"create": {"_index": each["_index"], "_id": each["_id"]}}, each["_source"])
    ]
    status, reply = node.request(
        "POST", "/_bulk?refresh=true", "".join(f"{json.dumps(row)}\n" for row in rows).encode()
    )
    assert (status, reply["errors"]) == (200, False)
    policy = read("retention-policy.json")
    ism._version = policy["_seq_no"]
    ism.policies["cwl-retention"] = policy
    ism.indices = dict.fromkeys(
        ["cwl-2026.01.15", "cwl-2026.01.16", MISTYPED], ("cwl-retention", policy["_seq_no"])
    )
    dashboards.objects = {(each["type"], each["id"]): each for each in read_lines("saved-objects.ndjson")}
    for key, metadata in read("bucket.json").items():
        body = (STATE / "bucket" / key).read_bytes()
        boto3.client("s3").put_object(Bucket=BUCKET, Key=key, Body=body, Metadata=metadata)
    settings = {"OPENSEARCH_AUTH": "none", "LOG_FORMATS": str(known_formats()), "FAILURE_BUCKET": BUCKET}
    for name, value in {**settings, "OPENSEARCH_URL": node.url}.items():
        monkeypatch.setenv(name, value)
    with Front(node, ism, dashboards) as front, CloudFormation() as formation:
        yield Stack(node, ism, dashboards, front, formation, monkeypatch)


def list_keys() -> list[str]:
    return [each["Key"] for each in boto3.client("s3").list_objects_v2(Bucket=BUCKET).get("Contents", ())]


# What a stack that is there keeps, and what it may choose.
either = pytest.mark.parametrize("keep_message", ["always", "stored"])


@either
def test_the_setup_renews_what_is_there_once(stack: Stack, keep_message: str) -> None:
    done = stack.upgrade(keep_message)

    assert {name: done[name] for name in ("IndexTemplate", "RetentionPolicy", "Dashboards", "Warnings")} == {
        "IndexTemplate": "updated",
        "RetentionPolicy": "updated: renewed for 3 indices",
        "Dashboards": f"updated: {len(dashboards_setup.FILE.read_text().splitlines())} objects",
        "Warnings": "none",
    }
    stack.ism.begin()
    stack.front.calls.clear()
    assert stack.upgrade(keep_message)["Changed"] == "false"
    assert stack.front.writes == []
    assert stack.read_all() == OLD


def test_saved_objects_are_imported_over_the_old_ones(stack: Stack) -> None:
    old = set(stack.dashboards.objects)
    stack.upgrade("always")

    wanted = [json.loads(line) for line in dashboards_setup.FILE.read_text().splitlines()]
    stored = stack.dashboards.objects
    # Whoever made a panel or a link of an old one finds it under its id.
    assert old <= {(each["type"], each["id"]) for each in wanted} == set(stored)
    assert stored["index-pattern", "cwl-flow-logs"]["attributes"]["title"] == "cwl-20*"


@either
def test_a_replay_indexes_what_waits_and_finds_what_the_old_version_indexed(
    stack: Stack, keep_message: str
) -> None:
    stack.upgrade(keep_message)
    told = run("replay", "--bucket", BUCKET, "--json")

    assert told.status == 0, told.errors
    assert told.json["events"] == {"received": 6, "indexed": 3, "duplicate": 3, "pending": 0, "rejected": 0}
    assert list_keys() == [UNREADABLE, REJECTED]
    found = stack.read_all()
    new = {name: document for name, document in found.items() if name not in OLD}
    assert {name: document for name, document in found.items() if name in OLD} == OLD
    assert sorted(document["dstaddr"] for document in new.values()) == ["10.0.0.6", "10.0.0.7", "10.0.0.8"]


def test_what_was_rejected_is_explained_and_sent_when_its_index_is_mended(stack: Stack) -> None:
    stack.upgrade("always")
    told = run("rejected", "--bucket", BUCKET, "--json")

    assert told.status == 1
    assert (told.json["events"], [each["key"] for each in told.json["unreadable"]]) == (3, [UNREADABLE])
    (group,) = told.json["groups"]
    assert (group["status"], group["error_type"], group["index"], group["count"]) == (
        400,
        "mapper_parsing_exception",
        MISTYPED,
        3,
    )
    stack.ask("DELETE", f"/{MISTYPED}")
    told = run("replay", "--rejected", "--bucket", BUCKET, "--json")
    assert told.json["events"] == {"received": 3, "indexed": 3, "duplicate": 0, "pending": 0, "rejected": 0}
    assert list_keys() == [WAITING, UNREADABLE]


@either
def test_old_and_new_documents_are_searched_together(stack: Stack, keep_message: str) -> None:
    stack.upgrade(keep_message)
    stack.ask("DELETE", f"/{MISTYPED}")
    lines = [LINE.format(number, 40) for number in range(20, 24)]
    stack.send(keep_message, NOON + 1000, *lines)  # into an index of the old version
    stack.send(keep_message, NOON + 2 * DAY, *lines, 'agent said "started"')  # into one of the new
    documents = stack.read_all()

    assert len(documents) == len(OLD) + 9
    fields = stack.ask("GET", "/cwl-20*/_field_caps?fields=*")["fields"]
    assert {name: list(types) for name, types in fields.items() if len(types) > 1} == {}
    for panel in EVERY_PANEL:
        reply = stack.ask("POST", "/cwl-20*/_search", search(panel, "1h", {"match_all": {}}))
        assert reply["_shards"]["failed"] == 0, panel.name
    told = run("report", *DAYS, "--json")
    assert told.status == 0, told.errors
    flows = [each for each in documents.values() if each.get("log_status") == "OK"]
    size, packets = (sum(each.get(name, 0) for each in flows) for name in ("bytes", "packets"))
    assert told.json["panels"]["traffic"] == [{"bytes": size, "packets": packets, "flows": len(flows)}]
    # A line of before is found by its words in @message, one of now in @unparsed too.
    said = {"query_string": {"query": "@message:said OR @unparsed:said", "lenient": True}}
    hits = stack.ask("POST", "/cwl-20*/_search", {"query": said, "sort": ["@timestamp"]})["hits"]["hits"]
    assert [hit["_source"]["@message"] for hit in hits] == [
        'agent said "stopped" in C:\\flow\tlogs',
        'agent said "started"',
    ]
