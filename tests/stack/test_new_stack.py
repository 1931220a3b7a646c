"""A stack that makes its domain, in the emulator with IAM enforced: made, tagged, refused, deleted.

The tests are one story, told in the order of the file. What the emulator lacks: a domain is there at once and
adds itself to no pool, which the test does in its place. EventBridge is told of no resource, so the test does
that, too. Nodes, zones, volumes, keys, networks and users are recorded and make nothing. AWS refuses nothing
of a domain. The domain's endpoint leads to a real OpenSearch without security.
"""

import json
import re
import ssl
from collections.abc import Iterator
from typing import Any

import pytest

from flowlogs.local.embedded import Embedded
from stack.emulated import ACCOUNT, REGION, Aws, emulate, wait_for
from support.front import Dashboards, Front

STACK = "flowlogs"
OPERATOR = f"arn:aws:iam::{ACCOUNT}:role/operator"
BOUNDARY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}

pytestmark = [pytest.mark.dear(6), pytest.mark.long]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    with Embedded(tmp_path_factory.mktemp("opensearch")) as started:
        yield started


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory, node: Embedded) -> Iterator[Aws]:
    """Give the emulator, whose domains lead to the node, by a front that has TLS and Dashboards."""
    with Front(node, Dashboards()) as front:
        port = front._server.server_address[1]
        endpoint = f"127.0.0.1:{port}"
        with emulate(tmp_path_factory.mktemp("aws"), MINISTACK_OPENSEARCH_ENDPOINT=endpoint) as running:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(running.certificate, running.certificate.with_name("server.key"))
            front._server.socket = tls.wrap_socket(front._server.socket, server_side=True)
            yield running


@pytest.fixture(scope="module")
def parameters(aws: Aws) -> dict[str, str]:
    """Return what the stack is given: all that a new domain can have, as far as one stack can."""
    boundary = aws.client("iam").create_policy(PolicyName="boundary", PolicyDocument=json.dumps(BOUNDARY))
    ec2 = aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    return {
        "AdminEmail": "someone@example.com",
        "DomainName": "logs",
        "InstanceType": "r7g.large.search",
        "InstanceCount": "2",
        "DedicatedMasterType": "m7g.large.search",
        "WarmCount": "2",
        "AuditLogs": "true",
        "PermissionsBoundaryArn": boundary["Policy"]["Arn"],
        "VpcId": vpc,
        "LogFormat": "${version} ${srcaddr} ${instance-tag}",
        "InstanceTagKeys": "Name",
    }


@pytest.fixture(scope="module")
def outputs(aws: Aws, parameters: dict[str, str]) -> dict[str, str]:
    """Deploy the stack; return the outputs."""
    done = aws.deploy(STACK, parameters)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return aws.outputs(STACK)


def test_the_domain_is_as_it_was_asked_for(aws: Aws, outputs: dict[str, str]) -> None:
    domain = aws.client("opensearch").describe_domain(DomainName="logs")["DomainStatus"]
    cluster = domain["ClusterConfig"]
    assert (cluster["InstanceType"], cluster["DedicatedMasterType"]) == (
        "r7g.large.search",
        "m7g.large.search",
    )
    assert domain["CognitoOptions"]["UserPoolId"] == pools(aws, outputs)["UserPool"]
    assert domain["EBSOptions"]["VolumeSize"] == 20
    assert checked(aws, outputs) == ["nothing stands in the way"]


