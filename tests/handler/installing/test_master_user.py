"""As whom the setup signs in: as its role, or as the user whom its secret names; and the secret stays one."""

from collections.abc import Callable, Iterator
from typing import Final

import pytest

from support.cloudformation import FORWARD, REPLAY, SIGNATURE, CloudFormation
from support.front import Front, Reply
from support.secrets_manager import ARN, SecretsManager
from support.security_api import SecurityApi

OWN: Final = ARN.replace("flowlogs-", "setup-")
MASTER: Final = "Basic bWFzdGVyOmNvcnJlY3QgaG9yc2U="  # base64 of master:correct horse
NO_PERMISSIONS: Final = (
    "no permissions for [cluster:monitor/main] and User [name=arn:aws:iam::123456789012:role/SetupRole, "
    "backend_roles=[arn:aws:iam::123456789012:role/SetupRole], requestedTenant=null]"
)


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[SecretsManager]:
    with SecretsManager() as made:
        for name, value in {**made.environment, "AWS_REGION": "eu-central-1"}.items():
            monkeypatch.setenv(name, value)
        yield made


@pytest.fixture
def secret(manager: SecretsManager, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that stores the setup's secret and names it to the setup."""

    def store(text: str) -> None:
        manager.texts[OWN] = text
        monkeypatch.setenv("OPENSEARCH_SETUP_SECRET_ARN", OWN)

    return store


def logged(caplog: pytest.LogCaptureFixture) -> str:
    """Return all that was logged: the text with its tracebacks, and the values beside it."""
    return caplog.text + str([vars(each) for each in caplog.records])


@pytest.mark.parametrize("variable", ["OPENSEARCH_SETUP_SECRET_ARN", "OPENSEARCH_SECRET_ARN"])
def test_the_master_user_signs_in_and_the_password_is_nowhere_else(
    front: Front,
    stack: CloudFormation,
    manager: SecretsManager,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
) -> None:
    """With one secret only it is the setup's as well, as in stacks of an earlier version."""
    manager.put("master", "correct horse")
    monkeypatch.setenv(variable, ARN)
    monkeypatch.setenv("OPENSEARCH_AUTH", "basic")
    answer = stack.send("Create")

    assert answer["Status"] == "SUCCESS"
    assert {each.headers["authorization"] for each in front.calls} == {MASTER}
    written = logged(caplog)
    assert "setup.done" in written
    assert not [each for each in ("correct", "horse", SIGNATURE) if each in written + str(answer)]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("correct horse", id="no JSON"),
        pytest.param('["correct horse"]', id="a list"),
        pytest.param('{"user": "master", "password": "correct horse"}', id="other names"),
    ],
)
def test_a_secret_that_cannot_be_used_is_explained_and_not_quoted(
    front: Front,
    stack: CloudFormation,
    secret: Callable[[str], None],
    caplog: pytest.LogCaptureFixture,
    text: str,
) -> None:
    secret(text)
    answer = stack.send("Create")

    assert answer["Reason"] == f"the secret {OWN} must be JSON with username and password"
    assert "correct horse" not in logged(caplog)
    assert front.calls == []


@pytest.mark.usefixtures("front", "manager")
def test_a_secret_that_is_not_there_is_told(stack: CloudFormation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENSEARCH_SETUP_SECRET_ARN", OWN)

    assert stack.send("Create")["Reason"].startswith(
        f"the secret {OWN} cannot be read: An error occurred (ResourceNotFoundException)"
    )


def test_the_functions_user_gets_the_writers_role_by_the_setups_user(
    front: Front, stack: CloudFormation, manager: SecretsManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    front.plugins.insert(0, security := SecurityApi())
    manager.put("master", "correct horse", OWN)
    manager.put("writer", "battery staple")
    for name, value in {"SETUP_SECRET_ARN": OWN, "SECRET_ARN": ARN, "AUTH": "basic"}.items():
        monkeypatch.setenv(f"OPENSEARCH_{name}", value)
    answer = stack.send("Create")

    assert answer["Status"] == "SUCCESS"
    assert {each.headers["authorization"] for each in front.calls} == {MASTER}
    assert security.mappings["cwl-writer"] == {"backend_roles": [FORWARD, REPLAY], "users": ["writer"]}


def test_where_the_role_is_known_every_request_is_signed_and_the_secret_is_not_read(
    front: Front,
    stack: CloudFormation,
    secret: Callable[[str], None],
    manager: SecretsManager,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A domain whose access policy names roles takes nothing else than signed requests."""
    front.plugins.insert(0, SecurityApi())
    secret('{"username": "master", "password": "correct horse"}')
    monkeypatch.setenv("OPENSEARCH_AUTH", "iam")

    assert stack.send("Create")["Status"] == "SUCCESS"
    assert {each.headers["authorization"].split()[0] for each in front.calls} == {"AWS4-HMAC-SHA256"}
    assert manager.read == []


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param(
            (403, {"error": {"type": "security_exception", "reason": NO_PERMISSIONS}}), id="no role"
        ),
        pytest.param((403, {"status": "FORBIDDEN", "message": "No permission"}), id="by its API"),
        pytest.param((401, "Unauthorized"), id="it knows no signatures"),
    ],
)
def test_where_the_clusters_security_does_not_know_the_role_the_secret_is_used(
    front: Front,
    stack: CloudFormation,
    secret: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    refusal: Reply,
) -> None:
    front.plugins.insert(0, SecurityApi(known=MASTER, refusal=refusal))
    secret('{"username": "master", "password": "correct horse"}')
    monkeypatch.setenv("OPENSEARCH_AUTH", "iam")

    assert stack.send("Create")["Status"] == "SUCCESS"
    first, *others = [each.headers["authorization"] for each in front.calls]
    assert first.startswith("AWS4-HMAC-SHA256")
    assert set(others) == {MASTER}


def test_what_the_access_policy_refuses_no_password_helps(
    front: Front,
    stack: CloudFormation,
    secret: Callable[[str], None],
    manager: SecretsManager,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = "User: arn:aws:sts::1:assumed-role/x/y is not authorized to perform: es:ESHttpGet because no "
    refusal = (403, {"Message": f"{said}resource-based policy allows it"})
    front.plugins.insert(0, SecurityApi(refusal=refusal, known="nobody"))
    secret('{"username": "master", "password": "correct horse"}')
    monkeypatch.setenv("OPENSEARCH_AUTH", "iam")

    answer = stack.send("Create")
    assert (answer["Status"], "no resource-based policy allows" in answer["Reason"]) == ("FAILED", True)
    assert manager.read == []
