"""An invocation of the forward function in this process: its environment, its context, what it prints."""

import io
import json
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from handler import forward, observe
from handler.environment import prepare


@dataclass(frozen=True)
class Context:
    """What Lambda tells an invocation. There is always a minute left."""

    function_name: str = "forward"
    aws_request_id: str = "6f7d5c1e-0a64-4d1c-a2a5-5f2e8a3d9b10"
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:123456789010:function:forward"

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds that are left."""
        return 60_000


@dataclass
class Invocation:
    """The function in a new execution environment; may be invoked several times.

    Attributes:
        log: what its logger wrote, and what it printed: in Lambda that is one log.
        context: what Lambda tells each invocation.
    """

    monkeypatch: pytest.MonkeyPatch
    environ: Mapping[str, str]
    log: io.StringIO = field(default_factory=io.StringIO)
    context: Context = field(default_factory=Context)

    def __post_init__(self) -> None:
        for name, value in self.environ.items():
            self.monkeypatch.setenv(name, value)
        self.monkeypatch.setattr(observe.logger.registered_handler, "stream", self.log)
        prepare.cache_clear()

    def __call__(self, event: object) -> dict[str, int]:
        """Call the handler as the runtime does."""
        with redirect_stdout(self.log):
            return forward.lambda_handler(cast("dict[str, Any]", event), cast("LambdaContext", self.context))

    def read_log(self) -> list[dict[str, Any]]:
        """Return the lines of the log, each of which must be a JSON object."""
        return [json.loads(line) for line in self.log.getvalue().splitlines()]
