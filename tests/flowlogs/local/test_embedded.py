"""The embedded OpenSearch: it starts, keeps its data, stands beside others, and says why it cannot."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from flowlogs.local import embedded, loopback, project_node
from flowlogs.local.embedded import Embedded
from flowlogs.local.errors import EmbeddedError
from flowlogs.local.project_node import connect_or_start
from support.troubles import lose

pytestmark = pytest.mark.dear(4)

# What is started is a server that is there at once: who ends it does not ask whether it is a node.
START_AND_SLEEP = """
import sys, time
from pathlib import Path
from flowlogs.local import loopback
from flowlogs.local.embedded import Embedded
class Quick(Embedded):
    def _command(self):
        return [sys.executable, "-m", "http.server", "--bind", loopback.HOST, str(self.port)]
    def _wait(self):
        while not loopback.listens(self.port):
            time.sleep(0.01)
node = Quick(Path(sys.argv[1])).start()
print(node.port, flush=True)
time.sleep(600)
"""
# Where the tests run in the background, SIGINT may be inherited as ignored.
SERVE = """
import signal, sys
from pathlib import Path
from flowlogs.local import project_node
from flowlogs.command_line import app
signal.signal(signal.SIGINT, signal.default_int_handler)
project_node.DATA, project_node.PORT = Path(sys.argv[1]), int(sys.argv[2])
app(["opensearch"])
"""


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """Give a small node beside the session's, empty, in a folder as that of the project's node."""
    folder = tmp_path_factory.mktemp("project") / "3.8.0"
    with Embedded(folder, settings={"http.max_content_length": "1kb"}, heap="256m") as node:
        yield node


def test_each_version_answers_with_its_number(any_opensearch: Embedded) -> None:
    status, reply = any_opensearch.request("GET", "/")

    assert (status, reply["version"]["number"]) == (200, any_opensearch.release.version)


def test_an_index_can_be_made_filled_and_searched(any_opensearch: Embedded) -> None:
    put = any_opensearch.request("PUT", "/cwl-2026.01.02/_doc/1?refresh=true", {"srcaddr": "10.0.0.1"})
    status, reply = any_opensearch.request("GET", "/cwl-*/_search", {"query": {"match_all": {}}})

    assert (put[0], status) == (201, 200)
    assert [hit["_source"] for hit in reply["hits"]["hits"]] == [{"srcaddr": "10.0.0.1"}]


def test_a_test_starts_with_an_empty_cluster(any_opensearch: Embedded) -> None:
    assert any_opensearch.request("GET", "/_cat/indices?format=json&expand_wildcards=all") == (200, [])


def test_a_killed_node_starts_again_with_the_same_data_and_address(opensearch: Embedded) -> None:
    opensearch.request("PUT", "/kept/_doc/1", {"bytes": 9007199254740993})
    address = opensearch.url

    opensearch.kill()
    with pytest.raises(ConnectionRefusedError):
        opensearch.request("GET", "/")
    opensearch.start()

    assert opensearch.url == address
    assert opensearch.request("GET", "/kept/_doc/1")[1]["_source"] == {"bytes": 9007199254740993}


def test_two_nodes_run_at_once_and_do_not_meet(opensearch: Embedded, other: Embedded) -> None:
    opensearch.request("PUT", "/only-here")

    assert other.request("GET", "/_cat/indices?format=json") == (200, [])
    assert other.request("GET", "/_cluster/health")[1]["number_of_nodes"] == 1


def test_settings_reach_the_node(other: Embedded) -> None:
    status, _ = other.request("PUT", "/large/_doc/1", {"text": "x" * 2000})

    assert status == http.client.REQUEST_ENTITY_TOO_LARGE


def test_a_setting_that_does_not_exist_is_named(tmp_path: Path) -> None:
    node = Embedded(tmp_path, settings={"no.such.setting": 1})

    with pytest.raises(
        EmbeddedError, match=r"^OpenSearch 3\.8\.0 did not start: .*\[no\.such\.setting\].*\)$"
    ):
        node.start()
    assert not node.running


def test_a_taken_port_is_told_before_anything_starts(opensearch: Embedded, tmp_path: Path) -> None:
    other = Embedded(tmp_path, port=opensearch.port)

    with pytest.raises(EmbeddedError, match=rf"^port {opensearch.port} is taken by another program: "):
        other.start()


@pytest.mark.parametrize(
    ("version", "port", "message"),
    [
        pytest.param(
            "9.9.9", None, "OpenSearch 9.9.9 cannot be embedded; the versions that can", id="version"
        ),
        pytest.param("3.8.0", 9300, "port 9300 is too high for the embedded OpenSearch", id="port"),
    ],
)
def test_what_cannot_work_is_refused(tmp_path: Path, version: str, port: int | None, message: str) -> None:
    with pytest.raises(EmbeddedError, match=message):
        Embedded(tmp_path, version, port=port)


def test_a_node_does_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    command = [sys.executable, "-c", START_AND_SLEEP, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        port = int(parent.stdout.readline())
        assert loopback.listens(port)
        os.kill(parent.pid, signal.SIGKILL)

    deadline = time.monotonic() + 20
    while loopback.listens(port) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not loopback.listens(port)


def test_a_cluster_of_the_users_own_is_preferred(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENSEARCH_URL", "https://search.example.com/")

    with connect_or_start() as url:
        assert url == "https://search.example.com"


def test_a_running_node_on_the_projects_data_is_shared_and_left_running(
    other: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(project_node, "DATA", other.directory.parent)
    monkeypatch.setattr(project_node, "PORT", other.port)

    with connect_or_start() as url:
        assert url == other.url
    assert other.running


@pytest.mark.long  # the next test tells the same of a port, with a stranger on it
def test_a_node_whose_port_another_takes_meanwhile_does_not_take_that_for_itself(tmp_path: Path) -> None:
    port = loopback.free_low_port()
    nodes = [Embedded(tmp_path / name, port=port, heap="256m") for name in "ab"]

    def start(node: Embedded) -> str:
        try:
            node.start()
        except EmbeddedError as error:
            return str(error)
        return "started"

    try:
        with ThreadPoolExecutor() as pool:
            told = list(pool.map(start, nodes))
        assert told.count("started") == 1
        (refused,) = (each for each in told if each != "started")
        assert refused.startswith(f"port {port} is taken by another program: ")
    finally:
        for node in nodes:
            node.stop()


def test_a_port_that_is_taken_while_the_node_starts_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stranger says nothing; the node would stand at the next port, and be waited for in vain."""
    node = Embedded(tmp_path)
    make_command = node._command
    began = time.monotonic()
    with socket.socket() as stranger:

        def take_the_port() -> list[str]:
            stranger.bind((loopback.HOST, node.port))
            stranger.listen()
            return make_command()

        monkeypatch.setattr(node, "_command", take_the_port)
        with pytest.raises(EmbeddedError, match=rf"^port {node.port} is taken by another program: "):
            node.start()

    assert not node.running
    assert time.monotonic() - began < 40  # an answer of the stranger is waited for a minute


