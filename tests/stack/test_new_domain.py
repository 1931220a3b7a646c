"""The domain that the stack makes: what each choice makes of it, and what stays when the stack goes."""

import json
import re
from typing import Any

import pytest

from stack.resolved import resolve

Template = dict[str, Any]
Nested = dict[str, Template]

NEW = {"AdminEmail": "someone@example.com"}
INSIDE = {
    "DomainVpcId": "vpc-1",
    "DomainSubnetIds": "subnet-1,subnet-2",
    "InstanceCount": "2",
    "FunctionVpc": "other",
    "FunctionSubnetIds": "subnet-3",
}
PRODUCTION = {
    "InstanceType": "r7g.large.search",
    "InstanceCount": "3",
    "DedicatedMasterType": "m7g.large.search",
    "VolumeSize": "500",
}
KEY = "arn:aws:kms:eu-central-1:012345678901:key/mine"
FUNCTIONS = ("ForwardFunction", "ReplayFunction", "SetupFunction")


@pytest.fixture
def made(expanded: Template, nested: Nested) -> Any:  # a function of parameters
    """Return a function that gives the properties of a resource for parameters, None where there is none."""

    def find(resource: str, **given: str) -> Any:
        found = resolve(expanded, nested, NEW | given).get(resource)
        return found and found["Properties"]

    return find


@pytest.mark.parametrize(
    ("given", "zones", "more"),
    [
        pytest.param({}, None, {"DedicatedMasterEnabled": False}, id="one node"),
        pytest.param({"InstanceCount": "2"}, 2, {"DedicatedMasterEnabled": False}, id="two nodes"),
        pytest.param({"InstanceCount": "4"}, 3, {"DedicatedMasterEnabled": False}, id="four nodes"),
        pytest.param(
            {"InstanceCount": "4", "DomainZones": "2"}, 2, {"DedicatedMasterEnabled": False}, id="two zones"
        ),
        pytest.param(
            {"InstanceCount": "3", "DomainZones": "1"}, None, {"DedicatedMasterEnabled": False}, id="one zone"
        ),
        pytest.param(
            PRODUCTION,
            3,
            {
                "DedicatedMasterEnabled": True,
                "DedicatedMasterType": "m7g.large.search",
                "DedicatedMasterCount": 3,
            },
            id="production",
        ),
        pytest.param(
            {**PRODUCTION, "WarmCount": "2"},
            3,
            {
                "DedicatedMasterEnabled": True,
                "DedicatedMasterType": "m7g.large.search",
                "DedicatedMasterCount": 3,
                "WarmEnabled": True,
                "WarmType": "ultrawarm1.medium.search",
                "WarmCount": "2",
            },
            id="warm nodes",
        ),
    ],
)
def test_nodes_are_as_chosen(
    made: Any, given: dict[str, str], zones: int | None, more: dict[str, object]
) -> None:
    cluster = made("Domain", **given)["ClusterConfig"]
    in_zones: dict[str, object] = {"ZoneAwarenessEnabled": False}
    if zones:
        in_zones = {"ZoneAwarenessEnabled": True, "ZoneAwarenessConfig": {"AvailabilityZoneCount": zones}}
    nodes = {
        "InstanceType": given.get("InstanceType", "t3.medium.search"),
        "InstanceCount": given.get("InstanceCount", "1"),
    }
    assert cluster == {**nodes, **in_zones, **more}


@pytest.mark.parametrize("family", ["i3", "i4g", "i4i", "i7i", "i8g", "im4gn", "r6gd", "r7gd", "r8gd"])
def test_a_type_that_brings_its_disks_gets_no_volume_and_no_alarm_on_one(made: Any, family: str) -> None:
    """AWS refuses volumes with these types."""
    given = {"InstanceType": f"{family}.large.search"}
    assert made("Domain", **given)["EBSOptions"] == {"EBSEnabled": False}
    assert made("Watching.DomainStorage", **given) is None


@pytest.mark.parametrize(
    "kind", ["t3.small.search", "r7g.large.search", "or1.medium.search", "om2.large.search"]
)
def test_another_type_gets_the_volume_that_is_chosen(made: Any, kind: str) -> None:
    volume = {"EBSEnabled": True, "VolumeType": "gp3", "VolumeSize": "100"}
    assert made("Domain", InstanceType=kind, VolumeSize="100")["EBSOptions"] == volume
    assert made("Watching.DomainStorage", InstanceType=kind) is not None


