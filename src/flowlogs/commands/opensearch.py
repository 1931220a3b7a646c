"""`flowlogs opensearch`: the demo's OpenSearch, for as long as one wants it."""

from flowlogs.local.project_node import serve
from flowlogs.terminal.exits import explained


def opensearch_command() -> None:
    """Keep the OpenSearch of the demo running, with its data, until Ctrl-C."""
    with explained():
        serve()
