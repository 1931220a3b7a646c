"""Where files of this project lie: in a checkout, or in an installed package and its user's cache."""

import os
from pathlib import Path
from typing import Final

_CHECKOUT: Final = Path(__file__).resolve().parents[3]
_PACKAGED: Final = Path(__file__).resolve().parents[1] / "_project"

IS_INSTALLED: Final = _PACKAGED.is_dir()
"""Whether this is a package that was installed; what builds the functions needs a checkout."""

PROJECT: Final = _PACKAGED if IS_INSTALLED else _CHECKOUT
"""The folder with template.yaml, stack/ and events/."""


def choose_cache() -> Path:
    """Return the folder for what is made again when it is lost: the embedded OpenSearch and its data.

    In a checkout it is in there, where `make clean` finds it; else it is the user's (XDG_CACHE_HOME), for the
    folder of an installed package is not to be written to.
    """
    if not IS_INSTALLED:
        return _CHECKOUT / ".opensearch"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "flowlogs-opensearch")
