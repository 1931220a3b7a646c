"""`flowlogs replay`: where it sends to, by which formats, and what it says of the rest."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import boto3
import pytest
import typer

from flowlogs.commands import replay as replay_module
from handler.failures import FailureStore
from handler.replay import Replay
from handler.report import NOT_TRIED, Unsettled
from parser.format import DEFAULT
from parser.reply import Outcome, Verdict
from parser.subscription import Event, Subscription, encode
from support.commands import BUCKET, Told, run
from support.memory_s3 import make_error
from support.recorder import Answer, Recorder

NOON: Final = 1768478400000
LINE: Final = "2 123456789010 eni-0a 10.0.0.5 10.0.0.6 443 50000 6 1 40 1768478400 1768478460 ACCEPT OK"
SHORT: Final = "${dstaddr} ${srcaddr} ${bytes}"

pytestmark = pytest.mark.usefixtures("account")


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    """Return a cluster that creates what it is sent, known by its address and nothing else."""
    with Recorder() as recorder:
        monkeypatch.setenv("OPENSEARCH_URL", recorder.url)
        yield recorder


def payload(*lines: str) -> Subscription:
    events = tuple(Event(f"{number:056d}", NOON, line) for number, line in enumerate(lines))
    return Subscription(owner="123456789010", log_group="/vpc/a", log_stream="eni-all", events=events)


def keep(*lines: str) -> str:
    """Store lines that wait."""
    waiting = payload(*lines)
    verdict = Verdict(Outcome.RETRY, 0, "timeout", "no answer")
    unsettled = [Unsettled("cwl", each, verdict) for each in waiting.events]
    (key,) = FailureStore(BUCKET, "x").keep([(waiting, unsettled)])
    return key


def put(key: str, data: bytes, **metadata: str) -> None:
    boto3.client("s3").put_object(Bucket=BUCKET, Key=key, Body=data, Metadata=metadata)


def list_keys() -> list[str]:
    return [each["Key"] for each in boto3.client("s3").list_objects_v2(Bucket=BUCKET).get("Contents", ())]


def replay(*arguments: str) -> Told:
    return run("replay", "--bucket", BUCKET, *arguments)


def test_nothing_is_sent_where_nobody_says_how_lines_are_read(cluster: Recorder) -> None:
    key = keep(LINE)
    told = replay()
    assert (told.status, told.output) == (2, "")
    assert told.errors == (
        "flowlogs: how lines are read is not known: give --stack, or LOG_FORMATS, which flowlogs formats "
        "prints\n"
    )
    assert (cluster.received, list_keys()) == ([], [key])


def test_a_dry_run_needs_no_formats() -> None:
    keep(LINE)
    assert replay("--dry-run", "--json").json["events"] == 1


def test_cluster_indices_and_formats_are_shown_before_anything_is_sent(
    cluster: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOG_FORMATS", SHORT)
    monkeypatch.setenv("INDEX_PREFIX", "flows")
    keep("10.0.0.1 10.0.0.2 40")
    told = replay()
    assert (told.status, list_keys()) == (0, [])
    assert told.errors == (
        f"flowlogs: 1 object to {cluster.url}, indices flows-YYYY.MM.DD; lines are read by\n  {SHORT}\n"
    )
    assert [each.target.partition("?")[0] for each in cluster.received] == ["/flows-2026.01.15/_bulk"]


def test_nothing_is_sent_where_most_of_the_first_lines_do_not_fit(
    cluster: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOG_FORMATS", SHORT)
    key = keep(LINE, LINE, "10.0.0.1 10.0.0.2 40")
    put("failed/garbage", b"garbage")
    told = replay()
    assert (told.status, told.output) == (1, "")
    misfits = (
        "flowlogs: 2 of the first 3 lines fit none of these formats, so that they would be indexed with "
        "their text and a parse_error; the first: '10.0.0.5' is surplus after bytes: line has 14 tokens, "
        "not 3 (formats have 3)"
    )
    advice = "flowlogs: nothing was sent: give --stack or LOG_FORMATS of those lines, or --accept-unparsed"
    assert told.errors.splitlines()[2:] == [misfits, advice]
    assert (cluster.received, sorted(list_keys())) == ([], sorted([key, "failed/garbage"]))


def test_they_are_sent_where_that_is_accepted_and_the_unparsed_are_counted(
    cluster: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOG_FORMATS", SHORT)
    keep(LINE, LINE, "10.0.0.1 10.0.0.2 40")
    told = replay("--accept-unparsed")
    assert (told.status, list_keys()) == (0, [])
    *lines, rate = told.output.splitlines()[1:]
    assert lines == [
        "events:  3 received = 3 indexed + 0 duplicate + 0 pending + 0 rejected",
        "of which 2 unparsed: with their text and parse_error",
    ]
    assert re.fullmatch(r"rate:    [\d,]+ events a second", rate)
    keep(LINE)
    assert replay("--accept-unparsed", "--json").json["unparsed"] == 1
    assert len(cluster.received) == 2


@pytest.mark.parametrize(("answer", "status", "requests"), [(True, 0, 1), (False, 1, 0)], ids=["yes", "no"])
def test_a_person_is_asked(
    answer: object, status: int, requests: int, cluster: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOG_FORMATS", SHORT)
    monkeypatch.setattr(replay_module, "is_interactive", lambda: True)
    monkeypatch.setattr(typer, "confirm", lambda *_, **__: answer)
    keep(LINE)
    assert (replay().status, len(cluster.received), len(list_keys())) == (status, requests, 1 - requests)


@pytest.mark.usefixtures("cluster")
def test_a_person_is_told_in_sentences_and_debug_shows_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_FORMATS", DEFAULT)
    monkeypatch.setattr(replay_module, "is_interactive", lambda: True)
    put("failed/1", b"garbage")
    told = replay("--keep", "--debug")
    assert '"message":"replay.unreadable"' in told.errors
    told = replay("--keep")
    assert [line for line in told.errors.splitlines() if line.startswith("{")] == []
    assert told.status == 1


def test_a_dry_run_names_what_cannot_be_read_and_explains_what_was_not_tried() -> None:
    waiting = payload(LINE)
    FailureStore(BUCKET, "x").keep([(waiting, [Unsettled("cwl", waiting.events[0], NOT_TRIED)])])
    put("failed/garbage", b"garbage", events="10", reason="timeout")
    told = replay("--dry-run")
    assert told.status == 1
    shown = " ".join(told.output.split())
    assert "outage: not tried, for what was sent just before was not taken" in shown
    assert "not counted, for it cannot be read: in failed/garbage: payload is not gzip" in shown


def test_half_of_the_lines_are_not_most(cluster: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_FORMATS", DEFAULT)
    keep(LINE, "not a flow log")
    assert (replay().status, len(cluster.received)) == (0, 1)


@pytest.mark.usefixtures("cluster")
def test_a_run_that_only_set_objects_aside_says_what_to_do_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_FORMATS", DEFAULT)
    put("failed/1", b"garbage")
    told = replay()
    assert told.status == 1
    assert told.errors.splitlines()[-1] == (
        f"flowlogs: 1 object was set aside: flowlogs rejected --bucket {BUCKET} says why"
    )


def refuse(**error: str) -> Answer:
    item = {"create": {"status": 400, "error": error}}
    return Answer(body=json.dumps({"errors": True, "items": [item]}).encode())


def test_events_that_were_rejected_are_named_too(cluster: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_FORMATS", DEFAULT)
    keep(LINE)
    reason = f"failed to parse field [x] in document with id '{0:056d}'"
    cluster.answers.append(refuse(type="mapper_parsing_exception", reason=reason))
    told = replay()
    assert told.status == 1
    assert told.errors.splitlines()[-1] == (
        f"flowlogs: 1 event rejected: flowlogs rejected --bucket {BUCKET} says why"
    )


def test_an_object_that_was_unreadable_is_sent_when_it_can_be_read(
    cluster: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older reader set it aside; today's can read it, and the command that `rejected` names sends it."""
    monkeypatch.setenv("LOG_FORMATS", DEFAULT)
    put("rejected/2026/01/15/12/a.unreadable", encode(payload(LINE, LINE)), reason="an id is a number")
    put("rejected/2026/01/15/12/b.unreadable", b"garbage", reason="payload is not gzip")
    told = run("rejected", "--bucket", BUCKET, "--json")
    found: list[dict[str, Any]] = told.json["unreadable"]
    again = f"flowlogs replay --rejected --bucket {BUCKET}"
    assert [(each["reason"], each["events"], again in each["advice"]) for each in found] == [
        ("an id is a number", 2, True),
        ("payload is not gzip", None, False),
    ]
    told = replay("--rejected")
    assert (told.status, told.errors.splitlines()[-1]) == (1, "flowlogs: 1 object remains")
    assert list_keys() == ["rejected/2026/01/15/12/b.unreadable"]
    assert len(cluster.received) == 1


