"""From what was answered, by whichever way, to what is to be deployed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from flowlogs.deploying.account import Account, RefusedError
from flowlogs.deploying.answers import ANSWERS, SAM_CONFIGURATION, Answers, read_answers, write_answers
from flowlogs.deploying.checks import DOMAIN, Wanted
from flowlogs.deploying.intrinsic import find_refusals
from flowlogs.deploying.overrides import read_arguments, read_sam_configuration
from flowlogs.deploying.questions import ASKED, Interview
from flowlogs.deploying.stages import NEVER_MADE, NOT_YET
from flowlogs.deploying.talk import Talk
from flowlogs.deploying.template import read_parameters

STACK: Final = "flowlogs-opensearch"
"""What a stack is called where nobody says it."""

NEVER_BY_DEFAULT: Final = {
    "EngineVersion": "no way leads back from it",
    "KeepMessage": "with it @message of a line that was parsed is shown, and found no more",
}
"""Parameters whose newer default comes to no stack by itself, and why."""

_OVERRIDES: Final = "--parameter-overrides"
_STACK: Final = "--stack-name"


class MissingError(Exception):
    """What is answered is not enough, or not what the template takes.

    Attributes:
        problems: a sentence for each.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Given:
    """What stands behind a command.

    Attributes:
        answers: those among it.
        more: the rest, for sam.
    """

    answers: Answers = field(default_factory=Answers)
    more: tuple[str, ...] = ()


def read_given(arguments: Sequence[str]) -> Given:
    """Tell the answers among the arguments from those that are for sam.

    Raises:
        flowlogs.deploying.overrides.OverridesError: a parameter that cannot be read.
    """
    stack, overrides, more, rest = "", [], [], list(arguments)
    while rest:
        argument = rest.pop(0)
        name, sign, value = argument.partition("=")
        if name == _STACK:
            stack = value if sign else rest.pop(0) if rest else ""
        elif name == _OVERRIDES:
            overrides += [value] if sign else []
            while rest and not rest[0].startswith("-"):
                overrides.append(rest.pop(0))
        else:
            more.append(argument)
    return Given(Answers(stack=stack, parameters=read_arguments(overrides)), tuple(more))


@dataclass(frozen=True, slots=True)
class Known:
    """What is known before anybody is asked.

    Attributes:
        answers: name of the stack, and parameters.
        source: where the parameters come from, for people; empty where from the answers' own file.
        frozen: they hold defaults as well, which nobody chose.
    """

    answers: Answers
    source: str = ""
    frozen: bool = False


def find_known(given: Given, file: Path = ANSWERS, configuration: Path = SAM_CONFIGURATION) -> Known:
    """Return what is known without an account: behind the command, in the file, in sam's configuration.

    Raises:
        AnswersError, OverridesError: a file cannot be read.
    """
    kept = read_answers(file)
    stack, region, parameters = read_sam_configuration(configuration)
    named = Answers(stack or STACK, region)
    if file.exists() or not parameters:
        return Known(given.answers.over(kept).over(named))
    earlier = Answers(stack, region, parameters)
    return Known(given.answers.over(earlier).over(named), configuration.name, frozen=True)


