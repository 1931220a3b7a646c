"""Whether the indices of the days that are written to now can be, and those of days before are whole."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from http import HTTPStatus
from typing import Any, Final

from flowlogs.cluster.completeness import show_troubles
from flowlogs.cluster.finding import Finding, State, ok, problem, skipped, unknown
from flowlogs.cluster.indices import DayIndex, Indices
from flowlogs.cluster.pipelines import join, read_pipelines, try_pipelines
from flowlogs.cluster.templates import is_mapped, name_differing
from flowlogs.terminal.advice import advise
from handler.installing.cluster import Cluster, Reply

WRITE: Final = "documents may be written"
INDEX: Final = "the newest index follows it"
WHOLE: Final = "its indices are whole"
AHEAD: Final = "no index is of a day to come"

NO_INDEX: Final = "there is no index yet"

FURTHEST: Final = timedelta(days=2)
"""Ahead of today: CloudWatch Logs takes events up to two hours ahead, clocks differ, and so do time zones."""

PROBE_ID: Final = "flowlogs-doctor"
_NEVER: Final = {"if_seq_no": 2**53 - 1, "if_primary_term": 1}
"""A condition that no document fulfils: a write under it is judged by all rules, and never done."""

_PATIENCE: Final = "1s"
"""How long the cluster waits for a shard that is not there, before it says so: its default is a minute."""

_TOMORROW: Final = "an index takes the template when it is made: from tomorrow on it is right"
_MENDED: Final = (
    "an index takes the template when it is made: first mend what is said above, and the next one is right"
)


def choose_newest(indices: Indices, today: date) -> list[DayIndex]:
    """Return the indices that are written to: today's and tomorrow's; without these, the last one before."""
    near = [each for each in indices.days if today <= each.day <= today + timedelta(days=1)]
    return near or [each for each in indices.days if each.day < today][-1:]


def try_to_write(cluster: Cluster, indices: Indices, today: date) -> Finding:
    """Send writes that are never done, and see whether anything else than that stands against them."""
    newest = choose_newest(indices, today)
    if not newest:
        return skipped(WRITE, f"{NO_INDEX}, and none is made for a trial")
    found = [_try(cluster, each.name) for each in newest]
    for state in (State.PROBLEM, State.UNKNOWN):
        bad = [each.text for each in found if each.state is state]
        if bad:
            return Finding(WRITE, state, "; ".join(bad))
    names = " and ".join(each.name for each in newest)
    said = f"tried on {names}, with a write that is never done"
    return ok(WRITE, join(said, *(each.text for each in found)))


def _try(cluster: Cluster, index: str) -> Finding:
    settings = cluster.request("GET", f"/{index}/_settings")
    if not settings.done:
        return unknown(WRITE, f"{index}: its settings may not be read: {settings.reason}")
    # Several, where an alias stands for them.
    stored = [each["settings"]["index"] for each in settings.data.values()]
    pipelines = list(dict.fromkeys(name for each in stored for name in read_pipelines(each)))
    if any("final_pipeline" in each for each in stored):
        # It cannot be passed by: what it adds to the trial could become a field of the index.
        return try_pipelines(WRITE, cluster, index, pipelines)
    # Empty, and past the default pipeline: a field would come into the mapping of an index that is dynamic.
    action = {"index": {"_id": PROBE_ID, "pipeline": "_none", **_NEVER}}
    body = f"{json.dumps(action)}\n{{}}\n".encode()
    headers = {"content-type": "application/x-ndjson"}
    reply = cluster.request("POST", f"/{index}/_bulk?timeout={_PATIENCE}", body, headers=headers)
    match reply.data:
        case {"items": [{"index": {"status": HTTPStatus.CONFLICT}}]}:
            return try_pipelines(WRITE, cluster, index, pipelines)
        case {"items": [{"index": {"status": int(status), "error": {"type": str(kind), "reason": reason}}}]}:
            item = Reply(status, {"error": {"type": kind, "reason": str(reason)}})
            return problem(WRITE, f"{index}: {status} {kind}: {reason}. {_begin(advise(item))}")
    if reply.done:
        return unknown(WRITE, f"{index}: the answer to a trial cannot be read: {reply.reason}")
    return problem(WRITE, f"{index}: {reply.reason}. {_begin(advise(reply))}")


def _begin(text: str) -> str:
    return text[:1].upper() + text[1:]


def examine_mapping(
    cluster: Cluster,
    indices: Indices,
    today: date,
    wanted: Sequence[Mapping[str, Any]],
    templates: Sequence[Finding],
) -> Finding:
    """Look whether the indices that are written to have the fields that the template gives.

    Args:
        cluster: is asked.
        indices: of the prefix.
        today: in UTC.
        wanted: the template, for each version that the cluster may have.
        templates: what was found about the template, on which depends what the next index will be like.
    """
    newest = choose_newest(indices, today)
    if not newest:
        return skipped(INDEX, NO_INDEX)
    differing = []
    for each in newest:
        reply = cluster.request("GET", f"/{each.name}/_mapping")
        if not reply.done:
            return unknown(INDEX, f"the mapping of {each.name} may not be read: {reply.reason}")
        for name, stored in reply.data.items():  # several, where an alias stands for them
            if not is_mapped(stored["mappings"], wanted):
                fields = name_differing(stored["mappings"], wanted) or "in more than its fields"
                shown = each.name if name == each.name else f"{each.name} ({name})"
                differing.append(f"{shown} is mapped otherwise: {fields}")
    if not differing:
        return ok(INDEX, " and ".join(each.name for each in newest))
    follows = all(each.state is State.OK for each in templates)
    return problem(INDEX, f"{'; '.join(differing)}; {_TOMORROW if follows else _MENDED}")


def examine_whole(indices: Indices) -> Finding:
    """Look whether each index of the prefix is open and has its shards, those of days long ago, too."""
    if not indices.days:
        return skipped(WHOLE, NO_INDEX)
    if indices.troubles:
        return problem(
            WHOLE,
            f"{show_troubles(indices.troubles)}: what is in there is not found, and what comes for it waits "
            "in the bucket. Open what is closed; GET _cluster/allocation/explain says what a shard lacks",
        )
    if indices.health_unknown:
        return unknown(WHOLE, f"their health may not be asked: {indices.health_unknown}")
    return ok(WHOLE, f"from {indices.names[0]} to {indices.names[-1]}")


def examine_ahead(indices: Indices, today: date) -> Finding:
    """Look for indices of days that are further ahead than events can be."""
    ahead = [each.name for each in indices.days if each.day > today + FURTHEST]
    if not ahead:
        return ok(AHEAD, f"the last day is {indices.days[-1].day}" if indices.days else NO_INDEX)
    return problem(
        AHEAD,
        f"{', '.join(ahead)}: a clock was wrong, or the time of an event; "
        "see what is in there, then delete it",
    )
