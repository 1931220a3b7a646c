"""Templates as data: parameters, functions, statements; and what is written from them."""

from pathlib import Path
from typing import Any

import pytest

from flowlogs.deploying.intrinsic import Scope, UnknownError, evaluate, find_refusals
from flowlogs.deploying.overview import count_resources, tell_resources
from flowlogs.deploying.statements import Statement, find_statements
from flowlogs.deploying.template import load_template, parse_template, read_groups, read_parameters
from tools.answers_example import render_example

NEW = {"AdminEmail": "someone@example.org"}


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    return load_template()


@pytest.fixture(scope="module")
def values(template: dict[str, Any]) -> dict[str, str]:
    return {name: each.default or "" for name, each in read_parameters(template).items()} | NEW


SAMPLE = parse_template("""
Parameters: {Name: {Type: String, Default: x}, List: {Type: String}}
Mappings: {Sizes: {"5": {Rate: often}}}
Conditions:
  IsX: !Equals [!Ref Name, x]
  IsNot: !Not [Condition: IsX]
Resources: {}
""")


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        pytest.param("!Ref Name", "x", id="a parameter"),
        pytest.param("!Ref Thing", "${Thing}", id="a resource, whose name is not known"),
        pytest.param("!GetAtt Thing.Arn", "${Thing.Arn}", id="an attribute"),
        pytest.param("!Sub 'a ${Name} ${Thing.Arn} ${!Literal}'", "a x ${Thing.Arn} ${Literal}", id="Sub"),
        pytest.param("!Sub ['${A} ${Name}', {A: !Ref Name}]", "x x", id="Sub with names"),
        pytest.param("!If [IsX, yes, no]", True, id="If"),
        pytest.param("[!If [IsNot, a, !Ref 'AWS::NoValue'], b]", ["b"], id="no value in a list"),
        pytest.param(
            "{A: !If [IsNot, a, !Ref 'AWS::NoValue'], B: b}", {"B": "b"}, id="no value in a mapping"
        ),
        pytest.param("!Join [',', [!Ref Name, y]]", "x,y", id="Join"),
        pytest.param("!Select [1, !Split [',', 'a,b']]", "b", id="Select and Split"),
        pytest.param("!FindInMap [Sizes, 5, Rate]", "often", id="FindInMap"),
        pytest.param("!Or [!Equals [!Ref Name, y], Condition: IsX]", True, id="Or"),
        pytest.param(
            "{Condition: {Bool: {a: b}}}", {"Condition": {"Bool": {"a": "b"}}}, id="a condition of IAM"
        ),
    ],
)
def test_functions_are_evaluated_as_far_as_parameters_say(expression: str, value: object) -> None:
    assert evaluate(parse_template(expression), Scope(SAMPLE, {"Name": "x"})) == value


def test_what_only_cloudformation_can_say_is_not_guessed() -> None:
    with pytest.raises(UnknownError):
        evaluate(parse_template("!ImportValue x"), Scope(SAMPLE, {}))


def test_a_rule_with_an_unknown_function_is_left_to_cloudformation() -> None:
    rules = {
        "Rules": {"A": {"Assertions": [{"Assert": {"Fn::ValueOf": ["a", "b"]}, "AssertDescription": "no"}]}}
    }
    assert find_refusals(rules, {}) == []


def test_the_rules_of_the_template_are_all_understood(
    template: dict[str, Any], values: dict[str, str]
) -> None:
    scope = Scope(template, values)
    for rule in template["Rules"].values():
        evaluate(rule.get("RuleCondition", True), scope)
        for assertion in rule["Assertions"]:
            assert evaluate(assertion["Assert"], scope) in (True, False)


