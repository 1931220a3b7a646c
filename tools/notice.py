"""NOTICE: whose work is in the functions, and under which licence.

Run as a program (`make docs`), it renews the file from the locked requirements of the functions and from
what their distributions say of themselves.
"""

import re
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).parents[1]
_LOCKED: Final = re.compile(r"^([A-Za-z0-9_.-]+)==(\S+)", re.MULTILINE)
_OWN_WORDS: Final = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
"""What classifiers call the licences -> their short names."""
_SHORT: Final = re.compile(r"[A-Za-z0-9.-]+")

_HEAD: Final = """\
flowlogs-opensearch
Licensed under the Apache License, Version 2.0 (see LICENSE).

The functions, as they are built for AWS Lambda, carry these packages. Each one's licence, and its
notice where it has one, lies beside it in the artifact, in its folder *.dist-info.
"""


def render_notice() -> str:
    """Return the whole text of NOTICE.

    Raises:
        importlib.metadata.PackageNotFoundError: a locked package is not installed here.
        ValueError: a package says nowhere under which licence it is.
    """
    return "\n".join([_HEAD, *_lines(), ""])


def _lines() -> Iterator[str]:
    locked = (PROJECT / "requirements/lambda.txt").read_text(encoding="utf-8")
    for name, version in _LOCKED.findall(locked):
        yield f"{f'{name} {version}':36}{_find_licence(name)}"
        yield from (f"{'':36}{line}" for line in _find_notice(name))


def _find_licence(name: str) -> str:
    about = metadata.metadata(name)
    expression = next((about[name] for name in ("License-Expression", "License") if name in about), "")
    if _SHORT.fullmatch(expression) and expression != "BSD":
        return expression
    kinds = [
        each.split(" :: ")[-1] for each in about.get_all("Classifier", []) if each.startswith("License ::")
    ]
    if not kinds:
        raise ValueError(f"{name} does not say under which licence it is")
    return " or ".join(_OWN_WORDS[kind] for kind in kinds)


def _find_notice(name: str) -> list[str]:
    """Return the lines of a package's own NOTICE, which whoever hands it on must hand on, too."""
    files = metadata.files(name) or []
    texts = [each.read_text() for each in files if each.name.upper().startswith("NOTICE")]
    return [line.strip() for text in texts for line in text.splitlines() if line.strip()]


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(render_notice(), encoding="utf-8")
