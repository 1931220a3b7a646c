"""What all tests share: real OpenSearch nodes, started once, empty at the start of each test."""

import functools
import os
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path

import boto3
import botocore.session
import pytest
from botocore.loaders import Loader, create_loader
from xdist.remote import Producer

import distribution
from distribution import GroupScheduling
from flowlogs.local import project_node
from flowlogs.local.embedded import Embedded
from flowlogs.local.releases import DEFAULT_VERSION, RELEASES
from handler.failures import connect_s3
from handler.observe import logger
from support.commands import BUCKET, REGION

Nodes = Callable[[str], Embedded]

# The first compiler only, and no proof of classes that millions run: nodes start in half the time.
QUICK = (
    "-XX:TieredStopAtLevel=1",
    "-XX:+UnlockDiagnosticVMOptions",
    "-XX:-BytecodeVerificationRemote",
)
# Amazon's small domains take no larger request.
SMALL = {"http.max_content_length": "10mb"}
# Everything that a test can leave behind in a cluster. Settings come first: they may forbid the rest.
_RESET = {"persistent": {"*": None}, "transient": {"*": None}}
_REMOVE = ("/_data_stream/*", "/*", "/_index_template/*", "/_component_template/*", "/_template/*")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Say how many worker processes a run has."""
    return distribution.count_workers(config)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> GroupScheduling | None:
    """Keep together what uses the same nodes, unless --dist asks for something else."""
    return GroupScheduling(config, log) if config.getoption("dist") == "loadscope" else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is long, unless marks are chosen; order the tests of a run of several workers."""
    if not config.getoption("markexpr"):
        long = [item for item in items if item.get_closest_marker("long")]
        items[:] = [item for item in items if not item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=long)
    if hasattr(config, "workerinput"):
        distribution.order(items)


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep this machine's credentials and cluster from every test, and one test's choice from the next."""
    for name in os.environ:
        if name.startswith(("AWS_", "OPENSEARCH_")):
            monkeypatch.delenv(name)
    # boto3 keeps a session with the credentials that an earlier test had.
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    before = set(os.environ)
    yield
    # The command line chooses account and Region in the environment, as its own process may.
    for name in set(os.environ) - before:
        if name.startswith(("AWS_", "OPENSEARCH_")):
            del os.environ[name]


@pytest.fixture(autouse=True)
def what_is_logged_is_chosen_anew() -> Iterator[None]:
    """Keep the level that a function has read from its configuration from the next test."""
    level = logger.log_level
    yield
    logger.setLevel(level)


@pytest.fixture(scope="session", autouse=True)
def no_files_in_the_project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let commands that are called in this process keep locks and data elsewhere than in the project."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(project_node, "DATA", tmp_path_factory.mktemp("project-data"))
        yield


@pytest.fixture(scope="session", autouse=True)
def quick_java() -> Iterator[None]:
    """Let every node start quickly, also one that a command starts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAVA_TOOL_OPTIONS", " ".join(QUICK))
        yield


@pytest.fixture(scope="session", autouse=True)
def descriptions_of_aws() -> Iterator[None]:
    """Read botocore's descriptions of services once: each test has sessions of its own, which read 100 ms."""

    @functools.cache
    def share(search_path: str | None = None) -> Loader:
        return create_loader(search_path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", share)
        yield


@pytest.fixture(scope="session")
def opensearch_nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """Return a function that gives the session's running node of a version, started at its first use."""
    nodes: dict[str, Embedded] = {}

    def running_node(version: str) -> Embedded:
        if version not in nodes:
            folder = tmp_path_factory.mktemp(f"opensearch-{version}")
            nodes[version] = Embedded(folder, version, settings=SMALL)
        return nodes[version].start()  # again, where a test has ended it

    yield running_node
    for node in nodes.values():
        node.stop()


@pytest.fixture
def opensearch(opensearch_nodes: Nodes) -> Embedded:
    """Return the session's OpenSearch 3.8, empty."""
    return empty(opensearch_nodes(DEFAULT_VERSION))


@pytest.fixture(
    params=[
        # Between the oldest and the newest: it seldom answers in a way of its own, so make test-long asks it.
        pytest.param(version, marks=pytest.mark.long) if version == "2.19.1" else version
        for version in RELEASES
    ]
)
def any_opensearch(request: pytest.FixtureRequest, opensearch_nodes: Nodes) -> Embedded:
    """Return the session's OpenSearch of each version in turn, empty."""
    return empty(opensearch_nodes(request.param))


@pytest.fixture(scope="session")
def project() -> Path:
    """Return the project's folder."""
    return Path(__file__).parents[1]


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Sign in to an account that has just an empty failure bucket."""
    # Slow to import, and needed by few tests.
    from moto import mock_aws

    for name, text in {
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
    }.items():
        monkeypatch.setenv(name, text)
    connect_s3.cache_clear()
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        yield
    connect_s3.cache_clear()


def empty(node: Embedded) -> Embedded:
    """Delete the indices, templates and settings of a node."""
    answers = [node.request("PUT", "/_cluster/settings", _RESET)]
    answers += [node.request("DELETE", path) for path in _REMOVE]
    for status, reply in answers:
        assert status in {HTTPStatus.OK, HTTPStatus.NOT_FOUND}, reply
    return node
