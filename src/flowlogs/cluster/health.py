"""Whether a cluster can take flow logs: asked without changing anything in it.

Each look keeps its own failure: what one question was not answered says nothing about the others.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from http import HTTPStatus
from typing import Final

from opensearchpy import OpenSearch
from opensearchpy.exceptions import OpenSearchException, TransportError

from flowlogs.cluster import days, limits, parts, templates
from flowlogs.cluster.completeness import UNREADABLE
from flowlogs.cluster.finding import Finding, State, ok, problem, skipped, unknown
from flowlogs.cluster.indices import Indices
from flowlogs.cluster.listing import read_indices
from flowlogs.cluster.people import MAPPED, UNNAMED, People, Unread, examine_mappings
from flowlogs.terminal.advice import (
    advise,
    advise_refused,
    begin,
    explain,
    explain_reply,
    is_throttled,
    read_error,
)
from flowlogs.terminal.principal import find_whole_arn
from handler.config import Auth, Config
from handler.installing.cluster import Cluster, ClusterError, Reply, recognise_engine
from handler.installing.refusal import By, Refusal, read_refusal
from parser.engine import NEWEST, OLDEST, SERVERLESS, Engine, Kind, Part

REACH: Final = "the cluster answers"
SIGN: Final = "it accepts who is asking"
SERVED: Final = (days.WHOLE, limits.BLOCKS, limits.CREATE)
"""What a collection of OpenSearch Serverless looks after itself, and tells nobody."""

INSIDE: Final = (
    parts.ENGINE,
    days.WRITE,
    templates.TEMPLATE,
    templates.WINS,
    days.INDEX,
    days.AHEAD,
    *SERVED,
    MAPPED,
    parts.DASHBOARDS,
)
"""What is looked at where the cluster answers and accepts who is asking, in this order."""


def examine(
    config: Config, client: OpenSearch, today: date, people: People | Unread = UNNAMED
) -> Iterator[Finding]:
    """Look at one thing after the other; what depends on a failed one cannot be asked.

    Args:
        config: of the function, or of whoever asks.
        client: asks the cluster.
        today: in UTC.
        people: whom the stack names.
    """
    cluster = Cluster(client)
    try:
        reply = _ask_root(config, cluster)
    except ClusterError as error:  # there is no TLS with it
        yield problem(REACH, f"{error}. Check OPENSEARCH_URL ({config.url}) and the certificate")
        yield from (unknown(name, "the cluster does not answer") for name in (SIGN, *INSIDE))
        return
    yield (reached := _judge_reach(config, reply))
    if reached.state is State.PROBLEM:
        silent = "does not answer" if not reply.status else "does not answer as one: see above"
        yield from (unknown(name, f"the cluster {silent}") for name in (SIGN, *INSIDE))
        return
    accepted = _judge_sign_in(config, reply)
    if accepted.state is not State.OK and not _hides_version(reply):
        yield accepted
        yield from (unknown(name, "the cluster does not accept who is asking") for name in INSIDE)
        return
    engines = _name_engines(config, reply)
    listed = _list(client, config)
    inside = [
        *_examine_inside(config, cluster, engines, listed, today),
        _look(MAPPED, lambda: examine_mappings(cluster, config, engines[0], people)),
        _look(parts.DASHBOARDS, lambda: parts.examine_dashboards(cluster, config, engines[0])),
    ]
    yield _judge_rest(config, accepted, listed, inside)
    yield from inside


def _judge_rest(
    config: Config, accepted: Finding, listed: Indices | OpenSearchException, inside: list[Finding]
) -> Finding:
    """Say whether who is asking is accepted, when all was asked: the first question may be the only one.

    A role that may ask for the version and nothing else gets a good first answer, and so does one that an
    access policy lets in at `/` only.
    """
    reply = _read_reply(listed)
    refusal = read_refusal(reply) if reply else None
    gets_more = any(each.state is State.OK for each in inside if each.name != parts.ENGINE)
    if accepted.state is not State.OK or reply is None or refusal is None or gets_more:
        return accepted
    return problem(
        SIGN, f"it shows its version, and nothing else: {_explain_refusal(config, reply, refusal)}"
    )


def _read_reply(listed: Indices | OpenSearchException) -> Reply | None:
    """Return what was answered instead of a list of indices; None where there is one, or nothing is known."""
    match listed:
        case ClusterError():
            return listed.reply
        case TransportError():
            return read_error(listed)
    return None


def _name_engines(config: Config, reply: Reply) -> list[Engine]:
    """Return what the cluster is; where it hides its version, each that it may be is taken for right."""
    if config.service == "aoss":
        return [SERVERLESS, replace(NEWEST, kind=Kind.SERVERLESS)]
    if not reply.done:
        return [NEWEST, OLDEST]
    return [recognise_engine(reply.data)]


def _ask_root(config: Config, cluster: Cluster) -> Reply:
    """Return the first answer, with status 0 where there is none.

    Raises:
        ClusterError: there is no TLS with the server.
    """
    path = f"/_index_template/{config.index_prefix}" if config.service == "aoss" else "/"
    try:
        return cluster.request("GET", path)
    except ClusterError as error:
        if error.reply is None:
            raise
        return error.reply


def _judge_reach(config: Config, reply: Reply) -> Finding:
    where = f"OPENSEARCH_URL ({config.url})"
    if _hides_version(reply):
        return unknown(REACH, f"an OpenSearch does, at {config.url}: its version may not be read, see below")
    if reply.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN) and not is_throttled(reply):
        return unknown(REACH, f"something does, at {config.url}: who it is, it tells only whom it accepts")
    if reply.done or (config.service == "aoss" and reply.status == HTTPStatus.NOT_FOUND):
        return _judge_product(config, reply)
    if HTTPStatus.MULTIPLE_CHOICES <= reply.status < HTTPStatus.BAD_REQUEST:
        said = f"it answers {reply.status} and sends elsewhere, as a proxy, a sign-in page or a website does"
        return problem(REACH, f"{said}. Check {where}")
    return problem(REACH, f"{explain_reply(reply)}. This is {where}")


def _judge_product(config: Config, reply: Reply) -> Finding:
    if config.service == "aoss":  # a collection has no version to show
        if isinstance(reply.data, dict):
            return ok(REACH, f"{config.url}, a collection")
        return problem(
            REACH, f"what answers at OPENSEARCH_URL ({config.url}) is no collection: {reply.reason}"
        )
    try:
        return ok(REACH, f"{config.url}, version {recognise_engine(reply.data).shown}")
    except ClusterError as error:
        return problem(REACH, f"{error}. Check OPENSEARCH_URL ({config.url})")


def _hides_version(reply: Reply) -> bool:
    """Tell whether the security of a cluster has let in who asks, and shows this role no version.

    Then other questions may be answered: a reader may search, and may not ask for the version.
    """
    refusal = read_refusal(reply)
    return refusal is not None and refusal.by is By.SECURITY


def _judge_sign_in(config: Config, reply: Reply) -> Finding:
    if refusal := read_refusal(reply):
        return problem(SIGN, _explain_refusal(config, reply, refusal))
    if config.auth is Auth.NONE:
        return ok(SIGN, "nobody signs in here")
    return ok(SIGN, "signature accepted" if config.auth is Auth.IAM else f"as {config.username}")


def _explain_refusal(config: Config, reply: Reply, refusal: Refusal) -> str:
    """Return who refused, whom, in whose own words, and the one line that mends it."""
    if reply.status == HTTPStatus.UNAUTHORIZED:
        who = f" for {config.username}" if config.auth is Auth.BASIC else ""
        return f"{reply.reason}{who}: {advise(reply)}"
    arn = find_whole_arn(refusal.who) if config.auth is Auth.IAM else refusal.who or config.username
    whom = arn or "whoever asks"
    return f"{refusal.by.value} refuses {whom}: {reply.reason}. {begin(advise_refused(refusal, arn))}"


def _examine_inside(
    config: Config,
    cluster: Cluster,
    engines: list[Engine],
    listed: Indices | OpenSearchException,
    today: date,
) -> Iterator[Finding]:
    missing, engines = parts.examine_engine(config, engines)
    engine = engines[0]
    wanted = templates.make_wanted(config, engines)

    def indices() -> Indices:
        """Return them; where they could not be listed, each look that needs them says so."""
        if isinstance(listed, Indices):
            return listed
        raise listed

    yield missing
    yield _look(days.WRITE, lambda: days.try_to_write(cluster, indices(), today))
    template = _look(templates.TEMPLATE, lambda: templates.examine_template(cluster, config, wanted))
    yield template
    follows = _look(templates.WINS, lambda: templates.examine_next(cluster, config, wanted, today, template))
    yield follows
    yield _look(
        days.INDEX, lambda: days.examine_mapping(cluster, indices(), today, wanted, [template, follows])
    )
    yield _look(days.AHEAD, lambda: days.examine_ahead(indices(), today))
    if itself := engine.lacks(Part.HEALTH):
        yield from (skipped(name, itself) for name in SERVED)
    else:
        yield _look(days.WHOLE, lambda: days.examine_whole(indices()))
        blocks = _look(limits.BLOCKS, lambda: limits.examine_blocks(cluster))
        yield blocks
        yield _look(limits.CREATE, lambda: limits.examine_creation(cluster, config, today, blocks))


def _list(client: OpenSearch, config: Config) -> Indices | OpenSearchException:
    try:
        return read_indices(client, config.index_prefix)
    except OpenSearchException as error:
        return error


def _look(name: str, look: Callable[[], Finding]) -> Finding:
    """Return what a look found, or why its question could not be asked or answered."""
    try:
        return look()
    except ClusterError as error:
        return unknown(name, explain(error))
    except TransportError as error:
        return unknown(name, explain_reply(read_error(error)))
    except OpenSearchException as error:  # one that says itself what is the matter
        return unknown(name, str(error))
    except UNREADABLE as error:
        return unknown(name, f"its answer cannot be read: {type(error).__name__}: {error}")
