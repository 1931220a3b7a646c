"""The bucket, as the functions and the command line write to it and read from it.

Every function here raises when it cannot do its work: this is the last place that an event has.
"""

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Final

import msgspec

from handler.report import Unsettled
from handler.failures.content import Content
from handler.failures.names import (
    FAILED,
    ON_FAILURE,
    REJECTED,
    REJECTED_SUFFIX,
    TIME,
    find_place,
    read_time,
)
from handler.failures.rejected_lines import describe
from parser.compression import compress
from parser.document import encode_json
from parser.subscription import Subscription, encode

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LONGEST_REASON: Final = 1000
"""Characters of a reason in an object's metadata, which S3 limits to 2 KB in all."""


@dataclass(frozen=True, slots=True)
class Pending:
    """An object that waits for a replay.

    Attributes:
        key: its name.
        size: bytes.
        modified: when it was written.
    """

    key: str
    size: int
    modified: datetime

    @property
    def since(self) -> datetime:
        """When its events were first stored: what is written back keeps that time in its name."""
        return read_time(self.key) or self.modified


@cache
def connect_s3() -> "S3Client":
    """Make the client, once: while the cluster is away every invocation needs it.

    `connect_s3.cache_clear()` forgets it.
    """
    # Most invocations store nothing, and boto3 takes longer to import than all else together.
    import boto3
    from botocore.config import Config as ClientConfig

    # Two objects, each tried twice, must fit into what `handler.environment.RESERVE` keeps of the time.
    patience = ClientConfig(
        connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2}
    )
    return boto3.client("s3", config=patience)


