"""`flowlogs plan`: what a deployment would do, and who may do what then; nothing is changed."""

from typing import Annotated, Final

import typer
from rich.console import Console

from flowlogs.commands.deploy import (
    AnswersFile,
    enter_region,
    region_option,
    show_parameters,
    tell,
    understood,
)
from flowlogs.deploying import sam, stages
from flowlogs.deploying.account import Account
from flowlogs.deploying.answers import ANSWERS
from flowlogs.deploying.change_set import Change, PlanError, plan
from flowlogs.deploying.checks import Wanted
from flowlogs.deploying.overview import NESTED
from flowlogs.deploying.preparing import Preparation, find_known, read_given
from flowlogs.deploying.statements import Statement, find_statements
from flowlogs.deploying.template import load_template
from flowlogs.local.places import PROJECT
from flowlogs.terminal.display import count_of, foreign, make_console, plain_table
from flowlogs.terminal.exits import INCOMPLETE, demand_checkout, explained, fail
from flowlogs.terminal.options import find_region
from flowlogs.terminal.progress import is_interactive

PACKAGED: Final = PROJECT / ".aws-sam" / "plan.yaml"

_NAMES: Final = {"Roles": "of", "Principal": "for", "Resource": "on", "Condition": "when"}
_LOUD: Final = {"created": "green", "changed": "", "replaced": "bold red", "deleted": "bold red"}


def plan_command(
    context: typer.Context,
    *,
    answers: AnswersFile = ANSWERS,
    yes: Annotated[bool, typer.Option("--yes", help="Plan what flowlogs deploy --yes would do.")] = False,
) -> None:
    """Show what a deployment would change, and whom it would permit what.

    Needs what flowlogs deploy needs to know, and asks nothing. The functions
    are built and uploaded as for a deployment, to the bucket of sam's own,
    which sam makes where there is none. Nothing is executed: the change set,
    with those of the nested stacks, is deleted once it is read.

    [bold]Examples[/bold]

    flowlogs plan

    flowlogs plan --parameter-overrides RetentionDays=90
    """
    demand_checkout("plan", "builds the functions")
    with understood():
        given = read_given(context.args)
        known = find_known(given, answers)
    enter_region(known, None)
    console = make_console()
    with explained(), understood():
        account = Account()
        identity = account.identify()
        preparation = Preparation(load_template(), known, account)
        # As a deployment from here would: at a terminal sam's answers move into a file of their own.
        for told in preparation.adopt(has_file=answers.exists(), moves=is_interactive() and not yes):
            tell(console, told)
        wanted = preparation.want()
        if wanted.there is not None:
            show_parameters(console, wanted)
        if wanted.there is not None and (why := stages.explain(wanted.stack, wanted.there.status)):
            raise fail(why, INCOMPLETE)
        status = sam.build(wanted.values["Architecture"])
        status = status or sam.package(wanted.stack, [*region_option(), *given.more], PACKAGED)
        if status:
            raise fail(f"sam ended with {status}: see above", INCOMPLETE)
        try:
            found = plan(
                wanted.stack,
                is_there=wanted.there is not None,
                is_begun=preparation.is_begun,
                packaged=PACKAGED,
                values=wanted.values,
            )
        except PlanError as error:
            raise fail(f"CloudFormation refuses: {error}", INCOMPLETE) from error
    _print_changes(console, wanted, found.changes)
    pseudo = {
        "AWS::Region": find_region(),
        "AWS::AccountId": identity.account,
        "AWS::StackName": wanted.stack,
    }
    statements = list(find_statements(found.template, {**pseudo, **wanted.values}))
    _print_statements(console, [each for each in statements if _is_touched(each, found.changes)])
    console.print("\nNothing was changed.")


def _is_touched(statement: Statement, changes: tuple[Change, ...]) -> bool:
    """Tell whether a statement's resource is changed, or may be: nobody says it of that nested stack."""
    paths = {each.path for each in changes if each.action != "deleted"}
    silent = {f"{each.path}/" for each in changes if each.kind == NESTED and not each.nested}
    return statement.path in paths or statement.path.startswith(tuple(silent))


def _print_changes(console: Console, wanted: Wanted, changes: tuple[Change, ...]) -> None:
    verb = "is there" if wanted.there is not None else "would be made"
    tell(console, f"\n{wanted.stack} {verb}; {count_of(len(changes), 'change')}.\n")
    if changes:
        table = plain_table("what", "resource", "type")
        for each in changes:
            note = f" ({each.policy})" if each.policy else ""
            table.add_row(
                foreign(f"{each.action}{note}", style=_LOUD.get(each.action, "yellow")),
                foreign(each.path),
                foreign(each.kind),
            )
        console.print(table)
    for each in changes:
        if each.kind == NESTED and not each.nested and each.action != "deleted":
            tell(console, f"{each.path}: what changes in this nested stack is not told")


def _print_statements(console: Console, statements: list[Statement]) -> None:
    console.print(
        "\nPermissions of what is created or changed:" if statements else "\nNo permission is touched."
    )
    before = ""
    for each in statements:
        if each.path != before:
            tell(console, f"\n{each.path} ({each.kind})")
            before = each.path
        actions = [
            *each.parts.get("Action", ()),
            *(f"all but {name}" for name in each.parts.get("NotAction", ())),
        ]
        tell(console, f"  {each.effect}  {', '.join(actions)}")
        for name, values in each.parts.items():
            for value in values if name not in ("Action", "NotAction") else ():
                tell(console, f"    {_NAMES.get(name, name)} {value}")
