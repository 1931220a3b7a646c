"""Who refuses a request, and whom: three stand before a domain's indices, and each has its own words.

IAM's policies and the domain's access policy are judged at Amazon's front, which answers `{"Message": "User:
... is not authorized to perform: ..."}` with the kind of policy that decided (IAM User Guide, "Troubleshoot
access denied error messages"). Behind it is the cluster's own security, the security plugin, which Amazon
calls fine-grained access control: it answers `{"error": {"type": "security_exception", "reason": "no
permissions for [...] and User [name=..., backend_roles=[...]"}}`, and its REST API `{"status": "FORBIDDEN",
"message": ...}`.
"""

import re
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from handler.installing.cluster import Reply

ANONYMOUS: Final = "anonymous"
"""What Amazon's front calls who sends a request that is not signed."""


class By(Enum):
    """Who refused; the value is said to people."""

    IAM = "IAM"
    BOUNDARY = "the permissions boundary"
    SESSION = "the policy of the session"
    ORGANIZATION = "a policy of the organization"
    ENDPOINT = "the policy of the VPC endpoint"
    POLICY = "the domain's access policy"
    SECURITY = "the cluster's security (fine-grained access control)"
    PASSWORD = "the cluster's sign-in"  # noqa: S105  # no password
    SIGNATURE = "the check of the signature"
    COLLECTION = "the collection's data access policy"
    UNKNOWN = "somebody who does not say which policy it was"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal.

    Attributes:
        by: who refused.
        who: whom, as the answer names him; empty where it does not.
        action: what was asked for, such as `es:ESHttpGet` or `cluster:monitor/main`; empty as above.
        denied: whether a policy says no, as against none that says yes.
    """

    by: By
    who: str = ""
    action: str = ""
    denied: bool = False

    @property
    def is_unsigned(self) -> bool:
        """Whether the request came without a signature."""
        return self.who == ANONYMOUS


_NOT_AUTHORIZED: Final = re.compile(r"User: (\S+) is not authorized to perform: ([\w:*-]+)(.*)", re.DOTALL)
_NO_PERMISSIONS: Final = re.compile(
    r"no permissions for \[([^\]]*)\](?:.*?User \[name=(.*?), backend_roles=\[(.*?)\])?"
)
_ARN: Final = re.compile(r"arn:aws[a-z-]*:(?:iam|sts)::[0-9]{12}:[^, \]]+")
_SIGNATURE: Final = (
    "security token included in the request",
    "request signature we calculated",
    "Signature expired",
    "Signature not yet current",
    "Credential should be scoped",
    "not a valid key=value pair",
    "Authorization header requires",
    "Missing Authentication Token",
    "AWS_SECRET_ACCESS_KEY",
)
"""What Amazon's front says of signatures that it does not accept, and of those that are none."""

_POLICIES: Final = {
    "VPC endpoint policy": By.ENDPOINT,
    "service control policy": By.ORGANIZATION,
    "resource control policy": By.ORGANIZATION,
    "permissions boundary": By.BOUNDARY,
    "session policy": By.SESSION,
    "resource-based policy": By.POLICY,
    " policy": By.IAM,  # identity-based
}
"""How the kinds of policies are named that decide -> who refuses; the first that is found."""

_THROTTLED: Final = "Request throttled"


def read_refusal(reply: "Reply") -> Refusal | None:
    """Return who refused a request, and whom; None where it is not a person or role that is refused.

    An index that is blocked answers 403 as well, and so does a front that is asked too much.
    """
    if reply.status == HTTPStatus.UNAUTHORIZED:
        return Refusal(By.PASSWORD)
    if reply.status != HTTPStatus.FORBIDDEN or _THROTTLED in reply.said:
        return None
    if reply.kind == "cluster_block_exception" or reply.kind.startswith("index_"):
        return None
    if found := _NOT_AUTHORIZED.search(reply.said):
        who, action, why = found.groups()
        return Refusal(_name_policy(who, why), who, action, "explicit deny" in why)
    if found := _NO_PERMISSIONS.search(reply.said):
        action, name, roles = found.groups(default="")
        arn = _ARN.search(roles)
        return Refusal(By.SECURITY, arn[0] if arn else name, action)
    return Refusal(_guess(reply))


def _guess(reply: "Reply") -> By:
    if reply.kind == "security_exception" or _is_of_security_api(reply):
        return By.SECURITY
    if any(each in reply.said for each in _SIGNATURE):
        return By.SIGNATURE
    return By.COLLECTION if reply.kind == "Forbidden" else By.UNKNOWN  # so OpenSearch Serverless answers


def _name_policy(who: str, why: str) -> By:
    if who == ANONYMOUS:
        return By.POLICY
    return next((by for sign, by in _POLICIES.items() if sign in why), By.UNKNOWN)


def _is_of_security_api(reply: "Reply") -> bool:
    return isinstance(reply.data, dict) and reply.data.get("status") == "FORBIDDEN"


def find_arn(principal: str) -> str:
    """Return the ARN that policies and mappings know a principal by, as far as its own tells.

    A session of a role (`assumed-role/<role>/<session>`) is known by its role; the session's ARN leaves out
    the path that the role may have, as those of IAM Identity Center do.
    """
    found = re.fullmatch(r"arn:(aws[a-z-]*):sts::([0-9]{12}):assumed-role/([^/]+)/.*", principal)
    return f"arn:{found[1]}:iam::{found[2]}:role/{found[3]}" if found else principal


def has_hidden_path(principal: str) -> bool:
    """Tell whether it is a session of a role whose path its ARN surely leaves out: of IAM Identity Center."""
    return ":assumed-role/AWSReservedSSO_" in principal
