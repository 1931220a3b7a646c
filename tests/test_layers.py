"""Imports point one way: flowlogs -> handler -> parser -> nothing that touches the world."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src"
# The world, as Python offers it: files, processes, clocks, chance, the network, the environment.
WORLD = {
    "asyncio", "http.client", "http.server", "io", "logging", "multiprocessing", "os", "pathlib", "random",
    "secrets", "select", "shutil", "signal", "socket", "ssl", "subprocess", "sys", "tempfile", "threading",
    "time", "urllib.request", "uuid",
    "aws_lambda_powertools", "boto3", "botocore", "opensearchpy", "requests", "requests_aws4auth", "urllib3",
}  # fmt: skip
# These live in a module of the world and only compute.
PURE = {"socket.AF_INET", "socket.AF_INET6", "socket.inet_pton"}
FORBIDDEN = {
    "parser": WORLD | {"handler", "flowlogs"},
    "handler": {"flowlogs"},
}
# The rooms of src/flowlogs, and what each may use of the others.
ROOMS: dict[str, set[str]] = {
    "local": set(),
    "traffic": set(),
    "layouts": set(),
    "bucket": {"terminal"},
    "terminal": {"local"},
    "panels": {"terminal"},
    "accounting": {"cluster", "terminal"},
    "cluster": {"terminal"},
    "pricing": set(),
    "deploying": {"cluster", "local", "pricing", "terminal"},
    "dashboards": {"panels"},
    "proving": {"accounting", "cluster", "terminal"},
    "report": {"cluster", "panels", "terminal"},
    "commands": {
        "accounting", "bucket", "cluster", "dashboards", "deploying", "layouts", "local", "panels", "pricing",
        "proving", "report", "terminal", "traffic",
    },
    "__main__": {"command_line"},
    "command_line": {"terminal"},  # it names the commands in a table, and imports the one that is asked for
}  # fmt: skip
# Names that reach the world without an import of their own.
WORLDLY_CALLS = {"open", "print", "input", "now", "today", "utcnow", "environ", "getenv"}


def modules(package: str) -> list[Path]:
    found = sorted((SOURCE / package).rglob("*.py"))
    assert found, f"no module in {package}"
    return found


def imported(nodes: Iterator[ast.AST]) -> set[str]:
    """Return the dotted names of what is imported, and of all that contains it."""
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    names -= PURE
    return {".".join(name.split(".")[:length]) for name in names for length in range(1, name.count(".") + 2)}


def at_top_level(tree: ast.Module) -> Iterator[ast.AST]:
    """Walk what runs when the module is imported: everything but the bodies of functions."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += [
            child
            for child in ast.iter_child_nodes(node)
            if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        ]


@pytest.mark.parametrize("package", FORBIDDEN)
def test_a_layer_imports_nothing_from_above(package: str) -> None:
    found = {
        str(path.relative_to(SOURCE)): forbidden
        for path in modules(package)
        if (forbidden := imported(ast.walk(ast.parse(path.read_text()))) & FORBIDDEN[package])
    }

    assert found == {}


def test_a_room_uses_only_the_rooms_below_it() -> None:
    found: dict[str, set[str]] = {room: set() for room in ROOMS}
    for path in modules("flowlogs"):
        room, *_ = path.relative_to(SOURCE / "flowlogs").with_suffix("").parts
        names = imported(ast.walk(ast.parse(path.read_text())))
        used = {name.split(".")[1] for name in names if name.startswith("flowlogs.")}
        if room != "__init__":
            found[room] |= used - {room}

    assert found == ROOMS


