"""What CloudFormation's functions in a template come to, as far as the parameters say it."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

NOTHING: Final = object()
"""What `AWS::NoValue` is: the property is not there."""

_PLACE: Final = re.compile(r"[$][{](!?)([^}]*)[}]")


class UnknownError(Exception):
    """A function whose value only CloudFormation can tell."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What names mean.

    Attributes:
        template: conditions and mappings are taken from it.
        values: of parameters, and of pseudo parameters such as `AWS::Region` where they are known.
    """

    template: Mapping[str, Any]
    values: Mapping[str, Any]
    _conditions: dict[str, bool] = field(default_factory=dict)

    def holds(self, condition: str) -> bool:
        """Tell whether a condition of the template holds."""
        if condition not in self._conditions:
            self._conditions[condition] = bool(evaluate(self.template["Conditions"][condition], self))
        return self._conditions[condition]

    def resources(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield the resources that these values make: logical name, what the template says."""
        for name, each in self.template.get("Resources", {}).items():
            if "Condition" not in each or self.holds(each["Condition"]):
                yield name, each


def evaluate(expression: Any, scope: Scope) -> Any:  # noqa: ANN401  # JSON
    """Return what an expression is: JSON, in which a name that is not known is `${Name}`.

    Raises:
        UnknownError: a function that is not understood here.
    """
    if isinstance(expression, list):
        found = [evaluate(each, scope) for each in expression]
        return [each for each in found if each is not NOTHING]
    if not isinstance(expression, Mapping):
        return expression
    if len(expression) == 1:
        ((name, argument),) = expression.items()
        if name in ("Ref", "Condition") or name.startswith("Fn::"):
            return _call(name, argument, scope)
    every = {name: evaluate(each, scope) for name, each in expression.items()}
    return {name: each for name, each in every.items() if each is not NOTHING}


def find_refusals(template: Mapping[str, Any], values: Mapping[str, str]) -> list[str]:
    """Return the sentences with which the rules of a template refuse these values of its parameters.

    A rule that cannot be understood here is left to CloudFormation.
    """
    scope, sentences = Scope(template, values), []
    for rule in template.get("Rules", {}).values():
        for assertion in rule["Assertions"]:
            try:
                applies = evaluate(rule.get("RuleCondition", True), scope)
                refused = applies and not evaluate(assertion["Assert"], scope)
            except UnknownError:
                continue
            if refused:
                sentences.append(" ".join(assertion["AssertDescription"].split()))
    return sentences


def _call(name: str, argument: Any, scope: Scope) -> Any:  # noqa: ANN401  # JSON
    if name in _BEFORE:
        return _BEFORE[name](argument, scope)
    if name == "Fn::FindInMap":
        table, key, field_ = evaluate(argument, scope)
        return scope.template["Mappings"][table][str(key)][field_]
    if name in _AFTER:
        try:
            return _AFTER[name](*evaluate(argument, scope))
        except (IndexError, TypeError, ValueError) as error:  # a part of it is not known here
            raise UnknownError(name) from error
    raise UnknownError(name)


def _name_attribute(argument: str | list[str], _: Scope) -> str:
    return f"${{{argument if isinstance(argument, str) else '.'.join(argument)}}}"


def _ask_condition(argument: Any, scope: Scope) -> Any:  # noqa: ANN401  # JSON
    # In a statement of a policy it is a condition of IAM.
    return scope.holds(argument) if isinstance(argument, str) else {"Condition": evaluate(argument, scope)}


def _choose(argument: list[Any], scope: Scope) -> Any:  # noqa: ANN401  # JSON
    condition, then, otherwise = argument
    return evaluate(then if scope.holds(condition) else otherwise, scope)


def _refer(name: str, scope: Scope) -> Any:  # noqa: ANN401  # a list where the parameter is one
    return NOTHING if name == "AWS::NoValue" else scope.values.get(name, f"${{{name}}}")


def _substitute(argument: Any, scope: Scope) -> str:  # noqa: ANN401  # a text, or a list of it and names
    text, names = argument if isinstance(argument, list) else (argument, {})
    known = {**scope.values, **evaluate(names, scope)}

    def fill(found: re.Match[str]) -> str:
        return f"${{{found[2]}}}" if found[1] else str(known.get(found[2], found[0]))

    return _PLACE.sub(fill, text)


_BEFORE: Final[Mapping[str, Callable[[Any, Scope], Any]]] = {
    "Ref": _refer,
    "Condition": _ask_condition,
    "Fn::GetAtt": _name_attribute,
    "Fn::If": _choose,
    "Fn::Sub": _substitute,
    "Fn::And": lambda argument, scope: all(evaluate(each, scope) for each in argument),
    "Fn::Or": lambda argument, scope: any(evaluate(each, scope) for each in argument),
}
"""What takes its argument as it stands in the template."""

_AFTER: Final[Mapping[str, Callable[..., Any]]] = {
    "Fn::Not": lambda holds: not holds,
    "Fn::Equals": lambda one, other: str(one) == str(other),
    "Fn::Contains": lambda values, value: str(value) in map(str, values),
    "Fn::Join": lambda sign, parts: sign.join(map(str, parts)) if isinstance(parts, list) else parts,
    "Fn::Split": lambda sign, text: str(text).split(sign),
    "Fn::Select": lambda place, values: values[int(place)],
}
"""What takes its argument after that has been evaluated."""
