"""What a sending account deploys fits what the collector reads, and leaves the collector's own log out."""

import json
import re
from typing import Any

import pytest

from flowlogs.deploying.intrinsic import find_refusals
from stack.resolved import resolve

Template = dict[str, Any]

PATTERNS = [
    pytest.param("", id="empty"),
    pytest.param("?ACCEPT ?REJECT", id="plain"),
    pytest.param('[version, account, ..., action="REJECT", status]', id="quotes"),
    pytest.param('{ $.path = "C:\\\\temp" || $.x = "\\"" }', id="backslashes before quotes"),
    pytest.param('\\"\\', id="at both ends"),
    pytest.param("%10\\.0\\.%", id="a regular expression"),
    pytest.param("${Role} ${AWS::Region} ä", id="what looks like a variable"),
]


GIVEN = {
    "DestinationArn": "arn:aws:logs:eu-central-1:111122223333:destination:flows",
    "OfOrganization": "yes",
    "VpcId": "vpc-1",
}


@pytest.fixture
def sender(nested: dict[str, Template]) -> Template:
    """Return stack/sender.yaml."""
    return nested["sender"]


def properties(template: Template, name: str) -> Any:  # as the template has them
    return template["Resources"][name]["Properties"]


TAGS = ("InstanceTagKeys", "InterfaceTagKeys", "GroupTagKeys")


@pytest.mark.parametrize(
    "name",
    ["LogGroupName", "TrafficType", "AggregationSeconds", "VpcId", *TAGS, "PermissionsBoundaryArn"],
)
def test_what_both_sides_are_asked_for_is_the_same(sender: Template, template: Template, name: str) -> None:
    kept = ("Type", "Default", "AllowedPattern", "AllowedValues", "MaxLength")
    here, there = sender["Parameters"][name], template["Parameters"][name]
    assert {each: here.get(each) for each in kept} == {each: there.get(each) for each in kept}


def test_a_sender_names_the_format_that_the_collector_takes_for_the_default(
    sender: Template, template: Template
) -> None:
    """The collector learns the formats of its own account only, so a sender's is never empty."""
    here, there = sender["Parameters"]["LogFormat"], template["Parameters"]["LogFormat"]
    assert here["Default"] == template["Mappings"]["Format"]["Default"]["Fields"]
    assert (f"({here['AllowedPattern']})?", here["MaxLength"]) == (
        there["AllowedPattern"],
        there["MaxLength"],
    )


def test_every_parameter_is_described_and_bounded(sender: Template) -> None:
    for name, parameter in sender["Parameters"].items():
        assert parameter["Description"], name
        assert {"AllowedValues", "AllowedPattern", "MaxLength"} & parameter.keys(), name


def test_every_name_in_a_stackset_is_its_own(sender: Template) -> None:
    """Nothing has a fixed name, so that it can be deployed twice in an account."""
    assert properties(sender, "SubscriptionFilter")["FilterName"] == {"Fn::Sub": "${AWS::StackName}-sender"}
    assert properties(sender, "AccountPolicy")["PolicyName"] == {"Fn::Sub": "${AWS::StackName}-sender"}
    named = [name for name, each in sender["Resources"].items() if "RoleName" in each["Properties"]]
    assert named == []


