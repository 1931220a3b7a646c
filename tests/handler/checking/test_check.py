"""The check answers before anything else is changed: what stands in the way, or that nothing does."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from handler import check
from handler.checking.account import Account, find_changes
from support.cloudformation import STACK, CloudFormation, context

KEY = "arn:aws:kms:eu-central-1:123456789012:key/mine"
OTHER = "arn:aws:kms:eu-central-1:123456789012:key/other"
STATUS = {"EngineVersion": "OpenSearch_3.3", "EncryptionAtRestOptions": {"Enabled": True, "KmsKeyId": KEY}}
WANTED = {"DomainName": "flowlogs", "EngineVersion": "3.3"}
KEPT = "A domain keeps the key that it was made with. Set DomainKmsKeyArn to {}; for another key make a"
GROUP = {"LogGroupName": "flows", "FilterName": "x-forward"}


def fail(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "Describe")


@dataclass
class Services:
    """What an account has, told as AWS's services tell it.

    Attributes:
        refused: how many calls are refused before one is answered.
    """

    domains: dict[str, dict[str, Any]] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    filters: list[str] = field(default_factory=list)
    own_domain: str = ""
    keys: dict[str, str] = field(default_factory=lambda: {KEY: "CUSTOMER"})
    state: str = "UPDATE_IN_PROGRESS"
    service_role: bool = True
    refused: int = 0

    def connect(self, _service: str) -> "Services":
        if self.refused:
            self.refused -= 1
            return Refusing()
        return self

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:
        return {"Stacks": [{"StackId": StackName, "StackStatus": self.state}]}

    def describe_stack_resource(self, *, StackName: str, LogicalResourceId: str) -> dict[str, Any]:
        assert (StackName, LogicalResourceId) == (STACK, "Domain")
        if not self.own_domain:
            raise fail("ValidationError")
        return {"StackResourceDetail": {"PhysicalResourceId": self.own_domain}}

    def describe_domain(self, *, DomainName: str) -> dict[str, Any]:
        if DomainName not in self.domains:
            raise fail("ResourceNotFoundException")
        return {"DomainStatus": self.domains[DomainName]}

    def describe_key(self, *, KeyId: str) -> dict[str, Any]:
        if KeyId not in self.keys:
            raise fail("NotFoundException")
        return {"KeyMetadata": {"Arn": KeyId, "KeyManager": self.keys[KeyId]}}

    def get_role(self, *, RoleName: str) -> dict[str, Any]:
        if not self.service_role:
            raise fail("NoSuchEntity")
        return {"Role": {"RoleName": RoleName}}

    def describe_log_groups(self, *, logGroupNamePrefix: str) -> dict[str, Any]:
        found = {name: kind for name, kind in self.groups.items() if name.startswith(logGroupNamePrefix)}
        return {"logGroups": [{"logGroupName": name, "logGroupClass": kind} for name, kind in found.items()]}

    def describe_subscription_filters(self, *, logGroupName: str) -> dict[str, Any]:
        assert logGroupName in self.groups
        return {"subscriptionFilters": [{"filterName": name} for name in self.filters]}


class Refusing(Services):
    """Refuses whatever is asked."""

    def __getattribute__(self, name: str) -> Any:  # a method of any service
        if name.startswith("__"):
            return super().__getattribute__(name)

        def refuse(**_asked: str) -> None:
            raise fail("AccessDenied")

        return refuse


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Services:
    """Return an account that is ready for the stack, which the function asks."""
    ready = Services(groups={"flows": "STANDARD", "flows-of-others": "DELIVERY"})
    asking = partial(Account, connect=ready.connect, patience=0.0, pause=0.001)
    monkeypatch.setattr(check, "Account", asking)
    return ready


@pytest.fixture
def send(services: Services) -> Iterator[Callable[..., tuple[str, str]]]:
    """Return a function that sends a request, and returns status and reason of the answer."""
    with CloudFormation() as stack:

        def send_request(kind: str, before: dict[str, str] | None = None, /, **asked: str) -> tuple[str, str]:
            event = stack.event(kind, **asked)
            check.lambda_handler(event | {"OldResourceProperties": before or {}}, context(60))
            answer = stack.answers[-1].body
            return answer["Status"], answer["Reason"]

        yield send_request


Send = Callable[..., tuple[str, str]]


def test_an_account_that_is_ready_is_said_to_be(send: Send) -> None:
    assert send("Create", **WANTED, **GROUP) == ("SUCCESS", "nothing stands in the way")


def test_a_deleted_stack_is_asked_nothing(send: Send) -> None:
    assert send("Delete", LogGroupName="none")[0] == "SUCCESS"


def test_all_obstacles_are_said_at_once(send: Send) -> None:
    status, reason = send("Create", LogGroupName="none", LogFormat="${asg-tag}")
    assert status == "FAILED"
    assert reason == (
        "LogFormat has ${asg-tag}, which shows a tag: name its key in GroupTagKeys. "
        "There is no log group none in this Region. Leave LogGroupName empty to make one."
    )


@pytest.mark.parametrize("state", ["UPDATE_ROLLBACK_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"])
def test_on_the_way_back_nothing_is_refused(send: Send, services: Services, state: str) -> None:
    """A refusal there would leave the stack in UPDATE_ROLLBACK_FAILED."""
    services.state = state
    assert send("Update", LogGroupName="none") == ("SUCCESS", "nothing stands in the way")


def test_where_it_is_not_told_whether_a_stack_goes_back_no_update_is_refused(
    send: Send, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The way back of a change of the key looks like one more change of it, and would be refused, too."""
    monkeypatch.setattr(services, "describe_stacks", Refusing().describe_stacks)
    former, refused = {"KmsKeyArn": KEY}, {"KmsKeyArn": OTHER}
    told = (
        "not checked: the state of the stack (AccessDenied); this may be the way back of an update, which is"
        " never refused, or it would have been: KmsKeyArn changes in two updates, because "
    )
    status, reason = send("Update", refused, **former)
    assert (status, reason[: len(told)]) == ("SUCCESS", told)
    assert send("Create", LogGroupName="none")[0] == "FAILED", "it goes back by a deletion"
    assert send("Update", former, **former) == ("SUCCESS", "nothing stands in the way")


