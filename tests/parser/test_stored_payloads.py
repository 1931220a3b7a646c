"""An object of the failure store holds payloads, a gzip member each; a damaged one costs none beside it."""

import gzip
import io
import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parser.errors import EnvelopeError
from parser.stored import MOST_DAMAGED, Damaged, Parts, read_stored
from parser.subscription import Event, Subscription, decode, encode
from support.stored import decode_all

names = st.text(max_size=20)
events = st.builds(
    Event,
    id=st.text("0123456789", min_size=1, max_size=56),
    timestamp=st.integers(0, 253_402_300_799_999),
    message=st.text(max_size=50),
)
payloads = st.lists(
    st.builds(
        Subscription,
        owner=names,
        log_group=names,
        log_stream=names,
        policy_level=st.none() | st.just("ACCOUNT_LEVEL_POLICY"),
        events=st.lists(events, max_size=5).map(tuple),
    ),
    min_size=1,
    max_size=5,
)
ONE = Subscription(owner="1", log_group="/a", log_stream="x", events=(Event("1", 1, "a b"),))
OTHER = Subscription(
    owner="2", log_group="/b", log_stream="y", events=(Event("2", 2, "c"), Event("3", 3, "d"))
)


@given(payloads)
def test_payloads_that_follow_one_another_are_read_one_by_one(written: list[Subscription]) -> None:
    assert decode_all(b"".join(map(encode, written))) == tuple(written)


@given(payloads)
def test_of_several_payloads_zcat_gives_one_json_document_after_another(written: list[Subscription]) -> None:
    text = gzip.decompress(b"".join(map(encode, written))).decode()
    found, position = [], 0
    while position < len(text):
        document, position = json.JSONDecoder().raw_decode(text, position)
        found.append([event["id"] for event in document["logEvents"]])
    assert found == [[event.id for event in payload.events] for payload in written]


def test_an_object_of_one_payload_is_what_cloudwatch_logs_sends() -> None:
    assert decode(encode(ONE)) == ONE
    assert json.loads(gzip.decompress(encode(ONE)))["messageType"] == "DATA_MESSAGE"


@pytest.mark.parametrize("size", [1, 7, 50, 200])
def test_a_payload_whose_json_is_in_pieces_is_one(size: int) -> None:
    text = gzip.decompress(encode(OTHER))
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    assert decode_all(b"".join(map(gzip.compress, pieces))) == (OTHER,)


CONTROL = gzip.compress(b'{"messageType": "CONTROL_MESSAGE", "logEvents": []}')
FILLED = {
    "zero bytes behind each": encode(ONE) + bytes(512) + encode(OTHER) + bytes(3),
    "members without content": encode(ONE) + gzip.compress(b"") + encode(OTHER) + gzip.compress(b"\n"),
    "each of another program": gzip.compress(gzip.decompress(encode(ONE)), 9)
    + gzip.compress(gzip.decompress(encode(OTHER)) + b"\n"),
}


@pytest.mark.parametrize("data", FILLED.values(), ids=FILLED)
def test_what_lies_between_payloads_does_not_matter(data: bytes) -> None:
    assert decode_all(data) == (ONE, OTHER)


def test_a_control_message_among_payloads_has_no_events() -> None:
    assert [len(each.events) for each in decode_all(CONTROL + encode(OTHER) + CONTROL)] == [0, 2, 0]


ALIEN = gzip.compress(b'{"hello": 1}')
NOTHING = {
    "nothing": (b"", "payload is not gzip: it starts with nothing"),
    "empty": (gzip.compress(b""), "payload is not JSON: it is empty"),
    "alien": (ALIEN, "payload is not a CloudWatch Logs message"),
    "aliens": (ALIEN + ALIEN, "payload is not a CloudWatch Logs message"),
    "cut": (encode(ONE)[:-9], "gzip is cut short"),
    "text": (b"plain", "payload is not gzip: it starts with 706c61696e"),
    "broken document": (gzip.decompress(encode(ONE))[:-9], "payload is not JSON"),
}


