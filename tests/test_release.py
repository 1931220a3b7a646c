"""What is released is of one version, and the same bytes whenever it is built."""

import os
import re
from pathlib import Path
from typing import Any, Final

import pytest

from flowlogs.deploying.template import load_template
from handler import __version__
from tools import release

PROJECT: Final = Path(__file__).parents[1]
NEEDED: Final = ("src/handler/__init__.py", "template.yaml", "pyproject.toml", "CHANGELOG.md")
LIMITS: Final = {"Name": 140, "Description": 256, "Author": 127}
"""Characters, as AWS documents the key AWS::ServerlessRepo::Application."""


def test_every_place_names_the_version_of_the_software() -> None:
    found = release.read_versions(PROJECT)
    del found["CHANGELOG.md"]  # it has a section of its own when there is a release
    assert set(found.values()) == {__version__}
    assert len(found) == 3


CHANGELOG: Final = "# Changelog\n\n## 1.2.0 - 2026-11-29\n\n### Added\n\n- A.\n\n## 1.1.0 - 2026-01-02\n"


@pytest.fixture
def ready(tmp_path: Path) -> Path:
    """Return a folder with what names the version, all ready for 1.2.0."""
    for name in NEEDED:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        text = (PROJECT / name).read_text(encoding="utf-8").replace(f'"{__version__}"', '"1.2.0"')
        text = text.replace(f"SemanticVersion: {__version__}", "SemanticVersion: 1.2.0")
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "before", "after", "expected"),
    [
        pytest.param("CHANGELOG.md", "A", "A", [], id="all is well"),
        pytest.param(
            "src/handler/__init__.py",
            '"1.2.0"',
            '"1.1.0"',
            ["src/handler/__init__.py says 1.1.0, not 1.2.0"],
            id="the code is behind",
        ),
        pytest.param(
            "pyproject.toml",
            '"1.2.0"',
            '"1.1.0"',
            ["pyproject.toml says 1.1.0, not 1.2.0"],
            id="the wheel",
        ),
        pytest.param(
            "template.yaml",
            "    SemanticVersion: 1.2.0\n",
            "",
            ["template.yaml, SemanticVersion says no version, not 1.2.0"],
            id="the template names none",
        ),
        pytest.param(
            "CHANGELOG.md",
            "## 1.2.0 - 2026-11-29",
            "## Unreleased",
            [
                "CHANGELOG.md says 1.1.0, not 1.2.0",
                "CHANGELOG.md has entries under Unreleased: they are of 1.2.0, or of later",
            ],
            id="the changelog has no section",
        ),
        pytest.param(
            "CHANGELOG.md",
            " - 2026-11-29",
            "",
            ["CHANGELOG.md gives no day: ## 1.2.0 - YYYY-MM-DD"],
            id="the changelog names no day",
        ),
    ],
)
def test_a_version_that_not_all_agree_on_is_not_released(
    name: str, before: str, after: str, expected: list[str], ready: Path
) -> None:
    text = (ready / name).read_text(encoding="utf-8")
    assert before in text
    (ready / name).write_text(text.replace(before, after), encoding="utf-8")
    assert (
        release.find_problems("1.2.0", release.read_versions(ready), release.read_sections(ready)) == expected
    )


def read_about() -> dict[str, Any]:
    about: dict[str, Any] = load_template()["Metadata"]["AWS::ServerlessRepo::Application"]
    return about


def test_what_the_template_says_of_itself_is_as_a_catalogue_takes_it() -> None:
    about = read_about()
    assert {name for name, most in LIMITS.items() if not 1 <= len(about[name]) <= most} == set()
    assert re.fullmatch("[a-zA-Z0-9-]+", about["Name"])
    assert re.fullmatch("[a-z0-9](([a-z0-9]|-(?!-))*[a-z0-9])?", about["Author"])
    assert len(about["Labels"]) <= 10
    assert [each for each in about["Labels"] if not re.fullmatch(r"[a-zA-Z0-9+\-_:\/@]{1,127}", each)] == []
    assert about["SpdxLicenseId"] == "Apache-2.0"
    for name in ("LicenseUrl", "ReadmeUrl"):
        assert 0 < (PROJECT / about[name]).stat().st_size < 5_000_000


@pytest.mark.parametrize("architecture", release.ARCHITECTURES)
def test_a_packaged_template_is_the_same_but_for_code_and_processor(architecture: str) -> None:
    text = (PROJECT / "template.yaml").read_text(encoding="utf-8")
    packaged = release.package_template(text, architecture, "functions.zip")
    changed = [
        (before.strip(), after.strip())
        for before, after in zip(text.splitlines(), packaged.splitlines(), strict=True)
        if before != after
    ]
    processor = f"Architecture: {{Type: String, Default: {architecture}, AllowedValues: [{architecture}],"
    assert changed[0] == (
        "Architecture: {Type: String, Default: arm64, AllowedValues: [arm64, x86_64],",
        processor,
    )
    code = [("CodeUri: src", "CodeUri: functions.zip"), *[("Code: src", "Code: functions.zip")] * 2]
    assert changed[1:] == code


def test_a_template_that_names_its_code_in_another_way_is_not_packaged() -> None:
    with pytest.raises(ValueError, match="names its code or its processor in a way that is not known"):
        release.package_template("Resources: {}", "arm64", "functions.zip")


def test_a_zip_depends_on_names_and_contents_only(tmp_path: Path) -> None:
    files = {"handler/forward.py": "1", "a.txt": "2", "lib/z.so": "3"}
    for folder, names in (("one", list(files)), ("other", list(reversed(files)))):
        for name in names:
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files[name])
            path.chmod(0o600 if folder == "one" else 0o755)
            os.utime(path, (1, 1) if folder == "one" else None)
        release.write_zip(tmp_path / folder, tmp_path / f"{folder}.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "other.zip").read_bytes()
    (tmp_path / "other" / "a.txt").write_text("4")
    release.write_zip(tmp_path / "other", tmp_path / "other.zip")
    assert (tmp_path / "one.zip").read_bytes() != (tmp_path / "other.zip").read_bytes()


@pytest.mark.dear(3)
def test_wheel_and_sdist_are_the_same_bytes_when_they_are_built_again(tmp_path: Path) -> None:
    sums = []
    for folder in (tmp_path / "one", tmp_path / "other"):
        release.build_packages(folder)
        sums.append(release.read_sums(folder))
    assert sorted(path.rpartition(".")[2] for path in sums[0]) == ["gz", "whl"]
    assert release.find_differences(*sums) == []


def test_what_differs_is_named() -> None:
    assert release.find_differences({"a": "1", "b": "2"}, {"a": "1", "b": "3", "c": "4"}) == ["b", "c"]
