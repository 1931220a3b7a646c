"""Replies of OpenSearch to a bulk request, each as it was seen, and what becomes of the events."""

import json

import pytest

from parser.reply import Outcome, Verdict, judge

# Item status, error type, start of the reason, outcome: what OpenSearch says about a single event.
ITEMS: dict[str, tuple[int, str, str, Outcome]] = {
    "document-exists": (
        409, "version_conflict_engine_exception",
        "[1]: version conflict, document already exists (current version [1])", Outcome.DUPLICATE,
    ),
    "bad-address": (
        400, "mapper_parsing_exception",
        "failed to parse field [srcaddr] of type [ip] in document with id '3'. Preview of field's value: 'x'",
        Outcome.REJECTED,
    ),
    "document-parsing": (
        400, "document_parsing_exception", "failed to parse field [bytes]", Outcome.REJECTED,
    ),
    "immense-term": (
        400, "illegal_argument_exception", 'Document contains at least one immense term in field="x"',
        Outcome.REJECTED,
    ),
    "broken-document": (400, "mapper_parsing_exception", "failed to parse", Outcome.REJECTED),
    "strict-mapping": (
        400, "strict_dynamic_mapping_exception",
        "mapping set to strict, dynamic introduction of [x] within [_doc] is not allowed", Outcome.REJECTED,
    ),
    "empty-id": (
        400, "illegal_argument_exception", "if _id is specified it must not be empty", Outcome.REJECTED,
    ),
    "limit-of-fields": (
        400, "illegal_argument_exception", "Limit of total fields [1000] has been exceeded", Outcome.REJECTED,
    ),
    "data-stream": (
        400, "illegal_argument_exception",
        "only write ops with an op_type of create are allowed in data streams", Outcome.REJECTED,
    ),
    "index-name": (
        400, "invalid_index_name_exception", "Invalid index name [CWL], must be lowercase",
        Outcome.CONFIGURATION,
    ),
    "write-block": (
        403, "cluster_block_exception", "index [cwl] blocked by: [FORBIDDEN/8/index write (api)];",
        Outcome.WAIT,
    ),
    "read-only": (
        403, "cluster_block_exception", "index [cwl] blocked by: [FORBIDDEN/5/index read-only (api)];",
        Outcome.WAIT,
    ),
    "create-index-block": (
        403, "index_create_block_exception", "blocked by: [FORBIDDEN/10/cluster create-index blocked (api)];",
        Outcome.WAIT,
    ),
    "flood-stage": (
        429, "cluster_block_exception",
        "index [cwl] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark",
        Outcome.WAIT,
    ),
    "shard-limit": (
        400, "validation_exception",
        "Validation Failed: 1: this action would add [1] total shards, but this cluster currently has",
        Outcome.WAIT,
    ),
    "shard-limit-as-argument": (
        400, "illegal_argument_exception",
        "Validation Failed: 1: this action would add [2] total shards, but this cluster currently has",
        Outcome.WAIT,
    ),
    "no-index": (404, "index_not_found_exception", "no such index [cwl-2024.11.23]", Outcome.WAIT),
    "index-closed": (400, "index_closed_exception", "closed", Outcome.WAIT),
    "alias": (
        400, "illegal_argument_exception",
        "no write index is defined for alias [cwl]. The write index may be explicitly disabled", Outcome.WAIT,
    ),
    "primary-away": (
        503, "unavailable_shards_exception", "[cwl][0] primary shard is not active Timeout: [1m]",
        Outcome.RETRY,
    ),
    "too-few-copies": (
        503, "unavailable_shards_exception", "[cwl][0] Not enough active copies to meet shard count of [2]",
        Outcome.RETRY,
    ),
    "queue-full": (
        429, "rejected_execution_exception", "rejected execution of org.opensearch.action", Outcome.RETRY,
    ),
    "breaker": (429, "circuit_breaking_exception", "[parent] Data too large", Outcome.RETRY),
    "node-lost": (500, "node_not_connected_exception", "[node-2][127.0.0.1:9301] Node not connected",
                  Outcome.RETRY),
    "not-permitted": (
        403, "security_exception",
        "no permissions for [indices:admin/mapping/put] and User [name=writer, backend_roles=[]]",
        Outcome.CONFIGURATION,
    ),
}  # fmt: skip
BUSY = "Request throttled due to too many requests"
FORBIDDEN = "User: arn:aws:sts::1:x is not authorized to perform: es:ESHttpPost"
# The same of a request that OpenSearch refused as a whole.
REFUSALS: dict[str, tuple[int, str, str, Outcome]] = {
    "cluster-read-only": (
        403, "cluster_block_exception", "blocked by: [FORBIDDEN/6/cluster read-only (api)];", Outcome.WAIT,
    ),
    "create-index-block": (
        403, "index_create_block_exception", "blocked by: [FORBIDDEN/10/cluster create-index blocked (api)];",
        Outcome.WAIT,
    ),
    "flood-stage": (
        429, "cluster_block_exception", "blocked by: [TOO_MANY_REQUESTS/12/disk usage]", Outcome.WAIT,
    ),
    "breaker": (
        429, "circuit_breaking_exception", "[parent] Data too large, data for [<http_request>]",
        Outcome.RETRY,
    ),
    "indexing-pressure": (
        429, "rejected_execution_exception", "rejected execution of coordinating operation", Outcome.RETRY,
    ),
    "broken-action": (
        400, "illegal_argument_exception", "Malformed action/metadata line [3]", Outcome.SPLIT,
    ),
    "no-final-newline": (
        400, "illegal_argument_exception", "The bulk request must be terminated by a newline [\\n]",
        Outcome.SPLIT,
    ),
    "long-id": (
        400, "action_request_validation_exception", "id is too long, must be no longer than 512 bytes",
        Outcome.SPLIT,
    ),
    "empty-body": (400, "parse_exception", "request body is required", Outcome.SPLIT),
    "no-ingest-node": (
        500, "illegal_state_exception", "There are no ingest nodes in this cluster", Outcome.RETRY,
    ),
    "not-permitted": (403, "security_exception", "no permissions for [x]", Outcome.CONFIGURATION),
    "no-index": (404, "index_not_found_exception", "no such index [cwl]", Outcome.WAIT),
    "shard-limit": (400, "validation_exception", "this action would add [1] total shards", Outcome.WAIT),
    "unknown": (418, "teapot_exception", "short and stout", Outcome.RETRY),
}  # fmt: skip
# Status, body, outcome, reason: what does not name an error type. It is then called after the status.
OTHERS: dict[str, tuple[int, object, Outcome, str]] = {
    "too-large": (413, b"", Outcome.SPLIT, ""),
    "too-large-for-amazon": (
        413, {"Message": "Request size exceeded 10485760 bytes"},
        Outcome.SPLIT, "Request size exceeded 10485760 bytes",
    ),
    "throttled": (403, {"Message": BUSY}, Outcome.RETRY, BUSY),
    "throttled-in-lower-case": (403, {"message": BUSY.lower()}, Outcome.RETRY, BUSY.lower()),
    "throttled-as-text": (403, BUSY.encode(), Outcome.RETRY, BUSY),
    "not-authorized": (403, {"Message": FORBIDDEN}, Outcome.CONFIGURATION, FORBIDDEN),
    "signature": (
        403, {"message": "The request signature we calculated does not match"},
        Outcome.CONFIGURATION, "The request signature we calculated does not match",
    ),
    "security-api": (
        403, {"status": "FORBIDDEN", "message": "No permission"}, Outcome.CONFIGURATION, "No permission",
    ),
    "wrong-password": (401, b"Unauthorized", Outcome.CONFIGURATION, "Unauthorized"),
    "wrong-password-2.11": (401, b"", Outcome.CONFIGURATION, ""),
    "content-type": (
        406, {"error": "Content-Type header [text/plain] is not supported", "status": 406},
        Outcome.CONFIGURATION, "Content-Type header [text/plain] is not supported",
    ),
    "wrong-method": (405, {"error": "Incorrect HTTP method"}, Outcome.CONFIGURATION, "Incorrect HTTP method"),
    "wrong-type": (415, b"", Outcome.CONFIGURATION, ""),
    "wrong-place": (404, b"Not Found", Outcome.CONFIGURATION, "Not Found"),
    "not-from-opensearch": (400, b"Bad Request", Outcome.CONFIGURATION, "Bad Request"),
    "moved": (301, b"", Outcome.CONFIGURATION, ""),
    "found": (302, b"<html>sign in</html>", Outcome.CONFIGURATION, "<html>sign in</html>"),
    "no-content": (204, b"", Outcome.CONFIGURATION, ""),
    "timeout": (408, b"", Outcome.RETRY, ""),
    "too-many": (429, b"429 Too Many Requests /_bulk", Outcome.RETRY, "429 Too Many Requests /_bulk"),
    "server-error": (500, b"", Outcome.RETRY, ""),
    "bad-gateway": (502, b"<html>Bad Gateway</html>", Outcome.RETRY, "<html>Bad Gateway</html>"),
    "unavailable": (503, {"message": "Service Unavailable"}, Outcome.RETRY, "Service Unavailable"),
    "security-starting": (
        503, b"OpenSearch Security not initialized.", Outcome.RETRY, "OpenSearch Security not initialized.",
    ),
    "gateway-timeout": (504, {"message": None}, Outcome.RETRY, ""),
}  # fmt: skip


