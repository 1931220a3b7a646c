"""The door as a person or a pipeline meets it: questions, checks, what is shown, what sam is told to do."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from flowlogs.commands import delete, deploy, plan
from flowlogs.deploying import sam
from flowlogs.deploying.account import Stack
from flowlogs.deploying.answers import Answers, read_answers, write_answers
from flowlogs.deploying.change_set import Change, Plan
from flowlogs.deploying.overrides import write_override
from flowlogs.deploying.preparing import find_known
from flowlogs.deploying.staying import Resource
from flowlogs.deploying.template import load_template, read_parameters
from support.commands import REGION, Told, run
from support.deploying import ADMINISTRATOR, DOMAIN, FakeAccount

NEW = {"AdminEmail": "someone@example.org", "LogGroupName": "/vpc/flow-logs"}
DEFAULTS = {name: each.default or "" for name, each in read_parameters(load_template()).items()}

RECORDER = """#!{python}
import json, os, sys
with open({record!r}, "a") as record:
    print(json.dumps([os.path.basename(sys.argv[0]), *sys.argv[1:]]), file=record)
sys.exit({status})
"""


@dataclass
class Door:
    """The command line with a fake account, and a sam and a make that only write their arguments down.

    Attributes:
        answers: the file of the answers.
        account: what is there.
    """

    folder: Path
    answers: Path
    account: FakeAccount = field(default_factory=FakeAccount)

    def run(self, command: str, *arguments: str) -> Told:
        return run(command, "--answers", str(self.answers), *arguments)

    @property
    def calls(self) -> list[list[str]]:
        record = self.folder / "record"
        return [json.loads(line) for line in record.read_text().splitlines()] if record.exists() else []

    def put_programs(self, status: int = 0) -> None:
        import sys

        for name in ("sam", "make"):
            program = self.folder / name
            record = str(self.folder / "record")
            program.write_text(RECORDER.format(python=sys.executable, record=record, status=status))
            program.chmod(0o755)


@pytest.fixture
def door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Door:
    made = Door(tmp_path, tmp_path / "answers.toml")
    made.put_programs()
    for module in (deploy, plan, delete):
        monkeypatch.setattr(module, "Account", lambda: made.account)
    monkeypatch.setattr(deploy, "try_to_reach", lambda _: "")
    monkeypatch.setattr(sam, "find_sam", lambda: str(tmp_path / "sam"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("AWS_REGION", REGION)
    return made


@pytest.fixture
def type_in(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Return what puts somebody at a terminal, who types these lines."""

    def put(*typed: str) -> list[str]:
        lines = list(typed)

        def read(_: str) -> str:
            if not lines:
                raise EOFError
            return lines.pop(0)

        for module in (deploy, delete):
            monkeypatch.setattr(module, "is_interactive", lambda: True)
        monkeypatch.setattr("builtins.input", read)
        return lines

    return put


def overrides(values: dict[str, str]) -> list[str]:
    return [write_override(name, text) for name, text in values.items()]


def test_the_first_deployment_asks_shows_and_deploys(door: Door, type_in: Callable[..., list[str]]) -> None:
    left = type_in("4", "someone@example.org", "1", "")
    told = door.run("deploy")
    assert (told.status, left) == (0, [])
    assert "account  123456789012, eu-central-1" in told.output
    assert "Which OpenSearch shall the flow logs go to?" in told.output
    assert "AdminEmail: " in told.output
    assert "Made is: 3 functions, 1 OpenSearch domain" in told.output
    assert "A month costs about this, at 2.0 GB of flow log lines a day" in told.output
    assert "Alarms are shown, and sent to nobody: AlarmEmail" in told.output
    assert (
        "Next: .venv/bin/flowlogs doctor --stack flowlogs-opensearch, then make smoke STACK=" in told.output
    )
    assert door.calls == [
        ["make", "build", "ARCH=arm64"],
        [
            *("sam", "deploy", "--stack-name", "flowlogs-opensearch", "--region", REGION),
            *("--parameter-overrides", *overrides(DEFAULTS | NEW | ADMINISTRATOR)),
        ],
    ]
    assert read_answers(door.answers) == Answers("flowlogs-opensearch", REGION, NEW | ADMINISTRATOR)


