"""Only what cannot have a default is asked, and the account's own values can be chosen."""

from collections.abc import Mapping
from typing import Any

import pytest

from flowlogs.deploying.intrinsic import find_refusals
from flowlogs.deploying.questions import ASKED, Interview
from flowlogs.deploying.talk import Talk
from flowlogs.deploying.template import load_template, read_parameters
from support.deploying import ADMINISTRATOR, COLLECTION, DEPLOYER, DOMAIN, INSIDE, FakeAccount

LISTED = {"DOMAIN": "1", "INSIDE": "2", "COLLECTION": "3", "NEW": "4", "BY HAND": "5"}


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    return load_template()


def hold(
    template: Mapping[str, Any],
    *typed: str,
    account: FakeAccount | None = None,
    known: Mapping[str, str] | None = None,
) -> tuple[dict[str, str], str]:
    """Return the answers and all that was told, when these lines are typed."""
    lines, told = list(typed), list[str]()

    def read(prompt: str) -> str:
        told.append(prompt)
        if not lines:
            raise EOFError
        return lines.pop(0)

    answers = Interview(template, known or {}, account or FakeAccount(), Talk(read, told.append)).ask()
    assert lines == [], "not all was asked for"
    return answers, "\n".join(told)


@pytest.mark.parametrize(
    ("typed", "answers"),
    [
        pytest.param(
            (LISTED["DOMAIN"], "1"),
            {"OpenSearchUrl": DOMAIN.url, "OpenSearchArn": DOMAIN.arn, "LogGroupName": "/vpc/flow-logs"},
            id="a domain and a log group that are there: two numbers",
        ),
        pytest.param(
            (LISTED["NEW"], "someone@example.org", "1"),
            {"AdminEmail": "someone@example.org", **ADMINISTRATOR, "LogGroupName": "/vpc/flow-logs"},
            id="a new domain: a number, an address, a number",
        ),
        pytest.param(
            (LISTED["NEW"], "someone@example.org", "2", "2"),
            {"AdminEmail": "someone@example.org", **ADMINISTRATOR, "VpcId": "vpc-0b"},
            id="nothing is there yet",
        ),
        pytest.param(
            (LISTED["COLLECTION"], "1"),
            {
                "OpenSearchUrl": COLLECTION.url,
                "OpenSearchArn": COLLECTION.arn,
                "OpenSearchService": "aoss",
                "LogGroupName": "/vpc/flow-logs",
            },
            id="a collection",
        ),
        pytest.param(
            (LISTED["INSIDE"], "", "", "sg-01", "1", "1"),
            {
                "OpenSearchUrl": INSIDE.url,
                "OpenSearchArn": INSIDE.arn,
                "FunctionSubnetIds": "subnet-01,subnet-02",
                "FunctionSecurityGroupIds": "sg-01",
                "FunctionVpc": "other",
                "LogGroupName": "/vpc/flow-logs",
            },
            id="a domain inside a VPC: its subnets are offered",
        ),
        pytest.param(
            (
                LISTED["BY HAND"],
                "https://search.example.org",
                "2",
                "1",
                "arn:aws:secretsmanager:x:1:secret:y",
            ),
            {
                "OpenSearchUrl": "https://search.example.org",
                "OpenSearchAuth": "basic",
                "OpenSearchSecretArn": "arn:aws:secretsmanager:x:1:secret:y",
                "LogGroupName": "/vpc/flow-logs",
            },
            id="another cluster: a rule of the template asks for its secret",
        ),
        pytest.param(
            (LISTED["DOMAIN"], "/other/group", "3"),
            {"OpenSearchUrl": DOMAIN.url, "OpenSearchArn": DOMAIN.arn, "LogGroupName": "/other/group"},
            id="a log group by hand, which no flow log of this account writes to",
        ),
    ],
)
def test_what_is_asked_is_enough(
    template: dict[str, Any], typed: tuple[str, ...], answers: dict[str, str]
) -> None:
    given, _ = hold(template, *typed)
    assert given == answers
    defaults = {name: each.default or "" for name, each in read_parameters(template).items()}
    assert find_refusals(template, {**defaults, **given}) == []


