"""What files are packed in: gzip (of gzip), zlib, zip, UTF-16, UTF-32. Unpacked piece by piece."""

import base64
import binascii
import codecs
import gzip
import io
import lzma
import re
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from functools import partial
from io import BufferedReader
from typing import Any, Final

from flowlogs.layouts.line import Note
from parser.compression import MAGIC, find_framing
from parser.errors import EnvelopeError

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
"""What some editors write before UTF-8."""

ZIP: Final = b"PK\x03\x04"

CHUNK: Final = 64 * 1024
"""Bytes that are read at once."""

DEEPEST: Final = 4
"""Packings in one another. Firehose's gzip of the gzip that CloudWatch Logs sends, in a zip, has three."""

_MARKS: Final = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""The mark that text begins with -> its encoding. One of them begins with another, which comes later."""

_WITHOUT_MARK: Final = {
    b"\0\1\0\1": "utf-16-le",
    b"\1\0\1\0": "utf-16-be",
    b"\0\1\1\1": "utf-32-le",
    b"\1\1\1\0": "utf-32-be",
}
"""Which of four bytes are zero in text of characters that UTF-8 writes as one byte each."""

_ZIP_ERRORS: Final = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    NotImplementedError,  # it is compressed in a way that Python does not know
    OSError,  # of bzip2, or of a place before the file's begin
    ValueError,
)
"""What Python raises of a zip that is none, or is damaged somewhere."""

_ENCRYPTED: Final = 1
"""The bit of a zip member's flags."""

_HEAD: Final = 4
_LONGER_HEAD: Final = 60
"""Bytes; of what begins with the two bytes of zlib, which are `x^` too, in base64 too."""
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/]{60}")
_MOST_WHITE_SPACE: Final = 4096
"""Bytes before the first character; what begins with more is lines."""

_IN_MEMORY: Final = 16 * 1024 * 1024
"""Bytes of a zip file, which is read from its end; a larger one is copied to a temporary file."""

Part = tuple[bytes, BufferedReader]
"""How it begins (at least four bytes behind white space, if there are as many), and the whole of it."""


