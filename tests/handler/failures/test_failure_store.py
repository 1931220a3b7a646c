"""The failure store: names that nothing else has, and what is dropped is what was read."""

import gzip
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from handler.failures import FailureStore, Pending, remainder
from handler.failures.client import is_refusal
from handler.failures.names import FAILED, ON_FAILURE, REJECTED, name_after
from handler.failures.rejected_lines import read_rejected, write_lines
from handler.report import Unsettled
from parser.errors import EnvelopeError
from parser.reply import Outcome, Verdict
from parser.subscription import Event, Subscription
from support.commands import BUCKET
from support.replaying import fix_time

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
PAYLOAD = Subscription(owner="1", log_group="/vpc", log_stream="eni-all", events=())
BAD = Verdict(
    Outcome.REJECTED, 400, "mapper_parsing_exception", "failed to parse field [srcaddr] of type [ip]"
)
LINE = "2 123456789010 eni-0a1b 10.0.1.5 10.0.2.9 41230 3306 6 12 1904 1768478400 1768478458 ACCEPT OK"


def unsettled(*ids: str) -> list[Unsettled]:
    return [Unsettled("cwl-2026.01.15", Event(each, 1_768_478_400_000, LINE), BAD) for each in ids]


def rest(*ids: str) -> list[tuple[Subscription, list[Unsettled]]]:
    return [(PAYLOAD, unsettled(*ids))]


@pytest.fixture
def store(account: None, monkeypatch: pytest.MonkeyPatch) -> FailureStore:  # makes the bucket
    """Give the store of an invocation at noon."""
    fix_time(monkeypatch, NOON)
    return FailureStore(BUCKET, "request")


def put(key: str, data: bytes = b"x", **named: Any) -> Pending:
    """Put an object there, as somebody else would."""
    boto3.client("s3").put_object(Bucket=BUCKET, Key=key, Body=data, **named)
    return next(each for each in FailureStore(BUCKET, "x").list_pending([""]) if each.key == key)


def keys(prefix: str = "") -> list[str]:
    return [each.key for each in FailureStore(BUCKET, "x").list_pending([prefix])]


def test_two_stores_of_one_request_in_one_microsecond_write_two_objects(store: FailureStore) -> None:
    again = FailureStore(BUCKET, "request")
    written = [each.keep(rest("a"), since=NOON)[0] for each in (store, store, again, again)]
    written += [each.reject(rest("a"), "") for each in (store, again)]
    assert sorted(written) == sorted(keys())
    assert len(set(written)) == 6
    assert written[0].startswith(f"{FAILED}2026/01/15/12/20260115T120000.000000Z-request-")


def test_what_is_made_anew_replaces_nothing(store: FailureStore, monkeypatch: pytest.MonkeyPatch) -> None:
    (key,) = store.keep(rest("a"))
    twin = FailureStore(BUCKET, "request")
    monkeypatch.setattr(twin, "_unique", store._unique)
    with pytest.raises(ClientError, match="PreconditionFailed"):
        twin.keep(rest("b"))
    content = store.read(key)
    assert content is not None
    assert [event.id for payload in content.decode().payloads for event in payload.events] == ["a"]


OTHERS = {
    "another folder": f"{FAILED}2026/01/16/00/x.json.gz",
    "another folder of the same day": f"{FAILED}by-hand/2026/01/15/00/x.json.gz",
    "no day": f"{FAILED}x.json.gz",
    "of Lambda": f"{ON_FAILURE}forward/2026/01/15/x.json.gz",
    "rejected before": f"{REJECTED}2026/01/15/00/x.json.gz",
}


@pytest.mark.parametrize("other", OTHERS)
def test_rejected_events_of_two_objects_never_replace_each_other(store: FailureStore, other: str) -> None:
    sources = [put(f"{FAILED}2026/01/15/00/x.json.gz"), put(OTHERS[other])]
    written = {store.reject(rest("a"), "", source=source) for source in sources}
    assert len(written) == 2
    assert written <= set(keys(REJECTED))


def test_rejecting_once_more_replaces_what_was_written_unless_the_object_is_another(
    store: FailureStore,
) -> None:
    key = f"{FAILED}2026/01/15/00/x.json.gz"
    source = put(key)
    first = store.reject(rest("a"), "", source=source)
    assert FailureStore(BUCKET, "later").reject(rest("a", "b"), "", source=source) == first
    assert store.reject(rest("a"), "", source=put(key, b"another")) != first


def test_a_name_that_is_as_long_as_names_can_be_is_shortened(store: FailureStore) -> None:
    source = put(f"{FAILED}{'é' * 500}")
    assert store.reject(rest("a"), "", source=source) in keys(REJECTED)
    moved = store.set_aside(source, "odd")
    assert moved in keys(REJECTED)
    assert name_after(source.key, source.etag, NOON, "x") != name_after(
        f"{source.key}é", source.etag, NOON, "x"
    )


