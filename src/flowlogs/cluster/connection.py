"""A cluster as the command line needs it: prepared for flow logs, and asked about them."""

from collections.abc import Mapping
from typing import Any

from opensearchpy import OpenSearch

from flowlogs.terminal.options import find_region
from handler.config import Config
from handler.installing import index as index_setup
from handler.installing.cluster import Cluster, read_engine
from handler.opensearch import connect


def open_client(environ: Mapping[str, str]) -> tuple[Config, OpenSearch]:
    """Read the environment as the functions do, and return it with a client.

    On this machine's own cluster nobody signs in, unless OPENSEARCH_AUTH says otherwise.

    Raises:
        handler.config.ConfigError: names what is wrong with the environment.
    """
    url = environ.get("OPENSEARCH_URL", "")
    local = url.startswith("http://")
    given = {"OPENSEARCH_AUTH": "none" if local else "iam", **environ}
    if given["OPENSEARCH_AUTH"] == "iam" and not given.get("AWS_REGION"):
        given["AWS_REGION"] = find_region()
    config = Config.from_environ(given)
    return config, connect(config)


def install_template(client: OpenSearch, config: Config) -> tuple[int, int]:
    """Put the index template in place, or renew it. Returns the cluster's version, for display.

    Raises:
        handler.installing.cluster.ClusterError: the cluster does not answer, or refuses it.
    """
    cluster = Cluster(client)
    _, version = read_engine(cluster)
    index_setup.install_template(cluster, config, version)
    return version


def count_documents(client: OpenSearch, prefix: str, query: Mapping[str, Any] | None = None) -> int:
    """Count the documents in all of the prefix's indices, after making the newest visible."""
    client.indices.refresh(index=f"{prefix}-*")
    count: int = client.count(index=f"{prefix}-*", body={"query": query or {"match_all": {}}})["count"]
    return count
