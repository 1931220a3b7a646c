"""Dashboards that cannot be imported are a warning: documents come without them."""

import json
import time

import pytest

from handler import setup
from handler.installing import outcome
from handler.installing.dashboards import FILE
from handler.installing.steps import Did, Step
from support.cloudformation import CloudFormation, context
from support.front import Call, Dashboards, Front, Reply

OBJECTS = len(FILE.read_text().splitlines())
LATER = "flowlogs dashboards --import does it later"


def test_objects_that_are_refused_are_named_in_a_warning(
    front: Front,
    dashboards: Dashboards,
    stack: CloudFormation,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    dashboards.refused["cwl-flow-logs"] = {"type": "unsupported_type"}
    answer = stack.send("Create")

    refused = (
        f"the dashboards cannot be imported: 1 of {OBJECTS} objects are refused; "
        "index-pattern cwl-flow-logs: unsupported_type"
    )
    warning = f"the dashboards are not imported ({refused}); {LATER}"
    assert answer["Status"] == "SUCCESS"
    assert answer["Reason"] == f"changed: IndexTemplate, RetentionPolicy; but {warning}"
    assert (answer["Data"]["Dashboards"], answer["Data"]["Warnings"]) == (f"failed: {refused}", warning)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    said = [vars(each) for each in caplog.records if each.message == "setup.warning"]
    assert [each["reason"] for each in said] == [warning]
    assert [each["SetupWarnings"] for each in lines if "SetupWarnings" in each] == [1]
    assert front.writes[-1] == "POST /_dashboards/api/saved_objects/_import"


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        pytest.param((403, {"Message": "no"}), "the dashboards cannot be imported: 403 no", id="refused"),
        pytest.param((401, "Unauthorized"), "the dashboards cannot be imported: 401", id="not signed in"),
        pytest.param(
            (302, ""), "the dashboards cannot be imported: 302", id="sent to the sign-in of Cognito"
        ),
        pytest.param(
            (200, "<html>"), "the dashboards cannot be imported: 200 <html>", id="a page to sign in"
        ),
        pytest.param(
            (503, "not ready yet"), "was not answered in time; the last try: 503", id="not ready yet"
        ),
        pytest.param((413, ""), "the dashboards cannot be imported: 413", id="too large"),
    ],
)
def test_whatever_dashboards_answers_the_stack_goes_on(
    front: Front, stack: CloudFormation, monkeypatch: pytest.MonkeyPatch, reply: Reply, said: str
) -> None:
    monkeypatch.setattr(outcome, "DASHBOARDS_SECONDS", 0.2)
    front.plugins.insert(0, lambda call: reply if call.path.startswith("/_dashboards") else None)
    answer = stack.send("Create")

    assert answer["Status"] == "SUCCESS"
    assert said in answer["Data"]["Dashboards"]
    assert answer["Data"]["Dashboards"].startswith("failed: ")
    assert answer["Data"]["IndexTemplate"] == "created"


def test_the_next_deployment_imports_what_failed(
    front: Front, dashboards: Dashboards, stack: CloudFormation
) -> None:
    def refuse(call: Call) -> Reply | None:
        return (500, "x") if call.path.startswith("/_dashboards") else None

    front.plugins.insert(0, refuse)
    stack.send("Create")
    front.plugins.remove(refuse)
    answer = stack.send("Update")

    assert answer["Reason"] == "changed: Dashboards"
    assert answer["Data"]["Warnings"] == "none"
    assert len(dashboards.objects) == OBJECTS


@pytest.mark.usefixtures("front")
def test_an_import_that_hangs_is_answered_for_as_a_success(
    stack: CloudFormation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang(*_: object) -> Step:
        assert stack.arrived.wait(30)
        return Step(Did.UNCHANGED)

    monkeypatch.setattr(setup, "try_dashboards", hang)
    event, started = stack.event("Create"), time.monotonic()
    setup.lambda_handler(event, context(seconds=4))

    (answer,) = stack.answers
    assert answer.moment - started < 4
    assert answer.body["Status"] == "SUCCESS"
    assert answer.body["Data"]["Dashboards"] == "failed: time was over while importing the dashboards"
    assert answer.body["Data"]["IndexTemplate"] == "created"
    assert answer.body["Data"]["Warnings"].endswith(LATER)