@pytest.mark.parametrize(("data", "reason"), NOTHING.values(), ids=NOTHING)
def test_what_holds_no_payload_is_refused_with_what_is_wrong_first(data: bytes, reason: str) -> None:
    with pytest.raises(EnvelopeError, match=f"^{reason}"):
        read_stored(data)


def spoil(member: bytes) -> bytes:
    """Change what a gzip member says of the sum of its content, which is seen only at its end."""
    return member[:-8] + bytes(4) + member[-4:]


THIRD = Subscription(owner="3", log_group="/c", log_stream="z", events=(Event("4", 4, "e"),))
FIRST, SECOND, LAST = encode(ONE), encode(OTHER), encode(THIRD)
BAD, CUT = spoil(SECOND), SECOND[:-9]
AT = len(FIRST)
DAMAGED = {
    "cut last": (FIRST + CUT, (ONE,), CUT, f"byte {AT}: gzip is cut short after "),
    "cut between": (FIRST + CUT + LAST, (ONE, THIRD), CUT, f"byte {AT}: gzip is damaged: "),
    "junk behind": (
        FIRST + b"junk",
        (ONE,),
        b"junk",
        f"byte {AT}: payload after its last gzip member is not gzip: it starts with 6a756e6b",
    ),
    "junk between": (
        FIRST + b"junk" + LAST,
        (ONE, THIRD),
        b"junk",
        f"byte {AT}: payload after its last gzip",
    ),
    "junk first": (b"junk" + LAST, (THIRD,), b"junk", "payload is not gzip: it starts with 6a756e6b1f8b"),
    "a wrong sum first": (BAD + LAST, (THIRD,), BAD, "gzip is damaged: "),
    "a wrong sum between": (FIRST + BAD + LAST, (ONE, THIRD), BAD, f"byte {AT}: gzip is damaged: "),
    "two in a row": (FIRST + CUT + BAD + LAST, (ONE, THIRD), CUT + BAD, f"byte {AT}: gzip is damaged: "),
    "alien first": (ALIEN + LAST, (THIRD,), ALIEN, "payload is not a CloudWatch Logs message: "),
    "alien behind": (FIRST + ALIEN, (ONE,), ALIEN, f"byte {AT}: payload is not a CloudWatch Logs message: "),
    "two places": (BAD + FIRST + CUT + LAST, (ONE, THIRD), BAD + CUT, "gzip is damaged: "),
}


@pytest.mark.parametrize(("data", "payloads", "rest", "reason"), DAMAGED.values(), ids=DAMAGED)
def test_what_is_damaged_costs_no_payload_beside_it(
    data: bytes, payloads: tuple[Subscription, ...], rest: bytes, reason: str
) -> None:
    parts = read_stored(data)
    assert (parts.payloads, parts.rest) == (payloads, rest)
    assert parts.reason.startswith(reason)
    assert parts.reason.endswith(f" (beside payloads that could be read: {len(payloads)})")


def test_the_reason_counts_the_places_that_are_damaged() -> None:
    parts = read_stored(ALIEN + FIRST + ALIEN + ALIEN)
    assert parts.rest == ALIEN * 3
    assert ", and 2 more such parts (beside payloads that could be read: 1)" in parts.reason
    assert Parts((ONE,)).reason == ""


TEXTS = [gzip.decompress(each) for each in (FIRST, SECOND, LAST)]
ALL = (ONE, OTHER, THIRD)
UNPACKED = {
    "as zcat gives them": b"".join(TEXTS),
    "a line each": b"\n".join(TEXTS) + b"\n",
    "with blanks before": b" \n" + b" ".join(TEXTS),
    "zcat into gzip": gzip.compress(b"".join(TEXTS)),
    "some members hold several": gzip.compress(TEXTS[0] + TEXTS[1]) + LAST,
    "as jq prints them": b"\n".join(json.dumps(json.loads(each), indent=2).encode() for each in TEXTS),
}


@pytest.mark.parametrize("data", UNPACKED.values(), ids=UNPACKED)
def test_documents_one_behind_the_other_are_payloads_wherever_they_lie(data: bytes) -> None:
    assert read_stored(data) == Parts(ALL)


