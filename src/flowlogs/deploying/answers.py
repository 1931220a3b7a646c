"""What was answered: a file of its own that is not tracked, and holds nothing but that.

What is not in it has the template's default, that of today: a newer version's arrives by itself.
"""

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from flowlogs.deploying.overrides import OverridesError, read_overrides
from flowlogs.local.places import PROJECT

ANSWERS: Final = PROJECT / "answers.toml"
SAM_CONFIGURATION: Final = PROJECT / "samconfig.toml"

_HEAD: Final = """\
# What was answered to "make deploy". What is not here has the template's default.
# answers.example.toml explains all that can be here. Not tracked: it may hold addresses.
"""
_NAMES: Final = ("stack", "region")
_TABLE: Final = "parameters"


class AnswersError(ValueError):
    """The file cannot be read, or holds what it cannot hold."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What is known without asking.

    Attributes:
        stack: name of the stack; empty where nobody said one.
        region: the AWS Region; empty likewise.
        parameters: of the template, by their names.
    """

    stack: str = ""
    region: str = ""
    parameters: dict[str, str] = field(default_factory=dict)

    def over(self, others: "Answers") -> "Answers":
        """Return these answers, and those of others where there are none."""
        return Answers(
            self.stack or others.stack, self.region or others.region, {**others.parameters, **self.parameters}
        )

    def without_defaults(self, defaults: Mapping[str, str]) -> "Answers":
        """Return what differs from these defaults: all that somebody has chosen, as far as one can tell."""
        chosen = {name: text for name, text in self.parameters.items() if defaults.get(name) != text}
        return replace(self, parameters=chosen)


def read_answers(file: Path) -> Answers:
    """Return the answers in a file; none where there is no file.

    Raises:
        AnswersError: names what is wrong in it.
    """
    if not file.exists():
        return Answers()
    return _parse(file.name, file.read_text(encoding="utf-8"))


def write_answers(file: Path, answers: Answers) -> None:
    """Write the answers; comments and the order of what is in the file already stay.

    Raises:
        AnswersError: what is in the file cannot be read.
    """
    before = read_answers(file)
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    if text and before.parameters.keys() <= answers.parameters.keys():
        text = _change(text, before, answers)
        if _parse(file.name, text) == answers:
            file.write_text(text, encoding="utf-8")
            return
    file.write_text(_render(answers), encoding="utf-8")


def _render(answers: Answers) -> str:
    names = [f"{name} = {_quote(value)}" for name in _NAMES if (value := getattr(answers, name))]
    parameters = [f"{name} = {_quote(value)}" for name, value in answers.parameters.items()]
    return "\n".join([_HEAD, *names, "", f"[{_TABLE}]", *parameters, ""])


def _change(text: str, before: Answers, answers: Answers) -> str:
    """Change what differs in the lines where it stands; add what is new at the end, where its table is."""
    if f"[{_TABLE}]" not in text:
        text = f"{text.rstrip()}\n\n[{_TABLE}]\n"
    for name, value in answers.parameters.items():
        line = f"{name} = {_quote(value)}"
        if name not in before.parameters:
            text = f"{text.rstrip()}\n{line}\n"
        elif before.parameters[name] != value:
            text = re.sub(rf"(?m)^{name}\s*=.*$", line.replace("\\", r"\\"), text)
    return text


def _quote(value: str) -> str:
    """Return a text as TOML has it, which is as JSON has it."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _parse(name: str, text: str) -> Answers:
    try:
        loaded: dict[str, Any] = tomllib.loads(text)
        parameters = read_overrides(loaded.pop(_TABLE, {}))
    except (tomllib.TOMLDecodeError, OverridesError) as error:
        raise AnswersError(f"{name} cannot be read: {error}") from error
    given = {each: str(loaded.pop(each, "")) for each in _NAMES}
    if loaded:
        raise AnswersError(
            f"{name} holds {', '.join(loaded)}: it takes {' and '.join(_NAMES)}, and parameters of the "
            f"template below [{_TABLE}]"
        )
    return Answers(**given, parameters=parameters)
