"""gzip in and out, with isal and with the standard library's zlib in its place."""

import gzip
import json
import subprocess
import sys
import zlib
from types import ModuleType

import pytest

from parser import compression
from parser.compression import compress, compressor, decompress
from parser.errors import EnvelopeError
from parser.subscription import Event, Subscription, decode

CONTENT = b'{"messageType":"DATA_MESSAGE","message":"2 123456789010 eni-1 10.0.0.1 ACCEPT OK"}' * 3
LIMIT = 1000
CODECS = {each.__name__: each for each in (compression.codec, zlib)}
# The optional parts of a gzip header (RFC 1952): flag and bytes.
HEADERS = {
    "name": (8, b"payload.json\0"),
    "comment": (16, b"a comment\0"),
    "extra": (4, b"\x03\x00abc"),
    "extra-name-comment": (28, b"\x03\x00abcpayload.json\0a comment\0"),
    "empty-name": (8, b"\0"),
}


@pytest.fixture(params=list(CODECS.values()), ids=list(CODECS), autouse=True)
def codec(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Run each test with each codec."""
    chosen: ModuleType = request.param
    monkeypatch.setattr(compression, "codec", chosen)
    return chosen


def refuse(data: bytes, limit: int = LIMIT) -> str:
    with pytest.raises(EnvelopeError) as caught:
        decompress(data, limit)
    return str(caught.value)


def with_header(flags: int, optional: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    header = bytes([0x1F, 0x8B, 8, flags, 0, 0, 0, 0, 0, 255]) + optional
    trailer = zlib.crc32(CONTENT).to_bytes(4, "little") + len(CONTENT).to_bytes(4, "little")
    return header + stream.compress(CONTENT) + stream.flush() + trailer


def test_isal_is_in_use_where_it_is_installed() -> None:
    assert list(CODECS) == ["isal.isal_zlib", "zlib"]


@pytest.mark.parametrize(
    "content", [b"", b"x", CONTENT, bytes(range(256)) * 3], ids=["0", "1", "json", "bytes"]
)
def test_what_is_compressed_reads_back(content: bytes) -> None:
    assert decompress(compress(content), LIMIT) == content
    assert gzip.decompress(compress(content)) == content


def test_a_stream_that_grows_is_one_member() -> None:
    stream = compressor()
    data = b"".join([stream.compress(b"one "), stream.compress(b""), stream.compress(b"two"), stream.flush()])

    assert gzip.decompress(data) == b"one two"
    assert data.startswith(b"\x1f\x8b\x08")


@pytest.mark.parametrize("level", [0, 1, 6, 9])
def test_gzip_of_every_level_is_read(level: int) -> None:
    assert decompress(gzip.compress(CONTENT, level), LIMIT) == CONTENT


@pytest.mark.parametrize(("flags", "optional"), HEADERS.values(), ids=HEADERS)
def test_a_header_with_optional_parts_is_read(flags: int, optional: bytes) -> None:
    assert decompress(with_header(flags, optional), LIMIT) == CONTENT


def test_members_that_follow_one_another_are_one_content() -> None:
    data = gzip.compress(CONTENT[:50]) + gzip.compress(b"") + compress(CONTENT[50:])

    assert decompress(data, LIMIT) == CONTENT


@pytest.mark.parametrize("count", [1, 8, 512])
def test_zero_bytes_after_and_between_members_are_padding(count: int) -> None:
    padding = b"\0" * count

    assert decompress(gzip.compress(CONTENT) + padding, LIMIT) == CONTENT
    assert decompress(gzip.compress(b"a") + padding + gzip.compress(b"b") + padding, LIMIT) == b"ab"


@pytest.mark.parametrize(
    ("garbage", "start"),
    [(b"abc", "616263"), (b"\0\0x", "78"), (b"\x1f", "1f"), (b"0123456789", "3031323334353637")],
)
def test_other_bytes_after_the_last_member_are_refused(garbage: bytes, start: str) -> None:
    assert refuse(gzip.compress(CONTENT) + garbage) == (
        f"payload after its last gzip member is not gzip: it starts with {start}"
    )


def test_gzip_that_is_cut_anywhere_is_refused() -> None:
    data = gzip.compress(CONTENT)

    errors = [refuse(data[:length]) for length in range(2, len(data))]

    assert {text.split(" after ")[0] for text in errors} == {"gzip is cut short"}
    assert errors[-1] == f"gzip is cut short after {len(CONTENT)} bytes of content"
    assert errors[0] == "gzip is cut short after 0 bytes of content"


def test_a_second_member_that_is_cut_is_refused() -> None:
    first, second = gzip.compress(b"12345"), gzip.compress(CONTENT)

    errors = [refuse(first + second[:length]) for length in range(2, len(second))]

    assert {text.split(" after ")[0] for text in errors} == {"gzip is cut short"}
    assert errors[0] == "gzip is cut short after 5 bytes of content"


def test_a_wrong_checksum_or_length_is_refused() -> None:
    data = gzip.compress(CONTENT)

    for position in range(len(data) - 8, len(data)):
        damaged = bytearray(data)
        damaged[position] ^= 1
        assert refuse(bytes(damaged)).startswith("gzip is damaged: ")


def test_a_payload_with_any_byte_changed_is_refused_or_equal() -> None:
    """Some bytes of the header say nothing (time, system); every other change must be noticed."""
    subscription = Subscription(owner="1", log_group="g", log_stream="s", events=(Event("7", 5, "2 - OK"),))
    content = {
        "messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "g", "logStream": "s",
        "logEvents": [{"id": "7", "timestamp": 5, "message": "2 - OK"}],
    }  # fmt: skip
    data = gzip.compress(json.dumps(content).encode(), mtime=0)
    assert decode(data) == subscription
    refused = 0

    for position in range(len(data)):
        for changed in range(256):
            damaged = data[:position] + bytes([changed]) + data[position + 1 :]
            try:
                assert decode(damaged) == subscription
            except EnvelopeError:
                refused += 1

    assert refused > 255 * (len(data) - 10)


def test_content_up_to_the_limit_is_accepted() -> None:
    assert decompress(gzip.compress(b"x" * 10), 10) == b"x" * 10
    assert decompress(gzip.compress(b"x" * 6) + gzip.compress(b"x" * 4), 10) == b"x" * 10
    assert decompress(gzip.compress(b""), 0) == b""


def test_content_above_the_limit_is_refused() -> None:
    for data in (
        gzip.compress(b"x" * 11),
        gzip.compress(b"x" * 10) + gzip.compress(b"x"),
        gzip.compress(b"x" * 6) * 2,
    ):
        assert refuse(data, 10) == "gzip holds more than 10 bytes"


# Under a limit of address space, in a process of its own: what is held is what the system counts.
BOMB = """
import resource, sys, zlib
from parser import compression, subscription
from parser.errors import EnvelopeError

if sys.argv[1] == "zlib":
    compression.codec = zlib
# Blocks that end in a full flush stand for themselves: the same one can follow itself.
stream = zlib.compressobj(9, wbits=-15)
mebibyte = stream.compress(bytes(1024 * 1024)) + stream.flush(zlib.Z_FULL_FLUSH)
bomb = bytes.fromhex("1f8b08000000000000ff") + mebibyte * 1024
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for limit in (1024 * 1024, subscription.MAX_PAYLOAD):
    try:
        subscription.decode(bomb, limit=limit)
    except EnvelopeError as error:
        print(error)
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ru_maxrss is in KiB on Linux only")
def test_a_gzip_bomb_is_refused_within_little_memory(codec: ModuleType) -> None:
    """1 GiB of zeros in 1 MiB of gzip: only as much is held as the limit allows, with room to grow."""
    done = subprocess.run(
        [sys.executable, "-c", BOMB, codec.__name__], capture_output=True, text=True, check=True, timeout=120
    )

    small, small_mebibytes, usual, usual_mebibytes = done.stdout.splitlines()
    assert small == "gzip holds more than 1048576 bytes"
    assert int(small_mebibytes) < 16
    assert usual == "gzip holds more than 25165824 bytes"
    assert int(usual_mebibytes) < 80


@pytest.mark.parametrize("level", [0, 1, 6, 9])
def test_zlib_is_told_by_its_first_bytes_and_read_alike(level: int) -> None:
    content = bytes(range(256)) * 50

    assert decompress(zlib.compress(content, level), 20_000) == content
    assert decompress(zlib.compress(content, level) + b"\0\0" + gzip.compress(b"x"), 20_000) == content + b"x"


@pytest.mark.parametrize("window", range(9, 16))
def test_zlib_of_any_window_is_read(window: int) -> None:
    stream = zlib.compressobj(wbits=window)

    assert decompress(stream.compress(b"abc") + stream.flush(), 3) == b"abc"


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (zlib.compress(b"abc" * 9)[:-2], "zlib is cut short after 27 bytes of content"),
        (zlib.compress(b"abc")[:-1] + b"\xff", "zlib is damaged: "),
        (zlib.compress(bytes(10_000)), "zlib holds more than 1000 bytes"),
        (b"\x78\xda", "zlib is cut short after 0 bytes of content"),
        (b"\x78", "payload is not gzip: it starts with 78"),
        (b"\x78\xdb\x00", "payload is not gzip: it starts with 78db00"),
    ],
    ids=["cut", "damaged", "large", "head", "first-byte", "no-zlib"],
)
def test_zlib_that_is_wrong_is_refused_as_gzip_is(data: bytes, error: str) -> None:
    with pytest.raises(EnvelopeError) as caught:
        decompress(data, 1000)

    assert str(caught.value).startswith(error)
