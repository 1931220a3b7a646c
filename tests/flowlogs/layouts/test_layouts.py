"""Files as people have them: what is recognised, what is taken off, and what is said of the rest."""

import gzip
import io
import json
import tracemalloc
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowlogs.layouts.input import read_lines
from flowlogs.layouts.line import Line
from flowlogs.layouts.objects import split_objects
from flowlogs.layouts.table import read_time
from flowlogs.layouts.text import is_header
from parser.errors import EnvelopeError
from parser.fields import FIELDS
from parser.format import DEFAULT, Formats, parse_format
from parser.record import parse

SAMPLES: Final = Path(__file__).parents[2] / "data" / "layouts"
EXPECTED: Final = sorted(SAMPLES.glob("*.expected"))
EVENT: Final = "2 123456789010 eni-0a 10.0.1.5 10.0.2.9 41230 443 6 12 1904 1768478400 1768478458 ACCEPT OK"


def read(data: bytes) -> tuple[list[Line], list[str]]:
    """Return the lines, and what was recognised, each once."""
    notes: dict[str, None] = {}
    return list(read_lines(reader(data), notes.setdefault)), list(notes)


def reader(data: bytes) -> io.BufferedReader:
    return io.BufferedReader(io.BytesIO(data))


def test_there_are_samples_and_each_says_what_is_expected() -> None:
    names = {path.name for path in SAMPLES.iterdir()}
    assert len(EXPECTED) == 29
    assert names == {name for path in EXPECTED for name in (path.name, path.stem)}


@pytest.mark.parametrize("expected", EXPECTED, ids=lambda path: path.stem)
def test_a_sample_is_recognised_and_its_wrapping_taken_off(expected: Path) -> None:
    """Expected is what is said, and of each line its time and id ("-": not known) and its text."""
    lines, notes = read((SAMPLES / expected.stem).read_bytes())
    shown = [f"{line.timestamp or '-'} {line.event_id or '-'} {line.text}" for line in lines]
    assert [f"recognised: {', '.join(notes)}", *shown] == expected.read_text(encoding="utf-8").splitlines()


def test_a_header_gives_the_format_of_the_lines_below_it() -> None:
    lines, _ = read((SAMPLES / "s3-flow-logs.log.gz").read_bytes())
    first = parse_format("account-id action srcaddr dstaddr bytes flow-direction log-status start")
    assert [line.format for line in lines] == [first, first, *[parse_format(DEFAULT)] * 2]


def test_the_columns_of_athena_give_the_format_of_its_rows() -> None:
    lines, _ = read((SAMPLES / "athena.csv").read_bytes())
    names = "srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status"
    form = parse_format(f"{names} version account-id interface-id date")
    assert [line.format for line in lines] == [form] * 3
    assert [parse(line.text, Formats.of([form])).get("srcaddr") for line in lines] == [
        "10.0.1.5",
        "2001:db8::1",
        None,
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" ".join(field.name for field in FIELDS), True),
        ("srcaddr", True),
        ("version next-new-field", True),
        ("next-new-field version another-one", False),
        (EVENT, False),
        ("eni-0a 10.0.1.5", False),
        ("version 10.0.1.5", False),
        ("ingress", False),
        ("", False),
        ("version, account-id", False),
    ],
)
def test_a_header_holds_nothing_but_names_of_fields(text: str, *, expected: bool) -> None:
    assert is_header(text) is expected


def test_a_header_that_can_be_no_format_is_refused() -> None:
    with pytest.raises(
        EnvelopeError, match=r"header line cannot be a format: field 2 .*'parse-error' is reserved"
    ):
        read(b"srcaddr parse-error\n10.0.0.1 10.0.0.2\n")
    with pytest.raises(EnvelopeError, match=r"header line cannot be a format: .*'parse-error' is reserved"):
        read(b"srcaddr,parse_error\n10.0.0.1,10.0.0.2\n")


