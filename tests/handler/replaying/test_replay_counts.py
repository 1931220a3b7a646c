"""What a run did is told, whatever happens to it behind that: no number is lost."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError

from handler.failures import FailureStore
from handler.failures.names import JOURNAL
from handler.replay import Replay, ReplayError
from support.memory_s3 import make_error
from support.replaying import Rig


def fail_from(number: int, error: Exception) -> Callable[[str, str], None]:
    """Return what lets the list calls from that one on fail."""
    calls = 0

    def before(call: str, _: str) -> None:
        nonlocal calls
        calls += call == "list"
        if call == "list" and calls >= number:
            raise error

    return before


def read_metrics(text: str) -> dict[str, float]:
    """Return the metrics that the last invocation printed."""
    *_, line = [json.loads(line) for line in text.splitlines() if '"_aws"' in line]
    names = [metric["Name"] for metrics in line["_aws"]["CloudWatchMetrics"] for metric in metrics["Metrics"]]
    return {name: line[name] for name in names}


ERRORS = {
    "an answer": make_error(503, "SlowDown"),
    "no answer": ConnectTimeoutError(endpoint_url="https://bucket.example"),
}


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
def test_a_run_that_cannot_find_the_oldest_tells_what_it_did(
    rig: Rig, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    for number in range(5):
        rig.put(f"20260115T12000{number}.000000Z-x", f"e{number}")
    rig.s3.before = fail_from(3, error)  # the walk lists two prefixes
    with pytest.raises(type(error)):
        rig.run()
    told = read_metrics(capsys.readouterr().out)
    assert (told["EventsReceived"], told["EventsIndexed"], told["PendingObjects"]) == (5, 5, 0)
    assert "OldestPendingAge" not in told, "it is not known"
    assert (len(rig.index), rig.s3.keys()) == (5, [])


def page_by_page(rig: Rig, monkeypatch: pytest.MonkeyPatch, size: int, error: Exception) -> None:
    """Let a list come in pages of that size, of which the second fails."""

    def paginate(*, Prefix: str, StartAfter: str = "", **_: Any) -> Any:
        found = [
            {"Key": key, "Size": len(stored.data), "LastModified": stored.modified, "ETag": stored.etag}
            for key, stored in sorted(rig.s3.objects.items())
            if key.startswith(Prefix) and key > StartAfter
        ]
        yield {"Contents": found[:size]}
        if len(found) > size:
            raise error

    monkeypatch.setattr(rig.s3, "paginate", paginate)


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
def test_a_list_that_breaks_off_ends_the_run_and_what_came_before_counts(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    for number in range(9):
        rig.put(f"20260115T12000{number}.000000Z-x", f"e{number}")
    page_by_page(rig, monkeypatch, 6, error)
    with pytest.raises(ReplayError, match="the list of what waits broke off"):
        rig.run()
    told = read_metrics(capsys.readouterr().out)
    assert (told["EventsReceived"], told["EventsIndexed"]) == (6, 6)
    assert "OldestPendingAge" in told
    assert (sorted(rig.index), len(rig.s3.keys("failed/"))) == ([f"e{number}" for number in range(6)], 3)
    assert rig.run()["indexed"] == 3


def test_what_the_last_run_left_is_not_forgotten_where_the_list_breaks_off(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = b'{"stops":{"failed/x":2},"undropped":{"failed/y":"\\"1\\""}}'
    rig.s3.put(JOURNAL, journal)
    rig.put("20260115T120000.000000Z-x", "e")
    rig.put("20260115T120001.000000Z-x", "f")
    page_by_page(rig, monkeypatch, 1, ERRORS["an answer"])
    with pytest.raises(ReplayError):
        rig.run()
    assert json.loads(rig.s3.objects[JOURNAL].data) == json.loads(journal)


def test_a_run_that_meets_an_error_of_its_own_tells_what_it_did(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.put("20260115T120000.000000Z-x", "e")
    run = Replay._run

    def fail(self: Replay, *arguments: Any) -> None:
        run(self, *arguments)
        raise RuntimeError("a defect")

    rig.s3.put(JOURNAL, b'{"stops":{"failed/x":2}}')
    monkeypatch.setattr(Replay, "_run", fail)
    with pytest.raises(RuntimeError, match="a defect"):
        rig.run()
    assert read_metrics(capsys.readouterr().out)["EventsIndexed"] == 1
    assert json.loads(rig.s3.objects[JOURNAL].data) == {"stops": {"failed/x": 2}}, "nothing says what waits"


def test_by_hand_a_list_that_breaks_off_is_said(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        rig.put(f"20260115T12000{number}.000000Z-x", f"e{number}")
    page_by_page(rig, monkeypatch, 2, ERRORS["an answer"])
    store = FailureStore("bucket", "by-hand")
    summary = Replay(rig.environment(), store, time_left=lambda: 240.0).run(store.walk({}))
    assert (summary.counts["indexed"], summary.uncounted, summary.unlisted) == (
        2,
        True,
        "An error occurred (SlowDown) when calling the Operation operation: SlowDown",
    )
