"""How commands end, alike for all of them."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import typer

from flowlogs.opensearch_releases import EmbeddedError
from handler.config import ConfigError

INCOMPLETE: Final = 1
"""The command ran, and something that it was asked about is not as it should be."""

USAGE: Final = 2
"""The command was called wrongly, or its environment is not usable."""


def fail(message: str, status: int) -> typer.Exit:
    """Say on standard error what is wrong; return what to raise."""
    print(f"flowlogs: {message}", file=sys.stderr)
    return typer.Exit(status)


@contextmanager
def explained() -> Iterator[None]:
    """Turn what a person can mend into a sentence, instead of a traceback."""
    # Slow to import, and needed only by commands that talk to something.
    from botocore.exceptions import BotoCoreError, ClientError
    from opensearchpy.exceptions import OpenSearchException

    try:
        yield
    except ConfigError as error:
        raise fail(str(error), USAGE) from error
    except (BotoCoreError, ClientError, OpenSearchException, EmbeddedError) as error:
        raise fail(str(error), INCOMPLETE) from error
