"""What pages link outside docs/, on the site: mkdocs calls these hooks (`make site`).

On GitHub such links lead to files beside docs/. A site has docs/ alone, so that these files join it: Markdown
as pages of their own, whose links are led back, and others to be downloaded.
"""

import posixpath
import re
from pathlib import Path, PurePosixPath
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]

JOINING: Final = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security-policy.md",
    "benchmarks/RESULTS.md": "results.md",
    "benchmarks/results.svg": "results.svg",
    "src/flowlogs/pricing/prices.toml": "files/prices.toml",
    "stack/sender.yaml": "files/sender.yaml",
}
"""File of the repository -> where it is on the site, below docs/."""

ELSEWHERE: Final = {"LICENSE", "README.md", "tests/README.md"}
"""What such pages link, and the site does not have: their words stay, without a link."""

_LINK: Final = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|mailto:|#)([^)\s#]+)(#[^)\s]*)?\)")


def on_files(files: Any, config: Any) -> Any:  # noqa: ANN401  # mkdocs is in an environment of its own
    """Add the files that pages link outside docs/."""
    from mkdocs.structure.files import File  # type: ignore[import-not-found]  # only there

    for source, target in JOINING.items():
        files.append(File.generated(config, target, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:  # noqa: ANN401  # as above
    """Lead the links of a page to where their files are on the site."""
    return lead_links(markdown, page.file.src_uri)


def lead_links(markdown: str, name: str) -> str:
    """Return a page's text with its links as the site needs them.

    Args:
        markdown: the page, with links as they are beside its file.
        name: where it is on the site, below docs/.
    """
    source = next((path for path, target in JOINING.items() if target == name), f"docs/{name}")
    here = PurePosixPath(source).parent

    def lead(found: re.Match[str]) -> str:
        picture, words, link, anchor = found[1], found[2], found[3], found[4] or ""
        file = posixpath.normpath(here / link)
        if file in ELSEWHERE:
            return words
        target = posixpath.relpath(
            JOINING.get(file, file.removeprefix("docs/")), posixpath.dirname(name) or "."
        )
        return f"{picture}[{words}]({target}{anchor})"

    return _LINK.sub(lead, markdown)
