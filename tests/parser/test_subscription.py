"""Payloads: what is read from them, and that a payload written is the payload read."""

import base64
import binascii
import gzip
import json
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parser.errors import EnvelopeError
from parser.subscription import (
    Event,
    Subscription,
    Unusable,
    _from_base64,
    decode,
    decode_event,
    encode,
)

ID = "37976342262953223179038144714945888722564951965555163136"
ACCOUNT_POLICY = {"policyLevel": "ACCOUNT_LEVEL_POLICY"}
EVENTS = Path(__file__).parents[2] / "events"

Json = dict[str, Any]


def payload(**changes: object) -> Json:
    return {
        "messageType": "DATA_MESSAGE",
        "owner": "012345678901",
        "logGroup": "vpc-flow",
        "logStream": "eni-1-all",
        "subscriptionFilters": ["all"],
        "logEvents": [{"id": ID, "timestamp": 1732320000000, "message": "2 …"}],
    } | changes


def pack(content: object) -> bytes:
    return gzip.compress(json.dumps(content).encode())


EXPECTED = Subscription(
    owner="012345678901",
    log_group="vpc-flow",
    log_stream="eni-1-all",
    subscription_filters=("all",),
    policy_level=None,
    events=(Event(ID, 1732320000000, "2 …"),),
)


@pytest.mark.parametrize("as_text", [True, False], ids=["base64", "gzip"])
def test_a_payload_is_read_whole(as_text: bool) -> None:
    data = pack(payload())

    assert decode(base64.b64encode(data).decode() if as_text else data) == EXPECTED


@given(st.binary().map(lambda data: base64.b64encode(data).decode()), st.text(max_size=3), st.integers(0))
def test_base64_is_what_the_standard_library_takes(text: str, damage: str, place: int) -> None:
    place %= len(text) + 1
    text = text[:place] + damage + text[place:]
    try:
        expected = binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        with pytest.raises(EnvelopeError, match="payload is not base64"):
            _from_base64(text)
    else:
        assert _from_base64(text) == expected


def test_the_event_of_lambda_is_read() -> None:
    data = base64.b64encode(pack(payload())).decode()

    assert decode_event({"awslogs": {"data": data}}) == EXPECTED
    assert decode_event({"awslogs": {"data": data, "more": 1}, "other": 2}) == EXPECTED


@pytest.mark.parametrize(
    "event",
    [None, [], "text", {}, {"awslogs": None}, {"awslogs": {}}, {"awslogs": {"data": None}},
     {"awslogs": {"data": b"H4sI"}}, {"awslogs": {"data": 5}}, {"Records": []}],
    ids=repr,
)  # fmt: skip
def test_another_event_is_refused(event: object) -> None:
    with pytest.raises(EnvelopeError) as caught:
        decode_event(event)

    assert str(caught.value) == (
        "event is not that of a CloudWatch Logs subscription: it has no text at awslogs.data"
    )


def test_events_keep_their_order() -> None:
    events = [{"id": str(number), "timestamp": 9 - number, "message": "m"} for number in range(1, 4)]

    assert decode(pack(payload(logEvents=events))).events == (
        Event("1", 8, "m"),
        Event("2", 7, "m"),
        Event("3", 6, "m"),
    )


def test_a_payload_may_have_no_events() -> None:
    assert decode(pack(payload(logEvents=[]))).events == ()


def test_the_level_of_the_policy_is_kept() -> None:
    assert decode(pack(payload() | ACCOUNT_POLICY)).policy_level == "ACCOUNT_LEVEL_POLICY"
    assert decode(pack(payload(policyLevel=None))).policy_level is None


def test_filters_may_be_absent() -> None:
    content = payload()
    del content["subscriptionFilters"]

    assert decode(pack(content)).subscription_filters == ()


def test_unknown_keys_are_passed_over() -> None:
    content = payload(newKey={"a": [1, None, {"b": 2.5}]})
    content["logEvents"][0] |= {"extractedFields": {"srcaddr": "10.0.0.1"}, "ingestionTime": 1}

    assert decode(pack(content)) == EXPECTED


def test_an_unknown_key_with_a_lone_surrogate_is_passed_over() -> None:
    content = payload(newKey="\ud800") | {"\udc00": 1}
    content["logEvents"][0] |= {"\ud83d": "\ud800", "extractedFields": {"\ud800": ["\udfff"]}}

    assert decode(pack({"\ud800": {"\ud800": 0}} | content)) == EXPECTED


@pytest.mark.parametrize(
    "content",
    [
        {
            "messageType": "CONTROL_MESSAGE",
            "owner": "CloudwatchLogs",
            "logGroup": "",
            "logStream": "",
            "subscriptionFilters": [],
            "logEvents": [
                {
                    "id": "",
                    "timestamp": 1732320000000,
                    "message": "CWL CONTROL MESSAGE: Checking health of destination Firehose.",
                }
            ],
        },
        {"messageType": "CONTROL_MESSAGE", "owner": "CloudwatchLogs"},
    ],
    ids=["as-observed", "bare"],
)
def test_a_control_message_has_no_events(content: Json) -> None:
    assert decode(pack(content)) == Subscription(
        owner="CloudwatchLogs", log_group="", log_stream="", subscription_filters=(), events=()
    )


