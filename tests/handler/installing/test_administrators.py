"""Who is mapped as an administrator, and who is not taken away; on the real plugin: tests/security."""

from collections.abc import Iterator
from typing import Any, Final

import pytest

from handler.config import Config
from handler.installing.administrators import install_administrators
from handler.installing.cluster import Cluster
from handler.opensearch import connect
from support.front import Front
from support.security_api import SecurityApi

ACCOUNT: Final = "arn:aws:iam::123456789012:"
SETUP: Final = f"{ACCOUNT}role/flowlogs-SetupRole"
GROUP: Final = f"{ACCOUNT}role/flowlogs-AdministratorsRole"
SOMEBODY: Final = f"{ACCOUNT}user/team/somebody"
WRITERS: Final = (f"{ACCOUNT}role/flowlogs-ForwardRole", f"{ACCOUNT}role/flowlogs-ReplayRole")
OTHERS: Final = (f"{ACCOUNT}role/other-ForwardRole",)


class Site:
    """A cluster whose master is the setup's role."""

    def __init__(self, front: Front, security: SecurityApi) -> None:
        self.security = security
        self._url = front.url
        security.mappings["all_access"] = {"backend_roles": [SETUP]}

    def install(self, *arns: str, prefix: str = "cwl", writers: tuple[str, ...] = WRITERS) -> str:
        """Install these administrators, after the writers; return what was done."""
        self.security.roles[f"{prefix}-writer"] = {}
        self.security.mappings[f"{prefix}-writer"] = {"backend_roles": list(writers)}
        environ = {"OPENSEARCH_URL": self._url, "OPENSEARCH_AUTH": "none", "INDEX_PREFIX": prefix}
        config = Config.from_environ(environ)
        return str(install_administrators(Cluster(connect(config)), config, arns, writers))

    @property
    def masters(self) -> dict[str, list[str]]:
        return self.security.mappings["all_access"]


@pytest.fixture
def site() -> Iterator[Site]:
    security = SecurityApi("all_access")
    with Front(None, security) as front:
        yield Site(front, security)


def test_nothing_is_asked_for_and_nothing_is_done(site: Site) -> None:
    assert site.install() == "skipped: no AdminPrincipalArn is given"
    assert site.masters == {"backend_roles": [SETUP]}
    assert list(site.security.roles) == ["all_access", "cwl-writer"]


def test_what_people_mapped_by_hand_stays_also_where_a_parameter_named_it(site: Site) -> None:
    site.masters.update(backend_roles=[SETUP, GROUP], users=["somebody"])
    site.install(GROUP, SOMEBODY)
    assert site.masters == {"backend_roles": [SETUP, GROUP], "users": ["somebody", SOMEBODY]}

    assert site.install() == f"updated: {SOMEBODY} taken from all_access"
    assert site.masters == {"backend_roles": [SETUP, GROUP], "users": ["somebody"]}


def test_what_people_took_away_by_hand_is_added_again_and_forgotten_when_it_is_not_wanted(site: Site) -> None:
    site.install(GROUP)
    site.masters["backend_roles"].remove(GROUP)
    assert site.install(GROUP) == f"updated: {GROUP} added to all_access"

    site.masters["backend_roles"].remove(GROUP)
    site.install()
    assert site.masters == {"backend_roles": [SETUP]}
    assert site.security.mappings["cwl-added-to-all_access"] == {}


def test_the_setups_own_role_is_never_taken_from_it(site: Site) -> None:
    site.install(SETUP, GROUP)
    site.install()

    assert site.masters == {"backend_roles": [SETUP]}


def test_stacks_with_other_prefixes_take_away_their_own_only(site: Site) -> None:
    site.install(GROUP)
    site.install(GROUP, SOMEBODY, prefix="dev", writers=OTHERS)
    site.install(prefix="dev", writers=OTHERS)

    assert site.masters == {"backend_roles": [SETUP, GROUP]}
    assert site.security.mappings["cwl-added-to-all_access"] == {"backend_roles": [GROUP]}


def test_who_is_taken_out_after_the_prefix_has_changed_administers_no_more(site: Site) -> None:
    site.install(GROUP, SOMEBODY)
    assert site.install(GROUP, SOMEBODY, prefix="new") == "unchanged"
    assert site.security.mappings["cwl-added-to-all_access"] == {}
    assert site.install(GROUP, prefix="newer") == f"updated: {SOMEBODY} taken from all_access"
    assert site.install(prefix="newer") == f"updated: {GROUP} taken from all_access"
    assert site.masters == {"backend_roles": [SETUP]}


def test_who_was_taken_out_when_only_notes_of_the_present_prefix_were_read_is_taken_out_now(
    site: Site,
) -> None:
    """So an earlier version left it: the note under the old prefix, and nothing under the new one."""
    site.install(GROUP, SOMEBODY)
    site.security.roles["new-writer"] = {}
    site.security.mappings["new-writer"] = {"backend_roles": list(WRITERS)}

    assert site.install(GROUP, prefix="new") == f"updated: {SOMEBODY} taken from all_access"
    assert site.masters == {"backend_roles": [SETUP, GROUP]}
    assert site.install(GROUP, prefix="new") == "unchanged"


def test_a_note_under_a_prefix_that_another_stack_has_taken_since_is_left_to_that_one(site: Site) -> None:
    site.install(GROUP)
    site.security.mappings["cwl-writer"] = {"backend_roles": list(OTHERS)}

    assert site.install(prefix="new") == "skipped: no AdminPrincipalArn is given"
    assert site.masters == {"backend_roles": [SETUP, GROUP]}
    assert site.install(writers=OTHERS) == f"updated: {GROUP} taken from all_access"


def test_a_domain_that_asks_for_the_security_managers_role_gets_it_mapped_too(site: Site) -> None:
    site.security.roles["security_manager"] = {}
    site.install(GROUP)
    assert site.security.mappings["security_manager"] == {"backend_roles": [GROUP]}

    site.install()
    assert site.security.mappings["security_manager"] == {}
    assert site.masters == {"backend_roles": [SETUP]}


def test_a_cluster_without_security_has_no_administrators() -> None:
    def answer(_: Any) -> tuple[int, Any]:
        return 400, {"error": "no handler found for uri [...] and method [GET]"}

    with Front(None, answer) as front:
        config = Config.from_environ({"OPENSEARCH_URL": front.url, "OPENSEARCH_AUTH": "none"})
        done = install_administrators(Cluster(connect(config)), config, [GROUP])

    assert str(done).startswith("skipped: the cluster has no fine-grained access control")
