"""The soak test: short here, a million events by `make soak`; SEED=... repeats a run."""

import os
from collections.abc import Callable

import pytest

from faults.conftest import Stack
from faults.harness.proxy import Proxy
from faults.harness.soak import Soak
from faults.harness.victim import Victims
from handler import batch, delivery
from handler.failures import connect_s3

EVENTS = int(os.environ.get("SOAK_EVENTS", "20000"))
SEED = int(os.environ.get("SEED", "1"))
LONG = EVENTS >= 100_000


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Return what tells a person how a long run goes on; that of a short one is shown if it fails."""

    def write(text: str) -> None:
        if LONG:
            with capsys.disabled():
                print(text, flush=True)  # noqa: T201  # to the person who waits
        else:
            print(text)  # noqa: T201  # kept by pytest

    return write


@pytest.mark.long
@pytest.mark.dear(30)
@pytest.mark.timeout(3600)
def test_every_event_is_indexed_once_whatever_happens(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, tell: Callable[[str], None]
) -> None:
    for module, name in ((delivery, "QUICK_SECONDS"), (delivery, "READ_SECONDS"), (batch, "PROBE_SECONDS")):
        monkeypatch.setattr(module, name, 2.0)
    tell(f"SEED={SEED}: {EVENTS} events")
    with Proxy(stack.bucket.port) as s3, Victims() as victims:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3.url)
        stack.functions.environ["AWS_ENDPOINT_URL_S3"] = s3.url
        connect_s3.cache_clear()
        soak = Soak(stack.functions, stack.proxy, s3, stack.node, stack.ledger, victims, SEED, tell)
        soak.run(EVENTS, size=1500 if LONG else 400)
        for name in ("QUICK_SECONDS", "READ_SECONDS"):  # a busy machine is no outage
            monkeypatch.setattr(delivery, name, 60.0)
        soak.finish()
    tell(soak.summary())

    assert len(stack.ledger.sent) >= EVENTS
    assert soak.killed > 0
    assert soak.shard.counts["received"] > 0
    stack.settle()
    aside = [key for key in stack.bucket.keys("rejected/") if key.endswith(".unreadable")]
    assert {stack.bucket.read(key) for key in aside} == soak.junk
    tell(f"{len(stack.ledger.sent)} events sent: each is in the index, once")