@pytest.mark.parametrize(
    ("data", "texts"),
    [
        pytest.param(
            b"2026-01-15T12:00:00.000Z a b\nc d\n\n2026-01-15T12:00:00.000Z  e\n",
            ["a b", "c d", " e"],
            id="a line that has no time before it",
        ),
        pytest.param(b"timestamp,message\n1,a b\n2\n\n,\n3,c\n", ["a b", "2", "c"], id="a short row"),
        pytest.param(b'message,timestamp\n"a,""b",1\n', ['a,"b'], id="columns in another order"),
        pytest.param(
            b"timestamp,message\n1," + b"x" * 1_000_000 + b"\n", ["x" * 1_000_000], id="a row of 1 MB"
        ),
        pytest.param(b"time,text\n1,a\n", ["time,text", "1,a"], id="another table"),
        pytest.param(b"a,b\rc\n", ["a,b\rc"], id="a comma and a carriage return are no table"),
        pytest.param(
            b"a," + b"x" * 17_000_000 + b"\nb\n",
            ["a," + "x" * 17_000_000, "b"],
            id="a first line larger than any field",
        ),
        pytest.param(b"2026-01-15 a b\n", ["2026-01-15 a b"], id="a day is no time"),
        pytest.param(b'{"events": []}', [], id="no events"),
        pytest.param(b'{"events": [{"message": "a"}, 7]}', ["a", "7"], id="an event that is none"),
        pytest.param(
            b"2026-01-15T12:00:00+00:00 eni-0a-all a 2 123456789010 b\n"
            b"2026-01-15T12:00:00+00:00 one 10 unknown b\n"
            b"2026-01-15T12:00:00+00:00 a stream 7 TransitGateway b\n"
            b"2026-01-15T12:00:00+00:00 one a b\n",
            ["a 2 123456789010 b", "10 unknown b", "7 TransitGateway b", "a b"],
            id="streams with a blank and without",
        ),
        pytest.param(
            b"2026-01-15T12:00:00+00:00 " + b"a " * 500_000 + b"\n", ["a " * 499_999], id="a tail of 1 MB"
        ),
        pytest.param(b'@message\r\n"a,b"\r\n\r\nc\r\n', ["a,b", "c"], id="messages alone, lines of Windows"),
        pytest.param(b"message\na\n", ["message", "a"], id="a word alone names no column"),
        pytest.param(b"srcaddr,bytes\n::1,2\n::2\n\n,3\n", ["::1 2", "::2", "- 3"], id="columns unquoted"),
        pytest.param(b"EVENTS\t3\ta b\t1\r\nc\n", ["a b", "c"], id="text of the CLI, lines of Windows"),
        pytest.param(b"EVENTS\ta b\n", ["EVENTS\ta b"], id="a line that is nearly the CLI's"),
        pytest.param(b'{"results": []}', [], id="no results"),
        pytest.param(
            b'{"results": [[{"field": "srcAddr", "value": "::1"}], 7, [8], []]}',
            ['[{"field": "srcAddr", "value": "::1"}]', "7", "[8]", "[]"],
            id="results without messages",
        ),
        pytest.param(b'{"@message": "a"}\n{"@message": "b"}\n', ["a", "b"], id="a result on each line"),
        pytest.param(b'[["a"], ["b"]]', ["a", "b"], id="a list of lists of messages"),
        pytest.param(b"[[1], [2]]", ["[[1], [2]]"], id="another list of lists"),
        pytest.param(b"[]", [], id="an empty list"),
        pytest.param(b'[{"message": "a", "timestamp": 1}]', ["a"], id="a list of events"),
        pytest.param("a b\n".encode("utf-16-le"), ["a b"], id="UTF-16 without its mark"),
        pytest.param("a b\n".encode("utf-16-be"), ["a b"], id="the other UTF-16 without its mark"),
        pytest.param("a b\n".encode("utf-32-le"), ["a b"], id="UTF-32 without its mark"),
        pytest.param("a b\n".encode("utf-32-be"), ["a b"], id="the other UTF-32 without its mark"),
        pytest.param(b"\0\0\xfe\xff" + "é 😀".encode("utf-32-be"), ["é 😀"], id="the other UTF-32"),
        pytest.param("a b".encode("utf-32") + b"x\0", ["a b\ufffd"], id="UTF-32 cut in a character"),
        pytest.param(zlib.compress(b"a b\nc"), ["a b", "c"], id="zlib of lines"),
        pytest.param(zlib.compress(b"a b\nc", 3), ["a b", "c"], id="zlib whose first two bytes are text"),
        pytest.param(zlib.compress(b""), [], id="zlib of nothing"),
        pytest.param(
            zlib.compress(b"a\n" * 40_000) + b"\0" + zlib.compress(b"b"),
            ["a"] * 40_000 + ["b"],
            id="zlib behind zlib",
        ),
        pytest.param(gzip.compress(zlib.compress(b"a")), ["a"], id="zlib within gzip"),
        pytest.param(b"x^2 is\nno zlib\n", ["x^2 is", "no zlib"], id="text that begins as zlib does"),
        pytest.param(b"80 443 6\n" * 20, ["80 443 6"] * 20, id="a port that begins as zlib does"),
        pytest.param(b"x^2 " + "é".encode() * 80, ["x^2 " + "é" * 80], id="cut in a character"),
        pytest.param(b"eJohn\nb\n", ["eJohn", "b"], id="a word that begins as base64 of zlib does"),
        pytest.param(b"eJ" + b"w" * 90, ["eJ" + "w" * 90], id="a long word that does"),
        pytest.param(b"\xfe\xff" + "é 😀".encode("utf-16-be"), ["é 😀"], id="the other UTF-16"),
        pytest.param("a b".encode("utf-16") + b"x", ["a b\ufffd"], id="UTF-16 cut in a character"),
    ],
)
def test_odd_ones_cost_a_line_at_the_most(data: bytes, texts: list[str]) -> None:
    assert [line.text for line in read(data)[0]] == texts


