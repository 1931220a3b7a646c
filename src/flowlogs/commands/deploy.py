"""`flowlogs deploy`: asks what cannot have a default, checks, shows what comes, and deploys."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from flowlogs.cluster.finding import State
from flowlogs.commands.doctor import print_findings
from flowlogs.deploying import sam, stages
from flowlogs.deploying.account import Account, Identity, Stack
from flowlogs.deploying.answers import ANSWERS, AnswersError
from flowlogs.deploying.checks import Wanted, examine
from flowlogs.deploying.overrides import OverridesError
from flowlogs.deploying.overview import count_resources, find_changes, tell_cost, tell_resources, warn
from flowlogs.deploying.preparing import Known, MissingError, Preparation, find_known, read_given
from flowlogs.deploying.reach import try_to_reach
from flowlogs.deploying.staying import Resource, find_staying
from flowlogs.deploying.talk import Talk
from flowlogs.deploying.template import load_template
from flowlogs.local.artifact import ArtifactError
from flowlogs.terminal.display import foreign, make_console, plain_table
from flowlogs.terminal.exits import INCOMPLETE, USAGE, demand_checkout, explained, fail, say
from flowlogs.terminal.options import choose_account, find_region
from flowlogs.terminal.progress import is_interactive

AnswersFile = Annotated[
    Path,
    typer.Option(
        "--answers",
        metavar="FILE",
        help="The file of the answers; another one for another stack.",
        show_default="answers.toml",
    ),
]


def deploy_command(
    context: typer.Context,
    *,
    answers: AnswersFile = ANSWERS,
    guided: Annotated[bool, typer.Option("--guided", help="Ask again, also what is answered.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing; fail where something is missing.")] = False,
) -> None:
    """Deploy the stack: ask what is missing, check, show, build, run sam.

    Asked is only what cannot have a default. The answers are kept in
    answers.toml, which is not tracked; answers.example.toml explains all that
    can stand there. Where no terminal is, nothing is asked: what is missing is
    named. Further options go to sam deploy, such as --parameter-overrides
    (which wins over the file), --stack-name, --tags and --no-execute-changeset.

    Exit status 1 says that a check failed or sam did, 2 that something is
    missing or wrong in what was given.

    [bold]Examples[/bold]

    flowlogs deploy

    flowlogs deploy --yes --parameter-overrides LogGroupName=/vpc/flow-logs
    """
    demand_checkout("deploy", "builds the functions")
    console, asks = make_console(), is_interactive() and not yes
    talk = Talk(input, lambda text: tell(console, text)) if asks else None
    with understood():
        given = read_given(context.args)
        known = find_known(given, answers)
    account = Account()
    enter_region(known, talk)
    with explained(), understood():
        identity = account.identify()
        preparation = Preparation(load_template(), known, account)
        _introduce(console, known, identity)
        for told in preparation.adopt(has_file=answers.exists(), moves=asks):
            tell(console, told)
        if _demand_deployable(console, known.answers.stack, preparation.there, talk):
            preparation.there = None
        if talk is not None:
            preparation.ask(talk, again=guided)
        wanted = preparation.want()
        _check(console, wanted, account)
        _show(console, wanted, account)
    if (
        talk is not None
        and preparation.asked
        and not talk.confirm("Build this, and deploy it?", default=True)
    ):
        raise typer.Exit(INCOMPLETE)
    if talk is not None and (preparation.asked or known.source or given.answers.parameters):
        # What was said once is said: with the next deployment it would be gone, and the stack changed back.
        preparation.keep(answers, find_region())
        _tell_kept(console, known, answers)
    raise typer.Exit(_deploy(wanted, given.more, asks=asks))


def tell(console: Console, text: str) -> None:
    """Print lines that may hold what others wrote."""
    for line in text.split("\n"):
        console.print(foreign(line))


@contextmanager
def understood() -> Iterator[None]:
    """Turn what is wrong in what a person gave into a sentence."""
    try:
        yield
    except (AnswersError, OverridesError) as error:
        raise fail(str(error), USAGE) from error
    except MissingError as error:
        for each in error.problems:
            say(each)
        hint = "answers.toml takes it (answers.example.toml explains each), or --parameter-overrides"
        raise fail(hint, USAGE) from error
    except EOFError as error:
        raise fail("nothing was deployed: the answers ended", INCOMPLETE) from error
    except ArtifactError as error:
        raise fail(str(error), USAGE) from error


def enter_region(known: Known, talk: Talk | None) -> None:
    """Choose the Region of the answers; ask for it where nobody has chosen one.

    Raises:
        typer.Exit: the answers are for another Region than the one that is chosen, or there is none.
    """
    chosen, answered = find_region(), known.answers.region
    if chosen and answered and chosen != answered:
        raise fail(
            f"the answers are for {answered}, and {chosen} is chosen: another stack has answers of its own "
            "(--answers), or choose with --region or AWS_REGION what is meant",
            USAGE,
        )
    if not chosen and not answered and talk is not None:
        with understood():
            answered = talk.ask(
                "In which AWS Region are the flow logs?", "", lambda text: "" if text else "such as eu-west-1"
            )
    choose_account(None, chosen or answered or None)


def _introduce(console: Console, known: Known, identity: Identity) -> None:
    tell(console, f"stack    {known.answers.stack}")
    tell(console, f"account  {identity.account}, {find_region()}")
    tell(console, f"as       {identity.arn}\n")


def tell_staying(console: Console, staying: Sequence[Resource]) -> None:
    """Print what stays of a stack that is deleted."""
    if not staying:
        console.print("Nothing of it stays.")
        return
    console.print("What stays, with what is in it, and costs until it is deleted by hand:\n")
    table = plain_table("resource", "type", "name")
    for each in staying:
        table.add_row(*map(foreign, (each.path, each.kind, each.id)))
    console.print(table)


def _demand_deployable(console: Console, stack: str, there: Stack | None, talk: Talk | None) -> bool:
    """Make sure that CloudFormation takes the stack; tell whether it had to be deleted for that."""
    why = stages.explain(stack, there.status) if there else ""
    if not why:
        return False
    if there is not None and stages.must_be_deleted(there.status) and talk is not None:
        talk.tell(why)
        staying = list(find_staying(stack))
        tell_staying(console, staying)
        # What stays has names that the new stack would want: nobody is led there by an empty answer.
        if talk.confirm(f"Delete {stack} now, and go on?", default=not staying):
            if sam.delete(stack, region_option(), asks=False) == 0:
                return True
            raise typer.Exit(INCOMPLETE)
    raise fail(why, INCOMPLETE)


def region_option() -> list[str]:
    """Return the option that tells sam the Region, which its configuration may say otherwise."""
    region = find_region()
    return ["--region", region] if region else []


def _check(console: Console, wanted: Wanted, account: Account) -> None:
    console.print()
    findings = list(examine(wanted, account, try_to_reach))
    print_findings(console, findings)
    if any(each.state is State.PROBLEM for each in findings):
        raise fail("nothing was built or deployed: see above", INCOMPLETE)


def _show(console: Console, wanted: Wanted, account: Account) -> None:
    counted = count_resources(wanted.template, wanted.values)
    if wanted.there is None:
        tell(console, f"\nMade is: {tell_resources(counted)}.\n")
        for line in tell_cost(wanted.values, counted, account):
            tell(console, line)
        if not (wanted.values["AlarmEmail"] or wanted.values["AlarmTopicArn"]):
            console.print("\nAlarms are shown, and sent to nobody: AlarmEmail or AlarmTopicArn says to whom.")
        return
    show_parameters(console, wanted)


def show_parameters(console: Console, wanted: Wanted) -> None:
    """Print which parameters of a stack that is there change, and what to think of before."""
    changes = [] if wanted.there is None else list(find_changes(wanted.there, wanted.values))
    console.print("" if changes else "\nNo parameter changes.")
    for name, before, after, is_default in changes:
        note = "  (the default is another now)" if is_default else ""
        tell(console, f"{name}: {before or 'nothing'} -> {after or 'nothing'}{note}")
    for each in () if wanted.there is None else warn(wanted.there, wanted.values):
        tell(console, f"attention: {each}")


def _tell_kept(console: Console, known: Known, answers: Path) -> None:
    tell(console, f"\nThe answers are kept in {answers.name}.")
    if known.source:
        tell(
            console,
            f"Those in {known.source} are not read any more: put the file back as it came "
            f"(git checkout {known.source}), it is tracked and shows who gets mail.",
        )
    sys.stdout.flush()


def _deploy(wanted: Wanted, more: tuple[str, ...], *, asks: bool) -> int:
    with understood():
        status = sam.build(wanted.values["Architecture"])
        status = status or sam.deploy(wanted.stack, wanted.values, [*region_option(), *more], asks=asks)
    if status:
        say(f"sam ended with {status}. Where the stack was rolled back, its events say why: docs/deploy.md")
        return INCOMPLETE
    print(f"\nNext: .venv/bin/flowlogs doctor --stack {wanted.stack}, then make smoke STACK={wanted.stack}")
    return 0
