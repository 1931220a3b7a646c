"""The fast path gives what the readable definition gives, byte for byte."""

import json
import os
import zlib
from collections.abc import Iterator
from operator import itemgetter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parser import columns
from parser.bulk import CHUNK, Body, encode
from parser.columns import LARGEST_ADDRESSES, LARGEST_MEMO, Mark
from parser.compiled import Rows
from parser.document import PARSE_ERROR, build, encode_json
from parser.format import DEFAULT, Formats
from parser.index_names import index_name
from parser.subscription import Event, Subscription
from support.random_payloads import ODD_TOKENS, RandomPayloads

LINES = int(os.environ.get("EQUALITY_LINES", "8000"))
"""`make equality` tries more than a million."""

LINE = "2 012345678901 eni-1 10.0.0.1 10.0.0.2 443 50000 6 10 840 1790845257 1790845317 ACCEPT OK"
NO_DATA = "2 012345678901 eni-1 - - - - - - - 1790845257 1790845317 - NODATA"
DAY = 86_400_000

Row = tuple[Event, bytes, dict[str, str | int]]
Described = tuple[str, bytes, int, tuple[Event, ...], int, int, int]


def define(
    subscription: Subscription, formats: Formats, *, max_bytes: int, keep_message: bool
) -> Iterator[Described]:
    """Make the bodies as the definition says: a document for each event, one after the other."""
    for day in dict.fromkeys(event.timestamp // DAY for event in subscription.events):
        part: list[Row] = []
        size = 0
        for event in (event for event in subscription.events if event.timestamp // DAY == day):
            document = build(event, subscription, formats, keep_message=keep_message)
            row = encode_json({"create": {"_id": event.id}}) + b"\n" + encode_json(document) + b"\n"
            if part and size + len(row) > max_bytes:
                yield describe_part(day, part)
                part, size = [], 0
            part.append((event, row, document))
            size += len(row)
        yield describe_part(day, part)


def describe_part(day: int, part: list[Row]) -> Described:
    statuses = [document.get("log_status") for _, _, document in part]
    data = b"".join(row for _, row, _ in part)
    unparsed = sum(PARSE_ERROR in document for _, _, document in part)
    events = tuple(event for event, _, _ in part)
    index = index_name("cwl", day * DAY)
    return index, data, len(data), events, unparsed, statuses.count("NODATA"), statuses.count("SKIPDATA")


def describe(body: Body) -> Described:
    data = zlib.decompress(body.data, wbits=31)
    return body.index, data, body.size, body.events, body.unparsed, body.no_data, body.skip_data


def assert_equal(
    subscription: Subscription, formats: Formats, *, max_bytes: int = 5 << 20, keep_message: bool = True
) -> None:
    bodies = encode(subscription, formats, prefix="cwl", max_bytes=max_bytes, keep_message=keep_message)
    expected = define(subscription, formats, max_bytes=max_bytes, keep_message=keep_message)
    # Days stand one behind the other here; as made, a body comes when it is full.
    made = sorted(map(describe, bodies), key=itemgetter(0))
    for found, wanted in zip(made, sorted(expected, key=itemgetter(0)), strict=True):
        assert found == wanted


def payload(*lines: str) -> Subscription:
    events = tuple(
        Event(id=str(number), timestamp=1790845257000, message=line) for number, line in enumerate(lines, 1)
    )
    return Subscription(owner="012345678901", log_group="vpc", log_stream="eni-1-all", events=events)


@pytest.mark.dear(3)
def test_rows_of_any_lines_in_any_formats_equal_the_definition() -> None:
    remaining, seed = LINES, 0
    while remaining > 0:
        drawn = RandomPayloads(seed)
        formats = drawn.formats()
        subscription = drawn.payload(formats, 20 + seed * 7 % 600)
        assert_equal(
            subscription,
            formats,
            max_bytes=5 << 20 if seed % 3 else 40_000,
            keep_message=bool(seed % 2),
        )
        remaining -= len(subscription.events)
        seed += 1


TOKENS = st.one_of(st.sampled_from(ODD_TOKENS), st.sampled_from(LINE.split()), st.text())


@given(
    lines=st.lists(st.lists(TOKENS, min_size=12, max_size=15).map(" ".join) | st.text(), min_size=1),
    stream=st.text(),
    keep_message=st.booleans(),
)
def test_rows_of_any_text_equal_the_definition(lines: list[str], stream: str, *, keep_message: bool) -> None:
    subscription = payload(*lines)
    subscription = Subscription(
        owner=subscription.owner, log_group="vpc", log_stream=stream, events=subscription.events
    )

    assert_equal(subscription, Formats.from_text(DEFAULT), keep_message=keep_message)


@given(position=st.integers(0, 13), token=st.sampled_from(ODD_TOKENS))
def test_one_odd_token_between_good_lines_changes_its_row_alone(position: int, token: str) -> None:
    tokens = LINE.split(" ")
    tokens[position] = token

    assert_equal(payload(LINE, LINE, " ".join(tokens), LINE), Formats.from_text(DEFAULT))


@pytest.mark.parametrize("identity", ['"', "\\", "a", "\n", "é", "٣", "\ud800", "1 2"], ids=ascii)
def test_an_id_of_other_characters_is_written_as_the_definition_writes_it(identity: str) -> None:
    events = tuple(Event(each, 1790845257000, LINE) for each in ("1", identity, "2"))

    assert_equal(msgspec.structs.replace(payload(), events=events), Formats.from_text(DEFAULT))


FORMATS = {
    "one-steady-field": ("action", ["ACCEPT", "-", "", "NODATA", "ACCEPT ACCEPT"]),
    "one-varying-field": ("bytes", ["1", "-", "0", "01", " 1", "1 "]),
    "steady-fields-only": (
        "interface-id action log-status",
        ["eni-1 ACCEPT OK", "- - -", "- - OK", "- - NODATA"],
    ),
    "varying-fields-only": (
        "srcaddr bytes",
        ["::1 1", "- 1", "1.2.3.4 -", "- -", " 1.2.3.4 1", "1.2.3.4  1"],
    ),
    "steady-in-the-middle": (
        "bytes action start",
        ["1 ACCEPT 1790845257", "- ACCEPT -", "1 - 1790845257000"],
    ),
    "status-in-the-middle": (
        "bytes log-status start",
        ["1 OK 1790845257", "1 NODATA 1790845257", "- SKIPDATA -"],
    ),
    "status-first": ("log-status bytes", ["OK 1", "NODATA 1", "SKIPDATA -", "- 1"]),
    "two-formats": (
        "srcaddr bytes;action bytes start",
        ["::1 1", "ACCEPT 1 1790845257", "::1 1", "ACCEPT 1 -"],
    ),
    "unknown-fields": (
        "new-thing bytes other-thing",
        ["a 1 b", '"a" 1 b', "a 1 b\\c", "\n 1 b", "é 1 b", "- 1 -"],
    ),
}


@pytest.mark.parametrize(("formats", "lines"), FORMATS.values(), ids=FORMATS)
@pytest.mark.parametrize("keep_message", [True, False])
def test_formats_of_every_shape_equal_the_definition(
    formats: str, lines: list[str], *, keep_message: bool
) -> None:
    assert_equal(payload(*lines, *lines[::-1]), Formats.from_text(formats), keep_message=keep_message)


def test_good_lines_take_the_fast_path() -> None:
    """The other tests would pass without it."""
    rows = Rows(Formats.from_text(DEFAULT), keep_message=True)
    rows._define_row = None  # type: ignore[assignment,method-assign]  # who calls it fails
    other_interface = LINE.replace("eni-1", "eni-2")

    found, marks = rows.render(
        payload(LINE, LINE.replace("OK", "NODATA"), NO_DATA, other_interface).events, payload()
    )

    assert (found.count(b"\n"), marks) == (8, {1: "NODATA", 2: "NODATA"})


@pytest.mark.parametrize(
    "lines",
    [
        [LINE] * 3,
        [LINE, NO_DATA, LINE],
        [LINE, LINE.replace("eni-1", "eni-2"), LINE],
        [LINE, LINE.replace("443", "-"), LINE],
    ],
    ids=["one-interface", "a-record-without-data", "two-interfaces", "one-field-is-absent"],
)
def test_lines_that_fit_are_rendered_together(lines: list[str]) -> None:
    """They would be right, and slow, if each were rendered alone."""
    rows = Rows(Formats.from_text(DEFAULT), keep_message=True)
    alone: list[str] = []
    render_pieces = rows._plans[14].render_pieces

    def record(event: Event, metadata: str) -> tuple[str, Mark | None] | None:
        alone.append(event.message)
        return render_pieces(event, metadata)

    rows._plans[14].render_pieces = record  # type: ignore[method-assign]  # it notes and goes on
    events = payload(*lines).events

    found, _ = rows.render(events, payload())

    assert found.count(b"\n") == 2 * len(lines)
    assert alone == [line for line in lines if " - " in line]


def test_lines_of_two_formats_are_rendered_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two flow logs may write to one log stream."""
    rows = Rows(Formats.from_text(f"{DEFAULT};srcaddr bytes action"), keep_message=True)
    short = "10.0.0.1 840 ACCEPT"
    for plan in rows._plans.values():
        monkeypatch.setattr(plan, "render_pieces", None)

    for lines in ([LINE, short, LINE, short], [short, LINE, short, LINE]):
        found, _ = rows.render(payload(*lines).events, payload())

        assert [json.loads(row)["@message"] for row in found.splitlines()[1::2]] == lines


def test_the_long_names_of_ecs_are_remembered() -> None:
    """They come to several hundred characters, and would be defined anew for each line."""
    formats = Formats.from_text("srcaddr bytes ecs-cluster-arn ecs-service-name ecs-task-arn flow-direction")
    rows = Rows(formats, keep_message=True)
    task = f"arn:aws:ecs:eu-central-1:012345678901:task/{'c' * 200}/{'0' * 32}"
    cluster = f"arn:aws:ecs:eu-central-1:012345678901:cluster/{'c' * 200}"
    lines = [f"10.0.0.1 840 {cluster} web {task} {way}" for way in ("ingress", "egress")]

    rows.render(payload(*lines).events, payload())

    (tail,) = (column for column in rows._plans[6]._columns if isinstance(column, dict))
    assert list(tail) == [line.split(" ", 2)[2] for line in lines]


def test_what_is_remembered_stays_bounded() -> None:
    rows = Rows(Formats.from_text(DEFAULT), keep_message=True)
    lines = [
        LINE.replace("eni-1", f"eni-{number}").replace("10.0.0.1", f"10.{number >> 8}.{number & 255}.1")
        for number in range(LARGEST_ADDRESSES + 10)
    ]
    subscription = payload(*lines)

    for start in range(0, len(lines), CHUNK):
        found, _ = rows.render(subscription.events[start : start + CHUNK], subscription)

        assert found.count(b"\n") == 2 * len(lines[start : start + CHUNK])
        assert len(columns.addresses) <= LARGEST_ADDRESSES
        assert len(columns.stamps) <= LARGEST_MEMO
        memos = [column for column in rows._plans[14]._columns if isinstance(column, dict)]
        assert max(map(len, memos)) <= LARGEST_MEMO