def zipped(name: str, data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return file.getvalue()


def encrypted() -> bytes:
    data = bytearray(zipped("x", b"abc"))
    for sign in (b"PK\x03\x04", b"PK\x01\x02"):
        data[data.find(sign) + (6 if sign == b"PK\x03\x04" else 8)] |= 1
    return bytes(data)


def nested(times: int) -> bytes:
    data = b"a"
    for _ in range(times):
        data = gzip.compress(data)
    return data


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"PAR1\x15\x04", "input is Parquet: flow log files of S3 are read where", id="Parquet"),
        pytest.param(b"BZh91AY", "input is bzip2: unpack it first, bunzip2 -c FILE", id="bzip2"),
        pytest.param(b"\x28\xb5\x2f\xfd\x04", "input is Zstandard: unpack it first", id="Zstandard"),
        pytest.param(b"\xfd7zXZ\0", "input is xz: unpack it first", id="xz"),
        pytest.param(b"<?xml version='1.0'?><Error/>", "input is XML, such as an error", id="XML"),
        pytest.param(
            b"\x7fELF\2\1\1\0\0\0\0",
            "input is neither text nor anything else that is known: it starts with 7f454c4602010100",
            id="binary",
        ),
        pytest.param(
            zipped("x", b"abc" * 99)[:60], "zip is damaged: File is not a zip file", id="zip cut short"
        ),
        pytest.param(encrypted(), "zip cannot be read: x is encrypted", id="zip with a password"),
        pytest.param(nested(5), "input is packed more than 4 times", id="packed again and again"),
        pytest.param(gzip.compress(EVENT.encode())[:-3], "gzip is cut short after 91 bytes", id="gzip cut"),
        pytest.param(zlib.compress(EVENT.encode())[:-3], "zlib is cut short after 91 bytes", id="zlib cut"),
        pytest.param(zlib.compress(b"a") + b"more", "zlib is damaged: Error -3 while", id="text behind zlib"),
        pytest.param(b"x\x9c" + b"\xff" * 60, "zlib is damaged: Error -3 while", id="zlib damaged"),
        pytest.param(b'["a"', "input starts like JSON but is not", id="a list cut short"),
        pytest.param(
            b"timestamp,message\n1,a\n2,b\rc\n",
            "CSV cannot be read: new-line character seen in unquoted field",
            id="a row with a carriage return in it",
        ),
        pytest.param(
            b"timestamp,message\n1," + b"x" * 17_000_000,
            "CSV cannot be read: field larger than field limit (16777216)",
            id="a row of 17 MB",
        ),
    ],
)
def test_what_is_not_read_is_named(data: bytes, message: str) -> None:
    with pytest.raises(EnvelopeError) as caught:
        read(data)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_an_object_with_rejected_events_is_read_too() -> None:
    line = b'{"line_version": 1, "reason": "no", "event": {"id": "7", "timestamp": 1, "message": "a b"}}\n'
    assert read(gzip.compress(line)) == (
        [Line("a b", 1, "7")],
        ["gzip", "rejected events as the failure bucket keeps them"],
    )