def test_a_fault_of_the_check_stops_no_stack(send: Send) -> None:
    assert send("Create", DomainName="x", InstanceCount="many") == (
        "SUCCESS",
        "not checked: the check failed, see the functions' log",
    )


def test_a_domain_of_that_name_which_is_not_the_stacks_is_told(send: Send, services: Services) -> None:
    services.domains["flowlogs"] = STATUS
    status, reason = send("Create", **WANTED)
    assert status == "FAILED"
    assert reason.startswith("A domain flowlogs is there already. Give another DomainName, or its endpoint")


def test_the_stacks_own_domain_is_no_obstacle_also_where_the_check_is_new(
    send: Send, services: Services
) -> None:
    """A stack of an earlier version makes the check when it is updated."""
    services.domains["flowlogs"], services.own_domain = STATUS, "flowlogs"
    assert send("Create", **WANTED, DomainKmsKeyArn=KEY)[0] == "SUCCESS"


def test_a_key_that_is_changed_on_a_living_domain_is_refused(send: Send, services: Services) -> None:
    services.domains["flowlogs"], services.own_domain = STATUS, "flowlogs"
    before = {**WANTED, "DomainKmsKeyArn": KEY}
    status, reason = send("Update", before, **WANTED, DomainKmsKeyArn=OTHER)
    assert (status, reason[: len(KEPT.format(KEY))]) == ("FAILED", KEPT.format(KEY))


@pytest.mark.parametrize(
    ("keys", "wanted", "kept"),
    [
        pytest.param({KEY: "CUSTOMER"}, "", KEY, id="a key of the account's own is taken away"),
        pytest.param({KEY: "CUSTOMER"}, OTHER, KEY, id="and replaced"),
        pytest.param({KEY: "CUSTOMER"}, KEY, "", id="and kept"),
        pytest.param({KEY: "AWS"}, "", "", id="AWS's own, as ever"),
        pytest.param({KEY: "AWS"}, OTHER, "aws", id="AWS's own is replaced"),
        pytest.param({}, "", "", id="a key that is gone"),
    ],
)
def test_a_first_check_asks_whose_key_the_domain_has(
    send: Send, services: Services, keys: dict[str, str], wanted: str, kept: str
) -> None:
    """It is not told what was before, and CloudFormation would go on to replace the domain."""
    services.domains["flowlogs"], services.own_domain, services.keys = STATUS, "flowlogs", keys
    status, reason = send("Create", **WANTED, DomainKmsKeyArn=wanted)
    assert status == ("FAILED" if kept else "SUCCESS")
    assert reason.startswith(KEPT.format(kept) if kept else "nothing stands in the way")


