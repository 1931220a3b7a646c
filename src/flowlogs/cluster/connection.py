"""A cluster as the command line needs it: prepared for flow logs, and asked about them."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from opensearchpy import OpenSearch

from flowlogs.cluster.listing import read_indices
from flowlogs.terminal.options import find_region
from handler.config import Config
from handler.installing import index as index_setup
from handler.installing.cluster import NOT_OPENSEARCH, Cluster, ClusterError, read_engine, read_version
from handler.opensearch import connect


def open_client(environ: Mapping[str, str], *, any_server: bool = False) -> tuple[Config, OpenSearch]:
    """Read the environment as the functions do, and return it with a client.

    On this machine's own cluster nobody signs in, unless OPENSEARCH_AUTH says otherwise.

    Args:
        environ: the variables.
        any_server: take whatever answers there. Otherwise it is asked first what it is: what another
            product, a proxy or a website answers to a question of OpenSearch says nothing to people.

    Raises:
        handler.config.ConfigError: names what is wrong with the environment.
        handler.installing.cluster.ClusterError: something else than OpenSearch answers there.
    """
    url = environ.get("OPENSEARCH_URL", "")
    local = url.startswith("http://")
    given = {"OPENSEARCH_AUTH": "none" if local else "iam", **environ}
    if given["OPENSEARCH_AUTH"] == "iam" and not given.get("AWS_REGION"):
        given["AWS_REGION"] = find_region()
    config = Config.from_environ(given)
    client = connect(config)
    if not any_server and config.service != "aoss":  # a collection does not say what it is
        _demand_opensearch(client)
    return config, client


def _demand_opensearch(client: OpenSearch) -> None:
    """Refuse what says of itself that it is something else.

    A server that does not answer now, or not to this role, is not refused: what the command asks of it will
    tell, or go on without it.

    Raises:
        ClusterError: it is another product, or no cluster at all, or there is no TLS with it.
    """
    try:
        reply = Cluster(client).request("GET", "/")
    except ClusterError as error:
        if error.reply is None:
            raise
        return
    if HTTPStatus.MULTIPLE_CHOICES <= reply.status < HTTPStatus.BAD_REQUEST:
        raise ClusterError(f"{NOT_OPENSEARCH}: it answers {reply.status} and sends elsewhere", reply)
    if reply.done:
        read_version(reply.data)


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
    """Count the documents in all of the prefix's indices, after making the newest visible.

    Raises:
        flowlogs.cluster.completeness.IncompleteError: an index is closed or red, or did not answer whole.
    """
    indices = read_indices(client, prefix)
    indices.demand_whole()
    indices.refresh()
    return sum(part.count(dict(query or {"match_all": {}})) for part in indices.parts())
