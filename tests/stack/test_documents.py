"""Template, code, README and docs tell the same story."""

import re
from pathlib import Path
from typing import Any

import pytest

from handler.observe import METRICS

Template = dict[str, Any]
PARAMETER = re.compile(r"^\| `([A-Z][A-Za-z]+)` \| (.+?) \| (.+) \|$", re.MULTILINE)


@pytest.fixture(scope="module")
def deploy(project: Path) -> str:
    return (project / "docs" / "deploy.md").read_text(encoding="utf-8")


def test_the_parameters_of_the_docs_are_those_of_the_template(template: Template, deploy: str) -> None:
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    expected = []
    for name in (name for group in groups for name in group["Parameters"]):
        parameter = template["Parameters"][name]
        default = f"`{parameter['Default']}`" if parameter["Default"] != "" else "none"
        expected.append((name, default, parameter["Description"]))
    section = deploy.partition("## Parameters\n")[2].partition("\n## ")[0]
    assert PARAMETER.findall(section) == expected


def test_every_metric_is_explained(project: Path) -> None:
    operations = (project / "docs" / "operations.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| (`[A-Z].+?`) \| ", operations, re.MULTILINE)
    named = {name for row in table for name in re.findall(r"`(\w+)`", row)}
    assert METRICS.keys() <= named


@pytest.mark.parametrize("file", ["README.md", "docs/deploy.md", "docs/security.md"])
def test_every_parameter_that_a_page_names_exists(project: Path, template: Template, file: str) -> None:
    text = (project / file).read_text(encoding="utf-8")
    named = set(re.findall(r"`([A-Z][a-z]+[A-Z]\w*)(?:=\w+)?`", text))
    others = {
        "DashboardsUrl",
        "FlowLogs",
        "IteratorAge",
        "TagFieldSpecifications",
        *template["Resources"],
        *template["Outputs"],
    }
    assert named <= template["Parameters"].keys() | METRICS.keys() | others
