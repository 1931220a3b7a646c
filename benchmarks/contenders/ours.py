"""This project's forward function: the handler as Lambda calls it, with signing, log and metrics."""

import os
from collections.abc import Callable
from typing import Any


class Context:
    """What Lambda tells a function about its invocation."""

    function_name = "ForwardFunction"
    aws_request_id = "8f3e2a94-6d0b-4a44-9d6c-000000000000"

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds that are left."""
        return 60_000


def prepare(url: str, fields: tuple[str, ...]) -> Callable[[dict[str, Any]], None]:
    """Return what handles an event."""
    os.environ["OPENSEARCH_URL"] = url
    os.environ["LOG_FORMATS"] = " ".join(f"${{{name}}}" for name in fields)
    from handler.forward import lambda_handler

    context: Any = Context()

    def handle(event: dict[str, Any]) -> None:
        counts = lambda_handler(event, context)
        if counts["indexed"] != counts["received"]:
            raise RuntimeError(f"not all documents were taken: {counts}")

    return handle
