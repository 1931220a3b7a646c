"""Why the setup failed, and what helps, in sentences that stand in a stack's events.

They are all that is left of a first deployment that is rolled back: the rollback deletes the function's log.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from traceback import walk_tb
from typing import Final
from urllib.parse import urlsplit

from handler.installing.cluster import ClusterError, Reply, UnusableError
from handler.installing.refusal import By, Refusal, find_arn, read_refusal
from parser.engine import OLDEST_VERSION

KEEP_THE_LOG: Final = (
    "sam deploy --on-failure DO_NOTHING keeps the functions' log, and a new domain, which costs until it is "
    "deleted by hand"
)
_USABLE: Final = (
    f"OpenSearchUrl must lead to OpenSearch {'.'.join(map(str, OLDEST_VERSION))} or later; a domain of "
    "Elasticsearch, or an older one, is upgraded to it in place"
)
_CODE: Final = Path(__file__).parents[2]

_UNKNOWN_NAME: Final = (
    "Failed to resolve",
    "Name or service not known",
    "No address associated",
    "Temporary failure in name resolution",
)
_REMEDIES: Final[Mapping[str, str]] = {
    "matching patterns from existing templates": "give that template another priority than 200, narrow its "
    "patterns or delete it, or choose another IndexPrefix",
    "blocked by": "the cluster takes no changes now: free disk or memory, or lift its block",
    "cluster_manager_not_discovered": "the cluster has no cluster manager: look at its nodes",
    "process_cluster_event_timeout": "the cluster is overloaded: look at its nodes, then deploy again",
}
"""What an answer says -> what helps; the first that is found."""

_STATUSES: Final[Mapping[int, str]] = {
    HTTPStatus.BAD_GATEWAY: "a proxy before it gets no proper answer: look at the cluster's nodes",
    HTTPStatus.SERVICE_UNAVAILABLE: "it is starting, or lacks nodes: look at its health, then deploy again",
    HTTPStatus.GATEWAY_TIMEOUT: "a proxy before it waits in vain: look at the cluster's load",
    HTTPStatus.TOO_MANY_REQUESTS: "it is too busy: look at its CPU, memory and queues, then deploy again",
}


@dataclass(frozen=True, slots=True)
class Situation:
    """Where the setup runs, and whom it asks.

    Attributes:
        url: of the cluster.
        in_vpc: whether the functions are in a VPC; None where that is not told.
    """

    url: str
    in_vpc: bool | None


def explain_failure(error: ClusterError, situation: Situation) -> str:
    """Return what the cluster did not do, why, and what helps."""
    if isinstance(error, UnusableError):
        return f"{error}. {_USABLE}"
    remedy = _find_remedy(error.reply, situation)
    return f"{error}; {remedy}" if remedy else str(error)


def explain_defect(error: Exception, doing: str) -> str:
    """Return where an error of ours happened. What it says may be a secret, and stays in the log."""
    places = [
        f"{Path(frame.f_code.co_filename).relative_to(_CODE)}, line {line}"
        for frame, line in walk_tb(error.__traceback__)
        if Path(frame.f_code.co_filename).is_relative_to(_CODE)
    ]
    place = f" ({places[-1]})" if places else ""
    return (
        f"{type(error).__name__} while {doing}{place}: this is a defect of flowlogs-opensearch, please "
        f"report it with this sentence; {KEEP_THE_LOG}"
    )


def explain_hang(doing: str, situation: Situation) -> str:
    """Return what to do where time was over in the midst of something that does not end."""
    said = f"time was over while {doing}"
    if not situation.url:  # it was not asked yet
        return f"{said}: deploy again; {KEEP_THE_LOG}"
    return f"{said}, to which there was no end: {_name_way(situation, hangs=True)}; then deploy again"


def _find_remedy(reply: Reply | None, situation: Situation) -> str:
    if reply is None:  # there is no TLS with it, and the sentence says why
        return f"check OpenSearchUrl ({situation.url}): the functions trust the public authorities only"
    if not reply.status:
        return _explain_silence(reply.reason, situation)
    if refusal := read_refusal(reply):
        return _explain_refusal(refusal)
    said = f"{reply.kind} {reply.reason}"
    return next((text for sign, text in _REMEDIES.items() if sign in said), _STATUSES.get(reply.status, ""))


def _explain_refusal(refusal: Refusal) -> str:
    """Return who refuses whom, and the one line that mends it."""
    who = find_arn(refusal.who) or "the setup's role"
    action = refusal.action or "es:ESHttp*"
    may = f"allow {who} {action} on the domain"
    let = f"take {action} out of what it denies" if refusal.denied else f"let it allow {action}"
    remedy = {
        By.IAM: f"a policy denies it: take {who} out of it" if refusal.denied else may,
        By.BOUNDARY: f"{let} (PermissionsBoundaryArn)",
        By.SESSION: f"{let}: {who} must be taken without it",
        By.ORGANIZATION: f"nothing in this account helps, its administrators must {let} to {who}",
        By.ENDPOINT: f"{let} to {who} (aws ec2 describe-vpc-endpoints)",
        By.POLICY: "it takes signed requests only: set OpenSearchAuth to iam"
        if refusal.is_unsigned
        else f"let it name {who}",
        By.SECURITY: f"map {who} to all_access there (docs/security.md), or give SetupSecretArn",
        By.PASSWORD: "check the user name and the password in the secret",
        By.SIGNATURE: "check OpenSearchService, and that OpenSearchUrl is of this Region",
        By.COLLECTION: f"name {who} in it, and let the network policy admit the functions",
        By.UNKNOWN: f"the access policy and the cluster's security must let {who} in (docs/security.md)",
    }[refusal.by]
    return f"refused by {refusal.by.value}: {remedy}"


def _explain_silence(said: str, situation: Situation) -> str:
    """Return what helps where nothing was answered."""
    if any(each in said for each in _UNKNOWN_NAME):
        host = urlsplit(situation.url).hostname
        there = ", and that the VPC resolves names (enableDnsSupport)" if situation.in_vpc else ""
        return f"the name {host} is not known: check OpenSearchUrl{there}"
    if "refused" in said:
        return f"nothing listens at {situation.url}: check OpenSearchUrl and its port, and whether it runs"
    if "Read timed out" in said:
        return "it takes connections and answers nothing: it is overloaded, or hangs"
    return _name_way(situation, hangs=False)


def _name_way(situation: Situation, *, hangs: bool) -> str:
    """Return what is to be looked at on the way to a cluster from which nothing comes back."""
    start = "look at" if hangs else f"nothing comes back from {situation.url}: check"
    if situation.in_vpc:
        return (
            f"{start} the way to it: the domain's security group must let in port 443 from the functions' "
            "(FunctionSecurityGroupIds), theirs must let it out, and FunctionSubnetIds must lead to it"
        )
    return (
        f"{start} OpenSearchUrl and firewalls; a domain in a VPC is reached from that VPC only (FunctionVpc, "
        "FunctionSubnetIds, FunctionSecurityGroupIds)"
    )
