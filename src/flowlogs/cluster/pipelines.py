"""What an ingest pipeline, which an index or a template may name, does with flow logs: tried, not done."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from flowlogs.cluster.finding import Finding, State, ok, problem, unknown
from handler.installing.cluster import Cluster
from parser.document import build
from parser.format import DEFAULT, Formats
from parser.subscription import Event, Subscription

NONE: Final = "_none"
"""What the setting says where there shall be none."""

_LINES: Final = tuple(
    f"2 123456789012 eni-0a1b2c3d {path} 443 49152 6 20 4249 1418530010 1418530070 {end}"
    for path, end in (("10.0.1.5 203.0.113.7", "ACCEPT OK"), ("198.51.100.9 10.0.1.5", "REJECT OK"))
)
"""Flow log records as there are most: traffic that was accepted, and that was not."""

_SHOWN_REASON: Final = 200


def read_pipelines(settings: Mapping[str, Any]) -> list[str]:
    """Return the pipelines that the settings of an index (below `index`) send its documents through."""
    given = (settings.get(name, NONE) for name in ("default_pipeline", "final_pipeline"))
    return [each for each in given if each != NONE]


def try_pipelines(name: str, cluster: Cluster, index: str, pipelines: Sequence[str]) -> Finding:
    """Send sample documents through pipelines by way of trial, and say what became of them.

    Returns:
        A finding of that name: `ok` with an empty text where there are no pipelines.
    """
    found = [_try(name, cluster, index, each) for each in pipelines]
    bad = [each for each in found if each.state is not State.OK]
    return bad[0] if bad else ok(name, join(*(each.text for each in found)))


def join(*texts: str) -> str:
    """Join what was found, leaving out what is empty."""
    return "; ".join(each for each in texts if each)


def _try(name: str, cluster: Cluster, index: str, pipeline: str) -> Finding:
    body = {"docs": [{"_index": index, "_id": "1", "_source": each} for each in _make_samples()]}
    reply = cluster.request("POST", f"/_ingest/pipeline/{pipeline}/_simulate", body)
    said = f"documents of {index} go through the pipeline {pipeline}"
    if reply.status == HTTPStatus.BAD_REQUEST and "does not exist" in reply.reason:
        return problem(
            name,
            f"{said}, which does not exist: restore it, or take it out of the settings; all waits meanwhile",
        )
    if not reply.done:
        return unknown(name, f"{said}; what it does with them cannot be asked: {reply.reason}")
    done = reply.data["docs"]
    if None in done:
        return problem(name, f"{said}, which drops flow logs: they count as indexed, and are nowhere")
    errors = [each["error"]["reason"] for each in done if "error" in each]
    if errors:
        reason = str(errors[0])[:_SHOWN_REASON]
        return problem(name, f"{said}, which fails with flow logs: {reason}")
    return ok(name, f"{said}: it drops none of the samples tried")


def _make_samples() -> list[dict[str, Any]]:
    events = tuple(Event(str(number), 1418530070000, line) for number, line in enumerate(_LINES))
    subscription = Subscription(
        owner="123456789012", log_group="/vpc/flow-logs", log_stream="eni-0a1b2c3d-all", events=events
    )
    formats = Formats.from_text(DEFAULT)
    return [build(each, subscription, formats, keep_message=True) for each in events]
