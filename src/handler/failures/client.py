"""The client for S3, and what its errors say."""

from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


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


def read_status(error: Any) -> int:  # noqa: ANN401  # botocore's ClientError, which would cost its import
    """Return the HTTP status of what S3 answered."""
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])


def is_gone(error: Any) -> bool:  # noqa: ANN401  # ClientError, as above
    """Tell whether there is no such object."""
    return bool(error.response["Error"]["Code"] == "NoSuchKey")


def is_overtaken(error: Any) -> bool:  # noqa: ANN401  # ClientError, as above
    """Tell whether the object is not as a condition wants it, or somebody is at it now."""
    return read_status(error) in (HTTPStatus.PRECONDITION_FAILED, HTTPStatus.CONFLICT)


def is_of_s3(error: Exception) -> bool:
    """Tell whether an error is S3's answer, or says that none came."""
    from botocore.exceptions import BotoCoreError, ClientError

    return isinstance(error, BotoCoreError | ClientError)


def is_refusal(error: Exception) -> bool:
    """Tell whether S3 answers that just this is not to be had: archived, its key lost, access denied."""
    from botocore.exceptions import ClientError

    return (
        isinstance(error, ClientError)
        and HTTPStatus.BAD_REQUEST <= read_status(error) < HTTPStatus.TOO_MANY_REQUESTS
    )
