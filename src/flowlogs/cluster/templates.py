"""Whether indices to come will be made as they should be: the index template, and what may come before it."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from fnmatch import fnmatchcase
from http import HTTPStatus
from typing import Any, Final

from flowlogs.cluster.finding import Finding, State, ok, problem, skipped, unknown
from flowlogs.cluster.pipelines import join, read_pipelines, try_pipelines
from handler.config import Config
from handler.installing.cluster import Cluster
from handler.installing.index import make_template
from handler.installing.steps import same
from parser.engine import Engine
from parser.index_names import name_day

TEMPLATE: Final = "the index template is ours and current"
WINS: Final = "new indices follow it"

_SHOWN_FIELDS: Final = 5
_BLOCKS: Final = ("metadata", "read", "read_only", "read_only_allow_delete", "write")
"""Of `index.blocks`."""


def make_wanted(config: Config, engines: Sequence[Engine]) -> list[dict[str, Any]]:
    """Return the template as it should be, for each version that the cluster may have."""
    return [make_template(config, engine) for engine in engines]


def examine_template(cluster: Cluster, config: Config, wanted: Sequence[Mapping[str, Any]]) -> Finding:
    """Look whether the template is there, ours, and that of this version."""
    reply = cluster.request("GET", f"/_index_template/{config.index_prefix}")
    if reply.status == HTTPStatus.NOT_FOUND:
        return problem(
            TEMPLATE, f"there is no index template {config.index_prefix}: run the setup (update the stack)"
        )
    if not reply.done:
        return unknown(TEMPLATE, f"it may not be read: {reply.reason}")
    stored = reply.data["index_templates"][0]["index_template"]
    if any(same(each, stored) and same(stored["template"], each["template"]) for each in wanted):
        return ok(TEMPLATE, config.index_prefix)
    if stored.get("_meta") != wanted[0]["_meta"]:
        return problem(
            TEMPLATE,
            f"the index template {config.index_prefix} is somebody else's: rename it, or run the setup",
        )
    fields = name_differing(stored["template"].get("mappings", {}), wanted)
    differing = f": {fields}" if fields else " in its settings"
    return problem(
        TEMPLATE, f"it differs from that of this version{differing}. Run the setup (update the stack)"
    )


def examine_next(
    cluster: Cluster, config: Config, wanted: Sequence[Mapping[str, Any]], today: date, template: Finding
) -> Finding:
    """Ask how tomorrow's index would be made: another template may have a higher priority."""
    index = name_day(config.index_prefix, today + timedelta(days=1))
    reply = cluster.request("POST", f"/_index_template/_simulate_index/{index}")
    if not reply.done:
        return unknown(WINS, f"the cluster does not tell: {reply.reason}")
    made = reply.data.get("template", {})
    settings = made.get("settings", {}).get("index", {})
    louder = _find_louder(cluster, config, index)
    blame = f"another template has a higher priority ({', '.join(louder)}): " if louder else ""
    if hindered := _find_hindrance(index, settings, louder or {}):
        return problem(WINS, f"{blame}{hindered}")
    tried = try_pipelines(WINS, cluster, index, read_pipelines(settings))
    if tried.state is not State.OK:
        return Finding(WINS, tried.state, f"{blame}{tried.text}")
    if template.state is not State.OK:
        return _pass_on(template)
    if not is_mapped(made.get("mappings", {}), wanted):
        blame = blame or "another template has a higher priority, and its name may not be read: "
        return problem(WINS, f"{blame}lower it, or narrow its pattern")
    alone = louder is not None and not louder
    return ok(
        WINS, join("no other template comes first" if alone else f"{blame}its fields are ours", tried.text)
    )


def _pass_on(template: Finding) -> Finding:
    """Return what is said of the next index where the template itself is not known to be right."""
    if template.state is State.PROBLEM:
        return skipped(WINS, "the template itself is not as it should be: see above")
    return unknown(WINS, "whether the template itself is right is not known: see above")


def _find_hindrance(index: str, settings: Mapping[str, Any], louder: Mapping[str, Mapping[str, Any]]) -> str:
    """Return what of a simulated index would keep flow logs out, and what to do; empty where nothing does."""
    blocks = settings.get("blocks", {})
    if set_ := [f"index.blocks.{name}" for name in _BLOCKS if str(blocks.get(name)).lower() == "true"]:
        return f"{index} would be made with {', '.join(set_)}: take it out of the template"
    if streams := [name for name, each in louder.items() if "data_stream" in each]:
        return f"{streams[0]} would make {index} a data stream: narrow its pattern"
    return ""


def _find_louder(cluster: Cluster, config: Config, index: str) -> dict[str, Mapping[str, Any]] | None:
    """Return the templates that come before ours for a new index; None where they may not be read."""
    reply = cluster.request("GET", "/_index_template")
    if not reply.done:
        return None
    found = {each["name"]: each["index_template"] for each in reply.data["index_templates"]}
    ours = found.get(config.index_prefix, {}).get("priority", 0)
    return {
        name: each
        for name, each in found.items()
        if name != config.index_prefix
        and each.get("priority", 0) > ours
        and any(fnmatchcase(index, form) for form in each["index_patterns"])
    }


def is_mapped(stored: Mapping[str, Any], wanted: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether a mapping has all that is wanted."""
    return any(same(each["template"]["mappings"], stored) for each in wanted)


def name_differing(stored: Mapping[str, Any], wanted: Sequence[Mapping[str, Any]]) -> str:
    """Name the fields that are not as they should be, by the version that is nearest."""
    found = stored.get("properties", {})
    names = min(
        (
            [
                name
                for name, value in each["template"]["mappings"]["properties"].items()
                if not same(value, found.get(name))
            ]
            for each in wanted
        ),
        key=len,
    )
    more = f" and {len(names) - _SHOWN_FIELDS} more" if len(names) > _SHOWN_FIELDS else ""
    return ", ".join(names[:_SHOWN_FIELDS]) + more
