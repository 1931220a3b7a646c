"""Bodies of many payloads: they hold what the payloads hold one by one, and each row knows whose it is."""

import gzip
import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parser.bulk import MOST_GROWING, Body, Encoder, Part, encode
from parser.format import Formats
from parser.repeats import Repeated, Repeats
from parser.subscription import Event, Subscription, Unusable

FORMATS = Formats.from_text("srcaddr srcport;version log-status action")
DAY = 86_400_000
NOON = 1_768_478_400_000
LINES = ("10.0.0.1 443", "2 NODATA -", "2 SKIPDATA -", "no line", "", "2 OK ACCEPT", "x" * 300)


def encode_all(
    payloads: Sequence[Subscription],
    *,
    max_bytes: int = 5_000_000,
    keep_message: bool = True,
    repeats: Repeats | None = None,
) -> list[Body]:
    encoder = Encoder(FORMATS, prefix="cwl", max_bytes=max_bytes, keep_message=keep_message)
    bodies: list[Body] = []
    for number, payload in enumerate(payloads):
        bodies += encoder.add(number, payload, repeats)
    return [*bodies, *encoder.finish()]


def payload(name: str, *events: Event) -> Subscription:
    return Subscription(owner=name, log_group=f"/vpc/{name}", log_stream=f"eni-{name}", events=events)


def flow(number: int, day: int = 0, message: str = "10.0.0.1 443") -> Event:
    return Event(f"id-{number}", NOON + day * DAY, message)


@st.composite
def batches(draw: st.DrawFn) -> list[Subscription]:
    """Draw payloads of which no two have an event in common."""
    sizes = draw(st.lists(st.integers(0, 12), min_size=1, max_size=8))
    most = draw(st.integers(1, MOST_GROWING + 3))
    ids = iter(range(sum(sizes)))
    return [
        payload(
            f"{number}",
            *(
                flow(next(ids), draw(st.integers(0, most - 1)), draw(st.sampled_from(LINES)))
                for _ in range(size)
            ),
        )
        for number, size in enumerate(sizes)
    ]


@given(batches(), st.one_of(st.integers(1, 4_000), st.just(5_000_000)), st.booleans(), st.booleans())
def test_a_batch_has_exactly_the_documents_of_its_payloads_one_by_one(
    payloads: list[Subscription], max_bytes: int, keep_message: bool, compared: bool
) -> None:
    bodies = encode_all(
        payloads,
        max_bytes=max_bytes,
        keep_message=keep_message,
        repeats=Repeats() if compared else None,
    )

    alone = [
        (number, body)
        for number, each in enumerate(payloads)
        for body in encode(each, FORMATS, prefix="cwl", max_bytes=max_bytes, keep_message=keep_message)
    ]
    rows: defaultdict[str, bytes] = defaultdict(bytes)
    events: defaultdict[str, list[tuple[int, Event]]] = defaultdict(list)
    for number, body in alone:
        rows[body.index] += gzip.decompress(body.data)
        events[body.index] += [(number, event) for event in body.events]
    found: defaultdict[str, bytes] = defaultdict(bytes)
    owned: defaultdict[str, list[tuple[int, Event]]] = defaultdict(list)
    for body in bodies:
        found[body.index] += gzip.decompress(body.data)
        owned[body.index] += [(part.payload, event) for part in body.parts for event in part.events]
    assert found == rows
    assert owned == events
    for name in ("size", "unparsed", "no_data", "skip_data", "count"):
        assert sum(getattr(body, name) for body in bodies) == sum(getattr(body, name) for _, body in alone)


