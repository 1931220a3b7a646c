"""The execution environment on this machine behaves as Lambda's does."""

import contextlib
import os
import select
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flowlogs.local.runtime import ExecutionEnvironment

DATA = Path(__file__).parent / "data"
HANDLER = "tiny.lambda_handler"


@pytest.fixture
def tiny() -> Iterator[ExecutionEnvironment]:
    with ExecutionEnvironment(DATA, HANDLER, {"COLOUR": "green"}, timeout=20) as environment:
        yield environment


@pytest.mark.parametrize(
    "event",
    [
        pytest.param({"do": "echo", "n": [1, 2.5, None, True]}, id="values"),
        pytest.param({"do": "echo", "text": 'é \u2028 \x00 \U0001f600 "\\'}, id="text"),
        pytest.param({"do": "echo", "text": "x" * 1_000_000}, id="a megabyte"),
    ],
)
def test_an_event_arrives_and_the_result_comes_back(
    tiny: ExecutionEnvironment, event: dict[str, Any]
) -> None:
    invocation = tiny.invoke(event)
    assert (invocation.payload, invocation.error) == (event, None)


def test_a_result_of_none_is_no_error(tiny: ExecutionEnvironment) -> None:
    invocation = tiny.invoke({"do": "nothing"})
    assert (invocation.payload, invocation.error) == (None, None)


def test_only_the_first_invocation_is_a_cold_start(tiny: ExecutionEnvironment) -> None:
    cold, warm = tiny.invoke({"do": "nothing"}), tiny.invoke({"do": "nothing"})
    assert cold.init_ms is not None
    assert cold.init_ms > 0
    assert warm.init_ms is None


def test_a_warm_invocation_adds_next_to_nothing(tiny: ExecutionEnvironment) -> None:
    tiny.invoke({"do": "nothing"})
    # Packets that wait for an acknowledgement would add 40 ms to each.
    assert min(tiny.invoke({"do": "nothing"}).duration_ms for _ in range(10)) < 20


def test_the_log_of_an_invocation_is_what_it_wrote(tiny: ExecutionEnvironment) -> None:
    logs = [tiny.invoke({"do": "nothing"}).log for _ in range(2)]
    assert logs == ["tiny is imported\ncall 1\n", "call 2\n"]


def test_the_peak_of_memory_is_measured(tiny: ExecutionEnvironment) -> None:
    before = tiny.invoke({"do": "nothing"}).max_memory_mb
    after = tiny.invoke({"do": "take memory", "bytes": 50 * 1024 * 1024}).max_memory_mb
    assert before is not None
    assert after is not None
    assert 45 < after - before < 60


def test_the_context_is_that_of_lambda(tiny: ExecutionEnvironment) -> None:
    context = tiny.invoke(
        {"do": "tell the context"}, request_id="11111111-2222-3333-4444-555555555555"
    ).payload
    assert 0 < context.pop("remaining_ms") <= 20_000
    assert context == {
        "request_id": "11111111-2222-3333-4444-555555555555",
        "arn": "arn:aws:lambda:eu-central-1:123456789012:function:ForwardFunction",
        "name": "ForwardFunction",
        "memory": "256",
    }


def test_nothing_of_this_environment_can_be_imported(tiny: ExecutionEnvironment) -> None:
    expected = {
        "tiny": True,
        "boto3": True,
        "botocore": True,
        "awslambdaric": True,
        "pytest": False,
        "opensearchpy": False,
        "flowlogs": False,
        "parser": False,
    }
    assert tiny.invoke({"do": "find modules", "names": list(expected)}).payload == expected


def test_nothing_of_this_processs_environment_variables_is_seen(
    tiny: ExecutionEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "mine")
    environ = tiny.invoke({"do": "tell the environment"}).payload
    assert environ["COLOUR"] == "green"
    assert environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
    assert environ["HOME"] != os.environ["HOME"]
    assert "AWS_PROFILE" not in environ


def test_a_layer_is_found_behind_the_artifact(tmp_path: Path) -> None:
    (tmp_path / "from_layer.py").touch()
    (tmp_path / "tiny.py").write_text("raise RuntimeError('the artifact comes first')")
    with ExecutionEnvironment(DATA, HANDLER, {}, layers=[tmp_path]) as environment:
        found = environment.invoke({"do": "find modules", "names": ["from_layer"]})
    assert found.payload == {"from_layer": True}


