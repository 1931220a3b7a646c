"""The way of the marked line: put into the log group, found as a document, counted, and removed."""

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from opensearchpy import OpenSearch
from opensearchpy.exceptions import NotFoundError, OpenSearchException, TransportError

from flowlogs.accounting.metrics import OUTCOMES, NoDataError, UnansweredError, read_function
from flowlogs.accounting.window import Window
from flowlogs.cluster.finding import Finding, State, ok, problem, skipped, unknown
from flowlogs.proving.alarms import read_alarms
from flowlogs.proving.marked_line import write_line
from flowlogs.terminal.display import count_of
from flowlogs.terminal.exits import describe
from handler.config import Config
from parser.fields import find
from parser.index_names import index_name
from parser.record import parse

PUT: Final = "a marked line is in the log group"
FOUND: Final = "its document is in the index"
TYPED: Final = "the document's values and types are right"
COUNTED: Final = "the function counted it"
ADDS_UP: Final = "the numbers add up"
ALARMS: Final = "no alarm is raised"
REMOVED: Final = "document and log stream are removed"

STREAM: Final = "flowlogs-smoke-"
"""How the names of log streams begin in which marked lines are."""

_TIMES: Final = ("start", "end")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the line goes.

    Attributes:
        stack: name of the stack.
        log_group: that of its flow logs.
        function: that gets the lines.
        config: as that function has it.
        client: for the cluster.
        seconds: the longest time to wait for the document, and for the numbers.
        pause: seconds between two looks.
    """

    stack: str
    log_group: str
    function: str
    config: Config
    client: OpenSearch
    seconds: float = 300.0
    pause: float = 3.0


def travel(place: Place) -> Iterator[Finding]:
    """Send the line, and yield what is found at each step. What it leaves behind is removed in any case."""
    journey = _Journey(place)
    try:
        put = journey.put()
        yield put
        if put.state is not State.OK:
            return
        yield journey.look_for_document()
        yield journey.look_at_types()
        yield from journey.look_at_numbers()
        yield _look_at_alarms(place.stack)
    finally:
        removed = journey.remove()
    yield removed


class _Journey:
    """One line on its way."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._began = datetime.now(UTC)
        now = int(self._began.timestamp())
        self._timestamp = now * 1000
        self._stream = f"{STREAM}{self._began:%Y-%m-%dT%H.%M.%S}-{uuid.uuid4().hex[:8]}"
        self._line = write_line(next(iter(place.config.formats.by_length.values())), now)
        self._index = index_name(place.config.index_prefix, self._timestamp)
        self._is_put = False
        self._hits: list[dict[str, Any]] = []

    def put(self) -> Finding:
        """Put the line into a log stream of its own."""
        from botocore.exceptions import BotoCoreError, ClientError

        logs, where = _client("logs"), {"logGroupName": self._place.log_group, "logStreamName": self._stream}
        try:
            logs.create_log_stream(**where)
            self._is_put = True
            said = logs.put_log_events(
                **where, logEvents=[{"timestamp": self._timestamp, "message": self._line}]
            )
        except (BotoCoreError, ClientError) as error:
            return problem(PUT, describe(error))
        if refused := said.get("rejectedLogEventsInfo"):
            return problem(
                PUT, f"CloudWatch Logs does not take it ({refused}): is this machine's clock right?"
            )
        return ok(PUT, f"{self._place.log_group}, {self._stream}")

    def look_for_document(self) -> Finding:
        """Wait for the document."""
        try:
            self._hits = self._wait(self._search) or []
        except OpenSearchException as error:
            return unknown(FOUND, f"you cannot ask the cluster: {describe(error)}")
        if not self._hits:
            return problem(
                FOUND,
                f"not after {self._place.seconds:.0f} seconds: flowlogs doctor --stack {self._place.stack} "
                "looks for the reason; with a FilterPattern the line may have been held back",
            )
        if len(self._hits) > 1:
            return problem(FOUND, f"{len(self._hits)} times, in {self._index}")
        seconds = (datetime.now(UTC) - self._began).total_seconds()
        return ok(FOUND, f"{self._index}/{self._hits[0]['_id']}, seen after {seconds:.0f} seconds")

    def look_at_types(self) -> Finding:
        """Hold the document against the line, and its types against the field table."""
        if not self._hits:
            return skipped(TYPED, "there is no document")
        document, expected = self._hits[0]["_source"], parse(self._line, self._place.config.formats)
        wrong = [
            f"{name} is {document.get(name)!r}, not {value!r}"
            for name, value in expected.items()
            if name not in _TIMES and document.get(name) != value
        ]
        if "parse_error" in document:
            wrong = [f"it could not be parsed: {document['parse_error']}"]
        try:
            said = self._place.client.indices.get_mapping(index=self._index)
        except TransportError as error:
            return unknown(TYPED, f"values are right, types cannot be asked: {describe(error)}")
        types = {name: each.get("type") for name, each in said[self._index]["mappings"]["properties"].items()}
        for name in expected:
            field = find(name.replace("_", "-"))
            if field.version and types.get(name) != field.opensearch:
                wrong.append(f"{name} is mapped as {types.get(name)}, not as {field.opensearch}")
        if wrong:
            return problem(TYPED, "; ".join(wrong))
        return ok(TYPED, f"{count_of(len(expected), 'field')}, as the line has them")

    def look_at_numbers(self) -> Iterator[Finding]:
        """Wait for the function's metrics, and add them up."""
        from botocore.exceptions import BotoCoreError, ClientError

        since = self._began.replace(second=0, microsecond=0)
        try:
            found = self._wait(lambda: self._read_metrics(since))
        except (BotoCoreError, ClientError, UnansweredError) as error:
            yield unknown(COUNTED, describe(error))
            yield unknown(ADDS_UP, "the numbers are not known")
            return
        if not found:
            text = (
                f"CloudWatch has no numbers of {self._place.function} after {self._place.seconds:.0f} seconds"
            )
            yield unknown(COUNTED, text)
            yield unknown(ADDS_UP, "the numbers are not known")
            return
        yield ok(COUNTED, f"{count_of(found['received'], 'event')} received since the line was put")
        parts = ", ".join(f"{found[each]} {each}" for each in OUTCOMES)
        text = f"{found['received']} received = {parts}"
        yield (ok if found["received"] == sum(found[each] for each in OUTCOMES) else problem)(ADDS_UP, text)

    def remove(self) -> Finding:
        """Remove what the line has left behind; say how it is done by hand where that fails."""
        from botocore.exceptions import BotoCoreError, ClientError

        place, left = self._place, []
        for each in self._hits:
            try:
                place.client.delete(index=self._index, id=each["_id"])
            except NotFoundError:
                continue
            except OpenSearchException as error:
                left.append(f"DELETE /{self._index}/_doc/{each['_id']} ({describe(error)})")
        if self._is_put:
            try:
                _client("logs").delete_log_stream(logGroupName=place.log_group, logStreamName=self._stream)
            except (BotoCoreError, ClientError) as error:
                left.append(f"the log stream {self._stream} ({describe(error)})")
        if not self._is_put:
            return skipped(REMOVED, "nothing was put")
        if not self._hits:
            left.append(f"the document of {self._stream}, where it comes later")
        return problem(REMOVED, f"what stays: {'; '.join(left)}") if left else ok(REMOVED, self._stream)

    def _search(self) -> list[dict[str, Any]]:
        client, query = self._place.client, {"query": {"term": {"@log_stream": self._stream}}}
        try:
            client.indices.refresh(index=self._index)
        except NotFoundError:
            return []
        except TransportError:
            pass  # who may not refresh waits until the index does
        reply = client.search(index=self._index, body=query, ignore_unavailable=True)
        found: list[dict[str, Any]] = reply["hits"]["hits"]
        return found

    def _read_metrics(self, since: datetime) -> dict[str, int]:
        now = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
        try:
            found = read_function(self._place.function, Window(since, now))
        except NoDataError:
            return {}
        return found if found["received"] else {}

    def _wait(self, look: Callable[[], T]) -> T | None:
        """Look until there is something to see; None when there never is."""
        until = time.monotonic() + self._place.seconds
        while not (seen := look()):
            if time.monotonic() > until:
                return None
            time.sleep(self._place.pause)
        return seen


def _look_at_alarms(stack: str) -> Finding:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        found = read_alarms(stack)
    except (BotoCoreError, ClientError) as error:
        return unknown(ALARMS, describe(error))
    raised = [name for name, state in found.items() if state == "ALARM"]
    if raised:
        return problem(ALARMS, f"{', '.join(raised)}: docs/operations.md says what to do")
    if not found:
        return problem(ALARMS, f"the stack {stack} has none")
    silent = sum(state == "INSUFFICIENT_DATA" for state in found.values())
    return ok(ALARMS, f"{count_of(len(found), 'alarm')}, {silent} without data yet")


def _client(service: str) -> Any:  # noqa: ANN401  # boto3's clients are made when it runs
    import boto3

    make: Any = boto3.client
    return make(service)
