"""What each engine can take: one table, read by the setup and by doctor."""

import re
from pathlib import Path
from typing import Final

import pytest

from parser.engine import NEWEST, OLDEST, SERVERLESS, TABLE, Engine, Kind, Part
from parser.format import DEFAULT, Formats
from parser.index_template import index_template

OPTIMIZED: Final = Engine((3, 5), Kind.OPTIMIZED, "3.5.0")
LACKS: Final = {
    NEWEST: set[Part](),
    Engine((2, 12)): set[Part](),
    Engine((2, 11)): {Part.MATCH_ONLY_TEXT},
    OLDEST: {Part.MATCH_ONLY_TEXT},
    SERVERLESS: {
        Part.VERSION,
        Part.MATCH_ONLY_TEXT,
        Part.SETTINGS,
        Part.RETENTION,
        Part.ROLES,
        Part.HEALTH,
    },
    OPTIMIZED: {Part.DASHBOARDS, Part.SEARCH, Part.REPLACING},
}


@pytest.mark.parametrize("engine", LACKS, ids=lambda each: f"{each.kind.name.lower()} {each.version}")
def test_an_engine_lacks_these_parts_and_no_others(engine: Engine) -> None:
    missing = engine.list_missing()

    assert missing.keys() == LACKS[engine]
    assert {part for part in Part if not engine.has(part)} == LACKS[engine]
    assert all(missing.values())


def test_every_part_is_in_the_table() -> None:
    assert list(TABLE) == list(Part)


@pytest.mark.parametrize(
    ("engine", "refusal"),
    [
        pytest.param(NEWEST, "", id="the newest"),
        pytest.param(Engine((9, 0), shown="9.0.0"), "", id="newer than was tried"),
        pytest.param(OLDEST, "", id="the oldest"),
        pytest.param(
            Engine((1, 2), shown="1.2.4"),
            "OpenSearch 1.2.4 is too old: 1.3 is the oldest version that can be used",
            id="too old",
        ),
        pytest.param(SERVERLESS, "", id="a collection, which shows no version"),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_sentence(engine: Engine, refusal: str) -> None:
    assert engine.refusal == refusal


def test_the_index_template_leaves_out_what_an_engine_lacks() -> None:
    made = index_template("cwl", Formats.from_text(DEFAULT), engine=SERVERLESS)["template"]

    assert "settings" not in made
    text = {"type": "text", "norms": False, "index_options": "docs"}
    assert made["mappings"]["properties"]["@message"] == text | {"index": False}
    assert made["mappings"]["properties"]["@unparsed"] == text


def test_versions_are_compared_in_the_table_alone(project: Path) -> None:
    """A comparison elsewhere is a second truth about what an engine can take."""
    compared = re.compile(r"\bengine\w*(?:\.version)? *(?:[<>]=?|==)|[<>]=? *\(\d+, \d+\)")
    found = [
        f"{file.relative_to(project)}: {line.strip()}"
        for file in sorted((project / "src").rglob("*.py"))
        if file.name != "engine.py"
        for line in file.read_text(encoding="utf-8").splitlines()
        if compared.search(line)
    ]
    assert found == []
