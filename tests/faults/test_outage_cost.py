"""What an hour of outage costs, by simulation: at most 1.2 times the hours before it.

The function's own code decides (its delivery, with the real limits, and what an environment remembers of an
outage); time is simulated. The model:

- Invocations arrive at random (Poisson). Each takes the environment that was used last, or any of the
  idle ones: Lambda does not say which; both are tried. Where none is idle a new one is made, which
  knows nothing of the outage. Idle ones end after ten minutes.
- An invocation costs what it lasts. WORK is its own part (decoding, encoding, logging), BULK what the
  cluster takes in good times: assumptions for a function of 256 MB. STORE is a write to S3.
- The outage begins with the hour; no environment knows of it.
- Chance decides much where little happens, so each bound holds for the mean of two such hours.

Where hardly anything happens, one wait for an answer is more than the hour's work: there the bound is
a minute of function time, some thousandths of a cent.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, cast

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from handler import batch
from handler.config import Config
from handler.delivery import Delivery
from handler.environment import Environment, measure_time
from handler.opensearch import CONNECT_SECONDS, ConnectionFailedError
from handler.outage import Outage
from parser.bulk import Body, Encoder, Part
from parser.format import DEFAULT, Formats
from parser.subscription import Event, Subscription

WORK: Final = 0.05
BULK: Final = 0.10
STORE: Final = 0.08
TIMEOUT: Final = 60.0
IDLE: Final = 600.0
HOUR: Final = 3600.0
LIMIT: Final = 1.2
MINUTE: Final = 60.0

FORMATS: Final = Formats.from_text(DEFAULT)
PAYLOAD: Final = Subscription(owner="1", log_group="g", log_stream="s", events=(Event("1", 0, "line"),))
BODY: Final = Body("cwl-2026.01.01", b"", 20_000, (Part(0, PAYLOAD.events),), 0, 0, 0)
BUSY: Final = b'{"error": {"type": "rejected_execution_exception", "reason": "queue is full"}, "status": 429}'


class OneBody(Encoder):
    """Makes the same body of whatever it is given."""

    def __init__(self) -> None:
        super().__init__(FORMATS, prefix="cwl", max_bytes=BODY.size, keep_message=True)

    def add(self, *_: object) -> Iterator[Body]:
        """Keep nothing: the body is there already."""
        return iter([])

    def finish(self) -> Iterator[Body]:
        """Yield the body."""
        yield BODY


class Clock:
    """Simulated seconds since the outage began."""

    now = 0.0

    def advance(self, seconds: float) -> None:
        self.now += seconds


Fault = Callable[[Clock, float], tuple[int, bytes]]


def refuse(clock: Clock, _: float) -> tuple[int, bytes]:
    clock.advance(0.002)
    raise ConnectionFailedError("connection", "Connection refused")


def swallow_the_connection(clock: Clock, seconds: float) -> tuple[int, bytes]:
    clock.advance(min(CONNECT_SECONDS, seconds))
    raise ConnectionFailedError("timeout", "timed out")


def swallow_the_request(clock: Clock, seconds: float) -> tuple[int, bytes]:
    clock.advance(seconds)
    raise ConnectionFailedError("timeout", "read timed out")


def be_busy(clock: Clock, _: float) -> tuple[int, bytes]:
    clock.advance(0.02)
    return 429, BUSY


FAULTS = (refuse, swallow_the_connection, swallow_the_request, be_busy)


@dataclass
class Container:
    environment: Environment
    free_from: float = 0.0


@dataclass
class Simulation:
    """An hour of outage.

    Attributes:
        fault: what becomes of each request.
        rate: invocations a second.
        most_recent: whether Lambda takes the environment used last, or any.
        chance: where random numbers come from.
    """

    fault: Fault
    rate: float
    most_recent: bool
    chance: random.Random
    clock: Clock = field(default_factory=Clock)
    containers: list[Container] = field(default_factory=list)

    def run(self) -> tuple[float, float]:
        """Return the seconds that the hour's invocations take, in good times and in this hour."""
        normal = cost = arrival = 0.0
        while (arrival := arrival + self.chance.expovariate(self.rate)) < HOUR:
            self.clock.now = arrival
            container = self._choose()
            list(batch.deliver(container.environment, [PAYLOAD], measure_time(self._context())))
            self.clock.advance(WORK + STORE)
            container.free_from = self.clock.now
            normal += WORK + BULK
            cost += self.clock.now - arrival
        return normal, cost

    def _choose(self) -> Container:
        now = self.clock.now
        self.containers = [each for each in self.containers if now - each.free_from < IDLE]
        idle = [each for each in self.containers if each.free_from <= now]
        if not idle:
            self.containers.append(self._make())
            return self.containers[-1]
        if self.most_recent:
            return max(idle, key=lambda each: each.free_from)
        return self.chance.choice(idle)

    def _make(self) -> Container:
        def send(_: Body, seconds: float) -> tuple[int, bytes]:
            return self.fault(self.clock, seconds)

        environment = Environment(cast("Config", None), send, Outage(lambda: self.clock.now))
        return Container(environment)

    def _context(self) -> LambdaContext:
        end = self.clock.now + TIMEOUT

        class Context:
            aws_request_id = "simulated"

            def get_remaining_time_in_millis(self) -> int:
                return int((end - clock.now) * 1000)

        clock = self.clock
        return cast("LambdaContext", Context())


