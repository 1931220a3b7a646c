"""A cluster as the command line needs it: prepared for flow logs, and asked about them."""

from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Final

from opensearchpy import OpenSearch

from flowlogs.cluster.listing import read_indices
from flowlogs.terminal.options import find_region
from handler.config import Auth, Config, ConfigError
from handler.installing import index as index_setup
from handler.installing.cluster import (
    NOT_OPENSEARCH,
    Cluster,
    ClusterError,
    read_engine,
    recognise_engine,
)
from handler.opensearch import connect
from handler.secret import SecretError, read_user
from parser.engine import Engine

FIRST_SECONDS: Final = 10.0
"""How long a command waits for the first answer of a cluster. One that takes connections and is silent for
longer is taken for one that hangs. The other limits: `handler.installing.cluster.CONNECT_SECONDS` for a
connection, `handler.opensearch.READ_SECONDS` for an answer, `cluster.indices.SECONDS` for a search."""


def open_client(
    environ: Mapping[str, str], *, any_server: bool = False, silent: bool = False
) -> tuple[Config, OpenSearch]:
    """Read the environment as the functions do, and return it with a client.

    On this machine's own cluster nobody signs in, unless OPENSEARCH_AUTH says otherwise.

    Args:
        environ: the variables.
        any_server: take whatever answers there. Otherwise it is asked first what it is: what another
            product, a proxy or a website answers to a question of OpenSearch says nothing to people.
        silent: go on also where nothing answers now.

    Raises:
        handler.config.ConfigError: names what is wrong with the environment, or with its secret.
        handler.installing.cluster.ClusterError: nothing answers there, or something else than OpenSearch.
    """
    url = environ.get("OPENSEARCH_URL", "")
    local = url.startswith("http://")
    given = {"OPENSEARCH_AUTH": "none" if local else "iam", **environ}
    if given["OPENSEARCH_AUTH"] == "iam" and not given.get("AWS_REGION"):
        given["AWS_REGION"] = find_region()
    config = _find_user(Config.from_environ(given))
    client = connect(config)
    if not any_server and config.service != "aoss":  # a collection does not say what it is
        _demand_opensearch(client, silent=silent)
    return config, client


def _find_user(config: Config) -> Config:
    """Return the configuration with the name and password that its secret holds: read once, for one command.

    Raises:
        ConfigError: the secret cannot be read or used.
    """
    if config.auth is not Auth.BASIC or not config.secret_arn:
        return config
    try:
        user = read_user(config.secret_arn)
    except SecretError as error:
        instead = "sign in as yourself with OPENSEARCH_USERNAME and OPENSEARCH_PASSWORD"
        raise ConfigError([f"{error}; or {instead}"]) from error
    return replace(config, username=user.name, password=user.password, secret_arn="")


def _demand_opensearch(client: OpenSearch, *, silent: bool) -> None:
    """Refuse what says of itself that it is something else, and what says nothing at all.

    A server that is too busy now, or tells this role no version, is not refused: what the command asks of it
    will tell, or go on without it.

    Raises:
        ClusterError: it is another product, or no cluster at all; no answer comes, or no TLS with it.
    """
    try:
        reply = Cluster(client, shortest=FIRST_SECONDS).request("GET", "/")
    except ClusterError as error:
        if error.reply is None or not (error.reply.status or silent):
            raise
        return
    if HTTPStatus.MULTIPLE_CHOICES <= reply.status < HTTPStatus.BAD_REQUEST:
        raise ClusterError(f"{NOT_OPENSEARCH}: it answers {reply.status} and sends elsewhere", reply)
    if reply.done:
        recognise_engine(reply.data)


def install_template(client: OpenSearch, config: Config) -> Engine:
    """Put the index template in place, or renew it. Returns what the cluster is, for display.

    Raises:
        handler.installing.cluster.ClusterError: the cluster does not answer, or refuses it.
    """
    cluster = Cluster(client)
    engine = read_engine(cluster)
    index_setup.install_template(cluster, config, engine)
    return engine


def count_documents(client: OpenSearch, prefix: str, query: Mapping[str, Any] | None = None) -> int:
    """Count the documents in all of the prefix's indices, after making the newest visible.

    Raises:
        flowlogs.cluster.completeness.IncompleteError: an index is closed or red, or did not answer whole.
    """
    indices = read_indices(client, prefix)
    indices.demand_whole()
    indices.refresh()
    return sum(part.count(dict(query or {"match_all": {}})) for part in indices.parts())
