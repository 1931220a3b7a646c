"""What helps is said by what was said of the event: its type, its status, and what its reason names."""

import pytest

from flowlogs.bucket.advice import advise, advise_on_object

MAPPER = "mapper_parsing_exception"
ARGUMENT = "illegal_argument_exception"
PIPELINE = "pipeline with id [p] does not exist"
FULL = "Number of documents in the index can't exceed [2147483519]"
FIELDS = "Limit of total fields [1000] has been exceeded"
TERM = 'Document contains at least one immense term in field="x"'
SHARDS = "this action would add [2] total shards, but this cluster currently has [1000]/[1000] maximum"
ALIAS = "no write index is defined for alias [cwl-2026.01.15]"


@pytest.mark.parametrize(
    ("status", "error_type", "reason", "words"),
    [
        (0, "expired", "older than the 30 days", "a larger RETENTION_DAYS"),
        (0, "unusable_event", "its id is empty", "its id or its time cannot be one"),
        (413, "http_413", "", "larger than OpenSearch takes in a request"),
        (413, MAPPER, "", "larger than OpenSearch takes in a request"),
        (400, MAPPER, "failed to parse field [x]", "The index maps a field otherwise"),
        (400, MAPPER, TERM, "A value is longer than a term may be"),
        (400, "document_parsing_exception", "", "The index maps a field otherwise"),
        (400, "strict_dynamic_mapping_exception", "", "takes no field that its mapping lacks"),
        (400, ARGUMENT, PIPELINE, "Restore the pipeline"),
        (400, ARGUMENT, FULL, "More primary shards (IndexShards, on deploy)"),
        (400, ARGUMENT, FIELDS, "Raise index.mapping.total_fields.limit"),
        (400, ARGUMENT, TERM, "ignore_above"),
        (400, ARGUMENT, SHARDS, "cluster.max_shards_per_node"),
        (400, "validation_exception", SHARDS, "cluster.max_shards_per_node"),
        (400, ARGUMENT, ALIAS, "an alias without a write index"),
        (400, ARGUMENT, "something else", "breaks a limit or a rule of the index"),
        (400, "index_closed_exception", "closed", "Open or restore it"),
        (404, "index_not_found_exception", "no such index", "Open or restore it"),
        (403, "cluster_block_exception", "blocked", "Remove what blocks"),
        (403, "security_exception", "no permissions", "Correct role or policy"),
        (400, "ingest_processor_exception", "x", "An ingest pipeline of the index refuses"),
        (400, "a_new_exception", "x", "Correct what the reason names"),
    ],
)
def test_what_helps_is_said_by_what_was_said(status: int, error_type: str, reason: str, words: str) -> None:
    advice = advise(status, error_type, reason, " --stack s")
    assert words in advice
    assert "{" not in advice
    hopeless = error_type in {"expired", "unusable_event"} or status == 413
    assert advice.endswith("then: flowlogs replay --rejected --stack s") is not hopeless


def test_an_object_is_sent_again_only_where_it_can_be_read() -> None:
    assert advise_on_object(0, " --stack s").endswith("Send it: flowlogs replay --rejected --stack s")
    assert "Nothing here reads it" in advise_on_object(None)
