"""Answers live in a file that holds only what was answered; what sam writes is read, and the other way."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowlogs.deploying.answers import Answers, AnswersError, read_answers, write_answers
from flowlogs.deploying.overrides import (
    OverridesError,
    read_arguments,
    read_overrides,
    read_sam_configuration,
    write_override,
)

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\\\r"), max_size=40)


@given(TEXT)
def test_what_is_written_for_sam_is_read_as_it_was(value: str) -> None:
    assert read_overrides(write_override("Name", value)) == {"Name": value}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("", {}, id="nothing"),
        pytest.param("A=1 B=two", {"A": "1", "B": "two"}, id="bare"),
        pytest.param('A="${x} ${y}" B=""', {"A": "${x} ${y}", "B": ""}, id="quoted, as sam --guided writes"),
        pytest.param("A='it is' B=", {"A": "it is", "B": ""}, id="single quotes, and nothing"),
        pytest.param("A=it\\ is", {"A": "it is"}, id="an escaped blank"),
        pytest.param("ParameterKey=A,ParameterValue=1", {"A": "1"}, id="the long form"),
        pytest.param('A="\\"a b\\""', {"A": '"a b"'}, id="quotes inside"),
        pytest.param(["A=1", 'B="x y"'], {"A": "1", "B": "x y"}, id="a list"),
        pytest.param({"A": 1, "B": ["x", "y"]}, {"A": "1", "B": "x,y"}, id="a table"),
    ],
)
def test_parameters_are_read_in_each_form_that_sam_takes(text: object, found: dict[str, str]) -> None:
    assert read_overrides(text) == found


@pytest.mark.parametrize("given_", ["junk", 'A="1" junk', 7, {"A": True}, {"A": {"B": 1}}])
def test_what_sam_would_pass_over_in_silence_is_refused(given_: object) -> None:
    with pytest.raises(OverridesError):
        read_overrides(given_)


def test_a_shell_may_have_taken_the_quotes_away() -> None:
    assert read_arguments(["LogFormat=${version} ${bytes}", "A=1 B=2"]) == {
        "LogFormat": "${version} ${bytes}",
        "A": "1",
        "B": "2",
    }
    with pytest.raises(OverridesError, match="not as 'y'"):
        read_arguments(["A=x y B=2"])


def test_a_value_that_sam_cannot_be_given_is_refused() -> None:
    with pytest.raises(OverridesError, match="backslash before a quote"):
        write_override("FilterPattern", 'a\\"b')


@settings(max_examples=15)
@given(
    st.dictionaries(
        st.from_regex("[A-Z][A-Za-z]{2,9}", fullmatch=True), st.text(st.characters(codec="utf-8"))
    )
)
def test_answers_are_read_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, parameters: dict[str, str]
) -> None:
    file = tmp_path_factory.mktemp("answers") / "answers.toml"
    answers = Answers("flowlogs", "eu-west-1", parameters)
    write_answers(file, answers)
    assert read_answers(file) == answers


def test_the_file_holds_only_what_was_answered(tmp_path: Path) -> None:
    file = tmp_path / "answers.toml"
    write_answers(file, Answers("flowlogs", "eu-west-1", {"AdminEmail": "someone@example.org"}))
    lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    assert lines == [
        'stack = "flowlogs"',
        'region = "eu-west-1"',
        "[parameters]",
        'AdminEmail = "someone@example.org"',
    ]


def test_comments_and_order_stay_when_an_answer_is_added_or_changed(tmp_path: Path) -> None:
    file = tmp_path / "answers.toml"
    file.write_text('# mine\n[parameters]\n# two days\nRetentionDays = 2\nAdminEmail = "a@example.org"\n')
    write_answers(
        file, Answers(parameters={"RetentionDays": "3", "AdminEmail": "a@example.org", "VpcId": "vpc-1"})
    )
    assert file.read_text() == (
        '# mine\n[parameters]\n# two days\nRetentionDays = "3"\nAdminEmail = "a@example.org"\n'
        'VpcId = "vpc-1"\n'
    )


def test_an_answer_that_is_taken_back_leaves_the_file(tmp_path: Path) -> None:
    file = tmp_path / "answers.toml"
    write_answers(file, Answers(parameters={"VpcId": "vpc-1", "AdminEmail": "a@example.org"}))
    write_answers(file, Answers(parameters={"VpcId": "vpc-1"}))
    assert read_answers(file) == Answers(parameters={"VpcId": "vpc-1"})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("stack = ", "answers.toml cannot be read: ", id="no TOML"),
        pytest.param(
            'AdminEmail = "a@example.org"', "answers.toml holds AdminEmail: it takes", id="above the table"
        ),
        pytest.param("[parameters]\nVpcId = true", "VpcId is a text or a number, not True", id="no text"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_the_reason(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "answers.toml"
    file.write_text(text)
    with pytest.raises(AnswersError) as raised:
        read_answers(file)
    assert told in str(raised.value)


def test_the_configuration_that_sam_wrote_when_it_asked_all_is_understood(tmp_path: Path) -> None:
    file = tmp_path / "samconfig.toml"
    file.write_text(
        'version = 0.1\n[default.global.parameters]\nstack_name = "flowlogs-opensearch"\n'
        '[default.deploy.parameters]\ncapabilities = "CAPABILITY_IAM"\nregion = "eu-west-1"\n'
        'parameter_overrides = "LogFormat=\\"${version} ${bytes}\\" '
        'AdminEmail=\\"a@example.org\\" VpcId=\\"\\""\n'
    )
    assert read_sam_configuration(file) == (
        "flowlogs-opensearch",
        "eu-west-1",
        {"LogFormat": "${version} ${bytes}", "AdminEmail": "a@example.org", "VpcId": ""},
    )
    assert read_sam_configuration(tmp_path / "none.toml") == ("", "", {})
