"""A real OpenSearch of each version, with the index template, filled by the real forward function."""

import dataclasses
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import pytest

from flowlogs.local.embedded import Embedded
from flowlogs.traffic.day import encode_event, event_id
from parser.engine import Engine
from parser.format import Formats, known_formats
from parser.index_template import index_template
from support.invocation import Invocation

START = 1_768_478_400_000
"""2026-01-15, twelve o'clock UTC, in milliseconds."""


@dataclasses.dataclass(frozen=True)
class Cluster:
    """One node and the function that writes to it."""

    node: Embedded
    invoke: Invocation

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Send a request that must succeed; return the reply."""
        status, reply = self.node.request(method, path, body)
        assert status == HTTPStatus.OK, reply
        return reply

    def send(
        self, *messages: str, timestamp: int = START, log_group: str = "/vpc/flow-logs"
    ) -> dict[str, int]:
        """Put messages through the forward function, one second apart; all must be indexed."""
        rows: list[dict[str, object]] = [
            {
                "id": event_id(timestamp + number * 1000, timestamp, 7, number),
                "timestamp": timestamp + number * 1000,
                "message": message,
            }
            for number, message in enumerate(messages)
        ]
        counts = self.invoke(encode_event("012345678901", log_group, "eni-0a1b2c3d4e5f67890-all", rows))
        assert counts["indexed"] == len(messages), counts
        return counts

    def search(self, query: Mapping[str, Any], **more: Any) -> Any:
        """Search all indices of flow logs, after making the newest documents visible."""
        self.ask("POST", "/cwl-*/_refresh")
        body = {"query": query, "size": 1000, "sort": ["@timestamp"], "track_total_hits": True, **more}
        return self.ask("POST", "/cwl-*/_search", body)

    def find(self, query: Mapping[str, Any], field: str) -> list[Any]:
        """Return that field of the documents found, in the order of time."""
        return [hit["_source"].get(field) for hit in self.search(query)["hits"]["hits"]]


def install(node: Embedded, formats: Formats, *, search_message: bool = False) -> None:
    """Put the index template in place, as made for the node's version."""
    major, minor, _ = (int(part) for part in node.release.version.split("."))
    body = index_template("cwl", formats, engine=Engine((major, minor)), search_message=search_message)
    status, reply = node.request("PUT", "/_index_template/cwl", body)
    assert status == HTTPStatus.OK, reply


Open = Callable[..., Cluster]


@pytest.fixture
def open_cluster(any_opensearch: Embedded, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Return a function that installs the template and gives the cluster, for an environment."""
    monkeypatch.delenv("FAILURE_BUCKET", raising=False)

    def make(*, template: str | None = None, **environ: str) -> Cluster:
        formats = Formats.from_text(environ.get("LOG_FORMATS", str(known_formats())))
        named = formats if template is None else Formats.from_text(template)
        install(any_opensearch, named, search_message=environ.get("KEEP_MESSAGE", "stored") != "stored")
        settings = {"OPENSEARCH_AUTH": "none", "LOG_FORMATS": str(formats), **environ}
        return Cluster(
            any_opensearch, Invocation(monkeypatch, settings | {"OPENSEARCH_URL": any_opensearch.url})
        )

    return make


@pytest.fixture
def cluster(open_cluster: Open) -> Cluster:
    """Return a cluster for all known formats."""
    return open_cluster()
