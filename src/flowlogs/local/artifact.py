"""The Lambda artifact, built by `sam build` for this machine, so that it runs here as it does in Lambda."""

import fcntl
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from flowlogs.local.places import PROJECT

FUNCTION: Final = "ForwardFunction"

_ARCHITECTURES: Final = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
_INPUTS: Final = ("template.yaml", "requirements/lambda.txt", "builder", "src/parser", "src/handler")
# A build that make has started is not a part of it.
_NOT_PASSED_ON: Final = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "ARCH", "PYTHON_VERSION")


class ArtifactError(RuntimeError):
    """The artifact cannot be built; the text says why."""


def host_architecture() -> str:
    """Return Lambda's name for this machine's processor; raise ArtifactError where Lambda has none such."""
    machine = platform.machine().lower()
    if machine not in _ARCHITECTURES:
        raise ArtifactError(f"Lambda does not run on {machine}: an artifact for it cannot be built")
    return _ARCHITECTURES[machine]


def host_artifact() -> Path:
    """Return the artifact for this Python and this processor, built anew where its sources have changed.

    Raises:
        ArtifactError: it cannot be built.
    """
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    architecture = host_architecture()
    folder = PROJECT / ".aws-sam" / f"python{version}-{architecture}"
    folder.parent.mkdir(exist_ok=True)
    with (folder.parent / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_current(folder / "template.yaml"):
            build(folder, architecture=architecture, python_version=version)
    return folder / FUNCTION


def build(
    folder: Path, *, architecture: str, python_version: str = "3.13", function: str | None = None
) -> str:
    """Run `sam build` into a folder, with one artifact for each function; return what it printed.

    Args:
        folder: for the artifacts and the built template.
        architecture: Lambda's name of the processor.
        python_version: of the functions.
        function: builds this one alone, by its logical id: the artifacts of all are alike.

    Raises:
        ArtifactError: with the last lines that sam printed.
    """
    environ = {name: value for name, value in os.environ.items() if name not in _NOT_PASSED_ON}
    command = [find_sam(), "build", *([function] if function else [])]
    command += ["--template", str(PROJECT / "template.yaml"), "--build-dir", str(folder)]
    done = subprocess.run(
        [*command, "--parameter-overrides", f"Architecture={architecture}"],
        cwd=PROJECT,
        env={**environ, "PYTHON_VERSION": python_version, "SAM_CLI_TELEMETRY": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise ArtifactError("sam build failed:\n" + "\n".join(done.stdout.splitlines()[-20:]))
    return done.stdout


def find_sam() -> str:
    """Return the path of the SAM command line: the project's, or else the machine's.

    Raises:
        ArtifactError: there is none.
    """
    own = PROJECT / ".venv-sam" / "bin" / "sam"
    found = str(own) if own.exists() else shutil.which("sam")
    if found is None:
        raise ArtifactError("the SAM command line is missing: `make build` brings it")
    return found


def _is_current(built: Path) -> bool:
    """Whether nothing that the artifact is made of is newer than what SAM writes last."""
    return built.exists() and all(path.stat().st_mtime < built.stat().st_mtime for path in _inputs())


def _inputs() -> Iterator[Path]:
    for name in _INPUTS:
        yield PROJECT / name
        yield from (path for path in (PROJECT / name).rglob("*") if "__pycache__" not in path.parts)
