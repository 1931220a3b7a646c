"""The retention policy of Index State Management: indices are deleted when their days are over."""

from typing import Any, Final

from parser.index_names import index_patterns

Policy = dict[str, Any]

PRIORITY: Final = 100
"""Of the policy among those whose patterns fit an index: the highest is attached to a new index."""


def retention_policy(prefix: str, days: int) -> Policy:
    """Return the body of `PUT /_plugins/_ism/policies/<prefix>-retention`.

    An index is made when its day begins and filled until it is over, so it is deleted one day later than
    its first event asks for: each event is kept for at least `days` days, and the replay function counts
    the same way.

    Args:
        prefix: the first part of the index names.
        days: how long indices are kept; 0 for ever.
    """
    delete = {"state_name": "delete", "conditions": {"min_index_age": f"{days + 1}d"}}
    keep: Policy = {"name": "keep", "actions": [], "transitions": [delete] if days else []}
    states = [keep, {"name": "delete", "actions": [{"delete": {}}], "transitions": []}]
    kept = f"kept for {days} days" if days else "kept for ever"
    return {
        "policy": {
            "description": f"VPC flow logs, {kept}; made by flowlogs-opensearch",
            "default_state": "keep",
            "states": states,
            "ism_template": [{"index_patterns": index_patterns(prefix), "priority": PRIORITY}],
        }
    }
