"""What an account has that a deployment needs to know: asked with the rights of whoever deploys."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from flowlogs.cluster.account import read_class
from flowlogs.deploying.domains import Domain, describe_collections, describe_domains, read_disk
from flowlogs.deploying.routes import UnclearError, find_way_to_s3
from flowlogs.terminal.exits import describe, is_denied, read_code

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who deploys: the number of the account, and the ARN of the user or the session."""

    account: str
    arn: str


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack that is there.

    Attributes:
        status: as CloudFormation says it.
        parameters: what it was given.
        defaults: those of the template that it was made from.
    """

    status: str
    parameters: dict[str, str] = field(default_factory=dict)
    defaults: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Named:
    """Something with an identity, and what is shown beside it."""

    id: str
    text: str


class RefusedError(Exception):
    """What was asked may not be asked, or is not answered; the text says why."""


class Account:
    """Asks AWS. Each question raises RefusedError where there is no answer."""

    def identify(self) -> Identity:
        """Return who asks.

        Raises:
            botocore.exceptions.ClientError, BotoCoreError: there are no credentials that AWS accepts.
        """
        said = _client("sts").get_caller_identity()
        return Identity(said["Account"], said["Arn"])

    def find_principal(self, identity: Identity) -> str:
        """Return the ARN of the role or user that deploys; empty where it cannot be told.

        The name of a session lacks the path of its role, which the ARN of a role has
        (IAM User Guide, "IAM identifiers"), so IAM is asked for it.
        """
        _, _, what = identity.arn.rpartition(":")
        kind, _, name = what.partition("/")
        if kind == "user":
            return identity.arn
        if kind != "assumed-role":
            return ""
        try:
            return str(_ask(lambda: _client("iam").get_role(RoleName=name.partition("/")[0]))["Role"]["Arn"])
        except RefusedError:
            return ""

    def find_stack(self, name: str) -> Stack | None:
        """Return a stack; None where there is none.

        Raises:
            botocore.exceptions.ClientError, BotoCoreError: it may not be asked about, or there is no answer.
        """
        from botocore.exceptions import ClientError

        client = _client("cloudformation")
        try:
            (found,) = client.describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            if read_code(error) == "ValidationError":  # "Stack with id ... does not exist"
                return None
            raise
        parameters = {
            each["ParameterKey"]: each.get("ParameterValue", "") for each in found.get("Parameters", ())
        }
        try:
            summary = client.get_template_summary(StackName=name)
        except ClientError:
            return Stack(found["StackStatus"], parameters)
        defaults = {
            each["ParameterKey"]: each.get("DefaultValue", "") for each in summary.get("Parameters", ())
        }
        return Stack(found["StackStatus"], parameters, defaults)

    def find_resource(self, stack: str, name: str) -> str | None:
        """Return AWS's name for a resource of a stack, by its logical name; None where it has no such."""
        from botocore.exceptions import ClientError

        def ask() -> str | None:
            try:
                said = _client("cloudformation").describe_stack_resource(
                    StackName=stack, LogicalResourceId=name
                )
            except ClientError as error:
                if read_code(error) == "ValidationError":  # "Resource ... does not exist for stack ..."
                    return None
                raise
            found = said["StackResourceDetail"]
            is_gone = found["ResourceStatus"] == "DELETE_COMPLETE"
            return None if is_gone else found.get("PhysicalResourceId")

        return _ask(ask)

    def list_flow_logs(self) -> dict[str, list[str]]:
        """Return the log groups that flow logs of this account write to, with what each watches."""

        def ask() -> dict[str, list[str]]:
            found: dict[str, list[str]] = defaultdict(list)
            for each in _pages("ec2", "describe_flow_logs", "FlowLogs"):
                if each.get("LogGroupName"):
                    found[each["LogGroupName"]].append(each.get("ResourceId", ""))
            return dict(found)

        return _ask(ask)

    def find_class(self, log_group: str) -> str | None:
        """Return the class of a log group; None where there is no such group."""
        return _ask(lambda: read_class(log_group))

    def list_filters(self, log_group: str) -> list[tuple[str, str]]:
        """Return the subscription filters of a log group: name, ARN of the destination."""

        def ask() -> list[tuple[str, str]]:
            pages = _pages(
                "logs", "describe_subscription_filters", "subscriptionFilters", logGroupName=log_group
            )
            return [(each["filterName"], each["destinationArn"]) for each in pages]

        return _ask(ask)

    def list_resource_policies(self) -> list[str]:
        """Return the names of the resource policies of CloudWatch Logs in this Region."""
        return _ask(
            lambda: [
                each["policyName"]
                for each in _pages("logs", "describe_resource_policies", "resourcePolicies")
            ]
        )

    def list_vpcs(self) -> list[Named]:
        """Return the VPCs of this Region."""
        return _ask(
            lambda: [
                _name(each, "VpcId", each["CidrBlock"]) for each in _pages("ec2", "describe_vpcs", "Vpcs")
            ]
        )

    def list_subnets(self, vpc: str) -> list[Named]:
        """Return the subnets of a VPC."""

        def ask() -> list[Named]:
            found = _in_vpc("describe_subnets", "Subnets", vpc)
            return [_name(each, "SubnetId", each["CidrBlock"], each["AvailabilityZone"]) for each in found]

        return _ask(ask)

    def find_way_to_s3(self, subnet: str) -> str:
        """Return by what S3 is reached from a subnet; empty where by nothing."""
        try:
            return _ask(lambda: find_way_to_s3(_client("ec2"), subnet))
        except UnclearError as error:
            raise RefusedError(str(error)) from error

    def list_security_groups(self, vpc: str) -> list[Named]:
        """Return the security groups of a VPC."""

        def ask() -> list[Named]:
            found = _in_vpc("describe_security_groups", "SecurityGroups", vpc)
            return [_name(each, "GroupId", each["GroupName"], each["Description"]) for each in found]

        return _ask(ask)

    def list_domains(self) -> list[Domain]:
        """Return the OpenSearch domains of this Region."""
        return _ask(lambda: list(describe_domains(_client("opensearch"))))

    def list_collections(self) -> list[Domain]:
        """Return the Serverless collections of this Region."""
        return _ask(lambda: list(describe_collections(_client("opensearchserverless"))))

    def list_storage(self, instance_type: str, version: str) -> tuple[int, int] | None:
        """Return the least and the most GiB of a gp3 disk that an instance type takes; None for no disk."""

        def ask() -> tuple[int, int] | None:
            said = _client("opensearch").describe_instance_type_limits(
                InstanceType=instance_type, EngineVersion=f"OpenSearch_{version}"
            )
            return read_disk(said["LimitsByRole"])

        return _ask(ask)

    def measure(self, log_group: str) -> float | None:
        """Return how many bytes a day a log group took in, over the last week; None where nothing came."""

        def ask() -> float | None:
            now = datetime.now(UTC)
            points = _client("cloudwatch").get_metric_statistics(
                Namespace="AWS/Logs",
                MetricName="IncomingBytes",
                Dimensions=[{"Name": "LogGroupName", "Value": log_group}],
                StartTime=now - timedelta(days=7),
                EndTime=now,
                Period=86_400,
                Statistics=["Sum"],
            )["Datapoints"]
            return sum(each["Sum"] for each in points) / len(points) if points else None

        return _ask(ask)


def _client(service: str) -> Any:  # noqa: ANN401  # boto3's clients are made when it runs
    import boto3

    make: Any = boto3.client
    return make(service)


def _ask(question: Callable[[], T]) -> T:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return question()
    except (BotoCoreError, ClientError) as error:
        said = f"not permitted to you: {describe(error)}" if is_denied(error) else describe(error)
        raise RefusedError(said) from error


def _pages(service: str, operation: str, key: str, **arguments: object) -> Iterator[dict[str, Any]]:
    for page in _client(service).get_paginator(operation).paginate(**arguments):
        yield from page.get(key, ())


def _in_vpc(operation: str, key: str, vpc: str) -> Iterator[dict[str, Any]]:
    yield from _pages("ec2", operation, key, Filters=[{"Name": "vpc-id", "Values": [vpc]}])


def _name(said: Mapping[str, Any], key: str, *more: str) -> Named:
    tags = [each["Value"] for each in said.get("Tags", ()) if each["Key"] == "Name"]
    return Named(said[key], ", ".join([*tags, *more]))