def test_the_demos_node_runs_until_it_is_stopped(tmp_path: Path) -> None:
    port = loopback.free_low_port()
    command = [sys.executable, "-c", SERVE, str(tmp_path), str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdout is not None
        try:
            assert serving.stdout.readline() == f"OpenSearch 3.8.0 is running at http://127.0.0.1:{port}\n"
            status, reply = loopback.request(port, "GET", "/")
            assert (status, reply["version"]["number"]) == (200, "3.8.0")
            serving.send_signal(signal.SIGINT)
            assert serving.wait(60) == 0
            assert serving.stdout.read().endswith("\nstopped\n")
        finally:
            serving.kill()  # else one that does not stop is waited for without an end
    assert not loopback.listens(port)


def test_a_stranger_on_the_usual_port_is_left_alone(
    opensearch: Embedded, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(project_node, "DATA", tmp_path)
    monkeypatch.setattr(project_node, "PORT", opensearch.port)

    with connect_or_start() as url:
        assert url != opensearch.url


@pytest.mark.long  # two starts, half a minute
def test_a_node_whose_index_stays_red_says_which_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not after two minutes, and not with a line of its log that tells of something else."""
    monkeypatch.setattr(embedded, "_RED_SECONDS", 0.5)
    node = Embedded(tmp_path)
    with node:
        lose(node, "cwl-2026.01.12")

    with pytest.raises(EmbeddedError, match=r"runs, but cwl-2026\.01\.12 is red and does not come back: its"):
        node.start()
    assert not node.running
