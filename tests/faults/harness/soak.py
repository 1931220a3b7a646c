"""A long run through faults drawn at random: payloads from all sources, many kinds of trouble, one count."""

import base64
import itertools
import random
import signal
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from faults.harness import faults
from faults.harness.faults import answering, error, item, with_items
from faults.harness.functions import Container, Functions
from faults.harness.ledger import Ledger, Payload
from faults.harness.proxy import Exchange, Fault, Proxy, passing
from faults.harness.shard import Shard
from faults.harness.victim import STEPS, Victims
from flowlogs.local.embedded import Embedded

FAILING: Final = 0.3
"""Share of the requests that fail in some way."""
KILLED: Final = 0.04
RESTARTED: Final = 0.04
"""Shares of the invocations that are killed, and that find a new execution environment."""
STORE_FAILING: Final = 0.05
"""Share of the requests to S3 that are refused."""
REPLAY_EVERY: Final = 25
CLUSTER_KILLED_EVERY: Final = 200
"""In payloads."""
STREAMED: Final = 0.5
"""Share of the payloads that come through the stream; the others come by the subscription."""
READ: Final = 0.2
"""How often, for each payload, a batch of the stream is handed over: so most batches hold several."""
OLD: Final = 0.2
JUNK: Final = 0.02
"""Shares of the records that are too old to wait in the stream, and that are no payload."""
GIVEN_UP: Final = 0.02
"""Share of the batches that Lambda gives up, whatever had become of them."""
FORWARD, STREAM = 0, 1
"""The execution environments."""
DAY_SECONDS: Final = 86_400
SECONDS_BETWEEN: Final = 10.0
"""Between payloads, as an environment remembers an outage; nobody waits for it."""

BUSY: Final = item(429, "rejected_execution_exception", "rejected execution of primary operation")
UNAVAILABLE: Final = item(503, "unavailable_shards_exception", "primary shard is not active")
BLOCKED: Final = item(403, "cluster_block_exception", "blocked by: [FORBIDDEN/8/index write (api)];")


def fifth(identity: str) -> bool:
    return int(identity) % 5 == 0


# Those that come twice are more frequent.
FAULTS: Final[tuple[Fault, ...]] = (
    *(faults.refusing_items(fifth, BUSY), answering(503), answering(502, "<html>Bad Gateway</html>")) * 2,
    faults.reset_before_request,
    faults.reset_in_body,
    faults.reset_after_body,
    faults.reset_in_reply,
    faults.cut_reply,
    faults.shorten_reply,
    faults.speak_no_http,
    faults.apply_and_never_answer,
    faults.refusing_items(fifth, UNAVAILABLE),
    faults.refusing_items(fifth, BLOCKED),
    faults.denying_items(fifth, BUSY),
    with_items(lambda items: items[:-1]),
    answering(200, "<html>Please log in</html>"),
    answering(403, {"Message": "403 Request throttled due to too many requests"}),
    answering(429, error(429, "circuit_breaking_exception", "[parent] Data too large")),
)


