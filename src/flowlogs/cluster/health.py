"""Whether a cluster can take flow logs: asked without changing anything in it."""

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from http import HTTPStatus
from typing import Any, Final

from opensearchpy import OpenSearch

from flowlogs.cluster.finding import Finding, State, ok, problem, skipped
from flowlogs.terminal.exits import describe_silence
from handler.config import Auth, Config
from handler.installing.cluster import OLDEST, Cluster, ClusterError, Reply, read_engine
from handler.installing.steps import same
from parser.index_template import NEWEST, index_template

REACH: Final = "the cluster answers"
SIGN: Final = "it accepts who is asking"
WRITE: Final = "documents may be written"
TEMPLATE: Final = "the index template is ours and current"
WINS: Final = "new indices follow it"
INDEX: Final = "the newest index follows it"

_NEVER: Final = {"if_seq_no": 2**53 - 1, "if_primary_term": 1}
"""A condition that no document fulfils: a write under it is judged by all rules, and never done."""

_PROBE_ID: Final = "flowlogs-doctor"
_ANOTHER_DAY: Final = "2999.12.31"
"""The day of an index that nobody has, to ask how it would be made."""

_SHOWN_FIELDS: Final = 5
_TOMORROW: Final = "an index takes the template when it is made: from tomorrow on it is right"


def examine(config: Config, client: OpenSearch) -> Iterator[Finding]:
    """Look at one thing after the other; what depends on a failed one is skipped."""
    cluster = Cluster(client)
    try:
        reply = cluster.request("GET", "/")
    except ClusterError as error:
        yield problem(
            REACH, f"{_explain(error)}. Check OPENSEARCH_URL ({config.url}), the network and the certificate"
        )
        for name in (SIGN, WRITE, TEMPLATE, WINS, INDEX):
            yield skipped(name, "the cluster does not answer")
        return
    accepted = _judge_sign_in(config, reply)
    yield ok(REACH, f"{config.url}{_name_version(reply)}")
    yield accepted
    if accepted.state is not State.OK:
        for name in (WRITE, TEMPLATE, WINS, INDEX):
            yield skipped(name, "the cluster does not accept who is asking")
        return
    yield from _examine_inside(config, cluster)


def _explain(error: ClusterError) -> str:
    """Return why a request failed, without what only the setup tries: it was sent once."""
    _, found, last = str(error).partition("the last try: ")
    if not found:
        return str(error)
    return f"it answers {last}" if last[:1].isdigit() else f"it does not answer: {describe_silence(last)}"


def _name_version(reply: Reply) -> str:
    match reply.data:
        case {"version": {"number": str(number)}}:
            return f", version {number}"
    return ""


def _judge_sign_in(config: Config, reply: Reply) -> Finding:
    if reply.status == HTTPStatus.UNAUTHORIZED:
        return problem(SIGN, f"{reply.reason}: check OPENSEARCH_AUTH, and user and password or the role")
    if reply.status == HTTPStatus.FORBIDDEN and "no permissions for" not in reply.reason:
        return problem(
            SIGN,
            f"{reply.reason}: check the domain's access policy, AWS_REGION, OPENSEARCH_SERVICE and "
            "whether the credentials have expired",
        )
    if config.auth is Auth.NONE:
        return ok(SIGN, "nobody signs in here")
    return ok(SIGN, "signature accepted" if config.auth is Auth.IAM else f"as {config.username}")


def _examine_inside(config: Config, cluster: Cluster) -> Iterator[Finding]:
    newest = _find_newest(config, cluster)
    yield _try_to_write(cluster, newest) if isinstance(newest, str) else _skip_write(newest)
    wanted = _find_wanted(config, cluster)
    yield (template := _examine_template(config, cluster, wanted))
    yield _examine_winner(config, cluster, wanted, template)
    yield _examine_index(cluster, newest, wanted)


def _find_newest(config: Config, cluster: Cluster) -> str | Reply | None:
    """Return the index of the newest day; None where there is none, the reply where it was refused."""
    reply = cluster.request("GET", f"/{config.index_prefix}-*/_alias")
    if not reply.done:
        return None if reply.status == HTTPStatus.NOT_FOUND else reply
    day = re.compile(re.escape(config.index_prefix) + r"-\d{4}\.\d\d\.\d\d")
    return max((name for name in reply.data if day.fullmatch(name)), default=None)


def _skip_write(newest: Reply | None) -> Finding:
    if newest is None:
        return skipped(WRITE, "there is no index yet, and none is made for a trial")
    return skipped(WRITE, f"the indices cannot be listed: {newest.reason}")


def _try_to_write(cluster: Cluster, index: str) -> Finding:
    """Send a write that is never done, and see whether anything else than that stands against it."""
    action = {"index": {"_id": _PROBE_ID, **_NEVER}}
    body = f"{json.dumps(action)}\n{{}}\n".encode()
    headers = {"content-type": "application/x-ndjson"}
    reply = cluster.request("POST", f"/{index}/_bulk", body, headers=headers)
    match reply.data:
        case {"items": [{"index": {"status": HTTPStatus.CONFLICT}}]}:
            return ok(WRITE, f"tried on {index}, with a write that is never done")
        case {"items": [{"index": {"status": int(status), "error": {"type": str(kind), "reason": reason}}}]}:
            return problem(WRITE, f"{index}: {status} {kind}: {reason}. {_advise(kind)}")
    return problem(WRITE, f"{index}: {reply.reason}. {_advise('security_exception')}")


