"""How the Python that runs was built: with profile-guided optimization it is up to 1.7 times as fast."""

import platform
import sys
import sysconfig
from pathlib import Path
from typing import Final

DEBIAN: Final = ("debian", "ubuntu")
"""Systems whose own python3 is compiled with profile-guided optimization. No variable of it says so: their
`debian/rules` calls `make profile-opt`."""

WARNING: Final = (
    "This Python was compiled without profile-guided optimization: our times, and our ratios to the "
    "console's function, which runs in Node, are worse than with one that was."
)


def is_optimized() -> bool:
    """Return whether this Python was compiled with profile-guided optimization, as far as it says so."""
    flags = sysconfig.get_config_var("CONFIG_ARGS") or ""
    return "--enable-optimizations" in flags or is_distributions()


def is_distributions() -> bool:
    """Return whether this is the Python of Debian or Ubuntu, and not one that was compiled besides."""
    release = Path("/etc/os-release")
    known = release.exists() and any(f"ID={name}\n" in release.read_text() for name in DEBIAN)
    return known and sys.base_prefix == "/usr"


def describe_build() -> list[str]:
    """Return the version and build of this Python, and the warning where it is a slow one."""
    whose = "of the distribution" if is_distributions() else f"built by {platform.python_compiler()}"
    how = "with" if is_optimized() else "WITHOUT"
    first = f"Python {platform.python_version()} {whose}, {how} profile-guided optimization"
    return [first] if is_optimized() else [first, WARNING]
