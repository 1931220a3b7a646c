"""The names of the objects in the failure store, and what a name says."""

import hashlib
from datetime import UTC, datetime
from typing import Final

from parser.subscription import MAX_CONTENT, MAX_PAYLOAD

FAILED: Final = "failed/"
REJECTED: Final = "rejected/"
ON_FAILURE: Final = "aws/lambda/"
"""The prefix that Lambda gives to what it writes itself; it cannot be chosen. Behind it stand `async/` and
the function's name for an event, the mapping's id and the shard for a batch of a stream."""

JOURNAL: Final = "replaying/journal.json"
"""What a run of the replay leaves for the next."""

FAILED_SUFFIX: Final = "json.gz"
REJECTED_SUFFIX: Final = "ndjson.gz"
UNREADABLE_SUFFIX: Final = "unreadable"

TIME: Final = "%Y%m%dT%H%M%S.%fZ"
HOUR: Final = "%Y/%m/%d/%H"

LONGEST_STEM: Final = 200
"""Characters of another object's name that go into one of ours: S3 takes 1,024 bytes in all."""

HASH_BYTES: Final = 8


def name_anew(prefix: str, suffix: str, time: datetime, unique: str) -> str:
    """Name an object that has just been made.

    Args:
        prefix: where it belongs.
        suffix: what it holds.
        time: what it is filed under.
        unique: what no other object of that time has.
    """
    return f"{prefix}{time:{HOUR}}/{time:{TIME}}-{unique}.{suffix}"


def name_after(key: str, etag: str, since: datetime, suffix: str) -> str:
    """Name what is rejected of an object, always alike: who rejects it once more replaces what he wrote.

    The name holds a hash of the whole key and of the content's ETag: neither an object of the same name in
    another folder, nor one that took this one's place, has the same.

    Args:
        key, etag: of the object.
        since: when it was stored first.
        suffix: what is written of it.
    """
    stem = key.rpartition("/")[2].partition(".json")[0][:LONGEST_STEM]
    identity = f"{key}\n{etag}".encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(identity, digest_size=HASH_BYTES).hexdigest()
    return f"{REJECTED}{since:{HOUR}}/{stem}-{digest}.{suffix}"


def read_time(key: str) -> datetime | None:
    """Return the time that a name of ours begins with."""
    try:
        return datetime.strptime(key.rpartition("/")[2].partition("-")[0], TIME).replace(tzinfo=UTC)
    except ValueError:
        return None


def holds_lines(key: str) -> bool:
    """Tell whether an object of that name holds rejected events, which have a form of their own."""
    return key.startswith(REJECTED) and key.endswith(f".{REJECTED_SUFFIX}")


def find_limit(key: str) -> int:
    """Return how many bytes an object of that name can have, so that it is worth to be read.

    What is readable has a bounded content, and compressing adds nothing to it that counts. Lambda's records
    are smaller by far: it takes 1 MiB for an asynchronous event.
    """
    return MAX_CONTENT if holds_lines(key) else MAX_PAYLOAD