def test_a_key_that_the_roles_may_not_use_yet_is_refused_but_not_on_the_way_back(
    send: Send, services: Services
) -> None:
    status, reason = send("Update", {"KmsKeyArn": KEY}, KmsKeyArn=OTHER, FurtherKmsKeyArns=KEY)
    assert (status, reason[:33]) == ("FAILED", "KmsKeyArn changes in two updates,")
    assert reason.endswith(f" Then set KmsKeyArn to {OTHER}, and FurtherKmsKeyArns to {KEY}.")
    before = {"KmsKeyArn": KEY, "FurtherKmsKeyArns": OTHER}
    assert send("Update", before, KmsKeyArn=OTHER, FurtherKmsKeyArns=KEY)[0] == "SUCCESS"
    services.state = "UPDATE_ROLLBACK_IN_PROGRESS"
    assert send("Update", {"KmsKeyArn": OTHER}, KmsKeyArn=KEY)[0] == "SUCCESS"


@pytest.mark.parametrize("there", [True, False])
def test_a_domain_in_a_vpc_needs_a_role_of_the_account(
    send: Send, services: Services, *, there: bool
) -> None:
    services.service_role = there
    status, reason = send("Create", **WANTED, DomainVpcId="vpc-1", DomainSubnetIds="subnet-1")
    command = "aws iam create-service-linked-role --aws-service-name opensearchservice.amazonaws.com"
    assert (status, reason.endswith(command)) == (("SUCCESS", False) if there else ("FAILED", True))


@pytest.mark.parametrize(
    ("names", "refused"),
    [
        pytest.param([], False, id="the place is free"),
        pytest.param(["a"], False, id="one other"),
        pytest.param(["a", "x-forward"], False, id="ours is there"),
        pytest.param(["a", "b"], True, id="two others"),
        pytest.param(["a", "x-stream"], True, id="ours for another source, and another"),
    ],
)
def test_a_log_group_that_takes_no_more_filters_is_told(
    send: Send, services: Services, names: list[str], *, refused: bool
) -> None:
    services.filters = names
    status, reason = send("Create", **GROUP)
    assert status == ("FAILED" if refused else "SUCCESS")
    assert not refused or f"has 2 subscription filters ({', '.join(names)}), and can have no more" in reason


def test_a_log_group_of_another_class_is_told(send: Send, services: Services) -> None:
    services.groups["flows"] = "INFREQUENT_ACCESS"
    assert send("Create", **GROUP) == (
        "FAILED",
        "The log group flows is of the class INFREQUENT_ACCESS, which takes no subscription filter.",
    )


def test_what_may_not_be_asked_is_said_and_stops_nothing(send: Send, services: Services) -> None:
    services.refused = 2
    assert send("Create", **WANTED, **GROUP) == (
        "SUCCESS",
        "nothing stands in the way; not checked: the domain (AccessDenied), the log group (AccessDenied)",
    )


