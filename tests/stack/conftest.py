"""What the stack's tests share: the template as data, and the artifact for this machine."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flowlogs.deploying.template import parse_template
from flowlogs.local.artifact import host_artifact
from stack.emulated import Aws, emulate


def load_template(file: Path) -> dict[str, Any]:
    """Return a template, with its functions in their long forms."""
    return parse_template(file.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """Yield the emulator, empty."""
    with emulate(tmp_path_factory.mktemp("aws")) as running:
        yield running


@pytest.fixture(scope="session")
def template(project: Path) -> dict[str, Any]:
    """Return template.yaml."""
    return load_template(project / "template.yaml")


@pytest.fixture(scope="session")
def nested(project: Path) -> dict[str, dict[str, Any]]:
    """Return the templates in stack/, by their names."""
    return {file.stem: load_template(file) for file in sorted((project / "stack").glob("*.yaml"))}


@pytest.fixture(scope="session")
def expanded(project: Path) -> dict[str, Any]:
    """Return template.yaml after SAM's transform."""
    done = subprocess.run(
        [str(project / ".venv-sam/bin/python"), "tests/stack/expand.py", str(project / "template.yaml")],
        cwd=project,
        env={**os.environ, "AWS_DEFAULT_REGION": "us-east-1"},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="session")
def artifact() -> Path:
    """Return the folder of the artifact that `sam build` makes for this Python and processor."""
    return host_artifact()
