"""The setup function makes an empty cluster ready, and changes nothing in a ready one.

OpenSearch is real; Index State Management, Dashboards and CloudFormation are stand-ins (support/front.py).
"""

import json
from collections.abc import Callable

import pytest

from flowlogs.local.embedded import Embedded
from handler.installing import dashboards as dashboards_setup
from parser.format import DEFAULT, Formats
from parser.index_template import index_template
from support.cloudformation import CloudFormation
from support.front import Dashboards, Front, StateManagement

OBJECTS = len(dashboards_setup.FILE.read_text().splitlines())
NO_SECURITY = "skipped: the cluster has no fine-grained access control, so who reaches it may do everything"
NO_ISM = "skipped: the cluster has no Index State Management, so nothing deletes old indices"
NO_READERS = "skipped: no ReaderRoleArns are given; people need a role of the cluster to see the documents"
READY = {
    "EngineVersion": "3.8.0",
    "Changed": "true",
    "IndexTemplate": "created",
    "RetentionPolicy": "created",
    "WriterRole": NO_SECURITY,
    "WriterMapping": NO_SECURITY,
    "ReaderRole": NO_READERS,
    "ReaderMapping": NO_READERS,
    "Dashboards": f"created: {OBJECTS} objects",
    "LogFormats": Formats.from_text(DEFAULT).to_names(),
    "Warnings": "none",
}
STILL_READY = READY | {
    "Changed": "false",
    "IndexTemplate": "unchanged",
    "RetentionPolicy": "unchanged",
    "Dashboards": "unchanged",
}


def test_an_empty_cluster_becomes_ready(
    front: Front, opensearch: Embedded, ism: StateManagement, dashboards: Dashboards, stack: CloudFormation
) -> None:
    answer = stack.send("Create")

    assert answer == {
        "Status": "SUCCESS",
        "Reason": "changed: IndexTemplate, RetentionPolicy, Dashboards",
        "StackId": "arn:aws:cloudformation:eu-central-1:123456789012:stack/flowlogs/0a1b2c3d",
        "RequestId": "9f8e7d6c",
        "LogicalResourceId": "Setup",
        "PhysicalResourceId": "flowlogs-setup",
        "NoEcho": False,
        "Data": READY,
    }
    assert front.writes == [
        "PUT /_index_template/cwl",
        "PUT /_plugins/_ism/policies/cwl-retention",
        "POST /_dashboards/api/saved_objects/_import",
    ]
    stored = opensearch.request("GET", "/_index_template/cwl")[1]["index_templates"][0]["index_template"]
    wanted = index_template("cwl", Formats.from_text(DEFAULT))
    assert stored["template"]["mappings"] == wanted["template"]["mappings"]
    assert ism.policies["cwl-retention"]["policy"]["states"][0] == {
        "name": "keep",
        "actions": [],
        "transitions": [{"state_name": "delete", "conditions": {"min_index_age": "31d"}}],
    }
    pattern = dashboards.objects["index-pattern", "cwl-flow-logs"]["attributes"]
    assert (pattern["title"], pattern["timeFieldName"]) == ("cwl-20*", "@timestamp")
    assert len(dashboards.objects) == OBJECTS


@pytest.mark.usefixtures("any_opensearch")
def test_a_second_run_changes_nothing_and_says_so(
    any_opensearch: Embedded, dashboards: Dashboards, use: Callable[..., None], stack: CloudFormation
) -> None:
    with Front(any_opensearch, StateManagement(any_opensearch), dashboards) as front:
        use(front.url)
        stack.send("Create")
        front.calls.clear()
        answer = stack.send("Update")

    assert front.writes == []
    assert answer["Reason"] == "everything was there; nothing was changed"
    assert answer["Data"] == STILL_READY | {"EngineVersion": any_opensearch.release.version}
    assert answer["PhysicalResourceId"] == "flowlogs-setup"


def test_a_cluster_without_plugins_gets_what_it_can_take(
    opensearch: Embedded, use: Callable[..., None], stack: CloudFormation
) -> None:
    use(opensearch.url)

    assert stack.send("Create")["Data"] == READY | {
        "RetentionPolicy": NO_ISM,
        "Dashboards": "skipped: the cluster has no OpenSearch Dashboards at /_dashboards",
    }


@pytest.mark.usefixtures("front")
def test_a_changed_template_is_renewed(stack: CloudFormation, opensearch: Embedded) -> None:
    stack.send("Create", IndexReplicas="2")
    answer = stack.send("Update", LogFormats="version new-field", IndexShards="3")

    assert answer["Reason"] == "changed: IndexTemplate"
    assert answer["Data"]["IndexTemplate"] == "updated"
    stored = opensearch.request("GET", "/_index_template/cwl")[1]["index_templates"][0]["index_template"]
    assert "new_field" in stored["template"]["mappings"]["properties"]
    assert stored["template"]["settings"]["index"] == {
        "number_of_shards": "3",
        "auto_expand_replicas": "0-1",
        "codec": "best_compression",
        "refresh_interval": "30s",
    }


