"""What grows beyond what one takes in at a glance is divided."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

LONGEST_MODULE = 300
LONGEST_FUNCTION = 50


def functions(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield each function with the lines of what it does: its arguments and its docstring are for readers."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first, *rest = node.body
            told = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and rest
            start = rest[0].lineno if told else first.lineno
            yield node.name, (node.end_lineno or start) - start + 1


@pytest.mark.parametrize("folder", ["src", "tools", "builder", "benchmarks"])
def test_modules_and_functions_are_short(project: Path, folder: str) -> None:
    files = {
        path.relative_to(project): path.read_text(encoding="utf-8")
        for path in (project / folder).rglob("*.py")
    }
    assert files

    modules = {str(path): text.count("\n") for path, text in files.items()}
    parts = {
        f"{path}: {name}": lines for path, text in files.items() for name, lines in functions(ast.parse(text))
    }
    long = {name: lines for name, lines in modules.items() if lines > LONGEST_MODULE}
    long |= {name: lines for name, lines in parts.items() if lines > LONGEST_FUNCTION}

    assert long == {}
