"""Whatever way it was answered, what is deployed is what was chosen, and today's defaults."""

from pathlib import Path

import pytest

from flowlogs.deploying.account import Stack
from flowlogs.deploying.answers import Answers, read_answers
from flowlogs.deploying.overview import find_changes
from flowlogs.deploying.preparing import Given, Known, MissingError, Preparation, find_known, read_given
from flowlogs.deploying.template import load_template, read_parameters
from support.deploying import FakeAccount

NEW = {"AdminEmail": "someone@example.org", "LogGroupName": "/vpc/flow-logs"}
DEFAULTS = {name: each.default or "" for name, each in read_parameters(load_template()).items()}


def prepare(known: Known, stack: Stack | None = None) -> Preparation:
    return Preparation(load_template(), known, FakeAccount(stack=stack))


def test_answers_are_told_from_options_of_sam() -> None:
    arguments = [
        "--parameter-overrides",
        "A=1",
        "B=two",
        "--tags",
        "team=net",
        "--stack-name",
        "flowlogs",
        "--debug",
    ]
    assert read_given(arguments) == Given(
        Answers(stack="flowlogs", parameters={"A": "1", "B": "two"}), ("--tags", "team=net", "--debug")
    )
    assert read_given(["--stack-name=x", "--parameter-overrides=A=1 B=2"]).answers == Answers(
        stack="x", parameters={"A": "1", "B": "2"}
    )


def test_a_command_wins_over_the_file_and_the_file_over_sams_configuration(tmp_path: Path) -> None:
    file, configuration = tmp_path / "answers.toml", tmp_path / "samconfig.toml"
    configuration.write_text(
        '[default.global.parameters]\nstack_name = "flowlogs-opensearch"\n[default.deploy.parameters]\n'
        'parameter_overrides = "RetentionDays=\\"7\\" AdminEmail=\\"old@example.org\\""\n'
    )
    known = find_known(Given(), file, configuration)
    assert known.answers.parameters == {"RetentionDays": "7", "AdminEmail": "old@example.org"}
    assert (known.answers.stack, known.source) == ("flowlogs-opensearch", "samconfig.toml")
    file.write_text('stack = "mine"\n[parameters]\nRetentionDays = 8\nTimeout = 30\n')
    given = Given(Answers(parameters={"Timeout": "40"}))
    known = find_known(given, file, configuration)
    assert known.answers == Answers("mine", "", {"RetentionDays": "8", "Timeout": "40"})
    assert known.source == ""


def test_every_parameter_is_given_so_that_a_newer_default_arrives() -> None:
    """sam takes for one that it is not given the value that the stack has."""
    there = Stack(
        "UPDATE_COMPLETE", {**DEFAULTS, **NEW, "EngineVersion": "2.19"}, {**DEFAULTS, "EngineVersion": "2.19"}
    )
    preparation = prepare(Known(Answers("flowlogs", "", NEW)), there)
    preparation.adopt(has_file=True)
    wanted = preparation.want()
    assert wanted.values == {**DEFAULTS, **NEW}
    assert list(find_changes(there, wanted.values)) == [
        ("EngineVersion", "2.19", DEFAULTS["EngineVersion"], True)
    ]


def test_a_stack_without_a_file_of_answers_keeps_what_was_chosen_for_it() -> None:
    there = Stack(
        "CREATE_COMPLETE",
        {**DEFAULTS, **NEW, "RetentionDays": "90", "Gone": "x", "Timeout": "55"},
        {**DEFAULTS, "Gone": "", "Timeout": "55"},
    )
    preparation = prepare(Known(Answers("flowlogs", "", {"KeepMessage": "unparsed"})), there)
    assert "what it was given stays" in preparation.adopt(has_file=False)
    assert preparation.chosen == {**NEW, "RetentionDays": "90", "KeepMessage": "unparsed"}


def test_answers_that_sam_wrote_go_on_working_and_lose_the_defaults_that_nobody_chose(tmp_path: Path) -> None:
    """An earlier version let sam ask for every parameter, and write each default down."""
    frozen = {**DEFAULTS, **NEW, "RetentionDays": "90", "EngineVersion": "2.19"}
    earlier = {**DEFAULTS, "EngineVersion": "2.19"}
    known = Known(Answers("flowlogs-opensearch", "eu-west-1", frozen), "samconfig.toml", frozen=True)
    preparation = prepare(known, Stack("UPDATE_COMPLETE", frozen, earlier))
    preparation.adopt(has_file=False)
    assert preparation.want().values == frozen, "without a person they stand as they are"
    preparation.adopt(has_file=False, moves=True)
    assert preparation.want().values == {**DEFAULTS, **NEW, "RetentionDays": "90"}
    preparation.keep(tmp_path / "answers.toml")
    assert read_answers(tmp_path / "answers.toml") == Answers(
        "flowlogs-opensearch", "eu-west-1", {**NEW, "RetentionDays": "90"}
    )


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        pytest.param(
            {}, "Give OpenSearchUrl of a cluster that is there already, or AdminEmail", id="nothing"
        ),
        pytest.param({**NEW, "Retention": "7"}, "the template has no parameter Retention", id="unknown"),
        pytest.param({**NEW, "Timeout": "5"}, "Timeout is between 10 and 900, not 5", id="out of bounds"),
    ],
)
def test_what_is_missing_or_wrong_is_named(parameters: dict[str, str], told: str) -> None:
    with pytest.raises(MissingError) as raised:
        prepare(Known(Answers("flowlogs", "", parameters))).want()
    assert told in raised.value.problems[0]


def test_a_stack_of_which_only_a_change_set_is_there_is_a_new_one() -> None:
    preparation = prepare(Known(Answers("flowlogs", "", NEW)), Stack("REVIEW_IN_PROGRESS"))
    assert preparation.want().there is None
