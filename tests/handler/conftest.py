"""What the tests of the functions share."""

from collections.abc import Iterator

import pytest

from recorder import Recorder


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    """Give a server that keeps what it receives."""
    with Recorder() as server:
        yield server
