"""As whom the setup asks a cluster: as its role, or as a user of the cluster whom a secret names.

A request has one `Authorization`: it is signed, or it carries a name and a password, never both. A domain
whose access policy names IAM principals takes signed requests only; a cluster whose own security knows nobody
but its internal users takes names and passwords only. So where requests are signed the setup signs, too, and
uses its secret only where the cluster's security, behind the access policy, does not know its role.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from http import HTTPStatus

from handler.config import PASSWORD, SECRET, SETUP_SECRET, USERNAME, Auth, Config
from handler.installing.cluster import Cluster, Reply
from handler.installing.refusal import By, read_refusal
from handler.opensearch import connect
from handler.secret import read_user

_PROBE = "/_plugins/_security/api/rolesmapping"
"""What only those may ask who may change roles. A cluster without security has no such path."""


def find_secret(environ: Mapping[str, str]) -> str:
    """Return the ARN of the setup's secret: its own, else the functions'; empty where there is none."""
    return environ.get(SETUP_SECRET) or environ.get(SECRET) or ""


def choose_user(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables by which the setup signs in by name and password, where that is the way.

    Raises:
        handler.secret.SecretError: its secret cannot be read or used.
    """
    secret = find_secret(environ)
    if not secret or _is_signed(environ):
        return {}
    user = read_user(secret)
    return {"OPENSEARCH_AUTH": Auth.BASIC.value, USERNAME: user.name, PASSWORD: user.password}


def name_writer(environ: Mapping[str, str]) -> list[str]:
    """Return the name of the user as whom the functions write, where that is not the one of the setup.

    Raises:
        handler.secret.SecretError: the functions' secret cannot be read or used.
    """
    secret = environ.get(SECRET, "")
    if _is_signed(environ) or secret in ("", find_secret(environ)):
        return []
    return [read_user(secret).name]


def _is_signed(environ: Mapping[str, str]) -> bool:
    return (environ.get("OPENSEARCH_AUTH") or Auth.IAM.value) == Auth.IAM.value


def sign_in(config: Config, secret: str, time_left: Callable[[], float], *, patience: float) -> Cluster:
    """Return the cluster as the setup asks it.

    Args:
        config: says how; with a name and a password they are used.
        secret: ARN of the setup's secret, or empty.
        time_left: seconds in which requests may be repeated.
        patience: seconds in which a refusal by AWS is waited for: a role is not known everywhere at once.

    Raises:
        handler.secret.SecretError: the secret is needed, and cannot be read or used.
        handler.installing.cluster.ClusterError: the cluster does not answer.
        handler.config.ConfigError: there are no AWS credentials to sign with.
    """
    cluster = Cluster(connect(config), time_left=time_left)
    if config.auth is not Auth.IAM or config.service != "es" or not secret:
        return cluster
    reply = cluster.request("GET", _PROBE)
    if reply.status == HTTPStatus.FORBIDDEN and not _knows_nobody(reply):
        reply = cluster.request("GET", _PROBE, patience=patience)
    if not _knows_nobody(reply):
        return cluster
    user = read_user(secret)
    known = replace(config, auth=Auth.BASIC, username=user.name, password=user.password, secret_arn="")
    return Cluster(connect(known), time_left=time_left)


def _knows_nobody(reply: Reply) -> bool:
    """Tell whether it is the cluster's own security that does not take the role."""
    refusal = read_refusal(reply)
    return refusal is not None and refusal.by in (By.SECURITY, By.PASSWORD)
