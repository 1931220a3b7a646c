"""Indices in trouble, on a real OpenSearch: closed, or with a shard that is on no node."""

from flowlogs.local.embedded import Embedded


def write(node: Embedded, index: str, documents: int) -> None:
    """Write that many small documents into an index, and make them visible."""
    body = b'{"index": {}}\n{"a": 1}\n' * documents
    status, reply = node.request("POST", f"/{index}/_bulk?refresh=true", body)
    assert (status, reply["errors"]) == (200, False), reply


def close(node: Embedded, index: str) -> None:
    """Close an index: it is there, and nothing of it is read or written."""
    status, reply = node.request("POST", f"/{index}/_close")
    assert (status, reply["acknowledged"]) == (200, True), reply


def lose(node: Embedded, index: str) -> None:
    """Make an index as one whose only node is gone: it is there, red, and nothing of it can be read.

    What was in it goes: OpenSearch brings a shard back from a disk that it has, whatever one forbids it.
    """
    assert node.request("DELETE", f"/{index}")[0] in {200, 404}
    nowhere = {"index.routing.allocation.require._name": "nobody", "index.number_of_replicas": 0}
    status, reply = node.request("PUT", f"/{index}?wait_for_active_shards=0", {"settings": nowhere})
    assert (status, reply["acknowledged"]) == (200, True), reply
    status, reply = node.request("GET", f"/_cluster/health/{index}")
    assert (status, reply["status"]) == (200, "red"), reply
