"""What can happen to one request between a function and OpenSearch, or S3."""

import gzip
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Final

from faults.harness.proxy import Exchange, Fault, Reply, passing
from flowlogs.local.embedded import Embedded

Item = dict[str, Any]
Pick = Callable[[str], bool]
"""Chooses events by their id."""

JSON: Final = {"content-type": "application/json; charset=UTF-8"}
HTML: Final = {"content-type": "text/html"}


# ---- the connection ----


def reset_before_request(exchange: Exchange) -> None:
    """Take the connection and break it before anything was read."""
    exchange.reset()


def reset_in_body(exchange: Exchange) -> None:
    """Break the connection in the middle of the body: nothing is applied."""
    exchange.read_part()
    exchange.reset()


def reset_after_body(exchange: Exchange) -> None:
    """Let OpenSearch apply the request, and break the connection instead of answering."""
    exchange.forward()
    exchange.reset()


def reset_in_reply(exchange: Exchange) -> None:
    """Apply the request and break the connection in the middle of the answer."""
    wire = exchange.forward().encode()
    exchange.write(wire[: -max(1, len(wire) // 3)])
    exchange.reset()


def cut_reply(exchange: Exchange) -> None:
    """Apply the request and end the connection before the answer's announced length."""
    reply = exchange.forward()
    half = Reply(reply.status, reply.body[: len(reply.body) // 2], reply.headers)
    exchange.write(half.encode(length=len(reply.body)))
    exchange.hang_up()


def shorten_reply(exchange: Exchange) -> None:
    """Apply the request and answer with half of the answer, its length said rightly."""
    reply = exchange.forward()
    exchange.answer(Reply(reply.status, reply.body[: len(reply.body) // 2], reply.headers))


def swallow(exchange: Exchange) -> None:
    """Take the request and never answer: nothing is applied."""
    exchange.read_body()
    exchange.wait_for_client()


def apply_and_never_answer(exchange: Exchange) -> None:
    """Apply the request; the answer comes too late."""
    exchange.forward()
    exchange.wait_for_client()


def speak_no_http(exchange: Exchange) -> None:
    """Apply the request and answer with something that is not HTTP."""
    exchange.forward()
    exchange.write(b"220 mail.example.com ESMTP ready\r\n")
    exchange.hang_up()


def hurrying(exchange: Exchange) -> None:
    """Let OpenSearch wait for the copies of a shard for a moment only, and pass."""
    head = exchange.read_head()
    exchange.head = replace(head, path=head.path.replace("timeout=3s", "timeout=50ms"))
    passing(exchange)


# ---- answers without OpenSearch ----


def answering(status: int, body: bytes | str | Item = b"", **headers: str) -> Fault:
    """Answer like this; nothing is applied."""
    content = json.dumps(body) if isinstance(body, dict) else body
    data = content.encode() if isinstance(content, str) else content
    usual = JSON if isinstance(body, dict) else HTML if data.startswith(b"<") else {}

    def answer(exchange: Exchange) -> None:
        exchange.answer(Reply(status, data, {**usual, **headers}))

    return answer


def error(status: int, error_type: str, reason: str) -> Item:
    """Return OpenSearch's body of a refused request."""
    cause = {"type": error_type, "reason": reason}
    return {"error": {"root_cause": [cause], **cause}, "status": status}


# ---- lies about items ----


def lying(change: Callable[[Reply], Reply]) -> Fault:
    """Apply the request and tell something else about it."""

    def lie(exchange: Exchange) -> None:
        exchange.answer(change(exchange.forward()))

    return lie


def with_body(body: bytes) -> Fault:
    """Apply the request and answer 200 with this."""
    return lying(lambda reply: Reply(reply.status, body, reply.headers))


def with_items(change: Callable[[list[Item]], list[Item]]) -> Fault:
    """Apply the request and change the list of items in the answer."""

    def edit(reply: Reply) -> Reply:
        content = json.loads(reply.body)
        return Reply(200, json.dumps({**content, "items": change(content["items"])}).encode(), JSON)

    return lying(edit)


def item(status: int, error_type: str, reason: str) -> Item:
    """Return the answer to one event that failed."""
    return {"create": {"status": status, "error": {"type": error_type, "reason": reason}}}


def denying_items(pick: Pick, refusal: Item) -> Fault:
    """Apply the whole request and deny that for some of its events."""

    def deny(exchange: Exchange) -> None:
        ids = [identity for identity, _ in _rows(exchange.read_body())]
        content = json.loads(exchange.forward().body)
        items = [refusal if pick(each) else told for each, told in zip(ids, content["items"], strict=True)]
        exchange.answer(Reply(200, json.dumps({"errors": True, "items": items}).encode(), JSON))

    return deny


def refusing_items(pick: Pick, refusal: Item) -> Fault:
    """Keep some events from OpenSearch, as a full queue does; the others are applied."""

    def refuse(exchange: Exchange) -> None:
        rows = _rows(exchange.read_body())
        rest = [row for identity, row in rows if not pick(identity)]
        told = iter(())
        if rest:
            reply = exchange.forward(gzip.compress(b"".join(rest), 1))
            told = iter(json.loads(reply.body)["items"])
        items = [refusal if pick(identity) else next(told) for identity, _ in rows]
        exchange.answer(Reply(200, json.dumps({"errors": True, "items": items}).encode(), JSON))

    return refuse


def lose_last_event(exchange: Exchange) -> None:
    """Apply all but the last event and say nothing of it, as OpenSearch does with a stream that was cut."""
    rows = _rows(exchange.read_body())
    exchange.answer(exchange.forward(gzip.compress(b"".join(row for _, row in rows[:-1]), 1)))


def read_ids(body: bytes) -> list[str]:
    """Return the event ids in a bulk body, in their order."""
    return [identity for identity, _ in _rows(body)]


def _rows(body: bytes) -> list[tuple[str, bytes]]:
    lines = gzip.decompress(body).splitlines(keepends=True)
    actions: Iterable[Any] = map(json.loads, lines[::2])
    return [
        (next(iter(action.values()))["_id"], line + document)
        for action, line, document in zip(actions, lines[::2], lines[1::2], strict=True)
    ]


# ---- S3 ----


def refusing_keys(pick: Pick, code: str) -> Fault:
    """Keep some objects from DeleteObjects, and say so in its answer; the others are gone."""

    def refuse(exchange: Exchange) -> None:
        if exchange.read_head().method != "POST":
            return passing(exchange)
        body = exchange.read_body().decode()
        named = {_KEY.search(each)[1]: each for each in _OBJECT.findall(body)}  # type: ignore[index]  # each has one
        kept = {key: each for key, each in named.items() if pick(key)}
        for each in kept.values():
            body = body.replace(each, "")
        if len(kept) < len(named):
            exchange.forward(body.encode())
        errors = "".join(f"<Error><Key>{key}</Key><Code>{code}</Code></Error>" for key in kept)
        return exchange.answer(
            Reply(200, _DELETED.format(errors).encode(), {"content-type": "application/xml"})
        )

    return refuse


_OBJECT: Final = re.compile("<Object>.*?</Object>", re.DOTALL)
_KEY: Final = re.compile("<Key>(.*?)</Key>")
_DELETED: Final = '<DeleteResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{}</DeleteResult>'


# ---- the cluster dies ----


def killing_in_body(node: Embedded) -> Fault:
    """Kill the node when it has half of the body."""

    def kill(exchange: Exchange) -> None:
        head, part = exchange.read_head(), exchange.read_part()
        exchange.upstream.begin(head, part)
        node.kill()
        exchange.reset()

    return kill


def killing_while_applying(node: Embedded) -> Fault:
    """Kill the node when it has just got the whole request."""

    def kill(exchange: Exchange) -> None:
        head, body = exchange.read_head(), exchange.read_body()
        exchange.upstream.begin(head, body)
        node.kill()
        exchange.reset()

    return kill
