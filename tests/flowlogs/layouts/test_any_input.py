"""Whatever the bytes are: lines, or one clear sentence."""

import base64
import gzip
import io
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowlogs.layouts.input import read_lines
from parser.errors import EnvelopeError, RecordError
from parser.format import Formats, known_formats
from parser.record import parse

SAMPLES: Final = Path(__file__).parents[2] / "data" / "layouts"
RECORD: Final = (
    "2 123456789010 eni-0a 10.0.1.5 10.0.2.9 41230 443 6 12 1904 1768478400 1768478458 ACCEPT OK\n"
)
KNOWN: Final = known_formats()


def zipped(data: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x", data, method)
    return file.getvalue()


ZIPS: Final = [
    zipped(RECORD.encode(), method)
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
]
WHOLE: Final = [
    *(path.read_bytes() for path in sorted(SAMPLES.iterdir()) if path.suffix != ".expected"),
    *ZIPS,
]
STARTS: Final = [
    b"",
    b"{",
    b'{"results":[[{"field":"@message","value":',
    b'{"events":[',
    b'{"awslogs":{"data":"',
    b'[{"@message":',
    b'[["',
    b"@message\n",
    b"timestamp,message\n",
    b"version,account_id\n",
    b"version account-id\n",
    b"2026-01-15T12:00:00+00:00 ",
    b"EVENTS\t",
    b"H4sI",
    b"eJ",
    b"x\x9c",
    b"x^",
    b"\x1f\x8b\x08",
    b"PK\3\4",
    b"\xff\xfe",
    b"\xff\xfe\0\0",
    b"\xef\xbb\xbf",
]
PACKINGS: Final[list[Callable[[bytes], bytes]]] = [
    bytes,
    gzip.compress,
    zlib.compress,
    base64.b64encode,
    zipped,
]
PIECES: Final = st.binary(max_size=12) | st.sampled_from(
    [
        b"",
        b"\0" * 9,
        b'"',
        b"\r",
        b"\n",
        b",",
        b"\t",
        b"{",
        b"[" * 5000,
        b"9" * 5000,
        b"\\ud800",
        b"NaN",
        b"x" * 140_000,
    ]
)


def check(data: bytes) -> None:
    """Read all, and parse what is read. Each error is one of those that a person is told in a sentence."""
    told = "nothing"
    try:
        for line in read_lines(io.BufferedReader(io.BytesIO(data))):
            with suppress(RecordError):
                parse(line.text, Formats.of([line.format]) if line.format else KNOWN)
    except EnvelopeError as error:
        told = str(error)
    assert told
    assert "\n" not in told


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(STARTS), st.lists(PIECES, max_size=4), st.sampled_from(PACKINGS))
def test_any_bytes_give_lines_or_a_sentence(
    start: bytes, pieces: list[bytes], pack: Callable[[bytes], bytes]
) -> None:
    check(pack(start + b"".join(pieces)))


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(WHOLE),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 3), PIECES), min_size=1, max_size=3),
    st.sampled_from(PACKINGS),
)
def test_a_file_that_is_damaged_gives_lines_or_a_sentence(
    whole: bytes, damages: list[tuple[float, int, bytes]], pack: Callable[[bytes], bytes]
) -> None:
    data = whole
    for place, lost, put in damages:
        at = int(place * len(data))
        data = data[:at] + put + data[at + lost :]
    check(pack(data))


@pytest.mark.parametrize("whole", ZIPS, ids=["stored", "deflate", "bzip2", "LZMA"])
def test_a_zip_with_any_byte_wrong_gives_lines_or_a_sentence(whole: bytes) -> None:
    for at in range(len(whole)):
        for wrong in (0, 0x7F, 0xFF, whole[at] ^ 1):
            check(whole[:at] + bytes([wrong]) + whole[at + 1 :])


@pytest.mark.parametrize("whole", ZIPS, ids=["stored", "deflate", "bzip2", "LZMA"])
def test_a_zip_cut_anywhere_gives_lines_or_a_sentence(whole: bytes) -> None:
    for at in range(len(whole)):
        check(whole[:at])
        check(whole[:4] + whole[at:])
