"""A user whom a secret names: read when something is sent, kept, and read again when the cluster refuses."""

import base64
import time
from collections.abc import Iterator

import pytest

from handler import secret
from handler.config import Config
from handler.opensearch import ConnectionFailedError, Send, connect, sender
from handler.secret import SecretError, SecretUser, User, read_user
from parser.bulk import Body, encode
from parser.format import DEFAULT, Formats
from parser.subscription import Event, Subscription
from support.recorder import Answer, Recorder
from support.secrets_manager import ARN, SecretsManager

LINE = "2 123456789010 eni-0a1b 10.0.1.5 10.0.2.9 41230 3306 6 12 1904 1768478400 1768478458 ACCEPT OK"
REFUSED = Answer(401, b"Unauthorized", "text/plain")


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[SecretsManager]:
    with SecretsManager() as made:
        for name, value in made.environment.items():
            monkeypatch.setenv(name, value)
        yield made


@pytest.fixture
def send(recorder: Recorder) -> Iterator[Send]:
    """Give a sender of a function whose environment names the secret, and nothing that is secret."""
    environ = {"OPENSEARCH_URL": recorder.url, "OPENSEARCH_AUTH": "basic", "OPENSEARCH_SECRET_ARN": ARN}
    # As the template has them: sam local may fill them in.
    environ |= {"OPENSEARCH_USERNAME": "", "OPENSEARCH_PASSWORD": ""}
    client = connect(Config.from_environ(environ))
    yield sender(client)
    client.close()


def make_body() -> Body:
    events = (Event("1", 1_768_478_400_000, LINE),)
    payload = Subscription(owner="123456789010", log_group="flows", log_stream="eni-all", events=events)
    (body,) = encode(
        payload, Formats.from_text(DEFAULT), prefix="cwl", max_bytes=5_000_000, keep_message=True
    )
    return body


def header(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def sent(recorder: Recorder) -> list[str]:
    return [each.header("authorization") for each in recorder.received]


def test_the_secret_is_read_once_for_all_requests(
    manager: SecretsManager, recorder: Recorder, send: Send
) -> None:
    manager.put("writer", "pass:wörd")
    assert manager.read == []  # not before there is something to send

    assert [send(make_body(), 5.0)[0] for _ in range(3)] == [200, 200, 200]
    assert (sent(recorder), manager.read) == ([header("writer", "pass:wörd")] * 3, [ARN])


def test_a_changed_password_is_read_when_the_old_one_is_refused(
    manager: SecretsManager, recorder: Recorder, send: Send
) -> None:
    manager.put("writer", "old")
    send(make_body(), 5.0)
    manager.put("writer", "new")
    recorder.answers.append(REFUSED)

    assert send(make_body(), 5.0)[0] == 200
    assert send(make_body(), 5.0)[0] == 200
    old, new = header("writer", "old"), header("writer", "new")
    assert (sent(recorder), manager.read) == ([old, old, new, new], [ARN, ARN])


def test_a_password_that_is_refused_and_still_the_same_is_not_sent_again(
    manager: SecretsManager, recorder: Recorder, send: Send
) -> None:
    manager.put("writer", "wrong")
    recorder.answers.extend([REFUSED, REFUSED])

    assert send(make_body(), 5.0)[0] == 401
    assert (len(recorder.received), manager.read) == (1, [ARN, ARN])


def test_a_password_that_is_refused_again_after_it_was_changed_is_left_at_that(
    manager: SecretsManager, recorder: Recorder, send: Send
) -> None:
    manager.put("writer", "old")
    send(make_body(), 5.0)
    manager.put("writer", "new")
    recorder.answers.extend([REFUSED, REFUSED])

    assert send(make_body(), 5.0)[0] == 401
    assert (len(recorder.received), len(manager.read)) == (3, 2)


def test_of_several_that_are_refused_one_reads_the_secret() -> None:
    users = [User("writer", "old"), User("writer", "new")]
    auth = SecretUser(ARN, lambda _: users.pop(0))
    old = auth("POST", "", b"")

    assert auth.renew(old) == {"authorization": header("writer", "new")}
    assert auth.renew(old) == {"authorization": header("writer", "new")}  # nothing is left to be read
    assert users == []


def test_a_name_and_a_password_that_are_given_win_over_a_secret() -> None:
    """As on a machine whose owner signs in as himself, with the other variables of a stack's function."""
    environ = {"OPENSEARCH_URL": "https://x", "OPENSEARCH_AUTH": "basic", "OPENSEARCH_SECRET_ARN": ARN}
    config = Config.from_environ({**environ, "OPENSEARCH_USERNAME": "me", "OPENSEARCH_PASSWORD": "mine"})

    assert (config.username, config.password, config.secret_arn) == ("me", "mine", "")


def test_without_a_way_to_it_the_events_are_kept_and_the_reason_says_so(
    recorder: Recorder, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://127.0.0.1:9")
    monkeypatch.setattr(secret, "ATTEMPTS", 1)

    with pytest.raises(ConnectionFailedError) as caught:
        send(make_body(), 5.0)

    assert caught.value.kind == "secret"
    assert str(caught.value).startswith(f"the secret {ARN} cannot be read: ")
    assert "In a VPC a function needs an interface endpoint for it, or NAT" in str(caught.value)
    assert recorder.received == []


def test_a_service_that_never_answers_is_not_waited_for_long(
    monkeypatch: pytest.MonkeyPatch, manager: SecretsManager
) -> None:
    def hang(_: object) -> None:
        time.sleep(1)

    manager.plugins.insert(0, hang)
    monkeypatch.setattr(secret, "READ_SECONDS", 0.05)
    monkeypatch.setattr(secret, "ATTEMPTS", 1)

    with pytest.raises(SecretError, match="is there a way to Secrets Manager"):
        read_user(ARN)


def test_what_may_not_be_read_says_which_permission_lacks(manager: SecretsManager) -> None:
    manager.denied.add(ARN)

    with pytest.raises(SecretError, match=r"needs secretsmanager:GetSecretValue .* kms:Decrypt"):
        read_user(ARN)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("correct horse", id="no JSON"),
        pytest.param('["correct horse"]', id="a list"),
        pytest.param('{"user": "writer", "password": "correct horse"}', id="other names"),
        pytest.param('{"username": "correct horse", "password": 7}', id="a number"),
        pytest.param('{"username": "", "password": "correct horse"}', id="an empty name"),
    ],
)
def test_a_secret_that_cannot_be_used_is_not_quoted(manager: SecretsManager, text: str) -> None:
    manager.texts[ARN] = text

    with pytest.raises(SecretError) as caught:
        read_user(ARN)

    assert ARN in str(caught.value)
    assert "correct" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_user_is_shown_without_the_password() -> None:
    assert repr(User("writer", "correct horse")) == "User(name='writer')"


def test_the_secret_is_asked_for_where_its_arn_says(
    monkeypatch: pytest.MonkeyPatch, manager: SecretsManager
) -> None:
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    manager.put("writer", "x")
    read_user(ARN)

    (call,) = manager.calls
    assert "/eu-central-1/secretsmanager/" in call.headers["authorization"]
