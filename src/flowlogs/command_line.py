"""The operator's command line: which commands there are.

Most of what a command needs is slow to import: opensearch-py, boto3, the embedded OpenSearch. So the commands
stand in a table, and the module of the one that is asked for is imported then.
"""

import importlib
from typing import Annotated, Any, Final, NamedTuple

import typer
from typer.core import TyperGroup

from flowlogs.terminal.exits import debugging, unsurprising, written
from flowlogs.terminal.foreign import tolerate_encodings
from flowlogs.terminal.options import choose_account, put_first
from handler import __version__

TRY: Final = "Try it, without an account"
DEPLOY: Final = "Deploy it, and take it away"
LOOK: Final = "Look at it"
ASK: Final = "Ask how it is"
MEND: Final = "Mend it"


_PASSED_ON: Final = {"allow_extra_args": True, "ignore_unknown_options": True}
"""What typer is told, so that options of sam reach sam."""


class Entry(NamedTuple):
    """A command as the page of all commands shows it, and where it is."""

    group: str
    function: str
    summary: str
    settings: dict[str, Any] = {}  # noqa: RUF012  # nobody writes to it


COMMANDS: Final[dict[str, Entry]] = {
    # The summary is the first paragraph of the function's docstring.
    "demo": Entry(
        TRY,
        "flowlogs.commands.demo:demo_command",
        "Send sample events and a day of traffic through a function of the stack.",
    ),
    "opensearch": Entry(
        TRY,
        "flowlogs.commands.opensearch:opensearch_command",
        "Keep the OpenSearch of the demo running, with its data, until Ctrl-C.",
    ),
    "parse": Entry(
        TRY,
        "flowlogs.commands.parse:parse_command",
        "Parse flow log records: one JSON object per line out.",
    ),
    "invoke": Entry(
        TRY,
        "flowlogs.commands.invoke:invoke_command",
        "Run a built function with an event, against a local OpenSearch.",
    ),
    "cost": Entry(
        DEPLOY,
        "flowlogs.commands.cost:cost_command",
        "Say what a month of so many flow log records costs, on which data nodes.",
    ),
    "deploy": Entry(
        DEPLOY,
        "flowlogs.commands.deploy:deploy_command",
        "Deploy the stack: ask what is missing, check, show, build, run sam.",
        _PASSED_ON,
    ),
    "plan": Entry(
        DEPLOY,
        "flowlogs.commands.plan:plan_command",
        "Show what a deployment would change, and whom it would permit what.",
        _PASSED_ON,
    ),
    "delete": Entry(
        DEPLOY,
        "flowlogs.commands.delete:delete_command",
        "Delete the stack, after saying what stays: what holds data.",
        _PASSED_ON,
    ),
    "report": Entry(
        LOOK,
        "flowlogs.commands.report:report_command",
        "Write a report: the dashboard as one HTML file that needs no network.",
    ),
    "dashboards": Entry(
        LOOK,
        "flowlogs.commands.dashboards:dashboards_command",
        "Export or import the dashboard: index pattern, search and panels.",
    ),
    "smoke": Entry(
        ASK,
        "flowlogs.commands.smoke:smoke_command",
        "Send a marked line through the stack, and look at each step.",
    ),
    "doctor": Entry(
        ASK,
        "flowlogs.commands.doctor:doctor_command",
        "Look whether everything is in place; say of each thing what to do.",
    ),
    "verify": Entry(
        ASK,
        "flowlogs.commands.verify:verify_command",
        "Check that every event of a time arrived, and name each difference.",
    ),
    "formats": Entry(
        ASK,
        "flowlogs.commands.formats:formats_command",
        "Ask EC2 which formats write to a log group, and print LOG_FORMATS for it.",
    ),
    "rejected": Entry(
        ASK,
        "flowlogs.commands.rejected:rejected_command",
        "Show which events were rejected, why, and what helps.",
    ),
    "replay": Entry(
        MEND,
        "flowlogs.commands.replay:replay_command",
        "Send what is kept in the failure bucket once more.",
    ),
    "reparse": Entry(
        MEND,
        "flowlogs.commands.reparse:reparse_command",
        "Parse lines again that could not be parsed, and correct their documents.",
    ),
}


def load_command(name: str) -> Any:  # noqa: ANN401  # typer hides its type
    """Import a command, and return it as typer runs it."""
    entry = COMMANDS[name]
    module, _, function = entry.function.partition(":")
    alone = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)
    alone.command(name, context_settings=dict(entry.settings))(
        getattr(importlib.import_module(module), function)
    )
    return typer.main.get_command(alone)


class Commands(TyperGroup):
    """Takes the options of all commands before and behind a command's name, as the AWS CLI does."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401  # typer hides its type
        """Read the arguments; without any, help is what is asked for."""
        asked = put_first(args) if args or ctx.resilient_parsing else ["--help"]
        return super().parse_args(ctx, asked)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401  # typer hides its type
        """Find the command that is asked for, to run it, or to complete what is typed of it."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command if name is None else load_command(name), rest

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401  # typer hides its type
        """Run the command that is asked for."""
        with unsurprising():
            return super().invoke(ctx)


app: Final = typer.Typer(
    name="flowlogs",
    cls=Commands,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(asked: bool) -> None:
    if asked:
        print(f"flowlogs {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    profile: Annotated[
        str | None, typer.Option(help="The AWS profile, instead of AWS_PROFILE and keys in the environment.")
    ] = None,
    region: Annotated[str | None, typer.Option(help="The AWS Region, instead of AWS_REGION.")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error comes from.")] = False,
    version: Annotated[  # noqa: ARG001  # printed by its callback
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """VPC flow logs in OpenSearch: try it, ask how it is, mend it.

    OpenSearch is the one of OPENSEARCH_URL and the other variables that
    the functions read; commands with --stack take them from the stack's
    function, too. Times are in UTC. Options may stand behind a command.

    Exit status: 0 all is well, 1 something is not as it should be, 2 the
    command was called wrongly or its environment is not usable.
    """
    debugging.set(debug)
    choose_account(profile, region)


def _register(name: str, entry: Entry) -> None:
    @app.command(name, rich_help_panel=entry.group, help=entry.summary)
    def stand_in() -> None:
        """Stand in the page of all commands; `resolve_command` gives the command itself."""


for _name, _entry in COMMANDS.items():
    _register(_name, _entry)


def main() -> None:
    """Run the command line."""
    tolerate_encodings()
    with written():
        app()
