"""What the stack's tests share: the template as data, and the artifact for this machine."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from flowlogs.local.artifact import host_artifact
from stack.emulated import Aws, emulate


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # yaml has no types
    """Reads YAML with CloudFormation's short forms."""


def _read_short_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    """Turn `!Ref X` into {"Ref": X} and `!Sub X` into {"Fn::Sub": X}."""
    name = suffix if suffix == "Ref" else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    return {name: loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _read_short_form)


def load_template(file: Path) -> dict[str, Any]:
    """Return a template, with its functions in their long forms."""
    loaded: dict[str, Any] = yaml.load(file.read_text(encoding="utf-8"), _Loader)
    return loaded


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
