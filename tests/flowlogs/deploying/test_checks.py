"""What would be refused halfway through a deployment is found before anything is built."""

from typing import Any

import pytest

from flowlogs.cluster.finding import State
from flowlogs.deploying import checks
from flowlogs.deploying.account import Stack
from flowlogs.deploying.checks import Wanted, examine
from flowlogs.deploying.template import load_template, read_parameters
from support.deploying import DOMAIN, FakeAccount

EXISTING = {"OpenSearchUrl": DOMAIN.url, "OpenSearchArn": DOMAIN.arn, "LogGroupName": "/vpc/flow-logs"}
NEW = {"AdminEmail": "someone@example.org", "LogGroupName": "/vpc/flow-logs"}


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    return load_template()


def look(
    template: dict[str, Any],
    given: dict[str, str],
    account: FakeAccount,
    *,
    there: Stack | None = None,
    silence: str = "",
) -> dict[str, tuple[str, str]]:
    defaults = {name: each.default or "" for name, each in read_parameters(template).items()}
    wanted = Wanted("flowlogs", there, template, {**defaults, **given})
    return {each.name: (each.state.value, each.text) for each in examine(wanted, account, lambda _: silence)}


def test_an_existing_domain_and_a_log_group_that_fit(template: dict[str, Any]) -> None:
    assert look(template, EXISTING, FakeAccount()) == {
        checks.GROUP: ("ok", "/vpc/flow-logs, class STANDARD"),
        checks.FILTERS: ("ok", "/vpc/flow-logs"),
        checks.POLICIES: ("skipped", "no domain is made"),
        checks.NAME: ("skipped", "no domain is made"),
        checks.DISK: ("skipped", "no domain is made"),
        checks.REACH: ("ok", DOMAIN.url),
        checks.WAY: ("skipped", "they run in no VPC"),
    }


def test_a_new_domain_that_fits(template: dict[str, Any]) -> None:
    assert look(template, NEW | {"LogGroupName": ""}, FakeAccount(policies=["a", "b"])) == {
        checks.GROUP: ("skipped", "the stack makes one"),
        checks.FILTERS: ("skipped", "the stack makes the log group"),
        checks.POLICIES: ("ok", "2 of 10 are there"),
        checks.NAME: ("ok", "flowlogs"),
        checks.DISK: ("ok", "t3.medium.search, 20 of at most 200 GiB"),
        checks.REACH: ("skipped", "the stack makes the domain"),
        checks.WAY: ("skipped", "they run in no VPC"),
    }


def test_functions_in_a_vpc_need_a_way_to_s3_from_each_of_their_subnets(template: dict[str, Any]) -> None:
    """Without it the setup cannot answer, and a deployment hangs until its time is over."""
    inside = EXISTING | {
        "FunctionVpc": "other",
        "FunctionSubnetIds": "subnet-1,subnet-2",
        "FunctionSecurityGroupIds": "sg-1",
    }
    accounts = (
        FakeAccount(ways={"subnet-2": "nat-0a"}),
        FakeAccount(ways={"subnet-2": ""}),
        FakeAccount(refused=frozenset({"find_way_to_s3"})),
    )
    (first, ways), (second, why), (third, _) = (look(template, inside, each)[checks.WAY] for each in accounts)
    assert (first, second, third) == ("ok", "problem", "unknown")
    assert ways == "subnet-1 by vpce-0a, subnet-2 by nat-0a"
    assert why.startswith("subnet-2 has no way to S3, which takes what fails and the setup's answer: make")


OTHERS = [("to-s3", "arn:aws:firehose:x"), ("security", "arn:aws:lambda:y")]


@pytest.mark.parametrize(
    ("name", "given", "account", "text"),
    [
        pytest.param(
            checks.GROUP, {}, {"log_class": None}, "there is no log group /vpc/flow-logs", id="no group"
        ),
        pytest.param(
            checks.GROUP,
            {},
            {"log_class": "INFREQUENT_ACCESS"},
            "takes no subscription filter",
            id="its class",
        ),
        pytest.param(checks.FILTERS, {}, {"filters": OTHERS}, "has 2 already, and takes 2", id="two filters"),
        pytest.param(
            checks.POLICIES,
            {},
            {"policies": [f"p{each}" for each in range(10)]},
            "there are 10",
            id="ten policies",
        ),
        pytest.param(
            checks.NAME, {"DomainName": "logs"}, {}, "there is a domain logs already", id="the domain's name"
        ),
        pytest.param(
            checks.DISK,
            {"VolumeSize": "500"},
            {},
            "takes 10 to 200 GiB, not 500",
            id="a disk that is too large",
        ),
        pytest.param(checks.DISK, {}, {"storage": None}, "takes no disk (gp3)", id="a type without a disk"),
    ],
)
def test_what_would_be_refused_later_is_a_problem_now(
    template: dict[str, Any], name: str, given: dict[str, str], account: dict[str, Any], text: str
) -> None:
    state, said = look(template, NEW | given, FakeAccount(**account))[name]
    assert state == "problem"
    assert text in said


