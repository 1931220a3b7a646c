"""The operator's command line: which commands there are."""

from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from flowlogs.commands.cost import cost_command
from flowlogs.commands.dashboards import dashboards_command
from flowlogs.commands.delete import delete_command
from flowlogs.commands.demo import demo_command, opensearch_command
from flowlogs.commands.deploy import PASSED_ON, deploy_command
from flowlogs.commands.doctor import doctor_command
from flowlogs.commands.formats import formats_command
from flowlogs.commands.invoke import invoke_command
from flowlogs.commands.parse import parse_command
from flowlogs.commands.plan import plan_command
from flowlogs.commands.rejected import rejected_command
from flowlogs.commands.reparse import reparse_command
from flowlogs.commands.replay import replay_command
from flowlogs.commands.report import report_command
from flowlogs.commands.smoke import smoke_command
from flowlogs.commands.verify import verify_command
from flowlogs.terminal.exits import debugging, unsurprising
from flowlogs.terminal.foreign import tolerate_encodings
from flowlogs.terminal.options import choose_account, put_first

TRY: Final = "Try it, without an account"
DEPLOY: Final = "Deploy it, and take it away"
LOOK: Final = "Look at it"
ASK: Final = "Ask how it is"
MEND: Final = "Mend it"


class Commands(TyperGroup):
    """Takes the options of all commands before and behind a command's name, as the AWS CLI does."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401  # typer hides its type
        """Read the arguments."""
        return super().parse_args(ctx, put_first(args))

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401  # typer hides its type
        """Run the command that is asked for."""
        with unsurprising():
            return super().invoke(ctx)


app: Final = typer.Typer(
    name="flowlogs",
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _root(
    *,
    profile: Annotated[
        str | None, typer.Option(help="The AWS profile, instead of AWS_PROFILE and keys in the environment.")
    ] = None,
    region: Annotated[str | None, typer.Option(help="The AWS Region, instead of AWS_REGION.")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error comes from.")] = False,
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


app.command("demo", rich_help_panel=TRY)(demo_command)
app.command("opensearch", rich_help_panel=TRY)(opensearch_command)
app.command("parse", rich_help_panel=TRY)(parse_command)
app.command("invoke", rich_help_panel=TRY)(invoke_command)
app.command("cost", rich_help_panel=DEPLOY)(cost_command)
app.command("deploy", rich_help_panel=DEPLOY, context_settings=PASSED_ON)(deploy_command)
app.command("plan", rich_help_panel=DEPLOY, context_settings=PASSED_ON)(plan_command)
app.command("delete", rich_help_panel=DEPLOY, context_settings=PASSED_ON)(delete_command)
app.command("report", rich_help_panel=LOOK)(report_command)
app.command("dashboards", rich_help_panel=LOOK)(dashboards_command)
app.command("smoke", rich_help_panel=ASK)(smoke_command)
app.command("doctor", rich_help_panel=ASK)(doctor_command)
app.command("verify", rich_help_panel=ASK)(verify_command)
app.command("formats", rich_help_panel=ASK)(formats_command)
app.command("rejected", rich_help_panel=ASK)(rejected_command)
app.command("replay", rich_help_panel=MEND)(replay_command)
app.command("reparse", rich_help_panel=MEND)(reparse_command)


def main() -> None:
    """Run the command line."""
    tolerate_encodings()
    app()