def test_of_an_object_that_is_partly_damaged_each_command_reads_what_can_be_read_and_names_the_rest(
    cluster: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version before set it aside whole; what is damaged is set aside anew, and nothing else."""
    monkeypatch.setenv("LOG_FORMATS", DEFAULT)
    good = encode(payload(LINE, LINE))
    reason = (
        f"byte {len(good)}: payload after its last gzip member is not gzip: it starts with 67617262616765 "
        "(beside payloads that could be read: 1)"
    )
    key = "rejected/2026/01/15/12/a.unreadable"
    put(key, good + b"garbage", reason="payload is not gzip")

    told = run("rejected", "--bucket", BUCKET, "--json")
    (found,) = told.json["unreadable"]
    assert found["events"] == 2
    assert found["advice"] == (
        f"A part of it can be read today, and the rest is set aside anew ({reason}). "
        f"Send it: flowlogs replay --rejected --bucket {BUCKET}"
    )
    stock = replay("--rejected", "--dry-run", "--json").json
    assert (stock["events"], stock["damaged"]) == (2, [{"key": key, "reason": reason}])
    shown = " ".join(replay("--rejected", "--dry-run").output.split())
    assert f"not counted, for it cannot be read: in {key}: {reason}" in shown

    told = replay("--rejected", "--keep")
    advice = f"a part of 1 object cannot be read: flowlogs rejected --bucket {BUCKET} says why"
    assert (told.status, told.errors.splitlines()[-1]) == (1, f"flowlogs: {advice}")
    told = replay("--rejected")
    assert (told.status, told.errors.splitlines()[-1]) == (1, f"flowlogs: {advice}")
    assert len(cluster.received) == 2
    (left,) = list_keys()
    assert left != key
    assert boto3.client("s3").get_object(Bucket=BUCKET, Key=left)["Body"].read() == b"garbage"


@pytest.mark.usefixtures("cluster")
def test_what_is_rejected_again_counts_as_left_and_not_twice(
    cluster: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOG_FORMATS", DEFAULT)
    rejected = payload(LINE)
    verdict = Verdict(Outcome.REJECTED, 400, "mapper_parsing_exception", "no")
    FailureStore(BUCKET, "x").reject([(rejected, [Unsettled("cwl", rejected.events[0], verdict)])], DEFAULT)
    cluster.answers.append(refuse(type="mapper_parsing_exception", reason=f"id '{0:056d}'"))
    told = replay("--rejected")
    assert (told.status, told.errors.splitlines()[-1]) == (1, "flowlogs: 1 object remains")


ARCHIVED: Final = "failed/0000-archived.json.gz"


def archive(key: str, data: bytes) -> None:
    """Store an object that S3 answers for with InvalidObjectState."""
    client = boto3.client("s3")
    client.put_object(Bucket=BUCKET, Key=key, Body=data, StorageClass="GLACIER")


@pytest.mark.parametrize("choice", [[], ["--log-group", "/vpc/a"], ["--log-group", "/vpc/a", "--limit", "1"]])
def test_what_s3_does_not_give_is_left_and_named_and_the_others_are_sent(
    choice: list[str], cluster: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOG_FORMATS", DEFAULT)
    archive(ARCHIVED, encode(payload(LINE)))
    keep(LINE)
    told = replay(*choice)
    assert (told.status, told.errors.splitlines()[-1]) == (1, "flowlogs: 1 object remains")
    assert f'"key":"{ARCHIVED}"' in told.errors.replace('": "', '":"')
    assert "InvalidObjectState" in told.errors
    assert (len(cluster.received), list_keys()) == (1, [ARCHIVED])


@pytest.mark.parametrize("choice", [[], ["--reason", "timeout"]], ids=["all", "chosen"])
def test_a_dry_run_counts_what_it_can_read_and_names_what_s3_does_not_give(choice: list[str]) -> None:
    archive(ARCHIVED, encode(payload(LINE)))
    keep(LINE)
    stock = replay("--dry-run", "--json", *choice)
    assert (stock.status, stock.json["objects"], stock.json["events"]) == (1, 1, 1)
    ((key, reason),) = [(each["key"], each["reason"]) for each in stock.json["withheld"]]
    assert (key, reason.partition(":")[0]) == (ARCHIVED, "AWS refuses GetObject")
    shown = " ".join(replay("--dry-run", *choice).output.split())
    assert f"not counted, for S3 does not give it: {ARCHIVED}: AWS refuses GetObject: Inv" in shown


def test_credentials_that_have_expired_are_no_matter_of_one_object(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(_: FailureStore, key: str) -> None:
        raise make_error(400, "ExpiredToken")

    keep(LINE)
    monkeypatch.setattr(FailureStore, "read", read)
    told = replay("--dry-run")
    assert (told.status, told.output) == (2, "")
    assert "sign in again" in told.errors


@pytest.mark.parametrize("option", ["--pace", "--rate"])
def test_a_run_is_as_slow_as_it_is_asked_to_be_by_either_name(
    cluster: Recorder, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    monkeypatch.setenv("LOG_FORMATS", DEFAULT)
    asked: list[float | None] = []

    class Watched(Replay):
        def __init__(self, *arguments: Any, rate: float | None, **options: Any) -> None:
            asked.append(rate)
            super().__init__(*arguments, rate=rate, **options)

    monkeypatch.setattr(replay_module, "Replay", Watched)
    keep(LINE)
    assert (replay(option, "2000").status, asked) == (0, [2000.0])
    assert len(cluster.received) == 1
