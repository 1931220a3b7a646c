"""What the setup installs in OpenSearch Dashboards: saved objects, from a file beside this one.

In the file `cwl-` stands for the prefix, in names and in ids, so that stacks with other prefixes on the
same cluster have objects of their own.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from handler.config import Config
from handler.installing.cluster import Cluster, ClusterError, Reply, refuse
from handler.installing.steps import Did, Step, same

FILE: Final = Path(__file__).with_name("flowlogs.ndjson")
NO_DASHBOARDS: Final = "the cluster has no OpenSearch Dashboards at /_dashboards"

_API: Final = "/_dashboards/api/saved_objects"
_PREFIX_IN_FILE: Final = "cwl-"
_MESSAGE: Final = r"""\"name\":\"@message\",\"type\":\"string\",\"esTypes\":[\"text\"],\"searchable\":"""
"""What stands in the file before it says whether that field can be searched: JSON in a text of JSON."""
_BOUNDARY: Final = "flowlogs-saved-objects"
# Without the tenant objects land in the private one of whoever imports, where nobody else sees them.
_HEADERS: Final = {"osd-xsrf": "true", "securitytenant": "global"}
_MOST_ERRORS: Final = 5


def install_dashboards(cluster: Cluster, config: Config) -> Step:
    """Import the saved objects, unless all are there as they are wanted.

    Objects of the same id are replaced: who wants to change one makes a copy of it.

    Raises:
        ClusterError: they were refused; names the first of them.
    """
    objects = read_objects(config)
    found = ask_for_objects(cluster, objects)
    if found.no_such_api:
        return Step(Did.SKIPPED, NO_DASHBOARDS)
    if found.done and not find_differing(objects, found.data):
        return Step(Did.UNCHANGED)
    reply = cluster.request(
        "POST",
        f"{_API}/_import?overwrite=true",
        _form(_read_text(config)),
        headers={**_HEADERS, "content-type": f"multipart/form-data; boundary={_BOUNDARY}"},
    )
    _check(reply, len(objects))
    return Step(Did.UPDATED if _found(found.data) else Did.CREATED, f"{len(objects)} objects")


def read_objects(config: Config) -> list[dict[str, Any]]:
    """Return the saved objects for the indices of a prefix, in which `@message` can be searched or not."""
    return [json.loads(line) for line in _read_text(config).splitlines() if line]


def _read_text(config: Config) -> str:
    text = FILE.read_text(encoding="utf-8").replace(_PREFIX_IN_FILE, f"{config.index_prefix}-")
    return text.replace(f"{_MESSAGE}false", f"{_MESSAGE}true") if config.search_message else text


def ask_for_objects(cluster: Cluster, objects: Sequence[dict[str, Any]]) -> Reply:
    """Return what Dashboards answers when it is asked for them; nothing is changed.

    Raises:
        ClusterError: there was no answer in time.
    """
    named = [{"type": each["type"], "id": each["id"]} for each in objects]
    return cluster.request("POST", f"{_API}/_bulk_get", named, headers=_HEADERS)


def find_missing(wanted: Sequence[dict[str, Any]], data: Any) -> list[dict[str, Any]]:  # noqa: ANN401  # its answer
    """Return which of the objects Dashboards does not have."""
    stored = {(each["type"], each["id"]) for each in _found(data)}
    return [each for each in wanted if (each["type"], each["id"]) not in stored]


def find_differing(wanted: Sequence[dict[str, Any]], data: Any) -> list[dict[str, Any]]:  # noqa: ANN401  # its answer
    """Return which of the objects Dashboards does not have, or has otherwise."""
    stored = {(each["type"], each["id"]): each for each in _found(data)}
    return [
        each
        for each in wanted
        if not same(
            {"attributes": each["attributes"], "references": each.get("references", [])},
            stored.get((each["type"], each["id"])),
        )
    ]


def _form(text: str) -> bytes:
    """Return a form with one file, as a browser would send it."""
    head = (
        f"--{_BOUNDARY}\r\n"
        'Content-Disposition: form-data; name="file"; filename="flowlogs.ndjson"\r\n'
        "Content-Type: application/ndjson\r\n\r\n"
    )
    return f"{head}{text}\r\n--{_BOUNDARY}--\r\n".encode()


def _found(data: Any) -> list[dict[str, Any]]:  # noqa: ANN401  # as Dashboards answers
    objects = data.get("saved_objects", []) if isinstance(data, dict) else []
    return [each for each in objects if "error" not in each]


def _check(reply: Reply, count: int) -> None:
    """Dashboards answers 200 also where objects were refused."""
    doing = "the dashboards cannot be imported"
    if not reply.done or not isinstance(reply.data, dict):
        raise refuse(doing, reply)
    errors = reply.data.get("errors", [])
    if errors or not reply.data.get("success"):
        named = [f"{each.get('type')} {each.get('id')}: {_reason(each)}" for each in errors[:_MOST_ERRORS]]
        raise ClusterError(f"{doing}: {len(errors)} of {count} objects are refused; {'; '.join(named)}")


def _reason(error: dict[str, Any]) -> str:
    about = error.get("error", {})
    return str(about.get("message") or about.get("type") or "no reason given")
