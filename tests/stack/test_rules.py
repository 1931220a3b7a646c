"""Parameters that contradict each other are refused, with a sentence that says what to do."""

import re
from typing import Any

import pytest

from stack.resolved import Resolver

Template = dict[str, Any]

EXISTING = {
    "OpenSearchUrl": "https://search-x.eu-central-1.es.amazonaws.com",
    "OpenSearchArn": "arn:aws:es:eu-central-1:012345678901:domain/x",
}
NEW = {"AdminEmail": "someone@example.com"}
SETUP_SECRET = {"SetupSecretArn": "arn:aws:secretsmanager:eu-central-1:012345678901:secret:y"}
SECRET = {"OpenSearchSecretArn": "arn:aws:secretsmanager:eu-central-1:012345678901:secret:x"}
VPC = {"FunctionSubnetIds": "subnet-1", "FunctionSecurityGroupIds": "sg-1"}
INSIDE = {"DomainVpcId": "vpc-1", "DomainSubnetIds": "subnet-1"}
IN_VPC = {"FunctionVpc": "other", "FunctionSubnetIds": "subnet-1"}
LARGE = {"InstanceType": "r7g.large.search", "InstanceCount": "3"}
WARM = {**LARGE, "DedicatedMasterType": "m7g.large.search", "WarmCount": "2"}