def test_the_retention_policy_reaches_indices_that_exist(
    front: Front, opensearch: Embedded, ism: StateManagement, stack: CloudFormation
) -> None:
    for index in ("cwl-2026.01.01", "cwl-2026.01.02", "cwl-2026.01.03"):
        opensearch.request("PUT", f"/{index}")
    ism.policies["theirs"] = {"_seq_no": 1}
    ism.indices["cwl-2026.01.03"] = ("theirs", 1)
    created = stack.send("Create")
    ism.begin()
    front.calls.clear()
    renewed = stack.send("Update", RetentionDays="90")

    left = "1 indices left to another policy"
    assert created["Data"]["RetentionPolicy"] == f"created: attached to 2 indices, {left}"
    assert renewed["Data"]["RetentionPolicy"] == f"updated: renewed for 2 indices, {left}"
    assert front.writes == [
        "PUT /_plugins/_ism/policies/cwl-retention",
        "POST /_plugins/_ism/change_policy/cwl-2026.01.01,cwl-2026.01.02",
    ]
    ism.begin()
    assert stack.send("Update", RetentionDays="90")["Data"]["RetentionPolicy"] == f"unchanged: {left}"


@pytest.mark.usefixtures("front")
def test_keeping_for_ever_needs_no_policy_and_takes_the_deletion_out_of_one(
    ism: StateManagement, stack: CloudFormation
) -> None:
    first = stack.send("Create", RetentionDays="0")
    policies = dict(ism.policies)
    stack.send("Update", RetentionDays="30")
    last = stack.send("Update", RetentionDays="0")

    assert (first["Data"]["RetentionPolicy"], policies) == ("skipped: indices are kept for ever", {})
    assert last["Data"]["RetentionPolicy"] == "updated"
    assert ism.policies["cwl-retention"]["policy"]["states"][0]["transitions"] == []


@pytest.mark.usefixtures("front")
def test_another_prefix_has_objects_of_its_own(dashboards: Dashboards, stack: CloudFormation) -> None:
    stack.send("Create", IndexPrefix="flows")

    assert dashboards.objects["index-pattern", "flows-flow-logs"]["attributes"]["title"] == "flows-20*"
    assert "cwl-" not in json.dumps(list(dashboards.objects.values()))


def test_a_template_of_the_same_priority_is_named(
    opensearch: Embedded, use: Callable[..., None], stack: CloudFormation
) -> None:
    use(opensearch.url)
    opensearch.request("PUT", "/_index_template/other", {"index_patterns": ["cwl-*"], "priority": 200})
    answer = stack.send("Create")

    assert answer["Status"] == "FAILED"
    assert answer["Reason"].startswith(
        "the index template cwl cannot be installed: 400 index template [cwl] has index patterns "
        "[cwl-19*, cwl-20*, cwl-21*] matching patterns from existing templates [other]"
    )


def test_another_way_to_keep_messages_is_that_of_the_next_day(
    front: Front, dashboards: Dashboards, opensearch: Embedded, stack: CloudFormation
) -> None:
    def is_searched() -> list[bool]:
        made = opensearch.request("POST", "/_index_template/_simulate_index/cwl-2026.01.02")[1]
        message = made["template"]["mappings"]["properties"]["@message"]
        pattern = json.loads(dashboards.objects["index-pattern", "cwl-flow-logs"]["attributes"]["fields"])
        (field,) = (each for each in pattern if each["name"] == "@message")
        return [message.get("index", True), field["searchable"]]

    before = stack.send("Create", KeepMessage="always")
    assert is_searched() == [True, True]
    front.calls.clear()
    changed = stack.send("Update", KeepMessage="stored")
    assert is_searched() == [False, False]
    again = stack.send("Update", KeepMessage="stored")

    assert {each["Status"] for each in (before, changed, again)} == {"SUCCESS"}
    assert front.writes == ["PUT /_index_template/cwl", "POST /_dashboards/api/saved_objects/_import"]
    assert changed["Reason"] == "changed: IndexTemplate, Dashboards"
    assert again["Reason"] == "everything was there; nothing was changed"


