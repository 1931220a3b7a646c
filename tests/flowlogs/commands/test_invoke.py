"""`flowlogs invoke`: events through the built function, and the same output with and without Docker."""

import json
from pathlib import Path

import pytest
import typer

from flowlogs.commands.invoke import (
    choose_variables,
    format_report,
    invoke,
    reach_from_container,
    sam_command,
)
from flowlogs.local.embedded import Embedded
from flowlogs.local.runtime import Invocation
from parser.subscription import Event, Subscription, encode

LOCAL = "http://127.0.0.1:9201"


@pytest.fixture
def no_docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a docker on the path whose daemon does not answer, as on a machine without Docker."""
    docker = tmp_path / "docker"
    docker.write_text("#!/bin/sh\nexit 1\n")
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")


@pytest.mark.usefixtures("no_docker")
def test_the_result_goes_to_standard_output_and_the_log_to_standard_error(
    opensearch: Embedded, project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENSEARCH_URL", opensearch.url)
    status = invoke(project / "events/flow-logs-v2.json")
    output, log = capfd.readouterr()
    assert status == 0
    result = json.loads(output)
    assert (result["received"], result["indexed"]) == (10, 10)
    lines = log.splitlines()
    assert lines[0].startswith("START RequestId: ")
    assert any('"message":"forward.done"' in line for line in lines)
    assert lines[-2].startswith("END RequestId: ")
    assert lines[-1].startswith("REPORT RequestId: ")
    assert opensearch.request("GET", "/_index_template/cwl")[0] == 200


@pytest.mark.usefixtures("no_docker")
def test_the_stream_function_settles_the_records_of_the_sample(
    opensearch: Embedded, project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENSEARCH_URL", opensearch.url)
    assert invoke(project / "events/stream/records.json", "StreamFunction") == 0
    output, log = capfd.readouterr()
    assert json.loads(output) == {"batchItemFailures": []}
    (line,) = [json.loads(each) for each in log.splitlines() if '"message":"stream.done"' in each]
    assert (line["records"], line["received"], line["indexed"]) == (3, 17, 17)


@pytest.mark.usefixtures("no_docker")
def test_each_payload_of_a_stored_object_is_an_invocation_and_what_is_damaged_is_named(
    opensearch: Embedded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENSEARCH_URL", opensearch.url)
    payloads = [
        Subscription(
            owner="123456789010",
            log_group="/vpc/a",
            log_stream="eni-all",
            events=tuple(Event(f"{number:056d}", 1768478400000, "-") for number in numbers),
        )
        for numbers in ((1, 2), (2, 3, 4))
    ]
    stored = tmp_path / "20260115T120000.000000Z-1.json.gz"
    stored.write_bytes(b"".join(encode(each) for each in payloads) + encode(payloads[0])[:60])
    assert invoke(stored) == 1
    output, log = capfd.readouterr()
    results = [json.loads(line) for line in output.splitlines()]
    assert [(each["received"], each["indexed"], each["duplicate"]) for each in results] == [
        (2, 2, 0),
        (3, 2, 1),
    ]
    assert log.splitlines()[-1].startswith(f"flowlogs: left out of {stored}: byte ")


def test_another_function_is_not_invoked_with_a_stored_object(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stored = tmp_path / "stored.json.gz"
    stored.write_bytes(
        encode(
            Subscription(owner="123456789010", log_group="/a", log_stream="b", events=(Event("1", 1, "-"),))
        )
    )
    with pytest.raises(typer.Exit) as ended:
        invoke(stored, "StreamFunction")
    assert ended.value.exit_code == 2
    assert "an object of the failure bucket, of which ForwardFunction takes each payload" in " ".join(
        capsys.readouterr().err.split()
    )


@pytest.mark.usefixtures("no_docker")
def test_a_function_that_fails_is_an_error_of_the_command(
    opensearch: Embedded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENSEARCH_URL", opensearch.url)
    event = tmp_path / "event.json"
    event.write_text("{}")
    assert invoke(event) == 1
    assert json.loads(capfd.readouterr().out)["errorType"] == "EnvelopeError"


@pytest.mark.parametrize(
    ("text", "variables", "status", "said"),
    [
        pytest.param("{", {}, 2, "is not JSON", id="an event that is no JSON"),
        pytest.param('{"messageType": 1', {}, 2, "holds no payload that can be read", id="a damaged object"),
        pytest.param(
            "{}", {"KEEP_MESSAGE": "perhaps"}, 2, "KEEP_MESSAGE is 'perhaps'", id="a wrong variable"
        ),
        pytest.param("{}", {}, 1, "the index template cannot be installed", id="no cluster"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    text: str,
    variables: dict[str, str],
    status: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("OPENSEARCH_URL", "http://127.0.0.1:1")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    event = tmp_path / "event.json"
    event.write_text(text)
    with pytest.raises(typer.Exit) as ended:
        invoke(event)
    assert ended.value.exit_code == status
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "function", "source", "right"),
    [
        pytest.param(
            "stream/records.json", "ForwardFunction", "a stream", "StreamFunction", id="of a stream"
        ),
        pytest.param(
            "flow-logs-v2.json", "StreamFunction", "a subscription", "ForwardFunction", id="of a subscription"
        ),
    ],
)
def test_an_event_of_the_other_source_names_the_function_that_takes_it(
    name: str, function: str, source: str, right: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = project / "events" / name
    with pytest.raises(typer.Exit) as ended:
        invoke(path, function)
    assert ended.value.exit_code == 2
    assert " ".join(capsys.readouterr().err.split()) == (
        f"flowlogs: {path} is an event of {source}, which {function} does not take: "
        f"flowlogs invoke --function {right} {path}, or make invoke FUNCTION={right} EVENT={path}"
    )


def test_variables_of_this_process_come_before_those_of_the_file() -> None:
    environ = {"INDEX_PREFIX": "mine", "HOME": "/home/someone", "AWS_REGION": "us-east-1"}
    variables = choose_variables(LOCAL, environ)
    assert variables["INDEX_PREFIX"] == "mine"
    assert variables["KEEP_MESSAGE"] == "stored"
    assert variables["AWS_REGION"] == "us-east-1"
    assert "HOME" not in variables


@pytest.mark.parametrize(
    ("url", "environ", "auth"),
    [
        pytest.param(LOCAL, {}, "none", id="this machine"),
        pytest.param("https://search-x.es.amazonaws.com", {}, "iam", id="a domain"),
        pytest.param("https://localhost:9200", {"OPENSEARCH_AUTH": "basic"}, "basic", id="as told"),
    ],
)
def test_requests_are_authenticated_as_the_cluster_needs_it(
    url: str, environ: dict[str, str], auth: str
) -> None:
    variables = choose_variables(url, environ)
    assert (variables["OPENSEARCH_URL"], variables["OPENSEARCH_AUTH"]) == (url, auth)


@pytest.mark.parametrize(
    ("init_ms", "memory", "line"),
    [
        pytest.param(
            150.5,
            40.2,
            "REPORT RequestId: r-1\tDuration: 12.35 ms\tBilled Duration: 163 ms\tMemory Size: 256 MB"
            "\tMax Memory Used: 41 MB\tInit Duration: 150.50 ms",
            id="cold",
        ),
        pytest.param(
            None,
            None,
            "REPORT RequestId: r-1\tDuration: 12.35 ms\tBilled Duration: 13 ms\tMemory Size: 256 MB",
            id="warm, memory unknown",
        ),
    ],
)
def test_the_report_is_written_as_lambda_writes_it(
    init_ms: float | None, memory: float | None, line: str
) -> None:
    assert format_report(Invocation("r-1", {}, None, "", init_ms, 12.345678, memory), 256) == line


@pytest.mark.parametrize(
    ("url", "system", "seen"),
    [
        pytest.param(LOCAL, "Linux", LOCAL, id="Linux shares its network"),
        pytest.param(LOCAL, "Darwin", "http://host.docker.internal:9201", id="Docker Desktop, address"),
        pytest.param(
            "http://localhost:1", "Darwin", "http://host.docker.internal:1", id="Docker Desktop, name"
        ),
        pytest.param("https://search-x", "Darwin", "https://search-x", id="elsewhere"),
    ],
)
def test_a_container_reaches_a_cluster_of_this_machine(url: str, system: str, seen: str) -> None:
    variables = {"OPENSEARCH_URL": url, "INDEX_PREFIX": "cwl"}
    assert reach_from_container(variables, system) == {"OPENSEARCH_URL": seen, "INDEX_PREFIX": "cwl"}


def test_sam_is_given_the_build_the_event_and_the_variables() -> None:
    command = sam_command(Path("b"), Path("e.json"), Path("v.json"), "x86_64", "Linux")
    assert Path(command[0]).name == "sam"
    assert command[1:] == [
        *("local", "invoke", "ForwardFunction", "--template", "b/template.yaml"),
        *("--event", "e.json", "--env-vars", "v.json"),
        *("--parameter-overrides", "Architecture=x86_64", "--docker-network", "host"),
    ]
    assert "--docker-network" not in sam_command(Path("b"), Path("e"), Path("v"), "arm64", "Darwin")
