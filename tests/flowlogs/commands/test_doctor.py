"""`flowlogs doctor` as a command: what it prints, and what its exit status says."""

from typing import Final

import pytest

from flowlogs.cluster.account import FUNCTIONS, GROUP, NO_LOOP, SUBSCRIBED, WAITING
from flowlogs.cluster.formats import FORMATS
from flowlogs.cluster.health import INSIDE, REACH, SIGN
from flowlogs.cluster.people import GROUPS
from flowlogs.cluster.templates import WINS
from flowlogs.local.embedded import Embedded
from support.commands import run
from support.examined import put_template
from support.front import Front

ACCOUNT: Final = (FUNCTIONS, GROUP, SUBSCRIBED, FORMATS, NO_LOOP, WAITING, GROUPS)


@pytest.fixture
def node(opensearch: Embedded, monkeypatch: pytest.MonkeyPatch) -> Embedded:
    """Return a cluster with the template, which the command asks."""
    monkeypatch.setenv("OPENSEARCH_URL", opensearch.url)
    put_template(opensearch, "cwl", 200)
    return opensearch


def test_what_is_in_order_or_not_there_or_not_named_ends_with_0(node: Embedded) -> None:
    told = run("doctor")

    assert told.status == 0
    assert told.output.startswith(f"ok       the cluster answers\n         {node.url}, version 3.8.0\n")
    assert (
        "skipped  documents may be written\n         there is no index yet, and none is made" in told.output
    )
    assert told.output.endswith("20 looked at, 0 problems, 0 unknown, 12 skipped\n")


def test_what_is_unknown_counts_and_ends_with_1(node: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    with Front(node, lambda call: (503, "no") if "_simulate_index" in call.path else None) as front:
        monkeypatch.setenv("OPENSEARCH_URL", front.url)
        told = run("doctor")
        listed = run("doctor", "--json")

    assert (told.status, listed.status) == (1, 1)
    assert "unknown  new indices follow it\n         it answers 503 no. It is starting" in told.output
    assert told.output.endswith("20 looked at, 0 problems, 1 unknown, 12 skipped\n")
    assert [each["name"] for each in listed.json if each["state"] == "unknown"] == [WINS]


def test_a_cluster_that_is_away_leaves_the_account_to_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENSEARCH_URL", "http://127.0.0.1:9")
    told = run("doctor", "--json")

    assert told.status == 1
    assert [(each["name"], each["state"]) for each in told.json] == [
        (REACH, "problem"),
        *((name, "unknown") for name in (SIGN, *INSIDE)),
        *((name, "skipped") for name in ACCOUNT),
    ]


def test_without_an_address_the_command_says_which_variable_is_missing() -> None:
    told = run("doctor", "--json")

    assert (told.status, told.json[0]["state"]) == (1, "problem")
    assert "OPENSEARCH_URL is not set" in told.json[0]["text"]
    assert {each["text"] for each in told.json[1:13]} == {"the cluster cannot be asked"}


@pytest.mark.usefixtures("account")
def test_the_cluster_is_asked_whatever_the_profile(node: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    told = run("doctor", "--profile", "x", "--forward", "forward", "--json")
    assert told.status == 1
    assert (told.json[0]["name"], told.json[0]["state"]) == (REACH, "ok")
    assert node.url in told.json[0]["text"]
    monkeypatch.setenv("OPENSEARCH_AUTH", "iam")  # which needs the profile
    told = run("doctor", "--profile", "x", "--json")
    assert (told.status, told.json[0]["state"]) == (1, "problem")
    assert "The config profile (x) could not be found" in told.json[0]["text"]
