"""What OpenSearch's answer to a bulk request says about each event of it.

The tables hold replies that OpenSearch 1.3, 2.19 and 3.8 gave, and those that Amazon documents for
the front end of its service ("Troubleshooting Amazon OpenSearch Service"). Status alone decides
little: 403 and 429 mix causes, so the error's type is read with it.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from http import HTTPStatus
from typing import Final

import msgspec

FILTER_PATH: Final = "errors,items.*.status,items.*.error.type,items.*.error.reason"
"""Keeps each item in its place and leaves out what is not read: 26 bytes a document, not 223."""


UNREADABLE: Final = "unreadable_reply"
INCOMPLETE: Final = "incomplete_reply"
UNEXPECTED: Final = "unexpected_status"
"""What is said of an item that has neither the status of a created document nor an error."""

NO_ANSWERS: Final = frozenset({UNREADABLE, INCOMPLETE})
"""What is said of a reply with status 200 that OpenSearch does not give."""


MOST_SPOILERS: Final = 10
"""Events of a batch, or of a run of the replay, that may be rejected because a request with nothing else was
refused as a whole. Such an event is rare: of more, something in between refuses small requests."""

SEVERAL: Final = 3
"""Events that are refused in the same words, or alone each: not they are at fault."""


class Outcome(Enum):
    """What becomes of an event."""

    INDEXED = "indexed"
    """It is in the index now."""
    DUPLICATE = "duplicate"
    """It was there before: delivered twice, or applied without an answer."""
    RETRY = "retry"
    """The cluster is busy or away; the same request may succeed in a moment."""
    WAIT = "wait"
    """Something must change first (a block, a limit, a missing index): keep it for a replay."""
    REJECTED = "rejected"
    """This document will never be accepted as it is."""
    SPLIT = "split"
    """The request as a whole was refused for its size or form: fewer events may pass."""
    CONFIGURATION = "configuration"
    """The function may not do this, or talks to the wrong thing: a person must act."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a reply says about one event.

    Attributes:
        outcome: what becomes of the event.
        status: the item's HTTP status, or the reply's where it was judged as a whole; 0 where there
            was no reply.
        error_type: OpenSearch's `error.type`, or a word of ours where there is none.
        reason: OpenSearch's `error.reason`. It may quote values of the document.
    """

    outcome: Outcome
    status: int
    error_type: str = ""
    reason: str = ""

    @property
    def kind(self) -> str:
        """Return status and type in one text, such as `429 rejected_execution_exception`."""
        return f"{self.status} {self.error_type}" if self.status else self.error_type


class _Error(msgspec.Struct, gc=False):
    type: str | None = None
    reason: str | None = None


class _Result(msgspec.Struct, gc=False):
    status: int
    error: _Error | str | None = None


class _Item(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """The answer to one action. What answers another one than was sent is no answer to it."""

    create: _Result


class _Reply(msgspec.Struct):
    items: list[_Item]


class _Refusal(msgspec.Struct):
    """A refused request: OpenSearch's shape, a plain text, or that of Amazon's front end."""

    error: _Error | str | None = None
    message: str | None = None
    Message: str | None = None


_reply_decoder: Final = msgspec.json.Decoder(_Reply)
_refusal_decoder: Final = msgspec.json.Decoder(_Refusal)

_BUSY: Final = frozenset({"rejected_execution_exception", "circuit_breaking_exception"})
CLUSTER_BLOCK: Final = "cluster_block_exception"
_BLOCKED: Final = frozenset({CLUSTER_BLOCK, "index_create_block_exception"})
_AGAIN: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
_WRONG_PLACE: Final = frozenset(
    {
        HTTPStatus.NOT_FOUND,
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.NOT_ACCEPTABLE,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    }
)
_THROTTLED: Final = "request throttled"

_ITEM_TYPES: Final[dict[tuple[int, str], Outcome]] = {
    (409, "version_conflict_engine_exception"): Outcome.DUPLICATE,
    (400, "validation_exception"): Outcome.WAIT,  # the cluster's limit of shards is reached
    (400, "index_closed_exception"): Outcome.WAIT,
    (404, "index_not_found_exception"): Outcome.WAIT,  # indices are not created automatically
    (400, "invalid_index_name_exception"): Outcome.CONFIGURATION,
}
_NOT_THE_DOCUMENT: Final = re.compile(
    r"no write index is defined for alias|this action would add|pipeline with id \[.*\] does not exist"
    r"|Number of documents in the index can't exceed"
)
"""Reasons of an `illegal_argument_exception` that lie in the cluster: an alias, too many shards, an ingest
pipeline that is gone, a shard with as many documents as Lucene takes."""

LONGEST_REASON: Final = 2000
"""Characters of a reason that are kept. OpenSearch quotes the refused value in it, however long that is."""

MOST_REASONS: Final = 500
"""Different reasons that a payload's verdicts keep; those that follow lose what they quote."""

OTHER_REASON: Final = "other_reason"
"""The error type of verdicts that are not kept at all."""

_QUOTED: Final = re.compile(r" in document with id '.*|Preview of field's value.*", re.DOTALL)


_START: Final = b'{"errors":false,"items":['
_CREATED: Final = b'{"create":{"status":201}}'
"""The reply to a request of which each document was created, through `FILTER_PATH`, in OpenSearch's words."""


