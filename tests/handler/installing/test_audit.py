"""Audit logs are switched on in the cluster where they are asked for, and nothing else of them is changed."""

from collections.abc import Iterator
from typing import Any

import pytest

from handler.config import Config
from handler.installing.audit import switch_on_audit
from handler.installing.cluster import Cluster
from handler.opensearch import connect
from support.front import Call, Front, Reply

SETTINGS = {"enabled": False, "audit": {"ignore_users": ["kibanaserver"]}, "compliance": {"enabled": True}}
PATH = "/_plugins/_security/api/audit"


class Security:
    """The part of a cluster's security that is about audit logs.

    Attributes:
        settings: as stored; None where the cluster has no security.
        refuses: whether it lets nobody change them.
    """

    def __init__(self) -> None:
        self.settings: dict[str, Any] | None = dict(SETTINGS)
        self.refuses = False

    def __call__(self, call: Call) -> Reply | None:
        if self.settings is None:
            return 400, {"error": f"no handler found for uri [{call.path}] and method [{call.method}]"}
        match (call.method, call.path):
            case ("GET", path) if path == PATH:
                return 200, {"_readonly": ["/audit/exclude_sensitive_headers"], "config": self.settings}
            case ("PUT", path) if path == f"{PATH}/config" and self.refuses:
                return 403, {"status": "FORBIDDEN", "message": "no permission"}
            case ("PUT", path) if path == f"{PATH}/config":
                self.settings = call.json
                return 200, {"status": "OK", "message": "'config' updated."}
        return None


@pytest.fixture
def security() -> Security:
    return Security()


@pytest.fixture
def cluster(security: Security) -> Iterator[Cluster]:
    with Front(None, security) as front:
        config = Config.from_environ({"OPENSEARCH_URL": front.url, "OPENSEARCH_AUTH": "none"})
        yield Cluster(connect(config), time_left=lambda: 10.0)


def test_audit_logs_are_switched_on_and_their_settings_stay(cluster: Cluster, security: Security) -> None:
    assert str(switch_on_audit(cluster)) == "updated"
    assert security.settings == {**SETTINGS, "enabled": True}
    assert str(switch_on_audit(cluster)) == "unchanged"


def test_a_cluster_without_security_has_none(cluster: Cluster, security: Security) -> None:
    security.settings = None
    assert str(switch_on_audit(cluster)).startswith("skipped: the cluster has no fine-grained access control")


def test_a_refusal_is_a_failure_with_its_words(cluster: Cluster, security: Security) -> None:
    security.refuses = True
    assert str(switch_on_audit(cluster)) == "failed: 403 no permission"
    assert security.settings == SETTINGS
