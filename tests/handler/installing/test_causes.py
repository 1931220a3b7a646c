"""What a failed setup says in the stack's events: cause and remedy, and no log that the rollback deletes."""

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from flowlogs.local.embedded import Embedded
from handler.installing import cluster, custom_resource
from handler.installing.causes import Situation, explain_failure, explain_hang
from handler.installing.cluster import ClusterError, Reply
from handler.installing.custom_resource import NoWayError
from support.cloudformation import CloudFormation
from support.front import Front

URL: Final = "https://vpc-x.eu-central-1.es.amazonaws.com"
INSIDE, OUTSIDE = Situation(URL, in_vpc=True), Situation(URL, in_vpc=False)
TIMED_OUT: Final = "HTTPSConnectionPool(host='x', port=443): Connection to x timed out. (connect timeout=3.0)"
DENIED: Final = (
    "User: arn:aws:sts::123456789012:assumed-role/setup/x is not authorized to perform: es:ESHttpGet"
)
UNKNOWN_HOST: Final = (
    "HTTPSConnection(host='x', port=443): Failed to resolve 'x' ([Errno -2] Name or service not known)"
)


@pytest.mark.parametrize(
    ("reply", "situation", "remedy"),
    [
        pytest.param(
            Reply(0, TIMED_OUT),
            INSIDE,
            f"nothing comes back from {URL}: check the way to it: the domain's security group must let in "
            "port 443 from the functions' (FunctionSecurityGroupIds), theirs must let it out, and "
            "FunctionSubnetIds must lead to it",
            id="a connection that times out in a VPC",
        ),
        pytest.param(
            Reply(0, TIMED_OUT),
            OUTSIDE,
            f"nothing comes back from {URL}: check OpenSearchUrl and firewalls; a domain in a VPC is reached "
            "from that VPC only (FunctionVpc, FunctionSubnetIds, FunctionSecurityGroupIds)",
            id="a connection that times out outside of a VPC",
        ),
        pytest.param(
            Reply(0, UNKNOWN_HOST),
            INSIDE,
            "the name vpc-x.eu-central-1.es.amazonaws.com is not known: check OpenSearchUrl, and that the "
            "VPC resolves names (enableDnsSupport)",
            id="a name that a VPC does not know",
        ),
        pytest.param(
            Reply(0, UNKNOWN_HOST),
            OUTSIDE,
            "the name vpc-x.eu-central-1.es.amazonaws.com is not known: check OpenSearchUrl",
            id="a name that is not known",
        ),
        pytest.param(
            Reply(0, "HTTPSConnectionPool: Read timed out. (read timeout=30.0)"),
            OUTSIDE,
            "it takes connections and answers nothing: it is overloaded, or hangs",
            id="no answer",
        ),
        pytest.param(
            Reply(429, {"error": {"type": "circuit_breaking_exception", "reason": "Data too large"}}),
            OUTSIDE,
            "it is too busy: look at its CPU, memory and queues, then deploy again",
            id="too busy",
        ),
        pytest.param(
            Reply(
                403, {"error": {"type": "cluster_block_exception", "reason": "blocked by: [FORBIDDEN/6/..."}}
            ),
            OUTSIDE,
            "the cluster takes no changes now: free disk or memory, or lift its block",
            id="a block",
        ),
        pytest.param(
            Reply(403, {"Message": f"{DENIED} with an explicit deny in a VPC endpoint policy"}),
            INSIDE,
            "refused by the policy of the VPC endpoint: take es:ESHttpGet out of what it denies to "
            "arn:aws:iam::123456789012:role/setup (aws ec2 describe-vpc-endpoints)",
            id="the policy of a VPC endpoint",
        ),
        pytest.param(
            Reply(403, {"Message": f"{DENIED} with an explicit deny in a service control policy"}),
            OUTSIDE,
            "refused by a policy of the organization: nothing in this account helps, its administrators must "
            "take es:ESHttpGet out of what it denies to arn:aws:iam::123456789012:role/setup",
            id="a policy of the organization",
        ),
        pytest.param(
            Reply(
                403, {"Message": f"{DENIED} because no permissions boundary allows the es:ESHttpGet action"}
            ),
            OUTSIDE,
            "refused by the permissions boundary: let it allow es:ESHttpGet (PermissionsBoundaryArn)",
            id="the permissions boundary",
        ),
        pytest.param(
            None,
            OUTSIDE,
            f"check OpenSearchUrl ({URL}): the functions trust the public authorities only",
            id="no TLS",
        ),
    ],
)
def test_a_failure_names_what_helps(reply: Reply | None, situation: Situation, remedy: str) -> None:
    assert explain_failure(ClusterError("it fails", reply), situation) == f"it fails; {remedy}"