def test_after_a_change_of_tags_people_can_sign_in_again(
    aws: Aws, outputs: dict[str, str], parameters: dict[str, str]
) -> None:
    identities, found = aws.client("cognito-identity"), pools(aws, outputs)
    # What the domain does when it is made.
    application = aws.client("cognito-idp").create_user_pool_client(
        UserPoolId=found["UserPool"], ClientName=f"AmazonOpenSearchService-logs-{REGION}-abc"
    )["UserPoolClient"]["ClientId"]
    pool = identities.describe_identity_pool(IdentityPoolId=found["IdentityPool"])
    provider = {
        "ProviderName": f"cognito-idp.{REGION}.amazonaws.com/{found['UserPool']}",
        "ClientId": application,
        "ServerSideTokenCheck": True,
    }
    identities.update_identity_pool(
        IdentityPoolId=found["IdentityPool"],
        IdentityPoolName=pool["IdentityPoolName"],
        AllowUnauthenticatedIdentities=False,
        CognitoIdentityProviders=[provider],
    )
    done = aws.deploy(STACK, parameters, "--tags", "team=network")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    # What CloudFormation does in an account: all that the template does not name is emptied.
    identities.update_identity_pool(
        IdentityPoolId=found["IdentityPool"],
        IdentityPoolName=pool["IdentityPoolName"],
        AllowUnauthenticatedIdentities=False,
        CognitoIdentityProviders=[],  # the emulator keeps what is not named
        IdentityPoolTags={"team": "network"},
    )
    assert not identities.describe_identity_pool(IdentityPoolId=found["IdentityPool"]).get(
        "CognitoIdentityProviders"
    )

    event = {"source": "aws.cloudformation", "detail": {"physical-resource-id": found["IdentityPool"]}}
    answer = aws.client("lambda").invoke(FunctionName=function(aws, "SignIn"), Payload=json.dumps(event))
    assert json.loads(answer["Payload"].read()) == {"providers": 1, "missing": 1}
    mended = identities.describe_identity_pool(IdentityPoolId=found["IdentityPool"])
    assert mended["CognitoIdentityProviders"] == [provider]
    assert mended["IdentityPoolTags"] == {"team": "network"}


def test_what_a_domain_does_not_survive_is_refused_and_the_stack_goes_back(
    aws: Aws, outputs: dict[str, str], parameters: dict[str, str]
) -> None:
    done = aws.deploy(STACK, {**parameters, "EngineVersion": "2.19"})
    assert done.returncode != 0, checked(aws, outputs)
    assert "The domain runs version 3.5, and goes to no lower one: leave EngineVersion at 3.5." in reasons(
        aws, STACK, "Check"
    )
    wait_for("the way back", lambda: state(aws, STACK) == "UPDATE_ROLLBACK_COMPLETE")
    assert aws.outputs(STACK) == outputs


def test_the_setup_is_run_again_by_a_number_and_tells_the_groups_that_it_could_not(
    aws: Aws, outputs: dict[str, str], parameters: dict[str, str]
) -> None:
    """When the stack was made, the domain had not added itself to the pool; the tests above have added it."""
    assert outputs["SetupWarnings"].startswith("Dashboards gives everybody the readers' role")
    done = aws.deploy(STACK, {**parameters, "SetupRun": "1"})
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert aws.outputs(STACK)["SetupWarnings"] == "none"
    identities, pool = aws.client("cognito-identity"), pools(aws, outputs)["IdentityPool"]
    (provider,) = identities.describe_identity_pool(IdentityPoolId=pool)["CognitoIdentityProviders"]
    assert identities.get_identity_pool_roles(IdentityPoolId=pool)["RoleMappings"] == {
        f"{provider['ProviderName']}:{provider['ClientId']}": {
            "Type": "Token",
            "AmbiguousRoleResolution": "AuthenticatedRole",
        }
    }


@pytest.mark.parametrize(
    ("parameter", "value", "where", "seen"),
    [
        ("AdminEmail", "second@example.com", "People", "second@example.com"),
        ("AdminPrincipalArn", OPERATOR, "AccessPolicies", OPERATOR),
        ("ReaderEmail", "third@example.com", "People", "third@example.com"),
        ("DashboardsMfa", "ON", "People", "'ON'"),
        ("InstanceType", "r7g.xlarge.search", "ClusterConfig", "'InstanceType': 'r7g.xlarge.search'"),
        ("InstanceCount", "3", "ClusterConfig", "'InstanceCount': 3"),
        ("DomainZones", "1", "ClusterConfig", "'ZoneAwarenessEnabled': False"),
        ("VolumeSize", "50", "EBSOptions", "'VolumeSize': 50"),
        ("DedicatedMasterType", "m7g.xlarge.search", "ClusterConfig", "m7g.xlarge.search"),
        ("WarmCount", "3", "ClusterConfig", "'WarmCount': 3"),
        ("WarmType", "ultrawarm1.large.search", "ClusterConfig", "ultrawarm1.large.search"),
    ],
)
def test_what_may_change_of_a_living_domain_is_changed_and_the_domain_is_the_same(
    *,
    aws: Aws,
    outputs: dict[str, str],
    parameters: dict[str, str],
    parameter: str,
    value: str,
    where: str,
    seen: str,
) -> None:
    """What is made anew for it in an account is held in test_changes.py, by the schemas."""
    before = look_at_domain(aws, outputs)
    aws.change(STACK, {**parameters, parameter: value})
    after = look_at_domain(aws, outputs)
    assert seen not in repr(before[where])
    assert seen in repr(after[where])
    assert after["ARN"] == before["ARN"]
    kept = ("FailureBucket", "LogGroup", "DashboardsUrl", "PeopleStack")
    assert [aws.outputs(STACK)[name] for name in kept] == [outputs[name] for name in kept]


