"""What becomes of a living stack when a parameter is changed, as docs/deploy.md says it.

Each parameter is changed in a stack that has what it is about. What that does to the resources their schemas
tell, which cfn-lint brings: a property that can only be set when a resource is made makes another one.
"""

import itertools
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from handler.checking.account import find_changes
from handler.checking.keys import find_key_changes
from stack.resolved import REPLACING, resolve

Template = dict[str, Any]
Nested = dict[str, Template]

SCHEMAS = Path(__file__).parents[2] / ".venv-sam"
KEY = "arn:aws:kms:eu-central-1:012345678901:key/{}"
PRODUCTION = {
    "InstanceType": "r7g.large.search",
    "InstanceCount": "3",
    "DedicatedMasterType": "m7g.large.search",
}
NEW = {"AdminEmail": "first@example.com", "VpcId": "vpc-1", "EngineVersion": "3.3"}
WARM = {**NEW, **PRODUCTION, "WarmCount": "2", "WarmAfterDays": "7"}
INSIDE = {
    **NEW,
    "DomainVpcId": "vpc-1",
    "DomainSubnetIds": "subnet-1",
    "FunctionVpc": "other",
    "FunctionSubnetIds": "subnet-1",
}
EXISTING = {"OpenSearchUrl": "https://one", "OpenSearchArn": "arn:one", "VpcId": "vpc-1"}
IN_VPC = {
    **EXISTING,
    "FunctionVpc": "other",
    "FunctionSubnetIds": "subnet-1",
    "FunctionSecurityGroupIds": "sg-1",
}
BASIC = {**EXISTING, "OpenSearchSecretArn": "arn:secret"}
STREAM = {**EXISTING, "Source": "stream", "StreamShards": "1"}

CHANGES: dict[str, tuple[dict[str, str], str]] = {
    "Source": (EXISTING, "stream"),
    "LogGroupName": (EXISTING, "flows"),
    "FilterPattern": (EXISTING, "REJECT"),
    "VpcId": (EXISTING, "vpc-2"),
    "SubnetId": ({**EXISTING, "VpcId": "", "SubnetId": "subnet-1"}, "subnet-2"),
    "NetworkInterfaceId": ({**EXISTING, "VpcId": "", "NetworkInterfaceId": "eni-1"}, "eni-2"),
    "TrafficType": (EXISTING, "REJECT"),
    "AggregationSeconds": (EXISTING, "60"),
    "LogFormat": (EXISTING, "${srcaddr} ${dstaddr}"),
    "FurtherLogFormats": (EXISTING, "${srcaddr} ${dstaddr}"),
    "InstanceTagKeys": ({**EXISTING, "InstanceTagKeys": "Name"}, "Team"),
    "InterfaceTagKeys": ({**EXISTING, "InterfaceTagKeys": "Name"}, "Team"),
    "GroupTagKeys": ({**EXISTING, "GroupTagKeys": "Name"}, "Team"),
    "StreamShards": (STREAM, "2"),
    "StreamHours": (STREAM, "48"),
    "StreamParallelization": (STREAM, "2"),
    "SenderAccounts": ({**STREAM, "SenderAccounts": "123456789012"}, "210987654321"),
    "OrganizationId": ({**STREAM, "OrganizationId": "o-abcdefghij"}, "o-bcdefghijk"),
    "OpenSearchUrl": (EXISTING, "https://two"),
    "OpenSearchArn": (EXISTING, "arn:two"),
    "OpenSearchService": (EXISTING, "aoss"),
    "OpenSearchAuth": (BASIC, "basic"),
    "OpenSearchSecretArn": (BASIC, "arn:other"),
    "AdminEmail": (NEW, "second@example.com"),
    "SetupSecretArn": (EXISTING, "arn:aws:secretsmanager:us-east-1:000000000000:secret:setup"),
    "SecretKmsKeyArn": ({**BASIC, "SecretKmsKeyArn": KEY.format("one")}, KEY.format("two")),
    "AdminPrincipalArn": (NEW, "arn:aws:iam::012345678901:role/operator"),
    "ReaderEmail": ({**NEW, "ReaderEmail": "third@example.com"}, "fourth@example.com"),
    "DashboardsMfa": (NEW, "ON"),
    "DomainName": (NEW, "other"),
    "EngineVersion": (NEW, "3.5"),
    "InstanceType": (NEW, "r7g.large.search"),
    "InstanceCount": (NEW, "2"),
    "DomainZones": ({**NEW, "InstanceCount": "4"}, "2"),
    "VolumeSize": (NEW, "50"),
    "DedicatedMasterType": (NEW, "m7g.large.search"),
    "WarmCount": (WARM, "3"),
    "WarmType": (WARM, "ultrawarm1.large.search"),
    "DomainKmsKeyArn": (NEW, KEY.format("other")),
    "AuditLogs": (NEW, "true"),
    "DomainVpcId": (INSIDE, "vpc-2"),
    "DomainSubnetIds": (INSIDE, "subnet-2"),
    "DomainClientCidr": (INSIDE, "10.0.0.0/8"),
    "IndexPrefix": (EXISTING, "other"),
    "KeepMessage": (EXISTING, "unparsed"),
    "MaxBulkBytes": (EXISTING, "1048576"),
    "RetentionDays": (EXISTING, "7"),
    "WarmAfterDays": (WARM, "14"),
    "IndexShards": (EXISTING, "2"),
    "IndexReplicas": (EXISTING, "0"),
    "ReplayMinutes": (EXISTING, "10"),
    "FailureDays": (EXISTING, "60"),
    "Architecture": (EXISTING, "x86_64"),
    "MemorySize": (EXISTING, "512"),
    "ReplayMemorySize": (EXISTING, "512"),
    "Timeout": (EXISTING, "90"),
    "ReservedConcurrency": (EXISTING, "5"),
    "LogLevel": (EXISTING, "DEBUG"),
    "LogRetentionDays": (EXISTING, "60"),
    "KmsKeyArn": ({**NEW, "KmsKeyArn": KEY.format("one")}, KEY.format("two")),
    "FurtherKmsKeyArns": ({**EXISTING, "KmsKeyArn": KEY.format("one")}, KEY.format("two")),
    "PermissionsBoundaryArn": (NEW, "arn:aws:iam::012345678901:policy/boundary"),
    "FunctionVpc": (IN_VPC, "watched"),
    "FunctionSubnetIds": (IN_VPC, "subnet-2"),
    "FunctionSecurityGroupIds": (IN_VPC, "sg-2"),
    "SetupRun": (EXISTING, "1"),
    "AlarmEmail": ({**EXISTING, "AlarmEmail": "first@example.com"}, "second@example.com"),
    "AlarmTopicArn": ({**EXISTING, "AlarmTopicArn": "arn:aws:sns:r:012345678901:one"}, "arn:two"),
    "OldestPendingSeconds": (EXISTING, "7200"),
}
"""For each parameter: a stack that has what it is about, and another value."""


