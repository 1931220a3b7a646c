"""Processes of a measurement: the servers that are sent to, and the contenders that send."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, Self

PROJECT: Final = Path(__file__).parents[1]

ENVIRONMENT: Final = {
    "AWS_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    "AWS_SESSION_TOKEN": "IQoJb3JpZ2luX2VjE" * 40,
    "OPENSEARCH_AUTH": "iam",
    "AWS_LAMBDA_FUNCTION_NAME": "ForwardFunction",
    "MALLOC_MMAP_THRESHOLD_": "33554432",
    "MALLOC_TRIM_THRESHOLD_": "33554432",
}
"""Of every contender: sample credentials, of the length of those that Lambda gives, and how the C library
keeps memory, as the template sets it."""


@contextmanager
def open_sink(milliseconds: int = 0, module: str = "benchmarks.sink") -> Iterator[str]:
    """Run the sink, or another server, which takes so long for each answer; yields its URL."""
    command = [sys.executable, "-m", module, str(milliseconds)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=PROJECT
    ) as process:
        assert process.stdout  # noqa: S101  # it was asked for
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


def ask(url: str, path: str, method: str = "GET", body: bytes | None = None) -> Any:  # noqa: ANN401  # any JSON
    """Send a request to the sink and return its reply."""
    with urllib.request.urlopen(urllib.request.Request(url + path, body, method=method)) as reply:  # noqa: S310  # this machine
        return json.load(reply)


class Worker:
    """A contender's process, ready to handle payloads of several sizes; a context manager."""

    def __init__(self, command: Sequence[str], environ: Mapping[str, str] | None = None) -> None:
        """Start it, with further variables in its environment."""
        self._name = " ".join(command)
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=PROJECT,
            env={**os.environ, **ENVIRONMENT, **(environ or {})},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def run(self, size: str, passes: int) -> dict[str, float]:
        """Let it handle all payloads of a size so many times; return cpu and wall seconds and peak_kb."""
        to_it: IO[str] | None = self._process.stdin
        from_it: IO[str] | None = self._process.stdout
        assert to_it  # noqa: S101  # pipes, as asked for
        assert from_it  # noqa: S101  # the same
        to_it.write(f"run {size} {passes}\n")
        to_it.flush()
        line = from_it.readline()
        if not line:
            raise RuntimeError(f"{self._name} ended")
        used: dict[str, float] = json.loads(line)
        return used
