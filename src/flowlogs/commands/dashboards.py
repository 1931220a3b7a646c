"""`flowlogs dashboards`: the saved objects as a file, or into OpenSearch Dashboards."""

import os
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from flowlogs.cluster.deployment import Deployment, open_cluster
from flowlogs.dashboards.saved_objects import PREFIX, saved_objects, to_ndjson
from flowlogs.terminal.exits import INCOMPLETE, USAGE, describe_file, explained, fail
from flowlogs.terminal.foreign import dump_json, harmless
from flowlogs.terminal.options import Json, Stack
from handler.config import Config

HOW_TO_IMPORT: Final = "Dashboards imports it under Stack Management, Saved objects, Import"


def dashboards_command(
    *,
    export: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the saved objects to a file; - is standard output."),
    ] = None,
    do_import: Annotated[
        bool, typer.Option("--import", help="Put them into the OpenSearch Dashboards of the cluster.")
    ] = False,
    stack: Stack = None,
    as_json: Json = False,
) -> None:
    """Export or import the dashboard: index pattern, search and panels.

    It fits OpenSearch Dashboards 1 to 3. Importing again replaces the
    objects of the same ids: make a copy of what you want to change. With
    INDEX_PREFIX the objects are made for, and named after, that prefix.

    [bold]Examples[/bold]

    flowlogs dashboards --export flowlogs.ndjson

    flowlogs dashboards --import --stack flowlogs-opensearch

    flowlogs dashboards --import --json | jq -r .did
    """
    if (export is None) == (not do_import):
        raise fail("give either --export FILE or --import", USAGE)
    if export is not None:
        if as_json:
            raise fail("--json goes with --import: what --export writes is JSON already", USAGE)
        with explained():
            config = _read_config()
        _export(export, config)
    else:
        _import(stack, as_json=as_json)


def _read_config() -> Config:
    """Return what is told of the indices, checked as the functions check it. No cluster is asked."""
    given = {name: os.environ.get(name, "") for name in ("INDEX_PREFIX", "KEEP_MESSAGE")}
    local = {"OPENSEARCH_URL": "http://127.0.0.1", "OPENSEARCH_AUTH": "none"}
    return Config.from_environ(local | given)


def _export(file: Path, config: Config) -> None:
    text = to_ndjson(saved_objects(search_message=config.search_message))
    text = text.replace(f"{PREFIX}-", f"{config.index_prefix}-")
    if str(file) == "-":
        sys.stdout.write(text)
        return
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise fail(f"the objects cannot be written: {describe_file(error)}", INCOMPLETE) from error
    print(f"{len(text.splitlines())} objects: {harmless(str(file))}; {HOW_TO_IMPORT}")


def _import(stack: str | None, *, as_json: bool) -> None:
    # With the parts of the setup function, which does the same on deploy.
    from handler.installing.cluster import Cluster
    from handler.installing.dashboards import install_dashboards
    from handler.installing.steps import Did

    with explained():
        config, client = open_cluster(Deployment().complete(stack), stack)
        step = install_dashboards(Cluster(client), config)
    title, url = f"VPC flow logs ({config.index_prefix}-*)", f"{config.url}/_dashboards"
    if as_json:
        told = {"did": step.did.value, "note": step.note, "dashboard": title, "url": url}
        print(dump_json(told))
    if step.did is Did.SKIPPED:
        raise fail(step.note, INCOMPLETE)
    if not as_json:
        print(harmless(f"{step}: dashboard '{title}' at {url}"))
