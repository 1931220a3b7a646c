"""How commands end and are called: sentences instead of traces, exit statuses, AWS's options, help."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import boto3
import pytest
import typer
from botocore.exceptions import ClientError

from flowlogs import command_line
from flowlogs.local.embedded import Embedded
from flowlogs.terminal import exits
from flowlogs.terminal.advice import describe_silence
from flowlogs.terminal.options import choose_account, find_region, put_first
from handler import delivery
from handler.config import ConfigError
from handler.failures import connect_s3
from parser.subscription import Event, Subscription, encode
from support.commands import BUCKET, REGION, Told, run
from support.front import Front

COMMANDS: Final = list(command_line.COMMANDS)
LONGEST_LINE: Final = 76
COMMAND: Final = Path(sys.executable).parent / "flowlogs"


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_explains_itself_in_lines_that_fit(name: str) -> None:
    told = run(name, "--help")
    assert told.status == 0
    lines = [line.strip() for line in command_line.load_command(name).help.splitlines()]
    assert max(map(len, lines)) <= LONGEST_LINE
    assert "Usage: flowlogs" in told.output


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_examples_that_name_real_options(name: str) -> None:
    told = run(name, "--help")
    examples = [
        line.strip() for line in told.output.splitlines() if line.strip().startswith(f"flowlogs {name}")
    ]
    assert examples
    passed_on = command_line.COMMANDS[name].settings  # options of sam are explained by sam
    for example in examples:
        for word in example.partition(" | ")[0].split():
            known = passed_on or told.output.count(word) > 1
            assert not word.startswith("--") or known, f"{example}: {word}"


def test_the_page_of_all_commands_names_each_with_its_exit_statuses() -> None:
    told = run("--help")
    assert told.status == 0
    for name, entry in command_line.COMMANDS.items():
        assert f"│ {name} " in told.output
        assert command_line.load_command(name).help.partition("\n")[0] == entry.summary
    assert "Exit status: 0 all is well, 1 something is not as it should be, 2 the" in told.output


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--nothing"], id="no such option"),
        pytest.param(["nothing"], id="no such command"),
        pytest.param(["rejected"], id="an option is missing"),
        pytest.param(["rejected", "--bucket", "x", "--since", "yesterday"], id="no time"),
        pytest.param(["rejected", "--bucket", "x", "--limit", "0"], id="out of range"),
        pytest.param(["reparse"], id="the environment is not usable"),
    ],
)
def test_a_wrong_call_is_exit_status_2_without_a_trace(arguments: list[str]) -> None:
    told = run(*arguments)
    assert (told.status, told.output) == (2, "")
    assert told.errors
    assert "Traceback" not in told.errors


def test_an_error_is_a_sentence_and_debug_shows_where_it_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENSEARCH_URL", "http://127.0.0.1:9")
    sentence = run("reparse")
    assert (sentence.status, sentence.output) == (1, "")
    assert len(sentence.errors.splitlines()) == 1
    for arguments in (["--debug", "reparse"], ["reparse", "--debug"]):
        told = run(*arguments)
        assert told.status == 1
        assert "Traceback" in told.errors
        assert told.errors.splitlines()[-1] == sentence.errors.splitlines()[0]
    assert "Traceback" not in run("reparse").errors


def test_an_error_that_nobody_has_foreseen_is_a_sentence_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def choose(*_: object) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(command_line, "choose_account", choose)
    told = run("parse")
    assert (told.status, told.errors) == (
        1,
        "flowlogs: unexpected ZeroDivisionError: a defect; --debug shows where\n",
    )
    told = run("parse", "--debug")
    assert "Traceback" in told.errors
    assert told.errors.endswith("flowlogs: unexpected ZeroDivisionError: a defect\n")


def test_what_opensearch_answers_becomes_a_sentence() -> None:
    from opensearchpy.exceptions import AuthorizationException, NotFoundError
    from opensearchpy.exceptions import ConnectionError as ClientConnectionError

    refused = AuthorizationException(403, "security_exception", {"error": {"reason": "no permissions"}})
    assert exits.describe(refused).startswith("OpenSearch answers 403 no permissions. This is refused by ")
    unknown = "It does not know this question: check OPENSEARCH_URL and its version"
    assert exits.describe(NotFoundError(404, "x", {"error": "no handler"})) == (
        f"OpenSearch answers 404 no handler. {unknown}"
    )
    assert (
        exits.describe(NotFoundError(404, "not found", "")) == f"OpenSearch answers 404 not found. {unknown}"
    )
    cause = OSError("<HTTPConnection object at 0x7f>: [Errno 111] Connection refused")
    assert exits.describe(ClientConnectionError("N/A", "x", cause)) == (
        "OpenSearch does not answer: Connection refused. Nothing listens there: check OPENSEARCH_URL and its "
        "port, and whether it runs"
    )


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        pytest.param(
            "HTTPConnection(host='127.0.0.1', port=9): Failed to establish a new connection: "
            "[Errno 111] Connection refused",
            "Connection refused",
            id="refused",
        ),
        (
            "HTTPSConnection(host='x.y', port=443): Failed to resolve 'x.y' ([Errno -2] Name not known)",
            "Failed to resolve 'x.y' ([Errno -2] Name not known)",
        ),
        ("HTTPSConnectionPool(host='x.y', port=443): Read timed out.", "Read timed out."),
        (
            "(<HTTPConnection(host='x', port=9) at 0x7f>, 'Connection to x timed out. (connect timeout=3)')",
            "Connection to x timed out. (connect timeout=3)",
        ),
        ("something else", "something else"),
    ],
)
def test_why_there_was_no_answer_is_told_without_the_connection(reason: str, expected: str) -> None:
    assert describe_silence(reason) == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["doctor", "--profile", "x", "--json"], ["--profile", "x", "doctor", "--json"]),
        (["doctor", "--region=eu-west-1"], ["--region=eu-west-1", "doctor"]),
        (["--debug", "doctor"], ["--debug", "doctor"]),
        (["parse", "--", "--debug"], ["parse", "--", "--debug"]),
        (["doctor", "--profile"], ["--profile", "doctor"]),
    ],
)
def test_the_options_of_all_commands_may_stand_anywhere(arguments: list[str], expected: list[str]) -> None:
    assert put_first(arguments) == expected


@pytest.fixture
def profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have an AWS configuration with two profiles, and keys in the environment."""
    (tmp_path / "config").write_text("[profile test]\nregion = eu-west-3\n[profile bare]\n")
    (tmp_path / "credentials").write_text("[test]\naws_access_key_id = OF_TEST\naws_secret_access_key = x\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.setenv(name, "x")
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "OF_ENVIRONMENT")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")


