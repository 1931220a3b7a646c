"""opensearch-py's helpers.bulk, set up as AWS's documentation shows it. It does not validate."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from opensearchpy import OpenSearch, RequestsHttpConnection
from opensearchpy import helpers as opensearch_helpers

from benchmarks.contenders.tutorial import make_documents, sign_requests


def prepare(url: str, fields: tuple[str, ...], *, compress: bool = False) -> Callable[[dict[str, Any]], None]:
    """Return what handles an event."""
    parts = urlsplit(url)
    client = OpenSearch(
        hosts=[{"host": parts.hostname, "port": parts.port}],
        http_auth=sign_requests(),
        use_ssl=False,
        connection_class=RequestsHttpConnection,
        http_compress=compress,
        timeout=60,
    )

    def handle(event: dict[str, Any]) -> None:
        actions = (
            {"_index": index, "_id": identity, "_source": document}
            for index, identity, document in make_documents(event, fields)
        )
        opensearch_helpers.bulk(client, actions)

    return handle