def refusals(template: Template, given: dict[str, str]) -> list[str]:
    """Return the sentences with which the rules refuse what is given."""
    defaults = {name: str(each.get("Default", "")) for name, each in template["Parameters"].items()}
    rules = Resolver(template, defaults | given)
    return [
        " ".join(assertion["AssertDescription"].split())
        for rule in template["Rules"].values()
        if rules.value(rule.get("RuleCondition", True))
        for assertion in rule["Assertions"]
        if not rules.value(assertion["Assert"])
    ]


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(EXISTING, id="an existing domain"),
        pytest.param({**EXISTING, **SECRET}, id="an existing domain and its master user"),
        pytest.param(NEW, id="a new domain"),
        pytest.param({**NEW, "ReaderEmail": "another@example.com"}, id="a new domain and a reader"),
        pytest.param(
            {**NEW, "AdminPrincipalArn": "arn:aws:iam::012345678901:role/x"}, id="a new domain, administered"
        ),
        pytest.param(
            {**EXISTING, "AdminPrincipalArn": "arn:aws:iam::012345678901:user/x"},
            id="an existing domain, administered",
        ),
        pytest.param({**EXISTING, **SETUP_SECRET}, id="an existing domain and a secret for setup alone"),
        pytest.param(
            {"OpenSearchUrl": "https://x", "OpenSearchAuth": "basic", **SECRET, **SETUP_SECRET},
            id="two secrets",
        ),
        pytest.param({**NEW, "VpcId": "vpc-1"}, id="a new domain and a flow log"),
        pytest.param({**NEW, **LARGE, "InstanceCount": "12"}, id="twelve nodes"),
        pytest.param({**NEW, **WARM, "WarmAfterDays": "7"}, id="warm nodes"),
        pytest.param({**NEW, "InstanceCount": "4", "DomainZones": "2"}, id="four nodes in two zones"),
        pytest.param({**NEW, "InstanceCount": "5", "DomainZones": "3"}, id="five nodes in three zones"),
        pytest.param({**EXISTING, "WarmAfterDays": "7"}, id="an existing domain with warm nodes"),
        pytest.param({**NEW, **INSIDE, **IN_VPC}, id="a new domain in a VPC"),
        pytest.param(
            {**NEW, **INSIDE, **IN_VPC, "DomainClientCidr": "10.0.0.0/8"}, id="a new domain in a VPC, people"
        ),
        pytest.param({**EXISTING, "VpcId": "vpc-1", "GroupTagKeys": "Team"}, id="a flow log with tags"),
        pytest.param({**EXISTING, "Source": "stream"}, id="a stream"),
        pytest.param({**EXISTING, "Source": "stream", "SenderAccounts": "123456789012"}, id="other accounts"),
        pytest.param(
            {**EXISTING, "Source": "stream", "OrganizationId": "o-abcdefghij"}, id="an organization"
        ),
        pytest.param(
            {**EXISTING, "Source": "draining", "SenderAccounts": "123456789012"},
            id="other accounts, to the end",
        ),
        pytest.param({**EXISTING, "OpenSearchService": "aoss"}, id="a collection"),
        pytest.param(
            {"OpenSearchUrl": "https://x", "OpenSearchAuth": "basic", **SECRET}, id="another cluster"
        ),
        pytest.param({**EXISTING, **VPC, "FunctionVpc": "other"}, id="functions in another VPC"),
        pytest.param(
            {**EXISTING, **VPC, "FunctionVpc": "watched", "VpcId": "vpc-1"}, id="in the watched VPC, accepted"
        ),
    ],
)
def test_parameters_that_go_together_are_accepted(template: Template, given: dict[str, str]) -> None:
    assert refusals(template, given) == []


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        pytest.param(
            {}, "Give OpenSearchUrl of a cluster that is there already, or AdminEmail", id="nothing"
        ),
        pytest.param({"OpenSearchUrl": "https://x"}, "OpenSearchUrl needs OpenSearchArn", id="no ARN"),
        pytest.param(
            {**EXISTING, "OpenSearchAuth": "basic"},
            "OpenSearchAuth basic needs OpenSearchSecretArn",
            id="basic",
        ),
        pytest.param(
            {**EXISTING, **SECRET, "OpenSearchAuth": "basic", "OpenSearchService": "aoss"},
            "A Serverless collection knows no passwords",
            id="a collection with a password",
        ),
        pytest.param({**NEW, **SECRET}, "belong to OpenSearchUrl", id="a secret for a new domain"),
        pytest.param(
            {**NEW, **SETUP_SECRET}, "belong to OpenSearchUrl", id="setup's secret for a new domain"
        ),
        pytest.param(
            {**NEW, "ReaderEmail": NEW["AdminEmail"]}, "An administrator may read, too", id="one for both"
        ),
        pytest.param(
            {**EXISTING, "ReaderEmail": "another@example.com"},
            "AdminEmail and ReaderEmail are invited to a new domain",
            id="a reader of an existing domain",
        ),
        pytest.param(
            {"OpenSearchUrl": "https://x", "OpenSearchAuth": "basic", **SETUP_SECRET},
            "OpenSearchAuth basic needs OpenSearchSecretArn",
            id="setup's secret only",
        ),
        pytest.param({**NEW, "OpenSearchService": "aoss"}, "belong to OpenSearchUrl", id="a new collection"),
        pytest.param(
            {**NEW, **VPC, "FunctionVpc": "other"}, "The new domain has a public endpoint", id="new, in a VPC"
        ),
        pytest.param(
            {**NEW, **INSIDE}, "Only functions in a VPC reach a domain in a VPC", id="new, out of it"
        ),
        pytest.param(
            {**NEW, **IN_VPC, "DomainVpcId": "vpc-1"},
            "needs both DomainVpcId and DomainSubnetIds",
            id="no subnet",
        ),
        pytest.param(
            {**NEW, "DomainSubnetIds": "subnet-1"}, "needs both DomainVpcId and DomainSubnetIds", id="no VPC"
        ),
        pytest.param(
            {**NEW, "DomainClientCidr": "10.0.0.0/8"}, "DomainClientCidr is for a domain inside", id="clients"
        ),
        pytest.param(
            {**EXISTING, **INSIDE},
            "are for a new domain; leave them empty",
            id="subnets for a domain that is",
        ),
        pytest.param(
            {**NEW, "WarmAfterDays": "7"}, "WarmAfterDays needs UltraWarm nodes", id="no warm nodes"
        ),
        pytest.param({**NEW, **LARGE, "WarmCount": "2"}, "need dedicated master nodes", id="no masters"),
        pytest.param(
            {**NEW, **WARM, "InstanceType": "t3.medium.search"}, "t3 nodes can have no", id="warm t3"
        ),
        pytest.param({**NEW, "InstanceCount": "11"}, "at the most 10 nodes of type t3", id="eleven t3"),
        pytest.param(
            {**NEW, "DomainZones": "2"}, "One node lies in one Availability Zone", id="a node, two zones"
        ),
        pytest.param(
            {**NEW, "InstanceCount": "2", "DomainZones": "3"},
            "Two nodes lie in two",
            id="two nodes, three zones",
        ),
        pytest.param(
            {**NEW, "InstanceCount": "3", "DomainZones": "2"},
            "AWS takes an even number only",
            id="three nodes, two zones",
        ),
        pytest.param(
            {**NEW, **LARGE, "InstanceCount": "79", "DomainZones": "2"},
            "AWS takes an even number only",
            id="79 nodes, two zones",
        ),
        pytest.param(
            {**EXISTING, "InstanceTagKeys": "Name"},
            "for a flow log of the stack's making",
            id="tags, no flow log",
        ),
        pytest.param(
            {**EXISTING, "VpcId": "vpc-1", "SubnetId": "subnet-1"}, "Give one of VpcId", id="VPC and subnet"
        ),
        pytest.param(
            {**EXISTING, "SubnetId": "subnet-1", "NetworkInterfaceId": "eni-1"},
            "Give one of VpcId",
            id="subnet and interface",
        ),
        pytest.param(
            {**EXISTING, **VPC}, "logs its own traffic, without end", id="subnets without saying whose VPC"
        ),
        pytest.param(
            {**EXISTING, "FunctionVpc": "other", "FunctionSecurityGroupIds": "sg-1"},
            "Functions in a VPC need FunctionSubnetIds",
            id="no subnets",
        ),
        pytest.param(
            {**EXISTING, **IN_VPC}, "Functions in a VPC need FunctionSecurityGroupIds", id="no groups"
        ),
        pytest.param(
            {**EXISTING, "SenderAccounts": "123456789012"},
            "can send to a stream only",
            id="senders, no stream",
        ),
        pytest.param(
            {**EXISTING, "OrganizationId": "o-abcdefghij"},
            "can send to a stream only",
            id="members, no stream",
        ),
        pytest.param(
            {
                **EXISTING,
                "Source": "stream",
                "SenderAccounts": "123456789012",
                "OrganizationId": "o-abcdefghij",
            },
            "Give SenderAccounts or OrganizationId",
            id="accounts and an organization",
        ),
        pytest.param(
            {**EXISTING, "AlarmEmail": "a@b.c", "AlarmTopicArn": "arn:aws:sns:r:012345678901:t"},
            "Give AlarmEmail or AlarmTopicArn",
            id="two topics",
        ),
    ],
)
def test_a_contradiction_is_refused_with_a_sentence(
    template: Template, given: dict[str, str], sentence: str
) -> None:
    (refusal,) = refusals(template, given)
    assert sentence in refusal