def test_a_domain_that_nobody_tells_the_owner_of_is_not_taken_for_anothers(
    send: Send, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another name, as it is advised for another's domain, would leave the stack's own behind."""
    services.domains["flowlogs"], services.own_domain = STATUS, "flowlogs"
    monkeypatch.setattr(services, "describe_stack_resource", Refusing().describe_stack_resource)
    assert send("Update", WANTED, **WANTED) == (
        "SUCCESS",
        "nothing stands in the way; not checked: the stack's own domain (AccessDenied)",
    )


def test_a_role_that_is_not_known_everywhere_yet_is_waited_for() -> None:
    services = Services()
    calls = iter([Refusing(), Refusing(), services])

    class Late:
        """Refuses twice, then answers."""

        def describe_log_groups(self, **asked: str) -> dict[str, Any]:
            return next(calls).describe_log_groups(**asked)

    account = Account(STACK, connect=lambda _: Late(), patience=60.0, pause=0.001)
    (told,) = account.find_obstacles({"LogGroupName": "none"}, {})
    assert told.startswith("There is no log group none")
    assert account.unknown == []


@pytest.mark.parametrize(
    ("wanted", "before", "sentence"),
    [
        pytest.param({"DomainKmsKeyArn": KEY}, {"DomainKmsKeyArn": KEY}, "", id="the same key"),
        pytest.param({"DomainKmsKeyArn": KEY}, {}, "", id="the same key, the check is new"),
        pytest.param({}, {}, "", id="never a key of its own"),
        pytest.param({}, {"DomainKmsKeyArn": OTHER}, "", id="back from a key that it never had"),
        pytest.param({}, {"DomainKmsKeyArn": KEY}, KEPT.format(KEY), id="the key is taken away"),
        pytest.param(
            {"DomainKmsKeyArn": OTHER}, {"DomainKmsKeyArn": KEY}, KEPT.format(KEY), id="another key"
        ),
        pytest.param({"DomainKmsKeyArn": OTHER}, {}, KEPT.format("aws"), id="a key that is added"),
        pytest.param(
            {"DomainKmsKeyArn": KEY, "DomainVpcId": "vpc-1"},
            {},
            "The domain lies in no VPC and stays",
            id="VPC",
        ),
        pytest.param({"DomainKmsKeyArn": KEY, "EngineVersion": "3.5"}, {}, "", id="a higher version"),
        pytest.param(
            {"DomainKmsKeyArn": KEY, "EngineVersion": "2.19"},
            {"EngineVersion": "3.3"},
            "The domain runs version 3.3, and goes to no lower one: leave EngineVersion at 3.3.",
            id="a lower version",
        ),
        pytest.param(
            {"DomainKmsKeyArn": KEY, "EngineVersion": "3.1"},
            {"EngineVersion": "2.19"},
            "The domain runs version 3.3, and goes to no lower one: leave EngineVersion at 2.19.",
            id="a version that was passed by hand",
        ),
        pytest.param(
            {"DomainKmsKeyArn": KEY, "EngineVersion": "3.1"},
            {"EngineVersion": "3.1"},
            "",
            id="upgraded by hand, and nobody asks for another version",
        ),
        pytest.param(
            {"DomainKmsKeyArn": KEY, "EngineVersion": "3.1"}, {}, "", id="upgraded by hand, at a first check"
        ),
    ],
)
def test_what_a_living_domain_cannot_become_is_told(
    wanted: dict[str, str], before: dict[str, str], sentence: str
) -> None:
    found = list(find_changes(STATUS, {"EngineVersion": "3.3", **wanted}, before))
    assert len(found) == bool(sentence)
    assert "".join(found).startswith(sentence)


@pytest.mark.parametrize(
    ("runs", "before", "wanted", "refused"),
    [
        pytest.param("or1", "or1", "r7g", True, id="back from OR1"),
        pytest.param("om2", "om2", "i8g", True, id="back from OM2"),
        pytest.param("or1", "or1", "or2", False, id="to another of them"),
        pytest.param("r7g", "r7g", "or1", False, id="there"),
        pytest.param("or1", "r7g", "r7g", False, id="changed by hand, and nobody asks for another type"),
        pytest.param("or1", "", "r7g", False, id="at a first check"),
    ],
)
def test_from_optimized_nodes_no_way_leads_back(
    runs: str, before: str, wanted: str, *, refused: bool
) -> None:
    domain = {**STATUS, "ClusterConfig": {"InstanceType": f"{runs}.large.search"}}
    choices = {"EngineVersion": "3.3", "DomainKmsKeyArn": KEY, "InstanceType": f"{wanted}.large.search"}
    had = {"InstanceType": f"{before}.large.search"} if before else {}
    sentences = list(find_changes(domain, choices, had))
    told = (
        f"The domain has nodes of type {runs}.large.search, and from OpenSearch optimized ones no way leads"
    )
    assert [each[: len(told)] for each in sentences] == [told] * refused


def test_a_domain_does_not_leave_its_vpc() -> None:
    inside = {**STATUS, "VPCOptions": {"VPCId": "vpc-1"}}
    (told,) = find_changes(inside, {"EngineVersion": "3.3", "DomainKmsKeyArn": KEY}, {})
    assert told.startswith("The domain lies in vpc-1 and stays there: DomainVpcId must be vpc-1")
