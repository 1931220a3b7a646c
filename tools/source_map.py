"""Where to find what in the source: drawn from the folders and the first sentence of each docstring.

Run as a program (`make docs`), it renews the map in README.md and the one with every module in
docs/design.md.
"""

import ast
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tools.marked import renew

SOURCE: Final = Path(__file__).parents[1] / "src"
LAYERS: Final = ("parser", "handler", "flowlogs")
"""In the order in which one understands them; imports point the other way."""

NAME: Final = "map of the source"
_COLUMN: Final = 26
_WIDTH: Final = 108


def render_overview() -> str:
    """Return the rooms for README: what each is for, and which modules are in it."""
    return "\n".join(["```text", *(line for room in _rooms() for line in _render_room(room)), "```"])


def render_modules() -> str:
    """Return a table of all modules in Markdown, with what each is for."""
    rows = ["| module | its one job |", "|---|---|"]
    for room in _rooms():
        rows.append(f"| **{_place(room)}** | **{_read_job(room / '__init__.py')}** |")
        rows += [f"| `{_name(path)}` | {_read_job(path)} |" for path in _modules(room)]
    return "\n".join(rows)


def _rooms() -> Iterator[Path]:
    for layer in LAYERS:
        yield SOURCE / layer
        yield from sorted(path.parent for path in (SOURCE / layer).glob("*/__init__.py"))


def _modules(room: Path) -> list[Path]:
    return [path for path in sorted(room.glob("*.py")) if path.name != "__init__.py"]


def _render_room(room: Path) -> Iterator[str]:
    job = textwrap.wrap(_read_job(room / "__init__.py"), _WIDTH - _COLUMN)
    for place, line in zip([f"{_place(room)}/", *[""] * (len(job) - 1)], job, strict=True):
        yield f"{place:{_COLUMN}}{line}"
    names = "  ".join(path.stem for path in _modules(room))
    yield from textwrap.wrap(
        names, _WIDTH, initial_indent=" " * _COLUMN + "  ", subsequent_indent=" " * _COLUMN + "  "
    )


def _place(room: Path) -> str:
    return room.relative_to(SOURCE.parent).as_posix()


def _name(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE).with_suffix("").parts)


def _read_job(path: Path) -> str:
    """Return the first line of a module's docstring."""
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n")[0]


if __name__ == "__main__":
    for file, text in zip(map(Path, sys.argv[1:]), (render_overview(), render_modules()), strict=True):
        file.write_text(renew(file.read_text(encoding="utf-8"), NAME, text), encoding="utf-8")
