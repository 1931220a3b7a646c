"""What helps against what a cluster answers: by who refuses, its error's kind, its status, or its silence."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from opensearchpy.exceptions import ConnectionError as ClientConnectionError
from opensearchpy.exceptions import TransportError

from handler.installing.cluster import UNANSWERED, ClusterError, Reply
from handler.installing.refusal import By, Refusal, find_arn, has_hidden_path, read_refusal

FAILS: Final = HTTPStatus.INTERNAL_SERVER_ERROR
"""The first status by which a server says that the fault is its own."""

_WAITS: Final = "what comes meanwhile waits in the bucket"
_KINDS: Final = {
    "circuit_breaking_exception": f"the cluster lacks memory: look at its heap and its size; {_WAITS}",
    "cluster_block_exception": f"lift the block; {_WAITS}",
    "index_closed_exception": f"open it (POST <index>/_open), or delete it; {_WAITS}",
    "index_create_block_exception": f"the cluster lacks disk or memory: free some, then lift it; {_WAITS}",
    "rejected_execution_exception": f"the cluster is too busy: look at its CPU and its queues; {_WAITS}",
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
    HTTPStatus.NOT_FOUND: "it does not know this question: check OPENSEARCH_URL and its version",
    HTTPStatus.TOO_MANY_REQUESTS: f"the cluster is too busy: look at its CPU, memory and queues; {_WAITS}",
    HTTPStatus.INTERNAL_SERVER_ERROR: "look at the cluster's own log",
    HTTPStatus.BAD_GATEWAY: "a proxy before it gets no proper answer: look at the cluster's nodes",
    HTTPStatus.SERVICE_UNAVAILABLE: "it is starting, or lacks nodes: look at GET _cluster/health",
    HTTPStatus.GATEWAY_TIMEOUT: "a proxy before it waits in vain: look at the cluster's load and nodes",
}

_FAULTS: Final = frozenset({0, *(status for status in _STATUSES if status >= HTTPStatus.TOO_MANY_REQUESTS)})
"""What says nothing of the request itself: no answer, and answers to whatever is asked."""

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


_CONNECTION: Final = re.compile(
    r"(?:HTTPS?Connection(?:Pool)?\([^)]*\): |.*>: )?(?:Failed to establish a new connection: )?"
    r"(?:\[Errno -?\d+\] )?"
)
"""How the sentences of urllib3 begin: with the connection, which says nothing to people."""


_NOT_CONNECTED: Final = re.compile(r"^\(<.*?>, ['\"](.*)['\"]\)$")
"""How it says that no connection was made in time: with an object of its own before the sentence."""


def describe_silence(reason: str) -> str:
    """Return why a request had no answer, without what urllib3 puts in front: `Connection refused`."""
    if found := _NOT_CONNECTED.search(reason):
        return found[1]
    return _CONNECTION.sub("", reason, count=1)


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
    if refusal := read_refusal(reply):
        return advise_refused(refusal)
    usual = _STATUSES[FAILS] if reply.status >= FAILS else "see docs/operations.md"
    return _KINDS.get(reply.kind) or _find(_REASONS, reply) or _STATUSES.get(reply.status, usual)


def advise_refused(refusal: Refusal, arn: str = "") -> str:  # noqa: PLR0911  # a table
    """Return what helps against a refusal: one line, with the principal in the form that is to be pasted.

    Args:
        refusal: by whom, and whom.
        arn: of who asked, where more is known than the refusal tells.
    """
    who = arn or refusal.who
    match refusal.by:
        case By.PASSWORD:
            return "check OPENSEARCH_AUTH, and user and password or the role"
        case By.SIGNATURE:
            return "sign in to AWS again; check AWS_REGION, OPENSEARCH_SERVICE and this machine's clock"
        case By.POLICY if refusal.is_unsigned:
            return "its access policy takes signed requests only: set OPENSEARCH_AUTH to iam, or unset it"
        case By.UNKNOWN if not refusal.denied:
            either = "the domain's access policy, or the cluster's security, does not permit it to you"
            return f"{either}: {_say_where_to_add(who)}"
        case By.IAM | By.BOUNDARY | By.SESSION | By.ORGANIZATION | By.ENDPOINT | By.UNKNOWN:
            return _advise_policy(refusal, find_arn(who) or "whoever asks")
        case By.POLICY if refusal.denied:
            return f"the domain's access policy denies it: take {find_arn(who)} out of that statement"
        case By.COLLECTION:
            return (
                f"name {find_arn(who) or 'whoever asks'} in the collection's data access and network policies"
            )
        case By.SECURITY if who and not who.startswith("arn:"):
            return f"map the user {who} to a role that may, or sign in as another (OPENSEARCH_USERNAME)"
        case By.POLICY | By.SECURITY:
            return _say_where_to_add(who)


def _advise_policy(refusal: Refusal, who: str) -> str:  # noqa: PLR0911  # a table
    """Return what helps against a policy that is not the domain's own; what one denies no other can allow."""
    action = refusal.action or "es:ESHttp*"
    domain = "the domain's ARN followed by /*"
    change = (
        f"take {action} out of what it denies" if refusal.denied else f"let it allow {action} on {domain}"
    )
    match refusal.by:
        case By.ORGANIZATION:
            return f"nothing in this account helps: who administers the organization must {change} to {who}"
        case By.ENDPOINT:
            return f"in the policy of the VPC endpoint (aws ec2 describe-vpc-endpoints) {change} to {who}"
        case By.BOUNDARY:
            return f"in the permissions boundary of {who} {change}"
        case By.SESSION:
            return f"in the policy with which {who} was assumed {change}, or assume it without one"
        case By.UNKNOWN:
            return (
                f"a policy that is not named denies {action} to {who}, his own, the domain's, the VPC "
                "endpoint's or the organization's: take it out there, for what one denies no other can allow"
            )
    if refusal.denied:
        return f"a policy of its own denies it: take {action} on {domain} out of what it denies to {who}"
    return f"no policy of its own allows it: allow {who} {action} on {domain}"


