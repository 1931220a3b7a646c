"""The example of a file of answers, written from the template: all that can be answered, explained.

Run as a program (`make docs`), it renews answers.example.toml.
"""

import json
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from flowlogs.deploying.preparing import STACK
from flowlogs.deploying.template import Parameter, load_template, read_groups, read_parameters

WIDTH: Final = 110

HEAD: Final = f"""\
# All that can be answered to "make deploy". A copy of this file named answers.toml, or the few lines that
# are wanted, is read instead of asking; "make deploy" writes that file, too, with what it was told. It is not
# tracked. What is not in it has the template's default, that of a newer version after an update.
#
# For several stacks: a file for each, and make deploy ARGS="--answers answers-test.toml".
# A pipeline that has no file: make deploy ARGS="--yes --parameter-overrides Name=value Name=value".

# Name of the stack.
# stack = "{STACK}"

# AWS Region, where neither --region nor AWS_REGION says it.
# region = "eu-west-1"

[parameters]
"""


def render_example() -> str:
    """Return the whole file."""
    template = load_template()
    parameters = read_parameters(template)
    lines = [HEAD]
    for title, names in read_groups(template):
        lines.append(f"# ---- {title} ----\n")
        lines += [line for name in names for line in (*_render(parameters[name]), "")]
    return "\n".join(lines)


def _render(parameter: Parameter) -> Iterator[str]:
    for sentence in (parameter.text, _tell_values(parameter)):
        yield from textwrap.wrap(sentence, WIDTH, initial_indent="# ", subsequent_indent="# ")
    default = parameter.default or ""
    shown = default if parameter.is_number and default else json.dumps(default, ensure_ascii=False)
    yield f"# {parameter.name} = {shown}"


def _tell_values(parameter: Parameter) -> str:
    if parameter.choices:
        return f"One of {', '.join(parameter.choices)}."
    if parameter.low is not None or parameter.high is not None:
        return f"From {parameter.low:,} to {parameter.high:,}."
    return f"Takes {parameter.example}." if parameter.example else ""


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(render_example(), encoding="utf-8")
