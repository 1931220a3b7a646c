"""The way in: `flowlogs`, and `python -m flowlogs`.

An installed package carries `parser` and `handler` inside itself, for in a folder that all packages of a
Python share, names as common as these would meet others. They are found by this command alone.
"""

import sys
from pathlib import Path
from typing import Final

_PACKAGES: Final = Path(__file__).with_name("_packages")
"""Where an installed package has them; in a checkout they lie beside this one."""


def main() -> None:
    """Run the command line."""
    if _PACKAGES.is_dir():
        sys.path.insert(0, str(_PACKAGES))
    from flowlogs.command_line import main as run  # it needs them

    run()


if __name__ == "__main__":
    main()
