"""What a cluster lacks, by the table of engines, and whether the dashboards are in it."""

import boto3
import pytest
from botocore.exceptions import ClientError

from flowlogs.cluster import parts
from flowlogs.cluster.finding import State
from flowlogs.cluster.health import REACH, SIGN
from flowlogs.local.embedded import Embedded
from handler.config import Config
from handler.installing.cluster import Cluster
from handler.installing.dashboards import install_dashboards
from handler.installing.engine_kind import ask_kind, find_kind, read_domain
from handler.opensearch import connect
from parser.engine import NEWEST, OLDEST, SERVERLESS, Engine, Kind
from support.examined import Found, look
from support.front import Dashboards, Front, Reply

HASH = "1a2a3a4a5a6a7a8a9a0a9a8a7a"
CONFIG = Config.from_environ({"OPENSEARCH_URL": "http://127.0.0.1:9", "OPENSEARCH_AUTH": "none"})


@pytest.mark.parametrize(
    ("url", "domain"),
    [
        pytest.param(
            f"https://search-my-logs-{HASH}.eu-central-1.es.amazonaws.com",
            ("my-logs", "eu-central-1"),
            id="public",
        ),
        pytest.param(
            f"https://vpc-logs-{HASH}.us-east-1.es.amazonaws.com", ("logs", "us-east-1"), id="in a VPC"
        ),
        pytest.param(
            f"https://search-logs-{HASH}.aos.us-east-1.on.aws", ("logs", "us-east-1"), id="dual stack"
        ),
        pytest.param("https://logs.example.com", None, id="a name of one's own"),
        pytest.param("http://127.0.0.1:9200", None, id="this machine"),
        pytest.param("https://x.eu-central-1.aoss.amazonaws.com", None, id="a collection"),
    ],
)
def test_an_endpoint_tells_the_name_of_its_domain(url: str, domain: tuple[str, str] | None) -> None:
    assert read_domain(url) == domain


class Domains:
    """Amazon OpenSearch Service, with one domain."""

    def __init__(self, mode: str | None) -> None:
        self._mode = mode

    def describe_domain(self, *, DomainName: str) -> dict[str, object]:
        if self._mode is None:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "DescribeDomain")
        assert DomainName == "logs"
        return {"DomainStatus": {"EngineMode": self._mode} if self._mode else {}}


