"""Commands before a server that shows a version as OpenSearch does, and answers all else oddly."""

from typing import Any, Final

import pytest

from flowlogs.cluster.finding import State
from flowlogs.cluster.health import REACH, SIGN
from support.commands import BUCKET, run
from support.front import Call, Front, Reply

ROOT: Final = {"version": {"distribution": "opensearch", "number": "3.8.0"}}
DAY: Final = ("--since", "2026-01-15", "--until", "2026-01-16")
INDICES: Final = {"indices": [{"name": "cwl-2026.01.15", "attributes": ["open"]}]}

SENTENCE: Final = "what is answered at OPENSEARCH_URL is no answer of OpenSearch: "

ODD: Final = [
    pytest.param((200, "<html>"), id="a web page"),
    pytest.param((200, "hello"), id="a text"),
    pytest.param((200, {}), id="an empty object"),
    pytest.param((200, []), id="a list"),
    pytest.param((200, None), id="null"),
    pytest.param((200, {"indices": 1, "hits": 2, "_shards": 3}), id="other types"),
]
COMMANDS: Final = [
    pytest.param(["report", "--json", *DAY], id="report"),
    pytest.param(["reparse", "--dry-run", *DAY], id="reparse"),
]


def answer(call: Call, odd: Reply, *good: str) -> Reply:
    """Answer as OpenSearch what begins so, and all else oddly."""
    if call.path == "/":
        return 200, ROOT
    if any(call.path.startswith(each) for each in good):
        return 200, INDICES if call.path.startswith("/_resolve") else {"_shards": {}, "indices": {}}
    return odd


def ask(monkeypatch: pytest.MonkeyPatch, arguments: list[str], odd: Reply, *good: str) -> Any:  # Told
    monkeypatch.setenv("LOG_FORMATS", "${version}")
    with Front(None, lambda call: answer(call, odd, *good)) as front:
        monkeypatch.setenv("OPENSEARCH_URL", front.url)
        return run(*arguments)


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("command", COMMANDS)
def test_the_list_of_indices_is_no_list(
    command: list[str], odd: Reply, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = ask(monkeypatch, command, odd)
    assert (told.status, told.output) == (1, "")
    assert told.errors.startswith(f"flowlogs: {SENTENCE}")


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("command", COMMANDS)
def test_the_answer_to_a_search_is_none(
    command: list[str], odd: Reply, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = ("/_resolve/", "/_cluster/health", "/cwl-2026.01.15/_refresh")
    told = ask(monkeypatch, command, odd, *good)
    assert (told.status, told.output) == (1, "")
    assert told.errors.startswith(f"flowlogs: {SENTENCE}")


@pytest.mark.parametrize("good", [(), ("/_resolve/",)], ids=["list", "health"])
@pytest.mark.parametrize("odd", ODD)
@pytest.mark.usefixtures("account")
def test_verify_keeps_its_other_sources(
    odd: Reply, good: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = ask(monkeypatch, ["verify", "--day", "2026-01-15", "--bucket", BUCKET, "--json"], odd, *good)
    assert (told.status, told.errors, told.json["conclusion"]) == (1, "", "not known")
    assert told.json["missing"]["index"].startswith(SENTENCE)
    assert told.json["sources"]["bucket"] == {"pending": 0, "rejected": 0}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.usefixtures("account")
def test_doctor_keeps_all_its_findings(odd: Reply, monkeypatch: pytest.MonkeyPatch) -> None:
    told = ask(monkeypatch, ["doctor", "--json"], odd)
    assert (told.status, told.errors) == (1, "")
    good = [each["name"] for each in told.json if each["state"] == State.OK.value]
    assert good[:2] == [REACH, SIGN]
    assert sum(each["text"].startswith(SENTENCE) for each in told.json) == 4
