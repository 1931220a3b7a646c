"""Every event is in one place and the numbers add up, whatever records come in whatever order."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowlogs.local.stream import make_records
from handler.failures import FailureStore
from handler.failures.remainder import Rest
from parser.bulk import Body, Encoder
from support.stream_function import BLOCKED, CONTROL, JUNK, REFUSED, TAKEN, make_function, payload, taken

IS_FULL, ALWAYS = Encoder.__dict__["is_full"], property(lambda _: True)
KINDS = st.sampled_from(["whole", "part", "rejected", "junk", "control", "old day", "away"])


@dataclass
class Store:
    """What stands in for the failure store: the ids in it."""

    pending: list[str] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)
    unreadable: int = 0

    def clear(self) -> None:
        self.pending, self.rejected, self.unreadable = [], [], 0


@pytest.fixture
def tmp_store(monkeypatch: pytest.MonkeyPatch) -> Store:
    """Give a store that needs no bucket."""
    store = Store()

    def put_aside(*_: object) -> None:
        store.unreadable += 1

    def keep(_: FailureStore, rest: Iterable[Rest]) -> None:
        store.pending.extend(each.event.id for _, group in rest for each in group)

    def reject(_: FailureStore, rest: Iterable[Rest], *__: object, **___: object) -> None:
        store.rejected.extend(each.event.id for _, group in rest for each in group)

    monkeypatch.setattr(FailureStore, "keep", keep)
    monkeypatch.setattr(FailureStore, "reject", reject)
    monkeypatch.setattr(FailureStore, "put_aside", put_aside)
    return store


@given(kinds=st.lists(KINDS, max_size=8), old=st.booleans(), alone=st.booleans())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_event_is_in_one_place_and_the_numbers_add_up(
    monkeypatch: pytest.MonkeyPatch, tmp_store: "Store", kinds: list[str], *, old: bool, alone: bool
) -> None:
    """Indexed, in the bucket, or still in the stream: whatever records come in whatever order."""
    function = make_function(monkeypatch)
    tmp_store.clear()
    monkeypatch.setattr(Encoder, "is_full", ALWAYS if alone else IS_FULL)
    statuses = {"r": REFUSED, "b": BLOCKED, "o": BLOCKED, "t": TAKEN}
    function.cluster.rule = lambda _, identity: statuses[identity[0]]
    shapes = {"whole": "tt", "part": "tb", "rejected": "tr", "old day": "o", "away": "t"}
    data, ids = [], []
    for number, kind in enumerate(kinds):
        identities = [f"{letter}{number}.{place}" for place, letter in enumerate(shapes.get(kind, ""))]
        ids.append(identities)
        other = {"junk": JUNK, "control": CONTROL}.get(kind)
        data.append(other or payload(*identities, days_ago=9 if kind == "old day" else 0))
    send, gone = function.cluster.send, kinds.index("away") if "away" in kinds else len(kinds)

    def send_until_gone(body: Body, seconds: float) -> tuple[int, bytes]:
        function.cluster.away |= any(int(event.id[1:].partition(".")[0]) >= gone for event in body.events)
        return send(body, seconds)

    object.__setattr__(function.environment, "send", send_until_gone)

    left = function(make_records(data, arrived=0.0 if old else None))

    first = len(kinds) if left is None else int(left)
    done = [each for identities in ids[:first] for each in identities]
    places = [*taken(function), *tmp_store.pending, *tmp_store.rejected]
    assert len(set(places)) == len(places)
    assert set(done) <= set(places)
    if alone:  # else records behind the first that is left were of its batch, and come again as duplicates
        assert sorted(places) == sorted(done)
        assert first == (len(kinds) if old else gone)
    assert first <= gone or old
    (metrics,) = function.metrics
    assert metrics["received"] == len(done)
    assert metrics["unaccounted"] == 0
    assert metrics["records"] + metrics["records_left"] == len(kinds)
    assert tmp_store.unreadable == kinds[:first].count("junk") == metrics["unreadable"]