class Preparation:
    """Makes out of what is known what is to be deployed.

    Attributes:
        known: before anybody was asked.
        there: the stack, where it is there already.
        is_begun: it has a name and an identity already, though perhaps no resource.
        chosen: parameters that somebody has chosen.
        asked: whether somebody was asked.
    """

    def __init__(self, template: Mapping[str, Any], known: Known, account: Account) -> None:
        """Ask about the stack.

        Raises:
            botocore.exceptions.ClientError, BotoCoreError: it may not be asked about.
        """
        self._template = template
        self._account = account
        self.parameters = read_parameters(template)
        found = account.find_stack(known.answers.stack)
        self.there = None if found is None or found.status == NOT_YET else found
        self.is_begun = found is not None
        self.known = known
        self.asked = False
        self.chosen = dict(known.answers.parameters)

    def adopt(self, *, has_file: bool, moves: bool = False) -> list[str]:
        """Take over what the stack was given and nobody says anew; return sentences about it.

        What somebody chose for the stack stays until somebody says otherwise: a retention that a pipeline
        gave is not undone by a file that has never heard of it. Of a stack that was never whole nothing is
        taken over: what made it fail may be among it, and is taken out of the file to mend that.

        Args:
            has_file: there is a file of answers.
            moves: answers that sam has written down, with each default, go into that file now: what differs
                from the defaults was chosen. Else they are taken as they stand.
        """
        if self.there is None:
            return []
        there = self.known.answers if self.known.frozen else Answers(parameters=self.there.parameters)
        chosen = there.without_defaults(self.there.defaults).parameters
        if self.known.frozen and not moves:
            kept = {name: text for name, text in self.chosen.items() if name in self.parameters}
            self.chosen = {**kept, **chosen}
            return []
        if self.known.frozen:
            self.chosen = chosen
            return self._pin()
        if self.there.status in NEVER_MADE:
            return []
        unsaid = {
            name: text for name, text in chosen.items() if name in self.parameters and name not in self.chosen
        }
        self.chosen = {**unsaid, **self.chosen}
        pinned = [*self._take_imported(), *self._pin()]
        if not has_file:
            stays = "is there: what it was given stays, but for what is said otherwise"
            return [f"{self.known.answers.stack} {stays}", *pinned]
        return [
            *(
                f"{name} stays {text or 'empty'}: the stack was given it, and neither the answers nor the "
                "command name it"
                for name, text in unsaid.items()
                if text != self.parameters[name].default
            ),
            *pinned,
        ]

    def _pin(self) -> list[str]:
        """Keep what a newer default would change for good."""
        told = []
        for name, why in NEVER_BY_DEFAULT.items():
            text, default = (
                (self.there.parameters.get(name) if self.there else None),
                self.parameters[name].default,
            )
            if text is None or name in self.chosen or text == default:
                continue
            self.chosen[name] = text
            told.append(
                f"{name} stays {text}: the default is {default} now, and {why}; "
                f"say {name}={default} to take it"
            )
        return told

    def _take_imported(self) -> list[str]:
        """Keep an imported domain as it is: its stack has no parameters yet, and defaults would change it."""
        name = "DomainName"
        if self.there is None or name in self.there.parameters or self.chosen.get("OpenSearchUrl"):
            return []
        try:
            own = self._account.find_resource(self.known.answers.stack, DOMAIN)
            found = [each for each in self._account.list_domains() if own and each.name == own]
        except RefusedError as error:
            return [f"whether a domain was imported is not known, name all that it has ({error})"]
        if not found or self.chosen.get(name, own) != own:
            return []
        unsaid = {name: text for name, text in found[0].values.items() if name not in self.chosen}
        self.chosen = {**self.chosen, **unsaid}
        return [f"{name} stays {text}: the imported domain has it" for name, text in unsaid.items()]

    def ask(self, talk: Talk, *, again: bool) -> None:
        """Ask a person for what is missing, or for all that is ever asked again."""
        if not again and (self.there is not None or self.known.source) and not self._refusals():
            return
        kept = {name: text for name, text in self.chosen.items() if not (again and name in ASKED)}
        answers = Interview(self._template, kept, self._account, talk).ask()
        self.asked = answers != kept
        self.chosen = answers

    def want(self) -> Wanted:
        """Return what is to be deployed.

        Raises:
            MissingError: something is missing, unknown, or contradicts something else.
        """
        unknown = [
            f"the template has no parameter {name}" for name in self.chosen if name not in self.parameters
        ]
        wrong = [
            why
            for name, text in self.chosen.items()
            if name in self.parameters and (why := self.parameters[name].refuse(text))
        ]
        needed = [
            f"{name} is missing: {each.text}"
            for name, each in self.parameters.items()
            if each.default is None and name not in self.chosen
        ]
        if problems := [*unknown, *wrong, *needed] or self._refusals():
            raise MissingError(problems)
        return Wanted(self.known.answers.stack, self.there, self._template, self._values())

    def keep(self, file: Path = ANSWERS, region: str = "") -> None:
        """Write down what was chosen; a file that is of another stack stays as it is."""
        if read_answers(file).stack not in ("", self.known.answers.stack):
            return
        write_answers(
            file, Answers(self.known.answers.stack, region or self.known.answers.region, self.chosen)
        )

    def _values(self) -> dict[str, str]:
        return {**{name: each.default or "" for name, each in self.parameters.items()}, **self.chosen}

    def _refusals(self) -> list[str]:
        return find_refusals(self._template, self._values())
