"""What the tests of panels and report share: a cluster with two days of flow logs."""

from collections.abc import Callable

import pytest

from conftest import empty
from flowlogs.local.embedded import Embedded
from flowlogs.local.releases import DEFAULT_VERSION
from support.logged import Logged, identities, load

_loaded: list[Logged] = []


@pytest.fixture(scope="module")
def logged(opensearch_nodes: Callable[[str], Embedded]) -> Logged:
    """Return a cluster that holds two days of generated traffic; for tests that change nothing there."""
    node = opensearch_nodes(DEFAULT_VERSION)
    if not _loaded or _loaded[-1].identities != identities(node):  # other tests empty it
        _loaded[:] = [load(empty(node))]
    return _loaded[-1]
