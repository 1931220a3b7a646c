"""docs/security.md names the tests that show what it says: each of them exists."""

import re
from pathlib import Path

import pytest

from handler.installing.access import writer_role

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs/security.md").read_text()
NAMED = sorted(set(re.findall(r"`(test_\w+)`", DOCUMENT)))
WRITTEN = {
    name
    for path in (ROOT / "tests").rglob("test_*.py")
    for name in re.findall(r"def (test_\w+)", path.read_text())
}


@pytest.mark.parametrize("name", NAMED)
def test_a_named_test_exists(name: str) -> None:
    assert name in WRITTEN


def test_the_table_of_permissions_is_that_of_the_role() -> None:
    role = writer_role("cwl")
    table = re.findall(r"^\| `(indices:[^`]+)`( \(cluster\))? \|", DOCUMENT, re.MULTILINE)

    assert [name for name, cluster in table if cluster] == role["cluster_permissions"]
    assert [name for name, cluster in table if not cluster] == role["index_permissions"][0]["allowed_actions"]
