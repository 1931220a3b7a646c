"""A cluster that answers requests as a script says, and keeps what it takes."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from hypothesis import strategies as st

from handler.opensearch import ConnectionFailedError
from parser.bulk import Body

CREATED: Final[dict[str, Any]] = {"status": 201}
THERE: Final[dict[str, Any]] = {
    "status": 409,
    "error": {"type": "version_conflict_engine_exception", "reason": "document already exists"},
}
SAID: Final[dict[str, dict[str, Any]]] = {
    "b": {
        "status": 403,
        "error": {
            "type": "cluster_block_exception",
            "reason": "blocked by: [FORBIDDEN/8/index write];",
        },
    },
    "q": {"status": 429, "error": {"type": "rejected_execution_exception", "reason": "queue is full"}},
    "r": {
        "status": 400,
        "error": {
            "type": "mapper_parsing_exception",
            "reason": "failed to parse field [x] in document with id '{}'",
        },
    },
}
"""What is said of an event whose id begins so, while the script lasts; `r` is said for ever."""

OUTCOMES: Final = (
    *("items",) * 4,
    *("429", "503", "reset", "timeout", "applied", "garbage", "short", "413", "spoilt", "defect"),
)
"""What can become of a request. Of `items` each event is answered for itself; `applied` is that, and no
answer arrives; `short` lacks an item; `spoilt` holds an event, with an `s` in its id, that spoils it;
a `defect` is an error in the function itself."""

SCRIPTS: Final = st.lists(st.sampled_from(OUTCOMES), max_size=12)


@dataclass
class Scripted:
    """The cluster.

    Attributes:
        script: what becomes of the requests, one by one; behind its end `items` does.
        documents: index and id of what was taken, and how often.
        over: whether everything is taken that ever will be.
    """

    script: Iterator[str]
    documents: Counter[tuple[str, str]] = field(default_factory=Counter)
    over: bool = False

    def send(self, body: Body, _: float) -> tuple[int, bytes]:
        """Answer a bulk request."""
        outcome = next(self.script, "items")
        ids = [event.id for event in body.events]
        match outcome:
            case "429" | "503":
                return int(outcome), b"{}"
            case "reset" | "timeout":
                raise ConnectionFailedError({"reset": "connection"}.get(outcome, outcome), "no answer")
            case "garbage":
                return 200, b"<html>"
            case "413" if len(ids) > 1:
                return 413, b"too large"
            case "defect":
                raise ZeroDivisionError
        if outcome == "spoilt" and any("s" in each for each in ids):
            error = {"type": "action_request_validation_exception", "reason": "no"}
            return 400, json.dumps({"error": error, "status": 400}).encode()
        items = [{"create": self._create(body.index, each)} for each in ids]
        if outcome == "applied":
            raise ConnectionFailedError("timeout", "no answer")
        return 200, json.dumps({"errors": True, "items": items[outcome == "short" :]}).encode()

    def _create(self, index: str, identity: str) -> dict[str, Any]:
        if (index, identity) in self.documents:
            return THERE
        said = SAID.get(identity[0]) if identity[0] == "r" or not self.over else None
        if said is None:
            self.documents[index, identity] += 1
            return CREATED
        error = {**said["error"], "reason": said["error"]["reason"].format(identity)}
        return {**said, "error": error}


def failing(faults: list[bool], fail: Callable[[], Exception]) -> Callable[[str, str], None]:
    """Return what lets the calls of S3 fail that the list says; behind its end none does."""
    left = iter(faults)

    def before(_: str, key: str) -> None:
        if not key.startswith("replaying/") and next(left, False):
            raise fail()

    return before
