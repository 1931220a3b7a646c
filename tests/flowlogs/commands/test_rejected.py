"""`flowlogs rejected`: grouped by what has to be mended, explained, and without addresses on request."""

from typing import Final

import boto3
import pytest

from handler.failures import Content, FailureStore
from handler.report import Unsettled
from parser.reply import Outcome, Verdict
from parser.subscription import Event, Subscription
from support.commands import BUCKET, run
from support.memory_s3 import make_error

MAPPER: Final = "mapper_parsing_exception"
LINE: Final = "2 123456789010 eni-0a 10.0.0.5 2001:db8::1 443 50000 6 1 40 1768478400 1768478460 ACCEPT OK"

pytestmark = pytest.mark.usefixtures("account")


def reason(field: str, number: int) -> str:
    return (
        f"failed to parse field [{field}] of type [ip] in document with id '{number}'. "
        f"Preview of field's value: '10.0.0.{number}'"
    )


def reject(*verdicts: Verdict, log_group: str = "/vpc/a", index: str = "cwl-2026.01.15") -> str:
    """Store events that were rejected in one delivery."""
    rejected = [
        Unsettled(index, Event(str(number), 1768478400000, LINE), verdict)
        for number, verdict in enumerate(verdicts)
    ]
    subscription = Subscription(owner="123456789010", log_group=log_group, log_stream="eni-all", events=())
    return FailureStore(BUCKET, "request").reject([(subscription, rejected)], "${version}")


def mapper(field: str, number: int = 1) -> Verdict:
    return Verdict(Outcome.REJECTED, 400, MAPPER, reason(field, number))


def test_events_with_the_same_fault_are_one_group_whatever_their_ids_and_values() -> None:
    reject(mapper("srcaddr", 1), mapper("srcaddr", 2), mapper("dstaddr", 3))
    reject(mapper("srcaddr", 4), log_group="/vpc/b")
    reject(mapper("srcaddr", 5), index="cwl-2026.01.16")
    told = run("rejected", "--bucket", BUCKET, "--json")
    assert told.status == 1
    groups = [
        (each["status"], each["error_type"], each["index"], each["reason"], each["count"])
        for each in told.json["groups"]
    ]
    assert groups == [
        (400, MAPPER, "cwl-2026.01.15", reason("srcaddr", 1), 3),
        (400, MAPPER, "cwl-2026.01.15", reason("dstaddr", 3), 1),
        (400, MAPPER, "cwl-2026.01.16", reason("srcaddr", 5), 1),
    ]
    assert told.json["groups"][0]["log_groups"] == {"/vpc/a": 2, "/vpc/b": 1}
    assert told.json["events"] == 5


def test_each_group_says_what_helps_and_shows_lines() -> None:
    reject(mapper("srcaddr"), mapper("srcaddr"), mapper("srcaddr"))
    reject(Verdict(Outcome.REJECTED, 0, "expired", "older than the 30 days that indices are kept"))
    reject(Verdict(Outcome.REJECTED, 413, "http_413", ""))
    told = run("rejected", "--bucket", BUCKET, "--samples", "2")
    assert "3 events: 400 mapper_parsing_exception" in told.output
    assert told.output.count("line: ") == 4
    unfolded = " ".join(told.output.split())
    assert LINE in unfolded
    assert "Correct the mapping, then: flowlogs replay --rejected" in unfolded
    assert "1 event: expired" in unfolded
    assert "replay them with a larger RETENTION_DAYS" in unfolded
    assert "One event is larger than OpenSearch takes in a request" in unfolded
    assert told.output.endswith("5 events are rejected\n")


def test_redacted_output_has_no_address_and_no_account() -> None:
    reject(mapper("srcaddr"), log_group="/org/123456789010/flows")
    for form in ([], ["--json"]):
        told = run("rejected", "--bucket", BUCKET, "--redact", *form)
        assert told.status == 1
        for secret in ("10.0.0.", "2001:db8", "123456789010"):
            assert secret not in told.output
        assert "2 [account] eni-0a [address] [address] 443" in told.output
        assert "/org/[account]/flows" in told.output


