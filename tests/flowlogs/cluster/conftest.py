"""What the tests of this room share."""

import pytest

from examined import install
from flowlogs.local.embedded import Embedded


@pytest.fixture
def node(opensearch: Embedded, monkeypatch: pytest.MonkeyPatch) -> Embedded:
    """Return a cluster in which all is well, and which the commands ask."""
    monkeypatch.setenv("OPENSEARCH_URL", opensearch.url)
    return install(opensearch)
