"""A template as it is for given parameters: conditions decided, references filled in, nested stacks too.

What only AWS knows, such as the attribute of a resource, stays as it stands in the template.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

Template = dict[str, Any]

NOTHING = object()
"""What AWS::NoValue is."""

REPLACING = ("createOnlyProperties", "conditionalCreateOnlyProperties")


@dataclass(frozen=True)
class Resolver:
    """Reads expressions of one template.

    Attributes:
        template: the template, in the long forms of CloudFormation's functions.
        parameters: the values of all its parameters.
    """

    template: Template
    parameters: dict[str, Any]

    def resources(self) -> Template:
        """Return the resources that exist, each with its type and its properties."""
        return {
            name: {**each, "Properties": self.value(each.get("Properties", {}))}
            for name, each in self.template["Resources"].items()
            if self.holds(each.get("Condition"))
        }

    def holds(self, condition: str | None) -> bool:
        """Tell whether a condition holds."""
        return condition is None or bool(self.value(self.template["Conditions"][condition]))

    def value(self, expression: Any) -> Any:  # as the template has it
        """Return what an expression is."""
        if isinstance(expression, list):
            return [found for each in expression if (found := self.value(each)) is not NOTHING]
        if not isinstance(expression, dict):
            return expression
        if len(expression) == 1:
            ((name, argument),) = expression.items()
            if name == "Condition" and isinstance(argument, str):
                return self.holds(argument)
            if name == "Ref" or name.startswith("Fn::"):
                return self.call(name.removeprefix("Fn::"), argument)
        found = {name: self.value(each) for name, each in expression.items()}
        return {name: each for name, each in found.items() if each is not NOTHING}

    def call(self, function: str, argument: Any) -> Any:  # noqa: C901, PLR0911  # one case a function
        """Return what a function of CloudFormation returns."""
        match function:
            case "Ref":
                unknown = NOTHING if argument == "AWS::NoValue" else {"Ref": argument}
                return self.parameters.get(argument, unknown)
            case "If":
                condition, first, second = argument
                return self.value(first if self.holds(condition) else second)
            case "Equals":
                first, second = (str(self.value(each)) for each in argument)
                return first == second
            case "Not":
                return not self.value(argument[0])
            case "And":
                return all(self.value(each) for each in argument)
            case "Or":
                return any(self.value(each) for each in argument)
            case "Contains":
                return str(self.value(argument[1])) in self.value(argument[0])
            case "Select":
                index, choices = argument[0], self.value(argument[1])
                return choices[int(index)] if isinstance(choices, list) else {"Fn::Select": [index, choices]}
            case "Split":
                separator, text = argument
                found = self.value(text)
                return found.split(separator) if isinstance(found, str) else {"Fn::Split": [separator, found]}
            case "Join":
                separator, parts = argument
                return separator.join(as_text(each) for each in self.value(parts))
            case "FindInMap":
                name, first, second = (self.value(each) for each in argument)
                return self.template["Mappings"][name][str(first)][second]
            case "Sub":
                text, variables = argument if isinstance(argument, list) else (argument, {})
                known = {**self.parameters, **{name: self.value(each) for name, each in variables.items()}}
                return re.sub(
                    r"\$\{([\w:.]+)\}",
                    lambda found: as_text(known.get(found[1], found[0])),
                    text,
                )
        return {f"Fn::{function}": argument}


def as_text(value: Any) -> str:  # as resolved
    """Return a value as a text; what only AWS knows as its expression."""
    return value if isinstance(value, str) else json.dumps(value)


def resolve(template: Template, nested: dict[str, Template], given: dict[str, str]) -> Template:
    """Return the resources of a stack and of its nested stacks, whose names begin with theirs and a dot."""
    known = {name: str(each.get("Default", "")) for name, each in template["Parameters"].items()}
    assert given.keys() <= known.keys()
    found = Resolver(template, known | given).resources()
    for name, each in list(found.items()):
        if each["Type"] == "AWS::CloudFormation::Stack":
            inner = nested[each["Properties"]["TemplateURL"].removeprefix("stack/").removesuffix(".yaml")]
            passed = {key: as_text(value) for key, value in each["Properties"]["Parameters"].items()}
            assert passed.keys() == inner["Parameters"].keys(), name
            inside = Resolver(inner, passed).resources()
            found |= {f"{name}.{key}": value for key, value in inside.items()}
    return found
