"""What the tests of the functions share."""

import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from handler import replay
from handler.failures import store as failure_store
from handler.observe import logger
from support.recorder import Recorder
from support.replaying import Rig


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    """Give a server that keeps what it receives."""
    with Recorder() as server:
        yield server


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    """Give a stack in memory, whose clock the test moves."""
    made = Rig()
    monkeypatch.setattr(failure_store, "connect_s3", lambda: made.s3)
    monkeypatch.setattr(replay, "prepare", made.environment)
    clock = SimpleNamespace(time=lambda: made.now, perf_counter=time.perf_counter)
    monkeypatch.setattr(replay, "time", clock)
    level = logger.log_level
    logger.setLevel("CRITICAL")
    yield made
    logger.setLevel(level)
