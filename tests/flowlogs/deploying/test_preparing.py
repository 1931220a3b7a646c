"""Whatever way it was answered, what is deployed is what was chosen, and today's defaults."""

from pathlib import Path

import pytest

from flowlogs.deploying.account import Stack
from flowlogs.deploying.answers import Answers, read_answers
from flowlogs.deploying.domains import Domain
from flowlogs.deploying.overview import find_changes, warn
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
    there = Stack("UPDATE_COMPLETE", {**DEFAULTS, **NEW, "Timeout": "55"}, {**DEFAULTS, "Timeout": "55"})
    preparation = prepare(Known(Answers("flowlogs", "", NEW)), there)
    assert preparation.adopt(has_file=True) == []
    wanted = preparation.want()
    assert wanted.values == {**DEFAULTS, **NEW}
    assert list(find_changes(there, wanted.values)) == [("Timeout", "55", DEFAULTS["Timeout"], True)]


@pytest.mark.parametrize("has_file", [True, False], ids=["with a file", "without a file"])
@pytest.mark.parametrize(
    ("name", "before", "why"),
    [
        ("EngineVersion", "2.19", "no way leads back from it"),
        ("KeepMessage", "always", "with it @message of a line that was parsed is shown, and found no more"),
    ],
    ids=["no way leads back from a newer OpenSearch", "what people search for is found no more"],
)
def test_a_newer_default_that_takes_something_away_comes_to_no_stack_that_is_there(
    has_file: bool, name: str, before: str, why: str
) -> None:
    there = Stack("UPDATE_COMPLETE", {**DEFAULTS, **NEW, name: before}, {**DEFAULTS, name: before})
    silent = prepare(Known(Answers("flowlogs", "", NEW)), there)
    *_, told = silent.adopt(has_file=has_file)
    newest = DEFAULTS[name]
    assert (
        told
        == f"{name} stays {before}: the default is {newest} now, and {why}; say {name}={newest} to take it"
    )
    assert list(find_changes(there, silent.want().values)) == []
    asked = prepare(Known(Answers("flowlogs", "", {**NEW, name: newest})), there)
    asked.adopt(has_file=has_file)
    assert asked.want().values[name] == newest


def test_what_a_pipeline_chose_is_not_undone_by_a_file_that_does_not_name_it() -> None:
    """Indices beyond a shorter retention are deleted within the hour."""
    there = Stack(
        "UPDATE_COMPLETE",
        {**DEFAULTS, **NEW, "RetentionDays": "365", "FailureDays": "90", "Gone": "x"},
        {**DEFAULTS, "Gone": ""},
    )
    preparation = prepare(Known(Answers("flowlogs", "", {**NEW, "FailureDays": "60"})), there)
    assert preparation.adopt(has_file=True) == [
        "RetentionDays stays 365: the stack was given it, and neither the answers nor the command name it"
    ]
    wanted = preparation.want()
    assert wanted.values == {**DEFAULTS, **NEW, "RetentionDays": "365", "FailureDays": "60"}
    assert list(find_changes(there, wanted.values)) == [("FailureDays", "90", "60", False)]


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"])
@pytest.mark.parametrize("has_file", [True, False], ids=["with a file", "without a file"])
def test_what_made_a_first_deployment_fail_is_gone_with_the_line_that_said_it(
    status: str, has_file: bool
) -> None:
    """A flow log that is there already: leave VpcId empty, as docs/first-account.md says."""
    there = Stack(
        status,
        {**DEFAULTS, "AdminEmail": NEW["AdminEmail"], "VpcId": "vpc-0a"},
        {**DEFAULTS, "Timeout": "55"},
    )
    preparation = prepare(Known(Answers("flowlogs", "", NEW)), there)
    assert preparation.adopt(has_file=has_file) == []
    assert preparation.want().values == {**DEFAULTS, **NEW}


IMPORTED = {
    "DomainName": "kept",
    "EngineVersion": "2.19",
    "InstanceType": "r7g.large.search",
    "InstanceCount": "3",
    "VolumeSize": "500",
}
KEPT = Domain("kept", "OpenSearch_2.19", "https://x", "arn:aws:es:x:1:domain/kept", values=IMPORTED)


@pytest.mark.parametrize("has_file", [True, False], ids=["with a file", "without a file"])
def test_an_imported_domain_is_neither_upgraded_nor_made_smaller_by_a_default(has_file: bool) -> None:
    """A stack that was made by an import has no parameters."""
    account = FakeAccount(
        stack=Stack("IMPORT_COMPLETE"), domains=[KEPT], resources={"Domain": "kept"}, policies=[]
    )
    preparation = Preparation(
        load_template(), Known(Answers("flowlogs", "", {**NEW, "VolumeSize": "600"})), account
    )
    told = preparation.adopt(has_file=has_file)
    assert told[-4:] == [
        "DomainName stays kept: the imported domain has it",
        "EngineVersion stays 2.19: the imported domain has it",
        "InstanceType stays r7g.large.search: the imported domain has it",
        "InstanceCount stays 3: the imported domain has it",
    ]
    assert preparation.want().values == {**DEFAULTS, **NEW, **IMPORTED, "VolumeSize": "600"}


