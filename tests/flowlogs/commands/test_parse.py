"""`flowlogs parse`, run as people run it."""

import base64
import gzip
import io
import json
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from flowlogs.command_line import app
from parser.errors import RecordError
from parser.format import known_formats
from parser.record import parse
from parser.subscription import decode_event

FLOWLOGS = Path(sys.executable).with_name("flowlogs")
PROJECT = Path(__file__).parents[3]
EVENTS = PROJECT / "events"
SAMPLES = sorted(path for path in EVENTS.glob("*.json") if path.name != "environment.json")
DATA = Path(__file__).parents[2] / "data"

LINE = "2 012345678901 eni-0a1b 10.0.1.5 10.0.2.9 41230 443 6 12 1904 1768478400 1768478458 ACCEPT OK"
RECORD = {
    "version": 2,
    "account_id": "012345678901",
    "interface_id": "eni-0a1b",
    "srcaddr": "10.0.1.5",
    "dstaddr": "10.0.2.9",
    "srcport": 41230,
    "dstport": 443,
    "protocol": 6,
    "packets": 12,
    "bytes": 1904,
    "start": 1768478400,
    "end": 1768478458,
    "action": "ACCEPT",
    "log_status": "OK",
}
RAW = {name.replace("_", "-"): value for name, value in RECORD.items()}
SHORT = "${srcaddr} ${dstaddr} ${bytes}"


@dataclass(frozen=True)
class Done:
    """How a run ended."""

    status: int
    out: bytes
    error: str

    @property
    def records(self) -> list[dict[str, Any]]:
        """What was printed, one JSON object a line."""
        return [json.loads(line) for line in self.out.splitlines()]


def run(*arguments: str | Path, stdin: bytes = b"") -> Done:
    """Run `flowlogs parse` in this process; an exception that gets out would be a traceback."""
    out, error = io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), io.StringIO()
    reader = io.TextIOWrapper(io.BufferedReader(io.BytesIO(stdin)))
    with patch.object(sys, "stdin", reader), redirect_stdout(out), redirect_stderr(error):
        with pytest.raises(SystemExit) as ended:
            app(["parse", *map(str, arguments)])
        out.flush()
    code = ended.value.code
    assert isinstance(code, int)
    return Done(code, out.buffer.getvalue(), error.getvalue())


def test_a_line_becomes_an_object() -> None:
    done = run(stdin=f"{LINE}\n".encode())

    assert (done.status, done.records, done.error) == (0, [RECORD], "")
    assert list(done.records[0]) == list(RECORD)
    assert done.out.count(b"\n") == 1


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_event_is_parsed(path: Path) -> None:
    expected: list[dict[str, Any]] = []
    for event in decode_event(json.loads(path.read_text(encoding="utf-8"))).events:
        try:
            expected.append(dict(parse(event.message, known_formats())))
        except RecordError as error:
            expected.append({"parse_error": str(error), "@message": event.message})
    broken = sum("parse_error" in record for record in expected)

    done = run(path)

    assert done.records == expected
    assert done.status == (1 if broken else 0)
    assert done.error == (
        f"flowlogs: {broken} of {len(expected)} lines could not be parsed\n" if broken else ""
    )


@pytest.mark.parametrize("name", ["flow-logs-broken-lines", "flow-logs-all-fields"])
def test_the_output_for_a_sample_is_the_one_that_is_kept(name: str) -> None:
    """Read by hand once: the words for each broken line, and the values of each field."""
    kept = (DATA / f"parsed-{name}.jsonl").read_bytes()

    assert run(EVENTS / f"{name}.json").out == kept


def test_the_file_may_be_standard_input() -> None:
    event = (EVENTS / "flow-logs-v2.json").read_bytes()

    outputs = {run(*arguments, stdin=event).out for arguments in ([], ["-"])}

    assert outputs == {run(EVENTS / "flow-logs-v2.json").out}


def test_the_installed_command_does_the_same() -> None:
    name = "flow-logs-broken-lines"
    event = (EVENTS / f"{name}.json").read_bytes()

    done = subprocess.run([str(FLOWLOGS), "parse", "-"], input=event, capture_output=True, check=False)

    assert done.returncode == 1
    assert done.stdout == (DATA / f"parsed-{name}.jsonl").read_bytes()
    assert done.stderr == b"flowlogs: 11 of 13 lines could not be parsed\n"


def test_a_payload_is_read_in_every_form(tmp_path: Path) -> None:
    event = json.loads((EVENTS / "flow-logs-v2.json").read_text(encoding="utf-8"))
    text = event["awslogs"]["data"].encode()
    packed = base64.b64decode(text)
    forms = {
        "raw.gz": packed,
        "base64.txt": text + b"\n",
        "on-failure.json": json.dumps({"requestContext": {}, "requestPayload": event}).encode(),
        "message.json": gzip.decompress(packed),
    }
    expected = run(EVENTS / "flow-logs-v2.json").out
    assert expected.count(b"\n") == 10

    for name, data in forms.items():
        (tmp_path / name).write_bytes(data)
        done = run(tmp_path / name)
        assert (done.status, done.out) == (0, expected), name


