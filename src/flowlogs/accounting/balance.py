"""Whether what the sources say adds up, equation by equation, and what a difference means."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from flowlogs.accounting.edges import Edges, show_lag
from flowlogs.accounting.metrics import OUTCOMES
from flowlogs.accounting.stored import Stored
from flowlogs.terminal.display import count_of

FORWARD: Final = "forward function"
REPLAY: Final = "replay function"
CLOUDWATCH: Final = "CloudWatch Logs"
INDEX: Final = "index"
BUCKET: Final = "bucket"

ARRIVAL: Final = "every event that was forwarded is in the index, waits or is rejected"
"""The equation that answers whether everything arrived; the others tell where a difference comes from."""


_MOST_ABSENT: Final = 3


class State(Enum):
    """What came of an equation."""

    OK = "ok"
    DIFFERS = "differs"
    UNKNOWN = "not checked"


@dataclass(frozen=True, slots=True)
class Check:
    """One equation.

    Attributes:
        name: what should be so.
        state: whether it is.
        text: the numbers, and where they differ what that means and what to do.
        difference: left side less right side, in events; 0 where it is none or not known.
    """

    name: str
    state: State
    text: str
    difference: int = 0


@dataclass(frozen=True, slots=True)
class Range:
    """How many events of the window there are, and how many with the edges taken off or added.

    Attributes:
        inside: whose own time is in the window.
        least: of these, those that were delivered in it for certain.
        most: all that may have been delivered in it.
    """

    inside: int
    least: int
    most: int

    def __add__(self, other: "Range") -> "Range":
        return Range(self.inside + other.inside, self.least + other.least, self.most + other.most)


@dataclass(slots=True)
class Sources:
    """What each source says; None where it says nothing, and `missing` says why.

    Attributes:
        forwarded: events that CloudWatch Logs gave to the function.
        taken_in: events that came into the log group, where none was forwarded; else 0.
        forward, replay: what the functions counted.
        documents: in the index.
        bucket: events in the bucket that are not in the index.
        stored: all that the bucket holds of the window.
        edges: how far events may lie across the edges of the window.
        absent: indices of the window's days that are not there.
        missing: source -> why it says nothing.
        notes: what a person should know of the others.
    """

    forwarded: int | None = None
    taken_in: int = 0
    forward: Mapping[str, int] | None = None
    replay: Mapping[str, int] | None = None
    documents: Range | None = None
    bucket: Range | None = None
    stored: Stored | None = None
    edges: Edges = field(default_factory=Edges)
    absent: list[str] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def check(sources: Sources, options: str = "") -> list[Check]:
    """Check each equation that the sources allow; `options` are for the commands that are advised."""
    arrived = _check_arrival(sources)
    return [
        *_check_forwarding(sources, options),
        _check_delivery(sources, arrived),
        *_check_settled(sources),
        arrived,
        *_check_received(sources),
        _check_indexed(sources),
        *_check_waiting(sources, options),
    ]


def _check_forwarding(sources: Sources, options: str) -> Iterator[Check]:
    if sources.taken_in:
        text = (
            f"{count_of(sources.taken_in, 'event')} came in, and none was forwarded: the subscription filter "
            "is gone, its pattern lets nothing pass, or another one is meant. Look with flowlogs doctor"
        )
        text += options
        yield Check("what the log group takes in is forwarded", State.DIFFERS, text, sources.taken_in)


def _check_delivery(sources: Sources, arrived: Check) -> Check:
    name = "every event that was forwarded was received"
    if sources.forwarded is None or sources.forward is None:
        return _skip(name, CLOUDWATCH if sources.forwarded is None else FORWARD)
    received = sources.forward["received"]
    difference = sources.forwarded - received
    shown = f"{sources.forwarded:,} forwarded, {received:,} received"
    if difference == 0:
        return Check(name, State.OK, shown)
    if difference < 0 and -difference <= sources.forward["duplicate"]:
        return Check(
            name, State.OK, f"{shown}: {-difference:,} came more than once, and counted as duplicate"
        )
    if difference < 0:
        meaning = (
            "something else invokes the function too, such as a second subscription filter; or the times of "
            "the two metrics lie on both sides of the window's edge"
        )
    else:
        meaning = (
            f"{count_of(difference, 'event', 'is', 'are')} in no invocation that ended well: failed ones are "
            "tried twice more within minutes, then lie in the bucket"
        )
        if arrived.state is State.OK and arrived.difference == 0:
            return Check(name, State.OK, f"{shown}; {meaning}. All arrived, by a retry or a replay")
        meaning += f" (Lambda's own records hold {sources.stored.on_failure:,})" if sources.stored else ""
        meaning += ". Look at Errors and Throttles of the function, and at its log"
    return Check(name, State.DIFFERS, f"{shown}: {meaning}", difference)


def _check_settled(sources: Sources) -> Iterator[Check]:
    for function, counts in ((FORWARD, sources.forward), (REPLAY, sources.replay)):
        name = f"{function}: received = {' + '.join(OUTCOMES)}"
        if counts is None:
            yield _skip(name, function)
            continue
        settled = sum(counts[each] for each in OUTCOMES)
        difference = counts["received"] - settled
        shown = f"{counts['received']:,} = " + " + ".join(f"{counts[each]:,}" for each in OUTCOMES)
        if difference == 0:
            yield Check(name, State.OK, shown)
        else:
            meaning = "a defect in the function, or metrics that CloudWatch lost: look at EventsUnaccounted"
            yield Check(name, State.DIFFERS, f"{shown} + {difference:,}: {meaning}", difference)


def _check_arrival(sources: Sources) -> Check:
    return _compare(sources, ARRIVAL, CLOUDWATCH, sources.forwarded, "forwarded")


def _check_received(sources: Sources) -> Iterator[Check]:
    """Check at least what reached the function, where it is not known what should have."""
    if sources.forwarded is None and sources.forward is not None:
        name = "every event that was received is in the index, waits or is rejected"
        first = sources.forward["received"] - sources.forward["duplicate"]
        yield _compare(sources, name, FORWARD, first, "received for the first time")


def _compare(sources: Sources, name: str, source: str, delivered: int | None, word: str) -> Check:
    """Compare what was delivered, as a source says, with what is there."""
    if delivered is None:
        return _skip(name, source)
    if sources.documents is None or sources.bucket is None:
        return _skip(name, INDEX if sources.documents is None else BUCKET)
    found = sources.documents + sources.bucket
    inside = (sources.documents.inside, sources.bucket.inside)
    shown = f"{delivered:,} {word}, {inside[0]:,} in the index + {inside[1]:,} in the bucket"
    difference = delivered - found.inside
    if difference == 0:
        return Check(name, State.OK, shown)
    if found.least <= delivered <= found.most:
        edge = (
            f"{abs(difference):,} {'more' if difference > 0 else 'fewer'} by delivery. That fits the edges "
            "of the window: delivery counts by its own time, the index by that of the event, up to "
            f"{show_lag(sources.edges.across(difference))} earlier"
        )
        doubt = _doubt(sources, delivered, difference)
        state = State.UNKNOWN if doubt else State.OK
        return Check(name, state, f"{shown}: {edge}{doubt}", difference)
    return Check(name, State.DIFFERS, f"{shown}: {_explain(sources, delivered, found)}", difference)


def _doubt(sources: Sources, delivered: int, difference: int) -> str:
    why = sources.edges.doubt(difference, delivered)
    advice = "check a longer time, whose edges are less of it"
    return f". But {why}: {advice}{_name_absent(sources)}" if why else ""


def _name_absent(sources: Sources) -> str:
    """Return the days that have no index, as the end of a sentence: they may explain more than edges."""
    shown = ", ".join(sources.absent[:_MOST_ABSENT]) + (", ..." if len(sources.absent) > _MOST_ABSENT else "")
    return f". There is no index {shown}" if sources.absent else ""


def _explain(sources: Sources, delivered: int, found: Range) -> str:
    if delivered > found.most:
        return (
            f"at least {count_of(delivered - found.most, 'event', 'is', 'are')} nowhere. Lambda still holds "
            "what is missing, if the window has just ended; or indices or objects were deleted; or a flow "
            f"log of another log group is meant{_name_absent(sources)}"
        )
    return (
        f"{found.least - delivered:,} more than were delivered. Something else writes to these indices, "
        "events were brought back from before the window, or the filter is another one"
    )


def _check_indexed(sources: Sources) -> Check:
    name = "what the function indexed is in the index"
    if sources.forward is None or sources.documents is None:
        return _skip(name, FORWARD if sources.forward is None else INDEX)
    indexed, documents = sources.forward["indexed"], sources.documents
    shown = f"{indexed:,} indexed, {documents.inside:,} documents"
    lacking = indexed - documents.inside
    if lacking <= 0:
        return Check(name, State.OK, shown)
    if indexed <= documents.most:
        doubt = _doubt(sources, indexed, lacking)
        edge = f"{shown}: {lacking:,} more fit the edges of the window"
        return Check(name, State.UNKNOWN if doubt else State.OK, f"{edge}{doubt}", lacking)
    meaning = "documents or a whole index were deleted since, by retention or by hand"
    text = f"{shown}: {meaning}{_name_absent(sources)}"
    return Check(name, State.DIFFERS, text, indexed - documents.most)


def _check_waiting(sources: Sources, options: str) -> Iterator[Check]:
    name = "nothing waits"
    stored = sources.stored
    if stored is None:
        yield _skip(name, BUCKET)
        return
    waiting = len(stored.pending)
    if waiting:
        events = count_of(waiting, "event", "waits", "wait")
        text = f"{events} in the bucket: flowlogs replay --dry-run{options}, then flowlogs replay{options}"
        yield Check(name, State.DIFFERS, text, waiting)
    elif stored.unreadable:
        yield Check(name, State.UNKNOWN, "no event waits in what can be read of the bucket, see below")
    else:
        yield Check(name, State.OK, "no event waits in the bucket")
    if stored.rejected:
        events = count_of(len(stored.rejected), "event", "is", "are")
        text = f"{events} rejected, and accounted for: flowlogs rejected{options}"
        yield Check("what is rejected has its reason", State.OK, text)
    if stored.unreadable:
        objects = count_of(len(stored.unreadable), "object")
        text = (
            f"{objects} stored since then cannot be read and may hold events of this time, such as "
            f"{stored.unreadable[0]}: flowlogs rejected{options}"
        )
        yield Check("every object in the bucket can be read", State.DIFFERS, text, 0)


def _skip(name: str, source: str) -> Check:
    return Check(name, State.UNKNOWN, f"{source}: not known, see above")
