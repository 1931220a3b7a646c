"""What the emulator of AWS does not do, held against the template as CloudFormation gets it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from handler.observe import METRICS, NAMESPACE, ZERO_SAYS
from parser.fields import FIELDS
from stack.resolved import resolve as resolve_stack

Template = dict[str, Any]
Nested = dict[str, Template]
REPLAY_STOPPED = "watching: ReplayStopped"


@pytest.fixture
def resources(expanded: Template) -> Template:
    """Return the resources of template.yaml after SAM's transform."""
    found: Template = expanded["Resources"]
    return found


def properties(resources: Template, name: str) -> Any:  # as the template has them
    return resources[name]["Properties"]


def test_sam_adds_no_role_and_no_permission_but_the_schedules(resources: Template) -> None:
    kinds = {name: each["Type"] for name, each in resources.items()}
    assert [name for name, kind in kinds.items() if kind == "AWS::IAM::Role"] == ["CheckRole"]
    assert [name for name, kind in kinds.items() if kind == "AWS::Lambda::Permission"] == [
        "ForwardPermission",
        "SignInPermission",
        "ReplayFunctionSchedulePermission",
    ]


def test_what_fails_for_good_goes_to_the_bucket_and_a_replay_is_not_repeated(resources: Template) -> None:
    forward = properties(resources, "ForwardFunctionEventInvokeConfig")
    bucket = {"Fn::GetAtt": ["FailureBucket", "Arn"]}
    assert forward["DestinationConfig"] == {"OnFailure": {"Destination": bucket}}
    assert forward["MaximumRetryAttempts"] == 2
    assert properties(resources, "ReplayFunctionEventInvokeConfig")["MaximumRetryAttempts"] == 0


def test_data_stays_when_the_stack_goes_unless_it_never_stood(resources: Template) -> None:
    kept = {name for name, each in resources.items() if each.get("DeletionPolicy") == "RetainExceptOnCreate"}
    of_the_domain = {"Domain", "People", "DomainSecurityGroup", "DomainClients"}
    of_the_domain |= {"DomainLogs", "DomainAudit", "DomainLogsPolicy"}
    assert kept == {"FlowLogs", "FailureBucket", "FailureBucketPolicy", "Stream", *of_the_domain}
    assert {resources[name]["UpdateReplacePolicy"] for name in kept} == {"Retain"}


def test_nothing_arrives_before_what_it_needs(resources: Template) -> None:
    needs = {
        "SubscriptionFilter": ["ForwardPermission", "ForwardFunctionEventInvokeConfig", "Setup"],
        "StreamFilter": ["StreamMapping"],
        "Senders": ["StreamMapping"],
        "Domain": ["Check", "DomainLogsPolicy"],
    }
    found = {name: resources[name]["DependsOn"] for name in needs}
    assert {name: [each] if isinstance(each, str) else each for name, each in found.items()} == needs
    # And the flow log after the filter that there is, which it names for no other reason.
    group, waited_for = properties(resources, "FlowLog")["LogGroupName"]["Fn::Select"][1]
    assert group == {"Fn::If": ["MakesLogGroup", {"Ref": "FlowLogs"}, {"Ref": "LogGroupName"}]}
    assert waited_for == {"Fn::If": ["IsStream", {"Ref": "StreamFilter"}, {"Ref": "SubscriptionFilter"}]}


def test_metrics_are_kept_whatever_is_logged(resources: Template) -> None:
    for name in ("ForwardFunction", "StreamFunction", "ReplayFunction", "SetupFunction"):
        logging = properties(resources, name)["LoggingConfig"]
        assert logging["ApplicationLogLevel"] == {"Fn::If": ["IsDebug", "DEBUG", "INFO"]}


