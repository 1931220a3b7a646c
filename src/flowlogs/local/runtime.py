"""A Lambda execution environment on this machine, without Docker.

The function runs as in Lambda: in a process of its own under AWS's runtime interface client, which
asks a Runtime API for invocations. It sees the artifact, what Lambda's runtime brings (the client
itself and boto3) and a clean environment; nothing of this project, nothing else that is installed.

    with ExecutionEnvironment(artifact, "handler.forward.lambda_handler", {"OPENSEARCH_URL": url}) as forward:
        invocation = forward.invoke(event)
"""

import contextlib
import json
import os
import sys
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from flowlogs.local.runtime_api import Kind, Message
from flowlogs.local.runtime_process import FunctionProcess, link_runtime_packages

ACCOUNT: Final = "123456789012"
FUNCTION: Final = "ForwardFunction"
REGION: Final = "eu-central-1"

LONGEST_INIT: Final = 10.0
"""Seconds that a function may take to start, where its timeout is not longer."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """What became of one invocation.

    Attributes:
        request_id: the one given, or a new one.
        payload: what the handler returned, or Lambda's error object (errorType, errorMessage, ...).
        error: None, or the kind of error: the exception that the handler raised, what went wrong in the
            start (`Runtime.ImportModuleError`, ...), `Runtime.ExitError`, `Sandbox.Timedout`.
        log: what the function wrote meanwhile; in a cold start also what its start wrote.
        init_ms: milliseconds of the start, process and imports; None where it was running already.
        duration_ms: milliseconds from handing the event over to the answer.
        max_memory_mb: peak of the process's resident memory so far, in MiB; None where the process
            has ended, or the system does not tell (Linux does).
    """

    request_id: str
    payload: Any
    error: str | None
    log: str
    init_ms: float | None
    duration_ms: float
    max_memory_mb: float | None


class ExecutionEnvironment:
    """One execution environment of a function, a context manager.

    It starts with the first invocation (a cold start), and anew after a crash or a timeout. One
    invocation at a time, as in Lambda; several environments may exist side by side.
    """

    def __init__(
        self,
        artifact: Path,
        handler: str,
        environ: Mapping[str, str],
        *,
        memory_mb: int = 256,
        timeout: float = 60,
        layers: Sequence[Path] = (),
    ) -> None:
        """Describe an environment; nothing runs yet.

        Args:
            artifact: the folder that `sam build` made, for this Python version and processor.
            handler: module and function, such as `handler.forward.lambda_handler`.
            environ: the function's environment variables; Lambda's own can be replaced, too.
            memory_mb: memory of the function in MiB; its heap gets no more than that (on Linux).
            timeout: seconds after which an invocation is killed.
            layers: folders in which modules are found, too, behind the artifact.
        """
        self._artifact = artifact.resolve()
        self._handler = handler
        self._environ = dict(environ)
        self._memory_mb = memory_mb
        self._timeout = timeout
        self._layers = [layer.resolve() for layer in layers]
        self._made = contextlib.ExitStack()
        self._folder: Path | None = None
        self._process: FunctionProcess | None = None

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as made:
            folder = Path(made.enter_context(tempfile.TemporaryDirectory(prefix="flowlogs-runtime-")))
            (folder / "tmp").mkdir()
            link_runtime_packages(folder / "runtime")
            self._made, self._folder = made.pop_all(), folder
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()
        self._made.close()
        self._folder = None

    @property
    def pid(self) -> int | None:
        """The process that runs the function; None before a cold start."""
        return self._process.pid if self._process else None

    def invoke(self, event: object, request_id: str | None = None) -> Invocation:
        """Invoke the function with an event (a value of JSON) and wait for the end.

        Lambda repeats a failed asynchronous invocation under the same request id: give it to do so.
        Whatever goes wrong in the function is in the result; nothing is raised for it.
        """
        request_id = request_id or str(uuid.uuid4())
        if self._process and not self._process.is_running():
            self._stop()
        process, init_ms = self._process, None
        if process is None:
            process = self._process = self._start()
            message = process.api.wait(max(LONGEST_INIT, self._timeout))
            init_ms = (time.perf_counter() - process.started) * 1000
            if message.kind is not Kind.READY:
                return self._conclude(process, request_id, message, init_ms, 0.0)
        started = time.perf_counter()
        process.api.hand_over(self._headers(request_id), json.dumps(event).encode())
        message = process.api.wait(self._timeout)
        duration_ms = (time.perf_counter() - started) * 1000
        return self._conclude(process, request_id, message, init_ms, duration_ms)

    def _conclude(
        self,
        process: FunctionProcess,
        request_id: str,
        message: Message,
        init_ms: float | None,
        duration_ms: float,
    ) -> Invocation:
        """Make the result, and end the process if Lambda would."""
        memory = process.read_peak_memory_mb()
        goes_on = message.kind in (Kind.RESULT, Kind.ERROR)
        if not goes_on:
            process.kill()
        payload = json.loads(message.body) if message.body else self._fault(process, request_id, message)
        error = None if message.kind is Kind.RESULT else str(payload["errorType"])
        result = Invocation(request_id, payload, error, process.read_log(), init_ms, duration_ms, memory)
        if not goes_on:
            self._stop()
        return result

    def _fault(self, process: FunctionProcess, request_id: str, message: Message) -> dict[str, str]:
        """Return the error object of a process that did not answer."""
        if message.kind is Kind.TIMED_OUT:
            kind, text = "Sandbox.Timedout", f"Task timed out after {self._timeout:.2f} seconds"
        else:
            kind, text = "Runtime.ExitError", f"Runtime exited with error: {process.describe_exit()}"
        return {"errorType": kind, "errorMessage": f"RequestId: {request_id} Error: {text}"}

    def _start(self) -> FunctionProcess:
        if self._folder is None:
            raise RuntimeError("an execution environment is used in a with statement")
        return FunctionProcess(
            self._handler,
            self._function_environ(self._folder),
            folder=self._artifact,
            log=self._folder / "log",
            memory_mb=self._memory_mb,
        )

    def _stop(self) -> None:
        if self._process:
            self._process.close()
            self._process = None

    def _headers(self, request_id: str) -> dict[str, str]:
        environ = self._environ
        region, name = environ.get("AWS_REGION", REGION), environ.get("AWS_LAMBDA_FUNCTION_NAME", FUNCTION)
        return {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": request_id,
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + self._timeout) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": f"arn:aws:lambda:{region}:{ACCOUNT}:function:{name}",
            "Lambda-Runtime-Trace-Id": f"Root=1-{int(time.time()):x}-{uuid.uuid4().hex[:24]};Sampled=0",
        }

    def _function_environ(self, folder: Path) -> dict[str, str]:
        """Return all environment variables of the process: Lambda's, and the function's own."""
        temporary = str(folder / "tmp")
        region = self._environ.get("AWS_REGION", REGION)
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "PYTHONPATH": os.pathsep.join(map(str, [self._artifact, *self._layers, folder / "runtime"])),
            # Lambda's artifact is read-only: what is not compiled is compiled again in each start.
            "PYTHONDONTWRITEBYTECODE": "1",
            # Neither files nor credentials of the person who runs this.
            "HOME": temporary,
            "TMPDIR": temporary,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info[0]}.{sys.version_info[1]}",
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_LAMBDA_FUNCTION_NAME": FUNCTION,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self._memory_mb),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_FORMAT": "JSON",
            "AWS_LAMBDA_LOG_LEVEL": "INFO",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{FUNCTION}",
            "AWS_LAMBDA_LOG_STREAM_NAME": f"[$LATEST]{uuid.uuid4().hex}",
            "LAMBDA_TASK_ROOT": str(self._artifact),
            "_HANDLER": self._handler,
            **self._environ,
        }