def _advise(kind: str) -> str:
    if kind == "security_exception":
        return "Map the role of the function, or of whoever asks here, to one that may write"
    if kind == "cluster_block_exception":
        return "Lift the block; what comes meanwhile waits in the bucket"
    return "See docs/operations.md"


def _find_wanted(config: Config, cluster: Cluster) -> list[dict[str, Any]]:
    """Return the template for this cluster; where its version is hidden, for each that it may have."""
    try:
        engines = [read_engine(cluster)[1]]
    except ClusterError:
        engines = [NEWEST, OLDEST]
    return [
        index_template(
            config.index_prefix,
            config.formats,
            engine=engine,
            shards=config.index_shards,
            replicas=config.index_replicas,
            serverless=config.service == "aoss",
        )
        for engine in engines
    ]


def _examine_template(config: Config, cluster: Cluster, wanted: list[dict[str, Any]]) -> Finding:
    reply = cluster.request("GET", f"/_index_template/{config.index_prefix}")
    if reply.status == HTTPStatus.NOT_FOUND:
        return problem(
            TEMPLATE, f"there is no index template {config.index_prefix}: run the setup (update the stack)"
        )
    if not reply.done:
        return skipped(TEMPLATE, f"it may not be read: {reply.reason}")
    stored = reply.data["index_templates"][0]["index_template"]
    if any(same(each, stored) and same(stored["template"], each["template"]) for each in wanted):
        return ok(TEMPLATE, config.index_prefix)
    if stored.get("_meta") != wanted[0]["_meta"]:
        return problem(
            TEMPLATE,
            f"the index template {config.index_prefix} is somebody else's: rename it, or run the setup",
        )
    fields = _differing(stored["template"].get("mappings", {}), wanted)
    differing = f": {fields}" if fields else " in its settings"
    return problem(
        TEMPLATE, f"it differs from that of this version{differing}. Run the setup (update the stack)"
    )


def _examine_winner(
    config: Config, cluster: Cluster, wanted: list[dict[str, Any]], template: Finding
) -> Finding:
    """Ask how an index of a day to come would be made: another template may have a higher priority."""
    if template.state is not State.OK:
        return skipped(WINS, "see above")
    path = f"/_index_template/_simulate_index/{config.index_prefix}-{_ANOTHER_DAY}"
    reply = cluster.request("POST", path)
    if not reply.done:
        return skipped(WINS, f"the cluster does not tell: {reply.reason}")
    if _is_mapped(reply.data.get("template", {}).get("mappings", {}), wanted):
        return ok(WINS, "no other template comes first")
    others = ", ".join(_find_louder(config, cluster)) or "its name may not be read"
    return problem(
        WINS, f"another template has a higher priority ({others}): lower it, or narrow its pattern"
    )


def _find_louder(config: Config, cluster: Cluster) -> list[str]:
    """Return the templates that come before ours for a new index."""
    reply = cluster.request("GET", "/_index_template")
    if not reply.done:
        return []
    found = {each["name"]: each["index_template"] for each in reply.data["index_templates"]}
    ours = found.get(config.index_prefix, {}).get("priority", 0)
    index = f"{config.index_prefix}-{_ANOTHER_DAY}"
    return [
        name
        for name, each in found.items()
        if each.get("priority", 0) > ours and any(fnmatchcase(index, form) for form in each["index_patterns"])
    ]


def _examine_index(cluster: Cluster, newest: str | Reply | None, wanted: list[dict[str, Any]]) -> Finding:
    if newest is None:
        return skipped(INDEX, "there is no index yet")
    reply = newest if isinstance(newest, Reply) else cluster.request("GET", f"/{newest}/_mapping")
    if not reply.done:
        return skipped(INDEX, f"its mapping may not be read: {reply.reason}")
    (stored,) = (each["mappings"] for each in reply.data.values())
    if _is_mapped(stored, wanted):
        return ok(INDEX, str(newest))
    return problem(INDEX, f"{newest} is mapped otherwise: {_differing(stored, wanted)}; {_TOMORROW}")


def _is_mapped(stored: dict[str, Any], wanted: list[dict[str, Any]]) -> bool:
    return any(same(each["template"]["mappings"], stored) for each in wanted)


def _differing(stored: dict[str, Any], wanted: list[dict[str, Any]]) -> str:
    """Name the fields that are not as they should be, by the version that is nearest."""
    found = stored.get("properties", {})
    names = min(
        (
            [
                name
                for name, value in each["template"]["mappings"]["properties"].items()
                if not same(value, found.get(name))
            ]
            for each in wanted
        ),
        key=len,
    )
    if not names:
        return ""
    more = f" and {len(names) - _SHOWN_FIELDS} more" if len(names) > _SHOWN_FIELDS else ""
    return ", ".join(names[:_SHOWN_FIELDS]) + more