@pytest.mark.parametrize(
    ("kind", "allowed"),
    [
        *[(kind, True) for kind in ("t3.small.search", "t3.medium.search", "m7g.large.search")],
        *[(kind, True) for kind in ("or1.medium.search", "or2.large.search", "om2.large.search")],
        *[(kind, True) for kind in ("r6gd.large.search", "i4i.large.search", "im4gn.large.search")],
        *[(kind, False) for kind in ("t2.small.search", "m3.medium.search", "r3.large.search")],
        *[(kind, False) for kind in ("i2.xlarge.search", "oi2.large.search", "ultrawarm1.medium.search")],
        *[
            (kind, False)
            for kind in ("t3.micro.search", "t3.large.search", "r7g.large", "r7g.large.elasticsearch")
        ],
    ],
)
def test_a_type_that_lacks_encryption_or_access_control_is_refused_at_once(
    template: Template, kind: str, *, allowed: bool
) -> None:
    assert bool(re.fullmatch(template["Parameters"]["InstanceType"]["AllowedPattern"], kind)) is allowed


@pytest.mark.parametrize(
    ("given", "key"),
    [
        pytest.param({}, None, id="no key"),
        pytest.param({"KmsKeyArn": KEY}, KEY, id="the same key"),
        pytest.param({"KmsKeyArn": KEY, "DomainKmsKeyArn": "aws"}, None, id="a key for all but the domain"),
        pytest.param({"DomainKmsKeyArn": KEY}, KEY, id="a key for the domain only"),
        pytest.param(
            {"KmsKeyArn": KEY + "2", "DomainKmsKeyArn": KEY}, KEY, id="a new key for all but the domain"
        ),
    ],
)
def test_the_domain_has_its_key_and_the_check_knows_it(
    made: Any, given: dict[str, str], key: str | None
) -> None:
    encryption = made("Domain", **given)["EncryptionAtRestOptions"]
    assert encryption == {"Enabled": True, **({"KmsKeyId": key} if key else {})}
    assert made("Check", **given)["DomainKmsKeyArn"] == (key or "")


def test_a_public_domain_has_no_network_of_the_accounts(made: Any) -> None:
    assert "VPCOptions" not in made("Domain")
    assert [made(name) for name in ("DomainSecurityGroup", "DomainClients")] == [None, None]
    assert "VpcConfig" not in made("ForwardFunction")


def test_a_domain_in_a_vpc_lets_in_the_functions_and_who_is_named(made: Any) -> None:
    options = made("Domain", **INSIDE)["VPCOptions"]
    assert options == {
        "SubnetIds": ["subnet-1", "subnet-2"],
        "SecurityGroupIds": [{"Ref": "DomainSecurityGroup"}],
    }
    port = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}
    functions = {**port, "SourceSecurityGroupId": {"Ref": "DomainClients"}, "Description": "The functions"}
    people = {**port, "CidrIp": "10.8.0.0/16", "Description": "People"}
    assert made("DomainSecurityGroup", **INSIDE)["SecurityGroupIngress"] == [functions]
    with_people = made("DomainSecurityGroup", **INSIDE, DomainClientCidr="10.8.0.0/16")
    assert with_people["SecurityGroupIngress"] == [functions, people]
    assert {made(name, **INSIDE)["VpcId"] for name in ("DomainSecurityGroup", "DomainClients")} == {"vpc-1"}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_functions_carry_the_group_that_the_domain_lets_in(made: Any, function: str) -> None:
    alone = made(function, **INSIDE)["VpcConfig"]
    assert alone["SubnetIds"] == ["subnet-3"]
    assert alone["SecurityGroupIds"] == {"Fn::Split": [",", {"Ref": "DomainClients"}]}
    beside = made(function, **INSIDE, FunctionSecurityGroupIds="sg-1,sg-2")["VpcConfig"]["SecurityGroupIds"]
    assert beside == ["sg-1", "sg-2", "${DomainClients}"]


@pytest.mark.parametrize("function", ["CheckFunction", "SignInFunction"])
def test_functions_that_ask_aws_alone_need_no_vpc_and_no_domain(made: Any, function: str) -> None:
    """In a VPC they would need ways to five services; and the check comes before the domain."""
    found = made(function, **INSIDE)
    assert "VpcConfig" not in found
    assert "OPENSEARCH_URL" not in found.get("Environment", {}).get("Variables", {})


