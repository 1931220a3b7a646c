"""Processes that run a function once and kill themselves with SIGKILL at a step of it.

`Victims` runs this module as a program, which makes a new process for each order. A process that ends
by itself never reached its step: with status 0, or 1 where the function raised.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import boto3  # noqa: F401  # so that it is there when a function needs it

from faults.harness import mutations  # noqa: F401  # takes effect here, too
from faults.harness.context import make_context
from handler import delivery, forward, replay, stream
from handler.failures import FailureStore
from handler.replaying.settling import Settler

BEFORE: Final = "before"
AFTER: Final = "after"


@dataclass(frozen=True)
class Step:
    """A moment in the run of a function: before or after the n-th call of something.

    Attributes:
        owner: a module or a class.
        name: what of it is called.
        moment: BEFORE or AFTER.
        number: which call, from 1.
    """

    owner: Any
    name: str
    moment: str
    number: int = 1


FORWARD: Final = {
    "before the payload is read": Step(forward, "decode_event", BEFORE),
    "before the first request": Step(delivery.Delivery, "_post", BEFORE),
    "after a request, before its reply is judged": Step(delivery, "judge", BEFORE),
    "before the second request": Step(delivery.Delivery, "_post", BEFORE, 2),
    "before anything is stored": Step(FailureStore, "keep", BEFORE),
    "before the pending are written": Step(FailureStore, "_write", BEFORE),
    "after the pending are stored": Step(FailureStore, "keep", AFTER),
    "before the rejected are written": Step(FailureStore, "_write", BEFORE, 2),
    "after the rejected are stored": Step(FailureStore, "reject", AFTER),
    "before the answer": Step(forward, "tell", BEFORE),
}
STREAM: Final = {
    "before the records are read": Step(stream, "read_records", BEFORE),
    "before the first request": Step(delivery.Delivery, "_post", BEFORE),
    "after a request, before its reply is judged": Step(delivery, "judge", BEFORE),
    "before a record that is no payload is set aside": Step(FailureStore, "put_aside", BEFORE),
    "after a record that is no payload is set aside": Step(FailureStore, "put_aside", AFTER),
    "before anything is stored": Step(FailureStore, "keep", BEFORE),
    "before the pending are written": Step(FailureStore, "_write", BEFORE),
    "after the pending are stored": Step(FailureStore, "keep", AFTER),
    "before the rejected are stored": Step(FailureStore, "reject", BEFORE),
    "after the rejected of a record are stored": Step(FailureStore, "reject", AFTER),
    "after the rejected of another are stored": Step(FailureStore, "reject", AFTER, 2),
    "before the numbers are told": Step(stream, "tell", BEFORE),
    "before the answer": Step(stream, "answer", BEFORE),
}
REPLAY: Final = {
    "before the journal is read": Step(FailureStore, "read_journal", BEFORE),
    "before the bucket is listed": Step(FailureStore, "walk", BEFORE),
    "before the journal is written": Step(FailureStore, "write_journal", BEFORE),
    "after the journal is written": Step(FailureStore, "write_journal", AFTER),
    "before the first object is read": Step(FailureStore, "read", BEFORE),
    "after it is read": Step(FailureStore, "read", AFTER),
    "before the first request": Step(delivery.Delivery, "_post", BEFORE),
    "after a request, before its reply is judged": Step(delivery, "judge", BEFORE),
    "before the store is touched": Step(Settler, "settle", BEFORE),
    "before the rest is written back": Step(FailureStore, "_write", BEFORE),
    "after the rest is written back": Step(FailureStore, "keep", AFTER),
    "before the rejected are stored": Step(FailureStore, "reject", BEFORE),
    "after the rejected are stored": Step(FailureStore, "reject", AFTER),
    "before the object is dropped": Step(FailureStore, "drop_all", BEFORE),
    "after the object is dropped": Step(FailureStore, "drop_all", AFTER),
    "before the second object is read": Step(FailureStore, "read", BEFORE, 2),
    "before an unreadable object is copied": Step(FailureStore, "_copy", BEFORE),
    "after an unreadable object is copied": Step(FailureStore, "_copy", AFTER),
    "before an unreadable object is dropped": Step(FailureStore, "drop", BEFORE),
    "after an unreadable object is moved": Step(FailureStore, "set_aside", AFTER),
    "before the journal is closed": Step(FailureStore, "write_journal", BEFORE, 2),
    "before the answer": Step(replay, "tell", BEFORE),
}
BATCH: Final = {
    "before an object of it is read ahead": Step(FailureStore, "read", BEFORE, 3),
    "before its request": Step(delivery.Delivery, "_post", BEFORE, 3),
    "after its request": Step(delivery, "judge", BEFORE, 3),
    "before the store is touched": Step(Settler, "settle", BEFORE, 2),
    "before the rest of all is written": Step(FailureStore, "keep", BEFORE, 2),
    "after the rest of all is written": Step(FailureStore, "keep", AFTER, 2),
    "between the rejected ones of two objects": Step(FailureStore, "reject", AFTER, 2),
    "before the objects are dropped": Step(FailureStore, "drop_all", BEFORE, 2),
    "after the objects are dropped": Step(FailureStore, "drop_all", AFTER, 2),
}
"""Of a batch of several objects; the first batch of a run is one object."""

DAMAGED: Final = {
    "before the damaged part is set aside": Step(FailureStore, "put_aside", BEFORE),
    "after the damaged part is set aside": Step(FailureStore, "put_aside", AFTER),
    "before the rest is written back": Step(FailureStore, "keep", BEFORE),
    "before the rejected are stored": Step(FailureStore, "reject", BEFORE),
    "before the object is dropped": Step(FailureStore, "drop_all", BEFORE),
    "after the object is dropped": Step(FailureStore, "drop_all", AFTER),
}
"""Of an object of which a part cannot be read."""

STEPS: Final = {
    "forward": FORWARD,
    "stream": STREAM,
    "replay": REPLAY
    | {f"of a batch, {step}": BATCH[step] for step in BATCH}
    | {f"of a damaged object, {step}": DAMAGED[step] for step in DAMAGED},
}
HANDLERS: Final[dict[str, Callable[..., object]]] = {
    "forward": forward.lambda_handler,
    "stream": stream.lambda_handler,
    "replay": replay.lambda_handler,
}


class Victims:
    """Runs functions to their death; a context manager."""

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", __name__]
        environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        self._process = subprocess.Popen(
            command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    def kill(self, function: str, step: str, event: object, environ: dict[str, str], request_id: str) -> None:
        """Run a function in a process that dies at that step; raise where it does not."""
        status = self.run(function, event, environ, request_id, step=step)
        assert status == -signal.SIGKILL, f"{function} did not come to the step {step!r}"

    def run(
        self,
        function: str,
        event: object,
        environ: dict[str, str],
        request_id: str,
        *,
        step: str | None = None,
    ) -> int:
        """Run a function in a process of its own and return its exit status."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = {
            "function": function,
            "step": step,
            "event": event,
            "environ": environ,
            "request_id": request_id,
        }
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


def arm(step: Step) -> None:
    """Make this process die at that step."""
    original: Callable[..., Any] = getattr(step.owner, step.name)
    calls = 0

    def deadly(*arguments: Any, **named: Any) -> Any:  # of whatever it wraps
        nonlocal calls
        calls += 1
        if calls == step.number and step.moment == BEFORE:
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*arguments, **named)
        if calls == step.number:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(step.owner, step.name, deadly)


def run(order: dict[str, Any]) -> None:
    """Run a function once, up to a step."""
    os.environ.update(order["environ"])
    os.dup2(2, 1)  # what it prints is no answer of this program
    if order["step"] is not None:
        arm(STEPS[order["function"]][order["step"]])
    HANDLERS[order["function"]](order["event"], make_context(order["request_id"], 60.0))


def main() -> None:
    """Take orders, a line of JSON each; print for each how its process ended."""
    delivery.FIRST_DELAY = delivery.LONGEST_DELAY = 0.01  # type: ignore[misc]  # constants of the module
    for line in sys.stdin:
        child = os.fork()  # what is imported already need not be imported for each of them
        if not child:
            status = 1
            try:
                run(json.loads(line))
                status = 0
            finally:
                os._exit(status)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201  # this is the answer


if __name__ == "__main__":
    main()
