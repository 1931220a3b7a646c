"""`flowlogs demo` on a real OpenSearch: what it prints is true, and a second run changes nothing."""

import datetime as dt
import itertools
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flowlogs.command_line import app
from flowlogs.commands import demo
from flowlogs.local import project_node
from flowlogs.local.embedded import Embedded
from flowlogs.report.period import Period
from flowlogs.traffic.day import Summary, generate_day, summarize
from support import commands

DAY = dt.date(2026, 11, 22)
RECORDS = 2000
SAMPLES = Summary(received=67, unparsed=11, no_data=4, skip_data=2)
"""Of the sample events, which go first."""

pytestmark = pytest.mark.dear(4)


@dataclass(frozen=True)
class Run:
    """One run of the demo."""

    status: int
    out: str
    error: str

    def count(self, name: str) -> int:
        """Return the number that stands behind a name."""
        (number,) = re.findall(rf"^ *{name} +([\d,]+) *$", self.out, re.MULTILINE)
        return int(number.replace(",", ""))


RunDemo = Callable[..., Run]


@pytest.fixture
def run_demo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> RunDemo:
    """Return a function that runs the demo, given its options and environment; its files are the test's."""
    monkeypatch.setattr(project_node, "DATA", tmp_path)
    monkeypatch.setattr(demo, "LOG", tmp_path / "demo.log")
    monkeypatch.setattr(demo, "REPORT", tmp_path / "report.html")

    def run_demo(*arguments: str, **environ: str) -> Run:
        with pytest.MonkeyPatch.context() as patch:
            for name, text in environ.items():
                patch.setenv(name, text)
            told = commands.run("demo", *arguments)
        return Run(told.status, told.output, told.errors)

    return run_demo


@pytest.fixture
def without_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw no report, which takes two seconds: one test looks at it."""

    def write_report(_environ: Mapping[str, str], _period: Period, _path: Path) -> None:
        pass

    monkeypatch.setattr(demo, "write_report", write_report)


def search(node: Embedded, body: dict[str, Any]) -> Any:
    status, reply = node.request("POST", "/cwl-*/_search", {"track_total_hits": True, **body})
    assert status == 200, reply
    return reply


def count(node: Embedded, **query: object) -> int:
    total: int = search(node, {"size": 0, "query": query})["hits"]["total"]["value"]
    return total


@pytest.mark.usefixtures("without_report")
def test_a_stream_shows_the_same_day(run_demo: RunDemo, opensearch: Embedded) -> None:
    arguments = ("--records", str(RECORDS), "--day", DAY.isoformat())
    total = RECORDS + RECORDS // 10 + SAMPLES.received

    first = run_demo(*arguments, "--source", "stream", OPENSEARCH_URL=opensearch.url)
    second = run_demo(*arguments, OPENSEARCH_URL=opensearch.url)

    assert (first.status, first.error) == (0, "")
    assert [first.count(name) for name in ("received", "indexed", "duplicate")] == [total, total, 0]
    assert [second.count(name) for name in ("received", "indexed", "duplicate")] == [total, 0, total]


def test_a_day_of_the_future_is_a_wrong_call(run_demo: RunDemo, opensearch: Embedded) -> None:
    today = dt.datetime.now(dt.UTC).date()
    tomorrow = today + dt.timedelta(days=1)

    done = run_demo("--day", tomorrow.isoformat(), OPENSEARCH_URL=opensearch.url)

    assert (done.status, done.out) == (2, "")
    assert done.error == (
        f"flowlogs: {tomorrow} lies in the future, and so would its index: give --day until {today}\n"
    )
    assert opensearch.request("GET", "/_cat/indices/cwl-*?format=json") == (200, [])


def test_the_outage_is_shown_without_a_stream(run_demo: RunDemo) -> None:
    done = run_demo("--outage", "--source", "stream")

    assert (done.status, done.out) == (2, "")
    assert "subscription only" in done.error


def test_the_demo_tells_the_truth_and_a_second_run_shows_duplicates(
    run_demo: RunDemo, opensearch: Embedded
) -> None:
    made = summarize(generate_day(DAY, records=RECORDS))
    before = summarize(generate_day(DAY - dt.timedelta(days=1), records=RECORDS // 10))
    total = RECORDS + RECORDS // 10 + SAMPLES.received
    arguments = ("--records", str(RECORDS), "--day", DAY.isoformat())
    assert made.received == RECORDS

    first = run_demo(*arguments, OPENSEARCH_URL=opensearch.url)

    assert (first.status, first.error) == (0, "")
    (report,) = re.findall(r"^  (\S*report\.html) ", first.out, re.MULTILINE)
    page = Path(report).read_text()
    assert f"{DAY} 00:00 to {DAY + dt.timedelta(days=1)} 00:00 UTC" in page
    assert f"The period before ({DAY - dt.timedelta(days=1)} 00:00 to {DAY} 00:00 UTC) had " in page
    names = ("received", "indexed", "duplicate", "pending", "rejected")
    assert [first.count(name) for name in names] == [total, total, 0, 0, 0]
    assert f"{total:,} = {total:,} + 0 + 0 + 0; the index grew by {total:,} documents" in first.out
    every = made + before + SAMPLES
    assert (
        f"of which unparsed {every.unparsed}, NODATA {every.no_data}, SKIPDATA {every.skip_data}\n"
        in first.out
    )

    day: dict[str, Any] = {"term": {"_index": f"cwl-{DAY:%Y.%m.%d}"}}
    assert count(opensearch, **day) == RECORDS
    day_before = f"cwl-{DAY - dt.timedelta(days=1):%Y.%m.%d}"
    assert count(opensearch, term={"_index": day_before}) == RECORDS // 10
    sums = {"actions": {"terms": {"field": "action"}, "aggs": {"bytes": {"sum": {"field": "bytes"}}}}}
    buckets = search(opensearch, {"size": 0, "query": day, "aggs": sums})["aggregations"]["actions"][
        "buckets"
    ]
    assert {each["key"]: (each["doc_count"], each["bytes"]["value"]) for each in buckets} == {
        "ACCEPT": (made.accepted, made.accepted_bytes),
        "REJECT": (made.rejected, made.rejected_bytes),
    }

    second = run_demo(*arguments, OPENSEARCH_URL=opensearch.url + "/")

    assert (second.status, second.error) == (0, "")
    assert [second.count(name) for name in names] == [total, 0, total, 0, 0]
    assert "the index grew by 0 documents" in second.out
    assert count(opensearch, match_all={}) == total
    assert opensearch.running


@pytest.mark.usefixtures("without_report")
def test_what_others_write_meanwhile_is_none_of_the_demo(run_demo: RunDemo, opensearch: Embedded) -> None:
    """On a cluster of one's own: other flow logs go to the same index while the demo counts."""
    over = threading.Event()
    written = itertools.count()

    def write() -> None:
        other = {"@owner": "210987654321", "@log_group": "/vpc/own", "srcaddr": "10.9.9.9", "bytes": 10**15}
        while opensearch.request("GET", "/_index_template/cwl")[0] != 200 and not over.is_set():
            pass  # the mappings shall be there first
        while not over.is_set():
            opensearch.request("PUT", f"/cwl-{DAY:%Y.%m.%d}/_doc/other-{next(written)}", other)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        shown = run_demo("--records", "1000", "--day", DAY.isoformat(), OPENSEARCH_URL=opensearch.url)
    finally:
        over.set()
        writer.join()

    total = 1100 + SAMPLES.received
    assert (shown.status, shown.error) == (0, "")
    assert f"{total:,} = {total:,} + 0 + 0 + 0; the index grew by {total:,} documents" in shown.out
    assert "10.9.9.9" not in shown.out
    assert count(opensearch, term={"@log_group": "/vpc/own"}) > 0


