"""What the tests of this room share."""

import pytest

from flowlogs.local.embedded import Embedded
from support.examined import install


@pytest.fixture
def node(opensearch: Embedded, monkeypatch: pytest.MonkeyPatch) -> Embedded:
    """Return a cluster in which all is well, and which the commands ask."""
    monkeypatch.setenv("OPENSEARCH_URL", opensearch.url)
    return install(opensearch)