@cache
def find_schemas() -> tuple[Path, dict[str, str]]:
    """Return the folder of cfn-lint's schemas, and their names by the types of resources."""
    (folder,) = SCHEMAS.glob("lib/python*/site-packages/cfnlint/data/schemas")
    return folder, json.loads((folder / "providers" / "us-east-1.json").read_text())


@cache
def find_fixed(kind: str) -> frozenset[str]:
    """Return the properties of a type that can only be set when a resource is made, as paths with dots."""
    folder, names = find_schemas()
    if kind not in names:  # CloudFormation's own: custom resources, nested stacks
        return frozenset()
    schema = json.loads((folder / "resources" / f"{names[kind]}.json").read_text())
    paths = [path for each in REPLACING for path in schema.get(each, [])]
    return frozenset(path.removeprefix("/properties/").replace("/", ".") for path in paths)


def pick(properties: Template, path: str) -> Any:  # as resolved
    found: Any = properties
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found


def describe(before: Template, after: Template) -> str:
    """Return what becomes of the resources, in the words of the table."""
    both = before.keys() & after.keys()
    anew = [
        name
        for name in both
        for path in find_fixed(before[name]["Type"])
        if pick(before[name]["Properties"], path) != pick(after[name]["Properties"], path)
    ]
    check = [each["Check"]["Properties"] for each in (after, before)]
    if "Domain" in both and list(find_changes(as_told(before["Domain"]["Properties"], check[1]), *check)):
        return "refused"
    if list(find_key_changes(*check)):
        return "refused"
    if [name for name in anew if "DeletionPolicy" in after[name]]:
        return "another; the old stays"
    if anew:
        return "made anew"
    if before.keys() != after.keys():
        return "comes or goes"
    return "in place" if before != after else "nothing"


def as_told(domain: Template, asked: Template) -> Template:
    """Return the status of a domain, as AWS tells it."""
    version = domain["EngineVersion"].replace("${EngineVersion}", asked["EngineVersion"])
    network = {"VPCOptions": {"VPCId": asked["DomainVpcId"]}} if asked["DomainVpcId"] else {}
    return {**domain, "EngineVersion": version, **network}


@pytest.fixture(scope="session")
def table(project: Path) -> dict[str, str]:
    """Return what the page says of each parameter."""
    text = (project / "docs" / "deploy.md").read_text(encoding="utf-8")
    section = text.partition("## When it is changed")[2].partition("\n## ")[0]
    return dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \| [^|]+ \|$", section, re.MULTILINE))


