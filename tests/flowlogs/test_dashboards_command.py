"""`flowlogs dashboards`: the saved objects as a file, or into OpenSearch Dashboards."""

import json
from pathlib import Path

import pytest

from commands import run
from flowlogs.dashboards.saved_objects import FILE
from logged import Logged
from recorder import Answer, Recorder

OBJECTS = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]


def test_export_writes_the_file_that_is_shipped(tmp_path: Path) -> None:
    told = run("dashboards", "--export", str(tmp_path / "flowlogs.ndjson"))

    assert (told.status, told.errors) == (0, "")
    assert (tmp_path / "flowlogs.ndjson").read_text() == FILE.read_text()
    assert f"{len(OBJECTS)} objects" in told.output


def test_export_for_another_prefix_names_nothing_after_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INDEX_PREFIX", "flow")

    told = run("dashboards", "--export", "-")

    objects = [json.loads(line) for line in told.output.splitlines()]
    assert "cwl" not in told.output
    assert objects[0]["attributes"]["title"] == "flow-*"
    assert {each["id"].split("-")[0] for each in objects} == {"flow"}


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
