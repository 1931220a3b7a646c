"""What the tests of the setup share: a real OpenSearch behind a front that adds what cannot be had here."""

from collections.abc import Callable, Iterator

import pytest

from flowlogs.local.embedded import Embedded
from handler import setup
from handler.installing import cluster
from support.cloudformation import CloudFormation
from support.front import Dashboards, Front, StateManagement


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait milliseconds where the function would wait seconds, and take a refusal at its word."""
    monkeypatch.setattr(cluster, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(setup, "PATIENCE", 0.0)


@pytest.fixture
def stack() -> Iterator[CloudFormation]:
    """Give CloudFormation."""
    with CloudFormation() as made:
        yield made


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that sets the function's environment."""

    def set_environment(url: str, **environ: str) -> None:
        known = {"OPENSEARCH_URL": url, "OPENSEARCH_AUTH": "none", "RETENTION_DAYS": "30"}
        for name, value in {**known, **environ}.items():
            monkeypatch.setenv(name, value)

    return set_environment


@pytest.fixture
def ism(opensearch: Embedded) -> StateManagement:
    """Return the Index State Management of the front."""
    return StateManagement(opensearch)


@pytest.fixture
def dashboards() -> Dashboards:
    """Return the Dashboards of the front."""
    return Dashboards()


@pytest.fixture
def front(
    opensearch: Embedded, ism: StateManagement, dashboards: Dashboards, use: Callable[..., None]
) -> Iterator[Front]:
    """Give a cluster that has all but security, to which the function's environment leads."""
    with Front(opensearch, ism, dashboards) as made:
        use(made.url)
        yield made
