"""A cluster as the command line needs it: prepared for flow logs, and asked about them."""

from collections.abc import Mapping
from typing import Any, Final

from opensearchpy import OpenSearch

from handler.config import Config
from handler.opensearch import connect
from parser.index_template import index_template

OLDEST: Final = (1, 3)
"""What a cluster is taken for that hides its version (Amazon's compatibility mode says 7.10)."""

_COMPATIBILITY_MAJOR: Final = 7


def open_client(environ: Mapping[str, str]) -> tuple[Config, OpenSearch]:
    """Read the environment as the functions do, and return it with a client.

    On this machine's own cluster nobody signs in, unless OPENSEARCH_AUTH says otherwise.

    Raises:
        handler.config.ConfigError: names what is wrong with the environment.
    """
    url = environ.get("OPENSEARCH_URL", "")
    local = url.startswith("http://")
    config = Config.from_environ({"OPENSEARCH_AUTH": "none" if local else "iam", **environ})
    return config, connect(config)


def read_engine(client: OpenSearch) -> tuple[int, int]:
    """Return major and minor version of the cluster."""
    major, minor, *_ = (int(part) for part in client.info()["version"]["number"].split("-")[0].split("."))
    return OLDEST if major >= _COMPATIBILITY_MAJOR else (major, minor)


def install_template(client: OpenSearch, config: Config) -> tuple[int, int]:
    """Put the index template in place, or renew it. Returns the cluster's version, for display."""
    engine = read_engine(client)
    body = index_template(config.index_prefix, config.formats, engine=engine)
    client.indices.put_index_template(name=config.index_prefix, body=body)
    return engine


def count_documents(client: OpenSearch, prefix: str, query: Mapping[str, Any] | None = None) -> int:
    """Count the documents in all of the prefix's indices, after making the newest visible."""
    client.indices.refresh(index=f"{prefix}-*")
    count: int = client.count(index=f"{prefix}-*", body={"query": query or {"match_all": {}}})["count"]
    return count
