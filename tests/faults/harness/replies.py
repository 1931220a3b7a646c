"""The replies that a request can get: a table of faults, and how the functions take each."""

from dataclasses import dataclass
from typing import Final

from faults.harness import faults
from faults.harness.faults import answering, error, item, with_body, with_items
from faults.harness.proxy import Fault

HTML: Final = "<html><head><title>502 Bad Gateway</title></head><body><center>nginx</center></body></html>"


@dataclass(frozen=True)
class Row:
    """A fault, and how the function takes it.

    Attributes:
        fault: what becomes of a request.
        said: how the function names it: status and error type.
        recovers: whether the same invocation settles its events when the fault is over at once.
        away: whether the cluster takes nothing, so that the next payload is not sent.
    """

    fault: Fault
    said: str
    recovers: bool = True
    away: bool = True


BUSY: Final = item(429, "rejected_execution_exception", "rejected execution of primary operation")
UNAVAILABLE: Final = item(503, "unavailable_shards_exception", "[cwl][0] primary shard is not active")


def third(identity: str) -> bool:
    return int(identity) % 3 == 0


ROWS: Final = {
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
SILENT: Final = {
    "swallowed without an answer": Row(faults.swallow, "timeout"),
    "applied and answered too late": Row(faults.apply_and_never_answer, "timeout"),
}