def judge(status: int, reply: bytes, count: int) -> list[Verdict]:
    """Judge a reply, event by event.

    Args:
        status: the HTTP status.
        reply: the body, as it came.
        count: how many events the request carried.

    Returns:
        As many verdicts, in the order of the request. A reply that cannot be read, or that does
        not have an item for each event, settles none of them.
    """
    if status != HTTPStatus.OK:
        return [_judge_refusal(status, reply)] * count
    if reply == b"%s%s]}" % (_START, b",".join([_CREATED] * count)):
        return [_INDEXED] * count  # nearly every reply; reading its items costs much more
    try:
        items = _read_items(reply)
    except (ValueError, RecursionError):
        return [Verdict(Outcome.RETRY, status, UNREADABLE, "the reply is not that of a bulk request")] * count
    if len(items) != count:
        reason = f"the reply has {len(items)} items for {count} events"
        return [Verdict(Outcome.RETRY, status, INCOMPLETE, reason)] * count
    return [_judge_result(item.create) for item in items]


class Reasons:
    """The verdicts of one payload, each kept once.

    OpenSearch names the document and quotes its value in each reason, so that of many thousand no two are
    alike, and together they need more memory than the events. The first are kept as they are.
    """

    def __init__(self) -> None:
        self._kept: dict[Verdict, Verdict] = {}

    def share(self, verdict: Verdict) -> Verdict:
        """Return an equal verdict that is kept, or one with the general part of its reason."""
        if verdict in self._kept or len(self._kept) < MOST_REASONS:
            return self._kept.setdefault(verdict, verdict)
        general = replace(verdict, reason=_QUOTED.sub("", verdict.reason).strip())
        if general in self._kept or len(self._kept) < 2 * MOST_REASONS:
            return self._kept.setdefault(general, general)
        # Nothing is like anything: whoever speaks, it is not OpenSearch.
        return Verdict(verdict.outcome, verdict.status, OTHER_REASON, "more different reasons than are kept")


def is_fault_of_index(verdicts: Sequence[Verdict], ids: Sequence[str], *, taken: bool) -> bool:
    """Return whether all documents of a request were refused with one reason that is about none of them.

    A reason that is about a document names it, or what is wrong in it, and so differs from document to
    document. What is said of each in the same words lies in the index, and somebody can mend it there.

    Args:
        verdicts: what is said of the documents.
        ids: their ids.
        taken: whether the index took other documents a moment ago. Then one or two that are refused alike
            are at fault themselves; of more than these the index is full, say, since that moment.
    """
    first = verdicts[0]
    if first.outcome is not Outcome.REJECTED or verdicts.count(first) != len(verdicts):
        return False
    return len(set(ids)) >= SEVERAL or not (taken or ids[0] in first.reason)


def _read_items(reply: bytes) -> list[_Item]:
    """Read the items of a reply. Raises ValueError where it is not that of a bulk request."""
    try:
        return _reply_decoder.decode(reply).items
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError):
        # A reason may quote text with a lone surrogate, which only the slower reader takes.
        return msgspec.convert(json.loads(reply), _Reply).items


def _judge_result(result: _Result) -> Verdict:
    if result.error is None and result.status < HTTPStatus.BAD_REQUEST:
        if result.status == HTTPStatus.CREATED:
            return _INDEXED
        return Verdict(Outcome.RETRY, result.status, UNEXPECTED, "neither created nor refused")
    error_type, reason = _describe(result.error)
    outcome = _ITEM_TYPES.get((result.status, error_type)) or _judge_status(result.status, error_type, reason)
    return Verdict(outcome, result.status, error_type, reason)


_INDEXED: Final = Verdict(Outcome.INDEXED, HTTPStatus.CREATED.value)


def _judge_status(status: int, error_type: str, reason: str) -> Outcome:
    if error_type in _BLOCKED:
        return Outcome.WAIT
    if error_type in _BUSY or status in _AGAIN or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Outcome.RETRY
    if status == HTTPStatus.FORBIDDEN and _THROTTLED in reason.lower():
        return Outcome.RETRY
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return Outcome.CONFIGURATION
    if status == HTTPStatus.BAD_REQUEST and _NOT_THE_DOCUMENT.search(reason):
        return Outcome.WAIT
    return Outcome.REJECTED if status == HTTPStatus.BAD_REQUEST else Outcome.RETRY


def _judge_refusal(status: int, reply: bytes) -> Verdict:
    error_type, reason = _read_refusal(reply)
    return Verdict(_judge_request(status, error_type, reason), status, error_type or f"http_{status}", reason)


def _judge_request(status: int, error_type: str, reason: str) -> Outcome:
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return Outcome.SPLIT
    outcome = _ITEM_TYPES.get((status, error_type)) or _judge_status(status, error_type, reason)
    if status == HTTPStatus.BAD_REQUEST and outcome is Outcome.REJECTED:
        # One event spoils the request: find it, never repeat the whole. What does not speak like
        # OpenSearch is something in between, which would refuse each event alone too.
        return Outcome.SPLIT if error_type else Outcome.CONFIGURATION
    if outcome is Outcome.DUPLICATE:
        return Outcome.RETRY  # only an item can say so, of its document
    if status < HTTPStatus.BAD_REQUEST or (status in _WRONG_PLACE and outcome is not Outcome.WAIT):
        return Outcome.CONFIGURATION
    return outcome


def _read_refusal(reply: bytes) -> tuple[str, str]:
    try:
        refusal = _refusal_decoder.decode(reply)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "", reply[:200].decode("utf-8", "replace")
    error_type, reason = _describe(refusal.error)
    return error_type, reason or (refusal.message or refusal.Message or "")[:LONGEST_REASON]


def _describe(error: _Error | str | None) -> tuple[str, str]:
    if isinstance(error, _Error):
        return error.type or "", (error.reason or "")[:LONGEST_REASON]
    return "", (error or "")[:LONGEST_REASON]