def test_an_object_is_dropped_only_as_it_was_read(store: FailureStore) -> None:
    source = put(f"{FAILED}x")
    put(f"{FAILED}x", b"another")
    assert store.drop(source.key, source.etag) is False
    assert keys() == [source.key]
    content = store.read(source.key)
    assert content is not None
    assert store.drop(source.key, content.etag) is True
    assert store.drop(source.key, content.etag) is True  # somebody else was first
    assert keys() == []


def test_a_bucket_that_is_not_there_is_no_object_that_is_gone(store: FailureStore) -> None:
    source = put(f"{FAILED}x")
    with pytest.raises(ClientError, match="NoSuchBucket"):
        FailureStore("elsewhere", "request").drop(source.key, source.etag)


def test_an_object_is_set_aside_as_it_is(store: FailureStore) -> None:
    source = put(f"{FAILED}2026/01/15/00/odd thing?#.txt", b"garbage", Metadata={"owner": "me"})
    moved = store.set_aside(source, "it is\nodd")
    assert moved is not None
    assert keys() == [moved]
    found = boto3.client("s3").get_object(Bucket=BUCKET, Key=moved)
    assert found["Body"].read() == b"garbage"
    assert found["Metadata"] == {"reason": "it is odd", "was": source.key}
    assert found["ServerSideEncryption"] == "AES256"


def test_an_archived_object_is_refused(store: FailureStore) -> None:
    put(f"{FAILED}x", StorageClass="GLACIER")
    with pytest.raises(ClientError, match="InvalidObjectState") as caught:
        store.read(f"{FAILED}x")
    assert is_refusal(caught.value)


def test_lines_are_made_and_read_one_by_one() -> None:
    count = 20_000
    size = count * 550  # bytes of all lines, at least

    def many() -> Iterator[Unsettled]:
        for number in range(count):
            yield from unsettled(f"{number:056d}")

    tracemalloc.start()
    data = write_lines([(PAYLOAD, many())], "${version}", "2026-01-15T12:00:00.000Z")
    _, written = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    (found,) = read_rejected(data)
    _, read = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found.events) == count
    assert found.events[-1] == Event(f"{count - 1:056d}", 1_768_478_400_000, LINE)
    assert written < size / 3
    assert read < size


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "it is empty"),
        (b"no JSON\n", "Expecting value"),
        (b"[]\n", "Expected `object`"),
        (b'{"event": 1}\n', "Expected `object`"),
        (b'{"event": {"id": "1", "timestamp": 1, "message": ""}}\n', "KeyError\\('owner'\\)"),
        (b" " * (65 * 1024 * 1024), "holds more than 67108864 bytes"),
    ],
    ids=["empty", "no JSON", "no object", "no event", "no owner", "a bomb"],
)
def test_lines_that_cannot_be_read_are_named(text: bytes, reason: str) -> None:
    with pytest.raises(EnvelopeError, match=reason):
        read_rejected(gzip.compress(text, 1))


@pytest.mark.parametrize("data", [b"", b"no gzip", b"\x1f\x8b\x08\x00cut"])
def test_lines_that_are_no_gzip_are_named(data: bytes) -> None:
    with pytest.raises(EnvelopeError, match="object does not hold rejected events"):
        read_rejected(data)


OTHER = Subscription(owner="2", log_group="/other", log_stream="eni-b", events=())


def test_what_is_left_of_several_payloads_is_one_object(store: FailureStore) -> None:
    (key,) = store.keep([(PAYLOAD, unsettled("a", "b")), (OTHER, unsettled("c"))], attempts=4, since=NOON)
    content = store.read(key)
    assert content is not None
    assert (content.attempts, content.log_group) == (4, "")
    assert [
        (each.owner, each.log_group, each.log_stream, [event.id for event in each.events])
        for each in content.decode().payloads
    ] == [("1", "/vpc", "eni-all", ["a", "b"]), ("2", "/other", "eni-b", ["c"])]
    head = boto3.client("s3").head_object(Bucket=BUCKET, Key=key)
    assert head["Metadata"] == {"attempts": "4", "events": "3", "reason": "400 mapper_parsing_exception"}


def test_what_one_object_could_not_be_read_with_is_several(
    store: FailureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remainder, "MAX_PAYLOAD", 800)
    written = store.keep([(PAYLOAD, unsettled("a")), (OTHER, unsettled("b", "c")), (PAYLOAD, unsettled("d"))])
    found = [
        [len(each.events) for each in content.decode().payloads]
        for content in map(store.read, written)
        if content
    ]
    assert found == [[1, 2], [1]]


def test_rejected_lines_of_several_payloads_go_back_to_their_log_streams(store: FailureStore) -> None:
    rest_of_all = [(PAYLOAD, unsettled("a")), (OTHER, unsettled("b")), (PAYLOAD, unsettled("c"))]
    content = store.read(store.reject(rest_of_all, "${version}"))
    assert content is not None
    assert [
        (each.owner, each.log_group, each.log_stream, [event.id for event in each.events])
        for each in content.decode().payloads
    ] == [("1", "/vpc", "eni-all", ["a", "c"]), ("2", "/other", "eni-b", ["b"])]
