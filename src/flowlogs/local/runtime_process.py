"""The process in which a Lambda function runs: what it sees, how long it lives, what it writes."""

import compileall
import contextlib
import importlib.metadata
import os
import re
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from flowlogs.local.runtime_api import Kind, Message, RuntimeApi

RUNTIME_PACKAGES: Final = ("awslambdaric", "boto3")
"""What Lambda's Python runtime brings, with all that these need."""

_MEBIBYTE: Final = 1024 * 1024


class FunctionProcess:
    """A function's process, from a cold start to its end.

    Attributes:
        api: the Runtime API that the process talks to; EXITED is the last message of its life.
        pid: the process.
        started: when it was started, on the clock of `time.perf_counter`.
    """

    def __init__(
        self, handler: str, environ: Mapping[str, str], *, folder: Path, log: Path, memory_mb: int
    ) -> None:
        """Start it.

        Args:
            handler: module and function, such as `handler.forward.lambda_handler`.
            environ: all its environment variables, except for the address of the Runtime API.
            folder: its current folder.
            log: the file to which its output goes; what was in it is lost.
            memory_mb: its heap gets no more than this, in MiB (on Linux).
        """
        self.api = RuntimeApi()
        log.write_bytes(b"")
        self._log = log.open("rb")
        self.started = time.perf_counter()
        with log.open("ab") as output:
            self._child = subprocess.Popen(
                # -S: no site-packages, -P: no current folder; only what PYTHONPATH names.
                [sys.executable, "-S", "-P", "-m", "awslambdaric", handler],
                cwd=folder,
                env={**environ, "AWS_LAMBDA_RUNTIME_API": self.api.address},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.pid = self._child.pid
        _limit_heap(self.pid, memory_mb)
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def _watch(self) -> None:
        self._child.wait()
        self.api.messages.put(Message(Kind.EXITED))

    def is_running(self) -> bool:
        """Tell whether the process has not ended."""
        try:
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        except ChildProcessError:  # the watcher has seen its end
            return False

    def read_log(self) -> str:
        """Return what was written to the log since the last call."""
        return self._log.read().decode(errors="replace")

    def read_peak_memory_mb(self) -> float | None:
        """Return the peak of its resident memory in MiB; None where it is gone or this is not Linux."""
        try:
            status = Path(f"/proc/{self.pid}/status").read_text()
        except FileNotFoundError:
            return None
        peak = re.search(r"VmHWM:\s+(\d+) kB", status)
        return int(peak[1]) / 1024 if peak else None

    def describe_exit(self) -> str:
        """Say how the ended process ended, in Lambda's words."""
        code = self._child.wait()
        return f"exit status {code}" if code >= 0 else f"signal: {signal.strsignal(-code)}".lower()

    def kill(self) -> None:
        """Kill the process and those that it has started."""
        if self.is_running():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        self._watcher.join()

    def close(self) -> None:
        """Kill it and free what belongs to it."""
        self.kill()
        self.api.close()
        self._log.close()


def _limit_heap(pid: int, memory_mb: int) -> None:
    if sys.platform == "linux":
        limit = memory_mb * _MEBIBYTE
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_DATA, (limit, limit))


def link_runtime_packages(folder: Path) -> None:
    """Make a folder that holds what Lambda's runtime brings, and no other package of this environment.

    Raises:
        importlib.metadata.PackageNotFoundError: awslambdaric or boto3 is not installed here.
    """
    folder.mkdir()
    for path in _runtime_paths():
        (folder / path.name).symlink_to(path)


@cache
def _runtime_paths() -> list[Path]:
    """Return the installed files and folders of the runtime's packages, compiled as they are in Lambda."""
    paths = sorted({path for name in _closure(RUNTIME_PACKAGES) for path in _top_level_paths(name)})
    for path in paths:
        if path.is_dir():
            compileall.compile_dir(path, quiet=2)
        elif path.suffix == ".py":
            compileall.compile_file(path, quiet=2)
    return paths


def _closure(names: tuple[str, ...]) -> set[str]:
    """Return the packages and all that they require, as far as it is installed."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        required = [line for line in importlib.metadata.requires(name) or [] if "extra ==" not in line]
        waiting.extend(re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0].lower() for line in required)
    return found


def _top_level_paths(name: str) -> set[Path]:
    files = importlib.metadata.files(name) or []
    tops = {file.parts[0] for file in files} - {"..", "__pycache__"}
    return {Path(str(importlib.metadata.distribution(name).locate_file(top))) for top in tops}
