"""What can be known before anything is built: what would be refused when half of it is done."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from flowlogs.cluster.account import explain_class
from flowlogs.cluster.finding import Finding, ok, problem, skipped, unknown
from flowlogs.deploying.account import Account, RefusedError, Stack
from flowlogs.deploying.intrinsic import Scope, evaluate
from handler.checking.choices import split_list

GROUP: Final = "the log group can be subscribed"
FILTERS: Final = "the log group has room for a subscription filter"
POLICIES: Final = "CloudWatch Logs has room for a resource policy"
NAME: Final = "the domain's name is free"
DISK: Final = "the domain's nodes take that disk"
REACH: Final = "OpenSearch can be reached"
WAY: Final = "the functions reach S3 from their subnets"

DOMAIN: Final = "Domain"
"""The new domain's logical name in the template."""

POLICY: Final = "DomainLogsPolicy"
"""The same of the resource policy that lets it write its logs. AWS's name of it has the domain's in it."""

MOST_FILTERS: Final = 2
"""Subscription filters of a log group (CloudWatch Logs User Guide, "CloudWatch Logs quotas")."""

MOST_POLICIES: Final = 10
"""Resource policies of CloudWatch Logs in a Region; not adjustable (the same page)."""

_SOURCE: Final = "subscription"
"""What a stack has whose template did not know the parameter yet."""

_PRIVATE: Final = "vpc-"
"""How the host's name of a domain's endpoint inside a VPC begins."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be deployed.

    Attributes:
        stack: its name.
        there: the stack, where it is there already.
        template: with what it is made.
        values: of all parameters.
    """

    stack: str
    there: Stack | None
    template: Mapping[str, Any]
    values: Mapping[str, str]

    def count(self, kind: str) -> int:
        """Return how many resources of a type these values make, in the template itself."""
        return sum(each["Type"] == kind for _, each in Scope(self.template, self.values).resources())

    def has_disk(self) -> bool:
        """Tell whether the template gives the nodes of a new domain a disk."""
        scope = Scope(self.template, self.values)
        (domain,) = [
            each for _, each in scope.resources() if each["Type"] == "AWS::OpenSearchService::Domain"
        ]
        options = evaluate(domain["Properties"]["EBSOptions"], scope)
        return str(options["EBSEnabled"]).lower() == "true"

    def names(self, kind: str, attribute: str) -> set[str]:
        """Return the names that resources of a type have in this stack, also those that are not made now."""
        scope = Scope(self.template, {**self.values, "AWS::StackName": self.stack})
        resources = self.template["Resources"].values()
        return {
            str(evaluate(each["Properties"][attribute], scope)) for each in resources if each["Type"] == kind
        }


def examine(wanted: Wanted, account: Account, connect: Callable[[str], str]) -> Iterator[Finding]:
    """Look at one thing after the other.

    Args:
        wanted: what is to be deployed.
        account: where.
        connect: returns why an address does not answer; empty where it does.
    """
    group, makes_domain = wanted.values["LogGroupName"], not wanted.values["OpenSearchUrl"]
    subnets = split_list(wanted.values["FunctionSubnetIds"])
    looks: dict[str, Callable[[], Finding] | str] = {
        GROUP: (lambda: _look_at_class(account, group)) if group else "the stack makes one",
        FILTERS: (lambda: _look_at_filters(account, wanted)) if group else "the stack makes the log group",
        POLICIES: (lambda: _look_at_policies(account, wanted)) if makes_domain else "no domain is made",
        NAME: (lambda: _look_at_name(account, wanted)) if makes_domain else "no domain is made",
        DISK: (lambda: _look_at_disk(account, wanted)) if makes_domain else "no domain is made",
        REACH: "the stack makes the domain" if makes_domain else lambda: _look_at_reach(wanted, connect),
        WAY: (lambda: _look_at_way(account, subnets)) if subnets else "they run in no VPC",
    }
    for name, look in looks.items():
        if isinstance(look, str):
            yield skipped(name, look)
            continue
        try:
            yield look()
        except RefusedError as error:
            yield unknown(name, str(error))


