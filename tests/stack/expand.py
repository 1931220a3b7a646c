"""Prints a SAM template as CloudFormation gets it, as JSON: run by the Python of .venv-sam."""

import json
import sys
from pathlib import Path
from typing import Any

from samcli.yamlhelper import yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator


def expand(file: Path) -> dict[str, Any]:
    """Return the template after SAM's transform, with no account asked."""
    template = yaml_parse(file.read_text(encoding="utf-8"))
    # Where "sam package" would have put the code.
    template["Globals"]["Function"]["CodeUri"] = "s3://bucket/code"
    expanded: dict[str, Any] = Translator({}, Parser()).translate(template, {})
    return expanded


if __name__ == "__main__":
    json.dump(expand(Path(sys.argv[1])), sys.stdout)
