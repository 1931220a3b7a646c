"""What `sam build` makes holds what runs, and runs: under AWS's runtime client, against a real OpenSearch."""

import importlib.util
import io
import json
import os
import shutil
import struct
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from flowlogs.cluster.connection import install_template, open_client
from flowlogs.commands.invoke import HANDLER
from flowlogs.local.artifact import FUNCTION, build
from flowlogs.local.embedded import Embedded
from flowlogs.local.runtime import ExecutionEnvironment
from parser.document import build as build_document
from parser.format import known_formats
from parser.index_names import index_name
from parser.subscription import decode_event

LARGEST_ZIP = 4_000_000
UNCHECKED_HASH = 0b01
AARCH64 = 183

EVENTS = sorted((Path(__file__).parents[2] / "events").glob("*.json"))
SAMPLES = [path for path in EVENTS if path.name != "environment.json"]

NOTHING = dict.fromkeys(
    ["received", "indexed", "duplicate", "pending", "rejected", "unparsed", "no_data", "skip_data"], 0
)


@pytest.mark.parametrize(
    ("config", "processor"),
    [
        pytest.param("", "arm64", id="not deployed yet"),
        pytest.param(
            'parameter_overrides = "MemorySize=\\"256\\" Architecture=\\"x86_64\\""', "x86_64", id="x86_64"
        ),
        pytest.param(
            'parameter_overrides = "Architecture=\\"arm64\\" Timeout=\\"60\\""', "arm64", id="arm64"
        ),
    ],
)
def test_what_is_built_fits_the_stack_and_is_deployed_for_no_other_processor(
    project: Path, artifact: Path, tmp_path: Path, config: str, processor: str
) -> None:
    shutil.copy(project / "Makefile", tmp_path)
    shutil.copytree(project / "requirements", tmp_path / "requirements")
    (tmp_path / "samconfig.toml").write_text(config)
    done = subprocess.run(["make", "-n", "build"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert f"build --parameter-overrides Architecture={processor}\n" in done.stdout
    # Run what follows the build on a template that was built.
    template = tmp_path / ".aws-sam" / "build" / "template.yaml"
    template.parent.mkdir(parents=True)
    shutil.copy(artifact.parent / "template.yaml", template)
    subprocess.run(["sh", "-c", done.stdout[done.stdout.index("sed -i") :]], cwd=tmp_path, check=True)
    lines = template.read_text().splitlines()
    first = lines.index("  Architecture:")
    assert lines[first + 1 : first + 5] == [
        "    Type: String",
        f"    Default: {processor}",
        "    AllowedValues:",
        f"    - {processor}",
    ]
    assert not lines[first + 5].startswith("    - ")
    assert "    - ACCEPT" in lines  # of another parameter


def test_the_artifact_holds_our_modules_as_they_are(artifact: Path, project: Path) -> None:
    for package in ("parser", "handler"):
        sources = sorted((project / "src" / package).rglob("*.py"))
        assert sources
        packaged = sorted((artifact / package).rglob("*.py"))
        assert [path.relative_to(artifact) for path in packaged] == [
            path.relative_to(project / "src") for path in sources
        ]
        assert [path.read_bytes() for path in packaged] == [path.read_bytes() for path in sources]


def test_the_artifact_holds_only_what_runs(artifact: Path) -> None:
    names = {path.name for path in artifact.iterdir() if path.suffix != ".dist-info"}
    assert names == {
        "LICENSE",
        "NOTICE",
        "__pycache__",
        "aws_lambda_powertools",
        "certifi",
        "charset_normalizer",
        "dateutil",
        "events",
        "handler",
        "idna",
        "isal",
        "jmespath",
        "msgspec",
        "opensearchpy",
        "parser",
        "requests",
        "requests_aws4auth",
        "six.py",
        "typing_extensions.py",
        "urllib3",
    }
    assert [path for path in artifact.rglob("*") if path.is_dir() and path.name in {"test", "tests"}] == []


def test_every_module_is_compiled_and_is_never_checked_again(artifact: Path) -> None:
    sources = list(artifact.rglob("*.py"))
    assert sources
    for source in sources:
        compiled = Path(importlib.util.cache_from_source(str(source))).read_bytes()
        assert compiled[:4] == importlib.util.MAGIC_NUMBER, source
        assert struct.unpack("<I", compiled[4:8])[0] == UNCHECKED_HASH, source
        assert compiled[8:16] == importlib.util.source_hash(source.read_bytes()), source


def test_the_artifact_for_lambda_fits_its_processor_and_is_small(tmp_path: Path) -> None:
    told = build(tmp_path, architecture="arm64", python_version="3.13", function=FUNCTION)
    artifact = tmp_path / FUNCTION
    assert "Artifact for Python 3.13:" in told
    libraries = list(artifact.rglob("*.so"))
    assert libraries
    for library in libraries:
        assert "cpython-313-aarch64" in library.name or ".abi3." in library.name
        assert struct.unpack("<H", library.read_bytes()[18:20])[0] == AARCH64
    assert len(zip_folder(artifact)) <= LARGEST_ZIP


def zip_folder(folder: Path) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in folder.rglob("*"):
            file.write(path, path.relative_to(folder))
    return archive.getvalue()


def test_a_build_for_another_processor_than_the_templates_is_refused(project: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        ["make", "--makefile", str(project / "builder/arm64/Makefile"), "build-ForwardFunction"],
        env={**os.environ, "ARCH": "x86_64", "ARTIFACTS_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert (
        'ARCH is x86_64, but the template asks for arm64: run "sam build '
        '--parameter-overrides Architecture=x86_64"'
    ) in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_event_becomes_documents(artifact: Path, opensearch: Embedded, path: Path) -> None:
    event = json.loads(path.read_text())
    expected = expected_documents(event)
    with prepared(artifact, opensearch) as function:
        invocation = function.invoke(event)
    assert (invocation.error, invocation.payload["received"]) == (None, len(expected))
    assert invocation.payload["indexed"] == len(expected)
    assert stored_documents(opensearch) == expected


def test_a_payload_that_comes_twice_changes_nothing(artifact: Path, opensearch: Embedded) -> None:
    event = read_event("flow-logs-v2.json")
    with prepared(artifact, opensearch) as function:
        counts = [function.invoke(event, request_id="r-1").payload for _ in range(2)]
    received = len(expected_documents(event))
    assert [(each["indexed"], each["duplicate"]) for each in counts] == [(received, 0), (0, received)]
    assert stored_documents(opensearch) == expected_documents(event)


def test_an_invocation_logs_one_line_with_its_metrics(artifact: Path, opensearch: Embedded) -> None:
    with prepared(artifact, opensearch) as function:
        log = function.invoke(read_event("flow-logs-v2.json")).log
    (line,) = (json.loads(each) for each in log.splitlines())
    assert (line["message"], line["received"], line["indexed"]) == ("forward.done", 10, 10)
    assert line["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "FlowLogs"


def test_a_control_message_succeeds(artifact: Path, opensearch: Embedded) -> None:
    with prepared(artifact, opensearch) as function:
        invocation = function.invoke(read_event("control-message.json"))
    assert invocation.error is None
    assert invocation.payload == {**invocation.payload, **NOTHING}


def test_an_event_of_something_else_is_an_error(artifact: Path, opensearch: Embedded) -> None:
    with prepared(artifact, opensearch) as function:
        invocation = function.invoke({"Records": []})
    assert invocation.error == "EnvelopeError"
    assert "forward.failed" in invocation.log


def test_an_unusable_environment_is_an_error_that_names_every_problem(artifact: Path) -> None:
    environ = {"OPENSEARCH_URL": "ftp://x", "KEEP_MESSAGE": "perhaps"}
    with ExecutionEnvironment(artifact, HANDLER, environ) as function:
        invocation = function.invoke(read_event("flow-logs-v2.json"))
    assert invocation.error == "ConfigError"
    assert "OPENSEARCH_URL is 'ftp://x'" in invocation.payload["errorMessage"]
    assert "KEEP_MESSAGE is 'perhaps'" in invocation.payload["errorMessage"]


def prepared(artifact: Path, node: Embedded) -> ExecutionEnvironment:
    """Install the index template, and return the function for this cluster."""
    environ = {
        "OPENSEARCH_URL": node.url,
        "OPENSEARCH_AUTH": "none",
        "LOG_FORMATS": str(known_formats()),
    }
    config, client = open_client(environ)
    install_template(client, config)
    client.close()
    return ExecutionEnvironment(artifact, HANDLER, environ)


def read_event(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((EVENTS[0].parent / name).read_text())
    return event


def expected_documents(event: dict[str, Any]) -> dict[tuple[str, str], Any]:
    """Return the document of each event, by its index and id."""
    subscription = decode_event(event)
    return {
        (index_name("cwl", each.timestamp), each.id): build_document(
            each, subscription, known_formats(), keep_message=True
        )
        for each in subscription.events
    }


def stored_documents(node: Embedded) -> dict[tuple[str, str], Any]:
    """Return all documents of the cluster, by index and id."""
    node.request("POST", "/_refresh")
    _, reply = node.request("GET", "/cwl-*/_search?size=1000")
    return {(hit["_index"], hit["_id"]): hit["_source"] for hit in reply["hits"]["hits"]}
