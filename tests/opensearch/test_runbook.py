"""The runbook's procedures, carried out as they stand in the page: who follows them gets there."""

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import boto3
import pytest

from flowlogs.cluster.connection import install_template, open_client
from flowlogs.local.embedded import Embedded
from parser.format import DEFAULT
from parser.subscription import Event, Subscription, encode
from support.commands import BUCKET, Told, run

PAGE: Final = Path(__file__).parents[2] / "docs" / "runbook.md"
INDEX: Final = "cwl-2026.11.27"
"""The index that the page means."""

NOON: Final = 1_795_780_800_000
"""Twelve o'clock of its day (UTC), in milliseconds."""

GROUP: Final = "/vpc/flow-logs"
LINE: Final = "2 {account} eni-0a 10.0.0.5 10.0.0.6 443 50000 6 1 40 1795780800 1795780860 ACCEPT OK"
KEPT: Final = "failed/2026/11/27/12/kept.json.gz"


def read_section(title: str) -> str:
    return PAGE.read_text(encoding="utf-8").partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def read_steps(text: str) -> list[str]:
    """Return what is to be typed: each request and each command, in the page's order."""
    return [re.sub(r"(?m)^    ", "", each).strip() for each in re.findall(r"(?m)(?:^    .*\n?)+", text)]


def make_payload(*messages: str, stream: str = "eni-0a-all", first: int = 0) -> Subscription:
    events = tuple(
        Event(f"{number:056d}", NOON + number, message) for number, message in enumerate(messages, first)
    )
    return Subscription(owner="123456789010", log_group=GROUP, log_stream=stream, events=events)


def put(key: str, data: bytes) -> None:
    boto3.client("s3").put_object(Bucket=BUCKET, Key=key, Body=data)


def list_keys() -> list[str]:
    return [each["Key"] for each in boto3.client("s3").list_objects_v2(Bucket=BUCKET).get("Contents", ())]


class Operator:
    """Types what the page says.

    Attributes:
        node: the cluster that is meant.
        folder: where commands are typed.
        told: what each command said, in their order.
    """

    def __init__(self, node: Embedded, folder: Path) -> None:
        self.node = node
        self.folder = folder
        self.told: list[Told] = []

    def follow(self, steps: list[str], **names: str) -> list[Any]:
        """Carry out steps, with names for what stands in brackets; return what requests were answered."""
        assert steps, "nothing is to be typed"
        return [self._do(re.sub(r"<(\w+)>", lambda found: names[found[1]], step)) for step in steps]

    def _do(self, step: str) -> Any:
        if request := re.match(r"(GET|PUT|POST|DELETE) (\S+)(?:\n(.*))?$", step, re.DOTALL):
            method, path, body = request.groups()
            status, reply = self.node.request(method, f"/{path}", json.loads(body) if body else None)
            assert status == 200, (step, reply)
            return reply
        program, *arguments = shlex.split(step)
        if program == "flowlogs":
            self.told.append(run(*arguments))
            return self.told[-1].output
        assert (program, arguments[0]) == ("aws", "s3"), step
        return self._call_s3(*arguments[1:])

    def _call_s3(self, verb: str, *names: str) -> None:
        s3 = boto3.client("s3")
        bucket, _, key = names[0].removeprefix("s3://").partition("/")
        if verb == "cp":
            (target,) = names[1:]
            (self.folder / target).write_bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        else:
            assert (verb, names[1:]) == ("rm", ())
            s3.delete_object(Bucket=bucket, Key=key)


Employ = Callable[[Embedded], Operator]


