"""The part of our function before the request: from base64 text to gzipped bodies. Sends nothing."""

from collections.abc import Callable
from typing import Any

from parser.bulk import Body, encode
from parser.format import Formats
from parser.subscription import decode_event


def prepare(url: str, fields: tuple[str, ...]) -> Callable[[dict[str, Any]], list[Body]]:  # noqa: ARG001  # all contenders are asked alike
    """Return what handles an event."""
    formats = Formats.from_text(" ".join(fields))

    def handle(event: dict[str, Any]) -> list[Body]:
        subscription = decode_event(event)
        return list(encode(subscription, formats, prefix="cwl", max_bytes=5 * 1024 * 1024, keep_message=True))

    return handle
