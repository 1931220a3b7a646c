"""Objects that S3 does not give, which hide no other."""

from flowlogs.terminal.exits import describe, is_unusable
from handler.failures import Content, FailureStore
from handler.failures.client import is_refusal


class WithheldError(Exception):
    """S3 refuses one object: it is archived, its KMS key is lost, or access to it is denied."""


def read(store: FailureStore, key: str) -> Content | None:
    """Return what an object holds; None where it is gone.

    Raises:
        WithheldError: S3 does not give just this one.
        botocore.exceptions.ClientError, BotoCoreError: it gives none, as the command is called, or is away.
    """
    try:
        return store.read(key)
    except Exception as error:
        if is_refusal(error) and not is_unusable(error):
            raise WithheldError(describe(error)) from error
        raise
