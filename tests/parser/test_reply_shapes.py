"""Replies of every shape: whatever comes, each event has its verdict, by its position."""

import json

import pytest

from parser.reply import FILTER_PATH, Outcome, Verdict, judge

UNREADABLE = Verdict(Outcome.RETRY, 200, "unreadable_reply", "the reply is not that of a bulk request")
INDEXED = Verdict(Outcome.INDEXED, 201)


def reply(*items: object) -> bytes:
    return json.dumps({"errors": True, "items": items}).encode()


def test_verdicts_have_the_order_of_the_items() -> None:
    conflict = {"create": {"status": 409, "error": {"type": "version_conflict_engine_exception"}}}
    body = reply(
        {"create": {"status": 201}}, conflict, {"create": {"status": 200}}, {"create": {"status": 503}}
    )

    assert judge(200, body, 4) == [
        INDEXED,
        Verdict(Outcome.DUPLICATE, 409, "version_conflict_engine_exception", ""),
        Verdict(Outcome.RETRY, 200, "unexpected_status", "neither created nor refused"),
        Verdict(Outcome.RETRY, 503),
    ]


def test_a_whole_reply_is_read_with_everything_that_opensearch_adds() -> None:
    item = {
        "_index": "cwl", "_id": "1", "_version": 1, "result": "created", "status": 201,
        "_shards": {"total": 1, "successful": 1, "failed": 0}, "_seq_no": 0, "_primary_term": 1,
    }  # fmt: skip
    body = json.dumps({"took": 3, "errors": False, "items": [{"create": item}]}).encode()

    assert judge(200, body, 1) == [INDEXED]


def test_the_filter_of_the_reply_keeps_every_item_in_its_place() -> None:
    """`items.*.error` alone would drop the items without an error, and the positions with them."""
    assert FILTER_PATH.split(",") == [
        "errors", "items.*.status", "items.*.error.type", "items.*.error.reason",
    ]  # fmt: skip


UNREADABLE_REPLIES = {
    "empty": b"",
    "html": b"<html><body>502 Bad Gateway</body></html>",
    "text": b"ok",
    "null": b"null",
    "array": b"[]",
    "no-items": b"{}",
    "errors-alone": b'{"errors":false}',
    "items-null": b'{"items":null}',
    "items-object": b'{"items":{}}',
    "item-text": b'{"items":["create"]}',
    "item-null": b'{"items":[null]}',
    "item-without-status": b'{"items":[{"create":{}}]}',
    "status-text": b'{"items":[{"create":{"status":"201"}}]}',
    "error-number": b'{"items":[{"create":{"status":400,"error":5}}]}',
    "cut": b'{"items":[{"create":{"status":201}},',
    "not-utf8": b'{"items":[{"create":{"status":400,"error":"\xff"}}]}',
    "nested-deeply": b'{"items":' + b"[" * 100_000,
    "error-of-the-cluster": b'{"error":{"type":"x","reason":"y"},"status":500}',
}


@pytest.mark.parametrize("body", UNREADABLE_REPLIES.values(), ids=UNREADABLE_REPLIES)
def test_a_reply_that_is_none_settles_nothing(body: bytes) -> None:
    assert judge(200, body, 3) == [UNREADABLE] * 3


@pytest.mark.parametrize(("items", "count"), [(0, 1), (1, 2), (3, 2), (1, 0)])
def test_too_few_or_too_many_items_settle_nothing(items: int, count: int) -> None:
    """Items can vanish with `errors: false`: a stream cut at a row's end gives 200 and fewer of them."""
    body = json.dumps({"errors": False, "items": [{"create": {"status": 201}}] * items}).encode()

    assert (
        judge(200, body, count)
        == [
            Verdict(Outcome.RETRY, 200, "incomplete_reply", f"the reply has {items} items for {count} events")
        ]
        * count
    )


@pytest.mark.parametrize(
    "item",
    [
        {},
        {"create": {"status": 201}, "index": {"status": 201}},
        {"index": {"status": 201}},
        {"update": {"status": 200, "result": "noop"}},
        {"delete": {"status": 409, "error": {"type": "version_conflict_engine_exception"}}},
    ],
    ids=["no action", "two actions", "index", "update", "delete"],
)
def test_a_reply_to_another_action_settles_nothing(item: object) -> None:
    assert judge(200, reply({"create": {"status": 201}}, item), 2) == [UNREADABLE] * 2


