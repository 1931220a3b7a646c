"""The setup against the real security plugin: roles and mappings from nothing, and kept as they must be."""

from pathlib import Path
from typing import Any

import pytest

from flowlogs.local.secure_node import SecureNode
from parser.format import DEFAULT, Formats
from security.conftest import AddUser, sign_in
from support.cloudformation import FORWARD, REPLAY, CloudFormation

ROLE = "/_plugins/_security/api/roles/cwl-writer"
MAPPING = "/_plugins/_security/api/rolesmapping/cwl-writer"
NO_READERS = "skipped: no ReaderRoleArns are given; people need a role of the cluster to see the documents"
WANTED_ROLE = {
    "reserved": False,
    "hidden": False,
    "static": False,
    "cluster_permissions": ["indices:data/write/bulk"],
    "index_permissions": [
        {
            "index_patterns": ["cwl-????.??.??"],
            "fls": [],
            "masked_fields": [],
            "allowed_actions": [
                "indices:data/write/bulk[s]",
                "indices:data/write/index",
                "indices:admin/create",
            ],
        }
    ],
    "tenant_permissions": [],
}
WANTED_MAPPING = {
    "reserved": False,
    "hidden": False,
    "backend_roles": [FORWARD, REPLAY],
    "hosts": [],
    "users": [],
    "and_backend_roles": [],
}


def stored(node: SecureNode) -> tuple[Any, Any]:
    """Return the role and its mapping."""
    role, mapping = (node.request("GET", path)[1] for path in (ROLE, MAPPING))
    return role["cwl-writer"], mapping["cwl-writer"]


def test_an_empty_cluster_becomes_ready(secured: SecureNode, stack: CloudFormation) -> None:
    answer = stack.send("Create")

    assert (answer["Status"], answer["Reason"]) == (
        "SUCCESS",
        "changed: IndexTemplate, WriterRole, WriterMapping",
    )
    assert answer["Data"] == {
        "EngineVersion": secured.release.version,
        "Changed": "true",
        "IndexTemplate": "created",
        "RetentionPolicy": (
            "skipped: the cluster has no Index State Management, so nothing deletes old indices"
        ),
        "WriterRole": "created",
        "WriterMapping": "created",
        "ReaderRole": NO_READERS,
        "ReaderMapping": NO_READERS,
        "Dashboards": "skipped: the cluster has no OpenSearch Dashboards at /_dashboards",
        "LogFormats": Formats.from_text(DEFAULT).to_names(),
        "Warnings": "none",
    }
    assert stored(secured) == (WANTED_ROLE, WANTED_MAPPING)
    assert secured.request("GET", "/_index_template/cwl")[0] == 200


@pytest.mark.usefixtures("secured")
def test_a_second_run_changes_nothing_and_says_so(stack: CloudFormation) -> None:
    stack.send("Create")
    answer = stack.send("Update")

    assert answer["Reason"] == "everything was there; nothing was changed"
    assert {name: answer["Data"][name] for name in ("IndexTemplate", "WriterRole", "WriterMapping")} == {
        "IndexTemplate": "unchanged",
        "WriterRole": "unchanged",
        "WriterMapping": "unchanged",
    }


def test_what_others_changed_in_the_role_is_undone(secured: SecureNode, stack: CloudFormation) -> None:
    stack.send("Create")
    everything = {"index_patterns": ["*"], "allowed_actions": ["*"]}
    assert secured.request("PUT", ROLE, {"index_permissions": [everything]})[0] == 200
    assert secured.request("PUT", MAPPING, {"users": ["somebody"], "backend_roles": ["*"]})[0] == 200
    answer = stack.send("Update")

    assert answer["Reason"] == "changed: WriterRole, WriterMapping"
    assert stored(secured) == (WANTED_ROLE, WANTED_MAPPING)


def test_a_changed_writer_takes_the_place_of_the_old_one(secured: SecureNode, stack: CloudFormation) -> None:
    stack.send("Create")
    answer = stack.send("Update", WriterRoleArns=[FORWARD])

    assert answer["Reason"] == "changed: WriterMapping"
    assert stored(secured)[1]["backend_roles"] == [FORWARD]


def test_a_wrong_password_is_told(
    secured: SecureNode, stack: CloudFormation, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(monkeypatch, ("admin", "wrong"))

    assert stack.send("Create")["Reason"] == (
        "the cluster's version cannot be read: 401 Unauthorized; refused by the cluster's sign-in: "
        "check the user name and the password in the secret"
    )
    assert secured.request("GET", ROLE)[0] == 404


def test_a_role_that_nobody_mapped_is_told(
    secured: SecureNode, stack: CloudFormation, add_user: AddUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    arn = "arn:aws:iam::123456789012:role/flowlogs-SetupRole"
    sign_in(monkeypatch, add_user("setup", arn))

    assert stack.send("Create")["Reason"] == (
        "the cluster's version cannot be read: 403 no permissions for [cluster:monitor/main] and User "
        f"[name=setup, backend_roles=[{arn}], requestedTenant=null]; refused by the cluster's security "
        f"(fine-grained access control): map {arn} to all_access there (docs/security.md), or give "
        "SetupSecretArn"
    )
    assert secured.request("GET", ROLE)[0] == 404


@pytest.mark.parametrize("role", ["flowlogs-Roles-1A2B-SetupRole-3C4D", "flowlogs-*-SetupRole-*"])
def test_the_mapping_that_an_owner_makes_first_is_enough_for_the_setup(
    secured: SecureNode,
    stack: CloudFormation,
    add_user: AddUser,
    monkeypatch: pytest.MonkeyPatch,
    project: Path,
    role: str,
) -> None:
    """The request of docs/security.md; a pattern, because the role is not there before the stack is."""
    path = "/_plugins/_security/api/rolesmapping/all_access"
    assert f"PATCH {path.removeprefix('/')}" in (project / "docs/security.md").read_text()
    arn = "arn:aws:iam::123456789012:role/"
    sign_in(monkeypatch, add_user("setup", f"{arn}flowlogs-Roles-1A2B-SetupRole-3C4D"))
    change = [{"op": "add", "path": "/backend_roles/-", "value": arn + role}]
    assert secured.request("PATCH", path, change)[0] == 200
    try:
        assert stack.send("Create")["Reason"] == "changed: IndexTemplate, WriterRole, WriterMapping"
    finally:
        secured.request("PATCH", path, [{"op": "remove", "path": "/backend_roles/1"}])
    # Who had the role before has it still.
    assert secured.request("GET", path)[1]["all_access"]["backend_roles"] == ["admin"]


def test_a_certificate_that_is_not_trusted_is_told_at_once(
    secured: SecureNode, stack: CloudFormation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENSEARCH_CA_BUNDLE")

    reason = stack.send("Create")["Reason"]
    assert reason.startswith("the cluster's certificate is not trusted: ")
    assert "CERTIFICATE_VERIFY_FAILED" in reason
    assert secured.request("GET", ROLE)[0] == 404
