"""The failure store: what could not be delivered, in an S3 bucket.

    failed/...           events to be replayed, as a CloudWatch Logs payload
    rejected/...         events for people, one JSON line each, with the reason
    aws/lambda/async/... records of invocations that failed whole, written by Lambda itself

Every function here raises when it cannot do its work: this is the last place that an event has.
"""

import heapq
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Any, Final

import msgspec

from handler import __version__
from handler.report import Unsettled
from parser.compression import compress, decompress
from parser.document import encode_json
from parser.errors import EnvelopeError
from parser.subscription import MAX_CONTENT, Event, Subscription, decode, decode_event, encode, set_apart

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

FAILED: Final = "failed/"
REJECTED: Final = "rejected/"
ON_FAILURE: Final = "aws/lambda/async/"
"""The prefix that Lambda gives to the objects of its OnFailure destination; it cannot be chosen."""

REJECTED_SUFFIX: Final = "ndjson.gz"

LINE_VERSION: Final = 1
"""The version of the lines in `rejected/`."""

LONGEST_REASON: Final = 1000
"""Characters of a reason in an object's metadata, which S3 limits to 2 KB in all."""

_TIME: Final = "%Y%m%dT%H%M%S.%fZ"
_PLACE: Final = re.compile(
    r"/(?P<day>\d{4}/\d\d/\d\d)/((?P<hour>\d\d)/)?(?P<name>(\d{4}-\d\d-\d\dT(?P<of_lambda>\d\d)\.)?[^/]+)$"
)
"""The end of a key of ours (day, hour, name), or of Lambda's (day, name with the time)."""


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
        return _read_time(self.key) or self.modified


@dataclass(frozen=True, slots=True)
class Content:
    """What such an object holds.

    Attributes:
        data: its bytes.
        attempts: how many deliveries of these events gave up so far.
        reason: why the last one did.
        log_group: where the events come from; empty where only the payload says it.
        rejected: whether these are events that were rejected, which have a form of their own.
    """

    data: bytes
    attempts: int
    reason: str
    log_group: str
    rejected: bool

    def decode(self) -> Subscription:
        """Read the payload.

        Raises:
            EnvelopeError: the object is neither a payload, nor a record of Lambda's OnFailure
                destination that holds one, nor the lines of rejected events.
        """
        if self.rejected:
            return _read_rejected(decompress(self.data, MAX_CONTENT))
        if not self.data.lstrip().startswith(b"{"):
            return decode(self.data)
        try:
            record: Any = json.loads(self.data)
        except (ValueError, RecursionError) as error:
            raise EnvelopeError(f"object is not JSON: {error}") from error
        match record:
            case {"requestPayload": event}:
                return decode_event(event)
        raise EnvelopeError("object is no record of Lambda's OnFailure destination: it has no requestPayload")


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
        lines = b"".join(
            encode_json(_describe(subscription, each, formats, now)) + b"\n" for each in rejected
        )
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
        name = f"{time:{_TIME}}-{self._request_id}-{self._written}.{suffix}"
        return f"{prefix}{time:%Y/%m/%d/%H}/{name}"

    def _name_rejected(self, source: str | None, suffix: str) -> str:
        place = None if source is None or source.startswith(REJECTED) else _find_place(source)
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


def _read_time(key: str) -> datetime | None:
    """Return the time that a name of ours begins with."""
    try:
        return datetime.strptime(key.rpartition("/")[2].partition("-")[0], _TIME).replace(tzinfo=UTC)
    except ValueError:
        return None


def _find_place(source: str) -> str | None:
    """Return where the rejected events of an object belong, below `rejected/`: by its day, hour and name."""
    found = _PLACE.search(source)
    if found is None:
        return None
    day, hour, of_lambda, name = found.group("day", "hour", "of_lambda", "name")
    return f"{day}/{hour or of_lambda or '00'}/{name.partition('.json')[0]}"


def _read_number(text: str) -> int:
    """Read a number of ours; whoever changes an object's metadata does not stop its replay."""
    return int(text) if text.isdecimal() else 0


def _describe(subscription: Subscription, rejected: Unsettled, formats: str, now: str) -> dict[str, Any]:
    return {
        "line_version": LINE_VERSION,
        "software": __version__,
        "formats": formats,
        "rejected_at": now,
        "index": rejected.index,
        "status": rejected.verdict.status,
        "error_type": rejected.verdict.error_type,
        "reason": rejected.verdict.reason,
        "owner": subscription.owner,
        "log_group": subscription.log_group,
        "log_stream": subscription.log_stream,
        "event": msgspec.structs.asdict(rejected.event),
    }


def _read_rejected(lines: bytes) -> Subscription:
    """Make a payload of rejected events again; they all came in one, hence from one log stream."""
    try:
        found: list[dict[str, Any]] = [json.loads(line) for line in lines.splitlines()]
        events, unusable = set_apart(tuple(msgspec.convert(each["event"], Event) for each in found))
        first = found[0]
        return Subscription(
            owner=first["owner"],
            log_group=first["log_group"],
            log_stream=first["log_stream"],
            events=events,
            unusable=unusable,
        )
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise EnvelopeError(f"object does not hold rejected events: {error!r}") from error


def _to_ascii(text: str) -> str:
    """Make text fit for an object's metadata, which travels in HTTP headers."""
    ascii_text = text.encode("ascii", "backslashreplace").decode("ascii")
    return "".join(each if each.isprintable() else " " for each in ascii_text)[:LONGEST_REASON]


def _now() -> datetime:
    return datetime.now(UTC)