@dataclass
class Soak:
    """The run. The same seed draws the same faults.

    Attributes:
        shard: the stream.
        junk: what was put into it that is no payload.
    """

    functions: Functions
    proxy: Proxy
    s3: Proxy
    node: Embedded
    ledger: Ledger
    victims: Victims
    seed: int
    tell: Callable[[str], None]
    killed: int = 0
    failed: int = 0
    on_failure: int = 0
    cluster_killed: int = 0
    given_up: int = 0
    batches: int = 0
    junk: set[bytes] = field(default_factory=set)
    shard: Shard = field(init=False)
    _payloads: int = 0
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self.shard = Shard(self.functions, container=STREAM)

    def run(self, events: int, size: int) -> None:
        """Send so many events in payloads of about that size."""
        random.seed(self.seed)  # of the pauses between tries
        self.proxy.always(self._draw(FAULTS, FAILING))
        self.s3.always(self._draw((answering(503), faults.reset_in_body), STORE_FAILING))
        self._restart()
        while (missing := events - len(self.ledger.sent)) > 0:
            self._payloads += 1
            self._send(self.ledger.payload(events=min(missing, self._random.randint(1, 2 * size))))
            if self._random.random() < READ:
                self._read()
            self._trouble()
            if self._payloads % REPLAY_EVERY == 0:
                self._replay()
                kept = len(self.functions.bucket.pending())
                sent, left = len(self.ledger.sent), len(self.shard.rows)
                self.tell(
                    f"{sent} events sent; {left} records wait in the stream, {kept} objects for a replay"
                )
            self.failed += len(self.functions.failures)
            self.functions.failures.clear()  # they hold the payloads

    def finish(self) -> None:
        """Lift all faults, and bring what is left."""
        self.proxy.lift()
        self.s3.lift()
        self.shard.drain(before=self._restart)  # whose environment remembers no outage
        self.functions.replay_until_quiet(seconds=600.0)

    def summary(self) -> str:
        """Return what happened, as text."""
        of_stream = self.shard.counts
        return (
            f"{len(self.proxy.heads)} bulk requests, {FAILING:.0%} of them failing; {self.killed} processes "
            f"and {self.cluster_killed} times the cluster killed; {self.failed} invocations failed, "
            f"{self.on_failure} of which Lambda kept; {self.batches} batches of the stream, "
            f"{self.given_up} of which Lambda gave up, with {of_stream['received']} events, "
            f"{of_stream['duplicate']} of which were there already"
        )

    def _draw(self, choices: tuple[Fault, ...], share: float) -> Fault:
        def fail_sometimes(exchange: Exchange) -> None:
            fault = self._random.choice(choices) if self._random.random() < share else passing
            fault(exchange)

        return fail_sometimes

    def _send(self, payload: Payload) -> None:
        """Send a payload by one of the two ways."""
        if self._random.random() < STREAMED:
            old = self._random.random() < OLD
            self.shard.put(payload, arrived=time.time() - DAY_SECONDS if old else None)
            if self._random.random() < JUNK:
                junk = f"no payload {len(self.junk)}".encode()
                self.junk.add(junk)
                self.shard.put_data(base64.b64encode(junk).decode())
        else:
            self._deliver(payload)

    def _read(self) -> None:
        """Do as Lambda does with the stream; now and then a batch is killed: nobody knows its answer."""
        if not self.shard.rows:
            return
        self.batches += 1
        if self._random.random() < KILLED * 4:
            self._run_victim("stream", self.shard.event, "killed")
            self.shard.halve()
        elif self._random.random() < GIVEN_UP:
            self.given_up += 1
            self.shard.give_up()
        else:
            self.shard.invoke()

    def _deliver(self, payload: Payload) -> None:
        """Do as Lambda does; now and then the first try is killed."""
        if self._random.random() >= KILLED:
            if self.functions.deliver(payload.event, container=FORWARD) is None:
                self.on_failure += 1
            return
        request_id = str(uuid.uuid4())
        status = self._run_victim("forward", payload.event, request_id)
        if status != 0:
            self.functions.deliver(payload.event)

    def _replay(self) -> None:
        if self._random.random() < KILLED * 10:
            self._run_victim("replay", {}, "killed")
        else:
            for _ in range(3):
                try:
                    self.functions.replay(seconds=600.0)
                except Exception as trouble:  # noqa: BLE001  # the bucket refuses at times
                    self.functions.failures.append(trouble)

    def _run_victim(self, function: str, event: object, request_id: str) -> int:
        step = self._random.choice(list(STEPS[function]))
        status = self.victims.run(function, event, self.functions.environ, request_id, step=step)
        self.killed += status == -signal.SIGKILL
        return status

    def _trouble(self) -> None:
        if self._random.random() < RESTARTED:
            self._restart()
        if self._payloads % CLUSTER_KILLED_EVERY == 0:
            self.cluster_killed += 1
            self.node.kill()
            self._deliver(self.ledger.payload(events=1000))
            self._read()
            self.node.start()

    def _restart(self) -> None:
        self.functions.containers = [self._make_container() for _ in (FORWARD, STREAM)]

    def _make_container(self) -> Container:
        ticks = itertools.count(0.0, SECONDS_BETWEEN / 2)  # an invocation looks at the clock about twice
        return self.functions.make_container(clock=lambda: next(ticks))
