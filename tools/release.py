"""A release: is everything of one version, and what is published of it, built twice and compared.

Run as a program (`make release VERSION=0.1.0`). It uploads nothing: what is in dist/VERSION/ is for people to
look at, and to publish.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from flowlogs.local.artifact import FUNCTION, build, find_sam

PROJECT: Final = Path(__file__).parents[1]
ARCHITECTURES: Final = ("arm64", "x86_64")
SUMS: Final = "SHA256SUMS"

_CHANGELOG: Final = "CHANGELOG.md"
_UNRELEASED: Final = "Unreleased"
_SECTION: Final = re.compile(r"(?m)^## (?P<name>\S+)(?P<date> - \d{4}-\d{2}-\d{2})?$")
_STAMP: Final = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can hold; SAM and the AWS CLI give files the same."""


def read_versions(project: Path) -> dict[str, str]:
    """Return which version each place names; empty where it names none."""
    code = (project / "src/handler/__init__.py").read_text(encoding="utf-8")
    template = (project / "template.yaml").read_text(encoding="utf-8")
    about = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    return {
        "pyproject.toml": str(about["project"]["version"]),
        "src/handler/__init__.py": _find(r'(?m)^__version__ = "(.+)"$', code),
        "template.yaml, SemanticVersion": _find(r"(?m)^    SemanticVersion: (\S+)$", template),
        _CHANGELOG: next((name for name in read_sections(project) if name != _UNRELEASED), ""),
    }


def read_sections(project: Path) -> dict[str, str]:
    """Return the sections of the changelog, the newest first: version -> what is said, with the date."""
    text = (project / _CHANGELOG).read_text(encoding="utf-8")
    found = list(_SECTION.finditer(text))
    ends = [each.start() for each in found[1:]] + [len(text)]
    return {
        each["name"]: (each["date"] or "") + text[each.end() : end]
        for each, end in zip(found, ends, strict=True)
    }


def find_problems(version: str, versions: Mapping[str, str], sections: Mapping[str, str]) -> list[str]:
    """Return what speaks against a release of this version, a sentence each; empty where nothing does."""
    problems = [
        f"{place} says {named or 'no version'}, not {version}"
        for place, named in versions.items()
        if named != version
    ]
    if sections.get(_UNRELEASED, "").strip():
        problems.append(f"{_CHANGELOG} has entries under {_UNRELEASED}: they are of {version}, or of later")
    if version in sections and not sections[version].startswith(" - "):
        problems.append(f"{_CHANGELOG} gives no day: ## {version} - YYYY-MM-DD")
    return problems


def _find(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found[1] if found else ""


def package_template(text: str, architecture: str, archive: str) -> str:
    """Return a template whose functions are a zip beside it, for the processor that this was built for.

    `sam deploy` and `aws cloudformation package` upload the zip, and the templates of the nested stacks.

    Raises:
        ValueError: the template names code, or the processor, in another way than it did.
    """
    text, replaced = re.subn(r"(?m)^( +Code(?:Uri)?: )src$", rf"\g<1>{archive}", text)
    processor = r"(?m)^(  Architecture: \{Type: String, Default: )\w+(, AllowedValues: )\[[\w, ]+\]"
    text, chosen = re.subn(processor, rf"\g<1>{architecture}\g<2>[{architecture}]", text)
    if not replaced or chosen != 1:
        raise ValueError("template.yaml names its code or its processor in a way that is not known here")
    return text


def write_zip(folder: Path, file: Path) -> None:
    """Write a folder as a zip that depends on names and contents only, not on times, order or owners."""
    with zipfile.ZipFile(file, "w") as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            member = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _STAMP)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.create_system = 3  # Unix: what comes next are its permissions
            member.external_attr = 0o644 << 16
            archive.writestr(member, path.read_bytes(), compresslevel=9)


