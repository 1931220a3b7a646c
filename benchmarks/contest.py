"""Runs the contenders: each in a process of its own, all against one sink, in interleaved rounds."""

import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final, Self

from benchmarks.contenders import reference
from benchmarks.payloads import Kind, Payload

PROJECT: Final = Path(__file__).parents[1]
ROUNDS: Final = 9
ROUNDS_LARGEST: Final = 3
"""With the largest payloads a round takes long, and their spread is small."""

SECONDS: Final = 0.15
"""CPU time that a contender gets in each round, at the least one pass over its payloads."""

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


@dataclass(frozen=True, slots=True)
class Contender:
    """A way of bringing a payload into OpenSearch.

    Attributes:
        name: its module in `benchmarks.contenders`.
        label: its name in the tables.
        less: what it leaves out of our function's work; empty where it does all of it.
        sends: whether it sends anything.
        node: whether it runs in Node.
    """

    name: str
    label: str
    less: str = ""
    sends: bool = True
    node: bool = False


OURS: Final = Contender("ours", "flowlogs-opensearch")
CONSOLE: Final = Contender(
    "console", "console's function (Node)", "no gzip, no validation, no splitting", node=True
)
REFERENCE: Final = Contender("reference", "standard library only", "no splitting, no retries, no metrics")
CONTENDERS: Final = (
    OURS,
    CONSOLE,
    Contender("tutorial", "tutorial handler", "no gzip, no validation, no splitting, no retries"),
    Contender("helpers", "helpers.bulk", "no gzip, no validation"),
    Contender("helpers_gzip", "helpers.bulk, compressed", "no validation"),
    REFERENCE,
    Contender("transform", "our transform", "sends nothing", sends=False),
    Contender("floor", "floor", "base64, inflate and gzip only; sends nothing", sends=False),
)


@dataclass(slots=True)
class Result:
    """What one contender needed for one sort and size of payload.

    Attributes:
        cpu, wall: microseconds an event, of each round.
        peak_mb: peak of resident memory in MiB, over all rounds.
        wire_bytes: bytes of request bodies an event; 0 where nothing is sent.
    """

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    peak_mb: float = 0.0
    wire_bytes: float = 0.0

    @property
    def median(self) -> float:
        """CPU, microseconds an event."""
        return statistics.median(self.cpu)

    @property
    def spread(self) -> float:
        """Half the distance between the quartiles of CPU, as a part of the median."""
        low, _, high = statistics.quantiles(self.cpu, n=4)
        return (high - low) / 2 / self.median


def compare(one: Result, other: Result) -> float:
    """Return the one's CPU divided by the other's: the median over the rounds.

    A machine that is shared is slower in one round than in another; within a round both see the same.
    """
    return statistics.median(a / b for a, b in zip(one.cpu, other.cpu, strict=True))


class MismatchError(Exception):
    """A contender's documents are not what they should be."""


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
    """A contender's process, ready to handle one set of payloads; a context manager."""

    def __init__(self, contender: Contender, kind: Kind, file: Path, url: str) -> None:
        """Start it."""
        self.contender = contender
        self.passes = 1
        if contender.node:
            command = [
                "node",
                str(Path(__file__).parent / "contenders" / f"{contender.name}.mjs"),
                url,
                str(file),
            ]
        else:
            command = [
                *(sys.executable, "-m", "benchmarks.worker", contender.name, url, str(file)),
                " ".join(kind.fields),
            ]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=PROJECT,
            env={**os.environ, **ENVIRONMENT},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def run(self, passes: int) -> dict[str, float]:
        """Let it handle all its payloads so many times; return cpu and wall seconds and peak_kb."""
        to_it: IO[str] | None = self._process.stdin
        from_it: IO[str] | None = self._process.stdout
        assert to_it  # noqa: S101  # pipes, as asked for
        assert from_it  # noqa: S101  # the same
        to_it.write(f"run {passes}\n")
        to_it.flush()
        line = from_it.readline()
        if not line:
            raise RuntimeError(f"{self.contender.label} ended")
        used: dict[str, float] = json.loads(line)
        return used


def measure(
    contenders: Sequence[Contender],
    kind: Kind,
    payloads: Sequence[Payload],
    folder: Path,
    *,
    rounds: int = ROUNDS,
) -> dict[str, Result]:
    """Check each contender's documents, then measure all of them in interleaved rounds.

    Raises:
        MismatchError: a contender made other documents than it should.
    """
    file = folder / "events.json"
    file.write_text(json.dumps([payload.event for payload in payloads]))
    events = sum(payload.events for payload in payloads)
    results = {contender.name: Result() for contender in contenders}
    with open_sink() as url, ExitStack() as stack:
        workers = [stack.enter_context(Worker(each, kind, file, url)) for each in contenders]
        expected = [document for payload in payloads for document in expect(payload, kind)]
        for worker in workers:
            check(worker, url, expected, payloads, kind)
            worker.passes = max(1, math.ceil(SECONDS / worker.run(1)["cpu"]))
        for _ in range(rounds):
            for worker in workers:
                result = results[worker.contender.name]
                ask(url, "/reset", "POST")
                used = worker.run(worker.passes)
                number = events * worker.passes
                result.cpu.append(used["cpu"] / number * 1e6)
                result.wall.append(used["wall"] / number * 1e6)
                result.peak_mb = used["peak_kb"] / 1024
                counts = ask(url, "/counts")
                if worker.contender.sends and counts["documents"] != number:
                    raise MismatchError(f"{worker.contender.label} sent {counts['documents']} of {number}")
                result.wire_bytes = counts["wire_bytes"] / number
    return results


Described = tuple[str, str, Any]


def expect(payload: Payload, kind: Kind) -> list[Described]:
    """Return index, id and document of each event, as the reference makes them."""
    return list(reference.make_documents(payload.event, kind.fields))


def check(
    worker: Worker, url: str, expected: list[Described], payloads: Sequence[Payload], kind: Kind
) -> None:
    """Compare the documents that a contender sends with those that it should send.

    Raises:
        MismatchError: they differ.
    """
    ask(url, "/reset?record=1", "POST")
    worker.run(1)
    sent = [tuple(each) for each in ask(url, "/documents")]
    if not worker.contender.sends:
        expected = []
    elif worker.contender.name == CONSOLE.name:
        expected = [each for payload in payloads for each in expect_of_console(payload, kind)]
    if sorted(sent, key=_identify) != sorted(expected, key=_identify):
        first = next(
            (pair for pair in zip(sent, expected, strict=False) if pair[0] != pair[1]), "their number"
        )
        raise MismatchError(f"{worker.contender.label}: documents differ, first {first}")


def _identify(described: tuple[Any, ...]) -> tuple[str, str]:
    return described[0], described[1]


def expect_of_console(payload: Payload, kind: Kind) -> Iterator[Described]:
    """Yield what the console's function makes, with its faults: `-` kept, accounts as numbers, `@id`."""
    log_events = reference.read_payload(payload.event)["logEvents"]
    for (index, identity, right), log_event in zip(expect(payload, kind), log_events, strict=True):
        document = {name: value for name, value in right.items() if name.startswith("@")} | {"@id": identity}
        for name, text in log_event.get("extractedFields", {}).items():
            document[name] = int(text) if text.isdecimal() else text
        yield index, identity, document


def choose_contenders() -> tuple[list[Contender], str]:
    """Return those that can run here, and a sentence about those that cannot."""
    if shutil.which("node"):
        return list(CONTENDERS), ""
    left = [each for each in CONTENDERS if not each.node]
    return left, "Node is not installed here: the console's function was left out."
