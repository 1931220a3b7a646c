"""How a whole run is shared out among worker processes (pytest-xdist): see tests/README.md.

A worker has nodes of its own, so what uses the same ones stays together: the tests of a group run one
after the other, in one process. A test that is chosen by hand needs no worker.
"""

import os
import re
from typing import Final, Protocol

import pytest
from xdist.scheduler.loadscope import LoadScopeScheduling

from flowlogs.local.releases import DEFAULT_VERSION, RELEASES, SECURED

MOST_WORKERS: Final = 4
"""Each worker has its own OpenSearch: half a gigabyte."""
SPARE_WORKERS: Final = 1
"""More than there are processors: a test that waits for a start or an end leaves its processor to another."""

_NODES: Final = frozenset({"opensearch_nodes", "secure_nodes"})
"""Fixtures that start OpenSearch."""
_VERSION: Final = re.compile(r"[\[-](" + "|".join(map(re.escape, RELEASES | SECURED)) + r")[\]-]")


class GroupScheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Gives a worker one group after the other.

    --dist=loadgroup does the same by marks, which it writes into a test's id: no more, since pytest 9.2.
    """

    def _split_scope(self, nodeid: str) -> str:
        return find_group(nodeid)


class CommandLine(Protocol):
    """The part of pytest's configuration that is looked at."""

    @property
    def args_source(self) -> pytest.Config.ArgsSource: ...

    def getoption(self, name: str, /) -> object: ...


def count_workers(config: CommandLine) -> int:
    """Return how many workers a run has: none, where a part of the tests was chosen."""
    chosen = config.args_source is not pytest.Config.ArgsSource.TESTPATHS or any(
        config.getoption(name) for name in ("keyword", "markexpr", "lf", "stepwise")
    )
    processors = count_processors()
    return 0 if chosen or processors == 1 else min(processors + SPARE_WORKERS, MOST_WORKERS)


def count_processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def find_group(nodeid: str) -> str:
    """Return the name of the group of a test: the node that only some use, or else its file."""
    file, _, test = nodeid.partition("::")
    version = _VERSION.search(test)
    if "/security/" in file:
        return f"secured {version[1]}" if version else file
    return version[1] if version and version[1] != DEFAULT_VERSION else file


def order(items: list[pytest.Item]) -> None:
    """Bring the groups that take longest to the front: what only computes fills the gaps at the end."""
    groups: dict[str, list[pytest.Item]] = {}
    for item in items:
        groups.setdefault(find_group(item.nodeid), []).append(item)
    longest_first = sorted(groups.values(), key=lambda members: -sum(map(_estimate, members)))
    items[:] = [item for members in longest_first for item in members]


def _estimate(item: pytest.Item) -> float:
    """Return how many seconds a test takes, roughly."""
    marker = item.get_closest_marker("dear")
    if marker is not None:
        return float(marker.args[0])
    return 0.5 if _NODES & set(getattr(item, "fixturenames", ())) else 0.01
