"""The benchmark measures what it says it measures. Nothing here depends on time."""

import json
import shutil
from pathlib import Path
from urllib.error import HTTPError

import pytest

from benchmarks.contenders import reference
from benchmarks.contest import (
    CONTENDERS,
    REFERENCE,
    MismatchError,
    Worker,
    ask,
    check,
    expect,
    measure,
    open_sink,
)
from benchmarks.payloads import KINDS, Kind, make_payloads
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
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_contender_sends_the_documents_that_it_should(kind: Kind, tmp_path: Path) -> None:
    contenders = [each for each in CONTENDERS if not each.node or shutil.which("node")]
    payloads = make_payloads(kind, "50", 2)

    results = measure(contenders, kind, payloads, tmp_path, rounds=2)

    assert set(results) == {each.name for each in contenders}
    for each in contenders:
        assert len(results[each.name].cpu) == 2
        assert (results[each.name].wire_bytes > 0) == each.sends


def test_other_documents_than_those_of_the_reference_are_a_mismatch(tmp_path: Path) -> None:
    kind = KINDS[0]
    payloads = make_payloads(kind, "50", 1)
    file = tmp_path / "events.json"
    file.write_text(json.dumps([payload.event for payload in payloads]))
    expected = expect(payloads[0], kind)
    expected[7][2]["srcport"] = 1

    with open_sink() as url, Worker(REFERENCE, kind, file, url) as worker, pytest.raises(MismatchError):
        check(worker, url, expected, payloads, kind)


def test_a_document_that_is_missing_is_a_mismatch(tmp_path: Path) -> None:
    kind = KINDS[0]
    payloads = make_payloads(kind, "50", 1)
    file = tmp_path / "events.json"
    file.write_text(json.dumps([payload.event for payload in payloads]))
    expected = expect(payloads[0], kind)[1:]

    with open_sink() as url, Worker(REFERENCE, kind, file, url) as worker, pytest.raises(MismatchError):
        check(worker, url, expected, payloads, kind)


def test_the_sink_refuses_a_body_that_is_no_pairs_of_lines() -> None:
    with open_sink() as url:
        assert ask(url, "/counts") == {"requests": 0, "documents": 0, "wire_bytes": 0, "bytes": 0}
        with pytest.raises(HTTPError):
            ask(url, "/_bulk", "POST", b'{"create":{"_id":"1"}}\n')
        ask(url, "/_bulk", "POST", b'{"create":{"_index":"a","_id":"1"}}\n{}\n')
        assert ask(url, "/counts") == {"requests": 1, "documents": 1, "wire_bytes": 39, "bytes": 39}


def test_a_contender_that_leaves_something_out_says_so() -> None:
    assert [each.name for each in CONTENDERS if not each.less] == ["ours"]
