# ruff: noqa: ARG002  # what the real ones are asked with
"""A marked line on its way: each step says what it saw, and nothing is left behind, whatever happens."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError
from opensearchpy import OpenSearch
from opensearchpy.exceptions import AuthorizationException, NotFoundError

from flowlogs.accounting.metrics import NoDataError
from flowlogs.cluster.connection import install_template, open_client
from flowlogs.local.embedded import Embedded
from flowlogs.proving import alarms as alarms_of
from flowlogs.proving import journey
from flowlogs.proving.journey import Place, travel
from flowlogs.proving.marked_line import write_line
from handler.config import Config
from parser.fields import FIELDS
from parser.format import DEFAULT, TRANSIT_GATEWAY_DEFAULT, Formats, parse_format
from parser.index_names import index_name
from parser.record import parse

CONFIG = Config.from_environ({"OPENSEARCH_URL": "http://127.0.0.1:1", "OPENSEARCH_AUTH": "none"})
COUNTED = {"received": 3, "indexed": 2, "duplicate": 1, "pending": 0, "rejected": 0}
NUMBER = 1_768_471_200


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(DEFAULT, id="the default"),
        pytest.param(TRANSIT_GATEWAY_DEFAULT, id="a transit gateway"),
        pytest.param(" ".join(f"${{{each.name}}}" for each in FIELDS), id="every field that there is"),
        pytest.param("${version} ${new-field} ${srcaddr}", id="a field that is newer than the table"),
    ],
)
def test_the_line_is_one_of_its_format(text: str) -> None:
    format_ = parse_format(text)
    document = parse(write_line(format_, NUMBER), Formats.of([format_]))
    assert document["srcaddr"] == "192.0.2.1"
    assert {document[each] for each in ("start", "end") if each in document} <= {NUMBER}


@dataclass
class FakeAws:
    """CloudWatch and its logs.

    Attributes:
        line: what was put.
        streams: log streams that are there.
        alarms: name -> state.
        refuses: operations that are not permitted.
    """

    line: str = ""
    timestamp: int = 0
    streams: list[str] = field(default_factory=list)
    alarms: dict[str, str] = field(
        default_factory=lambda: {"flowlogs-rejected": "OK", "flowlogs-x": "INSUFFICIENT_DATA"}
    )
    refuses: tuple[str, ...] = ()

    def create_log_stream(self, logGroupName: str, logStreamName: str) -> None:
        self._demand("CreateLogStream")
        self.streams.append(logStreamName)

    def put_log_events(
        self, logGroupName: str, logStreamName: str, logEvents: list[dict[str, Any]]
    ) -> dict[str, Any]:
        self._demand("PutLogEvents")
        (event,) = logEvents
        self.line, self.timestamp = event["message"], event["timestamp"]
        return {}

    def delete_log_stream(self, logGroupName: str, logStreamName: str) -> None:
        self._demand("DeleteLogStream")
        self.streams.remove(logStreamName)

    def get_paginator(self, _: str) -> "FakeAws":
        return self

    def paginate(self, StackName: str) -> list[dict[str, Any]]:
        """Return its resources: the first of its alarms, and a stack with the rest; one alarm is gone."""
        first, *rest = [("AWS::CloudWatch::Alarm", name) for name in self.alarms] or [
            ("AWS::S3::Bucket", "b")
        ]
        stacks = {
            "flowlogs": [first, ("AWS::CloudFormation::Stack", "flowlogs-Watching-X")],
            "flowlogs-Watching-X": rest,
        }
        gone = {"ResourceType": "AWS::CloudWatch::Alarm", "ResourceStatus": "DELETE_COMPLETE"}
        there = [
            {"ResourceType": kind, "PhysicalResourceId": name, "ResourceStatus": "CREATE_COMPLETE"}
            for kind, name in stacks[StackName]
        ]
        return [{"StackResourceSummaries": [{**gone, "PhysicalResourceId": "flowlogs-old"}]}] + [
            {"StackResourceSummaries": [each]} for each in there
        ]

    def describe_alarms(self, AlarmNames: list[str], MaxRecords: int) -> dict[str, Any]:
        self._demand("DescribeAlarms")
        others = {"flowlogs-old": "ALARM", "flowlogs-test-rejected": "ALARM"}
        states = self.alarms | others
        found = [{"AlarmName": each, "StateValue": states[each]} for each in AlarmNames]
        return {"MetricAlarms": found[:MaxRecords]}

    def _demand(self, operation: str) -> None:
        if operation in self.refuses:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, operation)


@dataclass
class FakeCluster:
    """Has the document of the line that was put, as `change` says, after some looks.

    Attributes:
        looks: how many times it is not there yet.
    """

    aws: FakeAws
    looks: int = 1
    change: dict[str, Any] = field(default_factory=dict)
    copies: int = 1
    deletes: bool = True
    deleted: list[str] = field(default_factory=list)

    @property
    def indices(self) -> "FakeCluster":
        return self

    def refresh(self, index: str) -> None:
        if self.looks > 0:
            self.looks -= 1
            raise NotFoundError(404, "index_not_found_exception")

    def search(self, index: str, body: dict[str, Any], *, ignore_unavailable: bool) -> dict[str, Any]:
        source = {**parse(self.aws.line, CONFIG.formats), **self.change}
        return {"hits": {"hits": [{"_id": str(each), "_source": source} for each in range(self.copies)]}}

    def get_mapping(self, index: str) -> dict[str, Any]:
        types = {each.document_name: {"type": each.opensearch} for each in FIELDS}
        return {index: {"mappings": {"properties": types}}}

    def delete(self, index: str, id: str) -> None:  # noqa: A002  # as in opensearch-py
        if not self.deletes:
            raise AuthorizationException(403, "security_exception", {"error": {"reason": "no permissions"}})
        self.deleted.append(id)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> FakeAws:
    fake = FakeAws()
    monkeypatch.setattr(journey, "_client", lambda _: fake)
    monkeypatch.setattr(alarms_of, "_client", lambda _: fake)
    monkeypatch.setattr(journey, "read_function", lambda *_: dict(COUNTED))
    return fake


def go(aws: FakeAws, cluster: Any, *, config: Config = CONFIG) -> dict[str, tuple[str, str]]:
    place = Place("flowlogs", "/vpc/flow-logs", "forward", config, cluster, seconds=0.3, pause=0.01)
    found = {each.name: (each.state.value, each.text) for each in travel(place)}
    assert aws.streams == [] or "DeleteLogStream" in aws.refuses
    return found


def test_a_line_that_arrives_is_ok_at_each_step(aws: FakeAws) -> None:
    cluster = FakeCluster(aws)
    found = go(aws, cluster)
    assert [state for state, _ in found.values()] == ["ok"] * 7
    assert found[journey.TYPED][1] == "14 fields, as the line has them"
    assert found[journey.ADDS_UP][1] == "3 received = 2 indexed, 1 duplicate, 0 pending, 0 rejected"
    assert found[journey.ALARMS][1] == "2 alarms, 1 without data yet"
    assert cluster.deleted == ["0"]


def test_a_document_that_never_comes_is_told_and_the_log_stream_is_removed(aws: FakeAws) -> None:
    found = go(aws, FakeCluster(aws, looks=10_000))
    assert found[journey.FOUND][0] == "problem"
    assert "flowlogs doctor --stack flowlogs looks for the reason" in found[journey.FOUND][1]
    assert found[journey.TYPED][0] == "skipped"
    assert found[journey.COUNTED][0] == "ok", "where it was lost is seen by what else is known"
    assert "the document of flowlogs-smoke-" in found[journey.REMOVED][1]


@pytest.mark.parametrize(
    ("changed", "step", "told"),
    [
        pytest.param({"copies": 2}, journey.FOUND, "2 times", id="twice"),
        pytest.param({"change": {"bytes": "40"}}, journey.TYPED, "bytes is '40', not 40", id="a value"),
        pytest.param(
            {"change": {"parse_error": "15 tokens"}}, journey.TYPED, "could not be parsed: 15", id="unparsed"
        ),
        pytest.param(
            {"deletes": False}, journey.REMOVED, "what stays: DELETE /cwl-", id="it may not be deleted"
        ),
    ],
)
def test_what_is_wrong_with_the_document_is_told(
    aws: FakeAws, changed: dict[str, Any], step: str, told: str
) -> None:
    state, text = go(aws, FakeCluster(aws, **changed))[step]
    assert state == "problem"
    assert told in text


@pytest.mark.parametrize("operation", ["CreateLogStream", "PutLogEvents"])
def test_a_log_group_that_takes_nothing_ends_the_journey(aws: FakeAws, operation: str) -> None:
    aws.refuses = (operation,)
    found = go(aws, FakeCluster(aws))
    assert list(found) == [journey.PUT]
    assert f"AWS refuses {operation}: AccessDeniedException" in found[journey.PUT][1]


def test_a_log_stream_that_stays_is_named(aws: FakeAws) -> None:
    aws.refuses = ("DeleteLogStream",)
    state, text = go(aws, FakeCluster(aws))[journey.REMOVED]
    assert (state, "the log stream flowlogs-smoke-" in text) == ("problem", True)


def test_numbers_that_cloudwatch_does_not_have_are_not_known(
    aws: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(*_: object) -> dict[str, int]:
        raise NoDataError("none")

    monkeypatch.setattr(journey, "read_function", nothing)
    found = go(aws, FakeCluster(aws))
    assert (found[journey.COUNTED][0], found[journey.ADDS_UP][0]) == ("unknown", "unknown")


def test_numbers_that_do_not_add_up_are_a_problem(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journey, "read_function", lambda *_: COUNTED | {"received": 4})
    assert go(aws, FakeCluster(aws))[journey.ADDS_UP][0] == "problem"


@pytest.mark.parametrize(
    ("alarms", "told"),
    [
        pytest.param({"flowlogs-rejected": "ALARM"}, "flowlogs-rejected: docs/operations.md", id="raised"),
        pytest.param({}, "the stack flowlogs has none", id="none"),
    ],
)
def test_alarms_that_are_raised_or_missing_are_told(aws: FakeAws, alarms: dict[str, str], told: str) -> None:
    aws.alarms = alarms
    state, text = go(aws, FakeCluster(aws))[journey.ALARMS]
    assert (state, told in text) == ("problem", True)


def test_alarms_that_may_not_be_read_are_not_known(aws: FakeAws) -> None:
    aws.refuses = ("DescribeAlarms",)
    assert go(aws, FakeCluster(aws))[journey.ALARMS][0] == "unknown"


def test_each_of_many_alarms_is_looked_at(aws: FakeAws) -> None:
    """AWS describes a hundred at a time."""
    aws.alarms = {f"flowlogs-{each:03}": "OK" for each in range(249)} | {"flowlogs-last": "ALARM"}
    assert go(aws, FakeCluster(aws))[journey.ALARMS][1].startswith("flowlogs-last: ")


class Delivering(FakeAws):
    """Writes the document into a real index, as the function does."""

    client: OpenSearch

    def put_log_events(
        self, logGroupName: str, logStreamName: str, logEvents: list[dict[str, Any]]
    ) -> dict[str, Any]:
        super().put_log_events(logGroupName, logStreamName, logEvents)
        document = {**parse(self.line, CONFIG.formats), "@log_stream": logStreamName}
        self.client.index(index=index_name("cwl", self.timestamp), id="1", body=document)
        return {}


@pytest.mark.parametrize("prepared", [True, False])
def test_types_are_those_that_a_real_index_has(
    opensearch: Embedded, monkeypatch: pytest.MonkeyPatch, aws: FakeAws, *, prepared: bool
) -> None:
    config, client = open_client({"OPENSEARCH_URL": opensearch.url})
    if prepared:
        install_template(client, config)
    else:  # a term query needs this one
        stream = {"mappings": {"properties": {"@log_stream": {"type": "keyword"}}}}
        client.indices.put_index_template(
            name="other", body={"index_patterns": ["cwl-*"], "template": stream}
        )
    delivering = Delivering()
    delivering.client = client
    monkeypatch.setattr(journey, "_client", lambda _: delivering)
    monkeypatch.setattr(alarms_of, "_client", lambda _: delivering)
    found = go(delivering, client, config=config)
    assert found[journey.FOUND][0] == "ok"
    assert found[journey.TYPED][0] == ("ok" if prepared else "problem")
    assert ("srcaddr is mapped as text, not as ip" in found[journey.TYPED][1]) is not prepared
    assert found[journey.REMOVED][0] == "ok"
    assert opensearch.request("POST", "/_refresh")[0] == 200
    assert opensearch.request("GET", "/cwl-*/_count")[1]["count"] == 0
