"""What is advised against an answer: by its kind, its status, or the lack of one."""

from typing import Any

import pytest

from flowlogs.terminal.advice import advise, advise_refused, explain
from handler.installing.cluster import ClusterError, Reply
from handler.installing.refusal import By, Refusal


def error(kind: str, reason: str = "x") -> dict[str, Any]:
    return {"error": {"type": kind, "reason": reason}}


BLOCKED = "blocked by: [FORBIDDEN/{}];"
NO_PIPELINE = error("illegal_argument_exception", "pipeline with id [p] does not exist")


@pytest.mark.parametrize(
    ("reply", "advice"),
    [
        pytest.param(Reply(401, "Unauthorized"), "check OPENSEARCH_AUTH, and user and password", id="401"),
        pytest.param(
            Reply(403, {"Message": "User: x is not authorized"}), "the domain's access policy", id="403"
        ),
        pytest.param(Reply(403, error("security_exception")), "map the role of the function", id="no role"),
        pytest.param(
            Reply(403, {"message": "Request throttled due to too many requests"}),
            "the cluster is too busy",
            id="throttled",
        ),
        pytest.param(Reply(429, ""), "the cluster is too busy", id="429"),
        pytest.param(
            Reply(429, error("rejected_execution_exception")), "the cluster is too busy", id="queue"
        ),
        pytest.param(
            Reply(429, error("circuit_breaking_exception")), "the cluster lacks memory", id="memory"
        ),
        pytest.param(
            Reply(429, error("cluster_block_exception", "disk usage exceeded flood-stage watermark")),
            "the disk is full",
            id="flood stage",
        ),
        pytest.param(
            Reply(403, error("cluster_block_exception", BLOCKED.format("6/cluster read-only (api)"))),
            "set cluster.blocks.read_only to null",
            id="cluster read-only",
        ),
        pytest.param(
            Reply(403, error("cluster_block_exception", BLOCKED.format("5/index read-only (api)"))),
            "set index.blocks.read_only to null",
            id="index read-only",
        ),
        pytest.param(
            Reply(403, error("cluster_block_exception", BLOCKED.format("8/index write (api)"))),
            "set index.blocks.write to null",
            id="index write",
        ),
        pytest.param(Reply(403, error("cluster_block_exception")), "lift the block", id="another block"),
        pytest.param(
            Reply(403, error("index_create_block_exception")),
            "the cluster lacks disk or memory",
            id="creation",
        ),
        pytest.param(Reply(400, error("index_closed_exception")), "open it", id="closed"),
        pytest.param(Reply(400, error("validation_exception")), "delete or shrink indices", id="shard limit"),
        pytest.param(Reply(400, NO_PIPELINE), "restore the pipeline", id="pipeline"),
        pytest.param(Reply(400, error("parse_exception")), "see docs/operations.md", id="another 400"),
        pytest.param(Reply(404, ""), "it does not know this question", id="404"),
        pytest.param(Reply(500, ""), "look at the cluster's own log", id="500"),
        pytest.param(Reply(599, ""), "look at the cluster's own log", id="another of the server"),
        pytest.param(Reply(502, ""), "a proxy before it gets no proper answer", id="502"),
        pytest.param(Reply(503, ""), "it is starting, or lacks nodes", id="503"),
        pytest.param(
            Reply(503, error("unavailable_shards_exception")), "GET _cluster/allocation/explain", id="shard"
        ),
        pytest.param(Reply(504, ""), "a proxy before it waits in vain", id="504"),
        pytest.param(Reply(0, "Read timed out. (read timeout=3.0)"), "it takes connections and", id="hangs"),
        pytest.param(
            Reply(0, "Connection to x timed out. (connect timeout=3.0)"), "nothing comes back", id="filtered"
        ),
        pytest.param(Reply(0, "[Errno 111] Connection refused"), "nothing listens there", id="refused"),
        pytest.param(Reply(0, "Failed to resolve 'x'"), "there is no such name here", id="no such name"),
        pytest.param(
            Reply(0, "Connection reset by peer"), "check OPENSEARCH_URL and the network", id="reset"
        ),
    ],
)
def test_each_kind_has_its_own_sentence(reply: Reply, advice: str) -> None:
    assert advise(reply).startswith(advice)


