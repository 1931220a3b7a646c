"""What helps against what OpenSearch, or the functions themselves, said of an event."""

import re
from dataclasses import dataclass
from typing import Final

OPTIONS: Final = "{options}"
"""Stands in an advice for the options with which a command means the same stack or bucket."""

_AGAIN: Final = f"flowlogs replay --rejected{OPTIONS}"
_THEN: Final = f"then: {_AGAIN}"
_SHOWN: Final = f"flowlogs doctor{OPTIONS} shows it"

_MAPPING: Final = (
    "The index maps a field otherwise than its value asks for: made without the index template, or by "
    f"something else. {_SHOWN}. Correct the mapping, {_THEN}"
)
_FULL: Final = (
    "A shard of that day's index has as many documents as it can hold. More primary shards (IndexShards, on "
    "deploy) help from the next day on; that day's index must be split (_split), or reindexed into one with "
    f"more shards that takes its name, {_THEN}"
)
_PIPELINE: Final = (
    "The index sends documents through an ingest pipeline that is not there. Restore the pipeline, or take "
    "it out of the settings of the index and of its template (default_pipeline, final_pipeline), "
    f"{_THEN}"
)
_SHARDS: Final = (
    "The cluster has as many shards as it may have, so that no index is made. Delete old indices, add a "
    f"node, or raise cluster.max_shards_per_node, {_THEN}"
)
_CLOSED: Final = f"The index of that day is closed, or not there. Open or restore it, {_THEN}"
_BLOCKED: Final = (
    f"The index or the cluster takes no writes (a block, a full disk). {_SHOWN}. Remove what blocks, {_THEN}"
)
_NOT_PERMITTED: Final = f"The function may not write to that index. {_SHOWN}. Correct role or policy, {_THEN}"
_TOO_LARGE: Final = "One event is larger than OpenSearch takes in a request; it cannot be indexed as it is."
WITHHELD: Final = (
    "It may hold events. If it is archived, restore it; if its KMS key is disabled, enable it; if access is "
    f"denied, permit s3:GetObject and kms:Decrypt, {_THEN}"
)
"""What helps with an object that S3 does not give."""

_READABLE: Final = "It can be read today"

_OTHERS: Final = f"Correct what the reason names, {_THEN}"


@dataclass(frozen=True, slots=True)
class _Case:
    """When an advice is given.

    Attributes:
        advice: what helps.
        types: the error types; empty for any.
        reason: is found in the reason.
        statuses: empty for any.
    """

    advice: str
    types: frozenset[str] = frozenset()
    reason: re.Pattern[str] = re.compile("")
    statuses: frozenset[int] = frozenset()

    def is_met(self, status: int, error_type: str, reason: str) -> bool:
        """Tell whether the advice helps against this."""
        return (
            (not self.types or error_type in self.types)
            and (not self.statuses or status in self.statuses)
            and self.reason.search(reason) is not None
        )


_CASES: Final = (
    _Case(_TOO_LARGE, statuses=frozenset({413})),
    _Case(
        "They came back later than their indices are kept. To index them all the same, replay them "
        "with a larger RETENTION_DAYS.",
        frozenset({"expired"}),
    ),
    _Case(
        "No index takes the event as it is: its id or its time cannot be one, as the reason says. It comes "
        "from something else than CloudWatch Logs, or was changed on the way; its line is in the object.",
        frozenset({"unusable_event"}),
    ),
    _Case(_PIPELINE, reason=re.compile(r"pipeline with id \[.*\] does not exist", re.DOTALL)),
    _Case(_FULL, reason=re.compile(r"Number of documents in the index can't exceed")),
    _Case(_SHARDS, reason=re.compile(r"this action would add \[")),
    _Case(
        "INDEX_PREFIX is the name of an alias without a write index. Give the alias one, or take another "
        f"prefix, {_THEN}",
        reason=re.compile(r"no write index is defined for alias"),
    ),
    _Case(
        "The index has as many fields as it may have: others write to it, too, or its mapping is dynamic. "
        f"{_SHOWN}. Raise index.mapping.total_fields.limit, or correct the template, {_THEN}",
        reason=re.compile(r"Limit of total fields"),
    ),
    _Case(
        "A value is longer than a term may be. Give the field an ignore_above, as our index template does, "
        f"{_THEN}",
        reason=re.compile(r"immense term"),
    ),
    _Case(_MAPPING, frozenset({"mapper_parsing_exception", "document_parsing_exception"})),
    _Case(
        "The index takes no field that its mapping lacks: it was not made by our index template. "
        f"{_SHOWN}. Correct the mapping, {_THEN}",
        frozenset({"strict_dynamic_mapping_exception"}),
    ),
    _Case(_CLOSED, frozenset({"index_closed_exception", "index_not_found_exception"})),
    _Case(_BLOCKED, frozenset({"cluster_block_exception", "index_create_block_exception"})),
    _Case(_NOT_PERMITTED, statuses=frozenset({401, 403})),
    _Case(
        "An ingest pipeline of the index refuses the document. Correct the pipeline, or take it out of the "
        f"settings of the index and of its template, {_THEN}",
        frozenset({"ingest_processor_exception", "script_exception", "fail_processor_exception"}),
    ),
    _Case(
        f"The document breaks a limit or a rule of the index. Correct it as the reason says, {_THEN}",
        frozenset({"illegal_argument_exception"}),
    ),
)
"""The first that is met says what helps. Some of these are kept for a replay today; older versions rejected
them, and what they stored lies there."""


def advise(status: int, error_type: str, reason: str, options: str = "") -> str:
    """Return what helps against what was said of an event.

    Args:
        status, error_type, reason: what was said.
        options: with which a command means the same stack or bucket; each behind a blank.
    """
    found = next((each.advice for each in _CASES if each.is_met(status, error_type, reason)), _OTHERS)
    return found.replace(OPTIONS, options)


def advise_on_object(events: int | None, options: str = "", *, rest: str = "") -> str:
    """Return what helps with an object that was set aside.

    Args:
        events: how many events can be read from it today; None where it cannot be read.
        options: as above.
        rest: why a part of it cannot be read; empty where all can.
    """
    if events is None:
        return (
            "Nothing here reads it. If it is no object of yours, delete it; else save it before it is "
            "deleted with the other failures, and look at it: flowlogs parse FILE"
        )
    # A replay settles it by what the payload holds, be it nothing.
    what = f"A part of it can be read today, and the rest is set aside anew ({rest})" if rest else _READABLE
    return f"{what}. Send it: {_AGAIN}".replace(OPTIONS, options)
