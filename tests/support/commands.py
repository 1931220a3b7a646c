"""The command line, called in this process, and the names of the account that its tests use."""

import json
from dataclasses import dataclass
from typing import Any, Final

BUCKET: Final = "flowlogs-failures"
REGION: Final = "eu-central-1"


@dataclass(frozen=True)
class Told:
    """What a command printed, and its exit status."""

    status: int
    output: str
    errors: str

    @property
    def json(self) -> Any:  # what it is depends on the command
        return json.loads(self.output)


def run(*arguments: str) -> Told:
    """Call the command line."""
    # The tests of other parts read the names above, and shall not wait for all commands.
    from typer.testing import CliRunner

    from flowlogs.command_line import app
    from handler.observe import logger

    stream = logger.registered_handler.stream  # type: ignore[attr-defined]  # a StreamHandler
    try:
        result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    finally:
        # A command that logs has turned the log to its own standard error, which is closed now.
        logger.registered_handler.stream = stream  # type: ignore[attr-defined]  # a StreamHandler
    return Told(result.exit_code, result.stdout, result.stderr)
