"""Whatever stands between the function and OpenSearch may break or lie: nothing is lost, nothing twice."""

import socket
from collections.abc import Callable
from typing import Any

import pytest

from faults.conftest import Stack
from faults.harness.faults import answering
from faults.harness.replies import ROWS, SILENT, Row
from handler import delivery
from handler.replaying import dispatch


def test_in_fair_weather_everything_is_indexed_by_one_request_a_day(stack: Stack) -> None:
    answer = stack.functions.deliver(stack.ledger.payload(events=10).event)

    assert answer is not None
    assert (answer["indexed"], answer["bulk_requests"], answer["bulk_retries"]) == (10, 2, 0)
    stack.settle()


@pytest.mark.parametrize("row", [pytest.param(row, id=name) for name, row in ROWS.items()])
def test_a_fault_that_is_soon_over_loses_nothing(stack: Stack, row: Row) -> None:
    stack.proxy.script(row.fault)
    answer = stack.functions.deliver(stack.ledger.payload(events=10).event)

    assert answer is not None
    assert answer["pending"] == 0 if row.recovers else answer["pending"] > 0
    stack.functions.replay_until_quiet()
    stack.settle()


@pytest.mark.parametrize("row", [pytest.param(row, id=name) for name, row in ROWS.items()])
def test_a_fault_that_lasts_keeps_the_events_until_it_is_over(stack: Stack, row: Row) -> None:
    stack.proxy.always(row.fault)
    check_lasting(stack, row)


@pytest.mark.parametrize("row", [pytest.param(row, id=name) for name, row in SILENT.items()])
def test_silence_keeps_the_events_until_it_is_over(
    stack: Stack, row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    def set_patience(seconds: float) -> None:
        for module in (delivery, dispatch):
            monkeypatch.setattr(module, "READ_SECONDS", seconds)

    stack.proxy.always(row.fault)
    set_patience(0.4)
    check_lasting(stack, row, patient=lambda: set_patience(30.0))


def test_a_refused_connection_keeps_the_events_until_it_is_over(stack: Stack) -> None:
    with stack.proxy.closed():
        keep_two_payloads(stack, "connection")
    stack.functions.replay_until_quiet()
    stack.settle()


def test_a_host_name_that_is_not_found_keeps_the_events_until_it_is(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = socket.getaddrinfo

    def find_nothing(host: object, *arguments: Any, **named: Any) -> Any:
        if host == "localhost":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return find(host, *arguments, **named)  # type: ignore[arg-type]  # passed on as it came

    stack.functions.environ["OPENSEARCH_URL"] = f"http://localhost:{stack.proxy.port}"
    stack.functions.restart()
    with monkeypatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", find_nothing)
        keep_two_payloads(stack, "connection")
    stack.functions.replay_until_quiet()
    stack.settle()


def test_a_redirection_is_not_followed(stack: Stack) -> None:
    stack.proxy.always(answering(307, location=f"{stack.proxy.url}/elsewhere/_bulk"))
    stack.functions.deliver(stack.ledger.payload(events=2, days=1).event)

    assert [head.path.split("?")[0] for head in stack.proxy.heads] == ["/cwl-2026.01.01/_bulk"]


def check_lasting(stack: Stack, row: Row, patient: Callable[[], None] = lambda: None) -> None:
    """Send while the fault lasts, replay in vain, lift the fault, replay, count."""
    keep_two_payloads(stack, row.said, away=row.away)
    patient()
    stack.proxy.lift()
    stack.functions.replay_until_quiet()
    stack.settle()


def keep_two_payloads(stack: Stack, said: str, *, away: bool = True) -> None:
    """Send payloads while the fault lasts: what is not taken is kept; a replay does not insist."""
    functions = stack.functions
    for _ in range(2):
        answer = functions.deliver(stack.ledger.payload(events=6, days=1).event)
        assert answer is not None
        assert answer["pending"] > 0
    assert functions.failures == []
    reasons = [stack.bucket.metadata(key)["reason"] for key in stack.bucket.keys("failed/")]
    assert len(reasons) == 2
    assert said in reasons[0]
    assert reasons[1] == "outage" if away else said in reasons[1]

    container = functions.make_container()
    answer = functions.replay(container=container)
    assert (answer["remaining_objects"], answer["dropped"]) == (2, 0)
    assert container.requests <= delivery.ATTEMPTS + 1