def test_the_event_of_a_stream_is_read_as_its_payloads_are(tmp_path: Path) -> None:
    records = json.loads((EVENTS / "stream/records.json").read_text(encoding="utf-8"))["Records"]
    expected = b""
    for number, record in enumerate(records):
        file = tmp_path / f"{number}.gz"
        file.write_bytes(base64.b64decode(record["kinesis"]["data"]))
        expected += run(file).out

    done = run(EVENTS / "stream/records.json")

    assert (done.status, done.out) == (0, expected)
    assert len(done.records) == 17
    assert done.error == "flowlogs: read as records of a Kinesis stream, a payload each\n"


def test_of_a_batch_that_lambda_gave_up_what_is_no_payload_is_named_behind_the_lines_of_the_others() -> None:
    done = run(EVENTS / "stream/discarded-batch.json")

    assert (done.status, len(done.records)) == (1, 9)
    assert "flowlogs: record 2 of 3: payload is not " in done.error


def test_lines_may_end_as_on_windows_and_be_blank() -> None:
    done = run(stdin=f"{LINE}\r\n\r\n   \n{LINE}\r\n\n{LINE}".encode())

    assert (done.status, done.records) == (0, [RECORD] * 3)


def test_nothing_gives_nothing() -> None:
    assert run() == Done(0, b"", "")


def test_formats_may_be_given_several_times() -> None:
    lines = b"10.0.0.1 10.0.0.2 77\n- 5\n2 3\n"

    done = run("--format", SHORT, "-f", "dstport protocol", "-", stdin=lines)

    assert (done.status, done.error) == (0, "")
    assert done.records == [
        {"srcaddr": "10.0.0.1", "dstaddr": "10.0.0.2", "bytes": 77},
        {"protocol": 5},
        {"dstport": 2, "protocol": 3},
    ]


def test_a_line_of_no_given_format_says_which_lengths_there_are() -> None:
    done = run("--format", SHORT, stdin=f"{LINE}\n10.0.0.1 10.0.0.2 77".encode())

    assert done.status == 1
    assert done.records == [
        {
            "parse_error": "'10.0.1.5' is surplus after bytes: line has 14 tokens, not 3 (formats have 3)",
            "@message": LINE,
        },
        {"srcaddr": "10.0.0.1", "dstaddr": "10.0.0.2", "bytes": 77},
    ]
    assert done.error == "flowlogs: 1 of 2 lines could not be parsed\n"


def test_raw_names_are_those_of_aws() -> None:
    done = run("--raw-names", stdin=f"{LINE}\nbroken".encode())

    assert done.records[0] == RAW
    assert done.records[1].keys() == {"parse_error", "@message"}


def test_raw_names_are_known_for_fields_that_are_new() -> None:
    done = run("--raw-names", "--format", "${next-new-field} ${account-id}", stdin=b"x 012345678901")

    assert done.records == [{"next-new-field": "x", "account-id": "012345678901"}]


def test_numbers_beyond_2_to_the_53_are_printed_to_the_last_digit() -> None:
    done = run("--format", "${bytes}", stdin=b"9007199254740993\n9223372036854775807\n")

    assert done.out == b'{"bytes":9007199254740993}\n{"bytes":9223372036854775807}\n'


def test_a_table_shows_the_main_fields() -> None:
    done = run("--table", EVENTS / "flow-logs-ipv6.json")

    assert done.status == 0
    head, _, *rows = done.out.decode().splitlines()
    assert head.split() == [
        "start",
        "source",
        "destination",
        "protocol",
        "packets",
        "bytes",
        "action",
        "status",
    ]
    assert sum(row.startswith("2026-01-15") for row in rows) == 7
    assert "fe80::" in done.out.decode()
    assert "\x1b" not in done.out.decode()


LAYOUTS = DATA / "layouts"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("console.csv", "CSV with timestamp and message"),
        ("tail.txt", "time and log stream before each line, as `aws logs tail` prints them"),
        ("firehose.gz", "gzip, gzip within, JSON objects one behind the other"),
        ("powershell.txt", "UTF-16"),
    ],
)
def test_what_is_around_the_lines_is_taken_off_and_named(name: str, said: str) -> None:
    done = run(LAYOUTS / name)

    assert (done.status, done.error) == (0, f"flowlogs: read as {said}\n")
    assert [each.get("action", "-") for each in done.records] == ["ACCEPT", "REJECT", "-"]


def test_a_header_line_gives_the_format_and_wins() -> None:
    expected = [
        {
            "account-id": "123456789010",
            "action": "ACCEPT",
            "srcaddr": "10.0.1.5",
            "dstaddr": "10.0.2.9",
            "bytes": 1904,
            "flow-direction": "egress",
            "log-status": "OK",
            "start": 1768478400,
        },
        {"account-id": "123456789010", "log-status": "NODATA", "start": 1768478402},
    ]

    done = run("--raw-names", "--format", SHORT, LAYOUTS / "s3-flow-log.log")

    assert (done.status, done.records) == (0, expected)
    assert done.error == (
        "flowlogs: read as lines below a header that names 8 fields, as in flow log files of S3\n"
    )


