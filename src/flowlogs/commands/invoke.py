"""`flowlogs invoke`: events through the built artifact, as Lambda runs it, into a local OpenSearch."""

import json
import math
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from opensearchpy import OpenSearchException

from flowlogs.bucket.events import Opened, open_events
from flowlogs.cluster.connection import install_template, open_client
from flowlogs.local.artifact import (
    FUNCTION,
    ArtifactError,
    build,
    find_sam,
    host_architecture,
    host_artifact,
)
from flowlogs.local.errors import EmbeddedError
from flowlogs.local.places import PROJECT
from flowlogs.local.runtime import ExecutionEnvironment, Invocation
from flowlogs.terminal.exits import INCOMPLETE, USAGE, demand_checkout, describe, fail, say
from flowlogs.terminal.foreign import harmless
from handler.config import ConfigError
from parser.errors import EnvelopeError

HANDLER: Final = "handler.forward.lambda_handler"
STREAM_FUNCTION: Final = "StreamFunction"
HANDLERS: Final = {
    FUNCTION: HANDLER,
    STREAM_FUNCTION: "handler.stream.lambda_handler",
    "ReplayFunction": "handler.replay.lambda_handler",
}
ENVIRONMENT: Final = PROJECT / "events" / "environment.json"
"""The functions' environment variables on this machine, in the form of `sam local invoke --env-vars`."""

MEMORY_MB: Final = 256
TIMEOUT: Final = 60

_PASSED_ON: Final = (
    "OPENSEARCH_USERNAME",
    "OPENSEARCH_PASSWORD",
    "OPENSEARCH_CA_BUNDLE",
    "AWS_REGION",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_CA_BUNDLE",
)
"""What a cluster and a bucket of the user's own may need, passed on where it is set."""


def invoke_command(
    event: Annotated[
        Path,
        typer.Argument(
            exists=True, dir_okay=False, help="A Lambda event, as JSON, or an object of the failure bucket."
        ),
    ],
    function: Annotated[
        str, typer.Option(help="ForwardFunction, StreamFunction or ReplayFunction.")
    ] = FUNCTION,
) -> None:
    """Run a built function with an event, against a local OpenSearch.

    The function's log goes to standard error, its result to standard
    output. Where Docker runs, this is "sam local invoke"; elsewhere the
    same artifact runs under AWS's runtime client.

    Of an object of the failure bucket, as it was downloaded, the forward
    function is invoked with each payload, and each result is a line. What
    of it cannot be read is named.

    Exit status 1 says that the function failed, or could not be built, or
    that a part of an object could not be read.

    [bold]Examples[/bold]

    flowlogs invoke events/flow-logs-v2.json

    flowlogs invoke --function StreamFunction events/stream/records.json
    """
    demand_checkout("invoke", "builds the functions")
    if function not in HANDLERS:
        raise fail(f"there is no {function}: {', '.join(HANDLERS)}", USAGE)
    raise typer.Exit(invoke(event, function))


def invoke(event_path: Path, function: str = FUNCTION) -> int:
    """Run a built function with the event in a file, or with each payload of an object; return 0 or 1.

    It is 1 when the function failed, or when a part of the object could not be read.

    The cluster is the one that OPENSEARCH_URL names, or the embedded one, started if it is not running.
    Variables of events/environment.json that are set in this process's environment are taken from there.

    Raises:
        typer.Exit: the event, the environment, the cluster or the artifact is not usable.
    """
    from flowlogs.local.project_node import (
        connect_or_start,  # an extra: who has no checkout shall hear of that
    )

    opened = _open(event_path, function)
    try:
        with connect_or_start() as url:
            variables = choose_variables(url, os.environ, function)
            config, client = open_client(variables)
            install_template(client, config)
            run = _invoke_by_sam if _docker_answers() else _invoke_here
            status = run(opened.events, variables, function)
    except ConfigError as error:
        raise fail(str(error), USAGE) from error
    except OpenSearchException as error:
        raise fail(f"the index template cannot be installed: {describe(error)}", INCOMPLETE) from error
    except (EmbeddedError, ArtifactError) as error:
        raise fail(str(error), INCOMPLETE, keep="\n") from error  # what sam printed has lines
    for reason in opened.lacking:
        say(f"left out of {event_path}: {reason}")
    return INCOMPLETE if opened.lacking else status


def _open(path: Path, function: str) -> Opened:
    """Read a file; what this function cannot be invoked with ends the command."""
    try:
        opened = open_events(path.read_bytes())
    except EnvelopeError as error:
        raise fail(f"{path} holds no payload that can be read: {error}", USAGE) from error
    except ValueError as error:
        raise fail(f"{path} is not JSON: {error}", USAGE) from error
    if opened.stored and function != FUNCTION:
        raise fail(
            f"{path} is an object of the failure bucket, of which {FUNCTION} takes each payload", USAGE
        )
    _refuse_misfit(opened.events[0], path, function)
    return opened