@pytest.mark.parametrize("role", ["ForwardRole", "StreamRole"])
def test_lambda_may_write_what_failed_where_it_asks_to(nested: Nested, role: str) -> None:
    (policy,) = properties(nested["roles"]["Resources"], role)["Policies"]
    statements = {each["Sid"]: each for each in policy["PolicyDocument"]["Statement"]}
    mine = {"StringEqualsIfExists": {"s3:ResourceAccount": {"Ref": "AWS::AccountId"}}}
    assert statements["KeepEvents"]["Resource"] == {"Fn::Sub": "${BucketArn}/*"}
    assert statements["LetLambdaFindTheBucket"]["Resource"] == {"Ref": "BucketArn"}
    assert [statements[name]["Condition"] for name in ("KeepEvents", "LetLambdaFindTheBucket")] == [mine] * 2


def test_the_formats_fit_into_the_environment(resources: Template, template: Template) -> None:
    parameters = template["Parameters"]
    variables = properties(resources, "StreamFunction")["Environment"]["Variables"]
    most = 4 * 1024  # of all names and values together: a limit of Lambda's
    formats = parameters["LogFormat"]["MaxLength"] + 1 + parameters["FurtherLogFormats"]["MaxLength"]
    # The longest that the others are in practice: an endpoint, a bucket, a key, a prefix, a secret, a stack.
    others = {"OPENSEARCH_URL": 100, "FAILURE_BUCKET": 63, "FAILURE_KMS_KEY": 90, "INDEX_PREFIX": 100}
    others |= {"OPENSEARCH_SECRET_ARN": 160, "OWN_LOG_PREFIX": 40, "OWN_ACCOUNT": 12}
    others |= {"OPENSEARCH_USERNAME": 0, "OPENSEARCH_PASSWORD": 0}  # for sam local only
    rest = sum(others.get(name, 8) for name in variables if name != "LOG_FORMATS")
    assert sum(map(len, variables)) + formats + rest <= most
    every_field = " ".join(f"${{{field.name}}}" for field in FIELDS)
    assert len(every_field) <= parameters["LogFormat"]["MaxLength"]


