"""How a person is asked: a question in a sentence, values to choose from, and again until it can be taken."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from flowlogs.deploying.account import Named

Refuse = Callable[[str], str]
"""Returns why a value cannot be taken; empty where it can."""

_YES: Final = {"y": True, "yes": True, "n": False, "no": False}


def _take(_: str) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Talk:
    """Asks on a terminal.

    Attributes:
        read: shows a prompt, and returns the line that is typed.
        tell: shows a line.
    """

    read: Callable[[str], str]
    tell: Callable[[str], None]

    def ask(self, text: str, default: str = "", refuse: Refuse = _take) -> str:
        """Return what is typed, or the default."""
        self.tell(f"\n{text}")
        while True:
            value = self.read(f"[{default}]: " if default else ": ").strip() or default
            why = refuse(value)
            if not why:
                return value
            self.tell(why)

    def choose(self, text: str, choices: Sequence[Named], refuse: Refuse | None = None) -> str:
        """Return the identity of a choice, named by its number, or typed where `refuse` judges what is."""
        self.tell(f"\n{text}")
        width = max((len(each.id) for each in choices), default=0)
        for number, each in enumerate(choices, start=1):
            self.tell(f"  {number:>2}  {each.id:<{width}}  {each.text}".rstrip())
        hint = "a number" if refuse is None else "a number, or by hand"
        while True:
            typed = self.read(f"{hint}: ").strip()
            if typed.isdecimal() and 1 <= int(typed) <= len(choices):
                return choices[int(typed) - 1].id
            if any(each.id == typed for each in choices):
                return typed
            if refuse is None or not typed or typed.isdecimal():
                self.tell(f"a number from 1 to {len(choices)}")
                continue
            why = refuse(typed)
            if not why:
                return typed
            self.tell(why)

    def confirm(self, text: str, *, default: bool) -> bool:
        """Return whether the answer is yes."""
        while True:
            typed = self.read(f"\n{text} [{'Y/n' if default else 'y/N'}]: ").strip().lower()
            if not typed:
                return default
            if typed in _YES:
                return _YES[typed]
            self.tell("y or n")
