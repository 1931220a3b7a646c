"""The sample events, read with nothing but the standard library."""

import base64
import gzip
import importlib.util
import json
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

EVENTS = Path(__file__).parent.parent / "events"
DOCUMENTATION_LINES = Path(__file__).parent / "data" / "documentation_lines.json"
DATA_FILES = sorted(EVENTS.glob("flow-logs-*.json"))
GZIP_OR_ZLIB = 47
"""The value of `wbits` that reads either."""

FILES = [EVENTS / "control-message.json", *DATA_FILES]

each_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
each_data_file = pytest.mark.parametrize("file", DATA_FILES, ids=lambda file: file.stem)


def read_payload(file: Path) -> Any:
    event = json.loads(file.read_text(encoding="utf-8"))
    assert list(event) == ["awslogs"]
    assert list(event["awslogs"]) == ["data"]
    return json.loads(
        zlib.decompress(base64.b64decode(event["awslogs"]["data"], validate=True), GZIP_OR_ZLIB)
    )


def read_messages(name: str) -> list[str]:
    return [event["message"] for event in read_payload(EVENTS / f"{name}.json")["logEvents"]]


def unfold(value: Any) -> Any:
    """Return a JSON value with each text that holds JSON or a payload replaced by what it holds."""
    match value:
        case dict():
            return {name: unfold(each) for name, each in value.items()}
        case list():
            return [unfold(each) for each in value]
        case str() if value.startswith("{"):
            return unfold(json.loads(value))
        case str() if value.startswith("H4sI"):
            return json.loads(gzip.decompress(base64.b64decode(value)))
    return value


def load_script(name: str = "make_all") -> Callable[[Path], list[Path]]:
    spec = importlib.util.spec_from_file_location("make_events", EVENTS / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    function: Callable[[Path], list[Path]] = getattr(module, name)
    return function


def test_there_are_the_sample_events_that_the_readme_names() -> None:
    rows = re.findall(r"^\| `([a-z0-9-]+\.json)` \|", (EVENTS / "README.md").read_text("utf-8"), re.MULTILINE)

    assert sorted(rows) == [file.name for file in FILES]
    assert len(rows) == 12


def test_the_readme_says_how_many_events_each_file_has() -> None:
    rows = re.findall(
        r"^\| `([a-z0-9-]+)\.json` \|.*\| (\d+) \|$", (EVENTS / "README.md").read_text("utf-8"), re.MULTILINE
    )

    assert {name: int(count) for name, count in rows} == {
        file.stem: len(read_payload(file)["logEvents"]) if file in DATA_FILES else 0 for file in FILES
    }


def test_the_script_makes_the_files_again(tmp_path: Path) -> None:
    made = load_script()(tmp_path)

    assert [file.name for file in made] == [file.name for file in FILES]
    # Contents, not bytes: another zlib may compress differently.
    assert [read_payload(file) for file in made] == [read_payload(file) for file in FILES]


def test_the_script_makes_the_files_of_the_stream_again(tmp_path: Path) -> None:
    made = load_script("make_stream")(tmp_path)

    assert [file.name for file in made] == ["records.json", "discarded-batch.json"]
    for file in made:
        kept = json.loads((EVENTS / "stream" / file.name).read_text(encoding="utf-8"))
        assert unfold(json.loads(file.read_text(encoding="utf-8"))) == unfold(kept)


def test_two_runs_of_the_script_are_equal_to_the_byte(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        load_script()(folder)

    assert {file.name: file.read_bytes() for file in first.iterdir()} == {
        file.name: file.read_bytes() for file in second.iterdir()
    }


@each_file
def test_a_sample_is_small(file: Path) -> None:
    assert file.stat().st_size < 4096


@each_data_file
def test_a_payload_has_the_keys_that_cloudwatch_sends(file: Path) -> None:
    payload = read_payload(file)

    assert set(payload) - {"policyLevel"} == {
        "messageType",
        "owner",
        "logGroup",
        "logStream",
        "subscriptionFilters",
        "logEvents",
    }
    assert payload["messageType"] == "DATA_MESSAGE"
    assert re.fullmatch(r"\d{12}", payload["owner"])
    assert payload["logStream"].endswith("-all")
    assert payload["logEvents"]
    for event in payload["logEvents"]:
        assert set(event) - {"extractedFields"} == {"id", "timestamp", "message"}


@each_data_file
def test_event_ids_are_56_digits_and_rise(file: Path) -> None:
    events = read_payload(file)["logEvents"]
    ids = [event["id"] for event in events]

    assert all(re.fullmatch(r"\d{56}", identity) for identity in ids)
    assert [int(identity) >> 144 for identity in ids] == [event["timestamp"] for event in events]
    assert ids == sorted(set(ids))


def test_no_two_events_have_the_same_id() -> None:
    ids = [event["id"] for file in DATA_FILES for event in read_payload(file)["logEvents"]]

    assert len(ids) == len(set(ids)) == 67


@each_data_file
def test_an_events_time_is_the_start_of_its_record(file: Path) -> None:
    for event in read_payload(file)["logEvents"]:
        seconds, start = event["timestamp"] // 1000, event["message"].split()
        if "broken" not in file.stem:
            assert {str(seconds), str(event["timestamp"])} & set(start)


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("flow-logs-v2", {14}),
        ("flow-logs-v5", {29}),
        ("flow-logs-all-fields", {54}),
        ("flow-logs-transit-gateway", {36}),
        ("flow-logs-mixed-formats", {14, 29}),
        ("flow-logs-ipv6", {14}),
        ("flow-logs-nodata-skipdata", {14}),
        ("flow-logs-midnight", {14}),
        ("flow-logs-extracted-fields", {14}),
        ("flow-logs-system-fields", {14}),
    ],
)
def test_lines_have_as_many_fields_as_their_format(name: str, counts: set[int]) -> None:
    assert {len(message.split()) for message in read_messages(name)} == counts