def test_who_deploys_administers_a_new_domain_without_being_asked(template: dict[str, Any]) -> None:
    parameter = {"Type": "String", "Default": "", "AllowedPattern": "(arn:aws:iam::[0-9]{12}:role/[a-z]+)?"}
    with_place = {**template, "Parameters": {**template["Parameters"], "AdminPrincipalArn": parameter}}
    given, told = hold(with_place, LISTED["NEW"], "someone@example.org", "1")
    assert given["AdminPrincipalArn"] == DEPLOYER
    assert f"AdminPrincipalArn: {DEPLOYER}, since you deploy" in told
    known = {"AdminPrincipalArn": "arn:aws:iam::123456789012:role/other"}
    given, _ = hold(with_place, LISTED["NEW"], "someone@example.org", "1", known=known)
    assert given["AdminPrincipalArn"] == known["AdminPrincipalArn"]


def test_a_choice_can_be_typed_by_its_name(template: dict[str, Any]) -> None:
    given, _ = hold(template, "logs", "/vpc/flow-logs")
    assert given["OpenSearchArn"] == DOMAIN.arn
    assert given["LogGroupName"] == "/vpc/flow-logs"


@pytest.mark.parametrize(
    "known",
    [
        pytest.param({"AdminEmail": "a@example.org", "VpcId": "vpc-0a"}, id="a new domain"),
        pytest.param(
            {"OpenSearchUrl": DOMAIN.url, "OpenSearchArn": DOMAIN.arn, "LogGroupName": "/x"},
            id="one that is there",
        ),
    ],
)
def test_nothing_is_asked_where_all_is_answered(template: dict[str, Any], known: dict[str, str]) -> None:
    assert hold(template, known=known) == (known, "")


def test_choices_are_shown_with_what_tells_them_apart(template: dict[str, Any]) -> None:
    _, told = hold(template, LISTED["DOMAIN"], "2", "1")
    assert " 1  logs          OpenSearch_2.19, https://search-logs.eu-central-1.es.amazonaws.com" in told
    assert (
        " 2  inside        OpenSearch_3.1, https://vpc-inside.eu-central-1.es.amazonaws.com, in vpc-0a"
        in told
    )
    assert " 1  /vpc/flow-logs   flow logs of vpc-0a" in told
    assert " 1  vpc-0a  production, 10.0.0.0/16" in told


def test_what_may_not_be_listed_is_typed_by_hand(template: dict[str, Any]) -> None:
    refused = frozenset({"list_domains", "list_collections", "list_flow_logs", "list_vpcs"})
    typed = ("1", "someone@example.org", "/vpc/flow-logs", "vpc-0c")
    given, told = hold(template, *typed, account=FakeAccount(refused=refused))
    assert given == {
        "AdminEmail": "someone@example.org",
        **ADMINISTRATOR,
        "LogGroupName": "/vpc/flow-logs",
        "VpcId": "vpc-0c",
    }
    assert told.count("This cannot be listed (not permitted to you: AccessDenied): type it by hand.") == 4


def test_a_value_that_the_template_refuses_is_asked_again_with_the_reason(template: dict[str, Any]) -> None:
    given, told = hold(template, LISTED["NEW"], "", "nobody", "someone@example.org", "7", "/flowlogs/x", "1")
    assert given == {"AdminEmail": "someone@example.org", **ADMINISTRATOR, "LogGroupName": "/vpc/flow-logs"}
    assert "AdminEmail is needed: an e-mail address" in told
    assert "AdminEmail does not take 'nobody': an e-mail address" in told
    assert "a number from 1 to 2" in told
    assert "LogGroupName does not take '/flowlogs/x'" in told


def test_the_name_of_a_domain_that_is_there_is_not_taken_twice(template: dict[str, Any]) -> None:
    account = FakeAccount(domains=[DOMAIN, INSIDE], collections=[])
    taken = [DOMAIN.__class__("flowlogs", "OpenSearch_3.5", "", "arn")]  # it is still being made
    account.domains = taken
    given, told = hold(template, "1", "someone@example.org", "flowlogs", "flowlogs-two", "1", account=account)
    assert given["DomainName"] == "flowlogs-two"
    assert "flowlogs is taken" in told


def test_the_end_of_the_input_ends_the_questions(template: dict[str, Any]) -> None:
    with pytest.raises(EOFError):
        hold(template, LISTED["NEW"])


def test_each_parameter_that_is_asked_for_is_one_of_the_template(template: dict[str, Any]) -> None:
    assert set(ASKED) <= read_parameters(template).keys()
