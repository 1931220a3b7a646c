"""The operator's command line: which commands there are."""

from typing import Final

import typer

from flowlogs.demo import demo_command
from flowlogs.invoke import invoke_command
from flowlogs.parse import parse_command
from flowlogs.replay import replay_command

app: Final = typer.Typer(
    name="flowlogs",
    help="VPC flow logs in OpenSearch: try it, look at it, run it.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)


@app.callback()
def _root() -> None:
    """VPC flow logs in OpenSearch: try it, look at it, run it."""


app.command("demo")(demo_command)
app.command("invoke")(invoke_command)
app.command("parse")(parse_command)
app.command("replay")(replay_command)


def main() -> None:
    """Run the command line."""
    app()
