"""Flow log records of a stream, whatever layout they lie in: the one door of this room."""

import re
from collections.abc import Iterator
from io import BufferedReader
from typing import Final

from flowlogs.layouts.line import Line, Note
from flowlogs.layouts.packing import Part, is_base64_of_zlib, unpack
from flowlogs.layouts.payload import BASE64_OF_GZIP, read_base64, read_list, read_objects
from flowlogs.layouts.text import read_text
from parser.errors import EnvelopeError

_LIST: Final = re.compile(rb'\[\s*(?:["{\]]|\[\s*["{]|\[?$)')
"""How a JSON list of objects or texts, or of lists of them, begins, as far as it is known."""

_OTHERS: Final = {
    b"PAR1": "Parquet: flow log files of S3 are read where they are text",
    b"BZh": "bzip2: unpack it first, bunzip2 -c FILE | flowlogs parse",
    b"\x28\xb5\x2f\xfd": "Zstandard: unpack it first, zstd -dc FILE | flowlogs parse",
    b"\xfd7zX": "xz: unpack it first, xz -dc FILE | flowlogs parse",
    b"7z\xbc\xaf": "7-Zip: unpack it first",
    b"<?xm": "XML, such as an error that S3 answers",
}
"""How that begins which is not read -> what to say of it."""


def _ignore(_: str) -> None:
    """Tell nobody."""


def read_lines(stream: BufferedReader, note: Note = _ignore) -> Iterator[Line]:
    """Give the flow log records of a stream, one by one.

    Args:
        stream: its bytes. No more of it is held than one JSON object.
        note: is told what was recognised. Plain lines and a payload as it comes are not worth a word.

    Raises:
        EnvelopeError: the stream starts like something that it is not, or is nothing that is read here.
    """
    for part in unpack(stream, note):
        yield from _read_part(part, note)


def _read_part(part: Part, note: Note) -> Iterator[Line]:
    head, stream = part
    for start, name in _OTHERS.items():
        if head.startswith(start):
            raise EnvelopeError(f"input is {name}")
    if head.startswith(b"{"):
        return read_objects(stream, note)
    if head.startswith(BASE64_OF_GZIP) or is_base64_of_zlib(head):
        return read_base64(stream)
    if _LIST.match(head):
        return read_list(stream, note)
    return read_text(stream, note)
