"""Forward and replay as users of a real cluster with the real security plugin."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from faults.harness import bucket as buckets
from faults.harness.bucket import Bucket
from flowlogs.local.secure_node import ADMIN, SecureNode
from handler import forward, replay
from security.conftest import AddUser, sign_in
from support.cloudformation import FORWARD, CloudFormation, context


@pytest.fixture(scope="session")
def s3_port() -> Iterator[int]:
    with buckets.serve() as port:
        yield port


@pytest.fixture
def bucket(s3_port: int, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """Return the empty failure bucket, known to the functions."""
    made = Bucket(s3_port)
    made.make()
    for name, value in {
        "FAILURE_BUCKET": buckets.NAME,
        "AWS_ENDPOINT_URL_S3": made.url,
        **buckets.CREDENTIALS,
    }.items():
        monkeypatch.setenv(name, value)
    return made


@pytest.fixture
def event(project: Path) -> dict[str, Any]:
    """Return ten events of one day, in the default format."""
    read: dict[str, Any] = json.loads((project / "events/flow-logs-v2.json").read_text())
    return read


def count(node: SecureNode) -> int:
    node.request("POST", "/cwl-*/_refresh")
    found: int = node.request("GET", "/cwl-*/_count")[1]["count"]
    return found


def test_the_forward_function_delivers_into_a_new_index_with_its_types(
    secured: SecureNode,
    stack: CloudFormation,
    add_user: AddUser,
    event: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stack.send("Create")
    sign_in(monkeypatch, add_user("forward", FORWARD))
    answer = forward.lambda_handler(event, context(60))

    assert (answer["received"], answer["indexed"], answer["unaccounted"]) == (10, 10, 0)
    assert count(secured) == 10
    (mapping,) = secured.request("GET", "/cwl-*/_mapping")[1].values()
    assert mapping["mappings"]["properties"]["srcaddr"] == {"type": "ip"}


@pytest.mark.parametrize("trouble", ["no mapping", "wrong password"])
def test_a_function_that_is_refused_keeps_everything_until_it_is_not(
    secured: SecureNode,
    stack: CloudFormation,
    add_user: AddUser,
    bucket: Bucket,
    event: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    trouble: str,
) -> None:
    stack.send("Create", WriterRoleArns=["arn:aws:iam::123456789012:role/another"])
    name, password = add_user("forward", FORWARD)
    sign_in(monkeypatch, (name, "wrong" if trouble == "wrong password" else password))
    refused = forward.lambda_handler(event, context(60))
    kept = len(bucket.pending_ids())
    sign_in(monkeypatch, ADMIN)
    stack.send("Update")
    sign_in(monkeypatch, (name, password))
    replayed = replay.lambda_handler({}, context(60))

    assert (refused["received"], refused["pending"], refused["indexed"], refused["bulk_requests"]) == (
        10,
        10,
        0,
        1,
    )
    assert kept == 10
    assert (replayed["dropped"], replayed["indexed"], replayed["pending"]) == (1, 10, 0)
    assert (count(secured), bucket.pending()) == (10, [])
