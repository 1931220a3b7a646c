"""`flowlogs doctor`: is everything in place? One line for each thing, ok or what to do."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from flowlogs.cluster.account import examine_account
from flowlogs.cluster.deployment import Deployment, open_cluster
from flowlogs.cluster.finding import Finding, State, problem, unknown
from flowlogs.cluster.former_stream import examine_former
from flowlogs.cluster.health import INSIDE, REACH, SIGN, examine
from flowlogs.cluster.people import People, Unread, find_people
from flowlogs.terminal.display import count_of, foreign, make_console
from flowlogs.terminal.exits import INCOMPLETE, describe, explained
from flowlogs.terminal.foreign import dump_json
from flowlogs.terminal.options import Bucket, Json, Stack
from handler.config import ConfigError

STYLES: Final = {
    State.OK: "green",
    State.PROBLEM: "bold red",
    State.UNKNOWN: "bold yellow",
    State.SKIPPED: "yellow",
}


def doctor_command(
    *,
    stack: Stack = None,
    log_group: Annotated[str | None, typer.Option(help="The log group of the flow logs.")] = None,
    forward: Annotated[str | None, typer.Option(help="The forward function.")] = None,
    bucket: Bucket = None,
    as_json: Json = False,
) -> None:
    """Look whether everything is in place; say of each thing what to do.

    Nothing is changed anywhere. What is asked is asked with your own
    credentials: the functions may do less, or more. What is named and cannot
    be found or reached is a problem. What cannot be asked is unknown: you are
    not permitted to, there are no AWS credentials, the cluster does not
    answer. What is not named, or does not exist yet, is skipped.

    Exit status 1 says that there is a problem, or that something is unknown.

    [bold]Examples[/bold]

    flowlogs doctor --stack flowlogs-opensearch

    flowlogs doctor --log-group /vpc/flow-logs --forward flowlogs-forward

    flowlogs doctor --json | jq '.[] | select(.state == "problem")'
    """
    given = Deployment(log_group=log_group, forward=forward, bucket=bucket)
    with explained():
        deployment = given.complete(stack)
        people = find_people(stack)
        account = examine_account(deployment, given.repeat(stack), people)
        former = examine_former(stack, deployment.stream) if stack else iter(())
        findings = [*_examine_cluster(deployment, stack, people), *account, *former]
    if as_json:
        print_json(findings)
    else:
        print_findings(make_console(), findings)
    if any(each.state in (State.PROBLEM, State.UNKNOWN) for each in findings):
        raise typer.Exit(INCOMPLETE)


def _examine_cluster(deployment: Deployment, stack: str | None, people: People | Unread) -> Iterator[Finding]:
    from botocore.exceptions import BotoCoreError

    try:
        config, client = open_cluster(deployment, stack, any_server=True)
    except (ConfigError, BotoCoreError) as error:  # the last: no valid credentials
        yield problem(REACH, describe(error))
        yield from (unknown(name, "the cluster cannot be asked") for name in (SIGN, *INSIDE))
        return
    yield from examine(config, client, datetime.now(UTC).date(), people)


def print_json(findings: list[Finding]) -> None:
    """Print findings for machines."""
    print(dump_json([{"name": each.name, "state": each.state.value, "text": each.text} for each in findings]))


def print_findings(console: Console, findings: list[Finding]) -> None:
    """Show each finding, and count them."""
    for each in findings:
        console.print(Text.assemble((f"{each.state.value:<9}", STYLES[each.state]), each.name))
        text = foreign(each.text, style="dim" if each.state is State.OK else "")
        console.print(Padding(text, (0, 0, 0, 9), expand=False))
    numbers = Counter(each.state for each in findings)
    console.print(
        f"\n{len(findings)} looked at, {count_of(numbers[State.PROBLEM], 'problem')}, "
        f"{numbers[State.UNKNOWN]} unknown, {numbers[State.SKIPPED]} skipped"
    )
