"""What pages say of the source is what the source is; `make docs` renews it."""

from pathlib import Path

import pytest

from tools import field_table, marked, source_map


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