@pytest.mark.parametrize("result", ["noop", "updated", "not_found"])
@pytest.mark.parametrize("status", [200, 202, 204])
def test_only_a_created_document_is_indexed(status: int, result: str) -> None:
    verdicts = judge(200, reply({"create": {"status": status, "result": result}}), 1)

    assert verdicts == [Verdict(Outcome.RETRY, status, "unexpected_status", "neither created nor refused")]


ERRORS: dict[str, tuple[object, str, str]] = {
    "text": ("something broke", "", "something broke"),
    "null": (None, "", ""),
    "empty": ({}, "", ""),
    "null-reason": ({"type": "x_exception", "reason": None}, "x_exception", ""),
    "null-type": ({"type": None, "reason": "y"}, "", "y"),
    "more-keys": ({"type": "x_exception", "reason": "y", "caused_by": {"type": "z"}}, "x_exception", "y"),
}


@pytest.mark.parametrize(("error", "kind", "reason"), ERRORS.values(), ids=ERRORS)
def test_an_error_of_any_shape_is_read(error: object, kind: str, reason: str) -> None:
    body = reply({"create": {"status": 400, "error": error}})

    assert judge(200, body, 1) == [Verdict(Outcome.REJECTED, 400, kind, reason)]


@pytest.mark.parametrize("status", [200, 201])
def test_a_success_with_an_error_is_not_believed(status: int) -> None:
    body = reply({"create": {"status": status, "error": {"type": "x", "reason": "y"}}})

    assert judge(200, body, 1) == [Verdict(Outcome.RETRY, status, "x", "y")]


@pytest.mark.parametrize("status", [0, 100, 202, 301, 404, 409, 418, 499, 599, 999])
def test_an_item_of_unknown_status_is_neither_settled_nor_rejected(status: int) -> None:
    assert [each.outcome for each in judge(200, reply({"create": {"status": status}}), 1)] == [Outcome.RETRY]


def test_a_long_text_of_a_refusal_is_shortened() -> None:
    (verdict,) = judge(502, b"x" * 5000, 1)

    assert verdict == Verdict(Outcome.RETRY, 502, "http_502", "x" * 200)


def test_bytes_that_are_no_text_are_shown_as_such() -> None:
    (verdict,) = judge(502, b"\xff\xfe", 1)

    assert verdict == Verdict(Outcome.RETRY, 502, "http_502", "\ufffd\ufffd")


@pytest.mark.parametrize("body", UNREADABLE_REPLIES.values(), ids=UNREADABLE_REPLIES)
@pytest.mark.parametrize("status", [301, 400, 403, 413, 429, 503])
def test_a_refusal_is_judged_whatever_its_body(status: int, body: bytes) -> None:
    assert judge(status, b"", 2) is not None
    assert len(judge(status, body, 2)) == 2
    assert not {each.outcome for each in judge(status, body, 2)} & {
        Outcome.INDEXED, Outcome.DUPLICATE, Outcome.REJECTED,
    }  # fmt: skip


def test_no_events_have_no_verdicts() -> None:
    assert judge(200, reply(), 0) == []
    assert judge(503, b"", 0) == []


def test_a_reason_that_quotes_a_lone_surrogate_hides_no_item() -> None:
    # As OpenSearch 3.8 answered where a mapping made by somebody else refused the text "x \ud800 y".
    body = (
        b'{"errors":true,"items":[{"create":{"status":400,"error":{"type":"mapper_parsing_exception","reason":'
        b"\"failed to parse field [@message] of type [long] in document with id '1'. "
        b'Preview of field\'s value: \'x \\uD800 y\'"}}},{"create":{"status":201}}]}'
    )

    rejected, indexed = judge(200, body, 2)

    assert (rejected.outcome, rejected.error_type) == (Outcome.REJECTED, "mapper_parsing_exception")
    assert rejected.reason.endswith("'x \ud800 y'")
    assert indexed == INDEXED


def test_a_conflict_of_the_whole_request_settles_none_of_its_events() -> None:
    body = b'{"error":{"type":"version_conflict_engine_exception","reason":"exists"},"status":409}'

    assert [each.outcome for each in judge(409, body, 2)] == [Outcome.RETRY] * 2
