"""What a stored object holds: the payloads that can be read, and the parts of it that are damaged.

An object holds a gzip member for each payload. It is read as well where its payloads are all in one member
(`zcat object | gzip`), or are in none (`zcat object`). Behind a damaged part the next payload is looked for:
where a gzip member begins, or a document as CloudWatch Logs writes it.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

import msgspec

from parser.compression import MAGIC, compress, inflate
from parser.errors import EnvelopeError
from parser.json_parts import BrokenJSONError, find_end
from parser.payload import Subscription
from parser.subscription import MAX_PAYLOAD, decode, decode_text

MOST_DAMAGED: Final = 100
"""Places at which no payload can be read. Behind so many nothing more is looked for: it would only take time,
and what is set aside can be read once more."""

_GZIP: Final = MAGIC + b"\x08"
"""How a gzip member begins whose method is deflate, the only one that there is (RFC 1952)."""

_SPACE: Final = re.compile(rb"[ \t\n\r]*+")
_DOCUMENT: Final = re.compile(rb'\{\s*"messageType"')
"""How a payload begins; within a text of JSON its quotation marks would be escaped."""


class Damaged(msgspec.Struct, frozen=True):
    """A part of an object in which no payload can be read.

    Attributes:
        data: its bytes as they came; a document out of several is a gzip member by itself.
        reason: what is wrong with it, and where.
    """

    data: bytes
    reason: str


class Parts(msgspec.Struct, frozen=True):
    """What an object holds: each of its bytes is in a payload, in a damaged part, or fills the space between.

    Attributes:
        payloads: those that can be read, in their order.
        damaged: the other parts, in theirs.
    """

    payloads: tuple[Subscription, ...]
    damaged: tuple[Damaged, ...] = ()

    @property
    def events(self) -> int:
        """How many events can be read, those that are unusable as well."""
        return sum(len(each.events) + len(each.unusable) for each in self.payloads)

    @property
    def rest(self) -> bytes:
        """The damaged parts, one behind the other."""
        return b"".join([each.data for each in self.damaged])

    @property
    def reason(self) -> str:
        """Why these cannot be read; empty where there are none."""
        if not self.damaged:
            return ""
        more = f", and {len(self.damaged) - 1} more such parts" if len(self.damaged) > 1 else ""
        beside = f" (beside payloads that could be read: {len(self.payloads)})" if self.payloads else ""
        return f"{self.damaged[0].reason}{more}{beside}"


def begins_payload(data: bytes) -> bool:
    """Tell whether bytes begin as the JSON of a payload does."""
    return _DOCUMENT.match(data, _skip_space(data, 0)) is not None


def read_stored(data: bytes, *, limit: int = MAX_PAYLOAD) -> Parts:
    """Read the payloads of a stored object, of which there is at least one.

    A payload whose JSON is in pieces, in several members, is one payload, as for `decode`.

    Args:
        data: gzip bytes, or JSON documents one behind the other.
        limit: the largest text of all together, in bytes. What would be more than that is damaged.

    Raises:
        EnvelopeError: none of it can be read; the text says what is wrong with the first part.
    """
    is_text = begins_payload(data) and len(data) <= limit
    found = list(_read_text(data, data, "") if is_text else _read_members(data, limit))
    payloads = tuple([each for each in found if isinstance(each, Subscription)])
    damaged = tuple([each for each in found if isinstance(each, Damaged)])
    if payloads:
        return Parts(payloads, damaged)
    if len(damaged) > 1:
        with suppress(EnvelopeError):
            return Parts((decode(data, limit=limit),))
    raise EnvelopeError(damaged[0].reason if damaged else "payload is not JSON: it is empty")


def _read_members(data: bytes, limit: int) -> Iterator[Subscription | Damaged]:
    """Yield what is in each gzip member, and the parts of which none can be made."""
    place = held = broken = failed = 0
    reason = ""
    while place < len(data) or not data:
        try:
            text, end = inflate(data, place, limit, held=held)
        except EnvelopeError as error:
            reason = reason or f"{_say_where(place)}{error}"
            failed += 1
            place = data.find(_GZIP, place + 1) if failed < MOST_DAMAGED else -1
            if place >= 0:
                continue
            break
        if reason:
            yield Damaged(data[broken:place], reason)
            reason = ""
        held += len(text)
        yield from _read_text(text, data[place:end], _say_where(place))
        broken = place = end
    if reason:
        yield Damaged(data[broken:], reason)


def _read_text(text: bytes, packed: bytes, where: str) -> Iterator[Subscription | Damaged]:
    """Yield the payloads of a text, and what of it is none: all as it is packed, or each document as gzip."""
    if not text.strip():
        return
    first = _read_document(text, packed, where)
    spans = list(_split(text)) if isinstance(first, Damaged) else []
    if len(spans) <= 1:
        yield first
        return
    for number, (begin, end) in enumerate(spans, 1):
        document = text[begin:end]
        yield _read_document(document, None, f"{where}document {number} of {len(spans)}: ")


def _read_document(text: bytes, packed: bytes | None, where: str) -> Subscription | Damaged:
    try:
        return decode_text(text)
    except EnvelopeError as error:
        return Damaged(compress(text) if packed is None else packed, f"{where}{error}")


def _split(text: bytes) -> Iterator[tuple[int, int]]:
    """Yield first and last of each document in a text; behind a broken one, where the next one begins."""
    place = _skip_space(text, 0)
    broken = 0
    while place < len(text):
        try:
            end = find_end(text, place) if text[place : place + 1] == b"{" else place
        except (BrokenJSONError, EnvelopeError):
            end = place
        if end == place:
            broken += 1
            following = _DOCUMENT.search(text, place + 1) if broken < MOST_DAMAGED else None
            end = following.start() if following else len(text)
        yield place, end
        place = _skip_space(text, end)


def _skip_space(text: bytes, place: int) -> int:
    found = _SPACE.match(text, place)
    return found.end() if found else place


def _say_where(place: int) -> str:
    return f"byte {place}: " if place else ""
