"""A function runs in 128 MB, whatever it is sent: what CloudWatch Logs can send, and what is hostile.

In a process of its own, as in Lambda: what is held is what the system counts. OpenSearch and S3 are a small
server in this process, which takes all or refuses all.
"""

import base64
import gzip
import itertools
import json
import os
import re
import subprocess
import sys
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest

from support.serving import Serving, Silent

LARGEST = 128
"""MiB, of the process with Python, libraries and all: the smallest function that Lambda offers."""

LARGEST_BATCH = 160
"""MiB, of a process that delivers what a stream hands over at once, or a replay reads."""

TIME = 1_768_478_400_000
HEAD = (
    b'{"messageType":"DATA_MESSAGE","owner":"123456789012","logGroup":"g","logStream":"s",'
    b'"subscriptionFilters":["f"],"logEvents":['
)
INVOKE = r"""
import json, sys
from handler.forward import lambda_handler
from parser.errors import EnvelopeError

class Context:
    function_name, aws_request_id = "forward", "6f7d5c1e-0a64-4d1c-a2a5-5f2e8a3d9b10"

    def get_remaining_time_in_millis(self):
        return 600_000

with open(sys.argv[1]) as file:
    event = json.load(file)
try:
    answer = lambda_handler(event, Context())
except EnvelopeError as error:
    answer = {"error": str(error)}
with open("/proc/self/status") as file:  # getrusage would count what was held before this program began
    (peak,) = [int(line.split()[1]) // 1024 for line in file if line.startswith("VmHWM:")]
sys.stderr.write(json.dumps([answer, peak]))
"""


DELIVER = r"""
import json, sys
from handler.batch import deliver
from handler.environment import prepare
from handler.observe import count
from parser.subscription import decode

with open(sys.argv[1]) as file:
    event = json.load(file)
payloads = (decode(each["kinesis"]["data"]) for each in event["Records"])
answer = {}
for report in deliver(prepare(), payloads, lambda: 600.0):
    for name, number in count(report).items():
        answer[name] = answer.get(name, 0) + number
    del report  # else it is held while the next batch is read
with open("/proc/self/status") as file:
    (peak,) = [int(line.split()[1]) // 1024 for line in file if line.startswith("VmHWM:")]
sys.stderr.write(json.dumps([answer, peak]))
"""


def join(events: Iterable[bytes], head: bytes = HEAD) -> bytes:
    """Compress a payload piece by piece."""
    stream = zlib.compressobj(6, wbits=31)
    parts = [stream.compress(head)]
    comma = b""
    for event in events:
        parts.append(stream.compress(comma + event))
        comma = b","
    return b"".join([*parts, stream.compress(b"]}"), stream.flush()])


def make_id(number: int) -> bytes:
    return b"%056d" % (TIME << 144 | number)


def make_row(number: int, message: bytes) -> bytes:
    return b'{"id":"%b","timestamp":%d,"message":"%b"}' % (make_id(number), TIME, message)


def make_odd_row(message: bytes, name: bytes = b"1") -> bytes:
    return b'{"id":"%b","timestamp":%d,"message":"%b"}' % (name, TIME, message)


def make_lines(count: int) -> Iterator[bytes]:
    for number in range(count):
        yield make_row(
            number,
            b"2 123456789010 eni-0a1b2c3d4e5f67890 10.0.%d.%d 10.0.2.9 %d 3306 6 %d %d "
            b"1768478400 1768478458 ACCEPT OK"
            % (number % 251, number % 253, 1024 + number % 60_000, number % 1000, number * 37 % 100_000),
        )


def make_filters() -> bytes:
    members = [HEAD.replace(b'["f"],"logEvents":[', b"["), b'"",' * 4_000_000, b'""],"logEvents":[{}]}']
    return gzip.compress(b"".join(members))


def make_empty_lines(first: int = 0) -> bytes:
    return join(make_row(first + number, b"") for number in range(159_685))


def make_ordinary_payloads(size: int = 4_500_000) -> Iterator[bytes]:
    """Yield payloads of 200 lines with so many bytes in all."""
    random = Random(5)  # sample data
    for first in itertools.count(0, 200):
        rows = [
            make_row(
                first + number,
                b"2 123456789010 eni-%017x 10.%d.%d.%d 10.0.2.9 %d %d 6 %d %d 1768478%d 1768479%d ACCEPT OK"
                % (random.getrandbits(68), *random.randbytes(3), *random.sample(range(65_536), 4), 400, 100),
            )
            for number in range(200)
        ]
        data = join(rows)
        if (size := size - len(data)) < 0:
            return
        yield data