def test_stacks_whose_prefixes_begin_alike_live_side_by_side(
    front: Front, opensearch: Embedded, ism: StateManagement, stack: CloudFormation
) -> None:
    """Templates of one priority may not overlap; and nobody deletes what another stack keeps."""
    for index in ("cwl-2026.01.01", "cwl-dev-2026.01.01"):
        opensearch.request("PUT", f"/{index}")
    first = stack.send("Create", IndexPrefix="cwl")
    second = stack.send("Create", IndexPrefix="cwl-dev", LogFormats="version new-field")
    again = stack.send("Update", IndexPrefix="cwl")

    assert {each["Status"] for each in (first, second)} == {"SUCCESS"}
    assert again["Reason"] == "everything was there; nothing was changed"
    assert first["Data"]["RetentionPolicy"] == "created: attached to 1 indices"
    assert {name: policy for name, (policy, _) in ism.indices.items()} == {
        "cwl-2026.01.01": "cwl-retention",
        "cwl-dev-2026.01.01": "cwl-dev-retention",
    }
    front.calls.clear()
    for index, named in (("cwl-2026.01.02", False), ("cwl-dev-2026.01.02", True)):
        assert opensearch.request("PUT", f"/{index}")[0] == 200
        mapping = opensearch.request("GET", f"/{index}/_mapping")[1][index]["mappings"]
        assert ("new_field" in mapping["properties"]) is named


def test_what_an_earlier_version_installed_for_all_that_begins_alike_is_narrowed(
    front: Front, opensearch: Embedded, ism: StateManagement, stack: CloudFormation
) -> None:
    stack.send("Create")
    before = index_template("cwl", Formats.from_text(DEFAULT)) | {"index_patterns": ["cwl-*"]}
    assert opensearch.request("PUT", "/_index_template/cwl", before)[0] == 200
    ism.policies["cwl-retention"]["policy"]["ism_template"][0]["index_patterns"] = ["cwl-*"]
    blocked = stack.send("Create", IndexPrefix="cwl-dev")
    front.calls.clear()
    renewed = stack.send("Update")

    assert (blocked["Status"], "(cwl => [cwl-*])" in blocked["Reason"]) == ("FAILED", True)
    assert renewed["Reason"] == "changed: IndexTemplate, RetentionPolicy"
    assert front.writes == ["PUT /_index_template/cwl", "PUT /_plugins/_ism/policies/cwl-retention"]
    assert stack.send("Create", IndexPrefix="cwl-dev")["Status"] == "SUCCESS"


def test_compatibility_mode_is_taken_for_the_oldest_version(
    front: Front, opensearch: Embedded, stack: CloudFormation
) -> None:
    hidden = {"version": {"number": "7.10.2"}}
    front.plugins.insert(0, lambda call: (200, hidden) if call.path == "/" else None)

    assert stack.send("Create")["Data"]["EngineVersion"] == "7.10.2"
    stored = opensearch.request("GET", "/_index_template/cwl")[1]["index_templates"][0]["index_template"]
    assert stored["template"]["mappings"]["properties"]["@message"]["type"] == "text"


def choose_collection(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
    collection = {"OPENSEARCH_SERVICE": "aoss", "OPENSEARCH_AUTH": "iam", "AWS_REGION": "eu-central-1"}
    for name, value in (keys | collection).items():
        monkeypatch.setenv(name, value)


def test_a_collection_gets_mappings_and_dashboards(
    front: Front, opensearch: Embedded, stack: CloudFormation, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose_collection(monkeypatch)
    answer = stack.send("Create", WriterRoleArns=[])

    other = "skipped: a collection has data access policies instead"
    assert answer["Data"] == READY | {
        "EngineVersion": "serverless",
        "RetentionPolicy": "skipped: a collection has data lifecycle policies instead",
        **dict.fromkeys(("WriterRole", "WriterMapping", "ReaderRole", "ReaderMapping"), other),
    }
    assert {each.path.split("/")[1] for each in front.calls} == {"_index_template", "_dashboards"}
    stored = opensearch.request("GET", "/_index_template/cwl")[1]["index_templates"][0]["index_template"]
    assert "settings" not in stored["template"]


def test_a_collection_whose_dashboards_are_not_for_the_setup_goes_without(
    front: Front, stack: CloudFormation, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose_collection(monkeypatch)
    front.plugins.insert(0, lambda call: (403, {}) if call.path.startswith("/_dashboards") else None)
    answer = stack.send("Create", WriterRoleArns=[])

    assert answer["Status"] == "SUCCESS"
    assert answer["Data"]["Dashboards"].startswith("failed: the dashboards cannot be imported: 403 {}")
    assert answer["Data"]["Warnings"].startswith("the dashboards are not imported (the dashboards cannot")


def test_every_request_is_signed(
    front: Front, stack: CloudFormation, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
    for name, value in {**keys, "AWS_REGION": "eu-central-1", "OPENSEARCH_AUTH": "iam"}.items():
        monkeypatch.setenv(name, value)

    assert stack.send("Create")["Status"] == "SUCCESS"
    assert all("/eu-central-1/es/aws4_request" in each.headers["authorization"] for each in front.calls)