def _say_where_to_add(who: str) -> str:
    if not who:
        return "map the role of the function, or of whoever asks (AdminPrincipalArn), to one that may do this"
    arn = find_arn(who)
    add = f"add {arn} to AdminPrincipalArn, and update the stack (docs/security.md)"
    if not has_hidden_path(who):
        return add
    name = arn.rpartition("/")[2]
    return f"{add}; with its path: aws iam get-role --role-name {name} --query Role.Arn --output text"


def _find(signs: Mapping[str, str], reply: Reply) -> str:
    return next((text for sign, text in signs.items() if sign in reply.reason), "")


def explain(error: ClusterError) -> str:
    """Return why a question has no answer that can be used, and what helps: it was sent once."""
    if error.reply is None:
        return str(error)
    return explain_reply(error.reply)


def explain_command(error: ClusterError) -> str:
    """Return why a command could not do what it was to do, and what helps."""
    reply = error.reply
    if reply is None or not (reply.status in _FAULTS or read_refusal(reply)):
        return str(error)
    doing = str(error).partition(": ")[0]
    return say_of_opensearch(reply) if UNANSWERED in doing else f"{doing}: {explain_reply(reply)}"


def read_error(error: TransportError) -> Reply:
    """Return the answer of which opensearch-py made an error; with status 0 where there was none."""
    if isinstance(error, ClientConnectionError):  # its info is another error
        return Reply(0, str(error.info))
    status = error.status_code if isinstance(error.status_code, int) else 0
    return Reply(status, error.info or error.error)


def say_of_opensearch(reply: Reply) -> str:
    """Return what OpenSearch answered, or that it did not, and what helps, as a sentence about it."""
    return f"OpenSearch {explain_reply(reply).removeprefix('it ')}"


def explain_reply(reply: Reply) -> str:
    """Return what was answered, or that nothing was, and what helps."""
    if not reply.status:
        return f"it does not answer: {describe_silence(reply.reason)}. {begin(advise(reply))}"
    refusal = read_refusal(reply)
    by = (
        f" This is refused by {refusal.by.value}." if refusal and reply.status == HTTPStatus.FORBIDDEN else ""
    )
    return f"it answers {reply.reason.rstrip('.')}.{by} {begin(advise(reply))}"


def begin(text: str) -> str:
    """Return a text that begins a sentence."""
    return text[:1].upper() + text[1:]