def test_deleting_the_stack_keeps_the_domain_and_what_it_needs(aws: Aws, outputs: dict[str, str]) -> None:
    before = pools(aws, outputs)
    permissions = aws.client("logs").describe_resource_policies()["resourcePolicies"]
    aws.client("cloudformation").delete_stack(StackName=STACK)
    wait_for("the end of the stack", lambda: state(aws, STACK) == "DELETE_COMPLETE")
    # It goes on writing its logs, and may.
    groups = aws.client("logs").describe_log_groups(logGroupNamePrefix=f"/flowlogs/{STACK}/")["logGroups"]
    functions, *own = outputs["OwnLogGroups"].split(",")
    assert sorted(each["logGroupName"] for each in groups) == sorted(own)
    assert [re.sub(r"-[0-9a-f]+$", "", each) for each in own] == [
        f"/flowlogs/{STACK}/domain-logs",
        f"/flowlogs/{STACK}/audit-logs",
    ]
    assert functions == outputs["FunctionLogs"]
    left = aws.client("logs").describe_resource_policies()["resourcePolicies"]
    assert left == permissions
    assert [each["policyName"].startswith(f"{STACK}-logs-") for each in left] == [True]
    domain = aws.client("opensearch").describe_domain(DomainName="logs")["DomainStatus"]
    role = domain["CognitoOptions"]["RoleArn"].rpartition("/")[2]
    assert aws.client("iam").get_role(RoleName=role)["Role"]["Arn"] == domain["CognitoOptions"]["RoleArn"]
    assert pools(aws, outputs) == before
    aws.client("cognito-idp").describe_user_pool(UserPoolId=before["UserPool"])
    assert aws.client("lambda").list_functions()["Functions"] == []


@pytest.mark.long
def test_the_name_of_a_domain_that_stayed_is_refused_before_anything_is_made(
    aws: Aws, outputs: dict[str, str], parameters: dict[str, str]
) -> None:
    assert outputs
    done = aws.deploy("again", parameters)
    assert done.returncode != 0
    assert "A domain logs is there already." in reasons(aws, "again", "Check")
    made = aws.client("cloudformation").describe_stack_events(StackName="again")["StackEvents"]
    assert {each["LogicalResourceId"] for each in made} == {
        *("again", "Check", "CheckFunction", "CheckRole", "FunctionLogs")
    }


def test_the_people_are_deleted_for_good_with_their_stack(aws: Aws, outputs: dict[str, str]) -> None:
    before = pools(aws, outputs)
    aws.client("cloudformation").delete_stack(StackName=outputs["PeopleStack"])
    name = outputs["PeopleStack"].split("/")[1]
    wait_for("the end of the people", lambda: state(aws, name) == "DELETE_COMPLETE")
    left = aws.client("cognito-idp").list_user_pools(MaxResults=60)["UserPools"]
    assert before["UserPool"] not in [each["Id"] for each in left]


def test_a_stack_of_the_same_name_is_made_again_beside_what_stayed(
    aws: Aws, outputs: dict[str, str], parameters: dict[str, str]
) -> None:
    """With another domain; all else that stayed has names that nobody else takes."""
    done = aws.deploy(STACK, {**parameters, "DomainName": "more"})
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    before, after = ({*each["OwnLogGroups"].split(",")} for each in (outputs, aws.outputs(STACK)))
    assert before & after == {outputs["FunctionLogs"]}
    found = aws.client("logs").describe_log_groups(logGroupNamePrefix=f"/flowlogs/{STACK}/")["logGroups"]
    assert {each["logGroupName"] for each in found} == before | after
    names = [
        each["policyName"] for each in aws.client("logs").describe_resource_policies()["resourcePolicies"]
    ]
    assert sorted(re.sub("[0-9a-f]+$", "", each) for each in names) == [f"{STACK}-logs-", f"{STACK}-more-"]


