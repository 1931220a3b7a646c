"""Values of parameters as sam writes and reads them: `Name="value" Other="value"`."""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

_VALUE: Final = r'"(?:\\.|[^"\\]+)*"|' + r"'(?:\\.|[^'\\]+)*'|" + r'(?:\\.|[^ "\\]+)+'
_PAIR: Final = re.compile(
    rf"(?<= )(?:ParameterKey=([A-Za-z0-9]+),ParameterValue|([A-Za-z0-9]+))=({_VALUE}|)(?= |$)", re.DOTALL
)
"""As sam's own (samcli.cli.types.CfnParameterOverridesType), but that a value may be missing: it is empty."""

Overrides = dict[str, str]
"""Name of a parameter -> its value."""


class OverridesError(ValueError):
    """What is given for parameters cannot be read."""


def read_overrides(given: Any) -> Overrides:  # noqa: ANN401  # what a configuration file holds
    """Return the parameters that a text, a list of texts or a table of a configuration file gives.

    Raises:
        OverridesError: names what is none of these.
    """
    match given:
        case str():
            return _read_text(given)
        case Mapping():
            return {name: _to_text(name, value) for name, value in given.items()}
        case list() | tuple():
            found: Overrides = {}
            for each in given:
                found |= read_overrides(each)
            return found
    raise OverridesError(f"parameters are given as Name=value, not as {given!r}")


def write_override(name: str, value: str) -> str:
    """Return a parameter as an argument of sam.

    Raises:
        OverridesError: a value that sam cannot be given (one that mixes backslashes and quotes).
    """
    escaped = value.replace('"', '\\"')
    text = f'{name}="{escaped}"'
    try:
        same = read_overrides(text) == {name: value}
    except OverridesError:
        same = False
    if not same:
        raise OverridesError(
            f"sam cannot be given {name} with a backslash before a quote or a blank: {value!r}"
        )
    return text


def read_arguments(arguments: Sequence[str]) -> Overrides:
    """Return the parameters that are given behind `--parameter-overrides`, each an argument, or all in one.

    A shell has taken the quotes away by then: what follows the only name is its value, with its blanks.

    Raises:
        OverridesError: an argument that is no parameter.
    """
    found: Overrides = {}
    for each in arguments:
        try:
            found |= read_overrides(each)
        except OverridesError:
            name, sign, value = each.partition("=")
            if not sign or not name.isalnum() or re.search(r" [A-Za-z0-9]+=", value):
                raise
            found[name] = value
    return found


def read_sam_configuration(file: Path) -> tuple[str, str, Overrides]:
    """Return what sam's configuration says: name of the stack, Region, parameters; empty where it does not.

    Raises:
        OverridesError: the file cannot be read.
    """
    if not file.exists():
        return "", "", {}
    try:
        loaded = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OverridesError(f"{file.name} cannot be read: {error}") from error
    default = loaded.get("default", {})
    every, deploy = (default.get(name, {}).get("parameters", {}) for name in ("global", "deploy"))
    found = {**every, **deploy}
    parameters = read_overrides(found.get("parameter_overrides", ()))
    return str(found.get("stack_name", "")), str(found.get("region", "")), parameters


def _read_text(text: str) -> Overrides:
    """Read pairs; what is left between them would be ignored by sam, and is refused here."""
    padded = f" {text.strip()}"
    rest = _PAIR.sub("", padded)
    if rest.strip():
        raise OverridesError(f"parameters are given as Name=value, not as {rest.strip()!r}")
    return {found[1] or found[2]: _unquote(found[3]) for found in _PAIR.finditer(padded)}


def _unquote(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1]
    return value.replace("\\ ", " ").replace('\\"', '"').replace("\\'", "'")


def _to_text(name: str, value: Any) -> str:  # noqa: ANN401  # what a configuration file holds
    match value:
        case bool() | Mapping() | None:
            raise OverridesError(f"{name} is a text or a number, not {value!r}")
        case str() | int():
            return str(value)
        case Iterable():
            return ",".join(_to_text(name, each) for each in value)
    raise OverridesError(f"{name} is a text or a number, not {value!r}")
