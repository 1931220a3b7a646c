"""What a stored object holds, where all of it must be readable."""

from parser.stored import read_stored
from parser.subscription import MAX_PAYLOAD, Subscription


def decode_all(data: bytes, limit: int = MAX_PAYLOAD) -> tuple[Subscription, ...]:
    """Return the payloads of an object in which nothing is damaged."""
    parts = read_stored(data, limit=limit)
    assert not parts.damaged, parts.reason
    return parts.payloads
