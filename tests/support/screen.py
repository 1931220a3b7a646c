"""A program at a terminal of its own, as a person sees it and types into it."""

import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

_STYLES: Final = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\r")
_SECONDS: Final = 120


class Screen:
    """Runs a program.

    Attributes:
        shown: all that it has shown, without styles.
    """

    def __init__(self, command: list[str], environ: Mapping[str, str]) -> None:
        self.shown = ""
        self._seen = 0
        self._ours, theirs = pty.openpty()
        self._process = subprocess.Popen(
            command,
            env={**environ, "TERM": "xterm", "COLUMNS": "250"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        os.close(self._ours)

    def wait(self, *texts: str) -> None:
        """Wait until these texts are there, one behind the other, behind what was waited for before."""
        until = time.monotonic() + _SECONDS
        for text in texts:
            while (found := self.shown.find(text, self._seen)) < 0:
                if time.monotonic() > until or not self._read():
                    raise AssertionError(f"{text!r} is not there:\n{self.shown}")
            self._seen = found + len(text)

    def type(self, text: str) -> None:
        """Type a line."""
        os.write(self._ours, f"{text}\n".encode())

    def end(self) -> int:
        """Wait for the end; return the exit status."""
        while self._read():
            pass
        return self._process.wait(timeout=_SECONDS)

    def _read(self) -> bool:
        """Read what comes next; tell whether the program is there still."""
        if not select.select([self._ours], [], [], _SECONDS)[0]:
            raise AssertionError(f"nothing more is shown:\n{self.shown}")
        try:
            said = os.read(self._ours, 65_536)
        except OSError:  # the other end is closed
            return False
        self.shown += _STYLES.sub("", said.decode(errors="replace"))
        return bool(said)
