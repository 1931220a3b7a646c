"""`flowlogs smoke`: one marked line through a deployed stack, and a line for each step."""

from collections.abc import Iterator
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from flowlogs.cluster.deployment import Deployment, open_cluster
from flowlogs.cluster.finding import Finding, State
from flowlogs.commands.doctor import STYLES, print_json
from flowlogs.proving.journey import Place, travel
from flowlogs.terminal.display import foreign, make_console
from flowlogs.terminal.exits import INCOMPLETE, USAGE, explained, fail
from flowlogs.terminal.options import Json


def smoke_command(
    *,
    stack: Annotated[str, typer.Option(envvar="FLOWLOGS_STACK", help="The CloudFormation stack.")],
    wait: Annotated[
        float,
        typer.Option(min=0, help="The most seconds to wait for the document, and as many for the numbers."),
    ] = 300.0,
    as_json: Json = False,
) -> None:
    """Send a marked line through the stack, and look at each step.

    The line has addresses of documentation and the time now, and goes into a
    log stream of its own in the flow logs' log group. It is waited for in the
    index, held against what was sent, looked for in the metrics; alarms are
    looked at. Then document and log stream are removed. In the functions' log,
    in the metrics and in the log group's own numbers one event stays.

    Needs the rights to write to the log group, and to read and delete in the
    index. The path is the real one, so it takes a minute or three.

    Exit status 1 says that a step failed, or that this is not known.

    [bold]Examples[/bold]

    flowlogs smoke --stack flowlogs-opensearch

    flowlogs smoke --stack flowlogs-opensearch --json | jq '.[].state'
    """
    with explained():
        deployment = Deployment().complete(stack)
        config, client = open_cluster(deployment, stack, exact=True)
    if deployment.log_group is None or deployment.forward is None:
        raise fail(
            f"the stack {stack} has no outputs LogGroup and ForwardFunction: is it one of these?", USAGE
        )
    place = Place(
        stack,
        deployment.log_group,
        deployment.forward,
        config,
        client,
        seconds=wait,
        pause=min(3.0, wait / 10),
    )
    if as_json:
        findings = list(travel(place))
        print_json(findings)
    else:
        findings = list(_show(make_console(), travel(place)))
    if any(each.state in (State.PROBLEM, State.UNKNOWN) for each in findings):
        raise typer.Exit(INCOMPLETE)


def _show(console: Console, findings: Iterator[Finding]) -> Iterator[Finding]:
    """Print each step when it is done."""
    for each in findings:
        shown = Text.assemble((f"{each.state.value:<9}", STYLES[each.state]), f"{each.name}: ")
        console.print(shown.append_text(foreign(each.text)), soft_wrap=True)
        yield each
