"""The sam command line, and make's build before it."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from flowlogs.deploying.overrides import write_override
from flowlogs.local.artifact import find_sam
from flowlogs.local.places import PROJECT

BUILT: Final = PROJECT / ".aws-sam" / "build" / "template.yaml"

_OF_MAKE: Final = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "ARCH", "ARGS")
"""Variables of a make that has called this command: they are not meant for the make that is called here."""


def build(architecture: str) -> int:
    """Build as `make build` does; return the exit status."""
    return _run(["make", "build", f"ARCH={architecture}"])


def deploy(stack: str, values: Mapping[str, str], more: Sequence[str], *, asks: bool) -> int:
    """Run `sam deploy` with all parameters; return its exit status.

    All of them, since sam takes for one that it is not given the value that the stack has, and a newer
    version's default would never arrive.

    Args:
        stack: its name.
        values: of all parameters.
        more: further options for sam.
        asks: let sam show the change set and ask; else it goes on.
    """
    command = [find_sam(), "deploy", "--stack-name", stack]
    command += [] if asks else ["--no-confirm-changeset"]
    return _run([*command, *more, "--parameter-overrides", *_write(values)])


def package(stack: str, more: Sequence[str], output: Path) -> int:
    """Run `sam package`: what was built goes to sam's bucket, and a template that names it into a file."""
    command = [find_sam(), "package", "--template-file", str(BUILT), "--resolve-s3", "--s3-prefix", stack]
    return _run([*command, *more, "--output-template-file", str(output)])


def delete(stack: str, more: Sequence[str], *, asks: bool) -> int:
    """Run `sam delete`; return its exit status."""
    command = [find_sam(), "delete", "--stack-name", stack, *([] if asks else ["--no-prompts"])]
    return _run([*command, *more])


def _write(values: Mapping[str, str]) -> list[str]:
    return [write_override(name, value) for name, value in values.items()]


def _run(command: Sequence[str]) -> int:
    environ = {name: value for name, value in os.environ.items() if name not in _OF_MAKE}
    done = subprocess.run(command, cwd=PROJECT, env={**environ, "SAM_CLI_TELEMETRY": "0"}, check=False)
    return done.returncode
