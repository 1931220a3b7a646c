"""What a step of the setup did, and how what is stored is compared with what is wanted."""

from dataclasses import dataclass
from enum import Enum
from typing import Any


class Did(Enum):
    """What a step did."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Step:
    """The result of one step.

    Attributes:
        did: in one word.
        note: what a person should know beside it.
    """

    did: Did
    note: str = ""

    def __str__(self) -> str:
        """Return both, for the answer and the log."""
        return f"{self.did.value}: {self.note}" if self.note else self.did.value


def same(wanted: Any, stored: Any) -> bool:  # noqa: ANN401  # JSON
    """Tell whether the stored value says what is wanted; OpenSearch keeps settings as text.

    Where an object is wanted, the stored one may have more: defaults that OpenSearch adds.
    """
    if isinstance(wanted, dict):
        return isinstance(stored, dict) and all(
            name in stored and same(value, stored[name]) for name, value in wanted.items()
        )
    if isinstance(wanted, list):
        return isinstance(stored, list) and len(wanted) == len(stored) and all(map(same, wanted, stored))
    return _plain(wanted) == _plain(stored)


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
