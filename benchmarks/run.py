"""What a run of the benchmark found, all of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.cluster import Costs
from benchmarks.contest import Result
from benchmarks.filling import Filling
from benchmarks.function import Function
from benchmarks.parts import Parts
from benchmarks.replays import Drained

Results = Mapping[tuple[str, str], Mapping[str, Result]]
"""By kind and size of the payloads, then by contender."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run.

    Attributes:
        results: of the contest.
        costs: of OpenSearch, by its version.
        filling: a real OpenSearch filled by a replay.
        drained: a bucket drained with the delays of a network, by the size of its objects.
        function: the built function.
        parts: of an invocation, by the size of the payload.
        load: how many processes the machine wanted to run beside each other at the start and at the end, on
            average of the minutes before; none where the system does not tell.
        seconds: how long the run took.
    """

    results: Results
    costs: Mapping[str, Costs]
    filling: Filling
    drained: Mapping[str, Drained]
    function: Function
    parts: Mapping[str, Parts]
    load: tuple[float, ...]
    seconds: float
