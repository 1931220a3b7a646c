"""What tests of the command line share: a cluster with two days of flow logs."""

from collections.abc import Callable

import pytest

from conftest import empty
from flowlogs.embedded import DEFAULT_VERSION, Embedded
from logged import Logged, load


@pytest.fixture(scope="module")
def logged(opensearch_nodes: Callable[[str], Embedded]) -> Logged:
    """Return a cluster that holds two days of generated traffic; for tests that change nothing there."""
    return load(empty(opensearch_nodes(DEFAULT_VERSION)))
