"""The template is valid, gives the function what it reads, and allows no more than it needs."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmarks.processes import ENVIRONMENT
from flowlogs.commands import invoke
from flowlogs.local.artifact import find_sam
from flowlogs.pricing.events import WORKING_SECONDS, WORKING_SHARE
from handler.config import LOG_LEVELS, Config, ConfigError
from handler.environment import RESERVE
from handler.replay import SHORTEST_OBJECT
from handler.setup import (
    ADMINISTRATORS,
    AUDIT,
    FORMATS_OF,
    FUNCTION_VPC,
    IDENTITY_POOL,
    NO_VPC,
    READERS,
    VARIABLES,
    WRITERS,
)
from handler.stream import WAITING_SHARE
from handler.variables import LARGEST_BULK_BYTES, SMALLEST_BULK_BYTES
from parser.format import known_formats
from tools.setup_version import replace_version, setup_version

Template = dict[str, Any]

REQUIRED = {"OPENSEARCH_URL": "https://search-x.eu-central-1.es.amazonaws.com", "AWS_REGION": "eu-central-1"}

SET_BY_LAMBDA = {"AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_LAMBDA_LOG_GROUP_NAME"}
# Read by the handlers, not offered by the stack: a person on a machine of their own may set it.
NOT_OFFERED = {"OPENSEARCH_CA_BUNDLE"}
# Read by the C library of the functions' processes.
OF_THE_C_LIBRARY = {"MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"}
# Read by setup alone, which is given them as properties of the custom resource.
OF_SETUP = {
    "INDEX_SHARDS": "IndexShards",
    "INDEX_REPLICAS": "IndexReplicas",
    "WARM_AFTER_DAYS": "WarmAfterDays",
}
# Of the setup, which learns them.
LEARNT = {"LOG_FORMATS": {"Fn::GetAtt": "Setup.LogFormats"}}
# Read by the stream function alone, which is given it beside what all are given.
OF_STREAM = {"STREAM_HOURS": "StreamHours"}
# The stack deletes old indices; without it nothing does.
KEPT_WITHOUT_THE_STACK = {"RETENTION_DAYS": "0"}


class Recorder(Mapping[str, str]):
    """An empty environment that remembers which variables were asked for."""

    def __init__(self) -> None:
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.read.add(name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def test_the_template_is_valid(project: Path) -> None:
    done = subprocess.run(
        [find_sam(), "validate", "--lint"],
        cwd=project,
        env={**os.environ, "SAM_CLI_TELEMETRY": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_parameter_is_described_and_bounded(template: Template) -> None:
    bounds = {"AllowedValues", "AllowedPattern", "MaxLength", "MaxValue"}
    for name, parameter in template["Parameters"].items():
        assert parameter.get("Description"), name
        assert bounds & parameter.keys(), name
        assert "AllowedPattern" not in parameter or "ConstraintDescription" in parameter, name


def test_every_parameter_is_in_one_group(template: Template) -> None:
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    grouped = [name for group in groups for name in group["Parameters"]]
    assert sorted(grouped) == sorted(template["Parameters"])


def test_the_function_is_given_what_it_reads(template: Template) -> None:
    environ = Recorder()
    with pytest.raises(ConfigError):
        Config.from_environ(environ)
    variables = set(function(template)["Environment"]["Variables"])
    assert (
        variables - OF_THE_C_LIBRARY | NOT_OFFERED | SET_BY_LAMBDA | {*OF_SETUP, *OF_STREAM} == environ.read
    )


def test_the_benchmark_keeps_memory_as_the_stack_does(template: Template) -> None:
    variables = function(template)["Environment"]["Variables"]
    assert {name: variables[name] for name in OF_THE_C_LIBRARY} == {
        name: ENVIRONMENT[name] for name in OF_THE_C_LIBRARY
    }


def test_the_defaults_are_those_of_the_function(template: Template) -> None:
    offered = {name: {"Ref": parameter} for name, parameter in (OF_SETUP | OF_STREAM).items()}
    variables = {**function(template)["Environment"]["Variables"], **offered}
    defaults = {
        name: str(template["Parameters"][value["Ref"]]["Default"])
        for name, value in variables.items()
        if isinstance(value, dict) and value.get("Ref") in template["Parameters"]
    }
    assert defaults.keys() == variables.keys() - {
        "OPENSEARCH_URL",
        "OPENSEARCH_USERNAME",
        "OPENSEARCH_PASSWORD",
        "OPENSEARCH_SECRET_ARN",
        "LOG_FORMATS",
        "FAILURE_BUCKET",
        "OWN_LOG_PREFIX",
        "OWN_ACCOUNT",
        *OF_THE_C_LIBRARY,
    }
    defaults |= {"LOG_FORMATS": template["Mappings"]["Format"]["Default"]["Fields"]}
    from_template = {**REQUIRED, **defaults, **KEPT_WITHOUT_THE_STACK}
    assert Config.from_environ(from_template) == Config.from_environ(REQUIRED)


@pytest.mark.parametrize("variable", ["OPENSEARCH_SERVICE", "KEEP_MESSAGE", "LOG_LEVEL"])
def test_the_function_understands_every_allowed_value(template: Template, variable: str) -> None:
    parameter = function(template)["Environment"]["Variables"][variable]["Ref"]
    for value in template["Parameters"][parameter]["AllowedValues"]:
        Config.from_environ({**REQUIRED, variable: value})


def test_bounds_are_those_of_the_function(template: Template) -> None:
    size = template["Parameters"]["MaxBulkBytes"]
    assert (size["MinValue"], size["MaxValue"]) == (SMALLEST_BULK_BYTES, LARGEST_BULK_BYTES)


def test_log_levels_are_those_of_the_function(template: Template) -> None:
    assert set(template["Parameters"]["LogLevel"]["AllowedValues"]) < set(LOG_LEVELS)


def test_only_this_log_group_may_invoke_the_function(template: Template) -> None:
    permission = template["Resources"]["ForwardPermission"]["Properties"]
    log_group = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:${Name}"
    name = {"Fn::If": ["MakesLogGroup", {"Ref": "FlowLogs"}, {"Ref": "LogGroupName"}]}
    assert permission == {
        "Action": "lambda:InvokeFunction",
        "FunctionName": {"Fn::GetAtt": "ForwardFunction.Arn"},
        "Principal": "logs.amazonaws.com",
        "SourceAccount": {"Ref": "AWS::AccountId"},
        "SourceArn": {"Fn::Sub": [f"{log_group}:*", {"Name": name}]},
    }


def test_the_subscription_comes_after_its_permission_and_takes_every_line(template: Template) -> None:
    subscription = template["Resources"]["SubscriptionFilter"]
    assert {"ForwardPermission", "Setup"} <= set(subscription["DependsOn"])
    assert subscription["Properties"]["FilterPattern"] == {"Ref": "FilterPattern"}
    assert template["Parameters"]["FilterPattern"]["Default"] == ""


def test_setup_runs_again_when_what_it_installs_has_changed(project: Path) -> None:
    text = (project / "template.yaml").read_text(encoding="utf-8")
    assert f'      Version: "{setup_version()}"' in text, "make docs renews it"
    assert replace_version(text) == text


def test_setup_is_given_the_properties_that_it_reads(template: Template) -> None:
    properties = template["Resources"]["Setup"]["Properties"]
    ours = {"ServiceToken", "ServiceTimeout", "Version", "SetupRun"}
    ours |= {name for name in properties if name.startswith("OpenSearch")}  # to run again when they change
    read = {*VARIABLES, WRITERS, READERS, ADMINISTRATORS, IDENTITY_POOL, AUDIT, FORMATS_OF, FUNCTION_VPC}
    assert properties.keys() - ours == read
    assert NO_VPC in template["Parameters"]["FunctionVpc"]["AllowedValues"]
    timeout = template["Resources"]["SetupFunction"]["Properties"]["Timeout"]
    assert timeout < properties["ServiceTimeout"]


def test_a_replay_ends_before_the_next_begins(template: Template) -> None:
    runs = template["Mappings"]["Replay"]
    assert sorted(runs, key=int) == template["Parameters"]["ReplayMinutes"]["AllowedValues"]
    for minutes, run in runs.items():
        assert run["Rate"] == f"rate({minutes} minute{'s' if minutes != '1' else ''})"
        assert run["Timeout"] < min(int(minutes) * 60, 900)
    usual = template["Parameters"]["ReplayMinutes"]["Default"]
    assert WORKING_SECONDS / (int(usual) * 60) == WORKING_SHARE
    assert runs[usual]["Timeout"] > WORKING_SECONDS + RESERVE + SHORTEST_OBJECT


def test_the_stream_function_is_told_how_long_its_stream_keeps_a_record(template: Template) -> None:
    own = template["Resources"]["StreamFunction"]["Properties"]["Environment"]["Variables"]
    assert own == LEARNT | {name: {"Ref": parameter} for name, parameter in OF_STREAM.items()}
    for hours in template["Parameters"]["StreamHours"]["AllowedValues"]:
        assert Config.from_environ({**REQUIRED, "STREAM_HOURS": hours}).stream_hours == int(hours)


def test_lambda_gives_up_a_record_after_the_function_and_before_the_stream(template: Template) -> None:
    given_up = template["Mappings"]["Stream"]
    assert list(given_up) == template["Parameters"]["StreamHours"]["AllowedValues"]
    longest = 7 * 86_400  # that a mapping can say
    for hours, row in given_up.items():
        kept = int(hours) * 3600
        assert WAITING_SHARE * kept < row["GivenUp"] < kept
        assert row["GivenUp"] == kept * 3 / 4 <= longest


def test_a_stream_is_read_from_its_start_and_only_age_ends_an_attempt(template: Template) -> None:
    mapping = template["Resources"]["StreamMapping"]["Properties"]
    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["MaximumRetryAttempts"] == -1
    assert mapping["MaximumRecordAgeInSeconds"] == {
        "Fn::FindInMap": ["Stream", {"Ref": "StreamHours"}, "GivenUp"]
    }
    assert mapping["DestinationConfig"] == {"OnFailure": {"Destination": {"Fn::GetAtt": "FailureBucket.Arn"}}}
    assert mapping["BisectBatchOnFunctionError"] is True


def test_without_a_stream_nothing_is_there_for_one(template: Template) -> None:
    """The default makes what it made before there were streams."""
    assert template["Parameters"]["Source"]["Default"] == "subscription"
    of_a_stream = {
        name: each.get("Condition")
        for name, each in template["Resources"].items()
        if name.startswith("Stream") or name == "Senders"
    }
    assert of_a_stream == {
        "Stream": "HasStream",
        "StreamMapping": "HasStream",
        "StreamFilter": "IsStream",
        "Senders": "HasSenders",
        "StreamFunction": "HasStream",
        "StreamWatching": "HasStream",
    }


def test_when_the_source_changes_what_lambda_has_taken_is_still_handled(template: Template) -> None:
    """The filters come and go; the function that an invocation waits for stays, with all that it needs."""
    resources = template["Resources"]
    assert resources["SubscriptionFilter"]["Condition"] == "IsSubscription"
    for name in ("ForwardFunction", "ForwardPermission", "ReplayFunction", "FailureBucket"):
        assert "Condition" not in resources[name], name
    conditions = template["Conditions"]
    assert conditions["IsSubscription"] == {"Fn::Not": [conditions["IsStream"]]}


def test_a_builder_exists_for_each_architecture(template: Template, project: Path) -> None:
    for name in ("ForwardFunction", "StreamFunction", "ReplayFunction", "SetupFunction"):
        metadata = template["Resources"][name]["Metadata"]
        assert metadata["BuildMethod"] == "makefile"
        assert metadata["ContextPath"] == {"Fn::Sub": "builder/${Architecture}"}
    for architecture in template["Parameters"]["Architecture"]["AllowedValues"]:
        makefile = (project / "builder" / architecture / "Makefile").read_text()
        assert makefile.startswith(f"BUILT_FOR := {architecture}\n")


@pytest.mark.parametrize("name", ["ForwardFunction", "StreamFunction", "ReplayFunction"])
def test_make_invoke_runs_the_function_as_the_template_describes_it(template: Template, name: str) -> None:
    properties, parameters = function(template, name), template["Parameters"]
    assert properties["Handler"] == invoke.HANDLERS[name]
    assert parameters["MemorySize"]["Default"] == invoke.MEMORY_MB
    local = json.loads(invoke.ENVIRONMENT.read_text())[name]
    secret = {"OPENSEARCH_USERNAME", "OPENSEARCH_PASSWORD", "OPENSEARCH_SECRET_ARN"}
    variables = template["Globals"]["Function"]["Environment"]["Variables"]
    assert local.keys() == {*variables, *LEARNT} - secret
    assert local["LOG_FORMATS"] == str(known_formats())


def function(template: Template, name: str = "ForwardFunction") -> dict[str, Any]:
    """Return the properties of a function, with those that all functions share."""
    properties: dict[str, Any] = template["Resources"][name]["Properties"]
    shared = template["Globals"]["Function"]
    variables = shared["Environment"]["Variables"] | properties["Environment"]["Variables"]
    return {**shared, **properties, "Environment": {"Variables": variables}}
