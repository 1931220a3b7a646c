"""Runs the contenders: each in a process of its own, all against one sink, warm, in interleaved rounds."""

import json
import math
import shutil
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks.contenders import reference
from benchmarks.payloads import Kind, Payload
from benchmarks.processes import Worker, ask, open_sink

ROUNDS: Final = 9
ROUNDS_LARGEST: Final = 3
"""With the largest payloads a round takes long, and their spread is small."""

SECONDS: Final = 0.12
"""CPU time that a contender gets for a size in each round, at the least one pass over its payloads."""

WARM_SECONDS: Final = 2.4
"""CPU time that a contender gets before anything is timed, over all sizes together. V8 compiles the
console's function while it runs: in its first second and a half it is up to 1.5 times slower than later."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A way of bringing payloads into OpenSearch.

    Attributes:
        name: its module in `benchmarks.contenders`.
        label: its name in the tables.
        less: what it leaves out of our function's work; empty where it does all of it.
        sends: whether it sends anything.
        node: whether it runs in Node.
        large: whether it is measured with the largest payload, too, which takes long.
    """

    name: str
    label: str
    less: str = ""
    sends: bool = True
    node: bool = False
    large: bool = False

    def command(self, kind: Kind, file: Path, url: str) -> list[str]:
        """Return what starts it, ready for the events in a file."""
        if self.node:
            script = Path(__file__).parent / "contenders" / f"{self.name}.mjs"
            return ["node", str(script), url, str(file)]
        worker = [sys.executable, "-m", "benchmarks.worker"]
        return [*worker, self.name, url, str(file), " ".join(kind.fields)]


OURS: Final = Contender("ours", "flowlogs-opensearch", large=True)
STREAM: Final = Contender("stream", "flowlogs-opensearch, 1,000 events a batch")
CONSOLE: Final = Contender(
    "console", "console's function (Node)", "no gzip, no validation, no splitting", node=True, large=True
)
HELPERS: Final = Contender("helpers", "helpers.bulk", "no gzip, no validation")
HELPERS_GZIP: Final = Contender("helpers_gzip", "helpers.bulk, compressed", "no validation")
REFERENCE: Final = Contender("reference", "standard library only", "no splitting, no retries, no metrics")
CONTENDERS: Final = (
    OURS,
    STREAM,
    CONSOLE,
    Contender("tutorial", "tutorial handler", "no gzip, no validation, no splitting, no retries"),
    HELPERS,
    HELPERS_GZIP,
    REFERENCE,
    Contender("transform", "our transform", "sends nothing", sends=False, large=True),
    Contender("floor", "floor", "base64, inflate and gzip only; sends nothing", sends=False, large=True),
)


@dataclass(slots=True)
class Result:
    """What one contender needed for one sort and size of payload.

    Attributes:
        cpu, wall: microseconds an event, of each round.
        peak_mb: peak of resident memory in MiB, with payloads of this size or smaller.
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
        return measure_spread(self.cpu)


def measure_spread(values: Sequence[float]) -> float:
    """Return half the distance between the quartiles, as a part of the median."""
    low, _, high = statistics.quantiles(values, n=4)
    return (high - low) / 2 / statistics.median(values)


def compare(one: Result, other: Result) -> float:
    """Return the one's CPU divided by the other's: the median over the rounds.

    A machine that is shared is slower in one round than in another; within a round both see the same.
    """
    return statistics.median(a / b for a, b in zip(one.cpu, other.cpu, strict=True))


class MismatchError(Exception):
    """A contender's documents are not what they should be."""


Sizes = Mapping[str, Sequence[Payload]]
"""Payloads by their size."""


def write_events(sizes: Sizes, folder: Path) -> Path:
    """Write what contenders read: the payloads' events, by size."""
    file = folder / "events.json"
    file.write_text(json.dumps({size: [each.event for each in some] for size, some in sizes.items()}))
    return file


def measure(
    contenders: Sequence[Contender],
    kind: Kind,
    sizes: Sizes,
    folder: Path,
    *,
    rounds: int = ROUNDS,
    warm_seconds: float = WARM_SECONDS,
) -> dict[str, dict[str, Result]]:
    """Check each contender's documents, warm it up, then measure all of them in interleaved rounds.

    A round has all sizes and all contenders, so any two results can be compared round by round.

    Returns:
        The results by size (the smallest first, as given) and by contender's name.

    Raises:
        MismatchError: a contender made other documents than it should.
    """
    file = write_events(sizes, folder)
    results = {size: {each.name: Result() for each in contenders} for size in sizes}
    with open_sink() as url, ExitStack() as stack:
        workers = [(each, stack.enter_context(Worker(each.command(kind, file, url)))) for each in contenders]
        passes: dict[tuple[str, str], int] = {}
        for size, payloads in sizes.items():
            expected = [document for payload in payloads for document in expect(payload, kind)]
            for contender, worker in workers:
                check(contender, worker, url, size, expected, payloads, kind)
                once = warm_up(worker, size, warm_seconds / len(sizes))
                passes[contender.name, size] = max(1, math.ceil(SECONDS / once["cpu"]))
                results[size][contender.name].peak_mb = once["peak_kb"] / 1024
        for _ in range(rounds):
            for size, payloads in sizes.items():
                number = sum(payload.events for payload in payloads)
                for contender, worker in workers:
                    result, times = results[size][contender.name], passes[contender.name, size]
                    _measure_once(contender, worker, url, (size, times), number * times, result)
    return results


def warm_up(worker: Worker, size: str, seconds: float) -> dict[str, float]:
    """Let a contender work for so long, at least twice; return what a pass takes then."""
    used = worker.run(size, 1)
    while seconds > 0:
        used = worker.run(size, 1)
        seconds -= used["cpu"]
    return used


def _measure_once(
    contender: Contender, worker: Worker, url: str, job: tuple[str, int], number: int, result: Result
) -> None:
    """Let a contender do its job of a round, so many events, and note what it took."""
    ask(url, "/reset", "POST")
    used = worker.run(*job)
    result.cpu.append(used["cpu"] / number * 1e6)
    result.wall.append(used["wall"] / number * 1e6)
    counts = ask(url, "/counts")
    if contender.sends and counts["documents"] != number:
        raise MismatchError(f"{contender.label} sent {counts['documents']} of {number}")
    result.wire_bytes = counts["wire_bytes"] / number


Described = tuple[str, str, Any]


def expect(payload: Payload, kind: Kind) -> list[Described]:
    """Return index, id and document of each event, as the reference makes them."""
    return list(reference.make_documents(payload.event, kind.fields))


def check(
    contender: Contender,
    worker: Worker,
    url: str,
    size: str,
    expected: list[Described],
    payloads: Sequence[Payload],
    kind: Kind,
) -> None:
    """Compare the documents that a contender sends with those that it should send.

    Raises:
        MismatchError: they differ.
    """
    ask(url, "/reset?record=1", "POST")
    worker.run(size, 1)
    sent = [tuple(each) for each in ask(url, "/documents")]
    if not contender.sends:
        expected = []
    elif contender.name == CONSOLE.name:
        expected = [each for payload in payloads for each in expect_of_console(payload, kind)]
    if sorted(sent, key=_identify) != sorted(expected, key=_identify):
        first = next(
            (pair for pair in zip(sent, expected, strict=False) if pair[0] != pair[1]), "their number"
        )
        raise MismatchError(f"{contender.label}: documents differ, first {first}")


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
