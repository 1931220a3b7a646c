"""Whoever is woken by an alarm knows from its mail what it means and what to type first; one page goes on."""

import re
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from flowlogs.command_line import COMMANDS

Template = dict[str, Any]

NAMES: Final = {"${StackName}": "flowlogs-opensearch", "${StreamName}": "<StreamName>"}
"""What stands in a page for the names that a stack fills in."""

LOSS: Final = re.compile(
    r"nothing is lost|were never written|any is lost|wait in the bucket"
    r"|the log groups? (that sent them )?still ha(s|ve)",
    re.IGNORECASE,
)
"""How a row says whether anything is lost."""


class Row(NamedTuple):
    """What the page says of an alarm."""

    name: str
    says: str
    lost: str
    first: str
    then: str


@pytest.fixture(scope="module")
def alarms(template: Template, nested: dict[str, Template]) -> dict[str, str]:
    """Return the description of each alarm of the stack and its nested stacks, as its mail has it."""
    found = {}
    for each in (template, *nested.values()):
        for resource in each["Resources"].values():
            if resource["Type"] in {"AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"}:
                alarm = resource["Properties"]
                name = alarm["AlarmName"]["Fn::Sub"].removeprefix("${StackName}-")
                text = alarm["AlarmDescription"]
                found[name] = fill_in(text["Fn::Sub"] if isinstance(text, dict) else text)
    return found


@pytest.fixture(scope="module")
def rows(project: Path) -> list[Row]:
    page = (project / "docs" / "operations.md").read_text(encoding="utf-8")
    section = page.partition("## When an alarm comes\n")[2].partition("\n## ")[0]
    found = re.findall(r"^\| `([a-z-]+)` \| (.+?) \| (.+?) \| `(.+?)` \| (.+) \|$", section, re.MULTILINE)
    return [Row(*each) for each in found]


def fill_in(text: str) -> str:
    for placeholder, name in NAMES.items():
        text = text.replace(placeholder, name)
    return text


def test_every_alarm_has_one_row_which_says_what_its_mail_says(
    alarms: dict[str, str], rows: list[Row]
) -> None:
    assert len(alarms) >= 31
    assert len(rows) == len(alarms)
    assert {row.name: f"{row.says} {row.lost} First: {row.first}" for row in rows} == alarms


def test_a_mail_stands_alone_and_fits(alarms: dict[str, str]) -> None:
    assert {name for name, text in alarms.items() if re.match(r"(The|As the) same|As with", text)} == set()
    assert {name for name, text in alarms.items() if "${" in text} == set()
    assert max(map(len, alarms.values())) <= 1024  # CloudWatch takes no longer one


def test_every_row_says_whether_anything_is_lost(rows: list[Row]) -> None:
    assert [row.name for row in rows if not LOSS.search(row.lost)] == []


def test_the_first_command_is_one_that_exists_and_names_the_stack(rows: list[Row]) -> None:
    for row in rows:
        program, command, *rest = row.first.split()
        if program == "flowlogs":
            assert command in COMMANDS
            assert rest == ["--stack", "flowlogs-opensearch"], row
        else:
            assert program == "aws"


def test_what_to_do_is_said_by_the_row_or_by_one_that_it_names(rows: list[Row]) -> None:
    names = {row.name for row in rows}
    for row in rows:
        referred = re.match(r"As with `([a-z-]+)`", row.then)
        assert referred is None or referred[1] in names - {row.name}, row
