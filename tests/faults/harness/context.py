"""What Lambda tells an invocation about itself."""

import time
import uuid
from typing import Final, cast

from aws_lambda_powertools.utilities.typing import LambdaContext

FUNCTION: Final = "forward"


class Context:
    """What Lambda tells an invocation; the remaining time is real."""

    def __init__(self, request_id: str, seconds: float, function: str = FUNCTION) -> None:
        self.aws_request_id = request_id
        self.function_name = function
        self._end = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._end - time.monotonic()) * 1000))


def make_context(request_id: str | None, seconds: float, function: str = FUNCTION) -> LambdaContext:
    """Return the context of an invocation that has that many seconds; without an id it gets a new one."""
    return cast("LambdaContext", Context(request_id or str(uuid.uuid4()), seconds, function))
