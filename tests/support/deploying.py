# ruff: noqa: ARG002  # what the real one asks by
"""An account as the questions and the checks meet it, without AWS."""

from dataclasses import dataclass, field

from flowlogs.deploying.account import Account, Identity, Named, RefusedError, Stack
from flowlogs.deploying.domains import Domain
from flowlogs.deploying.template import load_template

DEPLOYER = "arn:aws:iam::123456789012:role/deployer"
ADMINISTRATOR = (
    {"AdminPrincipalArn": DEPLOYER} if "AdminPrincipalArn" in load_template()["Parameters"] else {}
)
"""What is answered for a new domain without a question, where the template has a place for it."""

DOMAIN = Domain(
    "logs",
    "OpenSearch_2.19",
    "https://search-logs.eu-central-1.es.amazonaws.com",
    "arn:aws:es:eu-central-1:123456789012:domain/logs",
)
INSIDE = Domain(
    "inside",
    "OpenSearch_3.1",
    "https://vpc-inside.eu-central-1.es.amazonaws.com",
    "arn:aws:es:eu-central-1:123456789012:domain/inside",
    vpc="vpc-0a",
    subnets=("subnet-01", "subnet-02"),
    guarded=True,
    passwords=True,
)
COLLECTION = Domain(
    "events",
    "",
    "https://events.eu-central-1.aoss.amazonaws.com",
    "arn:aws:aoss:eu-central-1:123456789012:collection/events",
    service="aoss",
)


@dataclass
class FakeAccount(Account):
    """Answers from what it is made of.

    Attributes:
        refused: names of questions that may not be asked.
    """

    stack: Stack | None = None
    domains: list[Domain] = field(default_factory=lambda: [DOMAIN, INSIDE])
    collections: list[Domain] = field(default_factory=lambda: [COLLECTION])
    flow_logs: dict[str, list[str]] = field(default_factory=lambda: {"/vpc/flow-logs": ["vpc-0a"]})
    filters: list[tuple[str, str]] = field(default_factory=list)
    policies: list[str] = field(default_factory=list)
    log_class: str | None = "STANDARD"
    storage: tuple[int, int] | None = (10, 200)
    volume: float | None = 2e9
    resources: dict[str, str] = field(default_factory=dict)
    ways: dict[str, str] = field(default_factory=dict)
    refused: frozenset[str] = frozenset()

    def identify(self) -> Identity:
        return Identity("123456789012", "arn:aws:sts::123456789012:assumed-role/deployer/session")

    def find_principal(self, identity: Identity) -> str:
        return DEPLOYER

    def find_stack(self, name: str) -> Stack | None:
        return self.stack

    def find_resource(self, stack: str, name: str) -> str | None:
        self._demand("find_resource")
        return self.resources.get(name)

    def list_flow_logs(self) -> dict[str, list[str]]:
        self._demand("list_flow_logs")
        return self.flow_logs

    def find_class(self, log_group: str) -> str | None:
        self._demand("find_class")
        return self.log_class

    def list_filters(self, log_group: str) -> list[tuple[str, str]]:
        self._demand("list_filters")
        return self.filters

    def list_resource_policies(self) -> list[str]:
        self._demand("list_resource_policies")
        return self.policies

    def list_vpcs(self) -> list[Named]:
        self._demand("list_vpcs")
        return [Named("vpc-0a", "production, 10.0.0.0/16"), Named("vpc-0b", "10.1.0.0/16")]

    def list_subnets(self, vpc: str) -> list[Named]:
        return [Named("subnet-01", "10.0.1.0/24, eu-central-1a")]

    def find_way_to_s3(self, subnet: str) -> str:
        self._demand("find_way_to_s3")
        return self.ways.get(subnet, "vpce-0a")

    def list_security_groups(self, vpc: str) -> list[Named]:
        return [Named("sg-01", "default, default VPC security group")]

    def list_domains(self) -> list[Domain]:
        self._demand("list_domains")
        return self.domains

    def list_collections(self) -> list[Domain]:
        self._demand("list_collections")
        return self.collections

    def list_storage(self, instance_type: str, version: str) -> tuple[int, int] | None:
        self._demand("list_storage")
        return self.storage

    def measure(self, log_group: str) -> float | None:
        return self.volume

    def _demand(self, question: str) -> None:
        if question in self.refused:
            raise RefusedError("not permitted to you: AccessDenied")