ROLE = "arn:aws:iam::012345678901:role/"
SSO = f"{ROLE}aws-reserved/sso.amazonaws.com/eu-central-1/AWSReservedSSO_Admin_0a1b2c3d4e5f6a7b"


@pytest.mark.parametrize(
    ("given", "allowed"),
    [
        pytest.param("", True, id="nobody"),
        pytest.param(f"{ROLE}Admin", True, id="a role"),
        pytest.param(SSO, True, id="a role of IAM Identity Center"),
        pytest.param(f"{ROLE}Admin,{SSO},arn:aws-cn:iam::012345678901:user/team/x@y.z", True, id="several"),
        pytest.param("arn:aws:sts::012345678901:assumed-role/Admin/me", False, id="a session"),
        pytest.param("arn:aws:iam::012345678901:root", False, id="the account"),
        pytest.param("*", False, id="everybody"),
        pytest.param(f"{ROLE}*", False, id="each role"),
        pytest.param(f"{ROLE}a, {ROLE}b", False, id="a blank"),
        pytest.param(f"{ROLE}a,", False, id="a comma at the end"),
    ],
)
def test_administrators_are_roles_and_users_by_their_arn(
    template: Template, given: str, *, allowed: bool
) -> None:
    pattern = template["Parameters"]["AdminPrincipalArn"]["AllowedPattern"]
    assert bool(re.fullmatch(pattern, given)) is allowed
