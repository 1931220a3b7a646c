"""The index template, from the field table.

Right types from the first document of a day: without a template that document decides, and one
NODATA record (`-` in its counters) makes numbers into text until midnight. New fields never break
a day: they are stored, not indexed (`dynamic: false`).
"""

from typing import Any, Final

from parser.document import PARSE_ERROR, UNPARSED
from parser.engine import NEWEST, Engine, Part
from parser.fields import FIELDS, Field, Kind
from parser.format import Formats
from parser.index_names import index_patterns

Mapping = dict[str, Any]

PRIORITY: Final = 200
"""Above the 100 that other templates commonly have: the highest wins whole, nothing is merged."""

LONGEST_KEYWORD: Final = 2048
"""Characters. A longer value is stored but not indexed; Lucene would refuse the whole document for
a term of more than 32,766 bytes."""

_KEYWORD: Final[Mapping] = {"type": "keyword", "ignore_above": LONGEST_KEYWORD}


def index_template(
    prefix: str,
    formats: Formats,
    *,
    engine: Engine = NEWEST,
    search_message: bool = False,
    shards: int = 1,
    replicas: int | None = None,
) -> Mapping:
    """Return the body of `PUT /_index_template/<prefix>`.

    Args:
        prefix: the first part of the index names.
        formats: the active formats; a field of theirs that the field table lacks becomes a keyword.
        engine: what the cluster is; what it lacks is left out.
        search_message: whether `@message` is indexed, as text. Else it is kept and shown only: the words of a
            parsed line are in its fields, and those of others in `@unparsed`.
        shards: primary shards of each index.
        replicas: copies of each shard; None for one where there is a second node.
    """
    settings = {"settings": {"index": _settings(shards, replicas)}} if engine.has(Part.SETTINGS) else {}
    return {
        "index_patterns": index_patterns(prefix),
        "priority": PRIORITY,
        "template": {
            **settings,
            "mappings": {
                "dynamic": False,
                "properties": _properties(formats, engine, search_message=search_message),
            },
        },
        "_meta": {"description": "VPC flow logs, made by flowlogs-opensearch from its field table"},
    }


def _settings(shards: int, replicas: int | None) -> Mapping:
    copies = {"auto_expand_replicas": "0-1"} if replicas is None else {"number_of_replicas": replicas}
    return {
        "number_of_shards": shards,
        **copies,
        "codec": "best_compression",
        "refresh_interval": "30s",
    }


def _properties(formats: Formats, engine: Engine, *, search_message: bool) -> Mapping:
    text = _full_text(engine)
    unknown = {
        field.document_name: field
        for each in formats.by_length.values()
        for field in each.fields
        if not field.version
    }
    return {
        "@timestamp": {"type": "date"},
        # Of the same type in any case, so that for Dashboards the days of both kinds have one field.
        "@message": text if search_message else {**text, "index": False},
        "@owner": _KEYWORD,
        "@log_group": _KEYWORD,
        "@log_stream": _KEYWORD,
        PARSE_ERROR: _KEYWORD,
        UNPARSED: text,
        **{field.document_name: _field_mapping(field) for field in FIELDS},
        **{name: _field_mapping(field) for name, field in sorted(unknown.items())},
    }


def _field_mapping(field: Field) -> Mapping:
    if field.kind is Kind.SECONDS:
        return {"type": field.opensearch, "format": "epoch_second"}
    return _KEYWORD if field.opensearch == "keyword" else {"type": field.opensearch}


def _full_text(engine: Engine) -> Mapping:
    if engine.has(Part.MATCH_ONLY_TEXT):
        return {"type": "match_only_text"}
    return {"type": "text", "norms": False, "index_options": "docs"}
