"""Payloads that the strict decoder refuses: what is odd in them costs only itself."""

import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parser.errors import EnvelopeError
from parser.payload import Event, Unusable
from parser.subscription import decode, encode

Json = dict[str, Any]

LAST = 253_402_300_799_999
HALF = "its id holds half a character (a lone surrogate), and OpenSearch takes all of these for one"
ID = "37976342262953223179038144714945888722564951965555163136"
GOOD = [
    f'{{"id":"{number:056d}","timestamp":{1732320000000 + number},"message":"2 …"}}' for number in range(9)
]
EVENTS = tuple(Event(f"{number:056d}", 1732320000000 + number, "2 …") for number in range(9))
HEAD = (
    '{"messageType":"DATA_MESSAGE","owner":"012345678901","logGroup":"g","logStream":"s",'
    '"subscriptionFilters":["f"],"logEvents":['
)


def event(**changes: object) -> str:
    return json.dumps({"id": "1", "timestamp": 5, "message": "m"} | changes)


def without(key: str) -> str:
    return json.dumps({name: value for name, value in json.loads(event()).items() if name != key})


def pack(*rows: str | bytes, head: str = HEAD) -> bytes:
    texts = [row if isinstance(row, bytes) else row.encode() for row in rows]
    return gzip.compress(head.encode() + b" , ".join(texts) + b"]}", 1)


