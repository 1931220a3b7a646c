"""The document of one event: what the console's function made, with its faults fixed."""

import json
import time
from collections.abc import Iterator

import pytest

from parser.document import METADATA, build, encode_json, format_time
from parser.format import Formats
from parser.index_names import index_name
from parser.record import Value
from parser.subscription import Event, Subscription

DEFAULT_FORMAT = Formats.from_text(
    "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} "
    "${packets} ${bytes} ${start} ${end} ${action} ${log-status}"
)
LINE = (
    "2 012345678901 eni-1 10.0.0.1 10.0.0.2 443 50000 6 10 9007199254740993 1732320000 1732320059 ACCEPT OK"
)
MIDNIGHT = 1732320000000
FIELDS: dict[str, Value] = {
    "version": 2,
    "account_id": "012345678901",
    "interface_id": "eni-1",
    "srcaddr": "10.0.0.1",
    "dstaddr": "10.0.0.2",
    "srcport": 443,
    "dstport": 50000,
    "protocol": 6,
    "packets": 10,
    "bytes": 9007199254740993,
    "start": 1732320000,
    "end": 1732320059,
    "action": "ACCEPT",
    "log_status": "OK",
}
SOURCE: dict[str, Value] = {"@owner": "012345678901", "@log_group": "vpc-flow", "@log_stream": "eni-1-all"}


def document(
    message: str, *, timestamp: int = MIDNIGHT, formats: Formats = DEFAULT_FORMAT, keep_message: bool = True
) -> dict[str, Value]:
    event = Event("3400", timestamp, message)
    subscription = Subscription(
        owner="012345678901",
        log_group="vpc-flow",
        log_stream="eni-1-all",
        subscription_filters=("all",),
        policy_level="ACCOUNT_LEVEL_POLICY",
        events=(event,),
    )
    return build(event, subscription, formats, keep_message=keep_message)


def test_a_parsed_line_becomes_its_fields_and_those_of_its_payload() -> None:
    made = document(LINE)

    assert made == FIELDS | {"@timestamp": "2024-11-23T00:00:00.000Z", "@message": LINE} | SOURCE
    assert list(made) == [*FIELDS, "@timestamp", "@message", "@owner", "@log_group", "@log_stream"]
    assert tuple(made)[-5:] == METADATA


def test_the_message_of_a_parsed_line_can_be_left_out() -> None:
    assert document(LINE, keep_message=False) == (
        FIELDS | {"@timestamp": "2024-11-23T00:00:00.000Z"} | SOURCE
    )


@pytest.mark.parametrize("keep_message", [True, False], ids=["keep", "leave-out"])
@pytest.mark.parametrize(
    ("message", "error"),
    [
        (LINE.replace(" 443 ", " 70000 "), "srcport: '70000' is above 65535"),
        (f"{LINE} more", "'more' is surplus after log-status: line has 15 tokens, not 14 (formats have 14)"),
        ("2 1", "interface-id: missing: line has 2 of 14 tokens (formats have 14)"),
        ("", "line is empty"),
        (LINE.replace("10.0.0.1", "a\td"), r"srcaddr: 'a\td' is not an IPv4 or IPv6 address"),
    ],
    ids=["value", "surplus", "missing", "empty", "control-character"],
)
def test_a_line_that_cannot_be_parsed_becomes_a_document_with_its_message(
    message: str,
    error: str,
    keep_message: bool,
) -> None:
    assert document(message, keep_message=keep_message) == {
        "parse_error": error,
        "@timestamp": "2024-11-23T00:00:00.000Z",
        "@message": message,
        "@unparsed": message,
        **SOURCE,
    }


def test_of_a_huge_line_its_beginning_is_repeated_to_be_searched() -> None:
    for length, repeated in ((32_768, 32_768), (32_769, 32_768), (1_048_576, 32_768)):
        made = document("é" * length)
        assert (made["@message"], made["@unparsed"]) == ("é" * length, "é" * repeated)


