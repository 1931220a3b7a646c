"""The retention policy, written out."""

from typing import Any

import pytest

from parser.retention_policy import retention_policy


def expected(description: str, transitions: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "policy": {
            "description": description,
            "default_state": "keep",
            "states": [
                {"name": "keep", "actions": [], "transitions": transitions},
                {"name": "delete", "actions": [{"delete": {}}], "transitions": []},
            ],
            "ism_template": [{"index_patterns": ["flows-19*", "flows-20*", "flows-21*"], "priority": 100}],
        }
    }


def delete_after(age: str) -> list[dict[str, Any]]:
    return [{"state_name": "delete", "conditions": {"min_index_age": age}}]


@pytest.mark.parametrize(
    ("days", "kept", "deleted"),
    [
        pytest.param(90, "for 90 days", delete_after("91d"), id="warm, then deleted"),
        pytest.param(0, "for ever", [], id="warm for ever"),
    ],
)
def test_an_index_becomes_warm_by_amazons_action(days: int, kept: str, deleted: list[dict[str, Any]]) -> None:
    warm = {
        "name": "warm",
        "actions": [{"warm_migration": {}, "timeout": "1d", "retry": {"count": 5, "delay": "1h"}}],
        "transitions": deleted,
    }
    become = {"state_name": "warm", "conditions": {"min_index_age": "8d"}}
    wanted = expected(f"VPC flow logs, kept {kept}, warm after 7; made by flowlogs-opensearch", [become])
    wanted["policy"]["states"].insert(1, warm)

    assert retention_policy("flows", days, 7) == wanted


@pytest.mark.parametrize("days", [7, 3])
def test_an_index_that_is_deleted_before_it_is_warm_is_refused(days: int) -> None:
    with pytest.raises(ValueError, match=f"kept for {days} days are deleted before they are warm, after 7"):
        retention_policy("flows", days, 7)


@pytest.mark.parametrize(
    ("days", "kept", "transitions"),
    [
        pytest.param(1, "for 1 days", delete_after("2d"), id="a day, after the one that fills it"),
        pytest.param(30, "for 30 days", delete_after("31d"), id="the default"),
        pytest.param(0, "for ever", [], id="nothing is deleted"),
    ],
)
def test_the_policy_is_this_and_nothing_else(days: int, kept: str, transitions: list[dict[str, Any]]) -> None:
    description = f"VPC flow logs, kept {kept}; made by flowlogs-opensearch"

    assert retention_policy("flows", days) == expected(description, transitions)