@pytest.fixture
def domain(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the endpoint of a domain whose engine Amazon names so."""
    monkeypatch.setattr(boto3, "client", lambda *_, **__: Domains(request.param))
    return f"https://search-logs-{HASH}.eu-central-1.es.amazonaws.com"


@pytest.mark.parametrize(
    ("domain", "kind"),
    [("OPTIMIZED", Kind.OPTIMIZED), ("GENERAL", Kind.GENERAL), ("", Kind.GENERAL)],
    indirect=["domain"],
    ids=["the Optimized engine", "the general one", "told before there were two"],
)
def test_amazon_tells_which_engine_a_domain_has(domain: str, kind: Kind) -> None:
    assert ask_kind(domain) is kind
    assert find_kind(NEWEST, domain).kind is kind


@pytest.mark.parametrize("domain", [None], indirect=True)
def test_where_amazon_does_not_tell_the_setup_goes_on_and_doctor_says_that_it_is_not_known(
    domain: str,
) -> None:
    config = Config.from_environ({"OPENSEARCH_URL": domain, "AWS_REGION": "eu-central-1"})
    finding, engines = parts.examine_engine(config, [NEWEST])

    assert find_kind(NEWEST, domain) is NEWEST
    assert (finding.state, engines) == (State.UNKNOWN, [NEWEST])
    assert finding.text.startswith("Amazon does not tell whether its engine is the Optimized one: ")


@pytest.mark.parametrize(
    ("engines", "state", "text"),
    [
        pytest.param([Engine((3, 5), shown="3.5.0")], State.OK, "OpenSearch 3.5.0", id="all"),
        pytest.param(
            [NEWEST, OLDEST],
            State.UNKNOWN,
            "its version may not be read, so what it lacks is not known",
            id="hidden",
        ),
        pytest.param(
            [SERVERLESS],
            State.SKIPPED,
            "OpenSearch Serverless is without a version that it shows: a collection has no version to show; ",
            id="a collection",
        ),
    ],
)
def test_what_is_missing_is_named(engines: list[Engine], state: State, text: str) -> None:
    finding, _ = parts.examine_engine(CONFIG, engines)

    assert finding.state is state
    assert finding.text.startswith(text)


@pytest.mark.parametrize("domain", ["OPTIMIZED"], indirect=True)
def test_of_the_optimized_engine_each_thing_that_does_not_work_is_named(domain: str) -> None:
    config = Config.from_environ({"OPENSEARCH_URL": domain, "AWS_REGION": "eu-central-1"})
    finding, (engine,) = parts.examine_engine(config, [Engine((3, 5), shown="3.5.0")])

    assert finding.state is State.SKIPPED
    assert finding.text == (
        "OpenSearch with the Optimized engine 3.5.0 is without OpenSearch Dashboards: the Optimized engine "
        "has no OpenSearch Dashboards, and no sign-in by Cognito: OpenSearch UI shows its data; searches in "
        "OpenSearch's query language: the Optimized engine answers PPL and SQL only, so flowlogs report, "
        "verify and reparse cannot ask it; documents that can be replaced: the Optimized engine deletes and "
        "replaces no documents, so a line that was parsed wrongly stays so"
    )
    assert parts.examine_dashboards(Cluster(connect(CONFIG)), CONFIG, engine).state is State.SKIPPED


def look_at(node: Embedded, plugin: object) -> Found:
    with Front(node, plugin) as front:  # type: ignore[arg-type]  # any of the plugins
        return look(front.url)


def test_missing_objects_are_a_problem_that_an_import_mends(opensearch: Embedded) -> None:
    dashboards = Dashboards()
    with Front(opensearch, dashboards) as front:
        empty = look(front.url)[parts.DASHBOARDS]
        config = Config.from_environ({"OPENSEARCH_URL": front.url, "OPENSEARCH_AUTH": "none"})
        install_dashboards(Cluster(connect(config)), config)
        whole = look(front.url)[parts.DASHBOARDS]
        dashboards.objects["index-pattern", "cwl-flow-logs"]["attributes"]["title"] = "mine"
        changed = look(front.url)[parts.DASHBOARDS]
        del dashboards.objects["index-pattern", "cwl-flow-logs"]
        one_less = look(front.url)[parts.DASHBOARDS]

    count = len(dashboards.objects) + 1
    assert empty[0] is State.PROBLEM
    assert empty[1].startswith(f"{count} of {count} saved objects are missing (index-pattern cwl-flow-logs, ")
    assert empty[1].endswith(f" and {count - 3} more): flowlogs dashboards --import")
    assert whole == (State.OK, f"{count} saved objects")
    assert changed == (State.OK, f"{count} saved objects, 1 of them otherwise than this version has them")
    assert one_less == (
        State.PROBLEM,
        f"1 of {count} saved objects are missing (index-pattern cwl-flow-logs): flowlogs dashboards --import",
    )


@pytest.mark.parametrize(
    ("reply", "state", "text"),
    [
        pytest.param((302, ""), State.SKIPPED, "asks for a sign-in by browser", id="sent to Cognito"),
        pytest.param((200, "<html>"), State.SKIPPED, "asks for a sign-in by browser", id="a page to sign in"),
        pytest.param((403, {"message": "no"}), State.UNKNOWN, "it answers 403 no", id="refused"),
        pytest.param((503, "not ready yet"), State.UNKNOWN, "it answers 503 not ready yet", id="not ready"),
        pytest.param((404, ""), State.SKIPPED, "the cluster has no OpenSearch Dashboards", id="not there"),
    ],
)
def test_dashboards_that_cannot_be_asked_are_not_called_fine(
    opensearch: Embedded, reply: Reply, state: State, text: str
) -> None:
    found = look_at(opensearch, lambda call: reply if call.path.startswith("/_dashboards") else None)

    assert found[parts.DASHBOARDS][0] is state
    assert text in found[parts.DASHBOARDS][1]
    assert (found[REACH][0], found[SIGN][0]) == (State.OK, State.OK)