def test_absent_fields_are_absent() -> None:
    line = "2 012345678901 eni-1 - - - - - - - 1732320000 1732320059 - NODATA"

    assert document(line, keep_message=False) == {
        "version": 2,
        "account_id": "012345678901",
        "interface_id": "eni-1",
        "start": 1732320000,
        "end": 1732320059,
        "log_status": "NODATA",
        "@timestamp": "2024-11-23T00:00:00.000Z",
        **SOURCE,
    }


def test_the_id_is_not_repeated_in_the_document() -> None:
    assert "3400" not in document(LINE).values()


def test_the_time_is_that_of_the_event_and_not_of_the_record() -> None:
    made = document(LINE, timestamp=MIDNIGHT - 1)

    assert made["@timestamp"] == "2024-11-22T23:59:59.999Z"
    assert made["start"] == 1732320000


# Milliseconds since the epoch, ISO 8601, day of the index.
TIMES = {
    "epoch": (0, "1970-01-01T00:00:00.000Z", "1970.01.01"),
    "millisecond": (1, "1970-01-01T00:00:00.001Z", "1970.01.01"),
    "before-midnight": (MIDNIGHT - 1, "2024-11-22T23:59:59.999Z", "2024.11.22"),
    "midnight": (MIDNIGHT, "2024-11-23T00:00:00.000Z", "2024.11.23"),
    "after-midnight": (MIDNIGHT + 1, "2024-11-23T00:00:00.001Z", "2024.11.23"),
    "leap-day": (1709164800000, "2024-02-29T00:00:00.000Z", "2024.02.29"),
    "end-of-year": (1735689599999, "2024-12-31T23:59:59.999Z", "2024.12.31"),
    "after-2038": (2147483648000, "2038-01-19T03:14:08.000Z", "2038.01.19"),
    "end-of-9999": (253402300799999, "9999-12-31T23:59:59.999Z", "9999.12.31"),
}


@pytest.mark.parametrize(("timestamp", "iso", "_"), TIMES.values(), ids=TIMES)
def test_time_is_written_in_utc_with_milliseconds(timestamp: int, iso: str, _: str) -> None:
    assert format_time(timestamp) == iso


@pytest.mark.parametrize(("timestamp", "_", "day"), TIMES.values(), ids=TIMES)
def test_an_index_is_a_day_in_utc(timestamp: int, _: str, day: str) -> None:
    assert index_name("cwl", timestamp) == f"cwl-{day}"
    assert index_name("my-flows", timestamp) == f"my-flows-{day}"


@pytest.fixture(params=["Pacific/Kiritimati", "America/Los_Angeles"])
def local_time(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set the clock of the machine to a time zone 14 hours ahead of UTC, or 8 behind."""
    with monkeypatch.context() as changes:
        changes.setenv("TZ", request.param)
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("local_time")
def test_the_time_zone_of_the_machine_does_not_matter() -> None:
    assert index_name("cwl", MIDNIGHT) == "cwl-2024.11.23"
    assert index_name("cwl", MIDNIGHT - 1) == "cwl-2024.11.22"
    assert format_time(MIDNIGHT) == "2024-11-23T00:00:00.000Z"


TEXTS = {
    "quotes": 'he said "2"',
    "backslashes": "C:\\n\\u0041",
    "control": "".join(map(chr, range(32))) + "\x7f",
    "line-separators": "a\u2028b\u2029",
    "non-bmp": "\U0001f600",
    "high-surrogate": "a \ud83d b",
    "low-surrogate": "\ude00",
    "surrogate-and-emoji": "\ud800 \U0001f600 é",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_text_survives_on_one_line_of_json(text: str) -> None:
    made = document(text)

    row = encode_json(made)

    assert made["@message"] == text
    assert json.loads(row) == made
    assert not {b"\n", b"\r"} & {row[index : index + 1] for index in range(len(row))}
    assert row.decode("utf-8")


def test_json_is_compact_and_has_no_needless_escapes() -> None:
    assert encode_json({"a": "é\U0001f600", "b": 1}) == '{"a":"é\U0001f600","b":1}'.encode()


def test_a_number_of_64_bits_stays_exact_in_json() -> None:
    assert encode_json({"bytes": 2**63 - 1}) == b'{"bytes":9223372036854775807}'
