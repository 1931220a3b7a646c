"""Whether somebody looks on, and how far long work is: on standard error, only where that is a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


def is_interactive() -> bool:
    """Tell whether somebody is there who can be asked."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


@contextmanager
def shown_progress(title: str, total: int | None = None) -> Iterator[Callable[..., None]]:
    """Show a bar, or without a total a number; give the function that says how much more is done.

    It takes that number, and as `note` a word about it.
    """
    console = Console(file=sys.stderr)
    columns = [TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()]
    if total is not None:
        columns += [TextColumn("left"), TimeRemainingColumn()]
    columns.append(TextColumn("{task.fields[note]}"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=total, note="")
        yield lambda number, note="": progress.update(task, advance=number, note=note)
