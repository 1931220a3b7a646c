"""The benchmark measures what it says it measures. Nothing here depends on time."""

import shutil
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from benchmarks import contest
from benchmarks.contenders import reference, stream
from benchmarks.contest import (
    CONTENDERS,
    REFERENCE,
    STREAM,
    MismatchError,
    check,
    expect,
    measure,
    write_events,
)
from benchmarks.payloads import KINDS, Kind, make_payloads
from benchmarks.processes import Worker, ask, open_sink
from parser.document import build
from parser.format import Formats
from parser.subscription import decode_event


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_payloads_are_the_same_in_each_run(kind: Kind) -> None:
    assert make_payloads(kind, "50", 3) == make_payloads(kind, "50", 3)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_reference_makes_the_documents_of_the_definition(kind: Kind) -> None:
    """It knows nothing of the parser: two people, so to say, read the same lines."""
    (payload,) = make_payloads(kind, "1000", 1)
    subscription = decode_event(payload.event)
    formats = Formats.from_text(" ".join(kind.fields))

    defined = [build(event, subscription, formats, keep_message=True) for event in subscription.events]

    assert [document for _, _, document in expect(payload, kind)] == defined


def test_only_payloads_with_fields_carry_them() -> None:
    carried = [
        "extractedFields" in reference.read_payload(make_payloads(kind, "50", 1)[0].event)["logEvents"][0]
        for kind in KINDS
    ]
    assert carried == [False, True, False]


@pytest.mark.dear(6)
@pytest.mark.parametrize(
    "kind",
    # With the most in an event; what others have is a part of it.
    [pytest.param(kind, marks=[] if kind.extracted else pytest.mark.long, id=kind.name) for kind in KINDS],
)
def test_every_contender_sends_the_documents_that_it_should(kind: Kind, tmp_path: Path) -> None:
    contenders = [each for each in CONTENDERS if not each.node or shutil.which("node")]
    sizes = {"10": make_payloads(kind, "10", 3), "50": make_payloads(kind, "50", 2)}

    results = measure(contenders, kind, sizes, tmp_path, rounds=2, warm_seconds=0)

    assert list(results) == ["10", "50"]
    for cell in results.values():
        assert set(cell) == {each.name for each in contenders}
        for each in contenders:
            assert len(cell[each.name].cpu) == 2
            assert (cell[each.name].wire_bytes > 0) == each.sends


def test_a_contender_is_timed_when_it_has_worked_for_some_time(tmp_path: Path) -> None:
    """V8 compiles while it runs: a second or two pass before the console's function is as fast as in life."""
    told: list[tuple[str, int]] = []

    class Slow:
        """Takes a quarter of a second for a pass."""

        def run(self, size: str, passes: int) -> dict[str, float]:
            told.append((size, passes))
            return {"cpu": 0.25 * passes, "wall": 0.25 * passes, "peak_kb": 1.0}

    worker: Any = Slow()

    assert contest.warm_up(worker, "50", 1.0)["cpu"] == 0.25
    assert told == [("50", 1)] * 5


def test_a_batch_is_a_thousand_events_of_as_many_payloads_as_that_takes() -> None:
    events: list[Any] = [payload.event for payload in make_payloads(KINDS[0], "50", 25)]

    batches = stream.bundle(events, "50")

    assert [len(batch["Records"]) for batch in batches] == [20, 5]
    records = [record for batch in batches for record in batch["Records"]]
    assert [record["kinesis"]["data"] for record in records] == [event["awslogs"]["data"] for event in events]


def test_a_batch_sends_fewer_requests(tmp_path: Path) -> None:
    kind = KINDS[0]
    file = write_events({"50": make_payloads(kind, "50", 20)}, tmp_path)

    with open_sink() as url, Worker(STREAM.command(kind, file, url)) as worker:
        worker.run("50", 1)
        counts = ask(url, "/counts")

    assert (counts["requests"], counts["documents"]) == (1, 1_000)


@pytest.mark.parametrize("spoil", ["another value", "one is missing"])
def test_other_documents_than_those_of_the_reference_are_a_mismatch(spoil: str, tmp_path: Path) -> None:
    kind = KINDS[0]
    payloads = make_payloads(kind, "50", 1)
    file = write_events({"50": payloads}, tmp_path)
    expected = expect(payloads[0], kind)
    if spoil == "another value":
        expected[7][2]["srcport"] = 1
    else:
        del expected[0]

    with (
        open_sink() as url,
        Worker(REFERENCE.command(kind, file, url)) as worker,
        pytest.raises(MismatchError),
    ):
        check(REFERENCE, worker, url, "50", expected, payloads, kind)


def test_the_sink_refuses_a_body_that_is_no_pairs_of_lines() -> None:
    with open_sink() as url:
        assert ask(url, "/counts") == {"requests": 0, "documents": 0, "wire_bytes": 0, "bytes": 0}
        with pytest.raises(HTTPError):
            ask(url, "/_bulk", "POST", b'{"create":{"_id":"1"}}\n')
        ask(url, "/_bulk", "POST", b'{"create":{"_index":"a","_id":"1"}}\n{}\n')
        assert ask(url, "/counts") == {"requests": 1, "documents": 1, "wire_bytes": 39, "bytes": 39}


def test_a_contender_that_leaves_something_out_says_so() -> None:
    assert [each.name for each in CONTENDERS if not each.less] == ["ours", "stream"]