def test_a_failure_for_which_there_is_no_remedy_is_told_as_it_is() -> None:
    assert explain_failure(ClusterError("it fails: 418", Reply(418, "")), OUTSIDE) == "it fails: 418"


def test_nothing_points_to_a_log_that_is_gone() -> None:
    hung = explain_hang("waiting for the cluster to answer", INSIDE)

    assert "security group" in hung
    assert "log" not in hung
    assert explain_hang("reading its properties", Situation("", in_vpc=None)).endswith(
        "keeps the functions' log, and a new domain, which costs until it is deleted by hand"
    )


@pytest.fixture
def silent() -> Iterator[str]:
    """Give the address of a server that takes connections and answers nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def hanging_up() -> Iterator[str]:
    """Give the address of a server that ends each connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    server.accept()[0].close()
                except OSError:
                    return

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_server_that_answers_nothing_is_told_within_the_time(
    silent: str, stack: CloudFormation, use: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "REQUEST_SECONDS", 0.2)
    use(silent)

    reason = stack.send("Create", seconds=4)["Reason"]

    assert reason.startswith("GET / was not answered in time; the last try: ")
    assert reason.endswith("; it takes connections and answers nothing: it is overloaded, or hangs")


def test_a_server_that_hangs_up_is_told_within_the_time(
    hanging_up: str, stack: CloudFormation, use: Callable[..., None]
) -> None:
    use(hanging_up)

    reason = stack.send("Create", seconds=1, FunctionVpc="other")["Reason"]

    assert "the domain's security group must let in port 443" in reason


def test_an_index_template_that_another_one_keeps_out_is_told_with_its_name_and_what_helps(
    opensearch: Embedded, use: Callable[..., None], stack: CloudFormation
) -> None:
    use(opensearch.url)
    opensearch.request("PUT", "/_index_template/theirs", {"index_patterns": ["cwl-*"], "priority": 200})

    reason = stack.send("Create")["Reason"]

    assert "from existing templates [theirs]" in reason
    assert reason.endswith(
        "; give that template another priority than 200, narrow its patterns or delete it, or choose another "
        "IndexPrefix"
    )


def test_a_cluster_that_is_read_only_is_told_with_what_helps(
    opensearch: Embedded, use: Callable[..., None], stack: CloudFormation
) -> None:
    use(opensearch.url)
    block = "cluster.blocks.read_only"
    opensearch.request("PUT", "/_cluster/settings", {"persistent": {block: True}})
    try:
        answer = stack.send("Create")
    finally:
        opensearch.request("PUT", "/_cluster/settings", {"persistent": {block: None}})

    assert answer["Status"] == "FAILED"
    assert answer["Reason"].startswith(
        "the index template cwl cannot be installed: 403 blocked by: [FORBIDDEN/6/"
    )
    assert answer["Reason"].endswith(
        "; the cluster takes no changes now: free disk or memory, or lift its block"
    )


def test_without_a_way_to_s3_nothing_is_begun_and_the_error_says_what_is_missing(
    front: Front, stack: CloudFormation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CloudFormation cannot be told: the answer itself goes to S3."""
    from handler import setup
    from support.cloudformation import context

    monkeypatch.setattr(custom_resource, "WAY_PAUSE", 0.0)
    event: dict[str, Any] = stack.event("Create") | {"ResponseURL": "https://127.0.0.1:9/answer"}

    with pytest.raises(
        NoWayError, match="S3 is not reached: give FunctionSubnetIds a gateway endpoint of S3 or a"
    ):
        setup.lambda_handler(event, context(30))

    assert (front.calls, stack.answers) == ([], [])
