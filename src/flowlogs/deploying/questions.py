"""The questions: only what cannot have a default, each explained, with the account's own values.

What a parameter is, and what it takes, is said by the template. Which are asked, and when, is said here.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from flowlogs.deploying.account import Account, Named, RefusedError
from flowlogs.deploying.domains import Domain
from flowlogs.deploying.intrinsic import find_refusals
from flowlogs.deploying.talk import Talk
from flowlogs.deploying.template import Parameter, read_parameters

ASKED: Final = (
    "OpenSearchUrl",
    "OpenSearchArn",
    "OpenSearchService",
    "OpenSearchAuth",
    "SetupSecretArn",
    "AdminEmail",
    "DomainName",
    "LogGroupName",
    "VpcId",
    "FunctionVpc",
    "FunctionSubnetIds",
    "FunctionSecurityGroupIds",
)
"""Parameters that the questions are about, beside those that a rule of the template names."""

NEW_DOMAIN: Final = "a new domain"
BY_HAND: Final = "another"
NEW_GROUP: Final = "a new log group"
NO_VPC: Final = "none"

_AWS: Final = ".amazonaws.com"
_ADMINISTRATORS: Final = "AdminPrincipalArn"

T = TypeVar("T")


class Interview:
    """Asks for what is missing.

    Attributes:
        answers: what is known, and becomes known.
    """

    def __init__(
        self, template: Mapping[str, Any], known: Mapping[str, str], account: Account, talk: Talk
    ) -> None:
        self.answers = dict(known)
        self._template = template
        self._parameters: dict[str, Parameter] = read_parameters(template)
        self._account = account
        self._talk = talk

    def ask(self) -> dict[str, str]:
        """Ask all that is open; return the answers, old and new."""
        self._ask_cluster()
        self._ask_source()
        self._ask_what_rules_want()
        return self.answers

    def _ask_cluster(self) -> None:
        if {"OpenSearchUrl", "AdminEmail", "OpenSearchArn"} & self.answers.keys():
            return
        made = self._list(self._account.list_domains)
        # One without an address is still being made: it cannot be chosen, and its name is taken.
        domains = [each for each in (*made, *self._list(self._account.list_collections)) if each.url]
        choices = [
            *(Named(each.name, _describe(each)) for each in domains),
            Named(NEW_DOMAIN, "made by this stack; takes half an hour, and is billed by the hour"),
            Named(BY_HAND, "whose address you type"),
        ]
        chosen = self._talk.choose("Which OpenSearch shall the flow logs go to?", choices)
        if chosen == NEW_DOMAIN:
            self._ask_new_domain([each.name for each in made])
        elif chosen == BY_HAND:
            self._ask_address()
        else:
            self._take_domain(next(each for each in domains if each.name == chosen))

    def _ask_new_domain(self, taken: Sequence[str]) -> None:
        self._ask_parameter("AdminEmail", required=True)
        self._name_administrator()
        name = self.answers.get("DomainName", self._parameters["DomainName"].default)
        if name in taken:
            self._talk.tell(
                f"\nThere is a domain {name} in this Region already: the new one needs another name."
            )

            def refuse(value: str) -> str:
                return f"{value} is taken" if value in taken else ""

            self._ask_parameter("DomainName", required=True, refuse=refuse)

    def _name_administrator(self) -> None:
        """Let who deploys administer the new cluster, which is what its commands need."""
        if _ADMINISTRATORS not in self._parameters or _ADMINISTRATORS in self.answers:
            return
        found = self._account.find_principal(self._account.identify())
        if not found or self._parameters[_ADMINISTRATORS].refuse(found):
            self._ask_parameter(_ADMINISTRATORS)
            return
        self.answers[_ADMINISTRATORS] = found
        self._talk.tell(f"\n{_ADMINISTRATORS}: {found}, since you deploy; answers.toml takes others, too.")

    def _ask_address(self) -> None:
        """Ask for a cluster that is not listed, which may be none of AWS's."""
        self._ask_parameter("OpenSearchUrl", required=True)
        if _AWS in self.answers["OpenSearchUrl"]:
            self._ask_parameter("OpenSearchArn", required=True)
        else:
            ways = [Named(each, "") for each in self._parameters["OpenSearchAuth"].choices]
            self.answers["OpenSearchAuth"] = self._talk.choose(self._parameters["OpenSearchAuth"].text, ways)

    def _take_domain(self, domain: Domain) -> None:
        self.answers |= {"OpenSearchUrl": domain.url, "OpenSearchArn": domain.arn}
        if domain.service != self._parameters["OpenSearchService"].default:
            self.answers["OpenSearchService"] = domain.service
        if domain.guarded:
            self._talk.tell(
                f"\n{domain.name} has fine-grained access control: it must let the setup in first. "
                'docs/security.md, "An existing domain", has the commands.'
            )
        if domain.passwords:
            self._ask_parameter("SetupSecretArn", more="Nothing, where the setup's role is let in already.")
        if domain.vpc:
            self._ask_network(domain)

    def _ask_network(self, domain: Domain) -> None:
        """Ask where the functions run, since the domain can be reached from inside its VPC only."""
        self._talk.tell(
            f"\n{domain.name} lies in {domain.vpc}: the functions must run in a VPC that reaches it."
        )
        subnets = self._list(lambda: self._account.list_subnets(domain.vpc))
        groups = self._list(lambda: self._account.list_security_groups(domain.vpc))
        self._show(subnets)
        self._ask_parameter("FunctionSubnetIds", required=True, default=",".join(domain.subnets))
        self._show(groups)
        self._ask_parameter("FunctionSecurityGroupIds", required=True)
        takes = [Named(each, "") for each in self._parameters["FunctionVpc"].choices if each != "none"]
        self.answers["FunctionVpc"] = self._talk.choose(self._parameters["FunctionVpc"].text, takes)

    def _ask_source(self) -> None:
        if {"LogGroupName", "VpcId", "SubnetId", "NetworkInterfaceId"} & self.answers.keys():
            return
        flow_logs = dict(self._list(lambda: list(self._account.list_flow_logs().items())))
        choices = [Named(name, f"flow logs of {', '.join(what)}") for name, what in sorted(flow_logs.items())]
        text = f"Which log group are your flow logs in? {self._parameters['LogGroupName'].text}"
        made = Named(NEW_GROUP, "with a flow log for a VPC, both made by this stack")
        chosen = self._talk.choose(text, [*choices, made], self._parameters["LogGroupName"].refuse)
        if chosen != NEW_GROUP:
            self.answers["LogGroupName"] = chosen
        if chosen not in flow_logs:
            self._ask_vpc()

    def _ask_vpc(self) -> None:
        choices = [*self._list(self._account.list_vpcs), Named(NO_VPC, "flow logs write there, or will")]
        parameter = self._parameters["VpcId"]
        chosen = self._talk.choose(f"Which VPC? {parameter.text}", choices, parameter.refuse)
        if chosen != NO_VPC:
            self.answers["VpcId"] = chosen

    def _ask_what_rules_want(self) -> None:
        """Ask for the parameters that the template's rules name, while an answer changes something."""
        seen: set[str] = set()
        while (sentences := self._refusals()) and sentences[0] not in seen:
            seen.add(sentences[0])
            self._talk.tell(f"\n{sentences[0]}")
            for name in re.findall(r"\b[A-Z][A-Za-z]+\b", sentences[0]):
                if name in self._parameters and name not in self.answers and sentences[0] in self._refusals():
                    self._ask_parameter(name)

    def _refusals(self) -> list[str]:
        defaults = {name: each.default or "" for name, each in self._parameters.items()}
        return find_refusals(self._template, {**defaults, **self.answers})

    def _ask_parameter(
        self,
        name: str,
        *,
        required: bool = False,
        default: str = "",
        more: str = "",
        refuse: Callable[[str], str] = lambda _: "",
    ) -> None:
        """Ask for a parameter; where nothing is typed it stays as it is."""
        parameter = self._parameters[name]

        def judge(value: str) -> str:
            if not value:
                return f"{name} is needed: {parameter.example or parameter.text}" if required else ""
            return parameter.refuse(value) or refuse(value)

        hint = more or ("" if required or default else "Nothing, for what is the default.")
        given = self._talk.ask(f"{name}: {parameter.text} {hint}".rstrip(), default, judge)
        if given:
            self.answers[name] = given

    def _list(self, question: Callable[[], list[T]]) -> list[T]:
        """Return what the account has; where it may not be asked, say so, and return nothing."""
        try:
            return question()
        except RefusedError as error:
            self._talk.tell(f"\nThis cannot be listed ({error}): type it by hand.")
            return []

    def _show(self, found: Sequence[Named]) -> None:
        for each in found:
            self._talk.tell(f"  {each.id}  {each.text}")


def _describe(domain: Domain) -> str:
    where = f", in {domain.vpc}" if domain.vpc else ""
    return f"{domain.version or 'Serverless collection'}, {domain.url}{where}"