def test_nothing_is_built_or_written_where_the_person_says_no(
    door: Door, type_in: Callable[..., list[str]]
) -> None:
    type_in("4", "someone@example.org", "1", "n")
    assert door.run("deploy").status == 1
    assert door.calls == []
    assert not door.answers.exists()


def test_the_second_deployment_asks_nothing_and_shows_what_changes(
    door: Door, type_in: Callable[..., list[str]]
) -> None:
    type_in()
    write_answers(door.answers, Answers("flowlogs-opensearch", REGION, NEW | {"RetentionDays": "90"}))
    door.account.stack = Stack("CREATE_COMPLETE", DEFAULTS | NEW, DEFAULTS)
    told = door.run("deploy")
    assert told.status == 0
    assert "RetentionDays: 30 -> 90" in told.output
    assert len(door.calls) == 2


def test_what_is_said_at_a_terminal_is_kept_so_that_the_next_time_does_not_change_it_back(
    door: Door, type_in: Callable[..., list[str]]
) -> None:
    type_in()
    write_answers(door.answers, Answers("flowlogs-opensearch", REGION, NEW))
    door.account.stack = Stack("CREATE_COMPLETE", DEFAULTS | NEW, DEFAULTS)
    assert door.run("deploy", "--parameter-overrides", "RetentionDays=90").status == 0
    assert read_answers(door.answers).parameters == NEW | {"RetentionDays": "90"}
    assert door.run("deploy", "--stack-name", "other", "--parameter-overrides", "Timeout=30").status == 0
    assert read_answers(door.answers).stack == "flowlogs-opensearch", "the file is of another stack"


def test_a_pipeline_deploys_without_a_question(door: Door) -> None:
    told = door.run(
        "deploy",
        "--yes",
        "--tags",
        "team=net",
        "--parameter-overrides",
        *overrides(NEW | {"Architecture": "x86_64"}),
    )
    assert (told.status, told.errors) == (0, "")
    build, deployed = door.calls
    assert build == ["make", "build", "ARCH=x86_64"]
    assert deployed[1:6] == [
        "deploy",
        "--stack-name",
        "flowlogs-opensearch",
        "--no-confirm-changeset",
        "--region",
    ]
    assert deployed[6:10] == [REGION, "--tags", "team=net", "--parameter-overrides"]
    assert deployed[10:] == overrides(DEFAULTS | NEW | {"Architecture": "x86_64"})
    assert not door.answers.exists()


def test_without_a_terminal_what_is_missing_is_named(door: Door) -> None:
    told = door.run("deploy")
    assert told.status == 2
    assert "flowlogs: Give OpenSearchUrl of a cluster that is there already, or AdminEmail" in told.errors
    assert (
        "answers.toml takes it (answers.example.toml explains each), or --parameter-overrides" in told.errors
    )
    assert door.calls == []


