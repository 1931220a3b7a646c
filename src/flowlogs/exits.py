"""How commands end, alike for all of them."""

import sys
from typing import Final

import typer

INCOMPLETE: Final = 1
"""The command ran, and something that it was asked about is not as it should be."""

USAGE: Final = 2
"""The command was called wrongly, or its environment is not usable."""


def fail(message: str, status: int) -> typer.Exit:
    """Say on standard error what is wrong; return what to raise."""
    print(f"flowlogs: {message}", file=sys.stderr)
    return typer.Exit(status)