USABLE = {
    "whole-float": (event(timestamp=5.0), Event("1", 5, "m")),
    "whole-float-with-an-exponent": ('{"id":"1","timestamp":1.0e12,"message":"m"}', Event("1", 10**12, "m")),
    "exponent-alone": ('{"id":"1","timestamp":15E+2,"message":"m"}', Event("1", 1500, "m")),
    "whole-with-a-negative-exponent": ('{"id":"1","timestamp":1500e-2,"message":"m"}', Event("1", 15, "m")),
    "zero": ('{"id":"1","timestamp":-0.0,"message":"m"}', Event("1", 0, "m")),
    "last-time": (f'{{"id":"1","timestamp":{LAST}.0,"message":"m"}}', Event("1", LAST, "m")),
    "number-as-id": (event(id=7), Event("7", 5, "m")),
    "number-as-id-beyond-a-double": (event(id=int(ID)), Event(ID, 5, "m")),
    "number-as-id-and-whole-float": (event(id=2**53 + 1, timestamp=5.0), Event("9007199254740993", 5, "m")),
    "control-characters-that-are-not-escaped": (
        b'{"id":"1","timestamp":5,"message":"a\tb\x00\n"}',
        Event("1", 5, "a\tb\0\n"),
    ),
    "half-a-character-in-the-message": (event(message="a\ud83d"), Event("1", 5, "a\ud83d")),
    "half-a-character-and-a-number": (event(id=3, message="\ude00"), Event("3", 5, "\ude00")),
    "two-halves": (
        b'{"id":3,"timestamp":5,"message":"\\ud83d\\ude00"}',
        Event("3", 5, "\U0001f600"),
    ),
    "two-of-one-key": (
        b'{"id":[],"timestamp":"x","message":null,"id":3,"timestamp":5,"message":"m"}',
        Event("3", 5, "m"),
    ),
    "key-in-escapes": (b'{"\\u0069d":3,"timestamp":5,"message":"m","x":"\xff"}', Event("3", 5, "m")),
    "odd-beside": (
        b'{"id":"1","timestamp":5.0,"message":"m","x":"\\ud800","y":{"z":[NaN,{"\xff":[]}]}}',
        Event("1", 5, "m"),
    ),
}
UNUSABLE: dict[str, tuple[str | bytes, tuple[str, int, str], str]] = {
    "fraction": (event(timestamp=5.5), ("1", -1, "m"), "its timestamp 5.5 is not a whole number"),
    "fraction-that-a-double-cannot-tell": (
        '{"id":"1","timestamp":1732320000000.00001,"message":"m"}',
        ("1", -1, "m"),
        "its timestamp 1732320000000.00001 is not a whole number",
    ),
    "time-as-text": (event(timestamp="5"), ("1", -1, "m"), "its timestamp is a text"),
    "time-null": (event(timestamp=None), ("1", -1, "m"), "its timestamp is null"),
    "time-true": (event(timestamp=True), ("1", -1, "m"), "its timestamp is true"),
    "time-list": (event(timestamp=[5]), ("1", -1, "m"), "its timestamp is a list"),
    "time-missing": (without("timestamp"), ("1", -1, "m"), "it has no timestamp"),
    "time-nan": (event(timestamp=float("nan")), ("1", -1, "m"), "its timestamp is no number"),
    "time-infinite": (event(timestamp=float("inf")), ("1", -1, "m"), "its timestamp is not JSON"),
    "time-of-the-year-10000": (
        f'{{"id":1,"timestamp":{LAST + 1},"message":"m"}}',
        ("1", LAST + 1, "m"),
        f"its timestamp {LAST + 1} is not between 0 and {LAST} (the year 9999)",
    ),
    "time-beyond-all": (
        '{"id":"1","timestamp":1e999,"message":"m"}',
        ("1", -1, "m"),
        f"its timestamp 1e999 is not between 0 and {LAST} (the year 9999)",
    ),
    "time-with-a-long-exponent": (
        '{"id":"1","timestamp":1e9999,"message":"m"}',
        ("1", -1, "m"),
        f"its timestamp 1e9999 is not between 0 and {LAST} (the year 9999)",
    ),
    "time-with-an-exponent-beyond-all": (
        f'{{"id":"1","timestamp":1e{"9" * 30},"message":"m"}}',
        ("1", -1, "m"),
        f"its timestamp 1e{'9' * 30} is not between 0 and {LAST} (the year 9999)",
    ),
    "id-with-a-long-exponent": (
        '{"id":-1E+9999,"timestamp":5,"message":"m"}',
        ("", 5, "m"),
        "its id -1E+9999 is a number whose digits are not known for certain",
    ),
    "time-of-many-digits": (
        f'{{"id":"1","timestamp":{"9" * 5000},"message":"m"}}',
        ("1", -1, "m"),
        f"its timestamp {'9' * 80}… is not between 0 and {LAST} (the year 9999)",
    ),
    "id-null": (event(id=None), ("", 5, "m"), "its id is null"),
    "id-false": (event(id=False), ("", 5, "m"), "its id is false"),
    "id-object": (event(id={"a": 1}), ("", 5, "m"), "its id is an object"),
    "id-missing": (without("id"), ("", 5, "m"), "it has no id"),
    "id-float": (
        event(id=3.5e55),
        ("", 5, "m"),
        "its id 3.5e+55 is a number whose digits are not known for certain",
    ),
    "id-negative": (
        event(id=-3),
        ("", 5, "m"),
        "its id -3 is a number whose digits are not known for certain",
    ),
    "id-of-many-digits": (
        f'{{"id":{"1" * 600},"timestamp":5,"message":"m"}}',
        ("1" * 600, 5, "m"),
        "its id has 600 bytes, and 512 are the most",
    ),
    "id-with-half-a-character": (event(id="1\ud800"), ("1\ud800", 5, "m"), HALF),
    "id-not-utf8": (
        b'{"id":"1\xff","timestamp":5,"message":"m"}',
        ("1\udcff", 5, "m"),
        "its id is not UTF-8",
    ),
    "message-number": (event(message=5), ("1", 5, "5"), "its message is a number"),
    "message-null": (event(message=None), ("1", 5, "null"), "its message is null"),
    "message-object": (event(message={"a": ["b"]}), ("1", 5, '{"a": ["b"]}'), "its message is an object"),
    "message-missing": (without("message"), ("1", 5, ""), "it has no message"),
    "message-not-utf8": (
        b'{"id":"1","timestamp":5,"message":"caf\xe9 \\"x\\""}',
        ("1", 5, 'caf\udce9 "x"'),
        "its message is not UTF-8",
    ),
    "message-with-a-broken-escape": (
        b'{"id":"1","timestamp":5,"message":"a\\qb"}',
        ("1", 5, "a\\qb"),
        "its message is not JSON",
    ),
    "all-of-it": (
        event(id=None, timestamp=None, message=None),
        ("", -1, "null"),
        "its id is null, and its timestamp is null, and its message is null",
    ),
    "empty-object": ("{}", ("", -1, ""), "it has no id, and it has no timestamp, and it has no message"),
    "null": ("null", ("", -1, "null"), "it is null, and an event is an object"),
    "text": ('"e"', ("", -1, "e"), "it is a text, and an event is an object"),
    "number": ("5", ("", -1, "5"), "it is a number, and an event is an object"),
    "list": ("[[1], 2]", ("", -1, "[[1], 2]"), "it is a list, and an event is an object"),
    "no-json": ('{"id" 1}', ("", -1, '{"id" 1}'), "it is not JSON: expected ':' (byte 5)"),
}


