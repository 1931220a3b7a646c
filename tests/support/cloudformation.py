"""CloudFormation as the setup function sees it: it sends a request and waits for the answer."""

import json
import threading
import time
from collections import deque
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any, Final, cast

from aws_lambda_powertools.utilities.typing import LambdaContext

from handler import setup
from support.serving import Serving, Silent

FORWARD: Final = "arn:aws:iam::123456789012:role/flowlogs-ForwardRole-1A2B3C"
REPLAY: Final = "arn:aws:iam::123456789012:role/flowlogs-ReplayRole-4D5E6F"
STACK: Final = "arn:aws:cloudformation:eu-central-1:123456789012:stack/flowlogs/0a1b2c3d"
# The address is signed: who has it can answer, so it must not appear in a log.
SIGNATURE: Final = "X-Amz-Signature=a7f3c0ffee"


class Context:
    """What Lambda tells the function; the remaining time is real."""

    aws_request_id = "5c1e6e3a-0000-4000-8000-000000000000"
    function_name = "setup"
    log_group_name = "/flowlogs/stack/setup"
    log_stream_name = "2026/01/02/[$LATEST]1a2b"

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._end - time.monotonic()) * 1000))


@dataclass(frozen=True)
class Answer:
    """One answer that arrived: its headers (in lower case), its body, and when."""

    headers: dict[str, str]
    size: int
    body: dict[str, Any]
    moment: float


class CloudFormation(Serving):
    """The address for answers, while it is open.

    Attributes:
        answers: what arrived.
        statuses: what the next ones are told instead of 200.
    """

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.statuses: deque[int] = deque()
        self.arrived = threading.Event()
        super().__init__(_handler(self))

    def event(self, kind: str, **properties: object) -> dict[str, Any]:
        """Return the event of a request; the writers' roles are among its properties unless given."""
        known = {} if kind == "Create" else {"PhysicalResourceId": "flowlogs-setup"}
        return {
            "RequestType": kind,
            "ResponseURL": f"{self.url}/answer?{SIGNATURE}",
            "StackId": STACK,
            "RequestId": "9f8e7d6c",
            "LogicalResourceId": "Setup",
            "ResourceType": "Custom::Setup",
            "ResourceProperties": {
                "ServiceToken": "arn:aws:lambda:eu-central-1:123456789012:function:setup",
                "WriterRoleArns": [FORWARD, REPLAY],
                **properties,
            },
            **known,
        }

    def send(self, kind: str = "Create", *, seconds: float = 60.0, **properties: object) -> dict[str, Any]:
        """Invoke the function with a request, and return the answer, of which there must be just one."""
        before = len(self.answers)
        setup.lambda_handler(self.event(kind, **properties), context(seconds))
        (answer,) = self.answers[before:]
        return answer.body


def context(seconds: float) -> LambdaContext:
    """Return the context of an invocation that may last so long."""
    return cast("LambdaContext", Context(seconds))


def _handler(fake: CloudFormation) -> type[Silent]:
    class Handler(Silent, BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = fake.statuses.popleft() if fake.statuses else 200
            if status == 200:
                headers = {name.lower(): value for name, value in self.headers.items()}
                fake.answers.append(Answer(headers, len(body), json.loads(body), time.monotonic()))
                fake.arrived.set()
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

    return Handler