def make_largest_payloads() -> Iterator[bytes]:
    for number in range(3):
        yield make_empty_lines(number * 200_000)


BATCHES: dict[str, Callable[[], Iterator[bytes]]] = {
    "ordinary-payloads": make_ordinary_payloads,
    "largest-payloads": make_largest_payloads,
}


PAYLOADS: dict[str, Callable[[], bytes]] = {
    "ordinary-lines": lambda: join(make_lines(29_379)),
    "long-lines": lambda: join(make_row(number, b"x" * 1_000_000) for number in range(22)),
    "long-lines-beyond-ascii": lambda: join(
        make_row(number, b"\xf0\x9f\x9b\x92" + b"x" * 1_000_000) for number in range(9)
    ),
    "empty-lines": make_empty_lines,
    "odd-events": lambda: join(b'{"id":%d,"timestamp":1.5,"message":5}' % n for n in range(60_000)),
    "one-line-of-control-characters": lambda: join([make_row(1, b"\\u0001" * 1_390_000)]),
    "control-characters-that-are-not-escaped": lambda: join(
        make_row(number, b"\x01" * 1_040_000) for number in range(22)
    ),
    "bytes-that-are-no-text": lambda: join(make_odd_row(b"\xff" * 2_090_000) for _ in range(4)),
    "a-long-id-that-is-no-text": lambda: join([make_odd_row(b"m", b"\xff" * 2_090_000)]),
    "half-characters": lambda: join(make_row(number, b"\\ud800" * 1000) for number in range(3800)),
    "one-line-of-half-characters": lambda: join([make_row(1, b"\\ud800" * 1_390_000)]),
}
REFUSED_WHOLE: dict[str, tuple[Callable[[], bytes], str]] = {
    "tiny-events": (
        lambda: join(itertools.repeat(b'{"id":"1","timestamp":1,"message":"m"}', 400_000)),
        "payload has events that need more than 41943040 bytes of memory",
    ),
    "one-line-beyond-ascii": (
        lambda: join([make_row(1, b"\xf0\x9f\x9b\x92" + b"x" * 20_000_000)]),
        "payload has an event of 20000108 bytes, and 8388608 are the most",
    ),
    "one-line-of-control-characters-that-are-not-escaped": (
        lambda: join([make_odd_row(b"\x01" * 7_900_000)]),
        "payload has an odd event of 7900049 bytes, and 2097152 are the most",
    ),
    "one-line-that-is-no-text": (
        lambda: join([make_odd_row(b"\xff" * 7_900_000)]),
        "payload has an odd event of 7900049 bytes, and 2097152 are the most",
    ),
    "one-id-that-is-no-text": (
        lambda: join([make_odd_row(b"m", b"\xff" * 7_900_000)]),
        "payload has an odd event of 7900049 bytes, and 2097152 are the most",
    ),
    "no-event-and-no-text": (
        lambda: join([b"\xff" * 7_900_000]),
        "payload has an odd event of 7900000 bytes, and 2097152 are the most",
    ),
    "long-log-group": (
        lambda: join(make_lines(9000), HEAD.replace(b'"g"', b'"%b"' % (b"g" * 1_000_000))),
        "payload has a name of 1000000 characters, and 1024 are the most",
    ),
}


class Cluster(Silent, BaseHTTPRequestHandler):
    """OpenSearch, which says the same of each document, and S3, which takes each object."""

    item: dict[str, Any]

    def do_POST(self) -> None:
        """Answer a bulk request."""
        body = gzip.decompress(self.rfile.read(int(self.headers["content-length"])))
        ids = re.findall(rb'^\{"create":\{"_id":"([^"]*)"\}\}$', body, re.MULTILINE)
        item = json.dumps({"create": self.item}).encode()
        items = b",".join([item.replace(b"<id>", each) for each in ids])
        errors = b"true" if "error" in self.item else b"false"
        self._answer(b'{"errors":%b,"items":[%b]}' % (errors, items))

    def do_PUT(self) -> None:
        """Take an object, however it comes."""
        self.rfile.read(int(self.headers["content-length"]))
        self._answer(b"")

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        for name in ("x-opaque-id",):
            if value := self.headers.get(name):
                self.send_header(name, value)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


