"""Whatever happens to the invocations of a stream: what they call done is safe, and the rest comes again."""

import base64
import gzip
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from flowlogs.local.stream import make_records
from flowlogs.traffic.day import encode_event
from handler import stream
from handler.config import Config
from handler.environment import Environment
from handler.failures.names import REJECTED
from handler.failures.rejected_lines import read_lines
from handler.outage import LONGEST_PAUSE, Outage
from parser.bulk import Body
from support.memory_s3 import MemoryS3, make_error
from support.replaying import ENVIRON, Rig
from support.scripted import CREATED, SAID, SCRIPTS, THERE, Scripted, failing

DAY = 86_400_000
OWN = "/flowlogs/x/functions"
CONTROL = base64.b64encode(gzip.compress(b'{"messageType":"CONTROL_MESSAGE","logEvents":[]}')).decode()
RECORDS = st.lists(
    st.tuples(
        st.sampled_from(["t", "tt", "tb", "tr", "ts", "b", "q", "qqt", "junk", "control", "own"]),
        st.integers(0, 1),
        st.booleans(),
    ),
    min_size=1,
    max_size=7,
)
"""What a record holds (a letter for each event), of which day its events are, and whether it is old."""

ENOUGH = 60
"""Invocations, after which each script is over and each record done."""


def make_data(number: int, kind: str, days_ago: int, now: int) -> tuple[str, list[str]]:
    """Return the content of a record, and the ids of its events."""
    if kind in ("junk", "control"):
        return base64.b64encode(f"no payload {number}".encode()).decode() if kind == "junk" else CONTROL, []
    letters = "t" if kind == "own" else kind
    ids = [f"{letter}{number}.{place}" for place, letter in enumerate(letters)]
    rows = [{"id": each, "timestamp": now - days_ago * DAY, "message": "m"} for each in ids]
    group = OWN if kind == "own" else "/vpc"
    return encode_event("1", group, "eni", rows)["awslogs"]["data"], [] if kind == "own" else ids


def list_safe(s3: MemoryS3, cluster: "Scripted | Particular", rig: Rig) -> tuple[set[str], set[bytes]]:
    """Return the ids of all events that are in the index or the bucket, and what is set aside unread."""
    lines = [
        line for key in s3.keys(REJECTED) if key.endswith(".gz") for line in read_lines(s3.objects[key].data)
    ]
    ids = {identity for _, identity in cluster.documents}
    aside = {s3.objects[key].data for key in s3.keys(REJECTED) if key.endswith(".unreadable")}
    return ids | rig.waiting() | {line["event"]["id"] for line in lines}, aside


@pytest.fixture
def emitted(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, int]]:
    """Give what each invocation counts; a short one that has nothing to say counts nothing."""
    counts: list[dict[str, int]] = []
    monkeypatch.setattr(stream, "tell", lambda _name, _function, said: counts.append(said))
    monkeypatch.setattr("handler.delivery.FIRST_DELAY", 0.0)
    rig.environ |= {"OWN_LOG_PREFIX": "/flowlogs/x/", "OWN_ACCOUNT": "1"}
    return counts


