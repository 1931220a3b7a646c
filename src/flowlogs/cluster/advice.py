"""What helps against what a cluster answers: by the kind of its error, its status, or its silence."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from flowlogs.terminal.exits import describe_silence
from handler.installing.cluster import ClusterError, Reply

FAILS: Final = HTTPStatus.INTERNAL_SERVER_ERROR
"""The first status by which a server says that the fault is its own."""

_WAITS: Final = "what comes meanwhile waits in the bucket"
_KINDS: Final = {
    "circuit_breaking_exception": f"the cluster lacks memory: look at its heap and its size; {_WAITS}",
    "cluster_block_exception": f"lift the block; {_WAITS}",
    "index_closed_exception": f"open it (POST <index>/_open), or delete it; {_WAITS}",
    "index_create_block_exception": f"the cluster lacks disk or memory: free some, then lift it; {_WAITS}",
    "rejected_execution_exception": f"the cluster is too busy: look at its CPU and its queues; {_WAITS}",
    "security_exception": "map the role of the function, or of whoever asks here, to one that may do this",
    "unavailable_shards_exception": f"GET _cluster/allocation/explain says what its shard lacks; {_WAITS}",
    "validation_exception": f"delete or shrink indices, or add a node; {_WAITS}",
}
"""OpenSearch's type of an error -> what to do."""

_BLOCKS: Final = {
    "flood-stage": f"the disk is full: free some, or add some, and OpenSearch lifts the block; {_WAITS}",
    "cluster read-only": f"set cluster.blocks.read_only to null (PUT _cluster/settings); {_WAITS}",
    "index read-only": f"set index.blocks.read_only to null (PUT <index>/_settings); {_WAITS}",
    "index write": f"set index.blocks.write to null (PUT <index>/_settings); {_WAITS}",
}
"""What the reason of a block says -> what to do."""

_REASONS: Final = {
    "pipeline": f"restore the pipeline, or take it out of the settings of index and template; {_WAITS}",
}
"""What a reason of no telling kind says -> what to do."""

_STATUSES: Final[dict[int, str]] = {
    HTTPStatus.UNAUTHORIZED: "check OPENSEARCH_AUTH, and user and password or the role",
    HTTPStatus.FORBIDDEN: "the domain's access policy, or the cluster's security, does not permit it to you",
    HTTPStatus.NOT_FOUND: "it does not know this question: check OPENSEARCH_URL and its version",
    HTTPStatus.TOO_MANY_REQUESTS: f"the cluster is too busy: look at its CPU, memory and queues; {_WAITS}",
    HTTPStatus.INTERNAL_SERVER_ERROR: "look at the cluster's own log",
    HTTPStatus.BAD_GATEWAY: "a proxy before it gets no proper answer: look at the cluster's nodes",
    HTTPStatus.SERVICE_UNAVAILABLE: "it is starting, or lacks nodes: look at GET _cluster/health",
    HTTPStatus.GATEWAY_TIMEOUT: "a proxy before it waits in vain: look at the cluster's load and nodes",
}

_THROTTLED: Final = "Request throttled"
"""How Amazon's front end begins to say with 403 what others say with 429."""

_SILENCES: Final = {
    "Read timed out": "it takes connections and answers nothing: it is overloaded, or hangs",
    "Connection refused": "nothing listens there: check OPENSEARCH_URL and its port, and whether it runs",
    "resolve": "there is no such name here: check OPENSEARCH_URL, and the network's name server",
    "Name or service not known": "check OPENSEARCH_URL, and the network's name server",
    "timed out": "nothing comes back from there: check the VPC, its security groups and the firewall",
}
"""What the reason of a silence holds -> what to do; the first that is found."""


def is_throttled(reply: Reply) -> bool:
    """Tell whether the cluster is asked too much."""
    throttled = reply.status == HTTPStatus.FORBIDDEN and _THROTTLED in reply.reason
    return throttled or reply.status == HTTPStatus.TOO_MANY_REQUESTS


def advise(reply: Reply) -> str:
    """Return what helps against an answer that is no success, or against the lack of one."""
    if not reply.status:
        return _find(_SILENCES, reply) or "check OPENSEARCH_URL and the network"
    if reply.kind == "cluster_block_exception":
        return _find(_BLOCKS, reply) or _KINDS[reply.kind]
    if is_throttled(reply) and reply.kind not in _KINDS:
        return _STATUSES[HTTPStatus.TOO_MANY_REQUESTS]
    usual = _STATUSES[FAILS] if reply.status >= FAILS else "see docs/operations.md"
    return _KINDS.get(reply.kind) or _find(_REASONS, reply) or _STATUSES.get(reply.status, usual)


def _find(signs: Mapping[str, str], reply: Reply) -> str:
    return next((text for sign, text in signs.items() if sign in reply.reason), "")


def explain(error: ClusterError) -> str:
    """Return why a question has no answer that can be used, and what helps: it was sent once."""
    if error.reply is None:
        return str(error)
    return explain_reply(error.reply)


def explain_reply(reply: Reply) -> str:
    """Return what was answered, or that nothing was, and what helps."""
    if not reply.status:
        return f"it does not answer: {describe_silence(reply.reason)}. {_begin(advise(reply))}"
    return f"it answers {reply.reason.rstrip('.')}. {_begin(advise(reply))}"


def _begin(text: str) -> str:
    return text[:1].upper() + text[1:]
