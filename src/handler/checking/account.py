"""What the account says to a stack that is to be made or changed: one sentence for each obstacle.

All that is asked is read-only. What an answer is refused to is said as not checked, and stops nothing.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeVar

from handler.checking.choices import Choices, is_optimized

T = TypeVar("T")

PATIENCE: Final = 30.0
"""Seconds in which a refusal is waited for: a role that was just made is not known everywhere."""

PAUSE: Final = 3.0
MOST_FILTERS: Final = 2
"""Of a log group: CloudWatch Logs takes no third."""

SERVICE_ROLE: Final = "AWSServiceRoleForAmazonOpenSearchService"

_KEY: Final = "DomainKmsKeyArn"

_ABSENT: Final = frozenset(
    {"ResourceNotFoundException", "NoSuchEntity", "ValidationError", "NotFoundException"}
)
"""How services say that something is not there; CloudFormation has no code of its own for it."""

_REFUSED: Final = frozenset({"AccessDenied", "AccessDeniedException", "UnrecognizedClientException"})


class Account:
    """Asks AWS, and remembers what it was not told.

    Attributes:
        unknown: what could not be asked, each as a sentence.
    """

    def __init__(
        self,
        stack: str,
        *,
        connect: Callable[[str], Any] | None = None,
        patience: float = PATIENCE,
        pause: float = PAUSE,
    ) -> None:
        """Prepare to ask about a stack.

        Args:
            stack: its ARN.
            connect: returns the client of a service; None for boto3's.
            patience: seconds in which a refused call is repeated.
            pause: seconds between two tries.
        """
        self._stack = stack
        self._connect = connect or _connect
        self._until = time.monotonic() + patience
        self._pause = pause
        self.unknown: list[str] = []

    def is_going_back(self) -> bool | None:
        """Tell whether the stack is being rolled back; None where that is not told."""
        client = self._connect("cloudformation")
        found = self._ask("the state of the stack", lambda: client.describe_stacks(StackName=self._stack))
        return "ROLLBACK" in found["Stacks"][0]["StackStatus"] if found else None

    def find_obstacles(self, choices: Choices, before: Choices) -> list[str]:
        """Return what AWS would refuse.

        Args:
            choices: as for `find_contradictions`.
            before: the same before the change; empty where the stack is made.
        """
        found: list[str] = []
        if name := choices.get("DomainName"):
            found += self._find_of_domain(name, choices, before)
        if group := choices.get("LogGroupName"):
            found += self._find_of_group(group, choices.get("FilterName", ""))
        return found

    def _find_of_domain(self, name: str, choices: Choices, before: Choices) -> Iterator[str]:
        there = self._find_domain(name)
        if not there:
            if choices.get("DomainVpcId") and not self._has_service_role():
                yield (
                    "AWS makes a domain inside of a VPC only where the account has its service-linked role:"
                    " aws iam create-service-linked-role --aws-service-name opensearchservice.amazonaws.com"
                )
            return
        asked = len(self.unknown)
        own = self._find_own_domain()
        if len(self.unknown) > asked:
            return  # whose it is was not told: it may be the stack's own, which no other name helps
        if own != name:
            yield (
                f"A domain {name} is there already. Give another DomainName, or its endpoint and its ARN as"
                " OpenSearchUrl and OpenSearchArn."
            )
        else:
            yield from find_changes(there, choices, self._recall_key(there, choices, before))

    def _find_of_group(self, name: str, filter_name: str) -> Iterator[str]:
        client = self._connect("logs")
        found = self._ask("the log group", lambda: client.describe_log_groups(logGroupNamePrefix=name))
        if found is None:
            return
        # The shortest name of those that begin so comes first.
        group = next((each for each in found["logGroups"] if each["logGroupName"] == name), None)
        if group is None:
            yield f"There is no log group {name} in this Region. Leave LogGroupName empty to make one."
            return
        if (kind := group.get("logGroupClass", "STANDARD")) != "STANDARD":
            yield f"The log group {name} is of the class {kind}, which takes no subscription filter."
            return
        filters = self._ask("its filters", lambda: client.describe_subscription_filters(logGroupName=name))
        names = [each["filterName"] for each in (filters["subscriptionFilters"] if filters else [])]
        if filter_name not in names and len(names) >= MOST_FILTERS:
            yield (
                f"The log group {name} has {len(names)} subscription filters ({', '.join(names)}), and can"
                f" have no more: delete one with aws logs delete-subscription-filter."
            )

    def _find_domain(self, name: str) -> Mapping[str, Any] | None:
        client = self._connect("opensearch")
        found = self._ask("the domain", lambda: client.describe_domain(DomainName=name))
        return found["DomainStatus"] if found else None

    def _recall_key(self, domain: Mapping[str, Any], choices: Choices, before: Choices) -> Choices:
        """Return what was before with the domain's key, where that is a key of the account's own.

        A first check of a domain that is there, after an upgrade or an import, is not told what was before.
        """
        key = str(domain.get("EncryptionAtRestOptions", {}).get("KmsKeyId", ""))
        if _KEY in before or not key or _is_same(choices.get(_KEY, ""), key):
            return before
        client = self._connect("kms")
        found = self._ask("the domain's key", lambda: client.describe_key(KeyId=key))
        if not found or found["KeyMetadata"]["KeyManager"] != "CUSTOMER":
            return before
        return {**before, _KEY: found["KeyMetadata"]["Arn"]}

    def _find_own_domain(self) -> str:
        """Return the name of the domain that the stack has; empty where it has none, or that is not told."""
        client = self._connect("cloudformation")
        found = self._ask(
            "the stack's own domain",
            lambda: client.describe_stack_resource(StackName=self._stack, LogicalResourceId="Domain"),
        )
        return str(found["StackResourceDetail"].get("PhysicalResourceId", "")) if found else ""

    def _has_service_role(self) -> bool:
        """Tell whether it is there; also where that is not told."""
        asked = len(self.unknown)
        client = self._connect("iam")
        found = self._ask("the service-linked role", lambda: client.get_role(RoleName=SERVICE_ROLE))
        return found is not None or len(self.unknown) > asked

    def _ask(self, what: str, call: Callable[[], T]) -> T | None:
        """Return the answer; None where there is no such thing, or where it is not told."""
        from botocore.exceptions import BotoCoreError, ClientError

        while True:
            try:
                return call()
            except ClientError as error:
                code = error.response["Error"]["Code"]
                if code in _ABSENT:
                    return None
                if code not in _REFUSED or time.monotonic() > self._until:
                    self.unknown.append(f"{what} ({code})")
                    return None
                time.sleep(self._pause)
            except BotoCoreError as error:
                self.unknown.append(f"{what} ({type(error).__name__})")
                return None


def _connect(service: str) -> Any:  # noqa: ANN401  # boto3 has no types
    import boto3  # slow; here, as in all the handlers, where it is used

    return boto3.client(service)  # type: ignore[call-overload]  # any service's


def find_changes(domain: Mapping[str, Any], choices: Choices, before: Choices) -> Iterator[str]:
    """Yield what cannot be changed of a domain that is there.

    Args:
        domain: its status, as DescribeDomain answers.
        choices: as for `find_contradictions`.
        before: the same before the change.
    """
    key = str(domain.get("EncryptionAtRestOptions", {}).get("KmsKeyId", ""))
    wanted, had = choices.get("DomainKmsKeyArn", ""), before.get("DomainKmsKeyArn", "")
    # Where none is asked for, AWS shows one of its own: what was asked for before tells if it was another.
    if (wanted and not _is_same(wanted, key)) or (not wanted and had and _is_same(had, key)):
        keep = had if had and _is_same(had, key) else "aws"
        yield (
            "A domain keeps the key that it was made with. Set DomainKmsKeyArn to"
            f" {keep}; for another key make a new domain (another DomainName)."
        )
    network, asked = str(domain.get("VPCOptions", {}).get("VPCId", "")), choices.get("DomainVpcId", "")
    if network != asked:
        yield (
            f"The domain lies in {network or 'no VPC'} and stays there: DomainVpcId must be"
            f" {network or 'empty'}; for another place make a new domain (another DomainName)."
        )
    running = str(domain.get("EngineVersion", "")).rpartition("_")[2]
    asked_for, was = choices.get("EngineVersion", ""), before.get("EngineVersion", "")
    # One that was upgraded by hand beyond the template is let be while nobody asks for another version.
    # Without the value before (a first check of a stack that is there) nobody knows whether anybody does.
    if was and asked_for != was and _read_version(asked_for) < _read_version(running):
        yield f"The domain runs version {running}, and goes to no lower one: leave EngineVersion at {was}."
    kind = str(domain.get("ClusterConfig", {}).get("InstanceType", ""))
    wanted_kind, had_kind = choices.get("InstanceType", ""), before.get("InstanceType", "")
    # As with the version: only what somebody asks for is refused.
    if had_kind and wanted_kind != had_kind and is_optimized(kind) and not is_optimized(wanted_kind):
        yield (
            f"The domain has nodes of type {kind}, and from OpenSearch optimized ones no way leads back:"
            f" leave InstanceType at {had_kind}; for another family make a new domain (another DomainName)."
        )


def _is_same(one: str, other: str) -> bool:
    """Tell whether two names of keys, as ARNs or ids, are the same key's."""
    return one.rpartition("/")[2] == other.rpartition("/")[2]


def _read_version(text: str) -> tuple[int, ...]:
    return tuple(int(each) for each in text.split(".") if each.isdigit()) or (0,)
