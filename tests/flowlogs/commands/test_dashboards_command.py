"""`flowlogs dashboards`: the saved objects as a file, or into OpenSearch Dashboards."""

import json
from pathlib import Path

import pytest

from flowlogs.dashboards.saved_objects import FILE
from support.commands import run
from support.logged import Logged
from support.recorder import Answer, Recorder

OBJECTS = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]


def test_export_writes_the_file_that_is_shipped(tmp_path: Path) -> None:
    told = run("dashboards", "--export", str(tmp_path / "flowlogs.ndjson"))

    assert (told.status, told.errors) == (0, "")
    assert (tmp_path / "flowlogs.ndjson").read_text() == FILE.read_text()
    assert f"{len(OBJECTS)} objects" in told.output


def test_export_says_of_a_message_whether_it_can_be_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEEP_MESSAGE", "indexed")

    pattern, *others = map(json.loads, run("dashboards", "--export", "-").output.splitlines())

    fields = {each["name"]: each for each in json.loads(pattern["attributes"]["fields"])}
    kept = {each["name"]: each for each in json.loads(OBJECTS[0]["attributes"]["fields"])}
    assert fields == kept | {"@message": kept["@message"] | {"searchable": True}}
    assert others == OBJECTS[1:]


def test_export_for_another_prefix_names_nothing_after_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INDEX_PREFIX", "flow")

    told = run("dashboards", "--export", "-")

    objects = [json.loads(line) for line in told.output.splitlines()]
    assert "cwl" not in told.output
    assert objects[0]["attributes"]["title"] == "flow-20*"
    assert {each["id"].split("-")[0] for each in objects} == {"flow"}


@pytest.mark.parametrize("file", ["-", "flowlogs.ndjson"])
def test_a_prefix_that_no_index_can_have_is_refused(
    file: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("INDEX_PREFIX", "BAD*")
    monkeypatch.chdir(tmp_path)

    told = run("dashboards", "--export", file)

    assert (told.status, told.output) == (2, "")
    assert "INDEX_PREFIX is 'BAD*': allowed are lower-case letters" in told.errors
    assert list(tmp_path.iterdir()) == []


def test_import_sends_all_objects_into_the_global_tenant(monkeypatch: pytest.MonkeyPatch) -> None:
    with Recorder() as dashboards:
        monkeypatch.setenv("OPENSEARCH_URL", dashboards.url)
        dashboards.answers += [
            Answer(200, b'{"saved_objects":[]}'),
            Answer(200, json.dumps({"success": True, "successCount": len(OBJECTS)}).encode()),
        ]

        told = run("dashboards", "--import")

    request = dashboards.received[-1]
    assert (told.status, told.errors) == (0, "")
    assert request.target == "/_dashboards/api/saved_objects/_import?overwrite=true"
    assert (request.header("osd-xsrf"), request.header("securitytenant")) == ("true", "global")
    assert FILE.read_bytes().strip() in request.body
    assert told.output.startswith(f"created: {len(OBJECTS)} objects")


def test_import_tells_machines_what_was_done(monkeypatch: pytest.MonkeyPatch) -> None:
    with Recorder() as dashboards:
        monkeypatch.setenv("OPENSEARCH_URL", dashboards.url)
        dashboards.answers += [
            Answer(200, b'{"saved_objects":[]}'),
            Answer(200, json.dumps({"success": True, "successCount": len(OBJECTS)}).encode()),
        ]

        told = run("dashboards", "--import", "--json")

    assert (told.status, told.errors) == (0, "")
    assert told.json == {
        "did": "created",
        "note": f"{len(OBJECTS)} objects",
        "dashboard": "VPC flow logs (cwl-*)",
        "url": f"{dashboards.url}/_dashboards",
    }


def test_json_goes_with_import_only() -> None:
    told = run("dashboards", "--export", "-", "--json")

    assert (told.status, told.output) == (2, "")
    assert told.errors == ("flowlogs: --json goes with --import: what --export writes is JSON already\n")


def test_machines_are_told_that_a_cluster_has_no_dashboards(
    logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENSEARCH_URL", logged.node.url)

    told = run("dashboards", "--import", "--json")

    assert told.status == 1
    assert (told.json["did"], told.json["note"]) == (
        "skipped",
        "the cluster has no OpenSearch Dashboards at /_dashboards",
    )


def test_a_cluster_without_dashboards_is_said(logged: Logged, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENSEARCH_URL", logged.node.url)

    told = run("dashboards", "--import")

    assert (told.status, told.output) == (1, "")
    assert told.errors == "flowlogs: the cluster has no OpenSearch Dashboards at /_dashboards\n"


@pytest.mark.parametrize("arguments", [(), ("--import", "--export", "x")], ids=["neither", "both"])
def test_one_of_export_and_import_is_asked_for(arguments: tuple[str, ...]) -> None:
    told = run("dashboards", *arguments)

    assert (told.status, told.errors) == (2, "flowlogs: give either --export FILE or --import\n")


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    told = run("dashboards", "--export", str(tmp_path / "missing" / "file"))

    assert told.status == 1
    assert "cannot be written" in told.errors