def test_every_parameter_has_its_row(template: Template, table: dict[str, str]) -> None:
    assert sorted(CHANGES) == sorted(template["Parameters"])
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert list(table) == [name for group in groups for name in group["Parameters"]]


@pytest.mark.parametrize("parameter", CHANGES)
def test_a_change_does_what_the_page_says(
    expanded: Template, nested: Nested, table: dict[str, str], parameter: str
) -> None:
    given, changed = CHANGES[parameter]
    before, after = (resolve(expanded, nested, each) for each in (given, {**given, parameter: changed}))
    assert table.get(parameter) == describe(before, after)


def test_another_run_of_the_setup_changes_nothing_but_the_setup(expanded: Template, nested: Nested) -> None:
    before, after = (resolve(expanded, nested, {**NEW, "SetupRun": each}) for each in ("0", "1"))
    assert [name for name in after if before[name] != after[name]] == ["Setup"]


def test_a_lower_version_is_refused(expanded: Template, nested: Nested) -> None:
    before, after = (resolve(expanded, nested, {**NEW, "EngineVersion": each}) for each in ("3.3", "3.1"))
    assert describe(before, after) == "refused"


def test_a_public_domain_does_not_move_into_a_vpc_nor_back(expanded: Template, nested: Nested) -> None:
    outside, inside = (resolve(expanded, nested, each) for each in (NEW, INSIDE))
    assert [describe(outside, inside), describe(inside, outside)] == ["refused", "refused"]


ONE, TWO = KEY.format("one"), KEY.format("two")


@pytest.mark.parametrize(
    ("stack", "steps"),
    [
        pytest.param(
            {**NEW, "KmsKeyArn": ONE},
            [
                {"KmsKeyArn": ONE, "DomainKmsKeyArn": ONE, "FurtherKmsKeyArns": TWO},
                {"KmsKeyArn": TWO, "DomainKmsKeyArn": ONE, "FurtherKmsKeyArns": ONE},
                {"KmsKeyArn": TWO, "DomainKmsKeyArn": ONE},
            ],
            id="of all but the domain",
        ),
        pytest.param(
            {**STREAM, "KmsKeyArn": ONE},
            [
                {"KmsKeyArn": ONE, "FurtherKmsKeyArns": TWO},
                {"KmsKeyArn": TWO, "FurtherKmsKeyArns": ONE},
                {"KmsKeyArn": TWO},
            ],
            id="of a stack with a stream",
        ),
        pytest.param(
            {**STREAM, "KmsKeyArn": ONE}, [{"FurtherKmsKeyArns": ONE}], id="to AWS's own, with a former key"
        ),
    ],
)
def test_the_key_changes_in_the_steps_that_the_page_says(
    expanded: Template, nested: Nested, stack: dict[str, str], steps: list[dict[str, str]]
) -> None:
    rest = {name: value for name, value in stack.items() if name != "KmsKeyArn"}
    states = [resolve(expanded, nested, each) for each in (stack, *(rest | step for step in steps))]
    told = [describe(before, after) for before, after in itertools.pairwise(states)]
    assert told == ["in place"] * len(steps)


def test_a_first_key_is_permitted_before_anything_has_it(expanded: Template, nested: Nested) -> None:
    without, permitted, used = (
        resolve(expanded, nested, STREAM | each)
        for each in ({}, {"FurtherKmsKeyArns": ONE}, {"KmsKeyArn": ONE})
    )
    assert describe(without, used) == "refused"
    assert [describe(without, permitted), describe(permitted, used)] == ["comes or goes", "in place"]


@pytest.mark.parametrize(
    ("given", "changed"),
    [
        pytest.param(NEW, {"OpenSearchUrl": "https://x", "AdminEmail": ""}, id="the domain is left"),
        pytest.param(EXISTING, {"LogGroupName": "flows"}, id="the log group is left"),
        pytest.param(STREAM, {"Source": "subscription"}, id="the stream is left"),
    ],
)
def test_what_holds_data_stays_when_a_parameter_leaves_it(
    expanded: Template, nested: Nested, given: dict[str, str], changed: dict[str, str]
) -> None:
    before, after = (resolve(expanded, nested, each) for each in (given, given | changed))
    left = {name: before[name] for name in before.keys() - after.keys() if "." not in name}
    holders = {"Domain", "People", "DomainLogs", "DomainAudit", "DomainLogsPolicy", "FlowLogs", "Stream"}
    kept = {name for name, each in left.items() if each.get("DeletionPolicy") == "RetainExceptOnCreate"}
    assert kept == left.keys() & holders != set()
