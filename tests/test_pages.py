"""What pages say of the source is what the source is; `make docs` renews it."""

import re
from pathlib import Path

import pytest

from tools import field_table, marked, notice, source_map


@pytest.mark.parametrize(
    ("page", "name", "text"),
    [
        pytest.param("README.md", source_map.NAME, source_map.render_overview(), id="rooms in README"),
        pytest.param("docs/design.md", source_map.NAME, source_map.render_modules(), id="modules in design"),
        pytest.param("docs/fields.md", field_table.NAME, field_table.render_table(), id="table of fields"),
    ],
)
def test_a_part_written_from_the_code_is_up_to_date(project: Path, page: str, name: str, text: str) -> None:
    written = (project / page).read_text(encoding="utf-8")

    assert marked.renew(written, name, text) == written, "make docs renews it"


def test_every_module_says_its_job() -> None:
    rows = source_map.render_modules().splitlines()[2:]

    assert [row for row in rows if row.endswith(("|  |", "| **** |"))] == []
    assert len({row.split(" | ")[1] for row in rows}) == len(rows)


def test_words_that_the_glossary_avoids_are_used_nowhere(project: Path) -> None:
    """One thing has one name, in code and documentation."""
    glossary = (project / "docs/glossary.md").read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in glossary.splitlines() if line.startswith("| **")]
    avoided = {word.strip() for *_, words in rows for word in words.strip("| ").split(",") if word.strip()}
    assert avoided
    wrong = re.compile("|".join(map(re.escape, avoided)), re.IGNORECASE)
    files = [project / "README.md", project / "CHANGELOG.md", project / "template.yaml"]
    for folder in ("docs", "src", "stack", "tools"):
        files += [path for kind in ("md", "py", "yaml") for path in (project / folder).rglob(f"*.{kind}")]

    assert {
        f"{file.relative_to(project)}: {found[0]}"
        for file in files
        if file.name != "glossary.md" and (found := wrong.search(file.read_text(encoding="utf-8")))
    } == set()


def test_every_word_of_the_glossary_is_used(project: Path) -> None:
    glossary = (project / "docs/glossary.md").read_text(encoding="utf-8")
    words = re.findall(r"(?m)^\| \*\*(.+?)\*\*", glossary)
    pages = [page for page in (project / "docs").glob("*.md") if page.name != "glossary.md"]
    code = "\n".join(path.read_text(encoding="utf-8") for path in [*pages, *(project / "src").rglob("*.py")])

    assert [word for word in words if not re.search(rf"\b{word}s?\b", code, re.IGNORECASE)] == []


def test_the_notice_names_every_package_that_the_functions_carry(project: Path) -> None:
    written = (project / "NOTICE").read_text(encoding="utf-8")

    assert written == notice.render_notice(), "make docs renews it"