def test_every_default_is_one_that_its_parameter_takes(template: dict[str, Any]) -> None:
    parameters = read_parameters(template)
    assert {
        name: each.refuse(each.default) for name, each in parameters.items() if each.default is not None
    } == dict.fromkeys(parameters, "")


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("Source", "queue", "Source is one of subscription, stream, draining, not 'queue'"),
        ("Timeout", "1000", "Timeout is between 10 and 900, not 1000"),
        ("Timeout", "long", "Timeout is a number, not 'long'"),
        ("AdminEmail", "a" * 120 + "@example.org", "AdminEmail has at most 128 characters, not 132"),
        ("VpcId", "10.0.0.0/16", "VpcId does not take '10.0.0.0/16': vpc-..."),
    ],
)
def test_a_value_that_is_not_taken_is_refused_with_what_is(
    template: dict[str, Any], name: str, value: str, why: str
) -> None:
    assert read_parameters(template)[name].refuse(value) == why


def test_all_that_can_be_answered_is_explained_in_the_example(
    project: Path, template: dict[str, Any]
) -> None:
    written = (project / "answers.example.toml").read_text(encoding="utf-8")
    assert written == render_example(), "make docs renews it"
    named = [line.split()[1] for line in written.splitlines() if line.startswith("# ") and " = " in line]
    assert sorted(named) == sorted(["stack", "region", *read_parameters(template)])


def test_every_parameter_is_in_a_group(template: dict[str, Any]) -> None:
    grouped = [name for _, names in read_groups(template) for name in names]
    assert sorted(grouped) == sorted(read_parameters(template))


def test_what_is_made_is_counted_with_the_nested_stacks(
    template: dict[str, Any], values: dict[str, str]
) -> None:
    counted = count_resources(template, values)
    assert counted["AWS::OpenSearchService::Domain"] == 1
    assert counted["AWS::CloudWatch::Dashboard"] == 1
    assert counted["AWS::CloudWatch::Alarm"] > 15
    assert counted["AWS::Serverless::Function"] >= 3
    existing = count_resources(template, values | {"OpenSearchUrl": "https://x", "VpcId": "vpc-1"})
    assert (existing["AWS::OpenSearchService::Domain"], existing["AWS::EC2::FlowLog"]) == (0, 1)
    assert "1 OpenSearch domain, " in tell_resources(counted)


def test_the_statements_of_all_roles_are_found(template: dict[str, Any], values: dict[str, str]) -> None:
    found = list(
        find_statements(template, values | {"AWS::Region": "eu-west-1", "AWS::AccountId": "123456789012"})
    )
    paths = {each.path for each in found}
    assert {
        "Roles/ForwardRole",
        "Roles/ReplayRole",
        "Roles/SetupRole",
        "Domain",
        "FailureBucketPolicy",
    } <= paths
    (sending,) = [each for each in found if each.path == "Roles/SendDocuments"]
    assert sending == Statement(
        "Roles/SendDocuments",
        "AWS::IAM::Policy",
        "Allow",
        {
            "Roles": ("${ForwardRole}", "${ReplayRole}"),
            "Action": ("es:ESHttpPost",),
            "Resource": (
                "arn:${AWS::Partition}:es:eu-west-1:123456789012:domain/flowlogs/cwl-????.??.??/_bulk",
            ),
        },
    )
    (invoking,) = [each for each in found if each.path == "ForwardPermission"]
    assert invoking.parts["Action"] == ("lambda:InvokeFunction",)
    assert [each.path for each in found if each.effect == "Deny"] == ["FailureBucketPolicy"]


def test_every_policy_in_the_files_is_among_them(
    template: dict[str, Any], values: dict[str, str], project: Path
) -> None:
    """No role is left out because its policy is written in another way."""
    everything = values | {"VpcId": "vpc-1", "Source": "stream", "SenderAccounts": "123456789012"}
    found = {each.path for each in find_statements(template, everything)}
    for file, where in (("roles", "Roles"), ("people", "People")):
        nested = load_template(project / "stack" / f"{file}.yaml")
        roles = {
            f"{where}/{name}"
            for name, each in nested["Resources"].items()
            if each["Type"] == "AWS::IAM::Role"
        }
        assert roles <= found