@pytest.mark.parametrize(("row", "expected"), USABLE.values(), ids=USABLE)
def test_an_event_that_can_be_read_is_one_of_the_events(row: str | bytes, expected: Event) -> None:
    subscription = decode(pack(*GOOD[:5], row, *GOOD[5:]))

    assert (*subscription.events[:5], *subscription.events[6:]) == EVENTS
    assert subscription.events[5] == expected
    assert subscription.unusable == ()
    assert (subscription.owner, subscription.subscription_filters) == ("012345678901", ("f",))


@pytest.mark.parametrize(("row", "shown", "reason"), UNUSABLE.values(), ids=UNUSABLE)
def test_an_event_that_cannot_be_used_is_set_apart_with_its_reason(
    row: str | bytes, shown: tuple[str, int, str], reason: str
) -> None:
    subscription = decode(pack(*GOOD[:5], row, *GOOD[5:]))

    assert subscription.events == EVENTS
    assert subscription.unusable == (Unusable(Event(*shown), reason),)
    assert decode(encode(subscription)).events == EVENTS


def test_several_odd_events_are_each_set_apart() -> None:
    rows: list[str | bytes] = [row for row, _, _ in UNUSABLE.values()]

    subscription = decode(pack(*GOOD[:5], *rows, *GOOD[5:]))

    assert subscription.events == EVENTS
    assert sorted(each.reason for each in subscription.unusable) == sorted(
        reason for _, _, reason in UNUSABLE.values()
    )


NAMES = {
    "owner-number": ('"owner":12345678901', ("12345678901", "g", "s")),
    "owner-null": ('"owner":null', ("", "g", "s")),
    "owner-missing": ('"x":1', ("", "g", "s")),
    "owner-true": ('"owner":true', ("", "g", "s")),
    "owner-list": ('"owner":["012345678901"]', ("", "g", "s")),
    "owner-with-a-control-character": ('"owner":"0\0"', ("0\0", "g", "s")),
    "owner-with-a-broken-escape": ('"owner":"0\\ud8"', ("0\\ud8", "g", "s")),
    "nested-deeply-beside": (f'"owner":5,"x":{"[" * 200_000}{"]" * 200_000}', ("5", "g", "s")),
    "nested-deeply-beside-half-a-character": (
        f'"owner":"\\ud800","x":{"[" * 200_000}{"]" * 200_000}',
        ("\ud800", "g", "s"),
    ),
}


@pytest.mark.parametrize(("member", "names"), NAMES.values(), ids=NAMES)
def test_an_odd_name_does_not_cost_the_events(member: str, names: tuple[str, str, str]) -> None:
    subscription = decode(pack(*GOOD, head=HEAD.replace('"owner":"012345678901"', member)))

    assert (subscription.owner, subscription.log_group, subscription.log_stream) == names
    assert (subscription.events, subscription.unusable) == (EVENTS, ())
    assert decode(encode(subscription)) == subscription


def test_a_name_that_is_no_utf8_is_shown_as_far_as_it_is() -> None:
    text = gzip.decompress(pack(*GOOD)).replace(b'"logGroup":"g"', b'"logGroup":"g\xff"')

    subscription = decode(gzip.compress(text))

    assert (subscription.log_group, subscription.events) == ("g�", EVENTS)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ('"f"', ()),
        ("null", ()),
        ("{}", ()),
        ('["f",1,null,"g"]', ("f", "g")),
        ('["' + "f" * 20_000 + '"]', ()),
        ("[" + '"f",' * 10_000 + '"f"]', ()),
    ],
    ids=["text", "null", "object", "numbers-between", "long", "many"],
)
def test_odd_filters_do_not_cost_the_events(filters: str, expected: tuple[str, ...]) -> None:
    subscription = decode(pack(*GOOD, head=HEAD.replace('["f"]', filters)))

    assert (subscription.subscription_filters, subscription.events) == (expected, EVENTS)


