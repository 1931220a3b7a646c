"""Who may do what, by a template: every statement of a policy, wherever in it a policy stands."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from flowlogs.deploying.intrinsic import Scope, UnknownError, evaluate
from flowlogs.deploying.overview import NESTED
from flowlogs.deploying.template import TEMPLATE, load_template, read_parameters

PERMISSION: Final = "AWS::Lambda::Permission"

_TOLD: Final = ("Sid", "Effect")
_HOLDERS: Final = ("Roles", "Users", "Groups")
"""Whom a policy that stands by itself is attached to."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement.

    Attributes:
        path: logical names of the resource and of the nested stacks around it: `Roles/ForwardRole`.
        kind: type of the resource.
        effect: Allow or Deny.
        parts: what else it says: name such as `Action` -> values.
    """

    path: str
    kind: str
    effect: str
    parts: Mapping[str, tuple[str, ...]]


def find_statements(
    template: Mapping[str, Any], values: Mapping[str, Any], folder: Path = TEMPLATE.parent, path: str = ""
) -> Iterator[Statement]:
    """Yield the statements of what values of the parameters make, in nested stacks, too.

    Args:
        template: as it is written, or as CloudFormation has expanded it.
        values: of its parameters, and of pseudo parameters where they are known.
        folder: in which the templates of nested stacks are, by the names that template.yaml has for them.
        path: logical names of the nested stacks around it, each with a slash behind.
    """
    scope, written = Scope(template, values), load_template().get("Resources", {})
    for name, resource in scope.resources():
        where, kind = f"{path}{name}", resource["Type"]
        properties = evaluate_as_far(resource.get("Properties", {}), scope)
        if kind == NESTED:
            # Once packaged, a nested template is named by an address: its file is that of the source.
            file = folder / (resource if path else written.get(name, resource))["Properties"]["TemplateURL"]
            nested = load_template(file)
            defaults = {each: said.default or "" for each, said in read_parameters(nested).items()}
            given = {each: text for each, text in values.items() if each.startswith("AWS::")}
            given |= {**defaults, **properties.get("Parameters", {})}
            yield from find_statements(nested, given, file.parent, f"{where}/")
        elif kind == PERMISSION:
            yield _read_permission(where, properties)
        else:
            holders = {each: properties[each] for each in _HOLDERS if each in properties}
            yield from (_read(where, kind, {**holders, **each}) for each in _search(properties))


def evaluate_as_far(expression: Any, scope: Scope) -> Any:  # noqa: ANN401  # JSON
    """Return what an expression is; one that only CloudFormation can evaluate stays as it is written."""
    try:
        return evaluate(expression, scope)
    except UnknownError:
        if isinstance(expression, Mapping):
            return {name: evaluate_as_far(each, scope) for name, each in expression.items()}
        if isinstance(expression, list):
            return [evaluate_as_far(each, scope) for each in expression]
        return expression


def _search(value: Any) -> Iterator[Mapping[str, Any]]:  # noqa: ANN401  # JSON
    """Yield each statement inside; a policy may be written as a text of JSON."""
    if isinstance(value, str) and value.lstrip().startswith("{") and '"Statement"' in value:
        value = json.loads(value)
    if isinstance(value, list):
        for each in value:
            yield from _search(each)
    elif isinstance(value, Mapping):
        statements = value.get("Statement", [])
        yield from [statements] if isinstance(statements, Mapping) else statements
        for arn in value.get("ManagedPolicyArns", []):
            yield {"Effect": "Allow", "Action": f"what {arn} allows"}
        for name, each in value.items():
            if name not in ("Statement", "ManagedPolicyArns"):
                yield from _search(each)


def _read(path: str, kind: str, said: Mapping[str, Any]) -> Statement:
    parts = {name: tuple(_flatten(each)) for name, each in said.items() if name not in _TOLD}
    return Statement(path, kind, str(said["Effect"]), parts)


def _read_permission(path: str, properties: Mapping[str, Any]) -> Statement:
    names = {
        "Principal": "Principal",
        "Action": "Action",
        "FunctionName": "Resource",
        "SourceArn": "Condition",
    }
    parts = {names[each]: (str(properties[each]),) for each in names if each in properties}
    return Statement(path, PERMISSION, "Allow", parts)


def _flatten(value: Any) -> Iterator[str]:  # noqa: ANN401  # JSON
    if isinstance(value, list):
        for each in value:
            yield from _flatten(each)
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield from (f"{name} {text}" for text in _flatten(each))
    else:
        yield str(value)