def test_without_credentials_or_a_region_nothing_is_asked_or_built(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    from botocore.exceptions import NoCredentialsError

    def refuse() -> None:
        raise NoCredentialsError

    monkeypatch.setattr(door.account, "identify", refuse)
    told = door.run("deploy")
    assert (told.status, "no AWS credentials are found" in told.errors) == (2, True)
    assert door.calls == []


def test_what_a_check_finds_stops_it_before_the_build(door: Door) -> None:
    door.account.log_class = "INFREQUENT_ACCESS"
    told = door.run("deploy", "--parameter-overrides", *overrides(NEW))
    assert told.status == 1
    assert "problem  the log group can be subscribed" in told.output
    assert "nothing was built or deployed" in told.errors
    assert door.calls == []


def test_the_answers_of_another_region_are_not_used_by_mistake(door: Door) -> None:
    write_answers(door.answers, Answers("flowlogs-opensearch", "us-east-1", NEW))
    told = door.run("deploy")
    assert told.status == 2
    assert "the answers are for us-east-1, and eu-central-1 is chosen" in told.errors


def test_a_stack_that_failed_at_first_is_deleted_first_where_the_person_says_so(
    door: Door, type_in: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_answers(door.answers, Answers("flowlogs-opensearch", REGION, NEW))
    door.account.stack = Stack("ROLLBACK_COMPLETE", DEFAULTS | NEW, DEFAULTS)
    monkeypatch.setattr(deploy, "find_staying", lambda _: iter(()))
    type_in("")
    told = door.run("deploy")
    assert told.status == 0
    assert [call[:2] for call in door.calls] == [["sam", "delete"], ["make", "build"], ["sam", "deploy"]]
    assert "Made is: " in told.output, "it is a new one"


def test_of_a_half_made_stack_what_stays_is_shown_and_nobody_is_led_into_deleting_it(
    door: Door, type_in: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a rollback takes a new domain away: deleted with a failed stack it stays, its name taken."""
    write_answers(door.answers, Answers("flowlogs-opensearch", REGION, NEW))
    door.account.stack = Stack("CREATE_FAILED", DEFAULTS | NEW, DEFAULTS)
    left = Resource("Domain", "AWS::OpenSearchService::Domain", "flowlogs")
    monkeypatch.setattr(deploy, "find_staying", lambda _: iter([left]))
    type_in("")
    told = door.run("deploy")
    assert told.status == 1
    assert "AWS::OpenSearchService::Domain" in told.output
    assert "costs until it is deleted by hand" in told.output
    assert door.calls == []


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("ROLLBACK_COMPLETE", "it holds nothing that works, and make delete comes first"),
        ("DELETE_FAILED", "make delete comes first. It keeps what holds data, a domain among it"),
        ("CREATE_FAILED", "make delete comes first. It keeps what holds data, a domain among it"),
        (
            "UPDATE_ROLLBACK_FAILED",
            "aws cloudformation continue-update-rollback --stack-name flowlogs-opensearch",
        ),
        ("UPDATE_IN_PROGRESS", "wait until that has ended"),
    ],
)
def test_a_stack_that_takes_no_update_is_told_with_what_to_do(door: Door, status: str, told: str) -> None:
    door.account.stack = Stack(status, DEFAULTS | NEW, DEFAULTS)
    found = door.run("deploy", "--parameter-overrides", *overrides(NEW))
    assert found.status == 1
    assert told in found.errors
    assert door.calls == []


def test_what_sam_ends_with_is_told(door: Door) -> None:
    door.put_programs(status=3)
    told = door.run("deploy", "--parameter-overrides", *overrides(NEW))
    assert told.status == 1
    assert "sam ended with 3" in told.errors
    assert [call[0] for call in door.calls] == ["make"]


def test_answers_that_sam_wrote_are_moved_where_somebody_is_there(
    door: Door, type_in: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    configuration = door.folder / "samconfig.toml"
    text = " ".join(overrides(DEFAULTS | NEW)).replace("\\", "\\\\").replace('"', '\\"')
    configuration.write_text(
        f'[default.deploy.parameters]\nregion = "{REGION}"\nparameter_overrides = "{text}"\n'
    )
    monkeypatch.setattr(deploy, "find_known", lambda given, file: find_known(given, file, configuration))
    door.account.stack = Stack("CREATE_COMPLETE", DEFAULTS | NEW, DEFAULTS)

    told = door.run("deploy")
    assert (told.status, door.answers.exists()) == (0, False), "a pipeline changes no file"
    assert door.calls[1][-len(DEFAULTS) :] == overrides(DEFAULTS | NEW)

    type_in()
    told = door.run("deploy")
    assert told.status == 0
    assert "Those in samconfig.toml are not read any more: put the file back as it came" in told.output
    assert read_answers(door.answers) == Answers("flowlogs-opensearch", REGION, NEW)


def test_a_plan_shows_changes_and_permissions_and_stops(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = (
        Change("Roles", "AWS::CloudFormation::Stack", "changed", nested=True),
        Change("Roles/ForwardRole", "AWS::IAM::Role", "changed"),
        Change("Domain", "AWS::OpenSearchService::Domain", "replaced", "ReplaceAndRetain"),
    )
    monkeypatch.setattr(plan, "plan", lambda *_, **__: Plan(changes, load_template()))
    told = door.run("plan", "--parameter-overrides", *overrides(NEW))
    assert told.status == 0
    assert [call[:2] for call in door.calls] == [["make", "build"], ["sam", "package"]]
    assert "replaced (ReplaceAndRetain)" in told.output
    assert (
        "\nRoles/ForwardRole (AWS::IAM::Role)\n  Allow  sts:AssumeRole\n    for Service lambda.amazonaws.com"
        in told.output
    )
    assert "Roles/ReplayRole" not in told.output
    assert told.output.endswith("Nothing was changed.\n")


@pytest.mark.parametrize(
    ("is_there", "options", "timeout"),
    [
        pytest.param(True, [], DEFAULTS["Timeout"], id="a person, for whom they move"),
        pytest.param(True, ["--yes"], "55", id="a person who asks for no questions"),
        pytest.param(False, [], "55", id="a pipeline"),
    ],
)
def test_a_plan_plans_what_a_deployment_there_would_do_with_answers_that_sam_wrote(
    door: Door, monkeypatch: pytest.MonkeyPatch, *, is_there: bool, options: list[str], timeout: str
) -> None:
    """An earlier version wrote each default down, and 55 was that of Timeout: nobody chose it."""
    earlier = {**DEFAULTS, "Timeout": "55"}
    frozen = {**earlier, **NEW, "RetentionDays": "90"}
    configuration = door.folder / "samconfig.toml"
    text = " ".join(overrides(frozen)).replace("\\", "\\\\").replace('"', '\\"')
    configuration.write_text(f'[default.deploy.parameters]\nparameter_overrides = "{text}"\n')
    door.account.stack = Stack("CREATE_COMPLETE", frozen, earlier)
    planned: list[dict[str, str]] = []

    def plan_it(*_: object, values: dict[str, str], **__: object) -> Plan:
        planned.append(dict(values))
        return Plan((), load_template())

    monkeypatch.setattr(plan, "plan", plan_it)
    monkeypatch.setattr("builtins.input", lambda _: "")
    for module in (deploy, plan):
        monkeypatch.setattr(module, "find_known", lambda given, file: find_known(given, file, configuration))
        monkeypatch.setattr(module, "is_interactive", lambda: is_there)

    assert (door.run("plan", *options).status, door.answers.exists()) == (0, False)
    assert door.run("deploy", *options).status == 0
    deployed = door.calls[-1][-len(DEFAULTS) :]
    assert overrides(planned[0]) == deployed
    assert planned == [{**DEFAULTS, **NEW, "RetentionDays": "90", "Timeout": timeout}]


STAYS = [Resource("FailureBucket", "AWS::S3::Bucket", "flowlogs-failurebucket-1a")]


def test_a_deletion_says_what_stays_and_asks(
    door: Door, type_in: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    door.account.stack = Stack("CREATE_COMPLETE")
    monkeypatch.setattr(delete, "find_staying", lambda _: STAYS)
    type_in("")
    told = door.run("delete")
    assert (told.status, door.calls) == (1, [])
    assert re.search("FailureBucket +AWS::S3::Bucket +flowlogs-failurebucket-1a", told.output)
    type_in("y")
    assert door.run("delete").status == 0
    assert door.calls == [
        ["sam", "delete", "--stack-name", "flowlogs-opensearch", "--no-prompts", "--region", REGION]
    ]


def test_a_deletion_without_a_terminal_needs_a_word(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    door.account.stack = Stack("CREATE_COMPLETE")
    monkeypatch.setattr(delete, "find_staying", lambda _: [])
    told = door.run("delete")
    assert (told.status, "--yes deletes it" in told.errors) == (2, True)
    assert door.run("delete", "--yes").status == door.run("delete", "--no-prompts").status == 0
    assert len(door.calls) == 2


def test_an_existing_domain_needs_no_address(door: Door, type_in: Callable[..., list[str]]) -> None:
    type_in("1", "1", "y")
    assert door.run("deploy").status == 0
    assert read_answers(door.answers).parameters == {
        "OpenSearchUrl": DOMAIN.url,
        "OpenSearchArn": DOMAIN.arn,
        "LogGroupName": "/vpc/flow-logs",
    }