@pytest.fixture
def simulate(monkeypatch: pytest.MonkeyPatch) -> Callable[[Fault, float, bool], tuple[float, float]]:
    """Return what runs a simulation: fault, rate, most recent first -> normal and actual seconds."""

    def run(fault: Fault, rate: float, most_recent: bool) -> tuple[float, float]:
        hours = [run_hour(Simulation(fault, rate, most_recent, random.Random(seed))) for seed in range(2)]
        return sum(normal for normal, _ in hours) / 2, sum(cost for _, cost in hours) / 2

    def run_hour(simulation: Simulation) -> tuple[float, float]:
        defaults = Delivery.__init__.__kwdefaults__
        assert defaults is not None
        monkeypatch.setitem(defaults, "sleep", simulation.clock.advance)
        monkeypatch.setattr(random, "uniform", simulation.chance.uniform)
        monkeypatch.setattr(Environment, "make_encoder", lambda _: OneBody())
        # The real pauses between tries, not those of the other tests here.
        monkeypatch.setattr("handler.delivery.FIRST_DELAY", 0.5)
        monkeypatch.setattr("handler.delivery.LONGEST_DELAY", 8.0)
        return simulation.run()

    return run


Simulate = Callable[[Fault, float, bool], tuple[float, float]]
ROUTING = pytest.mark.parametrize(
    "most_recent",
    [pytest.param(True, id="most recent environment"), pytest.param(False, id="any environment")],
)
FAULT = pytest.mark.parametrize("fault", [pytest.param(each, id=each.__name__) for each in FAULTS])


@FAULT
@ROUTING
@pytest.mark.parametrize("rate", [1.0, 2.0])
def test_an_hour_of_outage_costs_at_most_a_fifth_more(
    simulate: Simulate,
    fault: Fault,
    rate: float,
    most_recent: bool,
) -> None:
    normal, cost = simulate(fault, rate, most_recent)

    assert normal == pytest.approx(rate * HOUR * (WORK + BULK), rel=0.1)
    assert cost <= normal * LIMIT


@FAULT
@ROUTING
@pytest.mark.parametrize("rate", [0.01, 0.1, 0.4])
def test_where_little_happens_an_hour_of_outage_costs_less_than_a_minute_more(
    simulate: Simulate,
    fault: Fault,
    rate: float,
    most_recent: bool,
) -> None:
    normal, cost = simulate(fault, rate, most_recent)

    assert cost <= normal + MINUTE