def test_redacted_log_groups_that_differ_in_their_account_only_add_up() -> None:
    reject(mapper("srcaddr"), mapper("srcaddr"), log_group="/org/123456789010/flows")
    reject(mapper("srcaddr"), log_group="/org/123456789011/flows")
    told = run("rejected", "--bucket", BUCKET, "--redact", "--json")
    assert told.json["groups"][0]["log_groups"] == {"/org/[account]/flows": 3}
    assert "from: /org/[account]/flows (3)\n" in run("rejected", "--bucket", BUCKET, "--redact").output


def test_the_choice_by_time_log_group_and_number() -> None:
    reject(mapper("srcaddr"))
    reject(mapper("dstaddr"), mapper("dstaddr"), log_group="/vpc/b")

    def count(*options: str) -> int:
        return int(run("rejected", "--bucket", BUCKET, "--json", *options).json["events"])

    assert count("--log-group", "/vpc/b") == 2
    assert count("--limit", "1") == 1
    assert count("--until", "2020-01-01") == 0
    assert count("--since", "2020-01-01T00:00") == 3


def test_objects_that_cannot_be_read_are_shown_too() -> None:
    store = FailureStore(BUCKET, "request")
    boto3.client("s3").put_object(Bucket=BUCKET, Key="failed/x", Body=b"garbage")
    (pending,) = store.list_pending()
    key = store.set_aside(pending, "payload is not gzip")
    boto3.client("s3").put_object(Bucket=BUCKET, Key="rejected/odd.ndjson.gz", Body=b"no gzip")
    told = run("rejected", "--bucket", BUCKET, "--json")
    assert told.status == 1
    assert {each["key"]: each["size"] for each in told.json["unreadable"]} == {
        key: 7,
        "rejected/odd.ndjson.gz": 7,
    }
    assert told.json["unreadable"][0]["reason"] == "payload is not gzip"
    assert run("rejected", "--bucket", BUCKET).output.endswith(
        "0 events are rejected, 2 objects that could not be read\n"
    )


@pytest.mark.parametrize("choice", [[], ["--log-group", "/vpc/a"]], ids=["all", "a log group"])
def test_an_object_that_s3_does_not_give_hides_no_other(choice: list[str]) -> None:
    reject(mapper("srcaddr"))
    boto3.client("s3").put_object(
        Bucket=BUCKET, Key="rejected/archived.ndjson.gz", Body=b"x", StorageClass="GLACIER"
    )
    told = run("rejected", "--bucket", BUCKET, "--json", *choice)
    assert (told.status, told.json["events"], len(told.json["unreadable"])) == (1, 1, 1)
    (archived,) = told.json["unreadable"]
    assert archived["reason"].startswith("S3 does not give it: AWS refuses GetObject: InvalidObjectState")
    assert archived["advice"] == (
        "It may hold events. If it is archived, restore it; if its KMS key is disabled, enable it; if access "
        f"is denied, permit s3:GetObject and kms:Decrypt, then: flowlogs replay --rejected --bucket {BUCKET}"
    )


def test_an_object_that_nobody_may_read_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    key, whole = reject(mapper("srcaddr")), FailureStore.read
    reject(mapper("dstaddr"))

    def read(store: FailureStore, name: str) -> Content | None:
        if name == key:
            raise make_error(403, "AccessDenied")
        return whole(store, name)

    monkeypatch.setattr(FailureStore, "read", read)
    told = run("rejected", "--bucket", BUCKET, "--json")
    assert (told.status, told.json["events"]) == (1, 1)
    assert [each["key"] for each in told.json["unreadable"]] == [key]


def test_nothing_rejected_is_exit_status_0() -> None:
    told = run("rejected", "--bucket", BUCKET)
    assert (told.status, told.output) == (0, "0 events are rejected\n")


def test_a_bucket_that_does_not_exist_is_a_sentence() -> None:
    told = run("rejected", "--bucket", "no-such-bucket")
    assert told.status == 1
    assert told.errors == (
        "flowlogs: there is no bucket no-such-bucket in this account and Region: check its name, "
        "--profile and --region, or deploy the stack again\n"
    )
