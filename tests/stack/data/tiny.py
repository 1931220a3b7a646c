"""A function that does what a test asks for."""

# ruff: noqa: T201  # what a function prints is its log

import importlib.util
import itertools
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from awslambdaric.lambda_context import LambdaContext

print("tiny is imported")

calls = itertools.count(1)


def lambda_handler(event: dict[str, Any], context: "LambdaContext") -> object:
    print(f"call {next(calls)}")
    match event["do"]:
        case "echo":
            return event
        case "tell the context":
            return tell_context(context)
        case "tell the environment":
            return dict(os.environ)
        case "find modules":
            return {name: importlib.util.find_spec(name) is not None for name in event["names"]}
        case "take memory":
            return len(b"x" * event["bytes"])
        case "raise":
            raise ValueError(event["text"])
        case "exit":
            os._exit(event["status"])
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "hang":
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
            print(child.pid)
            time.sleep(600)
    return None


def tell_context(context: "LambdaContext") -> dict[str, object]:
    return {
        "request_id": context.aws_request_id,
        "arn": context.invoked_function_arn,
        "name": context.function_name,
        "memory": context.memory_limit_in_mb,
        "remaining_ms": context.get_remaining_time_in_millis(),
    }
