"""Every command that shows what others wrote, fed with what a terminal would obey."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import boto3
import pytest
from botocore.exceptions import ClientError

from flowlogs.cluster import deployment
from handler import delivery
from handler.failures import FailureStore
from handler.report import Unsettled
from parser.format import DEFAULT
from parser.reply import Outcome, Verdict
from parser.subscription import Event, Subscription, encode
from support.commands import BUCKET, Told, run
from support.front import Call, Front

HOSTILE: Final = {
    "an escape sequence": "\x1b[2J\x1b]0;title\x07",
    "C0": "\0\x08\x0b",
    "an end of line": "ok\nflowlogs: all is well\r\n",
    "DEL": "\x7f",
    "C1": "\x9b31m\x90",
    "directions": "\u202ecba\u2066",
    "no width": "\u200b\ufeff",
    "half a character": "\ud83d",
    "markup": "[red]x[/red][/]",
    "other letters": "é漢🛒",
}
hostile = pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
account = pytest.mark.usefixtures("account")

NOON: Final = 1768478400000
LINE: Final = "2 123456789010 eni-0a 10.0.0.5 10.0.0.6 443 50000 6 1 40 1768478400 1768478460 ACCEPT OK"


@pytest.fixture
def cluster(text: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Front]:
    """Return a cluster that answers whatever it is asked with the hostile text."""

    def refuse(call: Call) -> tuple[int, Any]:
        if call.path == "/":
            return 200, {"version": {"number": "3.8.0", "distribution": "opensearch"}, "name": text}
        return 400, {"error": {"type": f"type {text}", "reason": f"reason {text}"}, "status": 400}

    with Front(None, refuse) as front:
        monkeypatch.setenv("OPENSEARCH_URL", front.url)
        monkeypatch.setattr(delivery, "FIRST_DELAY", 0.01)
        yield front


def is_clean(told: Told, text: str, *, shown: bool = True) -> bool:
    """Tell whether what was printed has nothing in it that a terminal obeys, and shows what can be seen."""
    lines = (told.output + told.errors).replace("\n", "")
    visible = not text.isprintable() or not shown or text in lines.replace(" ", "")
    return lines.isprintable() and "flowlogs: all is well" not in told.errors.splitlines() and visible


def subscribe(text: str) -> Subscription:
    events = (Event("1", NOON, LINE), Event("2", NOON, f"line {text}"))
    return Subscription(owner="123456789010", log_group=f"/vpc/{text}", log_stream=text, events=events)


@hostile
@pytest.mark.parametrize("options", [[], ["--table"], ["--raw-names"]], ids=["json", "table", "raw names"])
def test_parse(text: str, options: list[str], tmp_path: Path) -> None:
    payload = tmp_path / "payload"
    payload.write_bytes(encode(subscribe(text)))
    told = run("parse", *options, str(payload))
    assert (told.status, is_clean(told, text, shown=False)) == (1, True)
    if options != ["--table"]:
        assert [json.loads(line) for line in told.output.splitlines()][1]["@message"] == f"line {text}"


@hostile
def test_parse_of_a_file_that_is_not_there(text: str) -> None:
    told = run("parse", f"/nowhere/{text}".replace("\0", ""))
    assert (told.status > 0, is_clean(told, text, shown=False)) == (True, True)


def reject(text: str) -> None:
    verdict = Verdict(Outcome.REJECTED, 400, f"type{text}", f"reason {text}")
    payload = subscribe(text)
    rejected = [Unsettled(f"cwl-{text}", event, verdict) for event in payload.events]
    FailureStore(BUCKET, "x").reject([(payload, rejected)], DEFAULT)


@account
@hostile
@pytest.mark.parametrize("options", [[], ["--redact"]], ids=["", "redacted"])
def test_rejected(text: str, options: list[str]) -> None:
    reject(text)
    boto3.client("s3").put_object(Bucket=BUCKET, Key="rejected/\x1b[31m\u202e.unreadable", Body=b"x")
    told = run("rejected", "--bucket", BUCKET, *options)
    assert (told.status, is_clean(told, text)) == (1, True)
    assert told.output.endswith("2 events are rejected, 1 object that could not be read\n")
    told = run("rejected", "--bucket", BUCKET, "--json", *options)
    assert (told.status, is_clean(told, text, shown=False), told.output.isascii()) == (1, True, True)
    assert told.json["groups"][0]["samples"][1] == f"line {text}"


@account
@hostile
def test_replay_dry_run(text: str) -> None:
    payload = subscribe(text)
    verdict = Verdict(Outcome.RETRY, 0, f"type{text}", text)
    FailureStore(BUCKET, "x").keep([(payload, [Unsettled("cwl", each, verdict) for each in payload.events])])
    boto3.client("s3").put_object(Bucket=BUCKET, Key="aws/lambda/async/f/1", Body=encode(payload))
    told = run("replay", "--bucket", BUCKET, "--dry-run")
    assert (told.status, is_clean(told, text)) == (1, True)
    told = run("replay", "--bucket", BUCKET, "--dry-run", "--json")
    assert (told.json["objects"], is_clean(told, text, shown=False)) == (2, True)


@account
@hostile
@pytest.mark.usefixtures("cluster")
def test_replay_and_its_log(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_FORMATS", DEFAULT)
    s3 = boto3.client("s3")
    s3.put_object(Bucket=BUCKET, Key="failed/1", Body=encode(subscribe(text)))
    s3.put_object(
        Bucket=BUCKET, Key="failed/\x1b[31m\u202e\x9b", Body=f"garbage {text}".encode(errors="replace")
    )
    told = run("replay", "--bucket", BUCKET)
    assert (told.status, is_clean(told, text, shown=False)) == (1, True)
    assert "\\u001b[31m\\u202e\\u009b" in told.errors


ASKING: Final = {
    "doctor": ("doctor",),
    "verify": ("verify", "--day", "2026-01-15"),
    "report": ("report", "--output", "/nowhere/report.html"),
    "reparse": ("reparse", "--dry-run"),
    "dashboards": ("dashboards", "--import"),
}


@hostile
@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize("arguments", ASKING.values(), ids=ASKING)
def test_what_a_cluster_answers(
    text: str, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOG_FORMATS", DEFAULT)
    for form in ([], ["--json"]):
        told = run(*arguments[:1] if form and arguments[0] == "report" else arguments, *form)
        assert is_clean(told, text, shown=False)
        if form and told.output:
            assert (json.loads(told.output) is not None, told.output.isascii()) == (True, True)


@hostile
@pytest.mark.parametrize("arguments", [("doctor", "--stack", "s"), ("rejected", "--stack", "s")], ids=str)
def test_what_aws_answers(text: str, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: str) -> dict[str, str]:
        raise ClientError({"Error": {"Code": f"Code{text}", "Message": f"no {text}"}}, "DescribeStacks")

    monkeypatch.setattr(deployment, "_read_outputs", refuse)
    for debug in ([], ["--debug"]):
        told = run(*arguments, *debug)
        assert (told.status, told.output) == (1, "")
        assert is_clean(told, text, shown=not debug)


@hostile
def test_an_error_that_nobody_has_foreseen(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: str) -> Callable[[], None]:
        raise KeyError(text) from ValueError(text)

    monkeypatch.setattr(deployment, "_read_outputs", fail)
    for debug in ([], ["--debug"]):
        told = run("rejected", "--stack", "s", *debug)
        assert told.status == 1
        assert is_clean(told, text, shown=not debug)


@account
@hostile
def test_names_of_log_groups_and_filters(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENSEARCH_URL", "http://127.0.0.1:9")
    told = run("doctor", "--log-group", f"/vpc/{text}", "--forward", f"f{text}")
    assert (told.status, is_clean(told, text, shown=False)) == (1, True)


@hostile
def test_a_file_with_an_odd_name(text: str, tmp_path: Path) -> None:
    name = (
        text.replace("\0", "")
        .replace("/", "")
        .encode("utf-8", "surrogateescape" if text.isascii() else "replace")
    )
    told = run("dashboards", "--export", str(tmp_path / name.decode()))
    assert (told.status, is_clean(told, text, shown=False)) == (0, True)