def test_rooms_have_an_order() -> None:
    """No room uses one that, by others, uses it."""
    assert set(TopologicalSorter(ROOMS).static_order()) == set(ROOMS)


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Not even inside a function, by way of others."""
    names = {
        ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__"): path
        for package in ("parser", "handler", "flowlogs")
        for path in modules(package)
    }
    used = {
        name: {each for each in imported(ast.walk(ast.parse(path.read_text()))) if each in names}
        - {name, *(name.rsplit(".", depth)[0] for depth in range(1, name.count(".") + 1))}
        for name, path in names.items()
    }

    assert any(used.values())
    assert set(TopologicalSorter(used).static_order()) == set(names)


def test_no_rooms_of_the_handler_use_each_other_in_a_circle() -> None:
    """A module that stands in no room is one by itself."""
    used: dict[str, set[str]] = {}
    for path in modules("handler"):
        room, *_ = path.relative_to(SOURCE / "handler").with_suffix("").parts
        names = imported(ast.walk(ast.parse(path.read_text())))
        named = {name.split(".")[1] for name in names if name.startswith("handler.")} - {room}
        used.setdefault(room, set()).update(named & {each.stem for each in (SOURCE / "handler").iterdir()})

    assert used["replaying"] >= {"failures", "journal"}
    assert set(TopologicalSorter(used).static_order()) == set(used)


def test_nothing_uses_what_lambda_calls() -> None:
    """What two functions need stands beside them: each brings its own part of the world when it starts."""
    functions = {
        f"handler.{path.stem}"
        for path in (SOURCE / "handler").glob("*.py")
        if "def lambda_handler(" in path.read_text()
    }
    found = {
        str(path.relative_to(SOURCE)): used
        for path in modules("handler")
        if (used := imported(ast.walk(ast.parse(path.read_text()))) & functions)
    }

    assert functions >= {"handler.forward", "handler.stream", "handler.replay", "handler.setup"}
    assert found == {}


def test_each_error_has_a_name_of_its_own() -> None:
    """Who reads a name in a log or in an except clause finds one class of it."""
    named = Counter(
        node.name
        for package in ("parser", "handler", "flowlogs")
        for path in modules(package)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef) and node.name.endswith("Error")
    )

    assert {name for name, count in named.items() if count > 1} == set()
    assert named["EnvelopeError"] == 1


def test_every_room_says_its_job_in_one_sentence() -> None:
    rooms = [path for package in ("flowlogs", "handler") for path in (SOURCE / package).glob("*/__init__.py")]
    said = {path.parent.name: ast.get_docstring(ast.parse(path.read_text())) or "" for path in rooms}

    assert {name for name, text in said.items() if not text.partition("\n")[0].endswith(".")} == set()
    assert len(set(said.values())) == len(rooms)


def test_the_parser_opens_nothing_and_reads_no_clock() -> None:
    found = [
        f"{path.relative_to(SOURCE)}:{node.lineno} {name}"
        for path in modules("parser")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        for name in [getattr(node.func, "id", getattr(node.func, "attr", ""))]
        if name in WORLDLY_CALLS
    ]

    assert found == []


def test_the_handler_imports_boto3_only_where_it_is_used() -> None:
    """A cold start that stores no failure does not pay for boto3."""
    found = {
        str(path.relative_to(SOURCE)): early
        for path in modules("handler")
        if (early := imported(at_top_level(ast.parse(path.read_text()))) & {"boto3", "botocore"})
    }

    assert found == {}


def test_tests_stand_where_their_rooms_do() -> None:
    """A folder of tests is that of a room, or of a module with many tests; and each room has one."""
    tests = Path(__file__).parent
    for layer in FORBIDDEN.keys() | {"flowlogs"}:
        source, folders = SOURCE / layer, {path.parent.name for path in (tests / layer).glob("*/test_*.py")}
        rooms = {path.parent.name for path in source.glob("*/__init__.py")}

        assert rooms <= folders
        assert folders - rooms <= {path.stem for path in source.glob("*.py")}


def test_what_a_line_is_excused_from_has_its_reason_beside_it() -> None:
    excused = re.compile(r"# (?:ruff: )?(?:noqa|type: ignore)\b(?P<rules>[^#]*)(?P<reason>#.+)?")
    project = SOURCE.parent
    bare = [
        f"{path.relative_to(project)}:{number}"
        for folder in ("src", "tools", "builder", "benchmarks", "events", "tests")
        for path in (project / folder).rglob("*.py")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if (found := excused.search(line)) and (not found["reason"] or len(found["rules"]) < len(": ANY"))
    ]

    assert bare == []