@given(batches(), st.integers(1, 4_000))
def test_bodies_of_a_batch_are_cut_by_bytes_alone(payloads: list[Subscription], max_bytes: int) -> None:
    """Each is full, but the last of an index, unless more days than compressors are about."""
    bodies = encode_all(payloads, max_bytes=max_bytes)

    days = len({event.timestamp // DAY for each in payloads for event in each.events})
    for position, body in enumerate(bodies):
        content = gzip.decompress(body.data)
        assert len(content) == body.size
        assert body.size <= max_bytes or body.count == 1
        assert body.count == len(content.splitlines()) // 2 == len(body.events) > 0
        assert [part.payload for part in body.parts] == sorted({part.payload for part in body.parts})
        following = [each for each in bodies[position + 1 :] if each.index == body.index]
        if following and days <= MOST_GROWING:
            first, second, *_ = gzip.decompress(following[0].data).splitlines(keepends=True)
            assert body.size + len(first + second) > max_bytes


def test_a_row_has_the_names_of_its_own_payload() -> None:
    (body,) = encode_all([payload("a", flow(1)), payload("b", flow(2), flow(3)), payload("c", flow(4))])

    documents: list[Any] = [json.loads(row) for row in gzip.decompress(body.data).splitlines()[1::2]]
    assert [(each["@owner"], each["@log_group"], each["@log_stream"]) for each in documents] == [
        ("a", "/vpc/a", "eni-a"),
        ("b", "/vpc/b", "eni-b"),
        ("b", "/vpc/b", "eni-b"),
        ("c", "/vpc/c", "eni-c"),
    ]
    assert body.parts == (Part(0, (flow(1),)), Part(1, (flow(2), flow(3))), Part(2, (flow(4),)))


def test_days_that_take_turns_share_their_bodies() -> None:
    payloads = [payload(f"{number}", flow(2 * number), flow(2 * number + 1, 1)) for number in range(30)]

    bodies = encode_all(payloads)

    assert [(body.index, body.count) for body in bodies] == [("cwl-2026.01.15", 30), ("cwl-2026.01.16", 30)]


def test_more_days_than_grow_at_once_are_all_sent() -> None:
    payloads = [payload(f"{day}", flow(day, day)) for day in range(MOST_GROWING + 5)]

    assert [body.count for body in encode_all(payloads)] == [1] * (MOST_GROWING + 5)


def test_an_event_that_an_earlier_payload_has_brought_is_in_no_body() -> None:
    repeats = Repeats()
    again, other = flow(1), flow(1, message="other")

    bodies = encode_all(
        [payload("a", flow(1), flow(2)), payload("b", flow(3), again), payload("c", other, flow(1, 1))],
        repeats=repeats,
    )

    assert [(body.index, body.events) for body in bodies] == [
        ("cwl-2026.01.15", (flow(1), flow(2), flow(3))),
        ("cwl-2026.01.16", (flow(1, 1),)),
    ]
    assert repeats.found == [
        Repeated(1, "cwl-2026.01.15", again),
        Repeated(2, "cwl-2026.01.15", other),
    ]


def test_a_payload_whose_every_event_is_repeated_makes_no_empty_body() -> None:
    """Though the body that its events were in is finished since."""
    days = [payload(f"{day}", flow(day, day)) for day in range(MOST_GROWING + 1)]

    bodies = encode_all([*days, days[0]], repeats=Repeats())

    assert [body.count for body in bodies] == [1] * (MOST_GROWING + 1)


@pytest.mark.parametrize("compared", [True, False])
def test_a_payload_alone_is_sent_as_it_came_even_where_it_has_an_id_twice(compared: bool) -> None:
    events = (flow(1), flow(2), flow(1), flow(1, message="other"))
    repeats = Repeats()

    (body,) = encode_all([payload("a", *events)], repeats=repeats if compared else None)

    (alone,) = encode(payload("a", *events), FORMATS, prefix="cwl", max_bytes=5_000_000, keep_message=True)
    assert body == alone
    assert body.events == events
    assert repeats.found == []


def fill(each: Subscription) -> int:
    """Return how many payloads fill a batch, each with events of its own where it can."""
    encoder, repeats = Encoder(FORMATS, prefix="cwl", max_bytes=100_000, keep_message=True), Repeats()
    for number in range(1_000):
        if encoder.is_full:
            return number
        for _ in encoder.add(number, each, repeats):
            raise AssertionError
    raise AssertionError


def test_payloads_that_make_no_rows_fill_a_batch_too() -> None:
    """Else thousands of them could be held at once."""
    event = Event("", NOON, "x" * 1_000)
    unusable = msgspec.structs.replace(payload("a"), unusable=(Unusable(event, "its id is empty"),) * 10)

    assert fill(payload("a")) < 200
    assert fill(unusable) < 10
    assert fill(payload("a", *(flow(number, message="x" * 1_000) for number in range(10)))) < 10
