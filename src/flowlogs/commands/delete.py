"""`flowlogs delete`: says what stays, and deletes the rest of the stack."""

from typing import Annotated, Final

import typer

from flowlogs.commands.deploy import AnswersFile, enter_region, region_option, tell, tell_staying, understood
from flowlogs.deploying import sam
from flowlogs.deploying.account import Account
from flowlogs.deploying.answers import ANSWERS
from flowlogs.deploying.preparing import find_known, read_given
from flowlogs.deploying.staying import find_staying
from flowlogs.deploying.talk import Talk
from flowlogs.terminal.display import make_console
from flowlogs.terminal.exits import INCOMPLETE, USAGE, demand_checkout, explained, fail
from flowlogs.terminal.options import find_region
from flowlogs.terminal.progress import is_interactive

_AS_SAM: Final = "--no-prompts"


def delete_command(
    context: typer.Context,
    *,
    answers: AnswersFile = ANSWERS,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing, and delete.")] = False,
) -> None:
    """Delete the stack, after saying what stays: what holds data.

    What stays costs until somebody deletes it; docs/deploy.md says how, and
    how another stack takes it over. Further options go to sam delete.

    [bold]Examples[/bold]

    flowlogs delete

    flowlogs delete --yes --stack-name flowlogs-test
    """
    demand_checkout("delete", "reads the answers that the stack was deployed with")
    with understood():
        given = read_given([each for each in context.args if each != _AS_SAM])
        known = find_known(given, answers)
    enter_region(known, None)
    stack, console = known.answers.stack, make_console()
    with explained(), understood():
        identity = Account().identify()
        there = Account().find_stack(stack)
        if there is None:
            raise fail(
                f"there is no stack {stack} in account {identity.account}, {find_region()}", INCOMPLETE
            )
        tell(console, f"{stack} in account {identity.account}, {find_region()}: {there.status}\n")
        tell_staying(console, list(find_staying(stack)))
        if not (yes or _AS_SAM in context.args):
            if not is_interactive():
                raise fail("nobody is there to ask: --yes deletes it", USAGE)
            talk = Talk(input, lambda text: tell(console, text))
            if not talk.confirm(f"Delete {stack}?", default=False):
                raise fail("nothing was deleted", INCOMPLETE)
        if sam.delete(stack, [*region_option(), *given.more], asks=False):
            raise fail("sam could not delete it: see above, and docs/deploy.md", INCOMPLETE)
