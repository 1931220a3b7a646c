"""The functions, called as Lambda calls them: retries, time limits, several execution environments."""

import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import pytest

from faults.harness.bucket import CREDENTIALS, NAME, Bucket
from faults.harness.context import make_context
from handler import batch, forward, replay, stream
from handler.config import Config
from handler.delivery import Delivery
from handler.environment import Environment
from handler.opensearch import connect, sender
from handler.outage import Outage
from parser.bulk import Body

TRIES: Final = 3
"""Lambda calls an asynchronous function once, and twice more when it fails."""

Answer = dict[str, int]


@dataclass
class Container:
    """One execution environment, and how many requests it has sent."""

    environment: Environment
    requests: int = 0


@dataclass
class Functions:
    """Forward, stream and replay of one stack.

    Attributes:
        bucket: the failure bucket.
        environ: what the functions' environments say.
        containers: the execution environments of forward; the first is used where none is named.
        failures: what invocations raised.
    """

    bucket: Bucket
    environ: dict[str, str]
    containers: list[Container] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    _current: threading.local = field(default_factory=threading.local)

    @classmethod
    def install(
        cls, monkeypatch: pytest.MonkeyPatch, bucket: Bucket, url: str, **environ: str
    ) -> "Functions":
        """Make the functions of this process use that cluster and bucket."""
        settings = {
            "OPENSEARCH_URL": url,
            "OPENSEARCH_AUTH": "none",
            "FAILURE_BUCKET": NAME,
            "LOG_LEVEL": "CRITICAL",
            "AWS_ENDPOINT_URL_S3": bucket.url,
            **CREDENTIALS,
            **environ,
        }
        for name, text in settings.items():
            monkeypatch.setenv(name, text)
        made = cls(bucket, settings)
        made.containers.append(made.make_container())
        monkeypatch.setattr(forward, "prepare", lambda: made._current.environment)
        monkeypatch.setattr(replay, "prepare", lambda: made._current.environment)
        monkeypatch.setattr(stream, "prepare", lambda: made._current.environment)

        def tell(_message: str, _function_name: str, said: Mapping[str, Any]) -> None:
            counts = {key: said[key] for key in said if key not in ("milliseconds", "reasons")}
            made._current.counts.update(counts)

        monkeypatch.setattr(stream, "tell", tell)
        return made

    def make_container(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        **changes: Any,  # of Config
    ) -> Container:
        """Return a new execution environment, which knows nothing of what others met."""
        config = replace(Config.from_environ(self.environ), **changes)
        send = sender(connect(config))

        def counted(body: Body, seconds: float) -> tuple[int, bytes]:
            container.requests += 1
            return send(body, seconds)

        container = Container(Environment(config, counted, Outage(clock)))
        return container

    def restart(self) -> None:
        """Start with one new environment, as after minutes without an event."""
        self.containers = [self.make_container()]

    def invoke(
        self,
        event: Mapping[str, Any],
        *,
        container: int = 0,
        request_id: str | None = None,
        seconds: float = 60.0,
    ) -> Answer:
        """Call forward once; raises what it raises."""
        self._current.environment = self.containers[container].environment
        answer = forward.lambda_handler(dict(event), make_context(request_id, seconds))
        settled = answer["indexed"] + answer["duplicate"] + answer["pending"] + answer["rejected"]
        assert (answer["received"], answer["unaccounted"]) == (settled, 0)
        return answer

    def read(
        self,
        event: Mapping[str, Any],
        *,
        container: int = 0,
        request_id: str | None = None,
        seconds: float = 60.0,
    ) -> tuple[str | None, Answer]:
        """Call the stream function once; raises what it raises.

        Returns the number of the record that it answers with (None: all are settled), and what it counted.
        """
        self._current.environment = self.containers[container].environment
        counts: Answer = {}
        self._current.counts = counts
        answer = stream.lambda_handler(dict(event), make_context(request_id, seconds, "stream"))
        settled = counts["indexed"] + counts["duplicate"] + counts["pending"] + counts["rejected"]
        assert (counts["received"], counts["unaccounted"]) == (settled, 0)
        named = [each["itemIdentifier"] for each in answer["batchItemFailures"]]
        assert len(named) <= 1
        return next(iter(named), None), counts

    def deliver(
        self, event: Mapping[str, Any], *, container: int = 0, seconds: float = 60.0
    ) -> Answer | None:
        """Do what Lambda does with an asynchronous event: three tries, then a record in the bucket.

        Returns what forward returned, or None where it never did.
        """
        request_id = str(uuid.uuid4())
        for _ in range(TRIES):
            try:
                return self.invoke(event, container=container, request_id=request_id, seconds=seconds)
            except Exception as error:  # noqa: BLE001  # whatever it is, Lambda does the same
                self.failures.append(error)
        self.bucket.put_on_failure(event, request_id, self.failures[-1])
        return None

    def replay(
        self, *, seconds: float = 60.0, container: Container | None = None, request_id: str | None = None
    ) -> Answer:
        """Run the replay function once, in an environment of its own."""
        self._current.environment = (container or self.make_container()).environment
        return replay.lambda_handler({}, make_context(request_id, seconds, "replay"))

    def replay_until_quiet(self, *, seconds: float = 60.0, runs: int = 30) -> list[Answer | None]:
        """Run the replay function again and again, until nothing is left or nothing changes.

        Returns what each run returned, or None for one that raised.
        """
        answers: list[Answer | None] = []
        before = self.bucket.pending()
        while before:
            assert len(answers) < runs, f"the replay does not come to an end: {answers}"
            try:
                answers.append(self.replay(seconds=seconds))
            except Exception as error:  # noqa: BLE001  # the schedule goes on, whatever it was
                self.failures.append(error)
                answers.append(None)
            after = self.bucket.pending()
            if after == before:
                break
            before = after
        return answers


def set_attempts(monkeypatch: pytest.MonkeyPatch, attempts: int) -> None:
    """Make deliveries send an event that many times at most."""
    monkeypatch.setattr(batch, "ATTEMPTS", attempts)
    defaults = Delivery.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "attempts", attempts)
