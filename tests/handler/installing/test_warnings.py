"""What documents come without never fails a stack, and is never silent: the output says cause and remedy."""

import time

import pytest

from handler import setup
from handler.installing.steps import Did, Step
from support.cloudformation import CloudFormation, context
from support.front import Call, Front, Reply
from support.security_api import SecurityApi

POOL = "eu-central-1:0a1b2c3d-0000-4000-8000-000000000000"
GROUPS = (
    "Dashboards gives everybody the readers' role, administrators too, unless the identity pool was told of "
    "the groups before; mend this, then run the setup again, docs/runbook.md ({})"
)
AUDIT = "audit logs are not on, switch them on in Dashboards, Security, Audit logs ({})"


@pytest.mark.usefixtures("front")
def test_groups_that_cannot_be_told_are_a_warning(
    stack: CloudFormation, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = [Step(Did.FAILED, "no way"), Step(Did.UPDATED)]
    monkeypatch.setattr(setup, "choose_roles_by_group", lambda *_: done.pop(0))
    stack.send("Create")
    answer = stack.send("Update", IdentityPoolId=POOL)

    warning = GROUPS.format("no way")
    assert answer["Reason"] == f"everything was there; nothing was changed; but {warning}"
    assert (answer["Data"]["Groups"], answer["Data"]["Warnings"]) == ("failed: no way", warning)

    answer = stack.send("Update", IdentityPoolId=POOL)
    assert (answer["Reason"], answer["Data"]["Warnings"]) == ("changed: Groups", "none")


def test_audit_logs_that_are_refused_are_a_warning(front: Front, stack: CloudFormation) -> None:
    def refuse(call: Call) -> Reply | None:
        if call.path.startswith("/_plugins/_security/api/audit"):
            return 403, {"status": "FORBIDDEN", "message": "no permission"}
        return None

    front.plugins[:0] = [refuse, SecurityApi("all_access")]
    answer = stack.send("Create", AuditLogs="true")

    assert (answer["Status"], answer["Data"]["AuditLogs"]) == ("SUCCESS", "failed: 403 no permission")
    assert answer["Data"]["Warnings"] == AUDIT.format("403 no permission")


@pytest.mark.usefixtures("front")
def test_a_cognito_that_hangs_is_answered_for_as_a_success_that_lacks_groups_and_dashboards(
    stack: CloudFormation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang(*_: object) -> Step:
        assert stack.arrived.wait(30)
        return Step(Did.UNCHANGED)

    monkeypatch.setattr(setup, "choose_roles_by_group", hang)
    event, started = stack.event("Create", IdentityPoolId=POOL), time.monotonic()
    setup.lambda_handler(event, context(seconds=4))

    (answer,) = stack.answers
    assert answer.moment - started < 4
    late = "time was over while telling Cognito's identity pool of the groups"
    assert answer.body["Status"] == "SUCCESS"
    assert (answer.body["Data"]["Groups"], answer.body["Data"]["Dashboards"]) == (f"failed: {late}",) * 2
    assert answer.body["Data"]["Warnings"].startswith(GROUPS.format(late))
