"""One at a time: what starts a cluster on this machine, or counts what it adds to one, waits for its turn."""

import contextlib
import fcntl
import re
from collections.abc import Callable, Iterator
from pathlib import Path


@contextlib.contextmanager
def take_turn(folder: Path, what: str, announce: Callable[[str], None]) -> Iterator[None]:
    """Wait until no other process has the turn, and have it until the end, however that comes.

    Args:
        folder: of the locks; made where it is not there.
        what: only one may use at a time: a URL, or another name.
        announce: is told once, where there is someone to wait for.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{re.sub('[^a-z0-9]+', '-', what.lower())}.lock"
    with path.open("w", encoding="utf-8") as lock:  # the lock goes with the file's end, or the process's
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            announce(f"another flowlogs command is busy with {what}: waiting until it has ended")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
