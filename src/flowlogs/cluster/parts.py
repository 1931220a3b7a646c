"""What of flowlogs-opensearch a cluster cannot take, and whether the dashboards are in it."""

from collections.abc import Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Final

from flowlogs.cluster.finding import Finding, ok, problem, skipped, unknown
from flowlogs.terminal.advice import explain_reply
from flowlogs.terminal.display import count_of
from flowlogs.terminal.exits import describe
from handler.config import Config
from handler.installing.cluster import Cluster
from handler.installing.dashboards import (
    NO_DASHBOARDS,
    ask_for_objects,
    find_differing,
    find_missing,
    read_objects,
)
from handler.installing.engine_kind import ask_kind
from parser.engine import Engine, Part

ENGINE: Final = "the cluster has all that is used"
DASHBOARDS: Final = "the dashboards are there"

_SHOWN_OBJECTS: Final = 3


def examine_engine(config: Config, engines: Sequence[Engine]) -> tuple[Finding, list[Engine]]:
    """Say what the cluster lacks, by the table of engines; return the engines with their kind as well.

    Args:
        config: says where it is.
        engines: that it may have: several where it hides its version.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    first = engines[0]
    if first.has(Part.VERSION):
        try:
            kind = ask_kind(config.url)
        except (BotoCoreError, ClientError) as error:
            why = f"Amazon does not tell whether its engine is the Optimized one: {describe(error)}"
            return unknown(ENGINE, why), list(engines)
        engines = [replace(each, kind=kind) for each in engines]
    return _name_missing(engines), list(engines)


def _name_missing(engines: Sequence[Engine]) -> Finding:
    missing = [each.list_missing() for each in engines]
    if any(each != missing[0] for each in missing):
        return unknown(ENGINE, "its version may not be read, so what it lacks is not known")
    name = " ".join(filter(None, (engines[0].kind.value, engines[0].shown)))
    if not missing[0]:
        return ok(ENGINE, name)
    lacks = "; ".join(f"{part.value}: {text}" for part, text in missing[0].items())
    return skipped(ENGINE, f"{name} is without {lacks}")


def examine_dashboards(cluster: Cluster, config: Config, engine: Engine) -> Finding:
    """Look whether the saved objects are there: a deployment goes on without them."""
    if missing := engine.lacks(Part.DASHBOARDS):
        return skipped(DASHBOARDS, missing)
    wanted = read_objects(config)
    reply = ask_for_objects(cluster, wanted)
    if reply.no_such_api or reply.status == HTTPStatus.NOT_FOUND:
        return skipped(DASHBOARDS, NO_DASHBOARDS)
    redirected = HTTPStatus.MULTIPLE_CHOICES <= reply.status < HTTPStatus.BAD_REQUEST
    if redirected or (reply.done and not isinstance(reply.data, dict)):
        where = f"{config.url}/_dashboards"
        return skipped(DASHBOARDS, f"{where} asks for a sign-in by browser: look there under Dashboards")
    if not reply.done:
        return unknown(DASHBOARDS, explain_reply(reply))
    count = count_of(len(wanted), "saved object")
    if absent := find_missing(wanted, reply.data):
        named = ", ".join(f"{each['type']} {each['id']}" for each in absent[:_SHOWN_OBJECTS])
        more = f" and {len(absent) - _SHOWN_OBJECTS} more" if len(absent) > _SHOWN_OBJECTS else ""
        return problem(
            DASHBOARDS, f"{len(absent)} of {count} are missing ({named}{more}): flowlogs dashboards --import"
        )
    differing = find_differing(wanted, reply.data)
    note = f", {len(differing)} of them otherwise than this version has them" if differing else ""
    return ok(DASHBOARDS, f"{count}{note}")