def test_an_accounts_policy_leaves_out_the_collectors_own_log_groups(
    sender: Template, template: Template
) -> None:
    """By the name that the functions' has with the stack name of samconfig.toml; an output has all names."""
    text, variables = properties(sender, "AccountPolicy")["SelectionCriteria"]["Fn::Sub"]
    separator, _ = variables["Groups"]["Fn::Join"]
    default = sender["Parameters"]["ExcludedGroups"]["Default"]
    criteria = text.replace("${Groups}", default.replace(",", separator))
    named, _, groups = criteria.partition(" NOT IN ")
    own = template["Resources"]["FunctionLogs"]["Properties"]["LogGroupName"]["Fn::Sub"]
    expected = [own.replace("${AWS::StackName}", "flowlogs-opensearch")]
    assert (named, json.loads(groups)) == ("LogGroupName", expected)
    kinds = {name: each["Type"] for name, each in template["Resources"].items()}
    groups = {name for name, kind in kinds.items() if kind == "AWS::Logs::LogGroup"}
    _, of_a_domain, without = template["Outputs"]["OwnLogGroups"]["Value"]["Fn::If"]
    named_groups = {each["Ref"] for each in of_a_domain["Fn::Join"][1]}
    assert (named_groups, without) == (groups - {"FlowLogs"}, {"Ref": "FunctionLogs"})


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("organization", ["no", "yes"])
def test_an_accounts_policy_is_a_document_whatever_the_pattern(
    sender: Template, pattern: str, organization: str
) -> None:
    given = {
        "Covers": "account",
        "DestinationArn": "arn:aws:logs:eu-central-1:111122223333:destination:flows",
        "FilterPattern": pattern,
        "OfOrganization": organization,
    }
    policy = resolve(sender, {}, given)["AccountPolicy"]["Properties"]["PolicyDocument"]
    document = json.loads(policy.replace("${SendingRole.Arn}", "a-role"))
    assert document == {
        "DestinationArn": given["DestinationArn"],
        "FilterPattern": pattern,
        "Distribution": "Random",
        **({"RoleArn": "a-role"} if organization == "yes" else {}),
    }


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_is_one_line(sender: Template, pattern: str) -> None:
    """JSON has no place for other characters, and only these two are escaped."""
    allowed = sender["Parameters"]["FilterPattern"]["AllowedPattern"]
    assert re.fullmatch(allowed, pattern)
    assert not re.fullmatch(allowed, f"{pattern}\n")
    assert not re.fullmatch(allowed, f"\t{pattern}")


def test_services_take_a_role_for_this_account_only(sender: Template) -> None:
    for role in ("SendingRole", "FlowLogRole"):
        (statement,) = properties(sender, role)["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
        (policy,) = resolve(sender, {}, GIVEN)[role]["Properties"]["Policies"]
        for each in policy["PolicyDocument"]["Statement"]:
            assert each["Resource"] not in ("*", ["*"])


def test_the_flow_log_shows_the_tags_that_are_named_and_may_read_them(
    sender: Template, template: Template
) -> None:
    """As the collector's own: EC2 makes no flow log with fields of tags and without their keys."""
    name = "TagFieldSpecifications"
    assert properties(sender, "FlowLog")[name] == properties(template, "FlowLog")[name]
    keys = {"InstanceTagKeys": "Name,Team", "GroupTagKeys": "Team"}
    found = resolve(sender, {}, {**GIVEN, **keys})
    assert found["FlowLog"]["Properties"][name] == [
        {"ResourceType": "instance", "TagKeys": ["Name", "Team"]},
        {"ResourceType": "auto-scaling-group", "TagKeys": ["Team"]},
    ]
    assert name not in resolve(sender, {}, GIVEN)["FlowLog"]["Properties"]
    sids = [
        [each["Sid"] for each in role["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]]
        for role in (found["FlowLogRole"], resolve(sender, {}, GIVEN)["FlowLogRole"])
    ]
    assert sids == [["WriteFlowLogs", "FindLogGroup", "ReadTags"], ["WriteFlowLogs", "FindLogGroup"]]


def test_keys_of_tags_without_a_flow_log_are_refused(sender: Template) -> None:
    defaults = {name: str(each.get("Default", "")) for name, each in sender["Parameters"].items()}
    tagged = defaults | GIVEN | {"GroupTagKeys": "Team"}
    refused = find_refusals(sender, tagged | {"VpcId": ""})
    assert [each.partition(" are for ")[0] for each in refused] == [
        "InstanceTagKeys, InterfaceTagKeys and GroupTagKeys"
    ]
    assert find_refusals(sender, tagged) == []


def test_every_role_is_bounded_where_the_account_asks_for_it(sender: Template) -> None:
    boundary = "arn:aws:iam::012345678901:policy/boundary"
    for given, expected in ((GIVEN | {"PermissionsBoundaryArn": boundary}, boundary), (GIVEN, None)):
        roles = {
            name: each["Properties"].get("PermissionsBoundary")
            for name, each in resolve(sender, {}, given).items()
            if each["Type"] == "AWS::IAM::Role"
        }
        assert roles == dict.fromkeys(("SendingRole", "FlowLogRole"), expected)


def test_nothing_is_logged_before_it_is_sent(sender: Template) -> None:
    waited_for = properties(sender, "FlowLog")["LogGroupName"]["Fn::Select"][1][1]
    assert waited_for == {
        "Fn::If": ["CoversAccount", {"Ref": "AccountPolicy"}, {"Ref": "SubscriptionFilter"}]
    }
