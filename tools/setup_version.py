"""The version of what the setup function installs, as the template names it (`make docs` renews it).

CloudFormation runs a custom resource again only when one of its properties changes. So the template holds
a hash of all that is installed: another index template, policy, role or dashboard makes the next
deployment install it.
"""

import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Final

from handler.installing.access import reader_role, writer_role
from handler.installing.dashboards import FILE
from parser.engine import NEWEST, SERVERLESS, Engine
from parser.format import known_formats
from parser.index_template import index_template
from parser.retention_policy import retention_policy

ENGINES: Final = (Engine((1, 3)), Engine((2, 11)), Engine((2, 19)), NEWEST, SERVERLESS)
"""Engines, one of each kind that templates differ by."""

_PROPERTY: Final = re.compile(r'(?m)^(      Version: )"[0-9a-f]+"')
_LENGTH: Final = 12


def setup_version() -> str:
    """Return a hash of what is installed in a cluster, whatever its parameters."""
    installed = [
        *(index_template("cwl", known_formats(), engine=engine) for engine in ENGINES),
        retention_policy("cwl", 2, 1),
        writer_role("cwl"),
        reader_role("cwl"),
    ]
    content = json.dumps(installed, sort_keys=True).encode() + FILE.read_bytes()
    return hashlib.sha256(content).hexdigest()[:_LENGTH]


def replace_version(template: str) -> str:
    """Return the template with the version as it is now."""
    return _PROPERTY.sub(rf'\g<1>"{setup_version()}"', template)


if __name__ == "__main__":
    file = Path(sys.argv[1])
    text = file.read_text(encoding="utf-8")
    renewed = replace_version(text)
    if renewed != text:
        file.write_text(renewed, encoding="utf-8")
