"""The setup switches on the audit logs of a cluster with the real security plugin."""

import pytest

from flowlogs.local.secure_node import SecureNode
from support.cloudformation import CloudFormation

PATH = "/_plugins/_security/api/audit"


@pytest.mark.parametrize("secured", ["3.4.0"], indirect=True)
def test_audit_logs_are_switched_on_where_the_stack_asks_for_them(
    secured: SecureNode, stack: CloudFormation
) -> None:
    status, before = secured.request("GET", PATH)
    assert status == 200
    off = {**before["config"], "enabled": False}
    assert secured.request("PUT", f"{PATH}/config", off)[0] == 200

    assert "AuditLogs" not in stack.send("Create")["Data"]
    assert secured.request("GET", PATH)[1]["config"] == off
    assert stack.send("Update", AuditLogs="true")["Data"]["AuditLogs"] == "updated"
    assert secured.request("GET", PATH)[1]["config"] == {**off, "enabled": True}
    assert stack.send("Update", AuditLogs="true")["Data"]["AuditLogs"] == "unchanged"

    assert secured.request("PUT", f"{PATH}/config", before["config"])[0] == 200