CREATED = {"status": 201}
REFUSED = {
    "status": 400,
    "error": {
        "type": "mapper_parsing_exception",
        "reason": "failed to parse field [x] of type [long] in document with id '<id>'",
    },
}


def invoke(data: bytes, item: dict[str, Any], folder: Path) -> tuple[dict[str, Any], int]:
    """Return the function's answer, and the most that its process held, in MiB."""
    text = base64.b64encode(data).decode()
    assert len(text) <= 1024 * 1024
    return run(INVOKE, {"awslogs": {"data": text}}, item, folder)


def deliver(payloads: Iterable[bytes], item: dict[str, Any], folder: Path) -> tuple[dict[str, Any], int]:
    """Deliver what a stream hands over; return the counts, and the most that the process held, in MiB."""
    records = [{"kinesis": {"data": base64.b64encode(each).decode()}} for each in payloads]
    return run(DELIVER, {"Records": records}, item, folder)


def run(program: str, content: object, item: dict[str, Any], folder: Path) -> tuple[dict[str, Any], int]:
    """Run a program in a process of its own; return what it says."""
    event = folder / "event.json"
    event.write_text(json.dumps(content), encoding="ascii")
    assert event.stat().st_size < 6 << 20
    with Serving(type("Answering", (Cluster,), {"item": item})) as server:
        environ = {
            "OPENSEARCH_URL": server.url,
            "OPENSEARCH_AUTH": "none",
            "FAILURE_BUCKET": "failures",
            "AWS_ENDPOINT_URL_S3": server.url,
            "AWS_REGION": "eu-central-1",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "none",
            "MALLOC_MMAP_THRESHOLD_": "33554432",
            "MALLOC_TRIM_THRESHOLD_": "33554432",
            "PATH": os.environ["PATH"],
        }
        done = subprocess.run(
            [sys.executable, "-c", program, str(event)],
            env=environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
    assert done.returncode == 0, done.stderr[-2000:]
    answer, mebibytes = json.loads(done.stderr.splitlines()[-1])
    return answer, mebibytes


REPEATING: Final = {
    "long-lines-beyond-ascii",
    "control-characters-that-are-not-escaped",
    "bytes-that-are-no-text",
    "a-long-id-that-is-no-text",
    "half-characters",
    "one-line-of-half-characters",
}


def chosen(names: Iterable[str], long: Collection[str]) -> list[Any]:
    """Return the rows of a table, some of which take long."""
    return [pytest.param(name, marks=[pytest.mark.long] if name in long else []) for name in names]


pytestmark = pytest.mark.dear(3)
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads what Linux says of a process")


@linux
@pytest.mark.parametrize("what", chosen(PAYLOADS, REPEATING))
def test_a_payload_that_is_refused_fits_into_the_smallest_function(what: str, tmp_path: Path) -> None:
    """One that is taken needs less: nothing of it is stored."""
    answer, mebibytes = invoke(PAYLOADS[what](), REFUSED, tmp_path)

    assert answer["received"] == answer["rejected"] > 0
    assert mebibytes < LARGEST


@linux
@pytest.mark.parametrize(
    ("item", "group"), [(CREATED, "indexed"), (REFUSED, "rejected")], ids=["taken", "refused"]
)
@pytest.mark.parametrize("what", chosen(BATCHES, {"largest-payloads"}))
def test_what_a_stream_hands_over_at_once_fits_beside_its_event(
    what: str, item: dict[str, Any], group: str, tmp_path: Path
) -> None:
    counts, mebibytes = deliver(BATCHES[what](), item, tmp_path)

    assert counts["received"] == counts[group] > 50_000
    assert mebibytes < LARGEST_BATCH


@linux
@pytest.mark.parametrize("what", REFUSED_WHOLE)
def test_what_would_need_more_is_refused_while_it_is_read(what: str, tmp_path: Path) -> None:
    make, reason = REFUSED_WHOLE[what]

    answer, mebibytes = invoke(make(), CREATED, tmp_path)

    assert answer == {"error": reason}
    assert mebibytes < LARGEST


@linux
def test_millions_of_filter_names_are_not_read_into_objects(tmp_path: Path) -> None:
    answer, mebibytes = invoke(make_filters(), CREATED, tmp_path)

    assert (answer["received"], answer["rejected"]) == (1, 1)
    assert mebibytes < LARGEST
