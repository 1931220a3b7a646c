"""What holds for every line, every payload and every format, tried on many."""

import gzip
import json
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from parser.bulk import encode as encode_bodies
from parser.document import build
from parser.errors import FormatError, RecordError
from parser.fields import FIELDS, Field, Kind
from parser.format import Format, Formats, known_formats, parse_format
from parser.record import Value, parse
from parser.reply import judge
from parser.subscription import Event, Subscription, decode, encode

Cell = tuple[str, Value | None]
"""The text of a token, and the value that it stands for (None where it is absent)."""

# Any text, lone surrogates too. Two halves of one character side by side are that character in JSON.
TEXT = st.text(st.characters(exclude_categories=())).map(
    lambda text: text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
)
TOKEN = st.text(st.characters(exclude_characters=" "), min_size=1).filter(lambda text: text != "-")
ADDRESS = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str)
FORMATS = Formats.from_text("srcaddr srcport;version log-status action;type")


def cells(field: Field) -> st.SearchStrategy[Cell]:
    present: st.SearchStrategy[Cell]
    if field.kind is Kind.INTEGER:
        present = st.integers(0, field.high).map(lambda value: (str(value), value))
    elif field.kind is Kind.SECONDS:
        present = st.one_of(
            st.integers(0, 10**11 - 1).map(lambda value: (str(value), value)),
            st.integers(10**11, 253_402_300_799_000).map(lambda value: (str(value), value // 1000)),
        )
    elif field.kind is Kind.ADDRESS:
        present = ADDRESS.map(lambda value: (value, value))
    elif field.kind is Kind.CHOICE:
        present = st.sampled_from(field.choices).map(lambda value: (value, value))
    elif field.kind is Kind.TAG:
        present = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).map(
            lambda value: ("%2D" if value == "-" else quote(value, safe=""), value)
        )
    else:
        present = TOKEN.map(lambda value: (value, value))
    absent: Cell = ("-", None)
    return st.one_of(st.just(absent), present)


@st.composite
def formats_and_cells(draw: st.DrawFn) -> tuple[Format, list[Cell]]:
    fields = draw(st.lists(st.sampled_from(FIELDS), min_size=1, max_size=72, unique=True))
    return Format(tuple(fields)), [draw(cells(field)) for field in fields]


EVENTS = st.builds(
    Event,
    id=st.text("0123456789", min_size=1, max_size=56),
    timestamp=st.one_of(st.integers(0, 253_402_300_799_999), st.integers(0, 2 * 86_400_000)),
    message=st.one_of(TEXT, st.sampled_from(["10.0.0.1 443", "2 NODATA -", "2 SKIPDATA -", "IPv4"])),
)
SUBSCRIPTIONS = st.builds(
    Subscription,
    owner=TEXT,
    log_group=TEXT,
    log_stream=TEXT,
    subscription_filters=st.lists(TEXT, max_size=3).map(tuple),
    policy_level=st.none() | TEXT,
    events=st.lists(EVENTS, max_size=8).map(tuple),
)


def attempt(line: str, formats: Formats) -> dict[str, Value] | RecordError:
    try:
        return parse(line, formats)
    except RecordError as error:
        return error


@given(formats_and_cells(), st.data())
def test_a_line_of_any_format_made_from_values_reads_back_as_these(
    sample: tuple[Format, list[Cell]], data: st.DataObject
) -> None:
    each, row = sample
    spaces = data.draw(st.lists(st.integers(1, 3), min_size=len(row), max_size=len(row)))
    line = "".join(token + " " * count for (token, _), count in zip(row, spaces, strict=True))

    record = parse(line, Formats.of([each]))

    assert record == {
        field.document_name: value
        for field, (_, value) in zip(each.fields, row, strict=True)
        if value is not None
    }
    assert all(type(value) in {int, str} for value in record.values())


@given(st.lists(st.sampled_from(FIELDS), min_size=1, unique=True))
def test_a_format_that_is_written_reads_back(fields: list[Field]) -> None:
    each = Format(tuple(fields))

    assert parse_format(str(each)) == each
    assert parse_format(" ".join(field.name for field in fields)) == each


@given(st.one_of(TEXT, st.text("${}-_;, abversion2"), st.text("ab-; ")))
def test_any_text_is_formats_or_an_error(text: str) -> None:
    try:
        formats = Formats.from_text(text)
    except FormatError:
        return
    assert Formats.from_text(str(formats)) == formats


@given(st.one_of(TEXT, st.lists(TOKEN, max_size=60).map(" ".join), st.text("0123456789-. :%", max_size=80)))
def test_any_text_as_a_line_is_a_record_or_an_error_in_words(line: str) -> None:
    for formats in (FORMATS, known_formats()):
        record = attempt(line, formats)
        if isinstance(record, RecordError):
            assert record.reason
            assert str(record).isprintable()
            assert str(record).encode()
        else:
            assert all(type(value) in {int, str} for value in record.values())


@given(st.text("0123456789abcdefABCDEF:.%/ -+_x", max_size=45))
def test_an_address_is_accepted_only_as_the_standard_library_reads_it(token: str) -> None:
    record = attempt(token, Formats.from_text("srcaddr"))
    if isinstance(record, RecordError):
        return
    for value in record.values():
        address = str(value)
        assert IPv6Address(address).scope_id is None if ":" in address else IPv4Address(address)


@given(EVENTS, SUBSCRIPTIONS)
def test_any_event_becomes_a_document_of_its_line_or_of_its_error(
    event: Event, subscription: Subscription
) -> None:
    for keep_message in (True, False):
        document = build(event, subscription, FORMATS, keep_message=keep_message)

        assert ("@message" in document) == (keep_message or "parse_error" in document)
        assert document.get("@message", event.message) == event.message
        assert document.get("@unparsed") == (event.message if "parse_error" in document else None)
        assert "parse_error" not in document or len(document) == 7


@given(SUBSCRIPTIONS)
def test_a_payload_that_is_written_reads_back(subscription: Subscription) -> None:
    assert decode(encode(subscription)) == subscription


@given(SUBSCRIPTIONS, st.integers(1, 2000), st.booleans())
def test_the_bodies_carry_each_event_once_and_keep_their_bound(
    subscription: Subscription,
    max_bytes: int,
    keep_message: bool,
) -> None:
    bodies = list(
        encode_bodies(subscription, FORMATS, prefix="cwl", max_bytes=max_bytes, keep_message=keep_message)
    )

    carried = [event for body in bodies for event in body.events]
    assert sorted(map(id, carried)) == sorted(map(id, subscription.events))
    for body in bodies:
        content = gzip.decompress(body.data)
        rows = [json.loads(row) for row in content.split(b"\n")[:-1]]
        assert len(content) == body.size
        assert body.size <= max_bytes or len(body.events) == 1
        assert rows[::2] == [{"create": {"_id": event.id}} for event in body.events]
        assert rows[1::2] == [
            build(event, subscription, FORMATS, keep_message=keep_message) for event in body.events
        ]
        assert {f"cwl-{row['@timestamp'][:10].replace('-', '.')}" for row in rows[1::2]} == {body.index}


@given(
    st.one_of(st.just(200), st.integers(100, 999)),
    st.one_of(st.binary(), TEXT.map(lambda text: text.encode("utf-8", "surrogatepass"))),
    st.integers(0, 5),
)
def test_any_reply_gives_each_event_a_verdict(status: int, reply: bytes, count: int) -> None:
    verdicts = judge(status, reply, count)

    assert len(verdicts) == count
    assert not {each.outcome.value for each in verdicts} & {"indexed", "duplicate", "rejected"}
