"""Every link of a page leads to a file and a heading that are there, on GitHub and on the site."""

import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tools import site_pages

PROJECT: Final = Path(__file__).parents[1]
PAGES: Final = sorted(
    page
    for pattern in ("*.md", "docs/*.md", "events/*.md", "benchmarks/*.md", "tests/*.md", ".github/*.md")
    for page in PROJECT.glob(pattern)
)
LINK: Final = re.compile(r"\[[^\]]*\]\((?!https?:|mailto:)([^)\s#]*)(?:#([^)\s]*))?\)")

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))


def read_links(text: str) -> list[tuple[str, str]]:
    """Return file and anchor of each link that leads to no other server; not those of code."""
    prose = re.sub(r"(?m)^    .*$", "", re.sub(r"(?ms)^```.*?^```$", "", text))
    return [(found[1], found[2] or "") for found in LINK.finditer(prose)]


def read_anchors(page: Path) -> set[str]:
    """Return what the headings of a page are called in a link, as GitHub names them."""
    text = re.sub(r"(?ms)^```.*?^```$", "", page.read_text(encoding="utf-8"))
    headings = re.findall(r"(?m)^#+ (.+)$", text)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


@pages
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    wrong = []
    for link, anchor in read_links(page.read_text(encoding="utf-8")):
        file = (page.parent / link).resolve() if link else page
        if not file.is_relative_to(PROJECT) or not file.exists():
            wrong.append(link)
        elif anchor and anchor not in read_anchors(file):
            wrong.append(f"{link}#{anchor}")
    assert wrong == []


def test_links_are_found_at_all() -> None:
    found = {
        str(page.relative_to(PROJECT)): len(read_links(page.read_text(encoding="utf-8"))) for page in PAGES
    }
    assert found["README.md"] > 3
    assert found["docs/operations.md"] > 10
    assert "when-an-alarm-comes" in read_anchors(PROJECT / "docs" / "operations.md")


def test_every_page_is_on_the_site_and_in_the_index() -> None:
    nav: list[Any] = yaml.safe_load((PROJECT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    listed = [
        name for each in nav for name in (next(iter(each.values())) if isinstance(each, dict) else [each])
    ]
    files = {page.name for page in (PROJECT / "docs").glob("*.md")}
    joining = {name for name in site_pages.JOINING.values() if name.endswith(".md")}
    linked = {link for link, _ in read_links((PROJECT / "docs" / "README.md").read_text(encoding="utf-8"))}

    assert sorted(listed) == sorted(files | joining)
    assert files - linked == {"README.md"}


def test_every_link_leads_somewhere_on_the_site() -> None:
    on_site = {f"{page.name}": page for page in (PROJECT / "docs").glob("*.md")}
    on_site |= {name: PROJECT / path for path, name in site_pages.JOINING.items() if name.endswith(".md")}
    there = {*on_site, *site_pages.JOINING.values()}
    there |= {str(each.relative_to(PROJECT / "docs")) for each in (PROJECT / "docs" / "images").iterdir()}
    wrong = [
        (name, link)
        for name, page in on_site.items()
        for link, _ in read_links(site_pages.lead_links(page.read_text(encoding="utf-8"), name))
        if link and link not in there
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("name", "written", "led"),
    [
        ("operations.md", "[a](deploy.md#limits)", "[a](deploy.md#limits)"),
        ("operations.md", "[a](../benchmarks/RESULTS.md)", "[a](results.md)"),
        ("operations.md", "[a](../stack/sender.yaml)", "[a](files/sender.yaml)"),
        ("README.md", "![a](images/report.png)", "![a](images/report.png)"),
        (
            "results.md",
            "![a](results.svg) [b](../docs/performance.md)",
            "![a](results.svg) [b](performance.md)",
        ),
        ("contributing.md", "[a](docs/fields.md#tags), [b](LICENSE)", "[a](fields.md#tags), b"),
        (
            "contributing.md",
            "[a](#add-a-field) [b](https://x.example/a.md)",
            "[a](#add-a-field) [b](https://x.example/a.md)",
        ),
    ],
)
def test_a_link_is_led_to_where_its_file_is_on_the_site(name: str, written: str, led: str) -> None:
    assert site_pages.lead_links(written, name) == led
