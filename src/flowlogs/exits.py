"""How commands end, alike for all of them."""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

import typer

from flowlogs.opensearch_releases import EmbeddedError
from handler.config import ConfigError

INCOMPLETE: Final = 1
"""The command ran, and something that it was asked about is not as it should be."""

USAGE: Final = 2
"""The command was called wrongly, or its environment is not usable."""

NO_CREDENTIALS: Final = (
    "no AWS credentials are found: give --profile, or set AWS_PROFILE, or sign in as for the AWS CLI"
)

debugging: Final = ContextVar("debugging", default=False)
"""Whether errors show where they come from (`--debug`)."""


def fail(message: str, status: int) -> typer.Exit:
    """Say on standard error what is wrong; return what to raise."""
    print(f"flowlogs: {message}", file=sys.stderr)
    return typer.Exit(status)


def describe(error: Exception) -> str:
    """Return what AWS, OpenSearch or a library says, as a sentence for people."""
    from botocore.exceptions import ClientError, NoCredentialsError, NoRegionError, PartialCredentialsError
    from opensearchpy.exceptions import ConnectionError as ClientConnectionError
    from opensearchpy.exceptions import TransportError

    match error:
        case NoCredentialsError() | PartialCredentialsError():
            return NO_CREDENTIALS
        case NoRegionError():
            return "no AWS Region is given: give --region, or set AWS_REGION"
        case ClientError():
            said = error.response.get("Error", {})
            return f"AWS refuses {error.operation_name}: {said.get('Code')}: {said.get('Message')}"
        case ClientConnectionError():
            # urllib3 begins some of its sentences with the connection object.
            return f"OpenSearch does not answer: {str(error.info).rsplit('>: ', maxsplit=1)[-1]}"
        case TransportError():
            return f"OpenSearch answers {error.status_code}: {_read_reason(error.info) or error.error}"
    return str(error)


def _read_reason(info: object) -> str:
    match info:
        case {"error": {"reason": str(reason)}} | {"message": str(reason)} | {"Message": str(reason)}:
            return reason
        case {"error": str(reason)}:
            return reason
    return ""


@contextmanager
def explained() -> Iterator[None]:
    """Turn what a person can mend into a sentence, instead of a traceback."""
    # Slow to import, and needed only by commands that talk to something.
    from botocore.exceptions import BotoCoreError, ClientError
    from opensearchpy.exceptions import OpenSearchException

    try:
        yield
    except ConfigError as error:
        raise _explain(error, USAGE) from error
    except (BotoCoreError, ClientError, OpenSearchException, EmbeddedError) as error:
        raise _explain(error, INCOMPLETE) from error


def _explain(error: Exception, status: int) -> typer.Exit:
    if debugging.get():
        traceback.print_exception(error)
    return fail(describe(error), status)


@contextmanager
def unsurprising() -> Iterator[None]:
    """Turn an error that nobody has foreseen into a sentence, too; around the whole command line."""
    try:
        yield
    except (typer.Exit, typer.Abort, typer.TyperException, BrokenPipeError):
        raise  # typer ends the command as it should end
    except Exception as error:
        hint = "" if debugging.get() else "; --debug shows where"
        if debugging.get():
            traceback.print_exception(error)
        raise fail(f"unexpected {type(error).__name__}: {error}{hint}", INCOMPLETE) from error
