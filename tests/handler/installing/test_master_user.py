"""The setup signs in as the user whom a secret names, and the secret stays one."""

from collections.abc import Callable, Iterator

import boto3
import pytest
from moto import mock_aws

from support.cloudformation import SIGNATURE, CloudFormation
from support.front import Front


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Give a function that stores a secret and names it to the setup."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")

    def store(text: str) -> None:
        client = boto3.client("secretsmanager", region_name="eu-central-1")
        made = client.create_secret(Name="master", SecretString=text)
        monkeypatch.setenv("OPENSEARCH_SECRET_ARN", made["ARN"])

    with mock_aws():
        yield store


def test_the_master_user_signs_in_and_the_password_is_nowhere_else(
    front: Front, stack: CloudFormation, secret: Callable[[str], None], caplog: pytest.LogCaptureFixture
) -> None:
    secret('{"username": "master", "password": "correct horse"}')
    answer = stack.send("Create")

    assert answer["Status"] == "SUCCESS"
    # base64 of master:correct horse
    assert {each.headers["authorization"] for each in front.calls} == {"Basic bWFzdGVyOmNvcnJlY3QgaG9yc2U="}
    written = logged(caplog)
    assert "setup.done" in written
    assert not [each for each in ("correct", "horse", SIGNATURE) if each in written + str(answer)]


def logged(caplog: pytest.LogCaptureFixture) -> str:
    """Return all that was logged: the text with its tracebacks, and the values beside it."""
    return caplog.text + str([vars(each) for each in caplog.records])


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

    assert answer["Reason"] == ("the secret in OPENSEARCH_SECRET_ARN must be JSON with username and password")
    assert "correct horse" not in logged(caplog)
    assert front.calls == []


@pytest.mark.usefixtures("front")
def test_a_secret_that_is_not_there_is_told(
    stack: CloudFormation, secret: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    secret("{}")
    monkeypatch.setenv("OPENSEARCH_SECRET_ARN", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:x")

    assert stack.send("Create")["Reason"].startswith(
        "the secret in OPENSEARCH_SECRET_ARN cannot be read: An error occurred (ResourceNotFoundException)"
    )