def test_four_packings_are_not_too_many() -> None:
    assert read(nested(4)) == ([Line("a")], ["gzip", "gzip within"])


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("1768478400000", 1768478400000),
        ("2026-01-15T12:00:00Z", 1768478400000),
        ("2026-01-15T13:00:00.250000+01:00", 1768478400250),
        ("2026-01-15 12:00:00.001", 1768478400001),
        ("", None),
        ("1" * 16, None),
        ("٣", None),
        ("yesterday", None),
    ],
)
def test_times_are_milliseconds_since_the_epoch(text: str, milliseconds: int | None) -> None:
    assert read_time(text) == milliseconds


class Pieces(io.BytesIO):
    """Gives its bytes in pieces of one size."""

    def __init__(self, data: bytes, size: int) -> None:
        super().__init__(data)
        self._size = size

    def readinto(self, buffer: Any, /) -> int:
        piece = self.read(min(self._size, len(buffer)))
        buffer[: len(piece)] = piece
        return len(piece)


TEXTS: Final = st.text('{}"\\[], aé\n', max_size=6)
OBJECTS: Final = st.dictionaries(
    TEXTS,
    st.integers() | TEXTS | st.lists(TEXTS, max_size=2) | st.dictionaries(TEXTS, TEXTS, max_size=2),
    max_size=2,
)


@settings(max_examples=50)
@given(
    st.lists(OBJECTS, max_size=4),
    st.sampled_from(["ascii", "none"]),
    st.sampled_from(["", "\n", " \r\n"]),
    st.integers(1, 9),
)
def test_objects_are_told_apart_whatever_they_hold_and_however_they_arrive(
    values: list[dict[str, object]], escapes: str, between: str, size: int
) -> None:
    text = between.join(json.dumps(each, ensure_ascii=escapes == "ascii") for each in values) + between
    stream: Any = io.BufferedReader(Pieces(text.encode(), size))
    assert [json.loads(each) for each in split_objects(stream)] == values


def payloads() -> Iterator[bytes]:
    for number in range(40):
        events = [{"id": f"{number}-{n}", "timestamp": 1768478400000, "message": EVENT} for n in range(250)]
        yield json.dumps(
            {
                "messageType": "DATA_MESSAGE",
                "owner": "1",
                "logGroup": "g",
                "logStream": "s",
                "logEvents": events,
            }
        ).encode()


@pytest.mark.parametrize("kind", ["lines", "payloads"])
def test_a_large_file_is_read_in_little_memory(kind: str) -> None:
    data = gzip.compress(f"{EVENT}\n".encode() * 100_000 if kind == "lines" else b"".join(payloads()), 1)
    tracemalloc.start()
    try:
        count = sum(1 for _ in read_lines(reader(data)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == (100_000 if kind == "lines" else 10_000)
    assert peak < 4_000_000
