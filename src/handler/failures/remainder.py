"""What is left of a batch, as it is stored: which payloads share an object, and what it says of them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from handler.report import Unsettled
from parser.subscription import MAX_PAYLOAD, Subscription, encode

LONGEST_REASON: Final = 1000
"""Characters of a reason in an object's metadata, which S3 limits to 2 KB in all."""

GZIP_LENGTH: Final = 4
"""Bytes at the end of a gzip member that say how long its content is."""

Rest = tuple[Subscription, Sequence[Unsettled]]
"""Events of a payload, and the payload that they came in."""


def pack(rest: Iterable[Rest]) -> Iterator[tuple[bytes, list[Rest]]]:
    """Yield the bytes of objects, a gzip member for each payload, and what each of them holds."""
    members: list[bytes] = []
    held: list[Rest] = []
    size = 0
    for subscription, pending in rest:
        events = tuple(each.event for each in pending)
        member = encode(msgspec.structs.replace(subscription, events=events))
        length = int.from_bytes(member[-GZIP_LENGTH:], "little")
        if held and size + length > MAX_PAYLOAD:
            yield b"".join(members), held
            members, held, size = [], [], 0
        members.append(member)
        held.append((subscription, pending))
        size += length
    if held:
        yield b"".join(members), held


def describe(rest: Sequence[Rest]) -> dict[str, str]:
    """Return what an object's metadata say of the events in it."""
    kinds = Counter(each.verdict.kind for _, unsettled in rest for each in unsettled)
    groups = {subscription.log_group for subscription, _ in rest}
    metadata = {
        "events": str(kinds.total()),
        "reason": to_ascii(", ".join(kind for kind, _ in kinds.most_common())),
    }
    if len(groups) == 1:
        metadata["log-group"] = to_ascii(groups.pop())
    return metadata


def to_ascii(text: str) -> str:
    """Make text fit for an object's metadata, which travels in HTTP headers."""
    ascii_text = text.encode("ascii", "backslashreplace").decode("ascii")
    return "".join(each if each.isprintable() else " " for each in ascii_text)[:LONGEST_REASON]
