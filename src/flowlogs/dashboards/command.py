"""`flowlogs dashboards`: the saved objects as a file, or into OpenSearch Dashboards."""

import os
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from flowlogs.cluster import open_client
from flowlogs.dashboards.saved_objects import PREFIX, saved_objects, to_ndjson
from flowlogs.exits import INCOMPLETE, USAGE, explained, fail

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
) -> None:
    """Export or import the dashboard: index pattern, search and panels.

    It fits OpenSearch Dashboards 1 to 3. Importing again replaces the
    objects of the same ids: make a copy of what you want to change. With
    INDEX_PREFIX the objects are made for, and named after, that prefix.

    [bold]Examples[/bold]

    flowlogs dashboards --export flowlogs.ndjson

    flowlogs dashboards --import
    """
    if (export is None) == (not do_import):
        raise fail("give either --export FILE or --import", USAGE)
    if export is not None:
        _export(export, os.environ.get("INDEX_PREFIX") or PREFIX)
    else:
        _import()


def _export(file: Path, prefix: str) -> None:
    text = to_ndjson(saved_objects()).replace(f"{PREFIX}-", f"{prefix}-")
    if str(file) == "-":
        sys.stdout.write(text)
        return
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise fail(f"the objects cannot be written: {error}", INCOMPLETE) from error
    print(f"{len(text.splitlines())} objects: {file}; {HOW_TO_IMPORT}")


def _import() -> None:
    # With the parts of the setup function, which does the same on deploy.
    from handler.cluster import Cluster
    from handler.dashboards_setup import install_dashboards
    from handler.steps import Did

    with explained():
        config, client = open_client(os.environ)
        step = install_dashboards(Cluster(client), config)
    if step.did is Did.SKIPPED:
        raise fail(step.note, INCOMPLETE)
    print(f"{step}: dashboard 'VPC flow logs ({config.index_prefix}-*)' at {config.url}/_dashboards")