@pytest.fixture
def employ(account: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Employ:
    """Return a function that gives somebody for a cluster, whose commands mean it and an empty bucket."""
    monkeypatch.chdir(tmp_path)

    def make(node: Embedded) -> Operator:
        set_environ(monkeypatch, node)
        config, client = open_client(os.environ)
        install_template(client, config)
        return Operator(node, tmp_path)

    return make


def set_environ(monkeypatch: pytest.MonkeyPatch, node: Embedded) -> None:
    for name, value in {
        "OPENSEARCH_URL": node.url,
        "OPENSEARCH_AUTH": "none",
        "LOG_FORMATS": str(DEFAULT),
        "FAILURE_BUCKET": BUCKET,
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def operator(employ: Employ, opensearch: Embedded) -> Operator:
    return employ(opensearch)


def count(node: Embedded) -> int:
    assert node.request("POST", f"/{INDEX}/_refresh")[0] == 200
    return int(node.request("GET", f"/{INDEX}/_count")[1]["count"])


def read_type(node: Embedded, index: str, field: str) -> str:
    mappings = node.request("GET", f"/{index}/_mapping")[1][index]["mappings"]
    return str(mappings["properties"][field]["type"])


@pytest.mark.dear(3)
def test_a_mapping_is_corrected_and_what_was_rejected_is_indexed(
    employ: Employ, any_opensearch: Embedded
) -> None:
    node, operator = any_opensearch, employ(any_opensearch)
    wrong = {"mappings": {"properties": {"account_id": {"type": "ip"}}}}
    assert node.request("PUT", f"/{INDEX}", wrong)[0] == 200
    fit = [LINE.format(account="-")] * 6
    put(KEPT, encode(make_payload(*fit, *[LINE.format(account="123456789010")] * 4)))
    told = run("replay")
    assert (told.status, "10 received = 6 indexed + 0 duplicate + 0 pending + 4 rejected" in told.output) == (
        1,
        True,
    )

    answers = operator.follow(read_steps(read_section("Correct a mapping")))

    copied, back = (each for each in answers if isinstance(each, dict) and "failures" in each)
    assert (copied["total"], copied["created"], copied["failures"]) == (6, 6, [])
    assert (back["total"], back["created"], back["failures"]) == (6, 6, [])
    assert "ok       the index template is ours and current" in operator.told[0].output
    assert "ok       new indices follow it" in operator.told[0].output
    _, rejected_again, replayed, rejected = operator.told
    assert "4 received = 4 indexed + 0 duplicate + 0 pending + 0 rejected" in rejected_again.output
    assert (replayed.status, rejected.status, rejected.output) == (0, 0, "0 events are rejected\n")
    assert (count(node), read_type(node, INDEX, "account_id"), list_keys()) == (10, "keyword", [])
    assert node.request("GET", f"/{INDEX}-mended")[0] == 404


def test_what_the_function_indexes_while_the_mapping_is_corrected_stays(operator: Operator) -> None:
    node = operator.node
    for number in range(3):
        assert (
            node.request("PUT", f"/{INDEX}/_create/{number:056d}?refresh=true", {"bytes": number})[0] == 201
        )
    steps = read_steps(read_section("Correct a mapping"))
    deleted = steps.index(f"DELETE {INDEX}") + 1
    operator.follow(steps[:deleted])
    put(KEPT, encode(make_payload(LINE.format(account="123456789010"), LINE.format(account="-"), first=2)))
    assert run("replay").status == 0  # one of both is in the copy as well

    operator.follow(steps[deleted:])

    assert count(node) == 4


def set_index(**settings: object) -> Callable[[Embedded], None]:
    def do(node: Embedded) -> None:
        assert node.request("PUT", f"/{INDEX}")[0] == 200
        assert node.request("PUT", f"/{INDEX}/_settings", settings)[0] == 200

    return do


def set_cluster(settings: dict[str, object], kind: str = "persistent") -> Callable[[Embedded], None]:
    def do(node: Embedded) -> None:
        status, reply = node.request("PUT", "/_cluster/settings", {kind: settings})
        assert status == 200, reply

    return do


def fill_up(node: Embedded) -> None:
    assert node.request("PUT", "/others")[0] == 200
    set_cluster({"cluster.max_shards_per_node": 1})(node)


def close(node: Embedded) -> None:
    assert node.request("PUT", f"/{INDEX}")[0] == 200
    assert node.request("POST", f"/{INDEX}/_close")[0] == 200


READ_ONLY: Final = "cluster.blocks.read_only"


@pytest.mark.parametrize(
    ("block", "beginning"),
    [
        pytest.param(set_index(**{"index.blocks.write": True}), "An index takes no writes", id="write"),
        pytest.param(set_index(**{"index.blocks.read_only": True}), "An index is read-only", id="read-only"),
        pytest.param(
            set_index(**{"index.blocks.read_only_allow_delete": True}),
            "The disk is full",
            id="flood stage",
        ),
        pytest.param(set_cluster({READ_ONLY: True}), "The cluster is read-only", id="cluster"),
        pytest.param(
            set_cluster({READ_ONLY: True}, "transient"), "Or it was set until", id="cluster, transient"
        ),
        pytest.param(
            set_cluster({"action.auto_create_index": "false"}), "or because `action.auto", id="auto create"
        ),
        pytest.param(fill_up, "There are too many shards", id="shard limit"),
        pytest.param(close, "An index is closed", id="closed"),
    ],
)
def test_a_block_is_lifted(
    block: Callable[[Embedded], None], beginning: str, operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(KEPT, encode(make_payload(LINE.format(account="123456789010"))))
    block(operator.node)
    told = run("replay")
    assert (told.status, len(list_keys())) == (1, 1), told.output
    section = read_section("Lift a block")
    assert section.count(beginning) == 1
    lift = read_steps(section.partition(beginning)[2])[0]
    afterwards = read_steps(section.partition("Afterwards")[2])

    operator.follow([lift, *afterwards])

    replayed, doctor = operator.told
    assert (replayed.status, list_keys(), count(operator.node)) == (0, [], 1)
    assert "problem" not in doctor.output.replace("0 problems", "")


def test_the_block_on_new_indices_is_lifted(operator: Operator) -> None:
    set_cluster({"cluster.blocks.create_index": True})(operator.node)
    assert operator.node.request("PUT", f"/{INDEX}")[0] == 403
    lift = read_steps(read_section("Lift a block").partition("No index can be made")[2])[0]

    operator.follow([lift])

    assert operator.node.request("PUT", f"/{INDEX}")[0] == 200


def test_an_unreadable_object_is_looked_at_and_ended(operator: Operator) -> None:
    put("failed/garbage", b"garbage")
    assert run("replay").status == 1
    (key,) = list_keys()

    operator.follow(read_steps(read_section("End an unreadable object")), bucket=BUCKET, key=key)

    looked, parsed, replayed, rejected = operator.told
    assert (looked.status, key in looked.output) == (1, True)
    assert parsed.status == 1
    assert (operator.folder / "unreadable").read_bytes() == b"garbage"
    assert replayed.status == 1
    assert (rejected.status, rejected.output, list_keys()) == (0, "0 events are rejected\n", [])


def test_an_object_that_can_be_read_today_is_sent(operator: Operator) -> None:
    put("rejected/2026/11/27/12/old.unreadable", encode(make_payload(LINE.format(account="123456789010"))))
    section = read_section("End an unreadable object").partition("**2.")[2].partition("**3.")[0]

    operator.follow(read_steps(section))

    assert (operator.told[0].status, list_keys(), count(operator.node)) == (0, [], 1)


STAND_INS: Final = r"""
aws() {
    case "$1 $2" in
        "sts get-caller-identity") echo 123456789010 ;;
        "logs filter-log-events") printf '%s\n' "$*" >> asked; cat lines.json ;;
        "s3 cp") test "$3" = - && cat > "uploaded/$(basename "$4")" && printf '%s\n' "${4%/*}" >> targets ;;
    esac
}
"""


@pytest.mark.skipif(not (shutil.which("jq") and shutil.which("bash")), reason="the page asks for jq and bash")
def test_lines_are_brought_from_the_log_group(operator: Operator) -> None:
    payloads = [
        make_payload(*[LINE.format(account="123456789010")] * 3),
        make_payload('a "quoted" \\ line', LINE.format(account="-"), stream="eni-0b-all", first=3),
    ]
    (operator.folder / "uploaded").mkdir()
    found = [
        {
            "logStreamName": each.log_stream,
            "timestamp": event.timestamp,
            "message": event.message,
            "eventId": event.id,
        }
        for each in payloads
        for event in each.events
    ]
    (operator.folder / "lines.json").write_text(json.dumps({"events": found[::-1]}))
    *script, replay = read_steps(read_section("Bring lines from the log group"))
    script = [each.replace("<bucket>", BUCKET) for each in script]
    bash = ["bash", "-euo", "pipefail", "-c", "\n".join([STAND_INS, *script])]

    subprocess.run(bash, cwd=operator.folder, check=True)

    asked = (operator.folder / "asked").read_text().split()
    assert asked[asked.index("--start-time") + 1 :][:3] == [
        f"{NOON - 2 * 3_600_000}",
        "--end-time",
        f"{NOON - 3_600_000 - 1}",
    ]
    assert set((operator.folder / "targets").read_text().split()) == {f"s3://{BUCKET}/failed"}
    for file in (operator.folder / "uploaded").iterdir():
        put(f"failed/{file.name}", file.read_bytes())
    assert len(list_keys()) == 2
    put(KEPT, encode(payloads[0]))  # one that did arrive, by another way
    operator.follow([replay])
    assert "events:  8 received = 5 indexed + 3 duplicate + 0 pending + 0 rejected" in operator.told[0].output
    assert (operator.told[0].status, list_keys(), count(operator.node)) == (0, [], 5)


def test_the_page_says_which_procedures_a_test_carries_out() -> None:
    text = PAGE.read_text(encoding="utf-8")
    first = text.partition("\n\n")[2].partition("\n\n")[0].replace("\n", " ")
    named = set(re.findall(r"\[(.+?)\]\(#", first))
    sections = re.findall(r"(?m)^## (.+)$", text)
    untried = {title for title in sections if "*Not tried by a test" in read_section(title)}

    assert named == {title.lower() for title in {*sections} - untried - {"Before you begin"}}
    assert untried == {"A red index", "Run the setup again"}
