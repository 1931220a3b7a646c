"""The replay function on a bucket in memory and a scripted cluster: what each test of it needs."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from datetime import datetime
from types import SimpleNamespace
from typing import Any, TypeVar, cast

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from handler import replay
from handler.config import Config
from handler.environment import Environment
from handler.failures import ahead
from handler.failures import store as failure_store
from handler.failures.names import FAILED
from handler.replaying import dispatch, settling
from parser.bulk import Body
from parser.subscription import Event, Subscription, encode
from support.memory_s3 import MemoryS3
from support.stored import decode_all

T = TypeVar("T")

START = 1_768_478_400_000
BLOCKED = {
    "status": 403,
    "error": {"type": "cluster_block_exception", "reason": "blocked by: [FORBIDDEN/8/index write (api)];"},
}
BAD = {"status": 400, "error": {"type": "mapper_parsing_exception", "reason": "failed to parse field [x]"}}
CREATED = {"status": 201}

ENVIRON = {
    "OPENSEARCH_URL": "http://127.0.0.1:9",
    "OPENSEARCH_AUTH": "none",
    "FAILURE_BUCKET": "bucket",
    "AWS_REGION": "eu-central-1",
    "LOG_LEVEL": "CRITICAL",
}


def make_payload(*ids: str) -> bytes:
    """Return a payload with events of these ids."""
    events = tuple(Event(each, START, "no flow log") for each in ids)
    return encode(Subscription(owner="1", log_group="/vpc", log_stream="eni-all", events=events))


def read_ids(data: bytes) -> list[str]:
    """Return the ids of the events of an object's payloads."""
    return [event.id for payload in decode_all(data) for event in payload.events]


@dataclass
class Rig:
    """A stack in memory.

    Attributes:
        s3: the bucket.
        index: the ids of what is in the index.
        answer: what the cluster says of an event that is not there yet.
        now: what the clock shows, in epoch seconds.
        environ: what the function's environment says besides.
    """

    s3: MemoryS3 = field(default_factory=MemoryS3)
    index: set[str] = field(default_factory=set)
    answer: Callable[[str], dict[str, Any]] = lambda _: CREATED
    now: float = START / 1000
    environ: dict[str, str] = field(default_factory=dict)

    def send(self, body: Body, _: float) -> tuple[int, bytes]:
        """Answer a bulk request."""
        items = []
        for event in body.events:
            item = {"status": 409, "error": {"type": "version_conflict_engine_exception", "reason": "x"}}
            if event.id not in self.index:
                item = self.answer(event.id)
                if item["status"] == 201:
                    self.index.add(event.id)
            items.append({"create": item})
        errors = any(each["create"]["status"] != 201 for each in items)
        return 200, json.dumps({"errors": errors, "items": items}, separators=(",", ":")).encode()

    def environment(self) -> Environment:
        """Return a new execution environment: nothing is remembered in it."""
        return Environment(Config.from_environ(ENVIRON | self.environ), self.send)

    def put(self, name: str, *ids: str) -> str:
        """Store a payload as forward would; return the key."""
        key = f"{FAILED}2026/01/15/12/{name}.json.gz"
        self.s3.put(key, make_payload(*ids))
        return key

    def list_waiting(self) -> list[str]:
        """Return the ids of what waits, with repetitions."""
        return [each for key in self.s3.keys(FAILED) for each in read_ids(self.s3.objects[key].data)]

    def waiting(self) -> set[str]:
        """Return the ids of what waits."""
        return set(self.list_waiting())

    def run(self, request_id: str = "one-request", *, seconds: float = 240) -> dict[str, int]:
        """Invoke the replay function, in an environment of its own, and go on to the time of the next run."""
        context = SimpleNamespace(
            aws_request_id=request_id,
            function_name="replay",
            get_remaining_time_in_millis=lambda: int(seconds * 1000),
        )
        try:
            return replay.lambda_handler({}, cast("LambdaContext", context))
        finally:
            self.now += 300


class Turns:
    """Lets threads go one step at a time, in an order that is given.

    Attributes:
        widths: how many threads could have gone on, at each step: what other orders there are.
    """

    def __init__(self, order: list[int]) -> None:
        """Prepare; beyond its end the order goes on with the first thread that is left."""
        self._order = order
        self._lock = threading.Condition()
        self._waiting: dict[int, bool] = {}
        self._alive: set[int] = set()
        self._local = threading.local()
        self.widths: list[int] = []

    def run(self, *actions: Callable[[], object]) -> None:
        """Run the actions, each in a thread, until all have ended; raise what one of them raised."""
        errors: list[BaseException] = []

        def work(number: int, action: Callable[[], object]) -> None:
            self._local.number = number
            try:
                self.step()
                action()
            except BaseException as error:  # noqa: BLE001  # raised below
                errors.append(error)
            finally:
                with self._lock:
                    self._alive.discard(number)
                    self._lock.notify_all()

        threads = [
            threading.Thread(target=work, args=(number, action), daemon=True)
            for number, action in enumerate(actions)
        ]
        self._alive = set(range(len(threads)))
        for each in threads:
            each.start()
        while True:
            with self._lock:
                self._lock.wait_for(lambda: all(self._waiting.get(each) for each in self._alive))
                if not self._alive:
                    break
                choices = sorted(self._alive)
                place = len(self.widths)
                self.widths.append(len(choices))
                chosen = choices[self._order[place] if place < len(self._order) else 0]
                self._waiting[chosen] = False
                self._lock.notify_all()
        for each in threads:
            each.join()
        if errors:
            raise errors[0]

    def step(self, *_: object) -> None:
        """Wait for one's turn; nothing outside of `run`."""
        number = getattr(self._local, "number", None)
        if number is None:
            return
        with self._lock:
            self._waiting[number] = True
            self._lock.notify_all()
            self._lock.wait_for(lambda: not self._waiting[number])


def every_order(attempt: Callable[[Turns], object]) -> int:
    """Try all orders in which the threads of an attempt can go on; return how many there are."""
    order: list[int] = []
    tried = 0
    while True:
        turns = Turns(order)
        attempt(turns)
        tried += 1
        order = order + [0] * (len(turns.widths) - len(order))
        while order and order[-1] + 1 >= turns.widths[len(order) - 1]:
            order.pop()
        if not order:
            return tried
        order[-1] += 1


def fix_time(monkeypatch: pytest.MonkeyPatch, moment: datetime) -> None:
    """Let everything be stored at that time."""
    monkeypatch.setattr(failure_store, "_now", lambda: moment)


class Inline(Executor):
    """Runs at once, in the thread of who asks, what else would run beside it: so that steps have an order."""

    def __init__(self, *_: object) -> None:
        """Take what a pool of threads takes."""

    def submit(self, work: Callable[..., T], /, *arguments: Any, **named: Any) -> Future[T]:
        """Do it."""
        future: Future[T] = Future()
        try:
            future.set_result(work(*arguments, **named))
        except BaseException as error:  # noqa: BLE001  # whoever asks for the result gets it
            future.set_exception(error)
        return future


def without_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a replay do one thing after the other."""
    for module in (ahead, dispatch, settling):
        monkeypatch.setattr(module, "ThreadPoolExecutor", Inline)
