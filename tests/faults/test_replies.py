"""Whatever stands between the function and OpenSearch may break or lie: nothing is lost, nothing twice."""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from faults.conftest import Stack
from faults.harness import faults
from faults.harness.faults import answering, error, item, with_body, with_items
from faults.harness.proxy import Fault
from handler import delivery
from handler.replaying import dispatch

HTML = "<html><head><title>502 Bad Gateway</title></head><body><center>nginx</center></body></html>"


@dataclass(frozen=True)
class Row:
    """A fault, and how the function takes it.

    Attributes:
        fault: what becomes of a request.
        said: how the function names it: status and error type.
        recovers: whether the same invocation settles its events when the fault is over at once.
        away: whether the cluster takes nothing, so that the next payload is stored unsent.
    """

    fault: Fault
    said: str
    recovers: bool = True
    away: bool = True


BUSY = item(429, "rejected_execution_exception", "rejected execution of primary operation")
UNAVAILABLE = item(503, "unavailable_shards_exception", "[cwl][0] primary shard is not active")


def third(identity: str) -> bool:
    return int(identity) % 3 == 0


ROWS = {
    "reset before the request": Row(faults.reset_before_request, "connection"),
    "reset in the middle of the body": Row(faults.reset_in_body, "connection"),
    "reset after the body (applied, unanswered)": Row(faults.reset_after_body, "connection"),
    "reset in the middle of the reply": Row(faults.reset_in_reply, "connection"),
    "reply cut short": Row(faults.cut_reply, "connection"),
    "reply of half the length": Row(faults.shorten_reply, "200 unreadable_reply"),
    "reply that is not HTTP": Row(faults.speak_no_http, "connection"),
    "429 of a full queue": Row(
        answering(
            429, error(429, "rejected_execution_exception", "rejected execution of coordinating operation")
        ),
        "429 rejected_execution_exception",
    ),
    "429 of a circuit breaker": Row(
        answering(429, error(429, "circuit_breaking_exception", "[parent] Data too large")),
        "429 circuit_breaking_exception",
    ),
    "429 as a text": Row(answering(429, "429 Too Many Requests"), "429 http_429"),
    "500": Row(
        answering(500, error(500, "node_not_connected_exception", "[node-2] Node not connected")),
        "500 node_not_connected_exception",
    ),
    "502 as HTML": Row(answering(502, HTML), "502 http_502"),
    "503": Row(
        answering(503, error(503, "cluster_manager_not_discovered_exception", "")),
        "503 cluster_manager_not_discovered_exception",
    ),
    "503 as a text": Row(answering(503, "OpenSearch Security not initialized."), "503 http_503"),
    "504": Row(answering(504, {"message": "Endpoint request timed out"}), "504 http_504"),
    "front-end 403 Request throttled": Row(
        answering(403, {"Message": "403 Request throttled due to too many requests /cwl-2026.01.01/_bulk"}),
        "403 http_403",
    ),
    "403 not authorized": Row(
        answering(
            403,
            {
                "Message": "User: arn:aws:sts::123456789012:assumed-role/forward/forward is not "
                "authorized to perform: es:ESHttpPost because no identity-based policy allows the "
                "es:ESHttpPost action"
            },
        ),
        "403 http_403",
        recovers=False,
    ),
    "403 of the security plugin": Row(
        answering(403, error(403, "security_exception", "no permissions for [indices:data/write/bulk]")),
        "403 security_exception",
        recovers=False,
    ),
    "401": Row(answering(401, "Unauthorized"), "401 http_401", recovers=False),
    "404 of another server": Row(answering(404, HTML), "404 http_404", recovers=False),
    "301": Row(answering(301, HTML, location="/elsewhere"), "301 http_301", recovers=False),
    "302": Row(answering(302, HTML, location="/elsewhere"), "302 http_302", recovers=False),
    "307": Row(answering(307, HTML, location="/elsewhere"), "307 http_307", recovers=False),
    "308": Row(answering(308, HTML, location="/elsewhere"), "308 http_308", recovers=False),
    "200 with HTML": Row(answering(200, HTML), "200 unreadable_reply"),
    "200 without a body": Row(answering(200), "200 unreadable_reply"),
    "200 with bytes that are no text, though applied": Row(
        with_body(b"\xff\xfe\x00{"), "200 unreadable_reply"
    ),
    "200 with gzip that is none": Row(
        answering(200, b"plain", **{"content-encoding": "gzip"}), "200 unreadable_reply"
    ),
    "200 with JSON of something else, though applied": Row(
        with_body(b'{"acknowledged": true}'), "200 unreadable_reply"
    ),
    "200 with too few items": Row(with_items(lambda items: items[:-1]), "200 incomplete_reply"),
    "200 with too few items, the last one unseen": Row(faults.lose_last_event, "200 incomplete_reply"),
    "200 with no items": Row(with_items(lambda _: []), "200 incomplete_reply"),
    "200 with too many items": Row(with_items(lambda items: [*items, items[0]]), "200 incomplete_reply"),
    "204": Row(answering(204), "204 http_204", recovers=False),
    "some items 429": Row(faults.refusing_items(third, BUSY), "429 rejected_execution_exception", away=False),
    "some items 503": Row(
        faults.refusing_items(third, UNAVAILABLE), "503 unavailable_shards_exception", away=False
    ),
    "some items 429, though applied": Row(
        faults.denying_items(third, BUSY), "429 rejected_execution_exception", away=False
    ),
    "all items 500, though applied": Row(
        faults.denying_items(lambda _: True, item(500, "node_not_connected_exception", "not connected")),
        "500 node_not_connected_exception",
    ),
}
SILENT = {
    "swallowed without an answer": Row(faults.swallow, "timeout"),
    "applied and answered too late": Row(faults.apply_and_never_answer, "timeout"),
}


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