@given(
    records=RECORDS,
    script=SCRIPTS,
    faults=st.lists(st.booleans(), max_size=6),
    restarts=st.lists(st.booleans(), max_size=6),
    limits=st.tuples(st.sampled_from([1, 5_000_000]), st.sampled_from([2, 100])),
)
@example(
    [("own", 0, False), ("t", 0, True), ("own", 0, False), ("t", 0, False)],
    ["timeout"],
    [],
    [],
    (5_000_000, 2),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_before_the_answered_record_all_is_safe_and_from_it_on_all_comes_again(
    rig: Rig,
    emitted: list[dict[str, int]],
    records: list[tuple[str, int, bool]],
    script: list[str],
    faults: list[bool],
    restarts: list[bool],
    limits: tuple[int, int],
) -> None:
    """The limits are the bytes of a body, and the records that are handed over at once."""
    max_bytes, most = limits
    rig.s3.objects.clear()
    emitted.clear()
    cluster = Scripted(iter(script))
    now = int(time.time() * 1000)
    made = [make_data(number, kind, days, now) for number, (kind, days, _) in enumerate(records)]
    ids = [identities for _, identities in made]
    junk = [
        base64.b64decode(data) if kind == "junk" else b""
        for (data, _), (kind, _, _) in zip(made, records, strict=True)
    ]
    rows = [
        make_records([data], first=number, arrived=0.0 if old else None)["Records"][0]
        for number, ((data, _), (_, _, old)) in enumerate(zip(made, records, strict=True))
    ]
    rig.s3.before = failing(faults, lambda: make_error(503, "SlowDown"))
    clock, environments, done = iter(range(0, 10**9, 10)), iter(restarts), 0
    environment: Environment | None = None
    for number in range(ENOUGH):
        cluster.over = number > ENOUGH // 2
        if environment is None or next(environments, cluster.over):
            config = Config.from_environ(ENVIRON | rig.environ)
            object.__setattr__(config, "max_bulk_bytes", max_bytes)
            environment = Environment(config, cluster.send, Outage(lambda: next(clock)))
        handed = rows[done : done + most]
        before, left = len(emitted), invoke(environment, handed)
        beginning, done = done, done + len(handed) if left is None else left
        safe, aside = list_safe(rig.s3, cluster, rig)
        assert {each for identities in ids[:done] for each in identities} <= safe
        assert {each for each in junk[:done] if each} <= aside
        counts = emitted[before] if len(emitted) > before else {"received": 0, "unaccounted": 0}
        assert counts["received"] == sum(len(each) for each in ids[beginning:done])
        assert counts["unaccounted"] == 0
        if done == len(rows):
            break
    assert done == len(rows)
    replay_all(rig, cluster)
    expected = {each for identities in ids for each in identities}
    taken = {identity for _, identity in cluster.documents}
    assert set(cluster.documents.values()) <= {1}
    assert list_safe(rig.s3, cluster, rig)[0] == expected
    assert {each for each in expected - taken if each[0] not in "rs"} == set()


@dataclass
class Particular:
    """A cluster that is well, and takes no event of some kinds, whatever stands beside it."""

    documents: Counter[tuple[str, str]] = field(default_factory=Counter)

    def send(self, body: Body, _: float) -> tuple[int, bytes]:
        """Answer a bulk request."""
        letters = {event.id[0] for event in body.events}
        if "x" in letters:
            error = {"type": "action_request_validation_exception", "reason": "no"}
            return 400, json.dumps({"error": error, "status": 400}).encode()
        if "w" in letters:
            return 413, b"too large"
        items = [{"create": self._create(body.index, event.id)} for event in body.events]
        return 200, json.dumps({"errors": True, "items": items}).encode()

    def _create(self, index: str, identity: str) -> dict[str, Any]:
        if (index, identity) in self.documents:
            return THERE
        if identity[0] == "p":
            return {"status": 400, "error": {"type": "strict_dynamic_mapping_exception", "reason": "strict"}}
        if said := SAID.get(identity[0]):
            return said
        self.documents[index, identity] += 1
        return CREATED


ODD = st.sampled_from(["t", "t", "p", "pp", "ppp", "pt", "b", "q", "r", "x", "xx", "xxx", "xxxt", "w", "www"])


@given(
    records=st.lists(st.tuples(ODD, st.integers(0, 1)), min_size=1, max_size=9),
    max_bytes=st.sampled_from([1, 900, 5_000_000]),
    arrivals=st.sampled_from([1, 3, 100]),
)
@example([("p", 0), ("t", 0)], 5_000_000, 1)
@example([("p", 0), ("p", 0), ("p", 0), ("p", 0), ("t", 0)], 1, 100)
@example([("xxx", 0), ("t", 0)], 5_000_000, 100)
@example([("w", 0)], 1, 1)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_where_the_cluster_takes_others_a_shard_comes_to_its_end(
    rig: Rig, emitted: list[dict[str, int]], records: list[tuple[str, int]], max_bytes: int, arrivals: int
) -> None:
    """Though no record is old: what is refused by an answer holds up nobody for more than a few invocations.

    The records arrive so many at a time; between invocations there is always the pause of an outage.
    """
    rig.s3.objects.clear()
    rig.s3.before = lambda *_: None
    emitted.clear()
    cluster, now = Particular(), [0.0]
    made = [
        make_data(number, kind, days, int(time.time() * 1000)) for number, (kind, days) in enumerate(records)
    ]
    rows = [make_records([data], first=number)["Records"][0] for number, (data, _) in enumerate(made)]
    config = Config.from_environ(ENVIRON | rig.environ)
    object.__setattr__(config, "max_bulk_bytes", max_bytes)
    environment = Environment(config, cluster.send, Outage(lambda: now[0]))
    done, invocations, there = 0, 0, arrivals
    while done < len(rows):
        handed = rows[done:there]
        left = invoke(environment, handed) if handed else None
        done = done + len(handed) if left is None else left
        there += arrivals
        now[0] += LONGEST_PAUSE + 1
        invocations += 1
        assert invocations <= 2 * len(rows) + len(rows) // arrivals + 2
    safe, _ = list_safe(rig.s3, cluster, rig)
    ids = [each for _, identities in made for each in identities]
    assert set(ids) <= safe
    assert sum(counts["received"] for counts in emitted) == len(ids)
    assert sum(counts["unaccounted"] for counts in emitted) == 0


def invoke(environment: Environment, rows: list[dict[str, Any]]) -> int | None:
    """Invoke the function; return the number of the record that it answers with."""
    context = SimpleNamespace(
        aws_request_id="one", function_name="stream", get_remaining_time_in_millis=lambda: 60_000
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "prepare", lambda: environment)
        answer = stream.lambda_handler({"Records": rows}, cast("LambdaContext", context))
    numbers = [row["kinesis"]["sequenceNumber"] for row in rows]
    named = [each["itemIdentifier"] for each in answer["batchItemFailures"]]
    return None if not named else int(rows[numbers.index(named[0])]["kinesis"]["partitionKey"], 16)


def replay_all(rig: Rig, cluster: Scripted) -> None:
    """Replay what waits, on a cluster and a bucket without faults."""
    rig.s3.before = lambda *_: None
    cluster.over = True
    cluster.script = iter(())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rig, "send", cluster.send)
        received: Counter[str] = Counter()
        for _ in range(4):
            received.update(rig.run())
    assert received["unaccounted"] == 0
    assert rig.waiting() == set()