def test_audit_logs_are_published_where_they_are_asked_for(made: Any) -> None:
    # AWS keeps on publishing what is left out, so that off is said.
    assert made("Domain")["LogPublishingOptions"]["AUDIT_LOGS"] == {"Enabled": False}
    assert made("Setup")["AuditLogs"] == "false"
    given = {"AuditLogs": "true"}
    group = {"Fn::GetAtt": ["DomainAudit", "Arn"]}
    published = {"Enabled": True, "CloudWatchLogsLogGroupArn": group}
    assert made("Domain", **given)["LogPublishingOptions"]["AUDIT_LOGS"] == published
    assert made("Setup", **given)["AuditLogs"] == "true"
    assert made("DomainAudit") == made("DomainAudit", **given)  # what was written stays when they go off
    (statement,) = json.loads(made("DomainLogsPolicy", **given)["PolicyDocument"])["Statement"]
    assert statement["Resource"] == ["${DomainLogs.Arn}", "${DomainAudit.Arn}"]


def test_audit_logs_of_a_domain_that_is_there_are_its_owners(expanded: Template, nested: Nested) -> None:
    given = {"OpenSearchUrl": "https://x", "AuditLogs": "true"}
    assert resolve(expanded, nested, given)["Setup"]["Properties"]["AuditLogs"] == "false"


@pytest.mark.parametrize("factor", ["OPTIONAL", "ON"])
def test_people_need_a_second_factor_where_it_is_asked_for(made: Any, factor: str) -> None:
    pool = made("People.UserPool", DashboardsMfa=factor)
    assert (pool["MfaConfiguration"], pool["EnabledMfas"]) == (factor, ["SOFTWARE_TOKEN_MFA"])


def test_an_invitation_says_what_it_is_for_and_when(made: Any) -> None:
    message = made("People.UserPool")["AdminCreateUserConfig"]["InviteMessageTemplate"]["EmailMessage"]
    assert {"{username}", "{####}"} <= set(message.replace(".", " ").split())
    assert "half an hour after this message" in message
    assert "DashboardsUrl" in message


def test_every_role_is_bounded_where_the_account_asks_for_it(expanded: Template, nested: Nested) -> None:
    boundary = "arn:aws:iam::012345678901:policy/boundary"
    tags = {"VpcId": "vpc-1", "InstanceTagKeys": "Name"}
    given = {**NEW, **INSIDE, **tags, "Source": "stream", "PermissionsBoundaryArn": boundary}
    for found, expected in ((given, boundary), (given | {"PermissionsBoundaryArn": ""}, None)):
        roles = {
            name: each["Properties"].get("PermissionsBoundary")
            for name, each in resolve(expanded, nested, found).items()
            if each["Type"] == "AWS::IAM::Role"
        }
        assert len(roles) >= 10
        assert set(roles.values()) == {expected}, roles


def test_functions_in_a_vpc_may_do_what_awss_own_policy_says_and_their_code_may_not(made: Any) -> None:
    assert made("Roles.AttachToVpc") is None
    allowed, seen, denied = made("Roles.AttachToVpc", **INSIDE)["PolicyDocument"]["Statement"]
    # AWSLambdaVPCAccessExecutionRole, without what it has for logs.
    everything = {
        "ec2:CreateNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:DeleteNetworkInterface",
        "ec2:AssignPrivateIpAddresses",
        "ec2:UnassignPrivateIpAddresses",
    }
    assert {*allowed["Action"], *seen["Action"]} == set(denied["Action"]) == everything
    assert allowed["Resource"] == "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:*/*"
    assert denied["Effect"] == "Deny"
    assert list(denied["Condition"]["ArnLike"]) == ["lambda:SourceFunctionArn"]
    roles = made("Roles.AttachToVpc", **INSIDE, Source="stream")["Roles"]
    assert roles == [{"Ref": f"{each}Role"} for each in ("Forward", "Replay", "Setup", "Stream")]


def test_a_flow_log_shows_the_tags_that_are_named(made: Any) -> None:
    assert "TagFieldSpecifications" not in made("FlowLog", VpcId="vpc-1")
    given = {"VpcId": "vpc-1", "InstanceTagKeys": "Name,Team", "GroupTagKeys": "Team"}
    assert made("FlowLog", **given)["TagFieldSpecifications"] == [
        {"ResourceType": "instance", "TagKeys": ["Name", "Team"]},
        {"ResourceType": "auto-scaling-group", "TagKeys": ["Team"]},
    ]
    interface = made("FlowLog", VpcId="vpc-1", InterfaceTagKeys="Name")["TagFieldSpecifications"]
    assert interface == [{"ResourceType": "network-interface", "TagKeys": ["Name"]}]