def test_a_policy_that_is_no_text_does_not_cost_the_events() -> None:
    subscription = decode(pack(*GOOD, head=HEAD.replace('"owner"', '"policyLevel":[],"owner"')))

    assert (subscription.policy_level, subscription.events) == (None, EVENTS)


def test_a_control_message_may_be_odd() -> None:
    subscription = decode(gzip.compress(b'{"messageType":"CONTROL_MESSAGE","owner":5,"logEvents":5}'))

    assert (subscription.owner, subscription.events, subscription.unusable) == ("5", (), ())


def test_more_events_than_a_function_has_memory_for_are_refused() -> None:
    rows = ('{"id":"1","timestamp":1,"message":"\\u00e9"}' for _ in range(240_000))

    with pytest.raises(EnvelopeError, match=r"^payload has events that need more than 41943040 bytes"):
        decode(pack(*rows))


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner), max_leaves=5
)
ODD_EVENTS = st.dictionaries(st.sampled_from(["id", "timestamp", "message", "more"]), VALUES) | VALUES


@given(st.lists(ODD_EVENTS, max_size=6), st.integers(0, 9), st.booleans())
def test_whatever_is_among_the_events_each_of_the_others_is_read(
    odd: list[Any],
    place: int,
    is_ascii: bool,
) -> None:
    """No event is lost, none is there twice, and what cannot be used is among the unusable."""
    rows = [json.dumps(each, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass") for each in odd]

    subscription = decode(pack(*GOOD[:place], *rows, *GOOD[place:]))

    events, unusable = subscription.events, subscription.unusable
    assert events[:place] == EVENTS[:place]
    assert events[len(events) - len(EVENTS) + place :] == EVENTS[place:]
    assert len(events) + len(unusable) == len(EVENTS) + len(odd)
    assert all(0 <= each.timestamp <= LAST and each.id.encode() for each in events)


HALVES = {
    "escapes": (rb"\ud800", "\ud800"),
    "bytes": (b"\xed\xa0\x80", "\ud800"),
    "one-by-one": (rb"\ud800-", "\ud800-"),
    "the-wrong-way-round": (rb"\udc00-\ud83d\ude00\ud800-", "\udc00-\U0001f600\ud800-"),
}


@pytest.mark.parametrize(("written", "read"), HALVES.values(), ids=HALVES)
def test_text_of_many_half_characters_is_read(written: bytes, read: str) -> None:
    count = 6_000 // len(written)
    data = pack(*[b'{"id":"1","timestamp":5,"message":"%b"}' % (written * count)] * 500)

    assert decode(data).events == (Event("1", 5, read * count),) * 500


LONGEST = 2 * 1024 * 1024
LONG = {
    "control-characters": b'{"id":"1","timestamp":5,"message":"%b"}',
    "no-utf8": b'{"id":"1","timestamp":5,"message":"\xff%b"}',
    "no-utf8-as-id": b'{"id":"\xff%b","timestamp":5,"message":"m"}',
    "no-object": b'"%b\xff"',
}


@pytest.mark.parametrize("row", LONG.values(), ids=LONG)
def test_an_odd_event_that_no_log_group_takes_is_refused_with_its_payload(row: bytes) -> None:
    longest = row % (b"\x01" * (LONGEST - len(row % b"")))
    taken = decode(pack(longest))

    assert len(taken.events) + len(taken.unusable) == 1
    with pytest.raises(EnvelopeError) as caught:
        decode(pack(longest.replace(b"\x01", b"\x01\x01", 1)))
    assert str(caught.value) == f"payload has an odd event of {LONGEST + 1} bytes, and {LONGEST} are the most"


def test_an_odd_event_of_escapes_is_measured_by_its_text() -> None:
    text = b"\\u0001" * 400_000 + b"\\ud800"

    (event,) = decode(pack(b'{"id":"1","timestamp":5,"message":"%b"}' % text)).events

    assert event.message == "\x01" * 400_000 + "\ud800"