BROKEN_TEXTS = {
    "cut last": (TEXTS[0] + TEXTS[1][:-9], (ONE,), [TEXTS[1][:-9]]),
    "cut between": (TEXTS[0] + TEXTS[1][:-9] + TEXTS[2], (ONE, THIRD), [TEXTS[1][:-9]]),
    "cut first": (TEXTS[0][:40] + TEXTS[1], (OTHER,), [TEXTS[0][:40]]),
    "within a list": (b'{"messageType":[' + TEXTS[1], (OTHER,), [b'{"messageType":[']),
    "alien between": (TEXTS[0] + b'{"a":{}}' + TEXTS[2], (ONE, THIRD), [b'{"a":{}}']),
    "words between": (TEXTS[0] + b"no } JSON " + TEXTS[2], (ONE, THIRD), [b"no } JSON "]),
}


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize(("text", "payloads", "rest"), BROKEN_TEXTS.values(), ids=BROKEN_TEXTS)
def test_a_damaged_document_is_a_member_by_itself_and_costs_no_other(
    text: bytes, payloads: tuple[Subscription, ...], rest: list[bytes], *, packed: bool
) -> None:
    parts = read_stored(gzip.compress(text) if packed else text)
    assert parts.payloads == payloads
    assert [gzip.decompress(each.data) for each in parts.damaged] == rest
    assert all("document " in each.reason for each in parts.damaged)


@given(st.lists(st.sampled_from(["good", "cut", "sum", "alien", "junk"]), min_size=1, max_size=12))
def test_each_part_of_an_object_is_read_or_set_apart(kinds: list[str]) -> None:
    payloads = [
        Subscription(owner="1", log_group="/g", log_stream="s", events=(Event(f"{number}", 1, "m" * 99),))
        for number in range(len(kinds))
    ]
    made: dict[str, Callable[[bytes], bytes]] = {
        "good": lambda member: member,
        "cut": lambda member: member[:-9],
        "sum": spoil,
        "alien": lambda _: ALIEN,
        "junk": lambda _: b"neither gzip nor JSON",
    }
    members = [made[kind](encode(payload)) for kind, payload in zip(kinds, payloads, strict=True)]
    good = [payload for kind, payload in zip(kinds, payloads, strict=True) if kind == "good"]
    if not good:
        with pytest.raises(EnvelopeError):
            read_stored(b"".join(members))
        return
    parts = read_stored(b"".join(members))
    assert list(parts.payloads) == good
    bad = [member for kind, member in zip(kinds, members, strict=True) if kind != "good"]
    assert parts.rest == b"".join(bad)


def test_what_is_set_apart_is_read_no_worse_later() -> None:
    rest = read_stored(FIRST + CUT + LAST + BAD).rest
    with pytest.raises(EnvelopeError, match="gzip is "):
        read_stored(rest)
    assert read_stored(rest + SECOND).payloads == (OTHER,)


def test_behind_too_many_damaged_places_nothing_more_is_looked_for() -> None:
    bad = b"\x1f\x8b\x08\xff"
    assert read_stored(bad * (MOST_DAMAGED - 1) + FIRST).payloads == (ONE,)
    parts = read_stored(FIRST + bad * MOST_DAMAGED + SECOND)
    assert parts.payloads == (ONE,)
    assert parts.rest == bad * MOST_DAMAGED + SECOND


def test_all_payloads_of_an_object_together_are_bounded() -> None:
    member = encode(ONE)
    size = len(gzip.decompress(member))
    assert len(decode_all(member * 10, limit=size * 10)) == 10
    parts = read_stored(member * 11, limit=size * 10)
    assert parts.payloads == (ONE,) * 10
    assert parts.damaged == (
        Damaged(member, f"byte {len(member) * 10}: gzip holds more than {size * 10} bytes"),
    )
    with pytest.raises(EnvelopeError, match="payload is not gzip"):
        read_stored(gzip.decompress(member) * 2, limit=size)


def test_what_an_object_says_of_its_length_is_not_believed() -> None:
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb") as file:
        file.write(b" " * 1_000_000)
    parts = read_stored(encode(ONE) + buffer.getvalue(), limit=1000)
    assert (parts.payloads, parts.rest) == ((ONE,), buffer.getvalue())
    assert "gzip holds more than 1000 bytes" in parts.reason
