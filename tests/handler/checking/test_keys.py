"""A key changes only where the roles may use the next one before, and the former one after."""

import pytest

from handler.checking.keys import find_key_changes

IN_TWO = (
    "KmsKeyArn changes in two updates, because the roles must be allowed to use a key before anything has it."
    " First leave KmsKeyArn {}, and set FurtherKmsKeyArns to {}. Then set KmsKeyArn to {}."
)
STILL_READ = (
    "What the key {} has encrypted is still to be read: with this change of KmsKeyArn set FurtherKmsKeyArns"
    " to {}."
)


def given(key: str, *further: str) -> dict[str, str]:
    return {"KmsKeyArn": key, "FurtherKmsKeyArns": ",".join(further)}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param({}, given("one"), id="the stack is made"),
        pytest.param({"RetentionDays": "30"}, given("two"), id="the check of an earlier version"),
        pytest.param(given("one"), given("one"), id="the same key"),
        pytest.param(given(""), given(""), id="never a key"),
        pytest.param(given("one"), given("one", "two"), id="the first of two steps"),
        pytest.param(given("one", "two"), given("two", "one"), id="the second"),
        pytest.param(
            given("one", "two", "old"), given("two", "one"), id="a former one goes at the same time"
        ),
        pytest.param(given("two", "one"), given("one", "two"), id="and back"),
        pytest.param(given("two", "one"), given("two"), id="the former key is taken away"),
        pytest.param(given(""), given("", "one"), id="the first of two steps to a first key"),
        pytest.param(given("", "one"), given("one"), id="the second"),
        pytest.param(given("one"), given("", "one"), id="to AWS's own, in one"),
        pytest.param(given("one"), {"RetentionDays": "30"}, id="back to an earlier version"),
    ],
)
def test_what_each_role_may_use_before_and_after_is_let_through(
    before: dict[str, str], after: dict[str, str]
) -> None:
    assert list(find_key_changes(after, before)) == []


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        pytest.param(
            given("one"),
            given("two"),
            IN_TWO.format("at one", "two", "two, and FurtherKmsKeyArns to one"),
            id="in one",
        ),
        pytest.param(
            given("one", "old"),
            given("two", "one", "two"),
            IN_TWO.format("at one", "old,two", "two, and FurtherKmsKeyArns to old,one"),
            id="permitted in the same update only",
        ),
        pytest.param(given(""), given("one"), IN_TWO.format("empty", "one", "one"), id="a first key in one"),
        pytest.param(
            given("one", "two"), given("two"), STILL_READ.format("one", "one"), id="the former goes"
        ),
        pytest.param(
            given("two", "one", "old"),
            given("one", "old"),
            STILL_READ.format("two", "old,two"),
            id="the former goes on the way back, another stays",
        ),
        pytest.param(given("one"), given(""), STILL_READ.format("one", "one"), id="to AWS's own"),
    ],
)
def test_what_would_be_written_or_read_by_nobody_is_refused_with_the_steps(
    before: dict[str, str], after: dict[str, str], sentence: str
) -> None:
    assert list(find_key_changes(after, before)) == [sentence]
