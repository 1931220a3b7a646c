"""`flowlogs demo --outage`: the cluster is really killed, the real commands find it, and nothing is lost."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

# Its data, its log and its lock are kept elsewhere than in the project's folder.
DEMO = """
import sys
from pathlib import Path
from flowlogs.local import project_node
project_node.DATA = Path(sys.argv[1])
from flowlogs.command_line import app
app(["demo", "--outage"])
"""
# All of it would lead elsewhere: to an account, a cluster, a bucket.
FOREIGN = {
    "AWS_PROFILE": "production",
    "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9",
    "OPENSEARCH_URL": "http://127.0.0.1:9",
    "FAILURE_BUCKET": "somebody-elses",
    "INDEX_PREFIX": "other",
    "FLOWLOGS_STACK": "production",
}


@pytest.mark.dear(20)
@pytest.mark.long
def test_an_outage_is_found_and_mended_whatever_this_machine_is_set_to(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", DEMO, str(tmp_path)],
        env=os.environ | FOREIGN,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0
    told = done.stderr.splitlines()  # of each replay: where it sends to, and its formats
    for first, *others in (told[:5], told[5:]):
        assert re.fullmatch(r"flowlogs: \d+ objects to http://127\.0\.0\.1:\d+, indices cwl-.*", first)
        assert [line[:6] for line in others] == ["  ${ve"] * 4
    sent, documents = re.search(r"(\S+) events were sent, (\S+) are in the index", done.stdout).groups()  # type: ignore[union-attr]  # it is there
    assert sent == documents
    before, during = re.findall(r"^(\S+) events in \d+ invocations: (.*)$", done.stdout, re.MULTILINE)
    assert before[1] == f"{before[0]} indexed, 0 pending"
    assert during[1] == f"0 indexed, {during[0]} pending"
    asked = re.findall(r"^\$ flowlogs (\w+)", done.stdout, re.MULTILINE)
    assert asked == ["doctor", "verify", "replay", "verify", "doctor", "replay"]
    assert re.findall(r"^.* $", done.stdout, re.MULTILINE) == []
    ends = [
        "20 looked at, 2 problems, 12 unknown, 2 skipped",
        "It does not add up.",
        f"events:  {during[0]} received = {during[0]} indexed + 0 duplicate + 0 pending + 0 rejected",
        "It adds up.",
        "20 looked at, 0 problems, 0 unknown, 4 skipped",
        "How fast is that? 600 objects wait, of the rest of the day.",
        "objects: 600 dropped, 0 shortened, 0 left, 0 set aside, 0 gone, 0 failed",
        "At that rate an hour's outage at 1,000 events a second drains in ",
    ]
    places = [done.stdout.index(each) for each in ends]
    assert places == sorted(places)
    rate, minutes = re.search(
        r"rate: +(\S+) events a second\nAt that rate .* drains in (\S+) min", done.stdout
    ).groups()  # type: ignore[union-attr]  # it is there
    assert int(minutes) == round(3_600_000 / int(rate.replace(",", "")) / 60)
    assert re.search(r"With the replay function as it is deployed it is \d+ minutes, ", done.stdout)
    assert {each.name for each in tmp_path.iterdir()} == {"outage", "the-outage-exercise.lock"}
