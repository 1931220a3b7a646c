"""A replay of thousands of objects needs no more memory than the function has: in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

LARGEST = 160
"""MiB of the process, of 256 that the function has."""

RUN = r"""
import base64, json, os, random, sys
os.environ.update(OPENSEARCH_URL="http://127.0.0.1:9", OPENSEARCH_AUTH="none", FAILURE_BUCKET="bucket",
                  AWS_REGION="eu-central-1", LOG_LEVEL="ERROR")
from types import SimpleNamespace
import boto3
boto3.client("s3", region_name="eu-central-1")
from flowlogs.local.stream import make_records
from handler import replay
from handler.failures import store
from handler.environment import Environment
from support.memory_s3 import MemoryS3
from parser.subscription import Event, Subscription, encode
from support.replaying import Rig, START

size, number, discarded = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "discarded"
line = "2 123456789010 eni-0a1b2c3d 10.0.1.5 10.0.2.9 41230 3306 6 12 1904 1768478400 1768478458 ACCEPT OK"
rig, random = Rig(), random.Random(1)
records = []
for each in range(number):
    if discarded:
        line = "2 123456789010 eni-0a1b2c3d " + " ".join(str(random.getrandbits(24)) for _ in range(4))
    events = tuple(Event(f"{each:050}{event:06}", START + event, f"{line} {event}") for event in range(size))
    payload = Subscription(owner="1", log_group="/vpc", log_stream="eni", events=events)
    if discarded:
        records.append(base64.b64encode(encode(payload)).decode())
    else:
        rig.s3.put(f"failed/2026/01/15/12/20260115T120000.{each:06}Z-x.json.gz", encode(payload))
if discarded:
    document = {"KinesisBatchInfo": {}, "payload": json.dumps(make_records(records))}
    rig.s3.put("aws/lambda/0f5e2c1a/shardId-0/2026/01/16/x", json.dumps(document).encode())
    del records, document
store.connect_s3 = lambda: rig.s3

def send(body, _):
    items = b",".join([b'{"create":{"status":201}}'] * body.count)
    return 200, b'{"errors":false,"items":[%s]}' % items

environment = Environment(rig.environment().config, send)
replay.prepare = lambda: environment
context = SimpleNamespace(aws_request_id="x", function_name="replay",
                          get_remaining_time_in_millis=lambda: 600_000)
answer = replay.lambda_handler({}, context)
with open("/proc/self/status") as file:
    (peak,) = [int(line.split()[1]) // 1024 for line in file if line.startswith("VmHWM:")]
sys.stderr.write(json.dumps([answer, peak]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
@pytest.mark.parametrize(
    ("size", "number", "kind"),
    [
        (50, 4_000, "objects"),
        pytest.param(1_000, 150, "objects", marks=pytest.mark.long),
        pytest.param(10_000, 15, "objects", marks=pytest.mark.long),
        pytest.param(50, 1_000, "discarded", marks=pytest.mark.long),  # 6 MB, as much as Lambda hands over
    ],
)
def test_a_replay_of_many_payloads_stays_small(size: int, number: int, kind: str) -> None:
    paths = [str(Path(__file__).parents[2]), *sys.path]
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(size), str(number), kind],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=True,
    )
    found: tuple[dict[str, Any], int] = json.loads(done.stderr.splitlines()[-1])
    answer, peak = found
    if kind == "objects":
        counts = (answer["dropped"], answer["indexed"], answer["remaining_objects"])
        assert counts == (number, size * number, 0)
    else:
        assert (answer["shortened"], answer["remaining_objects"]) == (1, size * number // 5_000)
    assert peak <= LARGEST