class FailureStore:
    """The bucket, as one invocation writes to it.

    No two objects get the same key: a key holds the microsecond, the invocation's request id and a
    number that rises with each object of it.
    """

    def __init__(self, bucket: str, request_id: str, *, kms_key: str | None = None) -> None:
        self._bucket = bucket
        self._request_id = request_id
        self._written = 0
        self._kept: set[str] = set()
        self._encryption: dict[str, str] = (
            {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key}
            if kms_key
            else {"ServerSideEncryption": "AES256"}
        )

    @property
    def _s3(self) -> "S3Client":
        return connect_s3()

    def keep(
        self,
        subscription: Subscription,
        pending: Sequence[Unsettled],
        *,
        attempts: int = 1,
        since: datetime | None = None,
    ) -> str:
        """Store events for a replay, as a payload that holds just them. Returns the key.

        Args:
            subscription: the payload that they came in.
            pending: the events.
            attempts: how often they have been stored, this time included.
            since: when they were stored first; None for now.
        """
        events = tuple(each.event for each in pending)
        data = encode(msgspec.structs.replace(subscription, events=events))
        kinds = Counter(each.verdict.kind for each in pending)
        metadata = {
            "attempts": str(attempts),
            "events": str(len(events)),
            "reason": _to_ascii(", ".join(kind for kind, _ in kinds.most_common())),
            "log-group": _to_ascii(subscription.log_group),
        }
        key = self._write(self._name(FAILED, "json.gz", since or _now()), data, metadata)
        self._kept.add(key)
        return key

    def reject(
        self,
        subscription: Subscription,
        rejected: Sequence[Unsettled],
        formats: str,
        *,
        source: str | None = None,
    ) -> str:
        """Store events for people, each with what was said of it. Returns the key.

        Args:
            subscription: the payload that they came in.
            rejected: the events.
            formats: those that their lines were read by.
            source: key of the object that they were read from. A replay that could not drop it rejects them
                again: then they replace what was written, and are not there twice.
        """
        now = _now().isoformat(timespec="milliseconds")
        lines = b"".join(encode_json(describe(subscription, each, formats, now)) + b"\n" for each in rejected)
        kinds = Counter(each.verdict.kind for each in rejected)
        metadata = {
            "events": str(len(rejected)),
            "reason": _to_ascii(", ".join(kind for kind, _ in kinds.most_common())),
            "log-group": _to_ascii(subscription.log_group),
        }
        return self._write(self._name_rejected(source, REJECTED_SUFFIX), compress(lines), metadata)

    def set_aside(self, key: str, data: bytes, reason: str) -> str:
        """Move an object that cannot be read to the rejected ones, as it is. Returns the new key."""
        moved = self._write(
            self._name_rejected(key, "unreadable"),
            data,
            {"reason": _to_ascii(reason), "was": _to_ascii(key)},
        )
        self.drop(key)
        return moved

    def list_pending(self, prefixes: Iterable[str] = (FAILED, ON_FAILURE)) -> list[Pending]:
        """Return all objects under the prefixes, all pages, the oldest first."""
        found = [each for prefix in prefixes for each in self._list(prefix)]
        return sorted(found, key=lambda each: (each.modified, each.key))

    def walk(self, after: Mapping[str, str]) -> Iterator[Pending]:
        """Yield what waits, page by page, about the oldest first.

        What this invocation keeps is left out: it has just been tried.

        Args:
            after: prefix -> the key behind which to begin; what lies before comes last.
        """
        behind = [self._list(prefix, after.get(prefix, "")) for prefix in (ON_FAILURE, FAILED)]
        before = [_until(self._list(prefix), key) for prefix, key in after.items()]
        for lists in (behind, before):
            for each in heapq.merge(*lists, key=lambda each: each.since):
                if each.key not in self._kept:
                    yield each

    def find_oldest(self) -> Pending | None:
        """Return the object that waits for longest; None where nothing waits."""
        firsts = [each for prefix in (FAILED, ON_FAILURE) for each in islice(self._list(prefix), 1)]
        return min(firsts, key=lambda each: each.since, default=None)

    def _list(self, prefix: str, after: str = "") -> Iterator[Pending]:
        start: dict[str, str] = {"StartAfter": after} if after else {}
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket,
            Prefix=prefix,
            **start,  # type: ignore[arg-type]  # a text
        )
        for page in pages:
            for each in page.get("Contents", ()):
                yield Pending(each["Key"], each["Size"], each["LastModified"])

    def read(self, key: str) -> Content | None:
        """Return what an object holds; None where it is gone, which another replay may have caused."""
        try:
            found = self._s3.get_object(Bucket=self._bucket, Key=key)
        except self._s3.exceptions.NoSuchKey:
            return None
        metadata = found["Metadata"]
        return Content(
            found["Body"].read(),
            attempts=_read_number(metadata.get("attempts", "")),
            reason=metadata.get("reason", "invocation failed"),
            log_group=metadata.get("log-group", ""),
            rejected=key.startswith(REJECTED) and key.endswith(REJECTED_SUFFIX),
        )

    def drop(self, key: str) -> None:
        """Remove an object whose events are all settled."""
        self._s3.delete_object(Bucket=self._bucket, Key=key)

    def _name(self, prefix: str, suffix: str, time: datetime) -> str:
        self._written += 1
        name = f"{time:{TIME}}-{self._request_id}-{self._written}.{suffix}"
        return f"{prefix}{time:%Y/%m/%d/%H}/{name}"

    def _name_rejected(self, source: str | None, suffix: str) -> str:
        place = None if source is None or source.startswith(REJECTED) else find_place(source)
        return f"{REJECTED}{place}.{suffix}" if place else self._name(REJECTED, suffix, _now())

    def _write(self, key: str, data: bytes, metadata: dict[str, str]) -> str:
        self._s3.put_object(
            Bucket=self._bucket,
            Key=key,
            Body=data,
            Metadata=metadata,
            ChecksumAlgorithm="SHA256",
            **self._encryption,  # type: ignore[arg-type]  # the two forms that S3 knows
        )
        return key


def _until(objects: Iterable[Pending], last: str) -> Iterator[Pending]:
    return takewhile(lambda each: each.key <= last, objects)


def _read_number(text: str) -> int:
    """Read a number of ours; whoever changes an object's metadata does not stop its replay."""
    return int(text) if text.isdecimal() else 0


def _to_ascii(text: str) -> str:
    """Make text fit for an object's metadata, which travels in HTTP headers."""
    ascii_text = text.encode("ascii", "backslashreplace").decode("ascii")
    return "".join(each if each.isprintable() else " " for each in ascii_text)[:LONGEST_REASON]


def _now() -> datetime:
    return datetime.now(UTC)