def _look_at_class(account: Account, group: str) -> Finding:
    found = account.find_class(group)
    if found is None:
        return problem(GROUP, f"there is no log group {group} in this account and Region: check its name")
    if why := explain_class(group, found):
        return problem(GROUP, why)
    return ok(GROUP, f"{group}, class {found}" if found else group)


def _look_at_filters(account: Account, wanted: Wanted) -> Finding:
    group = wanted.values["LogGroupName"]
    found = account.list_filters(group)
    ours = wanted.names("AWS::Logs::SubscriptionFilter", "FilterName")
    others = [name for name, _ in found if name not in ours]
    named = ", ".join(others)
    if len(others) >= MOST_FILTERS:
        return problem(
            FILTERS,
            f"{group} has {len(others)} already, and takes {MOST_FILTERS}: remove one ({named}: "
            "aws logs delete-subscription-filter), or read that group by a stream that others share",
        )
    changes = (
        wanted.there is not None and wanted.there.parameters.get("Source", _SOURCE) != wanted.values["Source"]
    )
    if others and changes:
        return problem(
            FILTERS,
            f"a change of Source needs both places of {group} for a while; {named} has one: remove it first",
        )
    return ok(FILTERS, f"{group}, beside {named}" if others else group)


def _look_at_policies(account: Account, wanted: Wanted) -> Finding:
    domain = wanted.values["DomainName"]
    found = account.list_resource_policies()
    own = account.find_resource(wanted.stack, POLICY) if wanted.there else None
    # That of another domain stays with it; only what begins so is still this one's.
    others = [name for name in found if name != own or not name.startswith(f"{wanted.stack}-{domain}-")]
    if len(others) + wanted.count("AWS::Logs::ResourcePolicy") > MOST_POLICIES:
        return problem(
            POLICIES,
            f"there are {len(found)} in this Region, and {MOST_POLICIES} are the most: remove one that "
            "nothing needs (aws logs describe-resource-policies shows them)",
        )
    return ok(POLICIES, f"{len(found)} of {MOST_POLICIES} are there")


def _look_at_name(account: Account, wanted: Wanted) -> Finding:
    name = wanted.values["DomainName"]
    there = {each.name for each in account.list_domains()}
    # The stack's parameters do not tell it: one that was imported has none.
    if name in there and (wanted.there is None or account.find_resource(wanted.stack, DOMAIN) != name):
        return problem(
            NAME,
            f"there is a domain {name} already, perhaps of a stack that was deleted: give another "
            "DomainName, or OpenSearchUrl and OpenSearchArn of that one",
        )
    return ok(NAME, name)


def _look_at_disk(account: Account, wanted: Wanted) -> Finding:
    kind, size = wanted.values["InstanceType"], int(wanted.values["VolumeSize"])
    limits = account.list_storage(kind, wanted.values["EngineVersion"])
    if not wanted.has_disk():
        return ok(DISK, f"{kind} has disks of its own")
    if limits is None:
        return problem(DISK, f"{kind} takes no disk (gp3): give another InstanceType")
    low, high = limits
    if not low <= size <= high:
        return problem(
            DISK, f"{kind} takes {low} to {high} GiB, not {size}: change VolumeSize or InstanceType"
        )
    return ok(DISK, f"{kind}, {size} of at most {high} GiB")


def _look_at_reach(wanted: Wanted, connect: Callable[[str], str]) -> Finding:
    url = wanted.values["OpenSearchUrl"]
    why = connect(url)
    if not why:
        return ok(REACH, url)
    if url.removeprefix("https://").startswith(_PRIVATE) or wanted.values["FunctionVpc"] != "none":
        return unknown(
            REACH, f"{url} does not answer here ({why}); whether it does in the functions' VPC is not known"
        )
    return problem(REACH, f"{url} does not answer: {why}")


def _look_at_way(account: Account, subnets: list[str]) -> Finding:
    ways = {each: account.find_way_to_s3(each) for each in subnets}
    if cut_off := [subnet for subnet, way in ways.items() if not way]:
        return problem(
            WAY,
            f"{', '.join(cut_off)} has no way to S3, which takes what fails and the setup's answer: make a "
            "gateway endpoint of S3 for its route table (it is free), or a route to a NAT gateway",
        )
    return ok(WAY, ", ".join(f"{subnet} by {way}" for subnet, way in ways.items()))