def test_a_field_that_only_a_header_names_has_its_raw_name_too() -> None:
    done = run("--raw-names", LAYOUTS / "s3-flow-log-new-field.log")

    assert done.records == [{"version": 9, "srcaddr": "10.0.1.5", "next-new-field": "abc"}]


def test_each_file_of_several_is_read_by_its_own_header() -> None:
    done = run(LAYOUTS / "s3-flow-logs.log.gz")

    assert (done.status, [each.get("version") for each in done.records]) == (0, [None, None, 2, 2])
    assert done.error.splitlines() == [
        "flowlogs: read as gzip, lines below a header that names 8 fields, as in flow log files of S3",
        "flowlogs: read as lines below a header that names 14 fields, as in flow log files of S3",
    ]


def test_what_is_no_flow_log_at_all_is_said_to_be_none() -> None:
    done = run(stdin=b"Dear reader,\nthis is a letter.\n")

    assert done.error == (
        "flowlogs: 2 of 2 lines could not be parsed: none fits, so that this is no flow log, or --format "
        "must say which fields its lines have\n"
    )


def test_a_table_names_the_lines_that_could_not_be_parsed() -> None:
    done = run("--table", stdin=f"{LINE}\n\nbroken\n".encode())

    expected = "record 2: account-id: missing: line has 1 of 14 tokens"
    assert done.status == 1
    assert expected in done.out.decode()
    assert done.error == "flowlogs: 1 of 2 lines could not be parsed\n"


def test_bytes_that_are_no_text_are_kept_in_the_output() -> None:
    done = run(stdin=b"caf\xe9 \xf0\x9f\x9b\x92\n")

    assert done.status == 1
    assert [record["@message"] for record in done.records] == ["caf\udce9 \U0001f6d2"]


@pytest.mark.parametrize(
    ("stdin", "message"),
    [
        (b'{"awslogs": {}}', "event is not that of a CloudWatch Logs subscription"),
        (b'{"awslogs": {"data": "!"}}', "payload is not base64"),
        (b"{", "input starts like JSON but is not"),
        (b'{"a":' + b"[" * 100_000, "input starts like JSON but is not"),
        (b"\x1f\x8b\x08cut", "gzip is "),
        (b"H4sIcut", "payload is not base64"),
    ],
    ids=["event", "base64", "JSON", "deep JSON", "gzip", "base64 of gzip"],
)
def test_a_broken_payload_ends_with_one_sentence(stdin: bytes, message: str) -> None:
    done = run(stdin=stdin)

    assert (done.status, done.out) == (1, b"")
    assert done.error.startswith(f"flowlogs: {message}")
    assert done.error.count("\n") == 1


@pytest.mark.parametrize(
    ("formats", "message"),
    [
        ([""], "format is empty: it must name at least one field"),
        (["${srcaddr} $bytes"], "field 2 of the format: '$bytes' is neither ${name} nor a bare name"),
        (["$${srcaddr}"], "field 1 of the format: '$${srcaddr}' is neither"),
        (["account_id"], "field 1 of the format: 'account_id' is neither"),
        (["srcaddr", "dstaddr"], "two formats have 1 fields each, so that their lines cannot be told apart"),
    ],
    ids=["empty", "syntax", "two dollars", "underscore", "one length"],
)
def test_a_format_that_cannot_be_used_is_a_wrong_call(formats: list[str], message: str) -> None:
    done = run(*(word for text in formats for word in ("--format", text)), stdin=LINE.encode())

    assert (done.status, done.out) == (2, b"")
    assert done.error.startswith(f"flowlogs: {message}")
    assert done.error.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [("none", "No such file or directory"), (".", "Is a directory")],
    ids=["none", "folder"],
)
def test_a_file_that_cannot_be_read_is_a_wrong_call(name: str, message: str, tmp_path: Path) -> None:
    done = run(tmp_path / name)
    assert (done.status, done.out, done.error) == (2, b"", f"flowlogs: {tmp_path / name}: {message}\n")


def test_an_unknown_option_is_a_wrong_call() -> None:
    done = run("--nonsense")

    assert done.status == 2
    assert "--nonsense" in done.error


def test_a_reader_that_has_seen_enough_ends_the_command_in_silence(tmp_path: Path) -> None:
    lines = tmp_path / "lines"
    lines.write_text(f"{LINE}\n" * 20_000, encoding="utf-8")
    command = [str(FLOWLOGS), "parse", str(lines)]

    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline()) == RECORD
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 1


def test_a_closed_standard_input_ends_with_one_sentence() -> None:
    done = subprocess.run(
        ["sh", "-c", '"$0" parse <&-', str(FLOWLOGS)], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (
        1,
        "",
        "flowlogs: standard input is closed, and no file is named\n",
    )


def test_help_names_the_options() -> None:
    done = run("--help")

    assert done.status == 0
    for option in ("--format", "--table", "--raw-names"):
        assert option in done.out.decode()
