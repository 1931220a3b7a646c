"""Take away each safeguard in turn, and see the test that guards it turn red."""

import os
import subprocess
import sys
from pathlib import Path

FAULTS = Path(__file__).parent
sys.path.insert(0, str(FAULTS.parent))

from faults.harness.mutation import Mutation  # noqa: E402  # found by the line above
from faults.harness.mutations import MUTATIONS  # noqa: E402  # the same

RED = 1
"""pytest's exit status when a test failed."""


def run(name: str, mutation: Mutation) -> bool:
    """Run the test without that safeguard; return whether it turned red."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "faults.harness.mutations"]
    done = subprocess.run(
        [*command, str(FAULTS / mutation.file), "-k", mutation.words],
        env={**os.environ, "MUTATION": name, "PYTHONPATH": str(FAULTS.parent)},
        capture_output=True,
        check=False,
    )
    summary = done.stdout.decode().strip().splitlines()[-1] if done.stdout.strip() else ""
    turned_red = done.returncode == RED and "failed" in summary
    print(f"{'red ' if turned_red else 'GREEN'}  without: {name}  ({mutation.file}: {summary})", flush=True)  # noqa: T201  # this is the answer
    return turned_red


if __name__ == "__main__":
    chosen = sys.argv[1:] or MUTATIONS
    red = [run(name, MUTATIONS[name]) for name in chosen]
    sys.exit(0 if all(red) else 1)