def test_the_message_type_may_stand_anywhere() -> None:
    content = payload()
    content["messageType"] = content.pop("messageType")

    assert decode(pack(content)) == EXPECTED


TEXTS = {
    "empty": "",
    "quotes": 'he said "2 123"',
    "backslashes": "C:\\n\\u0041",
    "control": "".join(map(chr, range(32))) + "\x7f",
    "nul": "a\0b",
    "latin": "Zürich",
    "line-separators": "a\u2028b\u2029c\u0085d",
    "non-bmp": "\U0001f600\U0010ffff",
    "byte-order-mark": "\ufeffa\ufffe",
    "high-surrogate": "a\ud83d",
    "low-surrogate": "\ude00b",
    "surrogates-in-wrong-order": "\ude00\ud83d",
    "surrogate-and-emoji": "\ud800\U0001f600",
    "surrogate-and-what-stands-for-others": "\ud800\U0010f800\U0010ffff\udfff\U0010f7ff",
    "surrogates-and-backslashes": "\\ud800\ud800\\\ud800\\\\ud800",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_text_is_kept_character_by_character(text: str) -> None:
    content = payload(
        owner=text,
        logGroup=text,
        logStream=text,
        subscriptionFilters=[text],
        policyLevel=text,
        logEvents=[{"id": "1", "timestamp": 0, "message": text}],
    )
    expected = Subscription(
        owner=text,
        log_group=text,
        log_stream=text,
        subscription_filters=(text,),
        policy_level=text,
        events=(Event("1", 0, text),),
    )

    assert decode(pack(content)) == expected
    assert decode(encode(expected)) == expected


def test_a_payload_is_written_as_cloudwatch_writes_it() -> None:
    assert json.loads(gzip.decompress(encode(EXPECTED))) == payload(policyLevel=None)


@pytest.mark.parametrize(
    "changes",
    [{}, ACCOUNT_POLICY, {"logEvents": []}, {"subscriptionFilters": []}, {"owner": "\ud800"}],
    ids=["plain", "policy", "no-events", "no-filters", "surrogate"],
)
def test_a_payload_that_was_written_is_read_back(changes: Json) -> None:
    subscription = decode(pack(payload(**changes)))

    assert decode(encode(subscription)) == subscription
    assert decode(base64.b64encode(encode(subscription)).decode()) == subscription


def test_the_remainder_of_a_control_message_has_no_events_either() -> None:
    subscription = decode(pack({"messageType": "CONTROL_MESSAGE", "owner": "CloudwatchLogs"}))

    assert decode(encode(subscription)) == subscription


FILES = [path for path in sorted(EVENTS.glob("*.json")) if "awslogs" in json.loads(path.read_text("utf-8"))]


def test_there_are_sample_events() -> None:
    assert len(FILES) >= 10


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_sample_event_is_read_as_a_plain_json_reader_reads_it(path: Path) -> None:
    event = json.loads(path.read_text("utf-8"))
    content = json.loads(zlib.decompress(base64.b64decode(event["awslogs"]["data"]), 47))  # gzip or zlib
    control = content["messageType"] == "CONTROL_MESSAGE"

    assert decode_event(event) == Subscription(
        owner=content["owner"],
        log_group=content["logGroup"],
        log_stream=content["logStream"],
        subscription_filters=tuple(content["subscriptionFilters"]),
        policy_level=content.get("policyLevel"),
        events=()
        if control
        else tuple(Event(each["id"], each["timestamp"], each["message"]) for each in content["logEvents"]),
    )


GOOD: list[Json] = [
    {"id": f"{ID}{number}", "timestamp": 1732320000000, "message": "2 …"} for number in range(1000)
]
LAST = 253_402_300_799_999
HALF = "its id holds half a character (a lone surrogate), and OpenSearch takes all of these for one"
ODD = {
    "empty-id": ("", 5, "its id is empty"),
    "long-id": ("1" * 600, 5, "its id has 600 bytes, and 512 are the most"),
    "id-above-the-bound": ("1" * 513, 5, "its id has 513 bytes, and 512 are the most"),
    "id-of-few-characters-and-many-bytes": ("é" * 257, 5, "its id has 514 bytes, and 512 are the most"),
    "id-of-surrogates": ("\ud800" * 171, 5, "its id has 513 bytes, and 512 are the most"),
    "id-with-a-high-surrogate": ("1\ud83d", 5, HALF),
    "id-with-a-low-surrogate": ("\ude001", 5, HALF),
    "before-1970": ("1", -1, f"its timestamp -1 is not between 0 and {LAST} (the year 9999)"),
    "in-the-year-10000": (
        "1",
        LAST + 1,
        f"its timestamp {LAST + 1} is not between 0 and {LAST} (the year 9999)",
    ),
    "far-away": ("1", 10**30, f"its timestamp {10**30} is not between 0 and {LAST} (the year 9999)"),
}


@pytest.mark.parametrize(("identity", "timestamp", "reason"), ODD.values(), ids=ODD)
def test_an_odd_event_is_set_apart_and_costs_only_itself(identity: str, timestamp: int, reason: str) -> None:
    odd = {"id": identity, "timestamp": timestamp, "message": "3 …"}
    expected = tuple(Event(each["id"], each["timestamp"], each["message"]) for each in GOOD)

    subscription = decode(pack(payload(logEvents=[*GOOD[:500], odd, *GOOD[500:]])))

    assert subscription.events == expected
    assert subscription.unusable == (Unusable(Event(identity, timestamp, "3 …"), reason),)


@pytest.mark.parametrize(
    ("identity", "timestamp"),
    [("1", 0), ("1", LAST), ("1" * 512, 5), ("é" * 256, 5), ("\U0001f600" * 128, 5)],
    ids=["1970", "9999", "ascii", "latin", "non-bmp"],
)
def test_an_event_at_a_bound_is_usable(identity: str, timestamp: int) -> None:
    subscription = decode(pack(payload(logEvents=[{"id": identity, "timestamp": timestamp, "message": "m"}])))

    assert (subscription.events, subscription.unusable) == ((Event(identity, timestamp, "m"),), ())


def test_two_equal_odd_events_are_both_set_apart() -> None:
    odd = {"id": "", "timestamp": -1, "message": "m"}

    subscription = decode(pack(payload(logEvents=[odd, *GOOD[:1], odd])))

    assert subscription.unusable == (Unusable(Event("", -1, "m"), "its id is empty"),) * 2
    assert subscription.events == (Event(f"{ID}0", 1732320000000, "2 …"),)


def test_what_is_written_leaves_the_unusable_events_out() -> None:
    odd = {"id": "", "timestamp": 5, "message": "m"}
    subscription = decode(pack(payload(logEvents=[*GOOD[:2], odd], policyLevel="ACCOUNT_LEVEL_POLICY")))

    assert json.loads(gzip.decompress(encode(subscription))) == payload(
        logEvents=GOOD[:2], policyLevel="ACCOUNT_LEVEL_POLICY"
    )
    assert decode(encode(subscription)) == decode(
        pack(payload(logEvents=GOOD[:2], policyLevel="ACCOUNT_LEVEL_POLICY"))
    )


def test_a_payload_may_name_a_key_unusable() -> None:
    assert decode(pack(payload(unusable=[1]))) == EXPECTED


def test_a_payload_with_a_lone_surrogate_is_written_no_longer_than_it_came() -> None:
    content = json.dumps(payload(owner="é" * 1000), ensure_ascii=False, separators=(",", ":"))
    text = content.replace("é", "\\ud800", 1).encode()

    written = gzip.decompress(encode(decode(gzip.compress(text))))

    assert len(written) == len(text) + len(',"policyLevel":null')


# In a process of its own: what is held is what the system counts. The payloads are written here as
# gzip members that repeat, so that the process never holds their text itself.
HELD = r"""
import gzip, resource, sys
from parser.errors import EnvelopeError
from parser.subscription import MAX_PAYLOAD, decode

head = b'"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s","logEvents":['
half = b"\\ud800"
start, unit, end = {
    "passed-over": (b'{"z":[', b"[],", b'"' + half + b'"],' + head + b"]}"),
    "passed-over-without-a-surrogate": (b'{"z":[', b"[],", b"],]}"),
    "surrogates": (b"{" + head + b'{"id":"1","timestamp":1,"message":"', half, b'"}]}'),
    "filters": (
        b'{"subscriptionFilters":[', b'"",', b'""],' + head + b'{"id":"1","timestamp":1,"message":"m"}]}',
    ),
    "escaped-name": (b"{" + head + b'],"owner":"', b"\\u2028", b'"}'),
    "events": (
        b"{" + head, b'{"id":"1","timestamp":1,"message":"m"},',
        b'{"id":"1","timestamp":1,"message":"' + half + b'"}]}',
    ),
}[sys.argv[1]]
piece = unit * (100_000 // len(unit))
count = (MAX_PAYLOAD - len(start + end)) // len(piece)
data = gzip.compress(start, 1) + gzip.compress(piece, 1) * count + gzip.compress(end, 1)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    print(len(decode(data).events))
except EnvelopeError as error:
    print(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.dear(2)
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ru_maxrss is in KiB on Linux only")
@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("passed-over", "0"),
        ("passed-over-without-a-surrogate", "payload is not JSON: "),
        ("surrogates", "payload has an event of 25"),
        ("events", "payload has events that need more than 41943040 bytes of memory"),
        ("filters", "1"),
        ("escaped-name", "payload has a name of 25"),
    ],
)
def test_a_payload_of_the_largest_size_takes_little_memory(what: str, expected: str) -> None:
    """A function of 128 MB has some 80 MB left for a payload: its text, a copy of it, and the events.

    What is passed over (unknown keys) takes nothing, however many lists and objects it may be.
    """
    done = subprocess.run(
        [sys.executable, "-c", HELD, what], capture_output=True, text=True, check=True, timeout=120
    )

    found, mebibytes = done.stdout.splitlines()
    assert found.startswith(expected)
    assert int(mebibytes) < 80
