"""How the key may change: each role may use the next one before anything has it, and the former one after.

A stream or a bucket has its new key minutes before the roles could be told of it. What CloudWatch Logs cannot
encrypt meanwhile it does not write, and nobody has it; what was written before, only the former key opens.
"""

from collections.abc import Iterator
from typing import Final

from handler.checking.choices import Choices, split_list

KEY: Final = "KmsKeyArn"
FURTHER: Final = "FurtherKmsKeyArns"


def find_key_changes(choices: Choices, before: Choices) -> Iterator[str]:
    """Yield why the key cannot change so, and what leads there: one sentence at the most.

    Args:
        choices: as for `find_contradictions`. Where `KmsKeyArn` is empty all has AWS's own keys, which every
            role may use.
        before: the same before the change. Where one of both has no `KmsKeyArn`, be it empty, nobody knows
            whether it changes (the stack is made, or comes from or goes back to a version that does not tell
            the check), and nothing is refused.
    """
    wanted, had = choices.get(KEY), before.get(KEY)
    if wanted is None or had is None or wanted == had:
        return
    further, kept = (split_list(each.get(FURTHER, "")) for each in (before, choices))
    if wanted and wanted not in further:
        now = f"at {had}" if had else "empty"
        then = f", and {FURTHER} to {_join(further, had)}" if had else ""
        yield (
            f"{KEY} changes in two updates, because the roles must be allowed to use a key before anything"
            f" has it. First leave {KEY} {now}, and set {FURTHER} to {_join(further, wanted)}. Then set"
            f" {KEY} to {wanted}{then}."
        )
    elif had and had not in kept:
        yield (
            f"What the key {had} has encrypted is still to be read: with this change of {KEY} set {FURTHER}"
            f" to {_join(kept, had)}."
        )


def _join(keys: list[str], more: str) -> str:
    """Return keys with one more as the parameter has them."""
    return ",".join(dict.fromkeys([*keys, more]))