WHO = "arn:aws:sts::123456789012:assumed-role/Admin/me"
ROLE = "arn:aws:iam::123456789012:role/Admin"
TAKE_OUT = "take es:ESHttpGet out of what it denies"
ALLOW = "let it allow es:ESHttpGet on the domain's ARN followed by /*"


@pytest.mark.parametrize(
    ("by", "denied", "advice"),
    [
        pytest.param(
            By.IAM,
            False,
            f"no policy of its own allows it: allow {ROLE} es:ESHttpGet on the domain's ARN followed by /*",
            id="IAM",
        ),
        pytest.param(
            By.IAM,
            True,
            "a policy of its own denies it: take es:ESHttpGet on the domain's ARN followed by /* out of what "
            f"it denies to {ROLE}",
            id="IAM denies",
        ),
        pytest.param(
            By.ORGANIZATION,
            True,
            f"nothing in this account helps: who administers the organization must {TAKE_OUT} to {ROLE}",
            id="the organization denies",
        ),
        pytest.param(
            By.ENDPOINT,
            True,
            f"in the policy of the VPC endpoint (aws ec2 describe-vpc-endpoints) {TAKE_OUT} to {ROLE}",
            id="the endpoint denies",
        ),
        pytest.param(
            By.ENDPOINT,
            False,
            f"in the policy of the VPC endpoint (aws ec2 describe-vpc-endpoints) {ALLOW} to {ROLE}",
            id="the endpoint",
        ),
        pytest.param(By.BOUNDARY, False, f"in the permissions boundary of {ROLE} {ALLOW}", id="the boundary"),
        pytest.param(
            By.SESSION,
            False,
            f"in the policy with which {ROLE} was assumed {ALLOW}, or assume it without one",
            id="the session",
        ),
        pytest.param(
            By.POLICY,
            True,
            f"the domain's access policy denies it: take {ROLE} out of that statement",
            id="the domain's policy denies",
        ),
        pytest.param(
            By.UNKNOWN,
            True,
            f"a policy that is not named denies es:ESHttpGet to {ROLE}, his own, the domain's, the VPC "
            "endpoint's or the organization's: take it out there, for what one denies no other can allow",
            id="one denies that is not named",
        ),
    ],
)
def test_the_policy_that_decides_is_the_one_to_change(by: By, *, denied: bool, advice: str) -> None:
    assert advise_refused(Refusal(by, WHO, "es:ESHttpGet", denied)) == advice


@pytest.mark.parametrize("status", [0, 401, 403, 404, 429, 500, 502, 503, 504])
def test_nobody_is_sent_to_the_certificate_where_an_answer_came(status: int) -> None:
    assert "certificate" not in advise(Reply(status, "x"))


@pytest.mark.parametrize(
    ("raised", "text"),
    [
        pytest.param(
            ClusterError("GET / was not answered in time; the last try: 503 no", Reply(503, "no")),
            "it answers 503 no. It is starting, or lacks nodes: look at GET _cluster/health",
            id="an answer",
        ),
        pytest.param(
            ClusterError(
                "GET / was not answered in time",
                Reply(0, "HTTPConnectionPool(host='x', port=1): Read timed out. (read timeout=3.0)"),
            ),
            "it does not answer: Read timed out. (read timeout=3.0). "
            "It takes connections and answers nothing: it is overloaded, or hangs",
            id="silence",
        ),
        pytest.param(
            ClusterError("the cluster's certificate is not trusted: x"),
            "the cluster's certificate is not trusted: x",
            id="no TLS",
        ),
    ],
)
def test_what_only_the_setup_tries_is_not_said_of_one_request(raised: ClusterError, text: str) -> None:
    assert explain(raised) == text
