"""What the tests of this room share."""

import pytest

from flowlogs.local.embedded import Embedded
from support.accounted import install


@pytest.fixture
def node(opensearch: Embedded, account: None, monkeypatch: pytest.MonkeyPatch) -> Embedded:
    """Return a cluster with the template, which the command asks."""
    monkeypatch.setenv("OPENSEARCH_URL", opensearch.url)
    return install(opensearch)
