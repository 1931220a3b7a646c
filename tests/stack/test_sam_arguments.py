"""What is written for sam is what sam reads: with its own code."""

import json
import subprocess
from pathlib import Path

from flowlogs.deploying.overrides import read_overrides, write_override
from flowlogs.deploying.template import load_template, read_parameters

VALUES = {
    "Plain": "value",
    "Empty": "",
    "Blanks": "${version} ${account-id} ${srcaddr};${version} ${bytes}",
    "Quotes": "\"a phrase\" and 'another'",
    "Pattern": "[version, account, ..., action = REJECT]",
    "Equals": "a=b c=d",
    "Backslash": "a\\b",
    "Comma": "subnet-1,subnet-2",
}

READER = """
import json, sys
from samcli.cli.types import CfnParameterOverridesType
read = CfnParameterOverridesType().convert
print(json.dumps([read(tuple(each), None, None) for each in json.load(sys.stdin)]))
"""


def test_sam_reads_parameters_as_they_were_meant(project: Path) -> None:
    defaults = {name: each.default or "" for name, each in read_parameters(load_template()).items()}
    values = {**VALUES, **defaults}
    written = [write_override(name, text) for name, text in values.items()]
    joined = [" ".join(written)]  # as sam itself keeps them in its configuration
    done = subprocess.run(
        [str(project / ".venv-sam/bin/python"), "-c", READER],
        input=json.dumps([written, joined]),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == [values, values]
    assert read_overrides(joined) == values