def reply(*items: object) -> bytes:
    return json.dumps({"errors": True, "items": items}).encode()


def created(status: int = 201) -> dict[str, object]:
    return {"create": {"status": status}}


@pytest.mark.parametrize(("status", "kind", "reason", "outcome"), ITEMS.values(), ids=ITEMS)
def test_an_item_is_judged_by_status_and_error_type(
    status: int, kind: str, reason: str, outcome: Outcome
) -> None:
    item = {"create": {"status": status, "error": {"type": kind, "reason": reason}}}

    assert judge(200, reply(created(), item, created()), 3) == [
        Verdict(Outcome.INDEXED, 201),
        Verdict(outcome, status, kind, reason),
        Verdict(Outcome.INDEXED, 201),
    ]


@pytest.mark.parametrize(("status", "kind", "reason", "outcome"), REFUSALS.values(), ids=REFUSALS)
def test_a_refused_request_is_judged_as_a_whole(
    status: int, kind: str, reason: str, outcome: Outcome
) -> None:
    error = {"root_cause": [{"type": kind, "reason": reason}], "type": kind, "reason": reason}
    body = json.dumps({"error": error, "status": status}).encode()

    assert judge(status, body, 2) == [Verdict(outcome, status, kind, reason)] * 2


@pytest.mark.parametrize(("status", "body", "outcome", "reason"), OTHERS.values(), ids=OTHERS)
def test_a_refusal_that_names_no_error_type_is_judged_by_its_status(
    status: int, body: object, outcome: Outcome, reason: str
) -> None:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()

    assert judge(status, data, 2) == [Verdict(outcome, status, f"http_{status}", reason)] * 2


def test_a_refusal_without_a_reason_is_judged_by_its_type() -> None:
    kind = "cluster_manager_not_discovered_exception"
    body = json.dumps({"error": {"type": kind, "reason": None}, "status": 503}).encode()

    assert judge(503, body, 1) == [Verdict(Outcome.RETRY, 503, kind, "")]