def test_only_a_flow_log_with_tags_may_read_them(made: Any) -> None:
    for given, expected in (({}, 2), ({"InterfaceTagKeys": "Name"}, 3)):
        (policy,) = made("Roles.FlowLogRole", VpcId="vpc-1", **given)["Policies"]
        statements = policy["PolicyDocument"]["Statement"]
        assert len(statements) == expected
        assert [each["Sid"] for each in statements[2:]] == ["ReadTags"][: expected - 2]


# --- What stays ---------------------------------------------------------------------------------------------


def test_what_the_retained_domain_needs_to_be_changed_stays_with_it(
    expanded: Template, nested: Nested
) -> None:
    """Without pools and role AWS refuses each change of a domain, and security groups in use cannot go.

    It goes on writing its logs, of errors and of who did what, and asks for the permission to do so.
    """
    found = resolve(expanded, nested, {**NEW, **INSIDE})
    needed = {
        "People",
        "DomainSecurityGroup",
        "DomainClients",
        "DomainLogs",
        "DomainAudit",
        "DomainLogsPolicy",
    }
    named = needed & found.keys()
    domain = expanded["Resources"]["Domain"]["Properties"]
    assert {
        value["Fn::GetAtt"][0] for name, value in domain["CognitoOptions"].items() if name != "Enabled"
    } == {"People"}
    published = resolve(expanded, nested, {**NEW, "AuditLogs": "true"})["Domain"]["Properties"]
    groups = {
        each["CloudWatchLogsLogGroupArn"]["Fn::GetAtt"][0]
        for each in published["LogPublishingOptions"].values()
    }
    assert groups == {"DomainLogs", "DomainAudit"}
    assert named == needed
    for name in ("Domain", *named):
        policies = {expanded["Resources"][name][each] for each in ("DeletionPolicy", "UpdateReplacePolicy")}
        assert policies == {"RetainExceptOnCreate", "Retain"}, name


def test_the_people_stay_as_one_stack_that_deletes_all_that_is_theirs(nested: Nested) -> None:
    """A policy of its own inside would leave orphans behind, when that stack is deleted for good."""
    resources = nested["people"]["Resources"]
    assert {each.get("DeletionPolicy", "Delete") for each in resources.values()} == {"Delete"}


def test_nothing_that_stays_hangs_on_a_role_that_goes(nested: Nested) -> None:
    """IAM deletes no role to which a policy of another stack is attached: the stack would not go."""
    resources = nested["people"]["Resources"]
    for name, each in resources.items():
        if each["Type"] == "AWS::IAM::Policy":
            assert all(role["Ref"] in resources for role in each["Properties"]["Roles"]), name


def test_no_name_is_taken_when_the_stack_is_made_again(expanded: Template, nested: Nested) -> None:
    """What stays has a name that AWS makes; the domain's is chosen, and the check tells that it is taken.

    Or its name has what only this stack has, and the domain's: a second domain of the stack finds it free.
    """
    found = resolve(expanded, nested, {**NEW, **INSIDE, "Source": "stream", "VpcId": "vpc-1"})
    names = (
        "BucketName",
        "LogGroupName",
        "GroupName",
        "Name",
        "RoleName",
        "UserPoolName",
        "IdentityPoolName",
        "PolicyName",
    )
    stays = {
        name: each["Properties"]
        for name, each in found.items()
        if "DeletionPolicy" in each or name.split(".")[-1] in ("UserPool", "IdentityPool", "CognitoRole")
    }
    assert len(stays) >= 10
    named = {name: each[key] for name, each in stays.items() for key in names if key in each}
    assert named.keys() == {"DomainLogs", "DomainAudit", "DomainLogsPolicy"}
    assert [
        name for name, text in named.items() if "-flowlogs-" not in text or "AWS::StackId" not in text
    ] == []
    unique = str(nested["people"]["Resources"]["UserPoolDomain"]["Properties"]["Domain"])
    assert "AWS::StackId" in unique


# --- Signing in ---------------------------------------------------------------------------------------------


