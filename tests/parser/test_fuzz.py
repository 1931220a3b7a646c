"""Damaged payloads: real ones with bytes changed at random are read, or refused as unreadable.

The seed is fixed, so that each run is the same; FUZZ_SEED and FUZZ_SECONDS look further.
"""

import base64
import gzip
import json
import os
import random
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from parser.bulk import encode as encode_bodies
from parser.errors import EnvelopeError
from parser.format import known_formats
from parser.subscription import Subscription, decode

EVENTS = Path(__file__).parents[2] / "events"
SEED = int(os.environ.get("FUZZ_SEED", "20241123"))
SECONDS = float(os.environ.get("FUZZ_SECONDS", "0"))
"""More than none: go on for so long, instead of a fixed number of rounds."""
ROUNDS = 2000
INTERESTING = (
    b"\0", b'"', b"\\", b"\\ud800", b"\\u0000", b"{", b"}", b"[", b"]", b",", b":", b"null", b"-1", b"1e999",
    b"9" * 30, b"\xff", b"\xed\xa0\x80", b"\x1f\x8b\x08", b'"messageType":"CONTROL_MESSAGE",',
)  # fmt: skip
FORMATS = known_formats()


def payloads() -> list[bytes]:
    events = [json.loads(path.read_text("utf-8")) for path in sorted(EVENTS.glob("*.json"))]
    found = [base64.b64decode(event["awslogs"]["data"]) for event in events if "awslogs" in event]
    assert found
    return found


def mutate(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8))):
        position = chance.randrange(len(changed) + 1)
        match chance.randrange(5):
            case 0:
                changed[position : position + 1] = bytes([chance.randrange(256)])
            case 1:
                changed[position:position] = chance.choice(INTERESTING)
            case 2:
                del changed[position : position + chance.choice((1, 4, 64))]
            case 3:
                del changed[position:]
            case _:
                other = chance.randrange(len(changed) + 1)
                changed[position:position] = changed[other : other + 32]
    return bytes(changed)


def try_to_read(data: bytes | str) -> bool:
    """Tell whether a payload can be read; what can be read can be delivered."""
    try:
        subscription = decode(data, limit=1_000_000)
    except EnvelopeError:
        return False
    assert isinstance(subscription, Subscription)
    bodies = encode_bodies(subscription, FORMATS, prefix="cwl", max_bytes=4000, keep_message=True)
    assert sum(len(body.events) for body in bodies) == len(subscription.events)
    return True


def mutated_gzip(data: bytes, chance: random.Random) -> bytes:
    return mutate(data, chance)


def mutated_json(data: bytes, chance: random.Random) -> bytes:
    return gzip.compress(mutate(zlib.decompress(data, 47), chance), 1)  # gzip or zlib


def mutated_base64(data: bytes, chance: random.Random) -> str:
    return mutate(base64.b64encode(data), chance).decode("latin-1")


@pytest.mark.parametrize("damage", [mutated_gzip, mutated_json, mutated_base64])
def test_a_damaged_payload_is_read_or_refused(
    damage: Callable[[bytes, random.Random], bytes | str],
) -> None:
    sys.stdout.write(f"FUZZ_SEED={SEED}\n")  # pytest shows it when the test fails
    chance = random.Random(SEED)
    sources = payloads()
    outcomes = {True: 0, False: 0}
    end = time.monotonic() + SECONDS

    while sum(outcomes.values()) < ROUNDS or time.monotonic() < end:
        outcomes[try_to_read(damage(chance.choice(sources), chance))] += 1

    assert outcomes[False] > 0


def test_bytes_at_random_behind_a_gzip_header_are_refused() -> None:
    chance = random.Random(SEED)

    for _ in range(ROUNDS):
        assert not try_to_read(b"\x1f\x8b\x08" + chance.randbytes(chance.randrange(60)))


def test_json_at_random_is_refused() -> None:
    chance = random.Random(SEED)
    words = [
        '"messageType"',
        '"DATA_MESSAGE"',
        '"logEvents"',
        '"id"',
        "1",
        "[",
        "]",
        "{",
        "}",
        ":",
        ",",
        "null",
    ]

    for _ in range(ROUNDS):
        text = "".join(chance.choices(words, k=chance.randrange(30)))
        assert not try_to_read(gzip.compress(text.encode(), 1))