def test_an_exception_is_an_error_and_the_process_goes_on(tiny: ExecutionEnvironment) -> None:
    failed = tiny.invoke({"do": "raise", "text": "no such luck"}, request_id="r-1")
    trace = failed.payload.pop("stackTrace")
    assert failed.error == "ValueError"
    assert failed.payload == {"errorMessage": "no such luck", "errorType": "ValueError", "requestId": "r-1"}
    assert 'raise ValueError(event["text"])' in trace[-1]
    assert "no such luck" in failed.log
    assert tiny.invoke({"do": "nothing"}).log == "call 2\n"


@pytest.mark.parametrize(
    ("event", "how"),
    [
        pytest.param({"do": "exit", "status": 3}, "exit status 3", id="exits"),
        pytest.param({"do": "die"}, "signal: killed", id="is killed"),
    ],
)
def test_a_process_that_ends_is_an_error_and_starts_anew(
    tiny: ExecutionEnvironment, event: dict[str, Any], how: str
) -> None:
    ended = tiny.invoke(event, request_id="r-1")
    assert ended.error == "Runtime.ExitError"
    assert ended.payload == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: r-1 Error: Runtime exited with error: {how}",
    }
    again = tiny.invoke({"do": "nothing"})
    assert again.log == "tiny is imported\ncall 1\n"
    assert again.init_ms is not None


def test_a_process_killed_between_invocations_starts_anew(tiny: ExecutionEnvironment) -> None:
    tiny.invoke({"do": "nothing"})
    first = tiny.pid
    assert first is not None
    os.kill(first, 9)
    with contextlib.suppress(ChildProcessError):  # the environment has seen its end already
        os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    assert tiny.invoke({"do": "nothing"}).error is None
    assert tiny.pid != first


def test_a_timeout_kills_the_process_and_its_children() -> None:
    with ExecutionEnvironment(DATA, HANDLER, {}, timeout=1) as environment:
        hung = environment.invoke({"do": "hang"}, request_id="r-1")
        child = int(hung.log.splitlines()[-1])
        assert hung.error == "Sandbox.Timedout"
        assert hung.payload == {
            "errorType": "Sandbox.Timedout",
            "errorMessage": "RequestId: r-1 Error: Task timed out after 1.00 seconds",
        }
        assert 1000 <= hung.duration_ms < 3000
        assert _has_ended(child)
        assert environment.invoke({"do": "nothing"}).init_ms is not None


def _has_ended(pid: int) -> bool:
    """Tell whether a process ends within ten seconds: its killer does not wait for a grandchild."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([process], [], [], 10)[0])
    finally:
        os.close(process)


def test_memory_beyond_the_limit_is_refused() -> None:
    with ExecutionEnvironment(DATA, HANDLER, {}, memory_mb=128) as environment:
        assert environment.invoke({"do": "take memory", "bytes": 64 * 1024 * 1024}).error is None
        assert environment.invoke({"do": "take memory", "bytes": 160 * 1024 * 1024}).error == "MemoryError"


@pytest.mark.parametrize(
    ("handler", "error", "message"),
    [
        pytest.param(
            "missing.handler",
            "Runtime.ImportModuleError",
            "Unable to import module 'missing': No module named 'missing'",
            id="no such module",
        ),
        pytest.param(
            "tiny.handler",
            "Runtime.HandlerNotFound",
            "Handler 'handler' missing on module 'tiny'",
            id="no such function",
        ),
        pytest.param("broken_import.handler", "RuntimeError", "not today", id="the import raises"),
    ],
)
def test_a_function_that_cannot_start_is_an_error(handler: str, error: str, message: str) -> None:
    with ExecutionEnvironment(DATA, handler, {}) as environment:
        for _ in range(2):
            invocation = environment.invoke({})
            assert (invocation.error, invocation.payload["errorMessage"]) == (error, message)
            assert invocation.init_ms is not None


def test_environments_run_side_by_side() -> None:
    with (
        ExecutionEnvironment(DATA, HANDLER, {}) as one,
        ExecutionEnvironment(DATA, HANDLER, {}) as other,
    ):
        one.invoke({"do": "nothing"})
        assert other.invoke({"do": "nothing"}).log.endswith("call 1\n")
        assert one.invoke({"do": "nothing"}).log == "call 2\n"
        assert one.pid != other.pid


def test_nothing_is_left_behind(tiny: ExecutionEnvironment) -> None:
    environ = tiny.invoke({"do": "tell the environment"}).payload
    pid = tiny.pid
    assert pid is not None
    tiny.__exit__(None, None, None)
    assert not Path(environ["HOME"]).parent.exists()
    assert _has_ended(pid)


def test_an_environment_is_used_in_a_with_statement() -> None:
    with pytest.raises(RuntimeError, match="with statement"):
        ExecutionEnvironment(DATA, HANDLER, {}).invoke({})
