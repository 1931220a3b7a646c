"""Who refused, and whom: told from what Amazon's front and the security plugin answer."""

import pytest

from handler.installing.cluster import Reply
from handler.installing.refusal import By, Refusal, find_arn, has_hidden_path, read_refusal

ROLE = "arn:aws:iam::123456789012:role/Admin"
SESSION = "arn:aws:sts::123456789012:assumed-role/Admin/me"
GET = "es:ESHttpGet"


def front(why: str, who: str = SESSION) -> dict[str, str]:
    return {"Message": f"User: {who} is not authorized to perform: {GET}{why}"}


def plugin(reason: str) -> dict[str, object]:
    return {"error": {"root_cause": [], "type": "security_exception", "reason": reason}, "status": 403}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(
            front(" because no identity-based policy allows the es:ESHttpGet action"),
            Refusal(By.IAM, SESSION, GET),
            id="no policy of the role",
        ),
        pytest.param(
            front(" with an explicit deny in a service control policy"),
            Refusal(By.ORGANIZATION, SESSION, GET, denied=True),
            id="a policy of the organization",
        ),
        pytest.param(
            front(" with an explicit deny in a resource control policy"),
            Refusal(By.ORGANIZATION, SESSION, GET, denied=True),
            id="the other kind of them",
        ),
        pytest.param(
            front(" with an explicit deny in an identity-based policy"),
            Refusal(By.IAM, SESSION, GET, denied=True),
            id="a policy of the role denies",
        ),
        pytest.param(
            front(" because no permissions boundary allows the es:ESHttpGet action"),
            Refusal(By.BOUNDARY, SESSION, GET),
            id="a boundary",
        ),
        pytest.param(
            front(" because no session policy allows the es:ESHttpGet action"),
            Refusal(By.SESSION, SESSION, GET),
            id="a session",
        ),
        pytest.param(
            front(" with an explicit deny in a VPC endpoint policy"),
            Refusal(By.ENDPOINT, SESSION, GET, denied=True),
            id="a VPC endpoint denies",
        ),
        pytest.param(
            front(" because no VPC endpoint policy allows the es:ESHttpGet action"),
            Refusal(By.ENDPOINT, SESSION, GET),
            id="a VPC endpoint does not allow",
        ),
        pytest.param(
            front(" because no resource-based policy allows the es:ESHttpGet action"),
            Refusal(By.POLICY, SESSION, GET),
            id="no access policy",
        ),
        pytest.param(
            front(" on resource: arn:aws:es:... with an explicit deny in a resource-based policy"),
            Refusal(By.POLICY, SESSION, GET, denied=True),
            id="the access policy denies",
        ),
        pytest.param(
            front(" because no resource-based policy allows the es:ESHttpGet action", "anonymous"),
            Refusal(By.POLICY, "anonymous", GET),
            id="not signed",
        ),
        pytest.param(
            front(" on resource: flowlogs", "anonymous"), Refusal(By.POLICY, "anonymous", GET), id="as of old"
        ),
        pytest.param(front(""), Refusal(By.UNKNOWN, SESSION, GET), id="no policy named"),
        pytest.param(
            plugin(
                f"no permissions for [cluster:monitor/main] and User [name={ROLE}, backend_roles=[{ROLE}], "
                "requestedTenant=null]"
            ),
            Refusal(By.SECURITY, ROLE, "cluster:monitor/main"),
            id="the security, a role",
        ),
        pytest.param(
            plugin("no permissions for [indices:data/read/search] and User [name=writer, backend_roles=[], "
                   "requestedTenant=null]"),
            Refusal(By.SECURITY, "writer", "indices:data/read/search"),
            id="the security, a user",
        ),
        pytest.param(plugin("no permissions"), Refusal(By.SECURITY), id="the security, without a word"),
        pytest.param(
            {"status": "FORBIDDEN", "message": "No permission to access REST API: ..."},
            Refusal(By.SECURITY),
            id="the security's API",
        ),
        pytest.param(
            {"message": "The security token included in the request is expired"},
            Refusal(By.SIGNATURE),
            id="an expired session",
        ),
        pytest.param(
            {"error": {"type": "Forbidden", "reason": "403 Forbidden"}, "status": 403},
            Refusal(By.COLLECTION),
            id="a collection",
        ),
        pytest.param("<html>Forbidden</html>", Refusal(By.UNKNOWN), id="a proxy"),
        pytest.param("", Refusal(By.UNKNOWN), id="nothing said"),
        pytest.param({"message": "Request throttled due to too many requests"}, None, id="throttled"),
        pytest.param(
            {"error": {"type": "cluster_block_exception", "reason": "blocked by: [FORBIDDEN/8/...]"}},
            None,
            id="a block",
        ),
        pytest.param(
            {"error": {"type": "index_create_block_exception", "reason": "blocked by: [FORBIDDEN/10/...]"}},
            None,
            id="no new index",
        ),
    ],
)  # fmt: skip
def test_each_of_those_who_refuse_is_known_by_its_words(data: object, expected: Refusal | None) -> None:
    assert read_refusal(Reply(403, data)) == expected


@pytest.mark.parametrize("status", [0, 200, 404, 429, 503])
def test_what_is_no_refusal_is_none(status: int) -> None:
    assert read_refusal(Reply(status, front(""))) is None


def test_an_unknown_name_or_password_is_one() -> None:
    assert read_refusal(Reply(401, "Unauthorized")) == Refusal(By.PASSWORD)


def test_the_password_that_amazons_front_quotes_is_not_repeated() -> None:
    header = "Basic YWRtaW46Y29ycmVjdCBob3JzZQ=="
    wrong = "'YWRtaW46Y29ycmVjdCBob3JzZQ==' not a valid key=value pair (missing equal-sign)"
    said = f"{wrong} in Authorization header: '{header}'."
    reply = Reply(403, {"message": said})

    assert "YWRtaW46" not in reply.reason + reply.said
    assert read_refusal(reply) == Refusal(By.SIGNATURE)


@pytest.mark.parametrize(
    ("principal", "expected", "hidden"),
    [
        pytest.param(SESSION, ROLE, False, id="a session"),
        pytest.param("arn:aws:iam::1:user/team/me", "arn:aws:iam::1:user/team/me", False, id="a user"),
        pytest.param(ROLE, ROLE, False, id="a role"),
        pytest.param(
            "arn:aws-cn:sts::123456789012:assumed-role/AWSReservedSSO_Admin_0a1b/me@x.y",
            "arn:aws-cn:iam::123456789012:role/AWSReservedSSO_Admin_0a1b",
            True,
            id="a session of IAM Identity Center",
        ),
        pytest.param("writer", "writer", False, id="a user of the cluster"),
    ],
)  # fmt: skip
def test_a_principal_is_known_by_the_arn_of_its_role(principal: str, expected: str, *, hidden: bool) -> None:
    assert (find_arn(principal), has_hidden_path(principal)) == (expected, hidden)
