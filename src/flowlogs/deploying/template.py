"""A template as data: parameters and what each takes, in their groups."""

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from flowlogs.local.places import PROJECT

TEMPLATE: Final = PROJECT / "template.yaml"

Data = dict[str, Any]
"""A template with its functions in their long forms."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # yaml has no types
    """Reads YAML with CloudFormation's short forms, and keeps dates as the texts that they are."""


def _read_short_form(loader: _Loader, suffix: str, node: yaml.Node) -> Data:
    """Turn `!Ref X` into {"Ref": X}, `!GetAtt X.Y` into {"Fn::GetAtt": "X.Y"}."""
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    return {name: loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _read_short_form)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _Loader.construct_yaml_str)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a template.

    Attributes:
        name: its name.
        text: what it is, in a sentence or two.
        default: its value where none is given; None where one must be.
        choices: the only values that it takes; empty where they are not listed.
        pattern: what a value must match as a whole; empty for anything.
        example: what fits the pattern, in words.
        low, high: bounds of a number; None where there are none.
        longest: most characters of a text; None where there is no limit.
    """

    name: str
    text: str
    default: str | None
    choices: tuple[str, ...]
    pattern: str
    example: str
    low: int | None
    high: int | None
    longest: int | None
    is_number: bool

    def refuse(self, value: str) -> str:
        """Return why CloudFormation would not take a value; empty where it takes it."""
        if self.choices and value not in self.choices:
            return f"{self.name} is one of {', '.join(self.choices)}, not {value!r}"
        if self.is_number and not re.fullmatch(r"-?[0-9]+", value):
            return f"{self.name} is a number, not {value!r}"
        if self.is_number and not self._holds(int(value)):
            return f"{self.name} is between {self.low} and {self.high}, not {value}"
        if self.longest is not None and len(value) > self.longest:
            return f"{self.name} has at most {self.longest} characters, not {len(value)}"
        if self.pattern and not re.fullmatch(self.pattern, value):
            return f"{self.name} does not take {value!r}: {self.example or self.pattern}"
        return ""

    def _holds(self, number: int) -> bool:
        return (self.low is None or number >= self.low) and (self.high is None or number <= self.high)


def parse_template(text: str) -> Data:
    """Return a template that is YAML, or JSON, which YAML can read."""
    loaded: Data = yaml.load(text, _Loader)  # noqa: S506  # it is a SafeLoader
    return loaded


@functools.cache
def load_template(file: Path = TEMPLATE) -> Data:
    """Return the template in a file; the same each time, so nobody changes it."""
    return parse_template(file.read_text(encoding="utf-8"))


def read_parameters(template: Mapping[str, Any]) -> dict[str, Parameter]:
    """Return a template's parameters, by their names, in its order."""
    return {name: _read(name, said) for name, said in template.get("Parameters", {}).items()}


def read_groups(template: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Yield the groups in which a console shows the parameters: title, names."""
    for group in template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]:
        yield group["Label"]["default"], group["Parameters"]


def _read(name: str, said: Mapping[str, Any]) -> Parameter:
    default = said.get("Default")
    return Parameter(
        name=name,
        text=said.get("Description", ""),
        default=None if default is None else str(default),
        choices=tuple(map(str, said.get("AllowedValues", ()))),
        pattern=said.get("AllowedPattern", ""),
        example=said.get("ConstraintDescription", ""),
        low=said.get("MinValue"),
        high=said.get("MaxValue"),
        longest=said.get("MaxLength"),
        is_number=said.get("Type") == "Number",
    )
