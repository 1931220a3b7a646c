"""A bucket in memory, with the calls of boto3 that the failure store makes: for thousands of runs."""

import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

EPOCH = datetime(2026, 1, 15, tzinfo=UTC)


class NoSuchKey(ClientError):  # noqa: N818  # boto3's name
    """There is no such object."""


class Exceptions:
    """What the client raises."""

    ClientError = ClientError
    NoSuchKey = NoSuchKey


def make_error(status: int, code: str, kind: type[ClientError] = ClientError) -> ClientError:
    """Return what boto3 raises for an answer of S3."""
    response: Any = {
        "Error": {"Code": code, "Message": code},
        "ResponseMetadata": {"HTTPStatusCode": status, "RetryAttempts": 0},
    }
    return kind(response, "Operation")


@dataclass(frozen=True)
class Stored:
    """An object."""

    data: bytes
    metadata: dict[str, str]
    modified: datetime

    @property
    def etag(self) -> str:
        return f'"{hashlib.md5(self.data, usedforsecurity=False).hexdigest()}"'


@dataclass
class MemoryS3:
    """The client.

    Attributes:
        objects: what is in the bucket.
        calls: name and key of each call.
        before: told of each call first; it may raise.
    """

    objects: dict[str, Stored] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    before: Callable[[str, str], object] = lambda *_: None
    exceptions: type[Exceptions] = Exceptions

    def put(self, key: str, data: bytes, **metadata: str) -> None:
        """Put an object there, as somebody else would."""
        self.objects[key] = Stored(data, metadata, EPOCH + timedelta(seconds=len(self.calls)))

    def keys(self, prefix: str = "") -> list[str]:
        return sorted(key for key in self.objects if key.startswith(prefix))

    def put_object(
        self,
        *,
        Key: str,
        Body: bytes,
        Metadata: dict[str, str] | None = None,
        IfNoneMatch: str = "",
        **_: Any,
    ) -> dict[str, Any]:
        self._call("put", Key)
        if IfNoneMatch and Key in self.objects:
            raise make_error(412, "PreconditionFailed")
        self.put(Key, Body, **Metadata or {})
        return {}

    def get_object(self, *, Key: str, **_: Any) -> dict[str, Any]:
        self._call("get", Key)
        found = self._find(Key)
        return {"Body": io.BytesIO(found.data), "Metadata": found.metadata, "ETag": found.etag}

    def delete_object(self, *, Key: str, IfMatch: str = "", **_: Any) -> dict[str, Any]:
        self._call("delete", Key)
        if IfMatch and self._find(Key).etag != IfMatch:
            raise make_error(412, "PreconditionFailed")
        self.objects.pop(Key, None)
        return {}

    def delete_objects(self, *, Delete: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Delete as S3 does: each for itself, and a refusal of one is an entry of the answer."""
        errors = []
        self._call("delete_objects", str(len(Delete["Objects"])))
        for each in Delete["Objects"]:
            try:
                self.delete_object(Key=each["Key"], IfMatch=each.get("ETag", ""))
            except ClientError as error:
                errors.append({"Key": each["Key"], "Code": error.response["Error"]["Code"]})
        return {"Errors": errors} if errors else {}

    def copy_object(
        self,
        *,
        Key: str,
        CopySource: dict[str, str],
        CopySourceIfMatch: str,
        Metadata: dict[str, str],
        **_: Any,
    ) -> dict[str, Any]:
        self._call("copy", CopySource["Key"])
        found = self._find(CopySource["Key"])
        if found.etag != CopySourceIfMatch:
            raise make_error(412, "PreconditionFailed")
        self.put(Key, found.data, **Metadata)
        return {}

    def get_paginator(self, _: str) -> "MemoryS3":
        return self

    def paginate(self, *, Prefix: str, StartAfter: str = "", **_: Any) -> Iterator[dict[str, Any]]:
        self._call("list", Prefix)
        contents = [
            {"Key": key, "Size": len(found.data), "LastModified": found.modified, "ETag": found.etag}
            for key, found in sorted(self.objects.items())
            if key.startswith(Prefix) and key > StartAfter
        ]
        yield {"Contents": contents}

    def _call(self, name: str, key: str) -> None:
        self.calls.append((name, key))
        self.before(name, key)

    def _find(self, key: str) -> Stored:
        if key not in self.objects:
            raise make_error(404, "NoSuchKey", NoSuchKey)
        return self.objects[key]