def test_one_line_has_a_value_in_each_of_all_fields() -> None:
    assert "-" not in read_messages("flow-logs-all-fields")[0].split()
    assert "%2D" in read_messages("flow-logs-all-fields")[0].split()


def test_the_midnight_payload_has_two_days() -> None:
    events = read_payload(EVENTS / "flow-logs-midnight.json")["logEvents"]

    assert [event["timestamp"] // 86_400_000 for event in events] == [20468] * 3 + [20469] * 3


def test_broken_lines_stand_between_good_ones() -> None:
    messages = read_messages("flow-logs-broken-lines")

    assert len(messages) == 13
    assert messages[10] == 'agent said "stopped" in C:\\flow\tlogs'
    assert messages[11] == "the cart \U0001f6d2 and half of one \ud83d are text"
    assert messages[0].endswith("ACCEPT OK")
    assert messages[12].endswith("ACCEPT OK")


def test_a_skipdata_record_has_milliseconds() -> None:
    assert [message.split()[10] for message in read_messages("flow-logs-nodata-skipdata")] == [
        "1768478400",
        "1768478460",
        "1768478520",
        "1768478580000",
        "1768478640",
        "1768478700",
    ]


def test_extracted_fields_are_the_columns_of_the_message_as_text() -> None:
    for event in read_payload(EVENTS / "flow-logs-extracted-fields.json")["logEvents"]:
        assert list(event["extractedFields"].values()) == event["message"].split()


def test_the_sample_of_an_account_level_policy_is_zlib_and_the_others_are_gzip() -> None:
    heads = {
        file.stem: base64.b64decode(json.loads(file.read_text("utf-8"))["awslogs"]["data"])[:2].hex()
        for file in FILES
    }

    assert heads.pop("flow-logs-system-fields") == "78da"
    assert set(heads.values()) == {"1f8b"}


def test_an_account_has_a_leading_zero() -> None:
    assert read_payload(EVENTS / "flow-logs-v2.json")["owner"] == "012345678901"


def test_the_control_message_carries_no_record() -> None:
    assert read_payload(EVENTS / "control-message.json") == {
        "messageType": "CONTROL_MESSAGE",
        "owner": "CloudwatchLogs",
        "logGroup": "",
        "logStream": "",
        "subscriptionFilters": [],
        "logEvents": [
            {
                "id": "",
                "timestamp": 1768478400000,
                "message": "CWL CONTROL MESSAGE: Checking health of destination Firehose.",
            }
        ],
    }


def test_the_documentations_lines_fit_their_formats() -> None:
    sections = json.loads(DOCUMENTATION_LINES.read_text(encoding="utf-8"))

    assert len(sections) == 8
    assert sum(len(section["lines"]) for section in sections) == 27
    for section in sections:
        for line in section["lines"]:
            assert len(line.split()) == len(section["format"].split()), section["source"]


def test_no_two_events_of_all_files_share_an_id() -> None:
    ids = [event["id"] for file in DATA_FILES for event in read_payload(file)["logEvents"]]

    assert len(set(ids)) == len(ids)