def test_a_domain_lies_inside_of_a_vpc_and_lets_in_its_functions_and_the_named_addresses(aws: Aws) -> None:
    """Of a function the emulator keeps no VPC: where functions lie is held in test_new_domain.py."""
    ec2 = aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.1.{number}.0/24")["Subnet"]["SubnetId"]
        for number in (1, 2)
    ]
    inside = {
        "AdminEmail": "someone@example.com",
        "DomainName": "inside",
        "InstanceCount": "2",
        "DomainVpcId": vpc,
        "DomainSubnetIds": ",".join(subnets),
        "DomainClientCidr": "10.2.0.0/16",
        "FunctionVpc": "other",
        "FunctionSubnetIds": ",".join(subnets),
    }
    done = aws.deploy("inside", inside)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    made = aws.outputs("inside")
    # The emulator refuses the check what AWS is told to permit it here: to see that role.
    untold = "nothing stands in the way; not checked: the service-linked role (AccessDenied)"
    assert checked(aws, made) == [untold]
    domain = aws.client("opensearch").describe_domain(DomainName="inside")["DomainStatus"]
    assert domain["VPCOptions"]["SubnetIds"] == subnets
    groups = {
        each["GroupId"]: each
        for each in ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}])[
            "SecurityGroups"
        ]
    }
    clients = made["DomainClientsGroup"]
    (lets_in,) = (groups[each] for each in domain["VPCOptions"]["SecurityGroupIds"])
    opened = [
        (
            rule["FromPort"],
            [each["GroupId"] for each in rule.get("UserIdGroupPairs", [])],
            [each["CidrIp"] for each in rule.get("IpRanges", [])],
        )
        for rule in lets_in["IpPermissions"]
    ]
    assert sorted(opened) == [(443, [], ["10.2.0.0/16"]), (443, [clients], [])]


def look_at_domain(aws: Aws, outputs: dict[str, str]) -> dict[str, Any]:
    """Return what is told of the domain, and what its people's stack was given: users are only recorded."""
    domain = aws.client("opensearch").describe_domain(DomainName="logs")["DomainStatus"]
    assert domain["CognitoOptions"]["UserPoolId"] == pools(aws, outputs)["UserPool"]
    (people,) = aws.client("cloudformation").describe_stacks(StackName=outputs["PeopleStack"])["Stacks"]
    return {**domain, "People": people["Parameters"]}


def pools(aws: Aws, outputs: dict[str, str]) -> dict[str, str]:
    """Return the ids of the user pool and the identity pool, by their logical names."""
    found = aws.client("cloudformation").describe_stack_resources(StackName=outputs["PeopleStack"])
    ids = {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in found["StackResources"]}
    return {name: ids[name] for name in ("UserPool", "IdentityPool")}


def function(aws: Aws, kind: str) -> str:
    """Return the name of a function of the stack."""
    found = aws.client("lambda").list_functions()["Functions"]
    return next(str(each["FunctionName"]) for each in found if f"-{kind}Function-" in each["FunctionName"])


def reasons(aws: Aws, stack: str, resource: str) -> str:
    """Return what the stack's events say of a resource."""
    events: list[dict[str, Any]] = aws.client("cloudformation").describe_stack_events(StackName=stack)[
        "StackEvents"
    ]
    return "\n".join(
        each.get("ResourceStatusReason", "") for each in events if each["LogicalResourceId"] == resource
    )


def checked(aws: Aws, outputs: dict[str, str]) -> list[str]:
    """Return what each run of the check had to say, as its log has it."""
    found = aws.client("logs").filter_log_events(logGroupName=outputs["FunctionLogs"])["events"]
    lines = [each["message"] for each in found if "check." in each["message"]]
    return [str(json.loads(line).get("reason", line)) for line in lines]


def state(aws: Aws, stack: str) -> str:
    """Return the status of a stack, also of one that is gone."""
    stacks = aws.client("cloudformation").list_stacks()["StackSummaries"]
    return next(str(each["StackStatus"]) for each in stacks if each["StackName"] == stack)