@pytest.mark.parametrize(
    ("chosen", "resources"),
    [
        pytest.param({"DomainName": "new"}, {"Domain": "kept"}, id="another is made"),
        pytest.param({}, {}, id="none was imported"),
    ],
)
def test_a_domain_that_is_not_taken_over_changes_no_parameter(
    chosen: dict[str, str], resources: dict[str, str]
) -> None:
    account = FakeAccount(stack=Stack("IMPORT_COMPLETE"), domains=[KEPT], resources=resources)
    preparation = Preparation(load_template(), Known(Answers("flowlogs", "", NEW | chosen)), account)
    assert preparation.adopt(has_file=True) == []
    assert preparation.want().values == {**DEFAULTS, **NEW, **chosen}


def test_where_nobody_tells_whether_a_domain_was_imported_that_is_said() -> None:
    account = FakeAccount(stack=Stack("IMPORT_COMPLETE"), refused=frozenset({"find_resource"}))
    preparation = Preparation(load_template(), Known(Answers("flowlogs", "", NEW)), account)
    (told,) = preparation.adopt(has_file=True)
    assert told.startswith("whether a domain was imported is not known, name all that it has (not permitted")


def test_a_stack_without_a_file_of_answers_keeps_what_was_chosen_for_it() -> None:
    there = Stack(
        "CREATE_COMPLETE",
        {**DEFAULTS, **NEW, "RetentionDays": "90", "Gone": "x", "Timeout": "55"},
        {**DEFAULTS, "Gone": "", "Timeout": "55"},
    )
    preparation = prepare(Known(Answers("flowlogs", "", {"KeepMessage": "unparsed"})), there)
    (told,) = preparation.adopt(has_file=False)
    assert told == "flowlogs is there: what it was given stays, but for what is said otherwise"
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
    assert preparation.want().values == {**DEFAULTS, **NEW, "RetentionDays": "90", "EngineVersion": "2.19"}
    preparation.keep(tmp_path / "answers.toml")
    assert read_answers(tmp_path / "answers.toml") == Answers(
        "flowlogs-opensearch", "eu-west-1", {**NEW, "RetentionDays": "90", "EngineVersion": "2.19"}
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


@pytest.mark.parametrize(
    ("before", "after", "warned"),
    [
        ("stream", "subscription", True),
        ("stream", "draining", False),
        ("draining", "subscription", False),
        ("subscription", "stream", False),
        ("stream", "stream", False),
    ],
)
def test_who_goes_straight_from_a_stream_to_a_subscription_is_told_of_what_stays_unread(
    before: str, after: str, *, warned: bool
) -> None:
    there = Stack("UPDATE_COMPLETE", {**DEFAULTS, **NEW, "Source": before}, DEFAULTS)
    told = list(warn(there, {**there.parameters, "Source": after}))
    assert [("Source=draining first" in each) for each in told] == [True] * warned


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        pytest.param({"FurtherKmsKeyArns": "a,b"}, {"FurtherKmsKeyArns": "b"}, ["a"], id="one goes"),
        pytest.param({"FurtherKmsKeyArns": "b,a"}, {"FurtherKmsKeyArns": ""}, ["a", "b"], id="all go"),
        pytest.param({"FurtherKmsKeyArns": "a"}, {"FurtherKmsKeyArns": "b,a"}, [], id="one comes"),
        pytest.param(
            {"KmsKeyArn": "a", "FurtherKmsKeyArns": "b"},
            {"KmsKeyArn": "b", "FurtherKmsKeyArns": "a"},
            [],
            id="the second of two steps",
        ),
    ],
)
def test_a_key_that_the_roles_lose_is_named_with_what_it_opens(
    before: dict[str, str], after: dict[str, str], told: list[str]
) -> None:
    there = Stack("UPDATE_COMPLETE", {**DEFAULTS, **NEW, **before}, DEFAULTS)
    assert list(warn(there, {**there.parameters, **after})) == [
        f"FurtherKmsKeyArns: without {key} nobody reads what it has encrypted, records of the stream and "
        "objects in the bucket. When that is over, and how to keep the key: docs/deploy.md, "
        '"With a KMS key of yours"'
        for key in told
    ]


@pytest.mark.parametrize(
    ("name", "goes"),
    [
        ("RetentionDays", "what is older, all indices of those days, is deleted within the hour"),
        ("FailureDays", "what is older of rejected/ is deleted within a day"),
        (
            "LogRetentionDays",
            "lines that are older are deleted, also flow logs in a group that the stack made",
        ),
        ("StreamHours", "what is older is gone from the stream at once, read or not"),
    ],
)
def test_what_a_shorter_time_deletes_is_told_before(name: str, goes: str) -> None:
    def change(before: str, after: str, source: str = "stream") -> list[str]:
        there = Stack("UPDATE_COMPLETE", {**DEFAULTS, **NEW, "Source": source, name: before}, DEFAULTS)
        return list(warn(there, {**there.parameters, name: after}))

    sentence = f"{name}: with a lower number {goes}, and does not come back"
    assert change("90", "30") == change("0", "30") == [sentence]
    assert change("30", "90") == change("30", "30") == change("30", "0") == []
    assert change("90", "30", "subscription") == ([] if name == "StreamHours" else [sentence])


def test_a_stack_that_knew_no_such_parameter_is_told_of_no_shorter_time() -> None:
    there = Stack("UPDATE_COMPLETE", dict(NEW), {})
    assert list(warn(there, {**DEFAULTS, **NEW})) == []
