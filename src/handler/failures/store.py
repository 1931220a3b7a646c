"""The bucket, as the functions and the command line write to it and read from it.

Every function here raises when it cannot do its work: this is the last place that an event has.
"""

import heapq
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Any, Final

from handler.failures.client import connect_s3, is_gone, is_overtaken, read_status
from handler.failures.content import Content, Pending, read_number
from handler.failures.names import (
    FAILED,
    FAILED_SUFFIX,
    JOURNAL,
    ON_FAILURE,
    REJECTED,
    REJECTED_SUFFIX,
    UNREADABLE_SUFFIX,
    holds_lines,
    name_anew,
)
from handler.failures.rejected_lines import write_lines
from handler.failures.remainder import Rest, describe, pack, to_ascii

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

MOST_AT_ONCE: Final = 1000
"""Objects that DeleteObjects takes; also those on a page of a list."""

RANDOM_BYTES: Final = 8
"""Drawn for each store: Lambda's queue may hand an event over twice, with one request id."""


class FailureStore:
    """The bucket, as one invocation writes to it.

    No two objects get the same key, whatever is handed over twice: a key holds the microsecond, the request
    id, what is drawn for each store, and a number that rises with each object. What is made anew replaces
    nothing.
    """

    def __init__(self, bucket: str, request_id: str, *, kms_key: str | None = None) -> None:
        self._bucket = bucket
        self._unique = f"{request_id}-{os.urandom(RANDOM_BYTES).hex()}"
        self._written = 0
        self._kept: set[str] = set()
        self._encryption: dict[str, str] = (
            {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key}
            if kms_key
            else {"ServerSideEncryption": "AES256"}
        )

    @property
    def kept(self) -> int:
        """How many objects were stored for a replay."""
        return len(self._kept)

    @property
    def _s3(self) -> "S3Client":
        return connect_s3()

    def keep(
        self, rest: Iterable[Rest], *, attempts: int = 1, since: datetime | None = None
    ) -> tuple[str, ...]:
        """Store events for a replay, as payloads that hold just them, in one object. Returns its key.

        Where that could not be read again, being too large, they are several objects.

        Args:
            rest: what is left of each payload.
            attempts: how often they have been stored, this time included: the highest number of them all.
            since: when they were stored first: the oldest of them all; None for now.
        """
        time = since or _now()
        keys = tuple(
            self._make(FAILED, FAILED_SUFFIX, time, data, {"attempts": str(attempts), **describe(held)})
            for data, held in pack(rest)
        )
        self._kept.update(keys)
        return keys

    def reject(
        self, rest: Sequence[Rest], formats: str, *, source: Pending | None = None, replace: bool = True
    ) -> str:
        """Store events for people, each with what was said of it, in one object. Returns its key.

        Args:
            rest: the events of each payload.
            formats: those that their lines were read by.
            source: the object, or the record of a stream, that they were read from. Where it comes again, for
                it could not be dropped, they replace what was written, and are not there twice.
            replace: whether they do; else that stays, nothing is stored, and no key is returned.
        """
        now = _now()
        data = write_lines(rest, formats, now.isoformat(timespec="milliseconds"))
        metadata = describe(rest)
        if source is None:
            return self._make(REJECTED, REJECTED_SUFFIX, now, data, metadata)
        condition = {} if replace else {"IfNoneMatch": "*"}
        try:
            return self._write(source.name_after(REJECTED_SUFFIX), data, metadata, **condition)
        except self._s3.exceptions.ClientError as error:
            if is_overtaken(error):
                return ""
            raise

    def put_aside(self, source: Pending, data: bytes, reason: str) -> str:
        """Store for people what cannot be read, as it came. Returns the key.

        Args:
            source: what names it wherever it is handed over again: then it replaces what was written.
            data: its bytes.
            reason: why it cannot be read.
        """
        metadata = {"reason": to_ascii(reason), "was": to_ascii(source.key)}
        return self._write(source.name_after(UNREADABLE_SUFFIX), data, metadata)

    def set_aside(self, pending: Pending, reason: str) -> str | None:
        """Move an object that cannot be handled to the rejected ones, as it is, without reading it.

        Returns:
            The new key; None where the object is gone, or is another one by now, which stays.
        """
        key = pending.name_after(UNREADABLE_SUFFIX)
        try:
            self._copy(pending, key, {"reason": to_ascii(reason), "was": to_ascii(pending.key)})
        except self._s3.exceptions.ClientError as error:
            if is_gone(error) or read_status(error) == HTTPStatus.PRECONDITION_FAILED:
                return None
            raise
        return key if self.drop(pending.key, pending.etag) else None

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
        # Of Lambda's names, which begin with a function or a mapping, the first page: a thousand.
        firsts = [*islice(self._list(FAILED), 1), *islice(self._list(ON_FAILURE), MOST_AT_ONCE)]
        return min(firsts, key=lambda each: each.since, default=None)

    def _list(self, prefix: str, after: str = "") -> Iterator[Pending]:
        paginate = self._s3.get_paginator("list_objects_v2").paginate
        # S3 is not asked to begin behind nothing.
        pages = (
            paginate(Bucket=self._bucket, Prefix=prefix, StartAfter=after)
            if after
            else paginate(Bucket=self._bucket, Prefix=prefix)
        )
        for page in pages:
            for each in page.get("Contents", ()):
                yield Pending(each["Key"], each["Size"], each["LastModified"], each["ETag"])

    def read(self, key: str) -> Content | None:
        """Return what an object holds; None where it is gone, which another replay may have caused."""
        try:
            found = self._s3.get_object(Bucket=self._bucket, Key=key)
        except self._s3.exceptions.NoSuchKey:
            return None
        metadata = found["Metadata"]
        return Content(
            found["Body"].read(),
            etag=found["ETag"],
            attempts=read_number(metadata.get("attempts", "")),
            reason=metadata.get("reason", "invocation failed"),
            log_group=metadata.get("log-group", ""),
            rejected=holds_lines(key),
        )

    def drop(self, key: str, etag: str | None = None) -> bool:
        """Remove an object whose events are all settled.

        Args:
            key: its name.
            etag: of what was read of it; None for whatever it holds.

        Returns:
            Whether it is gone. Not so where somebody has put another one in its place, or is at it now.
        """
        condition: dict[str, Any] = {} if etag is None else {"IfMatch": etag}
        try:
            self._s3.delete_object(Bucket=self._bucket, Key=key, **condition)
        except self._s3.exceptions.ClientError as error:
            if is_gone(error):
                return True  # so says S3 where there is a condition
            if is_overtaken(error):
                return False
            raise
        return True

    def drop_all(self, objects: Sequence[Pending]) -> dict[str, str]:
        """Remove objects whose events are all settled, as they were read, many at once.

        S3 compares the ETag of each ("How to perform conditional deletes", Amazon S3 User Guide).

        Returns:
            key -> S3's error code, of those that are still there.
        """
        left: dict[str, str] = {}
        for start in range(0, len(objects), MOST_AT_ONCE):
            some = objects[start : start + MOST_AT_ONCE]
            named: list[ObjectIdentifierTypeDef] = [
                {"Key": each.key, "ETag": each.etag} for each in some if each.key.isprintable()
            ]
            for each in some:
                # XML cannot hold each character that a key can.
                if not each.key.isprintable() and not self.drop(each.key, each.etag):
                    left[each.key] = "PreconditionFailed"
            if named:
                answer = self._s3.delete_objects(
                    Bucket=self._bucket, Delete={"Objects": named, "Quiet": True}
                )
                left |= {each["Key"]: each["Code"] for each in answer.get("Errors", ())}
        return {key: code for key, code in left.items() if code != "NoSuchKey"}

    def read_journal(self) -> bytes | None:
        """Return what a run has left for the next; None where it has left nothing."""
        try:
            return self._s3.get_object(Bucket=self._bucket, Key=JOURNAL)["Body"].read()
        except self._s3.exceptions.NoSuchKey:
            return None

    def write_journal(self, data: bytes | None) -> None:
        """Leave something for the next run, in the place of what is there; None for nothing."""
        if data is None:
            self._s3.delete_object(Bucket=self._bucket, Key=JOURNAL)
        else:
            self._s3.put_object(Bucket=self._bucket, Key=JOURNAL, Body=data, **self._encryption)  # type: ignore[arg-type]  # the two forms that S3 knows

    def _copy(self, source: Pending, key: str, metadata: dict[str, str]) -> None:
        self._s3.copy_object(
            Bucket=self._bucket,
            Key=key,
            CopySource={"Bucket": self._bucket, "Key": source.key},
            CopySourceIfMatch=source.etag,
            Metadata=metadata,
            MetadataDirective="REPLACE",
            TaggingDirective="REPLACE",
            ChecksumAlgorithm="SHA256",
            **self._encryption,  # type: ignore[arg-type]  # the two forms that S3 knows
        )

    def _make(self, prefix: str, suffix: str, time: datetime, data: bytes, metadata: dict[str, str]) -> str:
        """Write an object under a name that nothing else has."""
        self._written += 1
        key = name_anew(prefix, suffix, time, f"{self._unique}-{self._written}")
        try:
            return self._write(key, data, metadata, IfNoneMatch="*")
        except self._s3.exceptions.ClientError as error:
            # The client tries twice. Where the answer to the first try is lost, the second finds it done.
            again = error.response["ResponseMetadata"].get("RetryAttempts", 0)
            if again and read_status(error) == HTTPStatus.PRECONDITION_FAILED:
                return key
            raise

    def _write(self, key: str, data: bytes, metadata: dict[str, str], **condition: Any) -> str:  # noqa: ANN401  # of put_object
        self._s3.put_object(
            Bucket=self._bucket,
            Key=key,
            Body=data,
            Metadata=metadata,
            ChecksumAlgorithm="SHA256",
            **self._encryption,  # type: ignore[arg-type]  # the two forms that S3 knows
            **condition,
        )
        return key


def _until(objects: Iterable[Pending], last: str) -> Iterator[Pending]:
    return takewhile(lambda each: each.key <= last, objects)


def _now() -> datetime:
    return datetime.now(UTC)
