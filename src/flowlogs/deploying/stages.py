"""What state a stack is in, and what that means for who wants to deploy it."""

from typing import Final

FAILED_FIRST: Final = frozenset({"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"})
"""The stack was never made, or is half deleted: it can only be deleted."""

NOTHING_LEFT: Final = "ROLLBACK_COMPLETE"
"""What was made has been deleted again, data or not: there was none yet."""

NEVER_MADE: Final = FAILED_FIRST - {"DELETE_FAILED"}
"""It never was whole, and failed with what it was given: nobody may want that again."""

STUCK: Final = "UPDATE_ROLLBACK_FAILED"
NOT_YET: Final = "REVIEW_IN_PROGRESS"
"""Only a change set is there, and no resource: as good as no stack."""


def must_be_deleted(status: str) -> bool:
    """Tell whether CloudFormation takes nothing but a deletion."""
    return status in FAILED_FIRST


def explain(stack: str, status: str) -> str:
    """Return why a stack cannot be deployed now, and what to do; empty where it can."""
    if status == NOTHING_LEFT:
        return f"the stack {stack} is {status}: it holds nothing that works, and make delete comes first"
    if must_be_deleted(status):
        return (
            f"the stack {stack} is {status}: make delete comes first. It keeps what holds data, a domain "
            "among it, and names it: that costs until it is deleted by hand, and its names are taken "
            '(docs/deploy.md, "Remove it")'
        )
    if status == STUCK:
        return (
            f"the stack {stack} is {status}: aws cloudformation continue-update-rollback "
            f'--stack-name {stack} comes first (docs/deploy.md, "When an update fails")'
        )
    if status.endswith("_IN_PROGRESS") and status != NOT_YET:
        return f"the stack {stack} is {status}: wait until that has ended"
    return ""