def test_the_bucket_is_private_encrypted_and_versioned(resources: Template) -> None:
    bucket = properties(resources, "FailureBucket")
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    _, with_key, without = rule["Fn::If"]
    assert with_key["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert without["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    (statement,) = properties(resources, "FailureBucketPolicy")["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_nothing_that_waits_expires(resources: Template) -> None:
    rules = properties(resources, "FailureBucket")["LifecycleConfiguration"]["Rules"]
    assert [(each["Id"], each.get("Prefix"), each.get("ExpirationInDays")) for each in rules] == [
        ("rejected", "rejected/", {"Ref": "FailureDays"}),
        ("replayed", None, None),
        ("markers", None, None),
    ]
    assert rules[1]["NoncurrentVersionExpiration"] == {"NoncurrentDays": {"Ref": "FailureDays"}}


def test_the_domain_is_encrypted_and_its_master_is_the_setup(resources: Template) -> None:
    domain = properties(resources, "Domain")
    assert domain["EncryptionAtRestOptions"]["Enabled"] is True
    assert domain["NodeToNodeEncryptionOptions"] == {"Enabled": True}
    assert domain["DomainEndpointOptions"] == {
        "EnforceHTTPS": True,
        "TLSSecurityPolicy": "Policy-Min-TLS-1-2-PFS-2023-10",
    }
    assert domain["AdvancedSecurityOptions"] == {
        "Enabled": True,
        "InternalUserDatabaseEnabled": False,
        "MasterUserOptions": {"MasterUserARN": {"Fn::GetAtt": ["Roles", "Outputs.SetupRoleArn"]}},
    }
    assert domain["CognitoOptions"]["Enabled"] is True
    assert domain["LogPublishingOptions"]["ES_APPLICATION_LOGS"]["Enabled"] is True


def test_the_domain_names_the_stacks_roles_and_its_administrators_and_nobody_else(
    resources: Template,
) -> None:
    writers, others = properties(resources, "Domain")["AccessPolicies"]["Statement"]
    assert writers["Principal"]["AWS"] == [
        {"Fn::GetAtt": ["Roles", "Outputs.ForwardRoleArn"]},
        {"Fn::GetAtt": ["Roles", "Outputs.ReplayRoleArn"]},
        only_with_a_stream("StreamRoleArn"),
    ]
    assert writers["Action"] == "es:ESHttpPost"
    assert writers["Resource"]["Fn::Sub"].endswith("domain/${DomainName}/${IndexPrefix}-????.??.??/_bulk")
    # One text that is split, so that each of the parameter's ARNs is a principal, and none is an empty one.
    named = [
        {"Fn::GetAtt": ["Roles", "Outputs.SetupRoleArn"]},
        {"Fn::GetAtt": ["People", "Outputs.PeopleRoleArn"]},
        {"Fn::GetAtt": ["People", "Outputs.AdministratorsRoleArn"]},
        {"Fn::If": ["HasAdminPrincipals", {"Ref": "AdminPrincipalArn"}, {"Ref": "AWS::NoValue"}]},
    ]
    assert others["Principal"] == {"AWS": {"Fn::Split": [",", {"Fn::Join": [",", named]}]}}
    verbs = ("Get", "Head", "Post", "Put", "Patch", "Delete")
    assert others["Action"] == [f"es:ESHttp{verb}" for verb in verbs]
    assert others["Resource"]["Fn::Sub"].endswith("domain/${DomainName}/*")


def test_administrators_are_mapped_beside_the_setup_which_stays_the_master(resources: Template) -> None:
    given = properties(resources, "Setup")
    group = {"Fn::GetAtt": ["People", "Outputs.AdministratorsRoleArn"]}
    assert given["AdministratorArns"] == {
        "Fn::If": [
            "MakesDomain",
            {"Fn::Join": [",", [group, {"Ref": "AdminPrincipalArn"}]]},
            {"Ref": "AdminPrincipalArn"},
        ]
    }
    # No parameter decides who the master is: a change of it would take everything from the setup.
    assert properties(resources, "Domain")["AdvancedSecurityOptions"]["MasterUserOptions"] == {
        "MasterUserARN": {"Fn::GetAtt": ["Roles", "Outputs.SetupRoleArn"]}
    }


def test_each_address_gets_the_role_that_its_parameter_says(nested: Nested, resources: Template) -> None:
    people = nested["people"]["Resources"]
    roles = {"Administrators": "AdministratorsRole", "Readers": "PeopleRole"}
    for group, role in roles.items():
        assert properties(people, group)["RoleArn"] == {"Fn::GetAtt": f"{role}.Arn"}
    # Who is in both is an administrator; who is in none, as those whom an earlier version invited, reads.
    assert [properties(people, group)["Precedence"] for group in roles] == [1, 2]
    assert properties(people, "IdentityPoolRoles")["Roles"] == {
        "authenticated": {"Fn::GetAtt": "PeopleRole.Arn"}
    }
    members = {
        name: (each["Properties"]["GroupName"]["Ref"], each["Properties"]["Username"]["Ref"])
        for name, each in people.items()
        if each["Type"] == "AWS::Cognito::UserPoolUserToGroupAttachment"
    }
    assert members == {
        "AdminIsAdministrator": ("Administrators", "Admin"),
        "ReaderIsReader": ("Readers", "Reader"),
    }
    # The user of a stack of an earlier version stays who he is, and is put into the group by the update.
    assert properties(people, "Admin")["Username"] == {"Ref": "AdminEmail"}
    assert properties(people, "Reader")["Username"] == {"Ref": "ReaderEmail"}
    assert properties(resources, "People")["Parameters"]["ReaderEmail"] == {"Ref": "ReaderEmail"}


def test_setup_lets_the_groups_decide_and_can_give_away_the_readers_role_only(resources: Template) -> None:
    condition, (index, (pool, waited_for)), nothing = (
        each["Fn::Select"] if isinstance(each, dict) else each
        for each in properties(resources, "Setup")["IdentityPoolId"]["Fn::If"]
    )
    assert (condition, index, nothing) == ("MakesDomain", 0, "")
    assert pool == {"Fn::GetAtt": ["People", "Outputs.IdentityPoolId"]}
    assert waited_for == {"Ref": "ChooseRolesByGroup"}
    policy = properties(resources, "ChooseRolesByGroup")
    choose, give = policy["PolicyDocument"]["Statement"]
    assert policy["Roles"] == [{"Fn::GetAtt": ["Roles", "Outputs.SetupRole"]}]
    arn, variables = choose["Resource"]["Fn::Sub"]
    assert arn.endswith(":identitypool/${IdentityPool}")
    assert variables == {"IdentityPool": pool}
    assert give["Resource"] == {"Fn::GetAtt": ["People", "Outputs.PeopleRoleArn"]}
    assert give["Condition"] == {"StringEquals": {"iam:PassedToService": "cognito-identity.amazonaws.com"}}


def test_no_secret_stands_in_an_environment(project: Path, resources: Template) -> None:
    for file in (project / "template.yaml", *(project / "stack").glob("*.yaml")):
        assert "{{resolve:" not in file.read_text(encoding="utf-8"), file.name
    send_nothing = {"CheckFunction", "SignInFunction"}
    kinds = {name: each["Type"] for name, each in resources.items()}
    functions = [name for name, kind in kinds.items() if kind == "AWS::Lambda::Function"]
    functions = [name for name in functions if name not in send_nothing]
    assert sorted(functions) == ["ForwardFunction", "ReplayFunction", "SetupFunction", "StreamFunction"]
    for name in functions:
        variables = properties(resources, name)["Environment"]["Variables"]
        assert (variables["OPENSEARCH_USERNAME"], variables["OPENSEARCH_PASSWORD"]) == ("", "")
        own = {"Fn::If": ["IsBasic", {"Ref": "OpenSearchSecretArn"}, ""]}
        assert variables["OPENSEARCH_SECRET_ARN"] == own
        # The administrator's secret is named to the setup alone.
        assert ("OPENSEARCH_SETUP_SECRET_ARN" in variables) is (name == "SetupFunction")


def test_each_role_reads_its_own_secret_and_no_other(nested: Nested, resources: Template) -> None:
    assert {
        name: value
        for name, value in properties(resources, "Roles")["Parameters"].items()
        if name.startswith(("Secret", "SetupSecret"))
    } == {
        "SecretArn": {"Fn::If": ["IsBasic", {"Ref": "OpenSearchSecretArn"}, ""]},
        # With one secret only, as in stacks of an earlier version, it is the setup's as well.
        "SetupSecretArn": {
            "Fn::If": ["HasSetupSecret", {"Ref": "SetupSecretArn"}, {"Ref": "OpenSearchSecretArn"}]
        },
        "SecretKmsKeyArn": {"Ref": "SecretKmsKeyArn"},
    }
    roles = nested["roles"]["Resources"]
    granted: dict[str, list[tuple[str, Any, Any]]] = {"ReadSecret": [], "ReadSetupSecret": []}
    granted |= {"DecryptSecret": [], "DecryptSetupSecret": []}
    own, setups = {"Ref": "SecretArn"}, {"Ref": "SetupSecretArn"}
    both = {"Fn::If": ["HasSecret", [setups, own], [setups]]}
    for name, found in granted.items():
        (statement,) = properties(roles, name)["PolicyDocument"]["Statement"]
        context = statement.get("Condition", {}).get("StringEquals", {})
        found.append(
            (statement["Action"], statement["Resource"], context.get("kms:EncryptionContext:SecretARN"))
        )
    key = {"Ref": "SecretKmsKeyArn"}
    assert granted == {
        "ReadSecret": [("secretsmanager:GetSecretValue", own, None)],
        "ReadSetupSecret": [("secretsmanager:GetSecretValue", both, None)],
        "DecryptSecret": [("kms:Decrypt", key, own)],
        "DecryptSetupSecret": [("kms:Decrypt", key, both)],
    }
    setup, functions = [{"Ref": "SetupRole"}], properties(roles, "SendDocuments")["Roles"]
    assert [properties(roles, name)["Roles"] for name in granted] == [functions, setup, functions, setup]
    for name in ("DecryptSecret", "DecryptSetupSecret"):
        (statement,) = properties(roles, name)["PolicyDocument"]["Statement"]
        via = statement["Condition"]["StringLike"]["kms:ViaService"]
        assert via == {"Fn::Sub": "secretsmanager.${AWS::Region}.*"}


def only_with_a_stream(output: str) -> dict[str, Any]:
    """Return the value that an output of the roles has only where there is a stream."""
    return {"Fn::If": ["HasStream", {"Fn::GetAtt": ["Roles", f"Outputs.{output}"]}, {"Ref": "AWS::NoValue"}]}


def test_setup_gives_the_stream_function_the_writers_role(resources: Template) -> None:
    assert only_with_a_stream("StreamRoleArn") in properties(resources, "Setup")["WriterRoleArns"]


def test_the_stream_is_encrypted_and_grows_by_itself_unless_told(resources: Template) -> None:
    found = properties(resources, "Stream")
    key = {"Fn::If": ["HasKey", {"Ref": "KmsKeyArn"}, "alias/aws/kinesis"]}
    assert found["StreamEncryption"] == {"EncryptionType": "KMS", "KeyId": key}
    assert found["StreamModeDetails"] == {
        "StreamMode": {"Fn::If": ["IsOnDemand", "ON_DEMAND", "PROVISIONED"]}
    }
    assert properties(resources, "StreamFilter")["Distribution"] == "Random"


KEYS = {
    "one": {"KmsKeyArn": "one"},
    "next": {"FurtherKmsKeyArns": "next"},
    "one,next,old": {"KmsKeyArn": "one", "FurtherKmsKeyArns": "next,old"},
    "": {},
}


@pytest.mark.parametrize("keys", KEYS)
@pytest.mark.parametrize("source", ["subscription", "stream", "draining"])
def test_who_may_use_the_key_may_use_the_next_and_the_former_ones(
    expanded: Template, nested: Nested, keys: str, source: str
) -> None:
    """What waits in the bucket or in the stream has the key of its time; what comes has the next."""
    found = resolve_stack(expanded, nested, {"OpenSearchUrl": "https://x", "Source": source, **KEYS[keys]})
    stream = source != "subscription"
    allowed = {
        name: properties(found, f"Roles.{name}")["PolicyDocument"]["Statement"][0]["Resource"]
        for name in ("UseKey", "EncryptStream")
        if f"Roles.{name}" in found
    }
    expected = ["UseKey", "EncryptStream"] if stream else ["UseKey"]
    assert allowed == ({name: keys.split(",") for name in expected} if keys else {})
    if keys:
        users = [f"{each}Role" for each in ("Forward", "Replay", "Setup", *(("Stream",) if stream else ()))]
        assert properties(found, "Roles.UseKey")["Roles"] == [{"Ref": each} for each in users]
    encrypts = KEYS[keys].get("KmsKeyArn")
    assert properties(found, "ForwardFunction").get("KmsKeyArn") == encrypts
    assert not stream or properties(found, "Stream")["StreamEncryption"]["KeyId"] == (
        encrypts or "alias/aws/kinesis"
    )


def test_cloudwatch_logs_writes_to_the_stream_for_the_accounts_that_are_named(nested: Nested) -> None:
    roles = nested["roles"]["Resources"]
    own, senders, organization = properties(roles, "DeliveryRole")["AssumeRolePolicyDocument"]["Statement"]
    here = "arn:${AWS::Partition}:logs:${AWS::Region}"
    anywhere = {"aws:SourceArn": {"Fn::Sub": f"{here}:*:*"}}
    assert own["Condition"] == {
        "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
        "ArnLike": {"aws:SourceArn": {"Fn::Sub": here + ":${AWS::AccountId}:*"}},
    }
    name, statement, nothing = senders["Fn::If"]
    assert (name, nothing) == ("HasSenders", {"Ref": "AWS::NoValue"})
    separator, text = statement["Condition"]["StringLike"]["aws:SourceArn"]["Fn::Split"]
    accounts = ["123456789012", "210987654321"]
    joined = resolve(text, {"SenderAccounts": ",".join(accounts)})
    assert joined.split(separator) == [f"arn:*:logs:*:{account}:*" for account in accounts]
    assert statement["Condition"]["ArnLike"] == anywhere
    name, statement, nothing = organization["Fn::If"]
    assert (name, nothing) == ("HasOrganization", {"Ref": "AWS::NoValue"})
    ours = {"aws:SourceOrgID": {"Ref": "OrganizationId"}}
    assert statement["Condition"] == {"ArnLike": anywhere, "StringEquals": ours}
    statements = [own, senders["Fn::If"][1], organization["Fn::If"][1]]
    assert {each["Principal"]["Service"] for each in statements} == {"logs.amazonaws.com"}


def resolve(value: Any, parameters: dict[str, str]) -> Any:  # as the template has it
    """Return what Ref, Join and Split make of parameters."""
    match value:
        case {"Ref": name}:
            return parameters[name]
        case {"Fn::Join": [separator, parts]}:
            return separator.join(resolve(each, parameters) for each in resolve(parts, parameters))
        case {"Fn::Split": [separator, text]}:
            return resolve(text, parameters).split(separator)
    return value


def test_the_destination_lets_in_the_accounts_that_are_named(resources: Template) -> None:
    destination = properties(resources, "Senders")
    name, organization, (accounts, variables) = read_choice(destination["DestinationPolicy"])
    assert name == "HasOrganization"
    (statement,) = json.loads(organization)["Statement"]
    assert statement["Condition"] == {"StringEquals": {"aws:PrincipalOrgID": "${OrganizationId}"}}
    listed = resolve(variables["Accounts"], {"SenderAccounts": "123456789012,210987654321"})
    (statement,) = json.loads(accounts.replace("${Accounts}", listed))["Statement"]
    assert statement["Principal"] == {"AWS": ["123456789012", "210987654321"]}
    assert statement["Action"] == ["logs:PutSubscriptionFilter", "logs:PutAccountPolicy"]
    assert statement["Resource"].endswith(":destination:${AWS::StackName}")


def read_choice(value: Any) -> tuple[str, str, Any]:  # as the template has it
    name, first, second = value["Fn::If"]
    return name, first["Fn::Sub"], second["Fn::Sub"]


def test_nobody_signs_up_and_nobody_is_anonymous(nested: Nested) -> None:
    people = nested["people"]["Resources"]
    assert properties(people, "UserPool")["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"] is True
    assert properties(people, "IdentityPool")["AllowUnauthenticatedIdentities"] is False
    for role in ("PeopleRole", "AdministratorsRole"):
        assert "Policies" not in properties(people, role)
        (statement,) = properties(people, role)["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Condition"] == {
            "StringEquals": {"cognito-identity.amazonaws.com:aud": {"Ref": "IdentityPool"}},
            "ForAnyValue:StringLike": {"cognito-identity.amazonaws.com:amr": "authenticated"},
        }


def test_flow_logs_take_their_role_for_this_account_only(nested: Nested) -> None:
    document = properties(nested["roles"]["Resources"], "FlowLogRole")["AssumeRolePolicyDocument"]
    (statement,) = document["Statement"]
    assert statement["Principal"] == {"Service": "vpc-flow-logs.amazonaws.com"}
    condition = statement["Condition"]
    assert condition["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    assert condition["ArnLike"]["aws:SourceArn"]["Fn::Sub"].endswith("vpc-flow-log/*")


def test_the_domain_takes_its_role_as_amazon_prescribes_it(nested: Nested) -> None:
    """A condition on a key that the service may not send would refuse each new domain."""
    document = properties(nested["people"]["Resources"], "CognitoRole")["AssumeRolePolicyDocument"]
    trusted = {"Principal": {"Service": "opensearchservice.amazonaws.com"}, "Action": "sts:AssumeRole"}
    assert document["Statement"] == [{"Effect": "Allow", **trusted}]


def test_the_flow_log_writes_the_format_that_the_functions_read(resources: Template) -> None:
    default = {"Fn::FindInMap": ["Format", "Default", "Fields"]}
    written = properties(resources, "FlowLog")["LogFormat"]
    assert written == {"Fn::If": ["HasFormat", {"Ref": "LogFormat"}, default]}
    known = {"Fn::If": ["HasFormat", {"Ref": "LogFormat"}, {"Fn::If": ["KnowsFormat", default, ""]}]}
    given = properties(resources, "Setup")
    assert given["LogFormats"] == {"Fn::Join": [";", [known, {"Ref": "FurtherLogFormats"}]]}
    assert given["FormatsOf"] == {"Fn::If": ["LearnsFormats", {"Ref": "LogGroupName"}, ""]}
    for name in ("ForwardFunction", "StreamFunction", "ReplayFunction"):
        # Which makes them wait for the setup: a changed stack writes elsewhere only when that is prepared.
        read = properties(resources, name)["Environment"]["Variables"]["LOG_FORMATS"]
        assert read == {"Fn::GetAtt": ["Setup", "LogFormats"]}


def test_alarms_and_dashboard_name_metrics_that_exist(nested: Nested) -> None:
    watching = nested["watching"]["Resources"]
    both = {**watching, **{f"Stream{name}": each for name, each in nested["stream"]["Resources"].items()}}
    alarms = [each["Properties"] for each in both.values() if each["Type"] == "AWS::CloudWatch::Alarm"]
    metrics = [each["MetricStat"]["Metric"] for alarm in alarms for each in alarm.get("Metrics", [])[1:]]
    queries = [
        each["Expression"] for alarm in alarms for each in alarm.get("Metrics", []) if "Period" in each
    ]
    assert queries == [
        {"Fn::Sub": "SELECT SUM(DeliveryErrors) FROM \"AWS/Logs\" WHERE FilterName = '${FilterName}'"}
    ]
    named = [(each["Namespace"], each["MetricName"]) for each in (*alarms, *metrics) if "Namespace" in each]
    ours = {name for namespace, name in named if namespace == NAMESPACE}
    assert ours == {
        *("EventsRejected", "EventsUnparsed", "EventsUnaccounted", "EventsReceived"),
        *("RecordsSkipData", "EventsOwnLog", "OldestPendingAge", "PayloadsUnreadable"),
    }
    assert {namespace for namespace, _ in named} == {
        *(NAMESPACE, "AWS/Lambda", "AWS/Logs", "AWS/ES", "AWS/Kinesis")
    }
    text, variables = properties(watching, "Dashboard")["DashboardBody"]["Fn::Sub"]
    name, row, nothing = variables["StreamRow"]["Fn::If"]
    assert (name, nothing) == ("HasStream", "")
    body = text.replace("${StreamRow}", row["Fn::Sub"])
    drawn = {metric for metric in METRICS if f'"{metric}"' in body}
    assert ours - drawn == set()
    assert drawn <= METRICS.keys()
    drawings = [body, text.replace("${StreamRow}", "")]
    widgets = [json.loads(re.sub(r"\$\{[A-Za-z:]+\}", "x", each))["widgets"] for each in drawings]
    assert list(map(len, widgets)) == [11, 7]
    for drawn_widgets in widgets:  # none over another
        assert len({(each["x"], each["y"]) for each in drawn_widgets}) == len(drawn_widgets)


def test_completeness_is_the_share_that_was_not_received(nested: Nested) -> None:
    alarm = properties(nested["watching"]["Resources"], "Incomplete")
    expression, forwarded, received = alarm["Metrics"]
    assert (
        expression["Expression"] == "IF(forwarded > 0, 100 * (forwarded - FILL(received, 0)) / forwarded, 0)"
    )
    assert (forwarded["Id"], forwarded["MetricStat"]["Metric"]["MetricName"]) == (
        "forwarded",
        "ForwardedLogEvents",
    )
    assert (received["Id"], received["MetricStat"]["Metric"]["MetricName"]) == ("received", "EventsReceived")
    assert forwarded["MetricStat"]["Period"] == received["MetricStat"]["Period"] == 3600
    assert [each.get("ReturnData", True) for each in alarm["Metrics"]] == [True, False, False]


def test_an_alarm_takes_what_is_missing_for_nothing(nested: Nested) -> None:
    """The functions leave out metrics that are 0: that neither raises an alarm nor keeps one from coming."""
    alarms = {
        f"{stack}: {name}": each["Properties"]
        for stack in ("watching", "stream")
        for name, each in nested[stack]["Resources"].items()
        if each["Type"] == "AWS::CloudWatch::Alarm"
    }
    treated = {name: alarm["TreatMissingData"] for name, alarm in alarms.items()}
    assert {name for name, treatment in treated.items() if treatment != "notBreaching"} == {REPLAY_STOPPED}
    assert treated[REPLAY_STOPPED] == "breaching"  # by Lambda's own count
    assert alarms[REPLAY_STOPPED]["Namespace"] == "AWS/Lambda"
    for name, alarm in alarms.items():
        if alarm.get("Namespace") == NAMESPACE:
            assert alarm["ComparisonOperator"] == "GreaterThanThreshold", name  # 0 never raises it
        expressions = " ".join(str(each.get("Expression")) for each in alarm.get("Metrics", []))
        for each in alarm.get("Metrics", []):
            if each.get("MetricStat", {}).get("Metric", {}).get("Namespace") == NAMESPACE:
                assert f"FILL({each['Id']}, 0)" in expressions, name


def test_the_dashboard_draws_what_is_missing_as_nothing(nested: Nested) -> None:
    """Where a line is only drawn from point to point, it rises between two of them."""
    text, variables = properties(nested["watching"]["Resources"], "Dashboard")["DashboardBody"]["Fn::Sub"]
    body = text.replace("${StreamRow}", variables["StreamRow"]["Fn::If"][1]["Fn::Sub"])
    named: list[str] = []
    for widget in json.loads(re.sub(r"\$\{[A-Za-z:]+\}", "x", body))["widgets"]:
        rows = widget["properties"]["metrics"]
        filled = {row[0]["expression"]: row[0]["label"] for row in rows if isinstance(row[0], dict)}
        for row in (each for each in rows if isinstance(each[0], str) and each[1] in METRICS):
            key, options = METRICS[row[1]][0], row[-1] if isinstance(row[-1], dict) else {}
            expected = (None, True) if key in ZERO_SAYS else (row[1], False)
            assert (filled.pop(f"FILL({key}, 0)", None), options.get("visible", True)) == expected
            assert options.get("id", key) == key
            named.append(row[1])
        assert filled == {}
    assert len(set(named) - {"EventsReceived"}) > len(METRICS) // 2


KNOWS_NO_RESOURCE = {
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DescribeTags",
    "ec2:DescribeFlowLogs",
}


@pytest.mark.parametrize("name", ["the stack", "roles", "people"])
def test_every_statement_of_every_role_names_its_resources(
    nested: Nested, template: Template, name: str
) -> None:
    """Where a call knows none, it only looks."""
    resources = nested.get(name, template)["Resources"]
    roles = [each for each in resources.values() if each["Type"].startswith("AWS::IAM::")]
    assert roles
    for resource in roles:
        documents = [resource["Properties"].get("PolicyDocument")]
        documents += [each["PolicyDocument"] for each in resource["Properties"].get("Policies", [])]
        for found in (each for document in documents if document for each in document["Statement"]):
            choices = found["Fn::If"][1:] if "Fn::If" in found else [found]
            (statement,) = [each for each in choices if each != {"Ref": "AWS::NoValue"}]
            actions = statement["Action"]
            actions = set(
                actions["Fn::If"][1]
                if "Fn::If" in actions
                else [actions]
                if isinstance(actions, str)
                else actions
            )
            assert statement["Sid"], name
            assert not [each for each in actions if "*" in each], name
            if statement["Effect"] == "Allow" and statement["Resource"] in ("*", ["*"]):
                assert actions <= KNOWS_NO_RESOURCE, name