class _Pieces(io.RawIOBase):
    """A stream of pieces that are made when they are asked for."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:  # noqa: ANN401  # as the base class has it
        room = memoryview(buffer).cast("B")
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        size = min(len(room), len(self._rest))
        room[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


def unpack(stream: BufferedReader, note: Note, depth: int = 0) -> Iterator[Part]:
    """Give what a stream holds when all packings are taken off: one part, or one for each file of a zip.

    Raises:
        EnvelopeError: a packing is damaged, cut short, encrypted, or in too many others.
    """
    head, stream = _read_head(stream)
    encoding = _find_encoding(head)
    is_zlib = _begins_zlib(head) and not _is_text(head)
    packed = head.startswith((MAGIC, ZIP)) or is_zlib or encoding is not None
    if packed and depth == DEEPEST:
        raise EnvelopeError(f"input is packed more than {DEEPEST} times")
    if head.startswith(MAGIC):
        note("gzip" if depth == 0 else "gzip within")
        yield from unpack(_join(_inflate(stream)), note, depth + 1)
    elif head.startswith(ZIP):
        note("zip")
        yield from _open_zip(stream, note, depth + 1)
    elif is_zlib:
        note("zlib" if depth == 0 else "zlib within")
        yield from unpack(_join(_inflate_zlib(stream)), note, depth + 1)
    elif encoding:
        note(encoding[: len("utf-16")].upper())
        yield from unpack(_join(_recode(stream, encoding)), note, depth + 1)
    else:
        yield head, stream


def _join(pieces: Iterable[bytes]) -> BufferedReader:
    return BufferedReader(_Pieces(pieces), CHUNK)


def _read_head(stream: BufferedReader) -> Part:
    """Read until it is clear what a stream is, or has ended. A pipe may give it byte by byte."""
    head = stream.read(len(BYTE_ORDER_MARK)).removeprefix(BYTE_ORDER_MARK)
    while (missing := _HEAD - len(head.lstrip())) > 0 and len(head) < _MOST_WHITE_SPACE:
        if not (more := stream.read(missing)):
            break
        head += more
    if _begins_zlib(head.lstrip()) or _begins_zlib(_decode_base64(head.lstrip()[:_HEAD])):
        head += stream.read(_LONGER_HEAD - len(head.lstrip()))
    pieces = _read_pieces(stream)
    return head.lstrip(), _join(each for part in ((head,), pieces) for each in part)


def _read_pieces(stream: BufferedReader) -> Iterator[bytes]:
    """Give what there is, as soon as it is there."""
    return iter(partial(stream.read1, CHUNK), b"")


def _inflate(stream: BufferedReader) -> Iterator[bytes]:
    """Give the content of all gzip members, one behind the other."""
    size = 0
    unpacked = gzip.GzipFile(fileobj=stream)
    while True:
        try:
            piece = unpacked.read1(CHUNK)
        except EOFError as error:
            raise EnvelopeError(f"gzip is cut short after {size} bytes of content") from error
        except (gzip.BadGzipFile, zlib.error) as error:
            raise EnvelopeError(f"gzip is damaged: {error}") from error
        if not piece:
            return
        size += len(piece)
        yield piece


def _begins_zlib(head: bytes) -> bool:
    return find_framing(head)[0] == "zlib"


def _is_text(head: bytes) -> bool:
    """Tell whether bytes are UTF-8, perhaps cut in a character, without control characters."""
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return not any(each < " " and each not in "\t\r\n" for each in text)


def _decode_base64(text: bytes) -> bytes:
    """Return the bytes that base64 text stands for; none where it is something else."""
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""


def is_base64_of_zlib(head: bytes) -> bool:
    """Tell whether a head is base64 text of a zlib stream: nothing in it contradicts that."""
    data = _decode_base64(head[:_LONGER_HEAD]) if _BASE64.match(head) else b""
    if not _begins_zlib(data):
        return False
    try:
        zlib.decompressobj().decompress(data)
    except zlib.error:
        return False
    return True


def _inflate_zlib(stream: BufferedReader) -> Iterator[bytes]:
    """Give the content of all zlib streams, one behind the other; zero bytes may follow each."""
    size = 0
    unpacked = zlib.decompressobj()
    for piece in _read_pieces(stream):
        rest = piece
        while rest:
            try:
                content = unpacked.decompress(rest, CHUNK)
            except zlib.error as error:
                raise EnvelopeError(f"zlib is damaged: {error}") from error
            size += len(content)
            yield content
            rest = unpacked.unconsumed_tail
            if unpacked.eof and (rest := unpacked.unused_data.lstrip(b"\0")):
                unpacked = zlib.decompressobj()
    yield unpacked.flush()
    if not unpacked.eof:
        raise EnvelopeError(f"zlib is cut short after {size} bytes of content")


def _open_zip(stream: BufferedReader, note: Note, depth: int) -> Iterator[Part]:
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
        shutil.copyfileobj(stream, file)
        try:
            archive = zipfile.ZipFile(file)
        except _ZIP_ERRORS as error:
            raise EnvelopeError(f"zip is damaged: {error}") from error
        with archive:
            for each in archive.infolist():
                # What macOS adds is no file of anybody.
                if not each.is_dir() and not each.filename.startswith("__MACOSX/"):
                    yield from unpack(_join(_read_member(archive, each)), note, depth)


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    if member.flag_bits & _ENCRYPTED:
        raise EnvelopeError(f"zip cannot be read: {member.filename} is encrypted")
    try:
        with archive.open(member) as file:
            yield from iter(partial(file.read, CHUNK), b"")
    except _ZIP_ERRORS as error:
        raise EnvelopeError(f"zip cannot be read: {member.filename}: {error}") from error


def _find_encoding(head: bytes) -> str | None:
    """Return the encoding of text whose characters take two or four bytes: by its mark, or by its zeros."""
    for mark, encoding in _MARKS.items():
        if head.startswith(mark):
            return encoding
    if len(head) < _HEAD:
        return None
    return _WITHOUT_MARK.get(bytes(byte == 0 for byte in head[:_HEAD]))


def _recode(stream: BufferedReader, encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    for piece in _read_pieces(stream):
        yield decoder.decode(piece).encode()
    yield decoder.decode(b"", final=True).encode()
