"""The retention policy of Index State Management: indices become warm and are deleted in their time."""

from typing import Any, Final

from parser.index_names import index_patterns

Policy = dict[str, Any]

PRIORITY: Final = 100
"""Of the policy among those whose patterns fit an index: the highest is attached to a new index."""


WARM: Final[Policy] = {"warm_migration": {}, "timeout": "1d", "retry": {"count": 5, "delay": "1h"}}
"""Amazon's own action. A node takes ten migrations at a time, so one may have to wait for its turn.

https://docs.aws.amazon.com/opensearch-service/latest/developerguide/ism.html
"""


def retention_policy(prefix: str, days: int, warm_after: int = 0) -> Policy:
    """Return the body of `PUT /_plugins/_ism/policies/<prefix>-retention`.

    An index is made when its day begins and filled until it is over, so it is deleted one day later than
    its first event asks for: each event is kept for at least `days` days, and the replay function counts
    the same way.

    Args:
        prefix: the first part of the index names.
        days: how long indices are kept; 0 for ever.
        warm_after: days after which an index is moved to the UltraWarm nodes of an Amazon domain, counted in
            the same way; 0 for never. There it is read-only.

    Raises:
        ValueError: indices would be deleted before they are warm.
    """
    if warm_after and 0 < days <= warm_after:
        raise ValueError(
            f"indices that are kept for {days} days are deleted before they are warm, after {warm_after}"
        )
    deleted = [_after(days, "delete")] if days else []
    keep: Policy = {"name": "keep", "actions": [], "transitions": deleted}
    states = [keep, {"name": "delete", "actions": [{"delete": {}}], "transitions": []}]
    kept = f"kept for {days} days" if days else "kept for ever"
    if warm_after:
        keep["transitions"] = [_after(warm_after, "warm")]
        states.insert(1, {"name": "warm", "actions": [WARM], "transitions": deleted})
        kept += f", warm after {warm_after}"
    return {
        "policy": {
            "description": f"VPC flow logs, {kept}; made by flowlogs-opensearch",
            "default_state": "keep",
            "states": states,
            "ism_template": [{"index_patterns": index_patterns(prefix), "priority": PRIORITY}],
        }
    }


def _after(days: int, state: str) -> Policy:
    return {"state_name": state, "conditions": {"min_index_age": f"{days + 1}d"}}
