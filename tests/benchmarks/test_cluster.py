"""What is sent to a real OpenSearch, and that all of it is counted."""

import json

import pytest
from isal import isal_zlib

from benchmarks.cluster import (
    BATCHED,
    CONSOLE,
    HELPERS,
    KIND,
    OURS,
    SIZES,
    fill,
    make_cells,
    measure_disk,
    prepare,
    read_cpu,
)
from flowlogs.local.embedded import Embedded


def test_every_way_sends_all_documents_in_the_requests_that_it_makes() -> None:
    cells = {(cell.label, cell.size): cell for cell in make_cells(KIND, 2_000)}

    assert {key: len(cell.requests) for key, cell in cells.items()} == {
        **{(label, size): 2_000 // size for label in (OURS, CONSOLE) for size in SIZES},
        **{(BATCHED, size): 2 for size in SIZES if size < 1_000},
        **{(HELPERS, size): max(4, 2_000 // size) for size in SIZES},  # at most 500 each
    }
    for cell in cells.values():
        is_ours = cell.label in (OURS, BATCHED)
        bodies = [isal_zlib.decompress(each.body, 31) if is_ours else each.body for each in cell.requests]
        assert sum(body.count(b"\n") for body in bodies) == 4_000
        assert cell.template == (cell.label != CONSOLE)


def test_requests_that_are_compared_hold_the_same_documents() -> None:
    cells = {(cell.label, cell.size): cell for cell in make_cells(KIND, 1_000)}
    (ours,), helpers = cells[OURS, 1_000].requests, cells[HELPERS, 1_000].requests
    rows = isal_zlib.decompress(ours.body, 31).splitlines()
    others = b"".join(each.body for each in helpers).splitlines()

    assert [json.loads(row) for row in rows[1::2]] == [json.loads(row) for row in others[1::2]]


@pytest.mark.parametrize("label", [BATCHED, CONSOLE])
def test_what_a_node_used_and_holds_is_measured(opensearch: Embedded, label: str) -> None:
    cell = next(each for each in make_cells(KIND, 1_000) if (each.label, each.size) == (label, 50))
    prepare(opensearch, template=cell.template)
    before = read_cpu(opensearch)

    used = fill(opensearch, cell)

    assert 0 < used <= read_cpu(opensearch) - before
    count, size = measure_disk(opensearch, "cwl")
    assert count == 1_000 if cell.template else 900 < count <= 1_000  # it refuses `-` where it saw numbers
    assert 50 < size / count < 1_500
