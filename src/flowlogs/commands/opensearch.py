"""`flowlogs opensearch`: the demo's OpenSearch, for as long as one wants it."""

from flowlogs.local.project_node import serve
from flowlogs.terminal.exits import explained


def opensearch_command() -> None:
    """Keep the OpenSearch of the demo running, with its data, until Ctrl-C.

    It listens on this machine only; which version, where, and where its data
    are is said when it runs.

    [bold]Example[/bold]

    flowlogs opensearch
    """
    with explained():
        serve()