@pytest.mark.usefixtures("without_report")
def test_another_prefix_keeps_the_demo_apart(run_demo: RunDemo, opensearch: Embedded) -> None:
    shown = run_demo(
        "--records", "1000", "--day", DAY.isoformat(), OPENSEARCH_URL=opensearch.url, INDEX_PREFIX="try"
    )

    assert shown.status == 0
    assert "index template 'try' is installed" in shown.out
    assert opensearch.request("GET", "/_cat/indices/cwl-*?format=json")[1] == []
    assert opensearch.request("GET", "/_index_template/cwl")[0] == 404


def test_help_says_where_the_documents_go(run_demo: RunDemo) -> None:
    shown = " ".join(run_demo("--help").out.split())

    assert "go to INDEX_PREFIX (default: cwl): give a productive cluster another." in shown
    assert "The same day with the same --records is the same traffic" in shown


@pytest.mark.usefixtures("without_report")
def test_the_demo_shows_who_sends_most_and_what_is_refused(run_demo: RunDemo, opensearch: Embedded) -> None:
    shown = run_demo("--records", "1000", "--day", "2026-11-22", OPENSEARCH_URL=opensearch.url)

    assert shown.status == 0
    volume = {"sum": {"field": "bytes"}}
    largest = {
        "terms": {"field": "srcaddr", "size": 1, "order": {"bytes": "desc"}},
        "aggs": {"bytes": volume},
    }
    refused = {
        "filter": {"bool": {"filter": [{"term": {"action": "REJECT"}}, {"range": {"dstport": {"gt": 0}}}]}}
    }
    ports = {**refused, "aggs": {"ports": {"terms": {"field": "dstport", "size": 1}}}}
    found = search(opensearch, {"size": 0, "aggs": {"talkers": largest, "refused": ports}})["aggregations"]
    (talker,) = found["talkers"]["buckets"]
    (port,) = found["refused"]["ports"]["buckets"]
    rows = [row.split() for row in shown.out.splitlines()]
    assert any(row[:1] == [talker["key"]] for row in rows)
    assert any(row[:2] == [str(port["key"]), str(port["doc_count"])] for row in rows)
    assert "One document in full (cwl-2026." in shown.out
    assert '"traffic_path":' in shown.out
    assert f"curl '{opensearch.url}/cwl-*/_search?q=action:REJECT&size=1&pretty'" in shown.out


@pytest.mark.parametrize(
    ("environ", "status", "message"),
    [
        ({"OPENSEARCH_URL": "http://127.0.0.1:1"}, 1, "Connection refused"),
        (
            {"OPENSEARCH_URL": "http://search.example.com"},
            2,
            "without TLS only this machine may be addressed",
        ),
        (
            {
                "OPENSEARCH_URL": "https://search.example.com",
                "AWS_REGION": "eu-central-1",
                "AWS_CONFIG_FILE": "/nonexistent",
                "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
            },
            2,
            "no AWS credentials are found, and OPENSEARCH_AUTH=iam needs them",
        ),
    ],
    ids=["nobody there", "no TLS", "no credentials"],
)
def test_what_a_person_can_mend_is_a_sentence(
    run_demo: RunDemo, environ: dict[str, str], status: int, message: str
) -> None:
    shown = run_demo("--records", "1000", **environ)

    assert shown.status == status
    assert message in shown.error
    assert shown.error.startswith("flowlogs: ")
    assert shown.error.count("\n") == 1


@pytest.mark.parametrize("arguments", [["--records", "10"], ["--day", "2026-02-30"]], ids=["few", "no day"])
def test_a_wrong_call_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        app(["demo", *arguments])

    assert ended.value.code == 2
