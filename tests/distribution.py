"""How a whole run is shared out among worker processes (pytest-xdist): see tests/README.md.

A worker has nodes, emulators and artifacts of its own, so what uses the same ones stays together: the tests of
a group run one after the other, in one process. A test that is chosen by hand needs no worker.
"""

import os
from typing import Final

import pytest

from flowlogs.embedded import DEFAULT_VERSION
from flowlogs.opensearch_releases import RELEASES, SECURED

MOST_WORKERS: Final = 4
"""Each worker has its own OpenSearch: half a gigabyte."""

_NODES: Final = frozenset({"opensearch_nodes", "secure_nodes"})
"""Fixtures that start OpenSearch: their tests come first, those that only compute fill the gaps at the end."""
_SHARED: Final = ("logged", "artifact")
"""Fixtures whose making takes seconds, and which more than one file uses: made by one worker."""


def count_workers(config: pytest.Config) -> int:
    """Return how many workers a run has: none, where a part of the tests was chosen."""
    chosen = config.args_source is not pytest.Config.ArgsSource.TESTPATHS or any(
        config.getoption(name) for name in ("keyword", "markexpr", "lf", "stepwise")
    )
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return 0 if chosen or processors == 1 else min(processors, MOST_WORKERS)


def share_out(items: list[pytest.Item]) -> None:
    """Mark each test with its group, and bring the groups that take longest to the front."""
    groups: dict[str, list[pytest.Item]] = {}
    for item in items:
        groups.setdefault(_find_group(item), []).append(item)
    for name, members in groups.items():
        for item in members:
            item.add_marker(pytest.mark.xdist_group(name))
    ordered = sorted(groups.values(), key=_estimate, reverse=True)
    items[:] = [item for members in ordered for item in members]


def _find_group(item: pytest.Item) -> str:
    """Return the name of what a test shares with others, or else its file."""
    marker = item.get_closest_marker("xdist_group")
    if marker is not None:
        return str(marker.args[0])
    fixtures = getattr(item, "fixturenames", ())
    version = _find_version(item)
    if "secure_nodes" in fixtures:
        return f"secured-{version}"
    if version not in {None, DEFAULT_VERSION}:
        return f"opensearch-{version}"
    return next((name for name in _SHARED if name in fixtures), item.nodeid.partition("::")[0])


def _find_version(item: pytest.Item) -> str | None:
    """Return the version of OpenSearch that a test is parametrized with."""
    call = getattr(item, "callspec", None)
    given = call.params.values() if call else ()
    return next((each for each in given if isinstance(each, str) and each in RELEASES | SECURED), None)


def _estimate(members: list[pytest.Item]) -> int:
    """Return how long a group takes, roughly and in no unit: what talks to OpenSearch takes longest."""
    return sum(100 if _NODES & set(getattr(each, "fixturenames", ())) else 1 for each in members)
