"""Payloads: what is read from them, and that a payload written is the payload read."""

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from parser.errors import EnvelopeError
from parser.subscription import Event, Subscription, decode, decode_event, encode

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
def test_a_payload_is_read_whole(as_text: bool) -> None:  # noqa: FBT001
    data = pack(payload())

    assert decode(base64.b64encode(data).decode() if as_text else data) == EXPECTED


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
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_text_is_kept_character_by_character(text: str) -> None:
    content = payload(
        owner=text,
        logGroup=text,
        logStream=text,
        subscriptionFilters=[text],
        policyLevel=text,
        logEvents=[{"id": f"1{text}", "timestamp": 0, "message": text}],
    )
    expected = Subscription(
        owner=text,
        log_group=text,
        log_stream=text,
        subscription_filters=(text,),
        policy_level=text,
        events=(Event(f"1{text}", 0, text),),
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
    content = json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"])))
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
