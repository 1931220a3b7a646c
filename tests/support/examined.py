"""A cluster that doctor is asked about, and what it finds there."""

from datetime import date, timedelta
from typing import Any, Final

from flowlogs.cluster import parts
from flowlogs.cluster.connection import open_client
from flowlogs.cluster.finding import State
from flowlogs.cluster.health import INSIDE, REACH, SIGN, examine
from flowlogs.cluster.people import MAPPED
from flowlogs.local.embedded import Embedded
from parser.engine import Engine
from parser.format import DEFAULT, Formats
from parser.index_template import index_template

DATE: Final = date(2026, 1, 15)
YESTERDAY, TODAY, TOMORROW = (f"cwl-{DATE + timedelta(days=days):%Y.%m.%d}" for days in (-1, 0, 1))
FORMATS: Final = Formats.from_text(DEFAULT)
ALL_WELL: Final = {
    **dict.fromkeys((REACH, SIGN, *INSIDE), State.OK),
    MAPPED: State.SKIPPED,
    parts.DASHBOARDS: State.SKIPPED,
}
"""Of a newest version, without a stack: a cluster of OpenSearch alone has no Dashboards."""

Found = dict[str, tuple[State, str]]


def install(node: Embedded) -> Embedded:
    """Prepare a cluster as the setup does, and index one document today."""
    major, minor, _ = (int(part) for part in node.release.version.split("."))
    node.request("PUT", "/_index_template/cwl", index_template("cwl", FORMATS, engine=Engine((major, minor))))
    add(node, TODAY)
    return node


def add(node: Embedded, index: str) -> None:
    """Index one document."""
    status, reply = node.request("PUT", f"/{index}/_doc/1?refresh=true", {"srcaddr": "10.0.0.1"})
    assert status == 201, reply


def look(url: str, **environ: str) -> Found:
    """Return what is found in a cluster, on `TODAY`."""
    found = examine(*open_client({"OPENSEARCH_URL": url, **environ}, any_server=True), DATE)
    return {each.name: (each.state, each.text) for each in found}


def all_well(node: Embedded) -> dict[str, State]:
    """Return what is found in a cluster in order: an old version lacks something."""
    lacks = {parts.ENGINE: State.SKIPPED} if node.release.version.startswith("1.") else {}
    return ALL_WELL | lacks


def states(found: Found) -> dict[str, State]:
    return {name: state for name, (state, _) in found.items()}


def put_template(
    node: Embedded,
    name: str,
    priority: int,
    *,
    meta: dict[str, str] | None = None,
    **template: Any,
) -> None:
    """Put a template with our patterns and mappings; `template` takes the place of parts of it."""
    major, minor, _ = (int(part) for part in node.release.version.split("."))
    ours = index_template("cwl", FORMATS, engine=Engine((major, minor)))
    body = {**ours, "priority": priority, "_meta": meta or ours["_meta"]}
    body["template"] = {**ours["template"], **template}
    status, reply = node.request("PUT", f"/_index_template/{name}", body)
    assert status == 200, reply