def _refuse_misfit(event: object, path: Path, function: str) -> None:
    """Name the function that takes an event, where another is to be invoked with it."""
    match event:
        case {"Records": [{"eventSource": "aws:kinesis"}, *_]}:
            source, right = "a stream", STREAM_FUNCTION
        case {"awslogs": _}:
            source, right = "a subscription", FUNCTION
        case _:
            return
    if function in (FUNCTION, STREAM_FUNCTION) and function != right:
        command = f"flowlogs invoke --function {right} {path}, or make invoke FUNCTION={right} EVENT={path}"
        raise fail(f"{path} is an event of {source}, which {function} does not take: {command}", USAGE)


def choose_variables(url: str, environ: Mapping[str, str], function: str = FUNCTION) -> dict[str, str]:
    """Return a function's environment variables for a cluster."""
    variables: dict[str, str] = json.loads(ENVIRONMENT.read_bytes())[function]
    if not url.startswith("http://"):
        variables["OPENSEARCH_AUTH"] = "iam"
    names = (*variables, *_PASSED_ON)
    return variables | {name: environ[name] for name in names if name in environ} | {"OPENSEARCH_URL": url}


def format_report(invocation: Invocation, memory_mb: int) -> str:
    """Return the line with which Lambda ends an invocation's log."""
    parts = [
        f"REPORT RequestId: {invocation.request_id}",
        f"Duration: {invocation.duration_ms:.2f} ms",
        f"Billed Duration: {math.ceil(invocation.duration_ms + (invocation.init_ms or 0))} ms",
        f"Memory Size: {memory_mb} MB",
    ]
    if invocation.max_memory_mb is not None:
        parts.append(f"Max Memory Used: {math.ceil(invocation.max_memory_mb)} MB")
    if invocation.init_ms is not None:
        parts.append(f"Init Duration: {invocation.init_ms:.2f} ms")
    return "\t".join(parts)


def _invoke_here(events: Sequence[Any], variables: Mapping[str, str], function: str) -> int:
    artifact, handler = host_artifact(), HANDLERS[function]
    with ExecutionEnvironment(artifact, handler, variables, memory_mb=MEMORY_MB, timeout=TIMEOUT) as running:
        invocations = [_show(running.invoke(event)) for event in events]
    return INCOMPLETE if any(each.error for each in invocations) else 0


def _show(invocation: Invocation) -> Invocation:
    print(f"START RequestId: {invocation.request_id} Version: $LATEST", file=sys.stderr)
    print(harmless(invocation.log, keep="\n\t"), end="", file=sys.stderr)
    print(f"END RequestId: {invocation.request_id}", file=sys.stderr)
    print(format_report(invocation, MEMORY_MB), file=sys.stderr, flush=True)
    print(harmless(json.dumps(invocation.payload)))
    return invocation


def _docker_answers() -> bool:
    docker = shutil.which("docker")
    if docker is None:
        return False
    return subprocess.run([docker, "info"], capture_output=True, check=False).returncode == 0


def _invoke_by_sam(events: Sequence[Any], variables: Mapping[str, str], function: str) -> int:
    architecture, system = host_architecture(), platform.system()
    folder = PROJECT / ".aws-sam" / f"docker-{architecture}"
    build(folder, architecture=architecture)
    failed = False
    with tempfile.TemporaryDirectory() as written:
        settings, event_path = Path(written, "variables.json"), Path(written, "event.json")
        settings.write_text(json.dumps({function: reach_from_container(variables, system)}))
        for event in events:
            event_path.write_text(json.dumps(event))
            command = sam_command(folder, event_path, settings, architecture, system, function)
            done = subprocess.run(command, env={**os.environ, "SAM_CLI_TELEMETRY": "0"}, check=False)
            failed |= bool(done.returncode)
    return INCOMPLETE if failed else 0


def reach_from_container(variables: Mapping[str, str], system: str) -> dict[str, str]:
    """Return the variables with an address under which a container reaches a cluster on this machine.

    On Linux it shares the machine's network; Docker Desktop has a name for the machine.
    """
    url = variables["OPENSEARCH_URL"]
    if system != "Linux":
        url = url.replace("//127.0.0.1", "//host.docker.internal").replace(
            "//localhost", "//host.docker.internal"
        )
    return {**variables, "OPENSEARCH_URL": url}


def sam_command(
    folder: Path, event: Path, variables: Path, architecture: str, system: str, function: str = FUNCTION
) -> list[str]:
    """Return the command that runs a function of a build in a container."""
    command = [find_sam(), "local", "invoke", function, "--template", str(folder / "template.yaml")]
    command += ["--event", str(event), "--env-vars", str(variables)]
    command += ["--parameter-overrides", f"Architecture={architecture}"]
    return [*command, "--docker-network", "host"] if system == "Linux" else command