@pytest.mark.usefixtures("profiles")
def test_a_profile_wins_over_keys_in_the_environment_and_brings_its_region() -> None:
    choose_account("test", None)
    session = boto3.Session()
    credentials = session.get_credentials()
    assert credentials is not None
    assert (credentials.access_key, session.region_name, find_region()) == (
        "OF_TEST",
        "eu-west-3",
        "eu-west-3",
    )


@pytest.mark.usefixtures("profiles")
@pytest.mark.parametrize(
    ("profile", "region", "environ", "expected"),
    [
        ("test", "eu-north-1", {"AWS_REGION": "eu-west-1"}, "eu-north-1"),
        ("test", None, {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-2"}, "eu-west-1"),
        ("test", None, {"AWS_DEFAULT_REGION": "eu-west-2"}, "eu-west-2"),
        ("test", None, {}, "eu-west-3"),
        ("bare", None, {}, ""),
        ("no-such-profile", None, {}, ""),
        (None, None, {}, ""),
    ],
)
def test_the_region_is_chosen_as_the_aws_cli_does(
    profile: str | None,
    region: str | None,
    environ: dict[str, str],
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, text in environ.items():
        monkeypatch.setenv(name, text)
    choose_account(profile, region)
    assert find_region() == expected
    assert os.environ.get("AWS_DEFAULT_REGION", "") == (expected if region or environ else "")


ALL_THAT_ASK_AWS: Final = (
    ("doctor", "--stack", "x"),
    ("formats", "--log-group", "/vpc"),
    ("rejected", "--bucket", BUCKET),
    ("replay", "--bucket", BUCKET),
    ("verify", "--day", "2026-01-15", "--stack", "x"),
)
asking = pytest.mark.parametrize("arguments", ALL_THAT_ASK_AWS, ids=lambda arguments: arguments[0])


@asking
@pytest.mark.usefixtures("profiles")
def test_a_profile_that_does_not_exist_is_an_environment_that_is_not_usable(
    arguments: tuple[str, ...],
) -> None:
    told = run(*arguments, "--profile", "no-such-profile", "--region", "eu-central-1")
    sentence = "The config profile (no-such-profile) could not be found: check --profile, or AWS_PROFILE"
    assert (told.status, told.output, told.errors) == (2, "", f"flowlogs: {sentence}\n")


@asking
def test_so_is_one_without_credentials(arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/nonexistent")
    told = run(*arguments, "--region", "eu-central-1")
    assert (told.status, told.output, told.errors) == (2, "", f"flowlogs: {exits.NO_CREDENTIALS}\n")


@pytest.mark.parametrize(
    "arguments", [each for each in ALL_THAT_ASK_AWS if BUCKET not in each], ids=lambda arguments: arguments[0]
)
def test_so_is_one_without_a_region(arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/nonexistent")
    told = run(*arguments)
    assert (told.status, told.output, told.errors) == (
        2,
        "",
        "flowlogs: no AWS Region is given: give --region, or set AWS_REGION\n",
    )


@pytest.mark.parametrize(
    ("code", "status", "hint"),
    [
        ("ExpiredToken", exits.USAGE, "; sign in again, or give another --profile"),
        ("AccessDenied", exits.INCOMPLETE, ""),
        ("NoSuchBucket", exits.INCOMPLETE, ""),
    ],
)
def test_credentials_that_aws_does_not_accept_are_not_usable_and_an_answer_of_no_is_one(
    code: str, status: int, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as raised, exits.explained():
        raise ClientError({"Error": {"Code": code, "Message": "no"}}, "ListObjectsV2")
    assert raised.value.exit_code == status
    assert capsys.readouterr().err == f"flowlogs: AWS refuses ListObjectsV2: {code}: no{hint}\n"


NO_AWS: Final = "is a proxy, or a network's sign-in page, in between?"


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("doctor", "--stack", "x"), "what answers for AWS does not answer as AWS does"),
        (("replay", "--stack", "x"), "what answers for AWS does not answer as AWS does"),
        (("formats", "--log-group", "/x"), "what answers for AWS does not answer as AWS does"),
        (
            ("rejected", "--bucket", BUCKET),
            f"AWS does not answer ListObjectsV2 in {BUCKET} as AWS does: 500: Internal Server Error",
        ),
    ],
    ids=["doctor", "replay", "formats", "rejected"],
)
def test_a_page_where_aws_should_answer_is_told_in_one_sentence(
    arguments: tuple[str, ...], told: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    connect_s3.cache_clear()
    with Front(None, lambda _: (status, "<!doctype html><title>Sign in</title>")) as front:
        monkeypatch.setenv("AWS_ENDPOINT_URL", front.url)
        ended = run(*arguments)
    connect_s3.cache_clear()
    assert (ended.status, ended.output) == (1, "")
    assert ended.errors == f"flowlogs: {told}{';' if 'ListObjects' in told else ':'} {NO_AWS}\n"


def test_what_s3_refuses_names_the_bucket(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit), exits.explained(), exits.naming("mine"):
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "ListObjectsV2")
    assert capsys.readouterr().err == "flowlogs: AWS refuses ListObjectsV2 in mine: AccessDenied: no\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no file that is always full")
@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("parse", "--help"),
        ("--version",),
        ("parse", "-"),
        ("cost", "--events-per-day", "5000000", "--json"),
    ],
    ids=" ".join,
)
def test_a_full_disk_is_a_sentence(arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        line = b"2 123456789010 eni-0a 10.0.0.5 10.0.0.6 443 50000 6 1 40 1768478400 1768478460 ACCEPT OK\n"
        done = subprocess.run(
            [COMMAND, *arguments], input=line, stdout=full, stderr=subprocess.PIPE, check=False
        )
    sentence = b"flowlogs: the output cannot be written: No space left on device\n"
    assert (done.returncode, done.stderr) == (1, sentence)


@pytest.mark.usefixtures("account")
def test_a_name_that_no_bucket_can_have_is_a_wrong_call() -> None:
    told = run("rejected", "--bucket", "no such bucket")
    assert (told.status, told.output) == (2, "")
    assert "Invalid bucket name" in told.errors


@pytest.mark.usefixtures("account")
def test_replay_tells_machines_what_is_there() -> None:
    events = (Event("1", 1768478400000, "[not markup]"), Event("2", 1768478400000, "x"))
    payload = Subscription(owner="1", log_group="/vpc", log_stream="x", events=events)
    s3 = boto3.client("s3")
    for number, reason in enumerate(("[403] blocked", "timeout", "timeout")):
        s3.put_object(
            Bucket=BUCKET, Key=f"failed/{number}", Body=encode(payload), Metadata={"reason": reason}
        )
    told = run("replay", "--bucket", BUCKET, "--dry-run", "--json")
    assert told.status == 1
    assert (told.json["objects"], told.json["events"]) == (3, 6)
    assert [(each["reason"], each["objects"], each["events"]) for each in told.json["groups"]] == [
        ("timeout", 2, 4),
        ("[403] blocked", 1, 2),
    ]
    assert "[403] blocked" in run("replay", "--bucket", BUCKET, "--dry-run").output


@pytest.mark.usefixtures("account")
def test_replay_tells_machines_what_it_did(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENSEARCH_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("LOG_FORMATS", "srcaddr")
    told = run("replay", "--bucket", BUCKET, "--json")
    assert (told.status, told.json["remaining"], told.json["refused"]) == (0, 0, False)
    assert told.json["events"] == dict.fromkeys(
        ("received", "indexed", "duplicate", "pending", "rejected"), 0
    )


def send_kept(monkeypatch: pytest.MonkeyPatch, *events: str) -> Told:
    """Replay a kept object with these events, and keep it."""
    payload = Subscription(
        owner="1",
        log_group="/vpc",
        log_stream="x",
        events=tuple(Event(f"{text}-{n}", 1768478400000, text) for n, text in enumerate(events)),
    )
    boto3.client("s3").put_object(Bucket=BUCKET, Key="failed/0", Body=encode(payload))
    monkeypatch.setattr(delivery, "FIRST_DELAY", 0.01)
    monkeypatch.setenv("LOG_FORMATS", "${interface-id}")
    return run("replay", "--bucket", BUCKET, "--keep", "--json")


@pytest.mark.usefixtures("account")
def test_what_is_kept_on_request_is_not_left(opensearch: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENSEARCH_URL", opensearch.url)
    told = send_kept(monkeypatch, "one", "two")
    assert (told.json["events"]["indexed"], told.json["remaining"], told.status) == (2, 0, 0)
    again = run("replay", "--bucket", BUCKET, "--keep", "--json")
    assert (again.json["events"]["duplicate"], again.json["remaining"], again.status) == (2, 0, 0)


@pytest.mark.usefixtures("account")
def test_what_is_kept_and_not_delivered_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENSEARCH_URL", "http://127.0.0.1:9")
    told = send_kept(monkeypatch, "one", "two")
    assert (told.json["events"]["pending"], told.json["remaining"], told.status) == (2, 1, 1)
    assert "\nflowlogs: 1 object remains" in told.errors, told.errors


@pytest.mark.usefixtures("account")
def test_what_is_kept_and_cannot_be_read_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENSEARCH_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("LOG_FORMATS", "${interface-id}")
    boto3.client("s3").put_object(Bucket=BUCKET, Key="failed/0", Body=b"garbage")
    told = run("replay", "--bucket", BUCKET, "--keep", "--json")
    assert (told.json["objects"]["left"], told.json["remaining"], told.status) == (1, 1, 1)


@pytest.mark.usefixtures("account")
def test_progress_is_not_on_standard_output(opensearch: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENSEARCH_URL", opensearch.url)
    monkeypatch.setenv("LOG_FORMATS", "${interface-id}")
    told = run("replay", "--bucket", BUCKET)
    assert told.status == 0
    assert told.output.splitlines() == [
        "objects: 0 dropped, 0 shortened, 0 left, 0 set aside, 0 gone, 0 failed",
        "events:  0 received = 0 indexed + 0 duplicate + 0 pending + 0 rejected",
    ]


def test_output_that_is_no_terminal_has_no_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENSEARCH_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("HOME", "/nonexistent")
    done = subprocess.run([COMMAND, "doctor"], capture_output=True, check=False)
    assert done.returncode == 1
    assert b"problem  the cluster answers" in done.stdout
    assert b"\x1b" not in done.stdout + done.stderr


def test_a_configuration_that_cannot_be_used_is_a_wrong_call() -> None:
    with pytest.raises(typer.Exit) as raised, exits.explained():
        raise ConfigError(["X is not set"])
    assert raised.value.exit_code == exits.USAGE