def test_our_own_filter_policy_and_domain_do_not_stand_in_our_way(template: dict[str, Any]) -> None:
    there = Stack("UPDATE_COMPLETE", {**NEW, "DomainName": "logs", "Source": "subscription"})
    account = FakeAccount(
        resources={"Domain": "logs", "DomainLogsPolicy": "flowlogs-logs-0a1b2c3d"},
        filters=[OTHERS[0], ("flowlogs-forward", "arn:aws:lambda:z")],
        policies=[*(f"p{each}" for each in range(9)), "flowlogs-logs-0a1b2c3d"],
    )
    found = look(template, NEW | {"DomainName": "logs"}, account, there=there)
    assert {name: found[name][0] for name in (checks.FILTERS, checks.POLICIES, checks.NAME)} == {
        checks.FILTERS: "ok",
        checks.POLICIES: "ok",
        checks.NAME: "ok",
    }


@pytest.mark.parametrize("own", ["flowlogs-logs-0a1b2c3d", "flowlogs-domain", None])
def test_another_domain_needs_a_resource_policy_beside_that_of_the_first(
    template: dict[str, Any], own: str | None
) -> None:
    """The first domain stays, and its policy with it, also one with the name of an earlier version."""
    account = FakeAccount(
        resources={"Domain": "logs", **({"DomainLogsPolicy": own} if own else {})},
        policies=[*(f"p{each}" for each in range(9)), own or "p9"],
    )
    there = Stack("UPDATE_COMPLETE", {**NEW, "DomainName": "logs"})
    state, said = look(template, NEW | {"DomainName": "more"}, account, there=there)[checks.POLICIES]
    assert state == "problem"
    assert said.startswith("there are 10 in this Region, and 10 are the most: ")


def test_a_domain_that_was_imported_is_the_stacks_own_though_no_parameter_says_so(
    template: dict[str, Any],
) -> None:
    wanted = NEW | {"DomainName": "logs"}
    imported = Stack("IMPORT_COMPLETE")
    own, foreign = (FakeAccount(resources={"Domain": name}) for name in ("logs", "other"))
    denied = FakeAccount(refused=frozenset({"find_resource"}))
    told = [look(template, wanted, each, there=imported)[checks.NAME][0] for each in (own, foreign, denied)]
    assert told == ["ok", "problem", "unknown"]


def test_a_change_of_source_needs_both_places_of_the_log_group(template: dict[str, Any]) -> None:
    there = Stack("UPDATE_COMPLETE", {**EXISTING, "Source": "subscription"})
    account = FakeAccount(filters=[OTHERS[0], ("flowlogs-forward", "arn:aws:lambda:z")])
    state, text = look(template, EXISTING | {"Source": "stream"}, account, there=there)[checks.FILTERS]
    assert (state, "to-s3 has one" in text) == ("problem", True)


@pytest.mark.parametrize(
    ("url", "vpc", "state"),
    [
        pytest.param(DOMAIN.url, "none", State.PROBLEM, id="public"),
        pytest.param(
            "https://vpc-x.eu-central-1.es.amazonaws.com", "other", State.UNKNOWN, id="inside a VPC"
        ),
    ],
)
def test_a_cluster_that_does_not_answer(template: dict[str, Any], url: str, vpc: str, state: State) -> None:
    given = EXISTING | {"OpenSearchUrl": url, "FunctionVpc": vpc}
    found, text = look(template, given, FakeAccount(), silence="Connection refused")[checks.REACH]
    assert found == state.value
    assert "Connection refused" in text


def test_what_may_not_be_asked_is_not_known_and_says_so(template: dict[str, Any]) -> None:
    refused = frozenset(
        {"find_class", "list_filters", "list_resource_policies", "list_domains", "list_storage"}
    )
    found = look(template, NEW, FakeAccount(refused=refused))
    assert {said for _, said in found.values()} == {
        "not permitted to you: AccessDenied",
        "the stack makes the domain",
        "they run in no VPC",
    }
    assert [state for state, _ in found.values()] == ["unknown"] * 5 + ["skipped"] * 2