def test_a_change_of_the_identity_pool_calls_the_function_that_mends_it(made: Any, nested: Nested) -> None:
    """Tags are changed by writing the pool anew, where the domain cannot stand: its id is made with it."""
    assert "CognitoIdentityProviders" not in nested["people"]["Resources"]["IdentityPool"]["Properties"]
    pool = {"Fn::GetAtt": ["People", "Outputs.IdentityPoolId"]}
    assert made("SignInRule")["EventPattern"] == {
        "source": ["aws.cloudformation"],
        "detail-type": ["CloudFormation Resource Status Change"],
        "detail": {"physical-resource-id": [pool], "status-details": {"status": ["UPDATE_COMPLETE"]}},
    }
    function = {"Fn::GetAtt": ["SignInFunction", "Arn"]}
    assert made("SignInRule")["Targets"] == [{"Id": "sign-in", "Arn": function}]
    assert made("SignInPermission") == {
        "Action": "lambda:InvokeFunction",
        "FunctionName": function,
        "Principal": "events.amazonaws.com",
        "SourceArn": {"Fn::GetAtt": ["SignInRule", "Arn"]},
    }
    variables = made("SignInFunction")["Environment"]["Variables"]
    assert variables == {
        "USER_POOL_ID": {"Fn::GetAtt": ["People", "Outputs.UserPoolId"]},
        "IDENTITY_POOL_ID": pool,
    }
    (policy,) = made("People.SignInRole")["Policies"]
    actions = [each["Action"] for each in policy["PolicyDocument"]["Statement"]]
    assert actions == [
        ["logs:CreateLogStream", "logs:PutLogEvents"],
        "cognito-idp:ListUserPoolClients",
        ["cognito-identity:DescribeIdentityPool", "cognito-identity:UpdateIdentityPool"],
    ]


def test_without_a_new_domain_nobody_signs_in_here(expanded: Template, nested: Nested) -> None:
    found = resolve(expanded, nested, {"OpenSearchUrl": "https://x"})
    assert not [name for name in found if name.startswith(("People", "SignIn", "Domain"))]


# --- The check ----------------------------------------------------------------------------------------------


EXISTING = {"OpenSearchUrl": "https://x", "OpenSearchArn": "arn:x"}
EVERYTHING = {
    "Source": "stream",
    "SenderAccounts": "123456789012",
    "VpcId": "vpc-1",
    "KmsKeyArn": KEY,
    "FurtherKmsKeyArns": KEY + "2",
    "PermissionsBoundaryArn": "arn:aws:iam::012345678901:policy/boundary",
    "AlarmEmail": "operator@example.com",
}


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(EXISTING, id="a cluster that is there"),
        pytest.param({**EXISTING, "LogGroupName": "flows"}, id="a log group that is there"),
        pytest.param({**EXISTING, **EVERYTHING}, id="all but a domain"),
        pytest.param(NEW, id="a domain"),
        pytest.param({**NEW, **INSIDE, **EVERYTHING, **PRODUCTION, "AuditLogs": "true"}, id="all"),
    ],
)
def test_all_but_what_the_check_needs_itself_waits_for_it(
    expanded: Template, nested: Nested, given: dict[str, str]
) -> None:
    """So what it refuses has not begun: no key has changed, nobody was invited, nothing was made."""
    found = {name: each for name, each in resolve(expanded, nested, given).items() if "." not in name}
    waits = {name: find_needs(each) & found.keys() for name, each in found.items()}
    free = {name for name in found if "Check" not in gather(waits, name)}
    assert (
        free == {"Check", *gather(waits, "Check")} == {"Check", "CheckFunction", "CheckRole", "FunctionLogs"}
    )


def find_needs(resource: Template) -> set[str]:
    """Return what a resource names, among it the resources that it waits for."""
    after = resource.get("DependsOn", [])
    text = json.dumps(resource["Properties"]).replace("\\", "")
    named = re.findall(r'"Ref": "(\w+)"|"Fn::GetAtt": \["(\w+)"|\$\{(\w+)[.}]', text)
    return {name for each in named for name in each if name} | set(
        [after] if isinstance(after, str) else after
    )


def gather(waits: dict[str, set[str]], name: str) -> set[str]:
    """Return all that a resource waits for, directly or not."""
    found: set[str] = set()
    ahead = [name]
    while ahead:
        new = waits[ahead.pop()] - found
        found |= new
        ahead += new
    return found


def test_the_check_knows_what_it_reads_of_the_parameters(made: Any, template: Template) -> None:
    found = made("Check", LogGroupName="flows", VpcId="vpc-1")
    own = {"ServiceToken", "ServiceTimeout", "FilterName"}
    assert found.keys() - own <= template["Parameters"].keys()
    assert found["FilterName"] == "${AWS::StackName}-forward"
    assert made("Check", Source="stream")["FilterName"] == "${AWS::StackName}-stream"
    assert made("Check")["LogFormat"] == ""
    timeout = made("CheckFunction")["Timeout"]
    assert timeout < found["ServiceTimeout"]
