"""Each source asked; one that has no answer is noted, and the others are asked all the same."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, TypeVar

from flowlogs.accounting.balance import BUCKET, CLOUDWATCH, FORWARD, INDEX, REPLAY, Range, Sources
from flowlogs.accounting.documents import count_documents, demand_types, find_indexed
from flowlogs.accounting.edges import Edges
from flowlogs.accounting.metrics import (
    NoDataError,
    UnansweredError,
    read_edges,
    read_forwarded,
    read_function,
)
from flowlogs.accounting.stored import EventKey, Stored, read_bucket
from flowlogs.accounting.window import Window
from flowlogs.cluster.deployment import Deployment, open_cluster
from flowlogs.cluster.indices import Indices
from flowlogs.cluster.listing import read_indices
from flowlogs.terminal.display import count_of
from flowlogs.terminal.exits import describe
from flowlogs.terminal.progress import shown_progress
from handler.config import ConfigError
from handler.failures import FailureStore

_REQUEST_ID: Final = "verify"
"""What a failure store wants for the names of what it writes; nothing is written here."""

T = TypeVar("T")


def gather(deployment: Deployment, stack: str | None, window: Window) -> Sources:
    """Ask each source; one that cannot be asked is noted, and the others are asked all the same."""
    sources = Sources()
    ask = _Asker(sources)
    _ask_cloudwatch(ask, sources, deployment, window)
    indices = ask(INDEX, lambda: _open(deployment, stack))
    if indices is not None:
        _ask_index(ask, sources, indices, window, deployment.log_group)
    if deployment.bucket is None:
        sources.missing[BUCKET] = "its name is not known: give --bucket or FAILURE_BUCKET, or --stack"
        return sources
    name, wide = deployment.bucket, window.widened(sources.edges.before)
    stored = ask(BUCKET, lambda: _read_bucket(name, wide, deployment.log_group))
    if stored is not None:
        indexed = None
        if indices is not None and sources.documents is not None:
            nearby, ids = indices.between(wide.since, wide.until), {**stored.pending, **stored.rejected}
            indexed = ask(INDEX, lambda: find_indexed(nearby, ids))
            if indexed is None:  # what stands in both would be counted twice
                sources.documents = None
        sources.bucket = _measure(stored, indexed or frozenset(), window, sources.edges)
        sources.stored = _cut(stored, window)
        if undated := len(sources.stored.undated):
            sources.notes.append(
                f"{BUCKET}: {count_of(undated, 'event', 'has', 'have')} no time that can be used, and "
                f"{'belongs' if undated == 1 else 'belong'} here by when {'it' if undated == 1 else 'they'} "
                f"{'was' if undated == 1 else 'were'} stored"
            )
    return sources


class _Asker:
    """Asks a source, and notes why it has no answer."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def __call__(self, source: str, question: Callable[[], T]) -> T | None:
        from botocore.exceptions import BotoCoreError, ClientError
        from opensearchpy.exceptions import OpenSearchException

        foreign = (BotoCoreError, ClientError, OpenSearchException)
        try:
            return question()
        except (*foreign, ConfigError, NoDataError, UnansweredError) as error:
            self._sources.missing[source] = describe(error)
        return None


def _ask_cloudwatch(ask: _Asker, sources: Sources, here: Deployment, window: Window) -> None:
    if here.log_group is None or here.filter is None:
        sources.missing[CLOUDWATCH] = "its names are not known: give --log-group and --filter, or --stack"
    else:
        log_group, name = here.log_group, here.filter
        found = ask(CLOUDWATCH, lambda: read_forwarded(log_group, name, window))
        if found is not None:
            sources.forwarded, sources.taken_in = found
    sources.forward = _ask_function(ask, FORWARD, "--forward", here.forward, window)
    sources.replay = _ask_function(ask, REPLAY, "--replay", here.replay, window)
    if here.forward is not None and sources.forward is not None:
        forward = here.forward
        sources.edges = ask(FORWARD, lambda: read_edges(forward, window, datetime.now(UTC))) or Edges()


def _ask_function(
    ask: _Asker, source: str, option: str, name: str | None, window: Window
) -> dict[str, int] | None:
    def question() -> dict[str, int]:
        if name is None:
            raise NoDataError(f"its name is not known: give {option}, or --stack")
        return read_function(name, window)

    return ask(source, question)


def _open(deployment: Deployment, stack: str | None) -> Indices:
    config, client = open_cluster(deployment, stack)
    return read_indices(client, config.index_prefix)


def _ask_index(
    ask: _Asker, sources: Sources, indices: Indices, window: Window, log_group: str | None
) -> None:
    wide = window.widened(sources.edges.before)
    nearby = indices.between(wide.since, wide.until)
    sources.absent = indices.find_missing(window.since, window.until)

    def question() -> Range:
        nearby.demand_whole()
        demand_types(nearby)
        unrefreshed = nearby.refresh()
        if unrefreshed:
            sources.notes.append(f"{INDEX}: {unrefreshed}")
        narrow = window.narrowed(sources.edges.after)
        return Range(*(count_documents(nearby, each, log_group) for each in (window, narrow, wide)))

    sources.documents = ask(INDEX, question)


def _read_bucket(name: str, window: Window, log_group: str | None) -> Stored:
    with shown_progress("reading the bucket") as advance:
        return read_bucket(FailureStore(name, _REQUEST_ID), window, log_group, advance)


def _measure(stored: Stored, indexed: frozenset[EventKey], window: Window, edges: Edges) -> Range:
    """Count the events in the bucket that are not in the index as well: each once."""
    events = {**stored.pending, **stored.rejected}
    times = [time for id_, time in events.items() if id_ not in indexed]
    narrow, wide = window.narrowed(edges.after), window.widened(edges.before)
    return Range(*(sum(map(each.holds, times)) for each in (window, narrow, wide)))


def _cut(stored: Stored, window: Window) -> Stored:
    """Leave out what lies before the window itself."""
    pending, rejected = (
        {id_: time for id_, time in events.items() if window.holds(time)}
        for events in (stored.pending, stored.rejected)
    )
    undated = stored.undated & (pending.keys() | rejected.keys())
    return replace(stored, pending=pending, rejected=rejected, undated=undated)