def read_sums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file below a folder, by its name there."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def build_packages(folder: Path) -> None:
    """Build wheel and sdist into a folder."""
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(command, cwd=PROJECT, check=True, capture_output=True)


def _build_functions(folder: Path) -> None:
    template = (PROJECT / "template.yaml").read_text(encoding="utf-8")
    for architecture in ARCHITECTURES:
        archive = f"functions-{architecture}.zip"
        with tempfile.TemporaryDirectory() as scratch:
            build(Path(scratch), architecture=architecture, function=FUNCTION)
            write_zip(Path(scratch, FUNCTION), folder / archive)
        packaged = package_template(template, architecture, archive)
        (folder / f"template-{architecture}.yaml").write_text(packaged, encoding="utf-8")
    shutil.copytree(PROJECT / "stack", folder / "stack")
    for name in ("LICENSE", "NOTICE", "README.md"):
        shutil.copy(PROJECT / name, folder)


def _write_bill_of_materials(folder: Path) -> None:
    """Say what the functions are made of; hashes of each package's files stand in requirements/lambda.txt."""
    locked = (PROJECT / "requirements/lambda.txt").read_text(encoding="utf-8")
    pinned = "\n".join(re.findall(r"(?m)^[A-Za-z0-9_.-]+==[^\s;]+", locked))
    command = [str(PROJECT / ".venv-release/bin/cyclonedx-py"), "requirements", "-", "--output-reproducible"]
    command += ["--short-PURLs", "--pyproject", str(PROJECT / "pyproject.toml")]
    command += ["-o", str(folder / "functions.cdx.json")]
    subprocess.run(command, input=pinned, text=True, check=True, capture_output=True)


def build_all(folder: Path) -> None:
    """Build all that a release has into an empty folder, but the sums.

    Raises:
        flowlogs.local.artifact.ArtifactError: a function cannot be built.
        subprocess.CalledProcessError: another part cannot.
    """
    build_packages(folder)
    _build_functions(folder)
    _write_bill_of_materials(folder)


def find_differences(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """Return the names of files that are not the same in both."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def _find_uncommitted() -> Iterator[str]:
    command = ["git", "status", "--porcelain", "--untracked-files=no"]
    done = subprocess.run(command, cwd=PROJECT, check=False, capture_output=True, text=True)
    if done.stdout.strip():
        yield "there are changes that are not committed: nobody could build the same again"


def release(version: str) -> str:
    """Build a release into dist/; return what went wrong, or nothing."""
    problems = find_problems(version, read_versions(PROJECT), read_sections(PROJECT))
    if problems := [*problems, *_find_uncommitted()]:
        return "\n".join(problems)
    target = PROJECT / "dist" / version
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        for folder in (first, second):
            build_all(Path(folder))
        sums = read_sums(Path(first))
        if different := find_differences(sums, read_sums(Path(second))):
            return f"built twice, and not the same: {', '.join(different)}"
        if invalid := _find_invalid(Path(first)):
            return invalid
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(first, target)
    target.chmod(0o755)  # that of a temporary folder is for its owner alone
    lines = [f"{digest}  {name}\n" for name, digest in sums.items()]
    (target / SUMS).write_text("".join(lines), encoding="utf-8")
    print(f"{target.relative_to(PROJECT)}: {len(sums)} files, twice the same bytes; nothing is uploaded")
    return ""


def _find_invalid(folder: Path) -> str:
    """Return what sam has against a packaged template; empty where it has nothing."""
    for architecture in ARCHITECTURES:
        template = folder / f"template-{architecture}.yaml"
        command = [find_sam(), "validate", "--lint", "--template", str(template)]
        environ = {**os.environ, "SAM_CLI_TELEMETRY": "0"}
        done = subprocess.run(command, cwd=folder, env=environ, check=False, capture_output=True, text=True)
        if done.returncode:
            return done.stdout + done.stderr
    return ""


if __name__ == "__main__":
    sys.exit(release(sys.argv[1]) or 0)
